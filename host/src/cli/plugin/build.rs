//! `chancery plugin build`.

use std::path::{Path, PathBuf};

use chancery_kit::build::{BuildError, Built, build};
use clap::Args;
use serde_json::json;

use super::super::{Failure, eprintln_line, print_json, print_line};
use super::kit::{ToolsDir, names, project, shown, size};

const HELP: &str = "\
The toolchain of the language is installed the first time. A second build of a project waits for the first one. A step
that does not come to an end is ended: after 5 minutes, an installation and cargo after 20.

Build only projects that you trust: a build runs code of the project and of what it depends on (Rust's build scripts and
macros) as you. Running a .wasm of others with `chancery plugin test --component FILE` is safe: that happens in the sandbox.

Examples:
  chancery plugin build
  chancery plugin build plugins/farmer-registry --json";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Arguments {
    /// The project.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tools: ToolsDir,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { dir, json, tools } = arguments;
    build_project(dir, tools, *json)
}

/// Builds a project, and tells of the component.
pub(super) fn build_project(dir: &Path, tools: &ToolsDir, json: bool) -> Result<(), Failure> {
    let project = project(dir)?;
    let built = build(&project, &tools.open()?).map_err(|error| match error {
        BuildError::Project(_) | BuildError::World(_) => Failure::Usage(error.to_string()),
        error => Failure::Failed(error.to_string()),
    })?;
    if built.sdk_refreshed {
        eprintln_line("note: sdk/ was written anew, for this version of chancery");
    }
    if !built.unused.is_empty() {
        eprintln_line(&format!(
            "note: wit/world.wit asks for {}, which the plugin does not use: an operator would grant it for nothing",
            names(&built.unused)
        ));
    }
    let Built { path, bytes, kind, capabilities, unused, sdk_refreshed } = built;
    let path = shown(dir, &project, &path);
    if json {
        return print_json(&json!({
            "path": path, "bytes": bytes, "kind": kind, "wants": capabilities, "unused": unused,
            "sdk_refreshed": sdk_refreshed,
        }));
    }
    print_line(&format!("{path}  {}  {kind}  wants {}", size(bytes), names(&capabilities)));
    Ok(())
}
