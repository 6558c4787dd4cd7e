//! A rustc that can build WASM components.

use std::{
    io,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::paths;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolchainError {
    #[error("cannot run {}: {source}", script.display())]
    Start { script: PathBuf, source: io::Error },
    /// The script has said on stderr what is wrong and what helps.
    #[error("no toolchain for WASM components could be set up")]
    Refused,
    #[error("{} named no rustc", script.display())]
    NoAnswer { script: PathBuf },
}

/// Finds one, or sets one up in target/wasm-toolchain, and returns its path.
pub(crate) fn find_rustc() -> Result<PathBuf, ToolchainError> {
    let script = paths::root().join("plugin-sdk/wasm-toolchain.sh");
    let output = Command::new("bash")
        .arg(&script)
        .arg(paths::target().join("wasm-toolchain"))
        // rust-toolchain.toml counts, wherever the task was called from.
        .current_dir(paths::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| ToolchainError::Start { script: script.clone(), source })?;
    if !output.status.success() {
        return Err(ToolchainError::Refused);
    }
    answer(&String::from_utf8_lossy(&output.stdout)).ok_or(ToolchainError::NoAnswer { script })
}

fn answer(stdout: &str) -> Option<PathBuf> {
    let path = stdout.lines().last()?.strip_prefix("RUSTC=")?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_last_line_is_the_answer() {
        assert_eq!(answer("noise\nRUSTC=/a b/rustc\n"), Some(PathBuf::from("/a b/rustc")));
        assert_eq!(answer("RUSTC=/a/rustc\nnoise\n"), None);
        assert_eq!(answer("RUSTC=\n"), None);
        assert_eq!(answer(""), None);
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

        /// Exit code, stdout and stderr.
        fn run(&self, way: &str) -> (Option<i32>, String, String) {
            let output = Command::new("bash")
                .arg(paths::root().join("plugin-sdk/wasm-toolchain.sh"))
                .arg(self.0.path().join("private"))
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
        fs::create_dir(machine.0.path().join("lib")).unwrap();
        fs::write(machine.0.path().join("lib/libstd-1.rlib"), "").unwrap();
        let (code, stdout, stderr) = machine.run("auto");
        assert_eq!((code, stderr.as_str()), (Some(0), "wasm toolchain: wasm32-wasip2 is installed\n"));
        assert_eq!(answer(&stdout), Some(machine.0.path().join("sysroot/bin/rustc")));
    }

    #[test]
    fn rustup_is_asked_next() {
        let machine = Machine::new();
        machine.program("rustup", INSTALL);
        let (code, stdout, _) = machine.run("auto");
        assert_eq!(code, Some(0));
        assert_eq!(answer(&stdout), Some(machine.0.path().join("sysroot/bin/rustc")));
    }

    #[test]
    fn where_nothing_works_it_says_what_was_tried_and_what_helps() {
        let machine = Machine::new();
        machine.program("rustup", "echo 'error: no route' >&2; exit 1");
        let (code, stdout, stderr) = machine.run("auto");
        assert_eq!((code, stdout.as_str()), (Some(11), ""));
        for part in
            ["error: no route", "server may be out of reach", "no packages that run on riscv64", "hint: install"]
        {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
        assert!(!machine.0.path().join("private").exists());
    }

    #[test]
    fn one_way_alone_may_be_allowed() {
        let machine = Machine::new();
        machine.program("rustup", INSTALL);
        assert_eq!(machine.run("installed").0, Some(40));
        assert_eq!(machine.run("debian").0, Some(11));
        assert_eq!(machine.run("rustup").0, Some(0));
        assert_eq!(machine.run("guess").0, Some(2));
    }
}
