//! From a project to a component.

mod c;
mod go;
mod javascript;
mod python;
pub(crate) mod rust;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::inspect;
use crate::project::{Language, Project, ProjectError, write, write_by_rename};
use crate::tools::{self, Tools, ToolsError};
use crate::world::{self, Kind, WorldError};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// What the language's toolchain said, and what to do about it.
    #[error("{message}\n{hint}")]
    Language { message: String, hint: String },
    #[error("the core module does not become a component: {0}")]
    Component(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The component asks for more than its world says.
    #[error("the component imports {}, which wit/world.wit does not ask for\n{}", list(.0), beyond(.0))]
    ImportsTooMuch(BTreeSet<String>),
    /// The component is not what its world says.
    #[error("wit/world.wit describes a {world} plugin, and the component exports {}\n{EXPORTS}", found(.exports))]
    Exports { world: Kind, exports: Vec<Kind> },
}

const EXPORTS: &str = "Export what the world says; the templates of `chancery plugin new` show how";

/// What a build made.
#[derive(Debug)]
pub struct Built {
    pub path: PathBuf,
    pub bytes: u64,
    pub kind: Kind,
    /// What the operator has to grant.
    pub capabilities: BTreeSet<String>,
    /// Capabilities that the world names and the component does not use.
    pub unused: BTreeSet<String>,
    /// Whether `sdk/` was written anew.
    pub sdk_refreshed: bool,
}

/// Held while a project is built, under its build directory.
const LOCK: &str = "lock";

/// What the languages call the step that runs the plugin's own code.
const MAKING: &str = "making the component";

/// Builds `build/<name>.wasm`.
pub fn build(project: &Project, tools: &Tools) -> Result<Built, BuildError> {
    project.refuse_links()?;
    // The steps of two builds would take each other's files away.
    let holder = format!("another build of {}", project.root.display());
    let _locked = tools.locked(&project.build_dir().join(LOCK), &holder)?;
    let world = project.world()?;
    let sdk_refreshed = project.refresh_sdk()?;
    world::compose(&project.root.join(world::FILE), &project.build_dir().join("wit"))?;
    let component = match project.language {
        Language::Rust => rust::build(project, &world, tools)?,
        Language::JavaScript | Language::TypeScript => javascript::build(project, &world, tools)?,
        Language::Python => python::build(project, &world, tools)?,
        Language::C => c::build(project, &world, tools)?,
        Language::Go => go::build(project, &world, tools)?,
    };
    let shape = inspect::shape(&component).map_err(BuildError::Component)?;
    if shape.kinds != [world.kind] || !shape.lifecycle {
        return Err(BuildError::Exports { world: world.kind, exports: shape.kinds });
    }
    let capabilities = shape.capabilities;
    let beyond: BTreeSet<String> = capabilities.difference(&world.capabilities).cloned().collect();
    if !beyond.is_empty() {
        return Err(BuildError::ImportsTooMuch(beyond));
    }
    let unused = world.capabilities.difference(&capabilities).cloned().collect();
    let path = project.component();
    write_by_rename(&path, &component).map_err(failed(&path))?;
    let bytes = component.len() as u64;
    Ok(Built { path, bytes, kind: world.kind, capabilities, unused, sdk_refreshed })
}

/// What a build could not read or write.
fn failed(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    move |source| BuildError::File { path, source }
}

/// Writes a file, with the folders that it is in.
fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<(), BuildError> {
    write(path, content.as_ref()).map_err(failed(path))
}

/// Removes a folder, where there is one.
fn clear(folder: &Path) -> Result<(), BuildError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(folder)(error)),
        _ => Ok(()),
    }
}

/// What it means that bindings cannot be made for the world.
fn no_bindings(language: Language, error: &impl fmt::Display) -> BuildError {
    BuildError::Language {
        message: format!("wit/world.wit does not become {language}: {error:#}"),
        hint: "Keep to what the contract's interfaces use; the templates of `chancery plugin new` show how".to_owned(),
    }
}

