//! Building plugins in Rust: cargo does it, with a compiler for WASM components.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::{BuildError, failed};
use crate::inspect;
use crate::project::Project;
use crate::tools::{Telling, Tools};
use crate::world::{Kind, World};

const TARGET: &str = "wasm32-wasip2";

/// What makes the exports, by the kind of plugin.
fn export_macro(kind: Kind) -> &'static str {
    match kind {
        Kind::DataProvider => "export_data_provider!",
        Kind::VcIssuance => "export_vc_issuer!",
        Kind::Audit => "export_audit_sink!",
    }
}

pub(super) fn build(project: &Project, world: &World, tools: &Tools) -> Result<Vec<u8>, BuildError> {
    let cargo = Cargo { program: tools.cargo(&project.root)?, project, tools };
    let package = cargo.package()?;
    let rustc = tools.rustc(&project.root, Telling::News)?;
    tools.new_enough("rustc", Command::new(&rustc).arg("--version"))?;
    let component = cargo.compile(&rustc, &package)?;
    if inspect::shape(&component).map_err(BuildError::Component)?.kinds.is_empty() {
        let export = export_macro(world.kind);
        return Err(BuildError::Language {
            message: "the component exports nothing that the host calls".to_owned(),
            hint: format!(
                "Add `{export}(YourType);` to the crate, once: wit/world.wit describes a plugin of kind {}",
                world.kind
            ),
        });
    }
    Ok(component)
}

/// A file of the SDK crate as it lies in a project: there the contract is beside it, and no workspace above it.
pub(crate) fn sdk_file<'a>(name: &str, content: &'a [u8]) -> Cow<'a, [u8]> {
    let replacements: &[(&str, &str)] = match name {
        "Cargo.toml" => &IN_MANIFEST,
        "src/bindings.rs" => &IN_BINDINGS,
        _ => return Cow::Borrowed(content),
    };
    let mut text = String::from_utf8_lossy(content).into_owned();
    for (here, there) in replacements {
        text = text.replace(here, there);
    }
    Cow::Owned(text.into_bytes())
}

const IN_MANIFEST: [(&str, &str); 3] = [
    ("workspace = \"../../plugins\"\n", ""),
    ("[lints]\nworkspace = true\n\n", ""),
    (
        "# This crate lies in two places: here, and as `sdk/rust` in every Rust plugin project, where there is no workspace. So\n\
         # it states its own versions; the two mentions of the workspace are left out there (chancery-kit, `build/rust.rs`).\n",
        "# Written by `chancery plugin`: what you change here is lost.\n",
    ),
];

const IN_BINDINGS: [(&str, &str); 2] =
    [("\"../../wit/host\"", "\"../wit/chancery-host\""), ("\"../../wit/plugin\"", "\"../wit/chancery-plugin\"")];

/// Cargo, in a project.
struct Cargo<'a> {
    program: PathBuf,
    project: &'a Project,
    tools: &'a Tools,
}

/// The project's package.
struct Package {
    /// Where cargo puts what it builds.
    target_directory: PathBuf,
    /// The folder of the workspace that it belongs to.
    workspace_root: PathBuf,
}

