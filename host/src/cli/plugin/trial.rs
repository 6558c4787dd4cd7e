//! What `plugin test`, `plugin bench` and `plugin check` share: which plugin is meant, and with which means it is tried.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chancery_kit::Project;
use chancery_sandbox::CompileMode;
use chancery_trial::{Cache, CaseFile, Plugin, Setup, TrialError};
use clap::Args;

use super::super::{Failure, eprintln_line};
use super::kit::{project, user_cache};
use crate::app::Surroundings;
use crate::plugins::COMPILE_WORKER;

/// The case file of a project.
pub(super) const CASES: &str = "cases.toml";

/// Folders and files of a project that a build starts from.
const SOURCES: [&str; 8] =
    ["plugin.toml", "wit", "src", "Cargo.toml", "build.rs", "package.json", "requirements.txt", "go.mod"];

/// Files of a project that are looked at to tell whether it was built since.
const MAX_SOURCES: usize = 10_000;

/// Which plugin is tried, and against which cases.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The project.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// A case file; may be given several times [default: cases.toml of the project].
    #[arg(long, value_name = "FILE")]
    cases: Vec<PathBuf>,
    /// A component in place of the project's build/NAME.wasm. Needs no project then.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// A grant file in place of the project's NAME.toml.
    #[arg(long, value_name = "FILE")]
    grant: Option<PathBuf>,
    /// Only cases whose names hold this text.
    #[arg(long, value_name = "NAME")]
    pub(super) case: Option<String>,
}

impl Target {
    /// A project with its own cases and grant file.
    pub(super) fn of(dir: &Path, case: Option<&str>) -> Self {
        Self { dir: dir.to_owned(), cases: Vec::new(), component: None, grant: None, case: case.map(str::to_owned) }
    }

    /// What is tried.
    pub(super) fn setup(&self) -> Result<Setup, Failure> {
        let found = self.project()?;
        let plugin = match &found {
            Some(project) => self.of_project(project)?,
            None => of_component(self.component.as_deref().unwrap_or(Path::new("")), self.grant.as_deref())?,
        };
        let cache = found.filter(|_| self.component.is_none()).map(|project| project.build_dir().join("cache"));
        setup(plugin, cache)
    }

    /// The case files, read.
    pub(super) fn cases(&self) -> Result<Vec<CaseFile>, Failure> {
        let here = Path::new(".");
        let own = [if self.dir == here { PathBuf::from(CASES) } else { self.dir.join(CASES) }];
        let files = if self.cases.is_empty() { &own[..] } else { &self.cases };
        files.iter().map(|path| CaseFile::read(path).map_err(|error| failure(error.into()))).collect()
    }

    /// A folder without a manifest is enough where the component is named.
    fn project(&self) -> Result<Option<Project>, Failure> {
        let bare = self.component.is_some() && !self.dir.join(chancery_kit::project::MANIFEST).is_file();
        if bare { Ok(None) } else { project(&self.dir).map(Some) }
    }

    fn of_project(&self, project: &Project) -> Result<Plugin, Failure> {
        let component = match &self.component {
            Some(component) => existing(component)?,
            None => built(project)?,
        };
        let grant = match &self.grant {
            Some(grant) => Some(existing(grant)?),
            None => Some(project.grant()).filter(|grant| grant.is_file()),
        };
        Ok(Plugin { name: project.name.clone(), component, grant })
    }
}

/// A component and the grant file beside it, unless another one is named.
pub(super) fn of_component(component: &Path, grant: Option<&Path>) -> Result<Plugin, Failure> {
    let component = existing(component)?;
    let name = component.file_name().and_then(|name| name.to_str()?.strip_suffix(".wasm")).map(str::to_owned);
    let name = name.filter(|name| !name.is_empty() && !name.starts_with('.')).ok_or_else(|| {
        Failure::Usage(format!("{} is not a plugin's file: its name ends with .wasm", component.display()))
    })?;
    let beside = component.with_file_name(format!("{name}.toml"));
    let grant = match grant {
        Some(grant) => Some(existing(grant)?),
        None => Some(beside).filter(|grant| grant.is_file()),
    };
    Ok(Plugin { name, component, grant })
}

/// A plugin with the means of this program. Native code is kept in `cache`, or in the user's cache directory.
pub(super) fn setup(plugin: Plugin, cache: Option<PathBuf>) -> Result<Setup, Failure> {
    let Surroundings { program, .. } = Surroundings::system()?;
    let own = user_cache("chancery/compiled").ok_or_else(|| {
        Failure::Usage("there is no place for compiled plugins: set HOME, or XDG_CACHE_HOME".to_owned())
    })?;
    // A project may come from anybody: the key to what is run natively never lies in it.
    let cache = Cache::open(cache.as_ref().unwrap_or(&own), &own).map_err(failure)?;
    Ok(Setup { plugin, compile: CompileMode::Child { program, args: vec![COMPILE_WORKER.into()] }, cache })
}

/// The component of a project. One that is older than its sources is used, and the author told.
pub(super) fn built(project: &Project) -> Result<PathBuf, Failure> {
    let component = project.component();
    let Ok(built) = component.metadata().and_then(|metadata| metadata.modified()) else {
        let path = component.display();
        return Err(Failure::Usage(format!("{path} is not there: run `chancery plugin build` first")));
    };
    let own = SOURCES.iter().map(PathBuf::from).chain([project.entry.clone()]).chain(project.sources.iter().cloned());
    let newest = own.filter_map(|file| newest(&project.root.join(file), &mut 0)).max();
    if newest.is_some_and(|newest| newest > built) {
        eprintln_line("note: the sources are newer than the component: `chancery plugin build` builds it anew");
    }
    Ok(component)
}

/// When a file, or the newest one in a folder, was changed.
fn newest(path: &Path, seen: &mut usize) -> Option<SystemTime> {
    *seen += 1;
    if *seen > MAX_SOURCES {
        return None;
    }
    let metadata = path.symlink_metadata().ok()?;
    if !metadata.is_dir() {
        return metadata.modified().ok();
    }
    let entries = std::fs::read_dir(path).ok()?.filter_map(Result::ok);
    entries.filter_map(|entry| newest(&entry.path(), seen)).max()
}

fn existing(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    Err(Failure::Usage(format!("{} is not a file", path.display())))
}

/// Why a plugin could not be tried.
pub(super) fn failure(error: TrialError) -> Failure {
    if error.is_wrong_input() { Failure::Usage(error.to_string()) } else { Failure::Failed(error.to_string()) }
}
