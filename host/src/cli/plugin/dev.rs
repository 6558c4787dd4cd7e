//! `chancery plugin dev`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chancery_kit::project::MANIFEST;
use clap::Args;

use super::super::{Failure, eprintln_line};
use super::kit::{ToolsDir, project};
use super::trial::{CASES, Target};
use super::{build, test};

/// How often the project is looked at. Looks need no support by the system, and work on network folders too.
const LOOK: Duration = Duration::from_millis(250);

/// Files that are looked at, at most.
const MAX_FILES: usize = 10_000;

/// What builds write, at the project's root.
const WRITTEN: [&str; 4] = ["build", "sdk", "target", "Cargo.lock"];

/// What toolchains write, and the packages of others, in any folder.
const FOREIGN: [&str; 2] = ["node_modules", "__pycache__"];

/// Is in folders that hold a Python of the author's own.
const VENV: &str = "pyvenv.cfg";

const HELP: &str = "\
A change of the cases or the grant file alone runs the cases without a build. Ctrl-C ends it.

Like `build`, it runs code of the project: use it on projects that you trust.

Examples:
  chancery plugin dev
  chancery plugin dev farmer-registry --case \"nobody\"";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Arguments {
    /// The project.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Only cases whose names hold this text.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    #[command(flatten)]
    tools: ToolsDir,
}

/// Until it is interrupted: faults of the project are told, and mended by the next save.
pub(super) async fn run(Arguments { dir, case, tools }: &Arguments) -> Result<(), Failure> {
    if !dir.join(MANIFEST).exists() {
        project(dir)?;
    }
    let target = Target::of(dir, case.as_deref());
    let recorder = test::listening()?;
    let mut seen = Files::of(dir);
    if seen.0.len() >= MAX_FILES {
        eprintln_line(&format!("note: changes are seen in {MAX_FILES} files only; the project has more"));
    }
    let mut built = false;
    loop {
        let mut outcome = if built { Ok(()) } else { build::build_project(dir, tools, false) };
        built = outcome.is_ok();
        if built {
            outcome = test::test(&target, &recorder, false).await;
        }
        if let Err(failure) = outcome {
            eprintln_line(&format!("chancery: {failure}"));
        }
        eprintln_line("watching: the next save builds and tests again");
        let changed = seen.change(dir).await;
        eprintln_line(&format!("\nchanged: {}", named(&changed)));
        let grant = project(dir).ok().map(|project| PathBuf::from(format!("{}.toml", project.name)));
        built &= changed.iter().all(|file| file == Path::new(CASES) || Some(file) == grant.as_ref());
    }
}

/// The first of what may be many.
fn named(changed: &[PathBuf]) -> String {
    match changed {
        [] => String::new(),
        [one] => one.display().to_string(),
        [first, others @ ..] => format!("{} and {} more", first.display(), others.len()),
    }
}

/// A project's files as they were at a look: when changed, and how long.
#[derive(Debug, PartialEq, Eq)]
struct Files(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Files {
    fn of(root: &Path) -> Self {
        let mut files = Self(BTreeMap::new());
        files.add(root, Path::new(""));
        files
    }

    fn add(&mut self, root: &Path, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            let written = folder.as_os_str().is_empty() && WRITTEN.iter().any(|written| name == *written);
            let foreign = FOREIGN.iter().any(|foreign| name == *foreign) || entry.path().join(VENV).exists();
            if hidden || written || foreign || self.0.len() >= MAX_FILES {
                continue;
            }
            let path = folder.join(&name);
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => self.add(root, &path),
                Ok(metadata) => {
                    self.0.insert(path, (metadata.modified().ok(), metadata.len()));
                }
                Err(_) => {}
            }
        }
    }

    /// Waits for a change that has settled (editors write in several steps), and says which files it was in.
    async fn change(&mut self, root: &Path) -> Vec<PathBuf> {
        let mut last = Self::of(root);
        loop {
            tokio::time::sleep(LOOK).await;
            let now = Self::of(root);
            if now == last && now != *self {
                let changed = self.differing(&now);
                *self = now;
                return changed;
            }
            last = now;
        }
    }

    fn differing(&self, other: &Self) -> Vec<PathBuf> {
        let gone = self.0.keys().filter(|path| !other.0.contains_key(*path));
        let new = other.0.iter().filter(|(path, state)| self.0.get(*path) != Some(state)).map(|(path, _)| path);
        gone.chain(new).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builds_write_is_no_change() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        let own = ["cases.toml", "lib/build/a.js", "src/plugin.py"];
        own.iter().copied().for_each(put);
        let before = Files::of(dir.path());
        assert!(before.0.keys().eq(own.map(Path::new)), "{before:?}");
        for written in
            ["build/a", "sdk/b", "src/__pycache__/c.pyc", "venv/pyvenv.cfg", "venv/lib/d", ".git/e", "Cargo.lock"]
        {
            put(written);
        }
        assert_eq!(Files::of(dir.path()), before);
        put("lib/new.py");
        std::fs::remove_file(dir.path().join("cases.toml")).unwrap();
        let after = Files::of(dir.path());
        assert_eq!(before.differing(&after), [Path::new("cases.toml"), Path::new("lib/new.py")]);
    }
}