/// What it means that making the component failed, where that runs the plugin's own code.
fn at_top_level(error: ToolsError) -> BuildError {
    match error {
        ToolsError::Overdue { what, limit, output } => BuildError::Language {
            message: format!("{what} was ended: it took longer than {limit}{}", tools::line(&output)),
            hint:
                "What stands outside of functions runs once, at build time: look there for a loop without an end, or \
                   for work that takes too long"
                    .to_owned(),
        },
        other => other.into(),
    }
}

/// What to do about imports that the world does not have.
fn beyond(names: &BTreeSet<String>) -> String {
    let lines: Vec<String> = names.iter().filter_map(|name| world::import_line(name)).collect();
    let foreign: Vec<&str> =
        names.iter().filter(|name| world::import_line(name).is_none()).map(String::as_str).collect();
    let mut text = String::new();
    if !lines.is_empty() {
        text = format!(
            "Where the plugin needs it, add to the world, so that operators see what they grant:\n  {}\nElse remove the \
             code that uses it",
            lines.join("\n  ")
        );
    }
    if !foreign.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}No host offers {}: remove the code that uses it", foreign.join(", ")));
    }
    text
}

fn found(kinds: &[Kind]) -> String {
    match kinds {
        [] => "nothing that the host calls".to_owned(),
        kinds => kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
    }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;

    use super::*;

    /// A project that no toolchain is needed for: it is refused when its turn comes.
    fn project(root: &Path) -> Project {
        let manifest = "name = \"people\"\nlanguage = \"python\"\nentry = \"my-plugin.py\"\n";
        let world = "package org:people@0.1.0;\nworld plugin { include chancery:plugin/audit-plugin@0.1.0; }\n";
        for (file, text) in [("plugin.toml", manifest), ("my-plugin.py", ""), (world::FILE, world)] {
            write(&root.join(file), text.as_bytes()).unwrap();
        }
        Project::open(root).unwrap()
    }

    /// It may come from anybody.
    #[test]
    fn a_build_writes_and_removes_nothing_through_links() {
        for place in [
            "sdk",
            "sdk/go/internal",
            "sdk/go/internal/plugin/main.go",
            "build",
            "build/lock",
            "build/python",
            "build/tsconfig.json",
            "build/gen",
            "build/gen/core.wasm",
            "build/wit",
            "build/wit/deps/chancery-host",
        ] {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap().join("project");
            let project = project(&root);
            let [folder, file] = ["victim", "victim/wit/precious"].map(|path| dir.path().join(path));
            write(&file, b"precious").unwrap();
            let link = root.join(place);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(if link.extension().is_some() { &file } else { &folder }, &link).unwrap();
            let refused = build(&project, &Tools::new(root, Box::new(|_| {}))).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{} is a symbolic link: ", link.display())), "{refused}");
            assert_eq!(fs::read(&file).unwrap(), b"precious", "{place}");
            let left = |folder: &Path| fs::read_dir(folder).unwrap().count();
            assert_eq!([left(&folder), left(&folder.join("wit"))], [1, 1], "{place}");
        }
    }

    #[test]
    fn a_project_has_one_build_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let project = project(&root);
        let first = Tools::new(root.clone(), Box::new(|_| {}));
        let held = first.locked(&project.build_dir().join(LOCK), "nobody").unwrap();
        let (said, heard) = mpsc::channel();
        let second = Tools::new(root.clone(), Box::new(move |line| said.send(line.to_owned()).unwrap()));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| build(&project, &second));
            assert_eq!(heard.recv().unwrap(), format!("waiting for another build of {}", root.display()));
            assert!(!project.sdk_dir().exists(), "nothing is touched before");
            drop(held);
            let refused = waits.join().unwrap().unwrap_err().to_string();
            assert!(refused.starts_with("my-plugin.py is no name of a Python module"), "{refused}");
        });
        assert!(project.sdk_dir().exists());
    }
}
