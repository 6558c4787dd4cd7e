//! `cargo xtask test`: everything that must hold, from a clean clone.

use std::{error::Error, process::Command};

use crate::{
    guests, paths,
    run::{cargo, ensure_system, heading, run},
    soak,
};

const JAVASCRIPT_TESTS: [&str; 2] =
    ["plugin-sdk/javascript/tests/exports.test.mjs", "plugin-sdk/javascript/tests/capabilities.test.mjs"];

pub(crate) fn run_everything() -> Result<(), Box<dyn Error>> {
    heading("Building the plugins");
    guests::run()?;
    ensure_system()?;
    let judges = paths::root().join("host/tests/judges");
    let install = &mut Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(judges);
    run("Installing the judges: wallet and verifiers that we did not write", install)?;
    install_schemathesis()?;

    let guests = ["--manifest-path", "plugins/Cargo.toml", "--target-dir", "target/guests", "--locked"];
    let with_guests = |first: &[&str], last: &[&str]| cargo(&[first, &guests, last].concat());
    run("Tests of the host", &mut cargo(&["test", "--workspace", "--locked"]))?;
    soak::run(&soak::Options::in_tests())?;
    run("Tests of the plugins and their SDK", &mut with_guests(&["test", "--workspace", "--all-features"], &[]))?;
    run("Tests of the JavaScript SDK", Command::new("node").arg("--test").args(JAVASCRIPT_TESTS))?;
    let deny_warnings = ["--", "--deny", "warnings"];
    run(
        "Lints of the host",
        &mut cargo(&[&["clippy", "--workspace", "--all-targets", "--locked"][..], &deny_warnings].concat()),
    )?;
    run(
        "Lints of the plugins",
        &mut with_guests(&["clippy", "--workspace", "--all-targets", "--all-features"], &deny_warnings),
    )?;
    run("Format of the host", &mut cargo(&["fmt", "--all", "--check"]))?;
    let format = ["fmt", "--all", "--check", "--manifest-path", "plugins/Cargo.toml"];
    run("Format of the plugins", &mut cargo(&format))?;
    let docs = &mut cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    run("Documentation", docs.env("RUSTDOCFLAGS", "--deny warnings"))?;
    licences()?;
    heading("Everything holds.");
    Ok(())
}

/// The tester of the OpenAPI document, in an environment of its own.
fn install_schemathesis() -> Result<(), Box<dyn Error>> {
    let home = paths::target().join("schemathesis");
    let pip = home.join("bin/pip");
    if !pip.is_file() {
        let environment = &mut Command::new("python3");
        run("Making a Python environment", environment.args(["-m", "venv", "--clear"]).arg(&home))?;
    }
    let install = &mut Command::new(pip);
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run("Installing schemathesis", install.arg("host/tests/schemathesis/requirements.txt"))?;
    Ok(())
}

/// `cargo deny` is a tool of its own: used where it is installed.
fn licences() -> Result<(), Box<dyn Error>> {
    if cargo(&["deny", "--version"]).output().is_ok_and(|output| output.status.success()) {
        run("Licences and sources", &mut cargo(&["deny", "check", "licenses", "sources", "bans"]))?;
    } else {
        heading(
            "Skipped: cargo deny is not installed (the test tidy::licences_are_among_the_allowed_ones covers the licences)",
        );
    }
    Ok(())
}
