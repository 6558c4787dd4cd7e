//! Arguments → configuration → telemetry → the subcommand. Exit codes: 0 done, 1 failed, 2 wrong configuration
//! or arguments.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chancery::cli::run()
}
