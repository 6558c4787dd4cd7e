//! `chancery plugin dev`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chancery_kit::Project;
use clap::Args;

use super::super::{Failure, eprintln_line};
use super::kit::{ToolsDir, project};
use super::trial::{Target, sources};
use super::{build, test};

/// How often the project is looked at. Looks need no support by the system, and work on network folders too.
const LOOK: Duration = Duration::from_millis(250);

/// Files that are looked at, at most.
const MAX_FILES: usize = 10_000;

/// What builds write, at the project's root.
const WRITTEN: [&str; 6] = ["build", "sdk", "target", "node_modules", "Cargo.lock", "__pycache__"];

const HELP: &str = "\
Only what is needed is done: a change of cases, grant file or sample data runs the cases alone. Ctrl-C ends it.

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
    let mut sources = sources_of(&project(dir)?);
    let target = Target::of(dir, case.as_deref());
    let recorder = test::listening()?;
    let mut seen = Files::of(dir);
    let mut built = false;
    loop {
        let outcome = if built { Ok(()) } else { build::build_project(dir, tools, false) };
        built = outcome.is_ok();
        let outcome = match outcome {
            Ok(()) => test::test(&target, &recorder, false).await,
            failed => failed,
        };
        if let Err(failure) = outcome {
            eprintln_line(&format!("chancery: {failure}"));
        }
        eprintln_line("watching: the next save builds and tests again");
        let changed = seen.change(dir).await;
        eprintln_line(&format!("\nchanged: {}", named(&changed)));
        built &= !changed.iter().any(|file| sources.iter().any(|source| file.starts_with(source)));
        // The manifest may name other sources now. One that cannot be read is told of by the build.
        if let Ok(project) = project(dir) {
            sources = sources_of(&project);
        }
    }
}

fn sources_of(project: &Project) -> Vec<PathBuf> {
    sources(project).collect()
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
            if hidden || written || self.0.len() >= MAX_FILES {
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
