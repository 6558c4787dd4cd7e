//! From a project to a component.

mod c;
mod go;
mod javascript;
mod python;
pub(crate) mod rust;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::inspect;
use crate::project::{Language, Project, ProjectError};
use crate::tools::{Tools, ToolsError};
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
    File { path: PathBuf, source: std::io::Error },
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

/// Builds `build/<name>.wasm`.
pub fn build(project: &Project, tools: &Tools) -> Result<Built, BuildError> {
    let world = project.world()?;
    project.refuse_links()?;
    let sdk_refreshed = project.refresh_sdk()?;
    world::compose(&project.root.join(world::FILE), &project.build_dir().join("wit"))?;
    let component = match project.language {
        Language::Rust => rust::build(project, &world, tools)?,
        Language::JavaScript | Language::TypeScript => javascript::build(project, &world, tools)?,
        Language::Python => python::build(project, &world, tools)?,
        Language::C => c::build(project, &world, tools)?,
        Language::Go => return Err(go::refusal()),
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
    write_by_rename(&path, &component)?;
    let bytes = component.len() as u64;
    Ok(Built { path, bytes, kind: world.kind, capabilities, unused, sdk_refreshed })
}

/// A running host may watch the folder: it must never see half a file.
fn write_by_rename(path: &PathBuf, content: &[u8]) -> Result<(), BuildError> {
    let failed = |source| BuildError::File { path: path.clone(), source };
    let temporary = path.with_extension("wasm.tmp");
    crate::project::write(&temporary, content).map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
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
