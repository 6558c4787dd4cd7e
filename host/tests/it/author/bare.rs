//! A component without a project, its grant file and its cases in a directory of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::project::{chancery, target, texts};
use crate::app::built_plugin;

/// Files to try a component that is there already.
pub struct Bare {
    dir: TempDir,
    component: PathBuf,
}

impl Bare {
    /// A first-party plugin or one of the tests' own.
    pub fn new(plugin: &str, grant: &str, cases: &str) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("grant.toml"), grant).unwrap();
        std::fs::write(dir.path().join("cases.toml"), cases).unwrap();
        Self { dir, component: built_plugin(plugin) }
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir.path().join(file), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `chancery plugin COMMAND` of the component with the grant file: exit code, standard output and error.
    pub fn run(&self, command: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let component = self.component.to_str().unwrap();
        let arguments = [&["plugin", command, "--component", component, "--grant", "grant.toml"], more].concat();
        texts(&cached(chancery(self.path(), &arguments)).output().unwrap())
    }

    /// The report of `plugin test` in which nothing failed.
    #[track_caller]
    pub fn passes(&self) -> String {
        let (status, out, err) = self.run("test", &[]);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
        out
    }

    /// The report of `plugin test` in which something failed.
    #[track_caller]
    pub fn fails(&self) -> String {
        let (status, out, err) = self.run("test", &[]);
        assert_eq!(status, Some(1), "{out}{err}");
        out
    }

    /// What is said about a file that is wrong.
    #[track_caller]
    pub fn is_wrong(&self, command: &str, more: &[&str]) -> String {
        let (status, out, err) = self.run(command, more);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        err
    }
}

/// Native code is shared by all tests, and kept out of the home directory.
pub fn cached(mut command: Command) -> Command {
    command.env("XDG_CACHE_HOME", target().join("plugin-cache"));
    command
}

/// A report without the times in it.
pub fn timeless(report: &str) -> String {
    let line = |line: &str| match line.trim_end().rsplit_once("  ") {
        Some((head, time)) if time.ends_with(" ms") || time.ends_with(" µs") || time.ends_with(" s") => {
            format!("{}\n", head.trim_end())
        }
        _ => format!("{line}\n"),
    };
    report.lines().map(line).collect()
}
