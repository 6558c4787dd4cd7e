//! `cargo xtask bench`: builds everything as it is shipped, and measures it. What is measured, and how, is the crate
//! `chancery-bench`: it draws the sandbox in, which the other tasks do without.

use std::{env, path::PathBuf, process::Command};

use clap::Args;

use crate::{
    guests, paths,
    run::{RunError, cargo, ensure_system, run},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Seconds instead of minutes: shows that everything runs, its figures are rough
    #[arg(long)]
    quick: bool,
    /// Leave the peer (a reference issuer on Node.js libraries) out
    #[arg(long)]
    no_peers: bool,
    /// Write every figure to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

pub(crate) fn build_and_run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    guests::run()?;
    let build = ["build", "--release", "--locked", "--package", "chancery", "--package", "chancery-bench"];
    run("Building the host and the benchmark (optimized: this takes some minutes)", &mut cargo(&build))?;
    if !options.no_peers {
        ensure_system()?;
        let mut install = Command::new("npm");
        install.args(["ci", "--prefix", "xtask/peers", "--no-audit", "--no-fund"]);
        run("Installing the peer's libraries", &mut install)?;
    }
    Ok(measure(options)?)
}

fn measure(options: &Options) -> Result<(), RunError> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(paths::target, PathBuf::from);
    let mut bench = Command::new(target.join("release/chancery-bench"));
    bench.arg("--chancery").arg(target.join("release/chancery"));
    bench.arg("--plugin").arg(paths::built_plugins().join("csv-provider.wasm"));
    bench.arg("--root").arg(paths::root());
    bench.arg("--work").arg(paths::target().join("bench"));
    for (flag, given) in [("--quick", options.quick), ("--no-peers", options.no_peers)] {
        if given {
            bench.arg(flag);
        }
    }
    if let Some(file) = &options.json {
        bench.arg("--json").arg(file);
    }
    run("Measuring", &mut bench)
}