impl Cargo<'_> {
    /// The package, before anything is compiled: most mistakes in a Cargo.toml show here.
    fn package(&self) -> Result<Package, BuildError> {
        let mut command = self.command("metadata");
        command.args(["--no-deps", "--format-version", "1"]);
        let output = self.output("reading Cargo.toml", self.tools.limits().step, &mut command)?;
        let metadata: Metadata = serde_json::from_slice(&output).map_err(|error| unreadable("metadata", &error))?;
        let manifest = self.manifest();
        let Some(package) = metadata.packages.iter().find(|package| package.manifest_path == manifest) else {
            return Err(BuildError::Language {
                message: format!("{} has no [package]", self.project.entry.display()),
                hint: "A plugin is one crate: let `entry` of plugin.toml name its Cargo.toml".to_owned(),
            });
        };
        if !package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")) {
            return Err(BuildError::Language {
                message: format!(
                    "{} makes no cdylib, and only a cdylib becomes a component",
                    self.project.entry.display()
                ),
                hint: "Put the code into src/lib.rs and add to Cargo.toml:\n  [lib]\n  crate-type = [\"cdylib\"]"
                    .to_owned(),
            });
        }
        Ok(Package { target_directory: metadata.target_directory, workspace_root: metadata.workspace_root })
    }

    /// The component. What cargo says goes to the author as it is.
    fn compile(&self, rustc: &Path, package: &Package) -> Result<Vec<u8>, BuildError> {
        let Package { target_directory, workspace_root } = package;
        // Projects of one name may share a target directory: another one's component must not come in between.
        let lock = target_directory.join("chancery-plugin.lock");
        let holder = format!("another build in {}", target_directory.display());
        let _locked = self.tools.locked(&lock, &holder)?;
        self.tools.say(&format!("cargo: a release build for {TARGET}"));
        let mut command = self.command("rustc");
        command.args(["--lib", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
        if !io::stderr().is_terminal() {
            command.arg("--quiet");
        }
        // What is the same for all projects is a flag for all crates, so that a shared target directory saves time.
        command.arg("--config").arg(flags(&renamed(target_directory)));
        command.arg("--").arg(flag(workspace_root, "/project"));
        // For this one call: the compiler may be another one than the system's.
        command.env("RUSTC", rustc);
        // They are for programs of this machine; flags for the target in a configuration file count.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let messages = self.output("compiling with cargo", self.tools.limits().long, &mut command)?;
        let manifest = self.manifest();
        let artifact = String::from_utf8_lossy(&messages).lines().find_map(|line| component(line, &manifest));
        let wasm = artifact.ok_or_else(|| unreadable("rustc", &"it names no component"))?;
        fs::read(&wasm).map_err(failed(&wasm))
    }

    fn manifest(&self) -> PathBuf {
        self.project.root.join(&self.project.entry)
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).arg("--manifest-path").arg(self.manifest()).current_dir(&self.project.root);
        // It runs beside the terminal's foreground, where nobody could answer a git that asks for a password.
        command.env("GIT_TERMINAL_PROMPT", "0");
        command
    }

    /// What it writes to stdout. Where it fails, it has said why.
    fn output(&self, what: &str, limit: Duration, command: &mut Command) -> Result<Vec<u8>, BuildError> {
        let output = self.tools.shown(what, limit, command)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(BuildError::Language {
            message: "the crate does not build: cargo says above what is wrong".to_owned(),
            hint: "`cargo check` says it too, quicker, and so does an editor with rust-analyzer".to_owned(),
        })
    }
}

/// Of what `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
}

#[derive(Deserialize)]
struct MetadataTarget {
    crate_types: Vec<String>,
}

/// Of one line of what `cargo build` says.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    target: Option<MetadataTarget>,
}

/// The component that a line announces, if it is the one of this package.
fn component(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    let library = message.target?.crate_types.iter().any(|kind| kind == "cdylib");
    if message.reason != "compiler-artifact" || message.manifest_path != manifest || !library {
        return None;
    }
    message.filenames.into_iter().find(|file| file.extension() == Some(OsStr::new("wasm")))
}

/// Paths of this machine, and what stands for them in panic messages.
fn renamed(target_directory: &Path) -> Vec<(PathBuf, &'static str)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    // The last that fits wins: it may lie in the other.
    home.map(|home| (home, "/cargo")).into_iter().chain([(target_directory.to_owned(), "/target")]).collect()
}

/// An entry of cargo's configuration: it joins those that the author has for the target.
fn flags(renamed: &[(PathBuf, &str)]) -> String {
    let flags = renamed.iter().map(|(from, to)| toml::Value::String(flag(from, to))).collect();
    format!("target.{TARGET}.rustflags={}", toml::Value::Array(flags))
}

fn flag(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

fn unreadable(subcommand: &str, fault: &dyn std::fmt::Display) -> BuildError {
    BuildError::Language {
        message: format!("what `cargo {subcommand}` says cannot be understood: {fault}"),
        hint: "Is a wrapper called cargo in front of it on PATH?".to_owned(),
    }
}

#[cfg(test)]
#[path = "rust_tests.rs"]
mod tests;
