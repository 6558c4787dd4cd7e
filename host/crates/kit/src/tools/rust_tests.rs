use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

#[test]
fn the_last_line_is_the_answer() {
    assert_eq!(answer("noise\nRUSTC=/a b/rustc\n"), Some(PathBuf::from("/a b/rustc")));
    assert_eq!(answer("RUSTC=/a/rustc\nnoise\n"), None);
    assert_eq!(answer("RUSTC=\n"), None);
    assert_eq!(answer(""), None);
}

#[test]
fn lines_are_told_when_they_are_not_the_last_ones() {
    let mut last_words = LastWords::default();
    let mut told = Vec::new();
    for (said, expected) in
        [("on", &[][..]), ("e\ntwo\nthr", &[]), ("ee\n", &["one"]), ("four\nfive\ns", &["one", "two", "three"])]
    {
        last_words.hear(said.as_bytes(), |line| told.push(line.to_owned()));
        assert_eq!(told, expected, "{said}");
    }
    assert_eq!(last_words.end(), ["four", "five", "s"]);
}

#[test]
fn a_failing_script_is_quoted_without_its_name() {
    let said = ["wasm toolchain: no working rustc on PATH".to_owned(), "  hint: install Rust".to_owned()];
    assert_eq!(
        refused(&said).to_string(),
        "no Rust toolchain for WASM components could be set up\nno working rustc on PATH\nhint: install Rust"
    );
}

#[test]
fn old_compilers_are_refused_with_their_version() {
    let tools = Tools::new(PathBuf::from("unused"), Box::new(|_| {}));
    let judge = |said: &str| tools.new_enough("rustc", Command::new("echo").arg(said));
    judge("rustc 1.95.0 (59807616e 2026-04-14)").unwrap();
    judge("rustc 2.0.0").unwrap();
    for old in ["rustc 1.94.1 (0 2026-01-01)", "rustc 1.9.0", "nonsense"] {
        let error = judge(old).unwrap_err().to_string();
        assert!(error.starts_with(&format!("rustc is {old}, and the SDK needs Rust 1.95 or newer\n")), "{error}");
    }
}

/// A machine with a rustc of its own, whose host Debian has no packages for.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.program(
            "rustc",
            "case $* in
               '--print sysroot') echo \"$ROOT/sysroot\" ;;
               '--print target-libdir'*) echo \"$ROOT/lib\" ;;
               -vV) echo 'host: riscv64-unknown-none' ;;
               -V) echo 'rustc 0' ;;
             esac",
        );
        machine
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.0.path().join(name);
        fs::write(&path, format!("#!/bin/sh\nROOT='{}'\n{script}\n", self.0.path().display())).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn install(&self) {
        fs::create_dir(self.0.path().join("lib")).unwrap();
        fs::write(self.0.path().join("lib/libstd-1.rlib"), "").unwrap();
    }

    /// Exit code, stdout and stderr.
    fn run(&self, way: &str, telling: Telling) -> (Option<i32>, String, String) {
        let tools = Tools::new(self.0.path().join("tools"), Box::new(|_| {}));
        let output = tools
            .script(telling)
            .unwrap()
            .env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()))
            .env("CHANCERY_WASM_TOOLCHAIN", way)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

const INSTALL: &str = "mkdir -p \"$ROOT/lib\" && touch \"$ROOT/lib/libstd-1.rlib\"";

#[test]
fn an_installed_target_is_used_without_asking_rustup() {
    let machine = Machine::new();
    machine.program("rustup", "exit 1");
    machine.install();
    let (code, stdout, stderr) = machine.run("auto", Telling::Everything);
    assert_eq!((code, stderr.as_str()), (Some(0), "wasm toolchain: wasm32-wasip2 is installed\n"));
    assert_eq!(answer(&stdout), Some(machine.0.path().join("sysroot/bin/rustc")));
}

#[test]
fn what_is_there_is_no_news() {
    let machine = Machine::new();
    machine.install();
    let (code, stdout, stderr) = machine.run("auto", Telling::News);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(answer(&stdout), Some(machine.0.path().join("sysroot/bin/rustc")));
}

#[test]
fn rustup_is_asked_next() {
    let machine = Machine::new();
    machine.program("rustup", INSTALL);
    let (code, stdout, stderr) = machine.run("auto", Telling::News);
    assert_eq!(code, Some(0));
    assert!(stderr.ends_with("wasm toolchain: rustup installed wasm32-wasip2\n"), "{stderr}");
    assert_eq!(answer(&stdout), Some(machine.0.path().join("sysroot/bin/rustc")));
}

#[test]
fn where_nothing_works_it_says_what_was_tried_and_what_helps() {
    let machine = Machine::new();
    machine.program("rustup", "echo 'error: no route' >&2; exit 1");
    let (code, stdout, stderr) = machine.run("auto", Telling::News);
    assert_eq!((code, stdout.as_str()), (Some(11), ""));
    for part in ["error: no route", "server may be out of reach", "no packages that run on riscv64", "hint: install"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!machine.0.path().join("tools/wasm-toolchain").exists());
}

#[test]
fn one_way_alone_may_be_allowed() {
    let machine = Machine::new();
    machine.program("rustup", INSTALL);
    let code = |way| machine.run(way, Telling::News).0;
    assert_eq!(code("installed"), Some(40));
    assert_eq!(code("debian"), Some(11));
    assert_eq!(code("rustup"), Some(0));
    assert_eq!(code("guess"), Some(2));
}
