//! `chancery plugin build`.

use std::path::PathBuf;

use chancery_kit::build::{BuildError, Built, build};
use clap::Args;
use serde_json::json;

use super::super::{Failure, eprintln_line, print_json, print_line};
use super::kit::{ToolsDir, names, project, shown, size};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  chancery plugin build\n  chancery plugin build plugins/farmer-registry --json\n\n\
                        The toolchain of the language is installed the first time."
)]
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
    if *json {
        return print_json(&json!({
            "path": path, "bytes": bytes, "kind": kind, "wants": capabilities, "unused": unused,
            "sdk_refreshed": sdk_refreshed,
        }));
    }
    print_line(&format!("{path}  {}  {kind}  wants {}", size(bytes), names(&capabilities)));
    Ok(())
}
