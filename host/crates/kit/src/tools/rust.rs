//! Rust: cargo, and a rustc that can build WASM components.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::run::Followed;
use super::{Tools, ToolsError, Version, failed, find};
use crate::embedded;

/// The oldest Rust that the SDK compiles with; its Cargo.toml says the same.
const MIN_RUST: Version = Version { major: 1, minor: 95 };

const GET_RUST: &str = "Install Rust and run this again: https://rustup.rs (Debian, Ubuntu and others, and macOS). The \
                        rustc of a distribution is often too old";

const UPDATE_RUST: &str = "Run `rustup update stable` and then this again; without rustup, install Rust from \
                           https://rustup.rs. A rust-toolchain.toml in the project or above it wins over both";

/// Finds a rustc for WASM components, or sets one up.
const SCRIPT: &str = "plugin-sdk/wasm-toolchain.sh";

/// How it begins its lines.
const SPEAKER: &str = "wasm toolchain: ";

const SET_UP: &str = "looking for a Rust toolchain for WASM components, or setting one up";

/// What a failing script says last: what is wrong, and what helps.
const LAST_WORDS: usize = 2;

/// What of the script's progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Also that there is nothing to do.
    Everything,
    /// What is being set up.
    News,
}

impl Tools {
    /// A rustc that builds WASM components: the installed one, one that rustup adds the target to, or a private one in
    /// the tools directory. `dir` is where it is to be used: a rust-toolchain.toml counts.
    pub fn rustc(&self, dir: &Path, telling: Telling) -> Result<PathBuf, ToolsError> {
        let mut command = self.script(telling)?;
        let mut last_words = LastWords::default();
        let hear = |said: &[u8]| last_words.hear(said, |line| self.say(line));
        let Followed { status, stdout, .. } = self.follow(SET_UP, self.limits.long, command.current_dir(dir), hear)?;
        let last_words = last_words.end();
        let Some(status) = status else {
            return Err(ToolsError::overdue(SET_UP, self.limits.long, last_words.join("\n")));
        };
        if status.success() {
            for line in &last_words {
                self.say(line);
            }
            let said = String::from_utf8_lossy(&stdout);
            return answer(&said).ok_or_else(|| refused(&["it named no rustc".to_owned()]));
        }
        Err(refused(&last_words))
    }

    fn script(&self, telling: Telling) -> Result<Command, ToolsError> {
        let script = embedded::file(SCRIPT).and_then(|script| std::str::from_utf8(script).ok());
        let script = script.ok_or_else(|| ToolsError::Missing(format!("this build of chancery lacks {SCRIPT}")))?;
        std::fs::create_dir_all(&self.dir).map_err(failed(&self.dir))?;
        // It works elsewhere than where this one was started.
        let dir = std::path::absolute(&self.dir).map_err(failed(&self.dir))?;
        let mut command = Command::new("bash");
        command.args(["-c", script, "wasm-toolchain.sh"]);
        if telling == Telling::News {
            command.arg("--quiet");
        }
        command.arg(dir.join("wasm-toolchain"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// The system's cargo, where it is new enough for the SDK.
    pub(crate) fn cargo(&self, dir: &Path) -> Result<PathBuf, ToolsError> {
        let Some(cargo) = find("cargo") else {
            return Err(ToolsError::Missing(format!(
                "cargo is not on PATH: Rust plugins are built with Rust {MIN_RUST} or newer\n{GET_RUST}"
            )));
        };
        self.new_enough("cargo", Command::new(&cargo).arg("--version").current_dir(dir))?;
        Ok(cargo)
    }

    /// Refuses a compiler that is too old for the SDK before it says so of one line after the other.
    pub(crate) fn new_enough(&self, program: &str, command: &mut Command) -> Result<(), ToolsError> {
        let said = self.run(&format!("{program} --version"), self.limits.question, command)?;
        match Version::read(&said) {
            Some(version) if version >= MIN_RUST => Ok(()),
            _ => Err(ToolsError::Missing(format!(
                "{program} is {said}, and the SDK needs Rust {MIN_RUST} or newer\n{UPDATE_RUST}"
            ))),
        }
    }
}

/// Lines that are held back, because they may be the last ones.
#[derive(Default)]
struct LastWords {
    lines: Vec<String>,
    /// The line that has not come to its end yet.
    begun: Vec<u8>,
}

impl LastWords {
    fn hear(&mut self, said: &[u8], mut tell: impl FnMut(&str)) {
        for part in said.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line();
            }
            if self.lines.len() > LAST_WORDS {
                tell(&self.lines.remove(0));
            }
        }
    }

    fn end(mut self) -> Vec<String> {
        if !self.begun.is_empty() {
            self.end_line();
        }
        self.lines
    }

    fn end_line(&mut self) {
        self.lines.push(String::from_utf8_lossy(&self.begun).trim_end().to_owned());
        self.begun.clear();
    }
}

/// The compiler that the script found, from what it wrote to stdout.
fn answer(stdout: &str) -> Option<PathBuf> {
    let path = stdout.lines().last()?.strip_prefix("RUSTC=")?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

fn refused(last_words: &[String]) -> ToolsError {
    let plain = |line: &String| line.trim().trim_start_matches(SPEAKER).to_owned();
    let words: Vec<String> = last_words.iter().map(plain).collect();
    ToolsError::Missing(format!("no Rust toolchain for WASM components could be set up\n{}", words.join("\n")))
}

#[cfg(test)]
#[path = "rust_tests.rs"]
mod tests;
