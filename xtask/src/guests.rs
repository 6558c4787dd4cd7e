//! `cargo xtask plugins`: every plugin of plugins/ as a component in target/plugins/.
//!
//! A plugin asks the operator for what its component imports. Each plugin's Cargo.toml says which
//! capabilities that should be, and a build with other imports fails: a stray call in a dependency
//! must not widen what operators are asked to grant.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use chancery_kit::{Tools, ToolsError, inspect, tools::Telling, write_by_rename};
use serde_json::Value;

use crate::paths;

const TARGET: &str = "wasm32-wasip2";

#[derive(Debug, thiserror::Error)]
pub(crate) enum GuestsError {
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error("cannot run cargo: {0}")]
    Start(io::Error),
    /// Cargo has said on stderr what is wrong.
    #[error("the plugins do not build")]
    Build,
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {message}", path.display())]
    Manifest { path: PathBuf, message: String },
    #[error("{}: {message}", path.display())]
    NotComponent { path: PathBuf, message: String },
    #[error(
        "{name} imports the capabilities {imported:?}, but [package.metadata.chancery] of its \
         Cargo.toml says capabilities = {declared:?}"
    )]
    Capabilities { name: String, imported: BTreeSet<String>, declared: BTreeSet<String> },
}

/// A plugin that was built.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) name: String,
    /// In target/plugins/.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// What the operator has to grant.
    pub(crate) capabilities: BTreeSet<String>,
}

pub(crate) fn run() -> Result<(), GuestsError> {
    for guest in build()? {
        let wants = if guest.capabilities.is_empty() {
            "nothing".to_owned()
        } else {
            Vec::from_iter(guest.capabilities).join(", ")
        };
        let kib = guest.bytes.div_ceil(1024);
        println!("{:<16} {kib:>5} KiB  wants {wants:<8}  {}", guest.name, guest.path.display());
    }
    Ok(())
}

/// Builds all of them; what has not changed since the last time is left alone.
pub(crate) fn build() -> Result<Vec<Guest>, GuestsError> {
    let tools = Tools::new(paths::target(), Box::new(|line| eprintln!("{line}")));
    let rustc = tools.rustc(paths::root(), Telling::Everything)?;
    let mut guests = Vec::new();
    for artifact in compile(&rustc)? {
        guests.push(install(&artifact)?);
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

/// A component as cargo left it.
struct Artifact {
    manifest: PathBuf,
    wasm: PathBuf,
}

fn compile(rustc: &Path) -> Result<Vec<Artifact>, GuestsError> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--workspace"])
        .args(["--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(paths::root().join("plugins/Cargo.toml"))
        .arg("--target-dir")
        .arg(paths::target().join("guests"))
        .current_dir(paths::root())
        // For this one call: the compiler may be another one than the host's.
        .env("RUSTC", rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", remap_flags())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(GuestsError::Start)?;
    if !output.status.success() {
        return Err(GuestsError::Build);
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(messages.lines().filter_map(artifact).collect())
}

/// Panic messages carry source paths; none of this machine's may end up in a plugin.
fn remap_flags() -> String {
    let mut flags = vec![remap(paths::root(), "/chancery")];
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    flags.extend(cargo_home.map(|home| remap(&home, "/cargo")));
    flags.join("\u{1f}")
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

/// One line of cargo's messages, if it announces a component.
fn artifact(line: &str) -> Option<Artifact> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let mut files = message["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let wasm = files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))?;
    Some(Artifact { manifest: message["manifest_path"].as_str()?.into(), wasm })
}

fn install(artifact: &Artifact) -> Result<Guest, GuestsError> {
    let (name, declared) = manifest(&artifact.manifest)?;
    let wasm = read(&artifact.wasm)?;
    let not_component = |message| GuestsError::NotComponent { path: artifact.wasm.clone(), message };
    let imported = inspect::capabilities(&wasm).map_err(not_component)?;
    if imported != declared {
        return Err(GuestsError::Capabilities { name, imported, declared });
    }
    let path = paths::built_plugins().join(format!("{name}.wasm"));
    write_by_rename(&path, &wasm).map_err(|source| GuestsError::File { path: path.clone(), source })?;
    Ok(Guest { name, path, bytes: wasm.len() as u64, capabilities: imported })
}

/// The plugin's name, and the capabilities that it says it needs.
fn manifest(path: &Path) -> Result<(String, BTreeSet<String>), GuestsError> {
    let fault = |message: String| GuestsError::Manifest { path: path.to_owned(), message };
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let manifest: toml::Value = toml::from_str(&text).map_err(|error| fault(error.to_string()))?;
    let package = manifest.get("package");
    let name = package.and_then(|package| package.get("name")?.as_str());
    let declared = package.and_then(|package| {
        let names = package.get("metadata")?.get("chancery")?.get("capabilities")?;
        names.as_array()?.iter().map(|name| Some(name.as_str()?.to_owned())).collect()
    });
    name.map(str::to_owned)
        .zip(declared)
        .ok_or_else(|| fault("[package.metadata.chancery] needs capabilities = […]".to_owned()))
}

fn read(path: &Path) -> Result<Vec<u8>, GuestsError> {
    fs::read(path).map_err(|source| GuestsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_told_from_other_artifacts() {
        let line =
            r#"{"reason":"compiler-artifact","manifest_path":"/m/Cargo.toml","filenames":["/t/a.d","/t/a.wasm"]}"#;
        assert!(artifact(line).is_some_and(|found| found.wasm == Path::new("/t/a.wasm")));
        assert!(artifact(&line.replace("a.wasm", "a.rlib")).is_none());
        assert!(artifact(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(artifact("not json").is_none());
    }
}
