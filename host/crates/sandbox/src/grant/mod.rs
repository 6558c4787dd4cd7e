//! The grant file `<name>.toml`: what the operator allows a plugin, and how it is configured.
//!
//! One module a capability: the section as it is written, and the grant that it becomes once it is
//! checked. Ports (`crate::ports`) take the grants.

mod config;
mod files;
mod http;
mod journal;
mod kv;
mod pieces;
mod reference;
mod secrets;
mod sign;
mod sql;
mod warm;
mod warnings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::limits::{Limits, LimitsSection};
use crate::status::Instance;

pub(crate) use files::FileGrant;
pub use http::{HttpGrant, InjectedHeader, Networks, TlsGrant};
pub(crate) use journal::JournalGrant;
pub use kv::KvGrant;
pub(crate) use pieces::Piece;
pub use reference::grant_reference;
pub(crate) use secrets::SecretsGrant;
pub use secrets::Text;
pub use sign::{Purpose, SignGrant};
pub use sql::{Parameter, StatementGrant};
pub(crate) use warm::Warm;
pub use warnings::grant_warnings;

/// A grant file, checked.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The digest the component must have, in lower-case hex.
    pub(crate) sha256: Option<String>,
    pub(crate) required: bool,
    /// Absent where every call has a fresh sandbox.
    pub(crate) warm: Option<Warm>,
    pub(crate) limits: Limits,
    pub(crate) files: Vec<FileGrant>,
    pub(crate) http: Option<HttpGrant>,
    pub(crate) sql: BTreeMap<String, StatementGrant>,
    pub(crate) kv: Option<KvGrant>,
    pub(crate) secrets: Option<SecretsGrant>,
    pub(crate) sign: BTreeMap<String, SignGrant>,
    pub(crate) journal: Option<JournalGrant>,
    pub(crate) config: serde_json::Map<String, Value>,
}

impl Grant {
    /// Reads a grant file. `text` is empty where there is none. The error names the key.
    pub(crate) fn parse(text: &str, plugin_dir: &Path, ceilings: &Limits) -> Result<Self, String> {
        let file: GrantFile = toml::from_str(text).map_err(|e| e.to_string())?;
        let grants = file.grants;
        Ok(Self {
            sha256: file.plugin.sha256.as_deref().map(checked_digest).transpose()?,
            required: file.plugin.required,
            warm: warm::checked(file.plugin.instance, file.warm)?,
            limits: file.limits.resolve(ceilings)?,
            files: files::checked(grants.files, plugin_dir)?,
            http: grants.http.map(|section| section.checked(plugin_dir)).transpose()?,
            sql: grants.sql.map(sql::SqlSection::checked).transpose()?.unwrap_or_default(),
            kv: grants.kv.map(kv::KvSection::checked).transpose()?,
            secrets: grants.secrets.map(secrets::SecretsSection::checked).transpose()?,
            sign: grants.sign.map(sign::SignSection::checked).transpose()?.unwrap_or_default(),
            journal: grants.journal.map(|section| section.checked(plugin_dir)).transpose()?,
            config: config::to_json_object(file.config)?,
        })
    }

    /// Whether the server waits for the plugin, told by a file that need not be right as a whole; `None`
    /// where not even that can be read.
    pub(crate) fn is_required(text: &str) -> Option<bool> {
        let file: toml::Table = toml::from_str(text).ok()?;
        let required = file.get("plugin").and_then(|plugin| plugin.get("required"));
        Some(required == Some(&toml::Value::Boolean(true)))
    }

    /// Files besides the granted ones whose content is part of a generation.
    pub(crate) fn attached(&self) -> impl Iterator<Item = &PathBuf> {
        self.http.iter().flat_map(HttpGrant::files)
    }

