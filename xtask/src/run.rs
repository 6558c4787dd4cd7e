//! Running other programs, and saying so.

use std::{
    env,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::paths;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot run {program}: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("{what} failed")]
    Failed { what: String },
    #[error("{0}")]
    Missing(String),
}

/// A heading, so that a long run shows where it is.
pub(crate) fn heading(text: &str) {
    if std::io::stdout().is_terminal() {
        println!("\n\u{1b}[1m{text}\u{1b}[0m");
    } else {
        println!("\n{text}");
    }
}

/// Runs a program in the repository's root; its output is shown as it comes.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), RunError> {
    heading(what);
    let started = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(paths::root())
        .stdin(Stdio::null())
        .status()
        .map_err(|source| RunError::Start { program, source })?;
    if !status.success() {
        return Err(RunError::Failed { what: what.to_owned() });
    }
    println!("{what}: done in {} s", started.elapsed().as_secs());
    Ok(())
}

pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Builds the host, and answers where its binary is.
pub(crate) fn build_host() -> Result<PathBuf, RunError> {
    run(
        "Building the host (the first time takes some minutes)",
        &mut cargo(&["build", "--locked", "--package", "chancery"]),
    )?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(paths::target, PathBuf::from);
    Ok(target.join("debug/chancery"))
}

/// What the tests need from the system. On Debian what is missing is installed; elsewhere it is said.
pub(crate) fn ensure_system() -> Result<(), RunError> {
    let mut missing = Vec::new();
    if !(there("node") && there("npm")) {
        missing.extend(["nodejs", "npm"]);
    }
    if !has_postgres() {
        missing.push("postgresql");
    }
    if !there("mariadbd") && !Path::new("/usr/sbin/mariadbd").is_file() {
        missing.push("mariadb-server");
    }
    // Debian keeps what makes environments in a package of its own.
    if !succeeds("python3", &["-c", "import ensurepip, venv"]) {
        missing.extend(["python3", "python3-venv"]);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let hint = format!(
        "needed for the tests: {} (Node.js 18.20, Python 3.10 or newer): please install them",
        missing.join(", ")
    );
    if !there("apt-get") {
        return Err(RunError::Missing(hint));
    }
    let install = format!("apt-get -qq update && apt-get -qq -y --no-install-recommends install {}", missing.join(" "));
    let mut shell = Command::new("sh");
    shell.args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive");
    run(&format!("Installing Debian's {}", missing.join(", ")), &mut shell)
        .map_err(|error| RunError::Missing(format!("{error}; {hint}")))
}

fn there(program: &str) -> bool {
    succeeds(program, &["--version"])
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let probe = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

/// Debian keeps the server's programs off the PATH.
fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    there("postgres") || versions.into_iter().any(|version| version.path().join("bin/postgres").is_file())
}
