//! `cargo xtask bench`: builds everything as it is shipped, and measures it. What is measured, and how, is the crate
//! `chancery-bench`: it draws the sandbox in, which the other tasks do without.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, ValueEnum as _};

use crate::{
    guests, paths,
    run::{RunError, cargo, ensure_system, run},
    section::Section,
};

const EXAMPLE: &str = "examples/registry-lookup";
const LANGUAGES: [&str; 4] = ["rust", "c", "typescript", "python"];

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask bench --only languages,capabilities --json figures.json")]
pub(crate) struct Options {
    /// Seconds instead of minutes: shows that everything runs, its figures are rough
    #[arg(long)]
    quick: bool,
    /// Measure these alone, separated by commas; what the others need is not built
    #[arg(long, value_name = "SECTION", value_delimiter = ',')]
    only: Vec<Section>,
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
    if Section::Languages.is_in(&options.only) {
        build_languages()?;
    }
    if Section::Whole.is_in(&options.only) && !options.no_peers {
        ensure_system()?;
        let mut install = Command::new("npm");
        install.args(["ci", "--prefix", "xtask/peers", "--no-audit", "--no-fund"]);
        run("Installing the peer's libraries", &mut install)?;
    }
    Ok(measure(options)?)
}

/// The same plugin in every language. Where a toolchain is missing the report says so: the other figures do not
/// depend on it.
fn build_languages() -> io::Result<()> {
    for language in LANGUAGES {
        let project = Path::new(EXAMPLE).join(language);
        // What an earlier run left would be measured in its place.
        let built = paths::root().join(&project).join("build").join("registry-lookup.wasm");
        match fs::remove_file(&built) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut build = Command::new(release().join("chancery"));
        build.args(["plugin", "build"]).arg(&project);
        if let Err(error) = run(&format!("Building the plugin in {language}"), &mut build) {
            eprintln!("{error}: it is skipped");
        }
    }
    Ok(())
}

fn release() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(paths::target, PathBuf::from).join("release")
}

fn measure(options: &Options) -> Result<(), RunError> {
    let mut bench = Command::new(release().join("chancery-bench"));
    bench.arg("--chancery").arg(release().join("chancery"));
    bench.arg("--plugin").arg(paths::built_plugins().join("csv-provider.wasm"));
    bench.arg("--root").arg(paths::root());
    bench.arg("--work").arg(paths::target().join("bench"));
    for (flag, given) in [("--quick", options.quick), ("--no-peers", options.no_peers)] {
        if given {
            bench.arg(flag);
        }
    }
    for section in options.only.iter().filter_map(Section::to_possible_value) {
        bench.arg("--only").arg(section.get_name());
    }
    if let Some(file) = &options.json {
        bench.arg("--json").arg(file);
    }
    run("Measuring", &mut bench)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn sections_are_named_as_in_the_help() {
        let only = |names: &str| Cli::try_parse_from(["bench", "--only", names]).map(|cli| cli.options.only);
        assert_eq!(only("status-memory,whole").unwrap(), [Section::StatusMemory, Section::Whole]);
        let refused = only("languages,nonsense").unwrap_err().to_string();
        let known = "status-memory, parts, memory, capabilities, languages, loading, neighbours, status, whole";
        assert!(refused.contains("'nonsense'") && refused.contains(known), "{refused}");
    }

    #[test]
    fn all_are_measured_where_none_is_named() {
        assert!(Section::Parts.is_in(&[]) && Section::Parts.is_in(&[Section::Whole, Section::Parts]));
        assert!(!Section::Parts.is_in(&[Section::Whole]));
    }
}
