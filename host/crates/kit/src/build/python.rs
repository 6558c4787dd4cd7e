//! Building plugins in Python: the SDK and the author's modules, loaded once and frozen into a component together with
//! Python itself.
//!
//! `componentize-py` does it. The author's module is loaded by a generated one, `build/gen/chancery_entry.py`, which says
//! what is wrong with it in a form that is read here.

mod requirements;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::{BuildError, MAKING, failed, put};
use crate::project::Project;
use crate::tools::{Tools, ToolsError};
use crate::world::{Kind, World};

/// Where the module goes that the component is made of, under the project's root. All paths are relative, so that none
/// of this machine gets into the component.
const GENERATED: &str = "build/gen";

const ENTRY: &str = "chancery_entry";

const SDK: &str = "sdk/python";

const COMPONENT: &str = "build/gen/component.wasm";

/// Runs the tool without its own error report, which would bury what it says.
const RUN: &str = "
import sys
from componentize_py import script
try:
    script()
except AssertionError as error:
    sys.exit(str(error))
";

/// Names of interfaces in the bindings that would otherwise depend on what else the world imports.
const NAMES: [&str; 2] = ["chancery:plugin/types@0.1.0=contract", "wasi:http/types@0.2.12=http_types"];

/// Around what the entry says of a failure; the SDK's `_entry` prints it.
const BEGIN: &str = "-----chancery plugin: failure-----";
const END: &str = "-----chancery plugin: end-----";

/// How the tool names a function of the host that was called while there is none.
const NO_HOST: &str = "called trapping stub: ";

/// What the entry says of a failure.
#[derive(Deserialize)]
struct Fault {
    message: String,
    hint: String,
}

pub(super) fn build(project: &Project, world: &World, tools: &Tools) -> Result<Vec<u8>, BuildError> {
    let module = module(&project.entry)?;
    let toolchain = tools.pip("python")?;
    let python = toolchain.join("bin/python");
    let packages = requirements::install(project, &python, tools)?;
    let entry = project.root.join(GENERATED).join(ENTRY).with_extension("py");
    put(&entry, entry_of(module, &project.entry, world.kind))?;
    tools.say(&format!("loading {}, and making a component of it with Python inside", project.entry.display()));
    let mut command = Command::new(python);
    command.args(["-I", "-c", RUN, "--quiet", "--wit-path", "build/wit", "--world", &world.name]);
    command.args(NAMES.iter().flat_map(|name| ["--import-interface-name", name]));
    command.args(["componentize", "--python-path", GENERATED, "--python-path"]).arg(folder(&project.entry));
    command.args(["--python-path", SDK, ENTRY, "--output", COMPONENT]).current_dir(&project.root);
    // It adds the packages of this environment; left to itself, it would add those of the machine.
    command.env("VIRTUAL_ENV", packages).env("RUST_BACKTRACE", "0").env_remove("RUST_LIB_BACKTRACE");
    match tools.run(MAKING, tools.limits().step, &mut command) {
        Ok(_) => {
            let component = project.root.join(COMPONENT);
            fs::read(&component).map_err(failed(&component))
        }
        Err(ToolsError::Failed { what, output }) => Err(explain(&project.entry, what, &output)),
        Err(other) => Err(super::at_top_level(other)),
    }
}

/// The name that the entry's file has as a module.
fn module(entry: &Path) -> Result<&str, BuildError> {
    let stem = entry.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if entry.extension() == Some(OsStr::new("py")) && stem.starts_with(first) && stem.chars().all(rest) {
        return Ok(stem);
    }
    Err(BuildError::Language {
        message: format!("{} is no name of a Python module", entry.display()),
        hint: "Rename the file, in plugin.toml too: letters, digits and underscores, such as src/plugin.py".to_owned(),
    })
}