    /// What is granted, in words for the status.
    pub(crate) fn summary(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.files.iter().map(|file| format!("files: {} as {}", file.host.display(), file.guest)));
        lines.extend(self.http.iter().flat_map(HttpGrant::summary));
        lines.extend(self.sql.iter().map(|(name, statement)| statement.summary(name)));
        lines.extend(self.kv.as_ref().map(KvGrant::summary));
        lines.extend(self.secrets.iter().flat_map(SecretsGrant::summary));
        lines.extend(self.sign.iter().map(|(name, key)| key.summary(name)));
        lines.extend(self.journal.as_ref().map(JournalGrant::summary));
        lines
    }
}

/// Whether `text` is a grant file for a plugin in `plugin_dir`. The error names the key.
pub fn check_grant(text: &str, plugin_dir: &Path) -> Result<(), String> {
    Grant::parse(text, plugin_dir, &Limits::ceilings()).map(drop)
}

/// What an operator allows one plugin, and how it is configured: `NAME.toml` beside `NAME.wasm`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GrantFile {
    #[serde(default)]
    plugin: PluginSection,
    warm: Option<warm::WarmSection>,
    #[serde(default)]
    limits: LimitsSection,
    #[serde(default)]
    grants: GrantsSection,
    /// The plugin's own configuration, checked by the plugin; its README says what belongs here.
    /// Secrets do not: a plugin can log what it can read.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    config: toml::Table,
}

/// Which plugin this file is for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct PluginSection {
    /// SHA-256 of the `.wasm` file in hex: another file is refused. Needed where the server's trust
    /// is `pinned`.
    sha256: Option<String>,
    /// Whether the server is ready only while this plugin serves. Default false.
    #[serde(default)]
    required: bool,
    /// `"fresh"`: every call has a sandbox of its own. `"warm"`: calls of the same issuer may share one, which is
    /// faster where a plugin takes long to start. What one call leaves in the plugin's memory the next one can
    /// read, so a defect of the plugin can show one person's data to another; other issuers' calls never see
    /// it. Batches of an audit plugin hold all issuers' events, and share. Default `"fresh"`.
    #[serde(default)]
    instance: Instance,
}

/// The capabilities. What is not here is not linked into the plugin.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct GrantsSection {
    #[serde(default)]
    files: Vec<files::FileSection>,
    http: Option<http::HttpSection>,
    sql: Option<sql::SqlSection>,
    kv: Option<kv::KvSection>,
    secrets: Option<secrets::SecretsSection>,
    sign: Option<sign::SignSection>,
    journal: Option<journal::JournalSection>,
}

fn checked_digest(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("plugin.sha256 must be 64 hexadecimal digits".to_owned())
    }
}

/// A value within its bounds; the error names the key.
fn within<T: PartialOrd + Copy>(
    key: &str,
    value: T,
    least: T,
    most: T,
    show: impl Fn(T) -> String,
) -> Result<T, String> {
    if value < least || value > most {
        return Err(format!("{key} = {} is not within {} and {}", show(value), show(least), show(most)));
    }
    Ok(value)
}

/// A name that stands in grant files, server configuration and log lines.
fn checked_name(key: &str, name: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if fits { Ok(()) } else { Err(format!("{key}: {name:?} is no name: 1 to 64 letters, digits, '-', '_', '.'")) }
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
    fn sandboxes_are_reused_only_where_the_file_says_so() {
        assert_eq!(parse("").unwrap().warm, None);
        assert_eq!(parse("[plugin]\ninstance = \"fresh\"").unwrap().warm, None);
        let warm = parse("[plugin]\ninstance = \"warm\"\n[warm]\nmax_idle = 2").unwrap().warm.unwrap();
        assert_eq!(warm.max_idle, 2);
        let default = parse("[plugin]\ninstance = \"warm\"").unwrap().warm.unwrap();
        assert_eq!(default.max_idle, 4);
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
            ("[grants.sockets]\nallow = []", "unknown field `sockets`"),
            ("[warm]\nmax_idle = 1", "only with plugin.instance = \"warm\""),
            ("[plugin]\ninstance = \"fresh\"\n[warm]", "only with plugin.instance = \"warm\""),
            ("[plugin]\ninstance = \"actor\"", "unknown variant `actor`, expected `fresh` or `warm`"),
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
