//! Development tasks of this repository: `cargo xtask <command>`. One file a command.

mod bench;
mod demo;
mod guests;
mod paths;
mod run;
#[path = "../bench/src/section.rs"]
mod section;
mod soak;
mod test;
mod wallet;

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Development tasks of Chancery")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the plugins in plugins/ into target/plugins/, setting up a WASM toolchain if needed
    Plugins,
    /// Set everything up, issue a credential to a wallet over HTTP, show it, and go on serving
    Demo {
        /// End after the credential was shown
        #[arg(long)]
        exit: bool,
    },
    /// Set everything up and run every check there is
    Test,
    /// Measure every part of an issuance, the whole, and a peer, with optimized builds
    Bench(bench::Options),
    /// Kill the host under load, again and again, and check that nothing acknowledged is lost
    Soak(soak::Options),
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Plugins => guests::run()?,
        Command::Demo { exit } => demo::run(*exit)?,
        Command::Test => test::run_everything()?,
        Command::Bench(options) => bench::build_and_run(options)?,
        Command::Soak(options) => soak::build_and_run(options)?,
    }
    Ok(())
}
