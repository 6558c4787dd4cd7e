//! `chancery plugin inspect`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chancery_kit::inspect::{Inspection, inspect};
use chancery_sandbox::printable;
use clap::Args;
use serde::Serialize;

use super::super::{Failure, Quiet, load, print_json, print_line};
use super::kit::{names, project, shown, size};
use super::signing::{read, signature_path};
use crate::plugins::trust::{SignatureFile, read_key, verify};

/// Bytes of one value, and rows, that are printed of a file.
const MAX_VALUE: usize = 2048;
const MAX_ROWS: usize = 64;

/// Bytes of a signer's key, as its file claims it, that are printed. Those that can be right have 48.
const MAX_KEY: usize = 96;

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
    let component = inspect(&wasm)
        .map_err(|error| Failure::Failed(format!("{}: {}", file.display(), printable(&error, MAX_VALUE))))?;
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

/// Row by row. Whatever it says, the file stays inside of its values.
fn text(report: &Report<'_>) -> String {
    let rows = rows(report);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let row = |(name, value): &(&str, String)| format!("{name:width$}  {}", printable(value, MAX_VALUE));
    let mut lines: Vec<String> = rows.iter().take(MAX_ROWS).map(row).collect();
    let more = rows.len().saturating_sub(MAX_ROWS);
    if more > 0 {
        lines.push(format!("and {more} more rows"));
    }
    format!("{}\n{}", printable(&report.file, MAX_VALUE), lines.join("\n"))
}

fn rows<'a>(report: &Report<'a>) -> Vec<(&'a str, String)> {
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
    rows
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
    // Cut on its own, so that what we say about it is always seen.
    let key = printable(key.as_deref().unwrap_or("nobody that can be read"), MAX_KEY);
    match (verified, reason) {
        (Some(true), _) => format!("by {key}, verified"),
        (_, Some(reason)) => format!("by {key}, REFUSED: {reason}"),
        _ => format!("by {key} (not checked: give --key, or list plugins.trust.keys in the configuration)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with its length before it, which must be below 128.
    fn string(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 128);
        [&[length], text.as_bytes()].concat()
    }

    /// A component of nothing but a `producers` section with one field.
    fn made_by(field: &str, name: &str, version: &str) -> Vec<u8> {
        let content = [string("producers"), vec![1], string(field), vec![1], string(name), string(version)].concat();
        let length = content.len();
        let length = [u8::try_from(length & 0x7F).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()];
        [&b"\0asm\x0d\0\x01\0"[..], &[0], &length, &content].concat()
    }

    fn printed(wasm: &[u8], signature: Option<Signature>) -> String {
        let component = inspect(wasm).unwrap();
        text(&Report { file: "p.wasm".to_owned(), component: &component, signature })
    }

    fn unchecked(key: &str) -> Signature {
        Signature { key: Some(key.to_owned()), verified: None, reason: None }
    }

    #[test]
    fn a_file_cannot_steer_the_terminal() {
        let name = "rustc\u{1b}[2J\u{9b}1m\nsigned  by z6Mk, verified\r\u{202e}";
        let shown = printed(&made_by("language", name, "\u{7f}1"), Some(unchecked("z6\u{1b}]0;title\u{7}\nsize  1 B")));
        let plain = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(shown.chars().all(plain), "{shown:?}");
        assert!(shown.contains("language  rustc\\u{1b}[2J\\u{9b}1m\\u{a}signed  by"), "{shown}");
        for name in ["signed", "size"] {
            assert_eq!(shown.lines().filter(|line| line.starts_with(name)).count(), 1, "{shown}");
        }
    }

    #[test]
    fn a_file_adds_no_rows_that_look_like_ours() {
        let shown = printed(&made_by("signed", "by z6Mk, verified", ""), None);
        assert!(shown.contains("\nsigned    no\n") && !shown.contains("verified"), "{shown}");
    }

    #[test]
    fn what_a_file_says_is_cut() {
        let shown = printed(&made_by("sdk", "", ""), Some(unchecked(&format!("z6Mk, verified{}", "x".repeat(9_000)))));
        let signed = shown.lines().find(|line| line.starts_with("signed")).unwrap();
        assert!(signed.len() < 300 && signed.contains("x… (not checked"), "{signed}");

        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        wasm.extend((0..100).flat_map(|n| made_by("language", &format!("l{n}"), &"1".repeat(100)).split_off(8)));
        let language = printed(&wasm, None);
        let language = language.lines().find(|line| line.starts_with("language")).unwrap();
        assert!(language.len() < MAX_VALUE + 30 && language.ends_with('…'), "{}", language.len());

        let imports: Vec<_> = (0..100).map(|n| format!("(import \"acme:thing/t{n}\" (instance))")).collect();
        let shown = printed(&wat::parse_str(format!("(component {})", imports.concat())).unwrap(), None);
        assert!(shown.lines().count() == MAX_ROWS + 2 && shown.ends_with("more rows"), "{shown}");
    }
}
