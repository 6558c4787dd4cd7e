//! The grant file `<name>.toml`: what the operator allows a plugin, and how it is configured.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::limits::{Limits, LimitsSection};

/// How many files one grant may name.
const MAX_FILES: usize = 32;

/// A grant file, checked.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The digest the component must have, in lower-case hex.
    pub(crate) sha256: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) files: Vec<FileGrant>,
    pub(crate) config: serde_json::Map<String, Value>,
}

/// One granted file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileGrant {
    /// Where it is; absolute, or resolved against the plugin directory.
    pub(crate) host: PathBuf,
    /// The path under which the plugin opens it.
    pub(crate) guest: String,
}

impl Grant {
    /// Reads a grant file. `text` is empty where there is none. The error names the key.
    pub(crate) fn parse(text: &str, plugin_dir: &Path, ceilings: &Limits) -> Result<Self, String> {
        let file: GrantFile = toml::from_str(text).map_err(|e| e.to_string())?;
        Ok(Self {
            sha256: file.plugin.sha256.as_deref().map(checked_digest).transpose()?,
            limits: file.limits.resolve(ceilings)?,
            files: checked_files(file.grants.files, plugin_dir)?,
            config: to_json_object(file.config)?,
        })
    }

    /// What is granted, in words for the status.
    pub(crate) fn summary(&self) -> Vec<String> {
        let file = |f: &FileGrant| format!("files: {} as {}", f.host.display(), f.guest);
        self.files.iter().map(file).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantFile {
    #[serde(default)]
    plugin: PluginSection,
    #[serde(default)]
    limits: LimitsSection,
    #[serde(default)]
    grants: GrantsSection,
    #[serde(default)]
    config: toml::Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginSection {
    sha256: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantsSection {
    #[serde(default)]
    files: Vec<FileSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSection {
    host: PathBuf,
    guest: String,
}

fn checked_digest(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("plugin.sha256 must be 64 hexadecimal digits".to_owned())
    }
}

fn checked_files(files: Vec<FileSection>, plugin_dir: &Path) -> Result<Vec<FileGrant>, String> {
    if files.len() > MAX_FILES {
        return Err(format!("grants.files has more than {MAX_FILES} entries"));
    }
    let mut seen = BTreeSet::new();
    let mut checked = Vec::with_capacity(files.len());
    for file in files {
        if !file.guest.starts_with('/') {
            return Err(format!("grants.files: guest = {:?} must begin with \"/\"", file.guest));
        }
        if file.host.as_os_str().is_empty() {
            return Err("grants.files: host must not be empty".to_owned());
        }
        if !seen.insert(file.guest.clone()) {
            return Err(format!("grants.files: guest = {:?} stands twice", file.guest));
        }
        checked.push(FileGrant { host: plugin_dir.join(file.host), guest: file.guest });
    }
    Ok(checked)
}

fn to_json_object(table: toml::Table) -> Result<serde_json::Map<String, Value>, String> {
    let member = |(key, value)| {
        let value = to_json(value).map_err(|e| format!("config.{key}: {e}"))?;
        Ok((key, value))
    };
    table.into_iter().map(member).collect()
}

fn to_json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        // TOML dates have no counterpart in JSON; their text form is unambiguous.
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).ok_or_else(|| format!("{number} is not a JSON number"))?.into()
        }
        toml::Value::Array(items) => items.into_iter().map(to_json).collect::<Result<_, _>>().map(Value::Array)?,
        toml::Value::Table(table) => to_json_object(table).map(Value::Object)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Grant, String> {
        Grant::parse(text, Path::new("/plugins"), &Limits::ceilings())
    }

    #[test]
    fn nothing_granted_by_an_empty_file() {
        let grant = parse("").unwrap();
        assert!(grant.files.is_empty() && grant.config.is_empty() && grant.sha256.is_none());
        assert_eq!(grant.limits, Limits::defaults());
    }

    #[test]
    fn a_full_file() {
        let grant = parse(
            r#"
            [plugin]
            sha256 = "AB00000000000000000000000000000000000000000000000000000000000000"
            [limits]
            memory = "32MiB"
            [[grants.files]]
            host = "farmers.csv"
            guest = "/data/farmers.csv"
            [[grants.files]]
            host = "/srv/districts.csv"
            guest = "/data/districts.csv"
            [config]
            key = "id"
            since = 2024-05-06
            nested = { ratio = 0.5, on = true, list = [1, "two"] }
            "#,
        )
        .unwrap();
        assert!(grant.sha256.unwrap().starts_with("ab0"));
        assert_eq!(grant.files[0].host, Path::new("/plugins/farmers.csv"));
        assert_eq!(grant.files[1].host, Path::new("/srv/districts.csv"));
        assert_eq!(
            Value::Object(grant.config),
            serde_json::json!({
                "key": "id", "since": "2024-05-06",
                "nested": {"ratio": 0.5, "on": true, "list": [1, "two"]},
            })
        );
    }

    #[test]
    fn faults_name_the_key() {
        for (text, part) in [
            ("[grants.http]\nallow = []", "unknown field `http`"),
            ("[warm]\nmax_idle = 1", "unknown field `warm`"),
            ("[plugin]\nsha256 = \"abc\"", "plugin.sha256"),
            ("[[grants.files]]\nhost = \"a\"\nguest = \"a\"", "must begin with"),
            (
                "[[grants.files]]\nhost = \"a\"\nguest = \"/a\"\n[[grants.files]]\nhost = \"b\"\nguest = \"/a\"",
                "stands twice",
            ),
            ("[[grants.files]]\nhost = \"a\"", "missing field `guest`"),
            ("[[grants.files]]\nhost = \"\"\nguest = \"/a\"", "host must not be empty"),
            ("[config]\nx = nan", "config.x"),
            ("not toml", "expected"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
