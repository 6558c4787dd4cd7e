//! Toolchains: finding them, installing the ones that are ours to pin, running them.

mod npm;
mod pip;
mod run;
mod rust;

pub use run::Limits;
pub use rust::Telling;

use std::fmt;
use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// Written last into an installation: one without it was interrupted.
const COMPLETE: &str = ".complete";

/// Digits of the digest in an installation's name.
const DIGEST_DIGITS: usize = 12;

/// Where pinned toolchains are kept, and who is told what is going on.
pub struct Tools {
    dir: PathBuf,
    say: Box<dyn Fn(&str) + Send + Sync>,
    limits: Limits,
}

/// Why a tool could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// A program of the system is missing or too old. Carries what to do.
    #[error("{0}")]
    Missing(String),
    #[error("cannot run {program}: {source}")]
    Start { program: String, source: io::Error },
    /// It ran and failed; `output` is what it said.
    #[error("{what} failed\n{output}")]
    Failed { what: String, output: String },
    /// It ran longer than it may. `output` is what it said until then.
    #[error("{what} was ended: it took longer than {limit}{}\n{RUN_AGAIN}", line(output))]
    Overdue { what: String, limit: String, output: String },
    /// A pinned toolchain could not be installed. `hint` says what to do.
    #[error("{what} failed\n{output}\n{hint}")]
    Install { what: String, output: String, hint: String },
    /// What was downloaded is not what is pinned.
    #[error(
        "{what} failed: what was downloaded is not what this version of chancery was made with\n{output}\n{REFUSED}"
    )]
    Changed { what: String, output: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// A version as programs print it: `v18.20.4`, `3.11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl Tools {
    /// Toolchains are installed under `dir` when they are first needed; `say` gets one line a step.
    pub fn new(dir: PathBuf, say: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { dir, say, limits: Limits::default() }
    }

    /// With other limits than the usual ones.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// The folder `<name>-<digest of what defines it>`, which `fill` fills the first time. What was interrupted is
    /// done again; of several processes one does it, and the others wait.
    ///
    /// It is filled where it stays: Python environments cannot be moved.
    pub(crate) fn installed(
        &self,
        name: &str,
        definition: &[&[u8]],
        fill: impl FnOnce(&Path) -> Result<(), ToolsError>,
    ) -> Result<PathBuf, ToolsError> {
        let folder = self.dir.join(format!("{name}-{}", digest(definition)));
        let complete = folder.join(COMPLETE);
        if complete.is_file() {
            return Ok(folder);
        }
        let lock = folder.with_extension("lock");
        let _lock = self.locked(&lock, &format!("another process that installs into {}", folder.display()))?;
        if complete.is_file() {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed(&folder))?;
        }
        fs::create_dir(&folder).map_err(failed(&folder))?;
        fill(&folder)?;
        fs::write(&complete, "").map_err(failed(&complete))?;
        Ok(folder)
    }

    /// A file that is locked until it is dropped. Who has to wait for it is told for whom.
    pub(crate) fn locked(&self, path: &Path, holder: &str) -> Result<fs::File, ToolsError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        // Whatever it is, nothing of it is lost.
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                self.say(&format!("waiting for {holder}"));
                file.lock().map_err(failed(path))?;
            }
            Err(TryLockError::Error(source)) => return Err(failed(path)(source)),
        }
        Ok(file)
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Version {
    /// The first version in what a program says of itself.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = &text[text.find(|c: char| c.is_ascii_digit())?..];
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let major = numbers.next()?.ok()?;
        Some(Self { major, minor: numbers.next().and_then(Result::ok).unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl ToolsError {
    fn overdue(what: &str, limit: Duration, output: String) -> Self {
        Self::Overdue { what: what.to_owned(), limit: run::for_people(limit), output }
    }

    /// The same, where it is an installer that failed: `hint` says what it needs.
    fn of_installer(self, hint: &str) -> Self {
        let (what, output) = match self {
            Self::Failed { what, output } => (what, output),
            Self::Overdue { what, limit, output } => (what, format!("it took longer than {limit}{}", line(&output))),
            other => return other,
        };
        if MISMATCHES.iter().any(|mismatch| output.contains(mismatch)) {
            return Self::Changed { what, output };
        }
        Self::Install { what, output, hint: hint.to_owned() }
    }
}

const RUN_AGAIN: &str = "Run this again; where the machine has much to do, when it has less";

const REFUSED: &str = "It is not used, and nothing else in its place. Run this again, in case the download broke off; where it \
                       stays, a mirror or a proxy gives other files than the official index: ask whoever runs it";

/// How npm and pip say that a checksum is wrong.
const MISMATCHES: [&str; 2] = ["EINTEGRITY", "DO NOT MATCH THE HASHES"];

/// On a line of its own, where there is something.
pub(crate) fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n{text}") }
}

/// Where a program of the system is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ToolsError + use<> {
    let path = path.to_owned();
    move |source| ToolsError::File { path, source }
}

/// Machines of several kinds may share a home directory.
fn digest(parts: &[&[u8]]) -> String {
    let machine = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let mut digest = Sha256::new();
    for part in [machine.as_bytes()].iter().chain(parts) {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let mut hex = format!("{:x}", digest.finalize());
    hex.truncate(DIGEST_DIGITS);
    hex
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn tools(dir: &Path) -> Tools {
        Tools::new(dir.to_owned(), Box::new(|_| {}))
    }

    #[test]
    fn versions_are_read_as_programs_print_them() {
        for (text, version) in [
            ("v18.20.4", Some((18, 20))),
            ("Python 3.11.2", Some((3, 11))),
            ("10.2.4\n", Some((10, 2))),
            ("clang version 19", Some((19, 0))),
            ("no version at all", None),
            ("99999999999.1", None),
        ] {
            assert_eq!(Version::read(text).map(|found| (found.major, found.minor)), version, "{text}");
        }
        assert!(Version { major: 3, minor: 9 } < Version { major: 3, minor: 10 });
    }

    #[test]
    fn what_is_installed_is_installed_once() {
        let dir = tempfile::tempdir().unwrap();
        let tools = tools(dir.path());
        let fill = |folder: &Path| fs::write(folder.join("tool"), "1").map_err(failed(folder));
        let first = tools.installed("x", &[b"lock"], fill).unwrap();
        let again = tools.installed("x", &[b"lock"], |_| panic!("it is there")).unwrap();
        assert_eq!(first, again);
        let other = tools.installed("x", &[b"another lock"], fill).unwrap();
        assert_ne!(first, other, "another definition is another folder");
    }

    #[test]
    fn what_was_interrupted_is_done_again_from_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tools = tools(dir.path());
        let broken = tools.installed("x", &[b"lock"], |folder| {
            fs::write(folder.join("half"), "").map_err(failed(folder))?;
            Err(ToolsError::Missing("the network went away".to_owned()))
        });
        assert!(broken.is_err());
        let folder = tools.installed("x", &[b"lock"], |_| Ok(())).unwrap();
        assert!(!folder.join("half").exists(), "nothing of the first attempt is left");
    }

    #[test]
    fn one_of_several_processes_installs() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let fill = |_: &Path| {
                        *runs.lock().unwrap() += 1;
                        Ok(())
                    };
                    tools(dir.path()).installed("x", &[b"lock"], fill).unwrap();
                });
            }
        });
        assert_eq!(*runs.lock().unwrap(), 1);
    }

    #[test]
    fn a_lock_is_held_by_one_and_the_others_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("build/lock");
        let (said, heard) = std::sync::mpsc::channel();
        let held = tools(dir.path()).locked(&path, "nobody").unwrap();
        let waiting = Tools::new(dir.path().to_owned(), Box::new(move |line| said.send(line.to_owned()).unwrap()));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| waiting.locked(&path, "the first").map(drop));
            assert_eq!(heard.recv().unwrap(), "waiting for the first");
            assert!(!waits.is_finished());
            drop(held);
            waits.join().unwrap().unwrap();
        });
    }

    #[test]
    fn what_an_installer_says_is_understood() {
        let failed = |output: &str| {
            let failed = ToolsError::Failed { what: "installing x".to_owned(), output: output.to_owned() };
            failed.of_installer("Mend the network").to_string()
        };
        assert_eq!(failed("no route"), "installing x failed\nno route\nMend the network");
        for mismatch in
            ["npm error code EINTEGRITY", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS"]
        {
            assert_eq!(
                failed(mismatch),
                format!(
                    "installing x failed: what was downloaded is not what this version of chancery was made with\n\
                     {mismatch}\n{REFUSED}"
                )
            );
        }
        let overdue = ToolsError::overdue("installing x", Duration::from_mins(20), "waiting".to_owned());
        assert_eq!(
            overdue.of_installer("Mend the network").to_string(),
            "installing x failed\nit took longer than 20 minutes\nwaiting\nMend the network"
        );
        let missing = ToolsError::Missing("no npm".to_owned());
        assert_eq!(missing.of_installer("Mend the network").to_string(), "no npm");
    }
}
