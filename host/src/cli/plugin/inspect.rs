//! `chancery plugin inspect`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chancery_kit::inspect::{Inspection, inspect};
use clap::Args;
use serde::Serialize;

use super::super::{Failure, Quiet, load, print_json, print_line};
use super::kit::{names, project, shown, size};
use super::signing::{read, signature_path};
use crate::plugins::trust::{SignatureFile, read_key, verify};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  chancery plugin inspect build/farmer-registry.wasm\n  \
                        chancery plugin inspect --key z6Mk… farmer-registry.wasm --json")]
pub(in crate::cli) struct Arguments {
    /// A component, or a project that was built.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Who may have signed it: a Multikey (`z6Mk…`) or a PEM file; may be given several times. Without one, the keys
    /// of the configuration, where there is one.
    #[arg(long = "key")]
    keys: Vec<String>,
    /// Everything as JSON.
    #[arg(long)]
    json: bool,
}

/// What the signature beside the component says.
#[derive(Debug, Serialize)]
struct Signature {
    /// Who signed it, as the file claims.
    key: Option<String>,
    /// Whether it was checked against a key that may sign, and is right. Absent where there was no key to check with.
    verified: Option<bool>,
    /// Why it is not accepted.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    file: String,
    #[serde(flatten)]
    component: &'a Inspection,
    signature: Option<Signature>,
}

pub(super) fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let file = if arguments.file.is_dir() { built(&arguments.file)? } else { arguments.file.clone() };
    let wasm = read(&file)?;
    let component = inspect(&wasm).map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
    let signature = signature(config, &arguments.keys, &file, &wasm)?;
    let report = Report { file: file.display().to_string(), component: &component, signature };
    if arguments.json {
        return print_json(&report);
    }
    print_line(&text(&report));
    Ok(())
}

fn built(dir: &Path) -> Result<PathBuf, Failure> {
    let project = project(dir)?;
    let file = PathBuf::from(shown(dir, &project, &project.component()));
    if file.is_file() {
        return Ok(file);
    }
    Err(Failure::Usage(format!("{} is not there: run `chancery plugin build` first", file.display())))
}

fn signature(config: &Path, keys: &[String], file: &Path, wasm: &[u8]) -> Result<Option<Signature>, Failure> {
    let path = signature_path(file);
    let keys =
        if keys.is_empty() && config.is_file() { load(config, Quiet::Yes)?.plugins.trust.keys } else { keys.to_vec() };
    let keys = keys.iter().map(|key| read_key(key)).collect::<Result<Vec<_>, _>>().map_err(Failure::Usage)?;
    if !path.exists() {
        return Ok(None);
    }
    let content = read(&path)?;
    let key = serde_json::from_slice::<SignatureFile>(&content).ok().map(|signature| signature.key);
    Ok(Some(match verify(&keys, wasm, &content) {
        Ok(key) => Signature { key: Some(key), verified: Some(true), reason: None },
        // Without a key nothing is said about it.
        Err(_) if keys.is_empty() && key.is_some() => Signature { key, verified: None, reason: None },
        Err(error) => Signature { key, verified: Some(false), reason: Some(error.to_string()) },
    }))
}

fn text(report: &Report<'_>) -> String {
    let component = report.component;
    let mut rows = vec![
        ("kind", component.kind.map_or_else(|| "none".to_owned(), |kind| kind.to_string())),
        ("contract", component.contract.clone().unwrap_or_else(|| "none".to_owned())),
        ("wants", names(&component.capabilities)),
        ("imports", ambient(&component.ambient)),
        ("sha256", component.sha256.clone()),
        ("signed", signed(report.signature.as_ref())),
        (
            "size",
            format!("{}, {} without custom sections", size(component.bytes), size(component.bytes_of_code_and_data)),
        ),
    ];
    for (field, made) in &component.producers {
        let made: Vec<String> =
            made.iter().map(|(name, version)| format!("{name} {version}").trim_end().to_owned()).collect();
        rows.push((field, made.join(", ")));
    }
    rows.extend(component.recorded.iter().map(|(name, value)| (name.as_str(), value.clone())));
    rows.extend(component.problems.iter().map(|problem| ("problem", problem.clone())));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    format!("{}\n{}", report.file, lines.join("\n"))
}

/// What toolchains bring along, by package: nobody wants to read thirty interfaces.
fn ambient(imports: &[String]) -> String {
    let packages: BTreeSet<&str> = imports.iter().filter_map(|import| import.split('/').next()).collect();
    if packages.is_empty() {
        return "no WASI".to_owned();
    }
    format!("{}, with nothing behind them", packages.into_iter().collect::<Vec<_>>().join(", "))
}

fn signed(signature: Option<&Signature>) -> String {
    let Some(Signature { key, verified, reason }) = signature else { return "no".to_owned() };
    let key = key.as_deref().unwrap_or("nobody that can be read");
    match (verified, reason) {
        (Some(true), _) => format!("by {key}, verified"),
        (_, Some(reason)) => format!("by {key}, REFUSED: {reason}"),
        _ => format!("by {key} (not checked: give --key, or list plugins.trust.keys in the configuration)"),
    }
}