/// The folder of a file, which may be the project itself.
fn folder(file: &Path) -> &Path {
    file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// The module that the component is made of.
fn entry_of(module: &str, file: &Path, kind: Kind) -> String {
    let class = match kind {
        Kind::DataProvider => "DataProvider",
        Kind::VcIssuance => "VcIssuance",
        Kind::Audit => "Audit",
    };
    // A JSON string is a Python string.
    let file = serde_json::Value::from(file.to_string_lossy());
    format!(
        "# Written by `chancery plugin build`.\n\
         from chancery_plugin import _entry\n\n\
         _entry.export(\"{module}\", {file}, \"{kind}\")\n\n\
         from chancery_plugin._component import {class}, Lifecycle\n"
    )
}

/// What the tool's output means to the author.
fn explain(entry: &Path, what: String, output: &str) -> BuildError {
    let said = output.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    if let Some(Ok(Fault { message, hint })) = said.map(|(fault, _)| serde_json::from_str(fault)) {
        return BuildError::Language { message, hint };
    }
    if let Some((_, rest)) = output.split_once(NO_HOST) {
        let function = rest.lines().next().unwrap_or_default();
        return BuildError::Language {
            message: format!("{} calls the host ({function}) while it is loaded", entry.display()),
            hint: "What stands outside of functions runs while the plugin is built, where there is no host: move the \
                   call into a method"
                .to_owned(),
        };
    }
    // Frames of the tool's own say nothing to anybody else.
    let output = output.split("\nStack backtrace:").next().unwrap_or(output).trim().to_owned();
    ToolsError::Failed { what, output }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(output: &str) -> String {
        explain(Path::new("src/plugin.py"), "making the component".to_owned(), output).to_string()
    }

    #[test]
    fn what_the_entry_says_is_all_that_is_shown() {
        let output = format!(
            "printed by the plugin\n{BEGIN}\n{{\"message\": \"src/plugin.py has no plugin\", \"hint\": \"It \
             needs one\"}}\n{END}\n\nCaused by:\n    0: error while executing at wasm backtrace:\n"
        );
        assert_eq!(said(&output), "src/plugin.py has no plugin\nIt needs one");
    }

    #[test]
    fn a_call_of_the_host_while_loading_is_named() {
        let output = "\n\nCaused by:\n    0: error while executing at wasm backtrace:\n           0: 0xa088b4 - \
                      <unknown>!<wasm function 87>\n    1: called trapping stub: chancery:host/log@0.1.0#write\n\nStack \
                      backtrace:\n   0: x\n";
        assert_eq!(
            said(output),
            "src/plugin.py calls the host (chancery:host/log@0.1.0#write) while it is loaded\nWhat stands outside of \
             functions runs while the plugin is built, where there is no host: move the call into a method"
        );
    }

    #[test]
    fn what_the_tool_itself_says_is_shown_without_its_frames() {
        let output = "failed to parse package\n\nStack backtrace:\n   0: anyhow::Error::msg\n";
        assert_eq!(said(output), "making the component failed\nfailed to parse package");
    }

    #[test]
    fn the_entry_names_the_authors_module_and_the_exports_of_the_kind() {
        assert_eq!(
            entry_of("plugin", Path::new("src/plugin.py"), Kind::VcIssuance),
            "# Written by `chancery plugin build`.\nfrom chancery_plugin import _entry\n\n_entry.export(\"plugin\", \
             \"src/plugin.py\", \"vc-issuance\")\n\nfrom chancery_plugin._component import VcIssuance, Lifecycle\n"
        );
    }

    #[test]
    fn a_file_that_python_cannot_import_is_refused_with_what_to_do() {
        assert_eq!(module(Path::new("src/people_2.py")).unwrap(), "people_2");
        for wrong in ["src/my-plugin.py", "src/plugin.txt", "src/2.py", "src/plugin", "src/a.b.py"] {
            let error = module(Path::new(wrong)).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "{wrong} is no name of a Python module\nRename the file, in plugin.toml too: letters, digits and \
                     underscores, such as src/plugin.py"
                )
            );
        }
    }

    #[test]
    fn the_folder_of_the_entry_is_on_the_path() {
        assert_eq!(folder(Path::new("src/plugin.py")), Path::new("src"));
        assert_eq!(folder(Path::new("plugin.py")), Path::new("."));
    }
}
