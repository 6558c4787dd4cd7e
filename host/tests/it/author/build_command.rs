//! `chancery plugin build`, whatever the language.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use chancery_kit::Tools;
use chancery_kit::build::build;
use chancery_kit::tools::Limits;

use super::machine::Machine;
use super::project::{Project, shared_folders};

#[test]
fn two_builds_of_one_project_at_once_are_two_whole_builds() {
    let project = Project::provider("c");
    project.build();
    let alone = std::fs::read(project.component()).unwrap();
    std::fs::remove_file(project.component()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                project.build();
                assert!(std::fs::read(project.component()).unwrap() == alone, "the component is another one");
            });
        }
    });
}

/// The languages that run a plugin's top level while they build it.
#[test]
fn a_top_level_without_an_end_ends_the_build_with_what_to_look_for() {
    for (language, source, endless) in
        [("js", "src/plugin.js", "while (true);\n"), ("python", "src/plugin.py", "while True:\n    pass\n")]
    {
        let project = Project::provider(language);
        // The toolchain is there from now on: the short time is for the plugin alone.
        project.build();
        project.write(source, &format!("{}\n{endless}", project.read(source)));
        let limits = Limits { step: Duration::from_secs(5), ..Limits::default() };
        let [(_, tools), _] = shared_folders();
        let tools = Tools::new(tools, Box::new(|_| {})).with_limits(limits);
        let said = build(&chancery_kit::Project::open(&project.path).unwrap(), &tools).unwrap_err().to_string();
        assert_eq!(
            said,
            "making the component was ended: it took longer than 5 s\nWhat stands outside of functions runs once, at \
             build time: look there for a loop without an end, or for work that takes too long",
            "{language}"
        );
    }
}

/// However the command ends, nothing that it started goes on in the project.
#[test]
fn what_a_build_started_ends_with_it() {
    let project = Project::provider("rust");
    let cargo = project.path.join("bin/cargo");
    let script = "case $1 in
                    --version) echo 'cargo 1.99.0' ;;
                    *) (echo started; /bin/sleep 30; echo survived) >&2 & wait ;;
                  esac";
    project.write("bin/cargo", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = project.command(&["plugin", "build"]);
    command.env("PATH", project.path.join("bin")).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while line != "started\n" {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "cargo was not started");
    }
    running.kill().unwrap();
    running.wait().unwrap();
    // To the end of the last program that could write here.
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("survived"), "{rest}");
}

/// Toolchains in Python: modules that lie in the project are no part of them.
#[test]
fn a_toolchain_takes_no_modules_of_the_project() {
    for (language, modules) in [("c", ["ziglang.py", "runpy.py"]), ("python", ["componentize_py.py", "json.py"])] {
        let project = Project::provider(language);
        for module in modules {
            project.write(module, "raise SystemExit('taken from the project')\n");
        }
        project.build();
        assert!(project.component().is_file(), "{language}");
    }
}

/// Another compiler stands in for one that cannot be had, and says for what; never for one that was changed.
#[test]
fn a_compiler_that_cannot_be_installed() {
    let machine = || Machine::with("c", "src/plugin.c").program("clang", "exit 0");
    let said = machine().python_whose_pip_says("ERROR: no route to the index").says(1);
    let (told, rest) = said.split_once('\n').unwrap();
    let what = told.strip_suffix(", once").unwrap();
    assert!(what.starts_with("installing ziglang ") && what.ends_with(" into TOOLS/c-…"), "{told}");
    let (why, rest) = rest.split_once("\nusing ").unwrap();
    assert!(
        why.starts_with(&format!("{what} failed\nERROR: no route to the index\npip needs its index once")),
        "{why}"
    );
    // What this clang makes is nothing.
    assert!(
        rest.starts_with(
            "BIN/clang in place of the pinned compiler; its bytes are others\nchancery: PROJECT/build/gen/core.wasm: "
        ),
        "{rest}"
    );

    let mismatch = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.";
    let said = machine().python_whose_pip_says(mismatch).says(1);
    assert_eq!(
        said.split_once('\n').unwrap().1,
        format!(
            "chancery: {what} failed: what was downloaded is not what this version of chancery was made with
{mismatch}
It is not used, and nothing else in its place. Run this again, in case the download broke off; where it stays, a mirror or a \
             proxy gives other files than the official index: ask whoever runs it
"
        ),
    );
}
