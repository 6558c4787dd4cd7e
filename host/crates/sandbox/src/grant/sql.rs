//! `[grants.sql]`: named statements.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{checked_name, within};
use crate::quantity::{KIB, MIB, Size, Span, show_duration, show_size};

const MAX_STATEMENTS: usize = 256;
const MAX_TEXT: usize = 64 << 10;
const MAX_PARAMS: usize = 256;
const DEFAULT_ROWS: u32 = 100;
const MAX_ROWS: u32 = 10_000;
const DEFAULT_BYTES: u64 = MIB;
const MIN_BYTES: u64 = KIB;
const MAX_BYTES: u64 = 16 * MIB;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(10);

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementGrant {
    /// A database of the server's configuration.
    pub database: String,
    /// One SQL statement with the database's own placeholders.
    pub text: String,
    /// One for each placeholder, in their order.
    pub params: Vec<Parameter>,
    /// Rows of one run; what is beyond is cut.
    pub max_rows: u32,
    /// Bytes of one run; more is an error.
    pub max_bytes: u64,
    /// For one run.
    pub timeout: Duration,
    /// Whether it may change data.
    pub writes: bool,
}

/// Who fills a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// The plugin, with its next argument.
    Plugin,
    /// The host: the id of the call's subject.
    SubjectId,
    /// The host: a claim of the call's subject, by its path.
    SubjectClaim(Vec<String>),
    /// The host: the issuer.
    IssuerId,
    /// The host: the credential configuration.
    ConfigurationId,
}

impl StatementGrant {
    pub(crate) fn summary(&self, name: &str) -> String {
        let writes = if self.writes { ", may write" } else { "" };
        format!("sql: {name} on {}{writes}", self.database)
    }
}

/// SQL statements that the plugin may run by name (`chancery:host/sql`). It never sends SQL text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct SqlSection {
    /// The statements by name.
    statements: BTreeMap<String, StatementSection>,
}

/// One statement; `NAME` is what the plugin calls it by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct StatementSection {
    /// A database of the server's configuration (`[plugins.databases.NAME]`).
    database: String,
    /// One statement. Placeholders are the database's own: `$1` (PostgreSQL, SQLite), `?` (MySQL).
    text: String,
    /// Who fills each placeholder, in their order: `"@subject.id"`, `"@subject.claims.NAME"`,
    /// `"@issuer.id"` and `"@configuration.id"` are filled by the host from the call at hand, and the
    /// plugin cannot set them; `"plugin"` is the plugin's next argument.
    #[serde(default)]
    params: Vec<String>,
    /// Rows of one run; what is beyond is cut. Default 100, at most 10000.
    max_rows: Option<u32>,
    /// Bytes of one run; more is an error. Default 1MiB, at most 16MiB.
    max_bytes: Option<Size>,
    /// For one run. Default 1s, at most 10s.
    timeout: Option<Span>,
    /// Whether it may change data; otherwise its transaction is read-only. Default false.
    #[serde(default)]
    writes: bool,
}

impl SqlSection {
    pub(super) fn checked(self) -> Result<BTreeMap<String, StatementGrant>, String> {
        within("entries of grants.sql.statements", self.statements.len(), 1, MAX_STATEMENTS, |n| n.to_string())?;
        let check = |(name, section): (String, StatementSection)| {
            checked_name("grants.sql.statements", &name)?;
            let statement = section.checked().map_err(|error| format!("grants.sql.statements.{name}: {error}"))?;
            Ok((name, statement))
        };
        self.statements.into_iter().map(check).collect()
    }
}

impl StatementSection {
    fn checked(self) -> Result<StatementGrant, String> {
        checked_name("database", &self.database)?;
        if self.text.trim().is_empty() {
            return Err("text is empty".to_owned());
        }
        within("bytes of text", self.text.len(), 1, MAX_TEXT, |n| n.to_string())?;
        within("entries of params", self.params.len(), 0, MAX_PARAMS, |n| n.to_string())?;
        let timeout = self.timeout.map_or(DEFAULT_TIMEOUT, |span| span.0);
        let bytes = self.max_bytes.map_or(DEFAULT_BYTES, |size| size.0);
        Ok(StatementGrant {
            params: self.params.iter().map(|text| Parameter::parse(text)).collect::<Result<_, _>>()?,
            max_rows: within("max_rows", self.max_rows.unwrap_or(DEFAULT_ROWS), 1, MAX_ROWS, |n| n.to_string())?,
            max_bytes: within("max_bytes", bytes, MIN_BYTES, MAX_BYTES, show_size)?,
            timeout: within("timeout", timeout, Duration::from_millis(1), MAX_TIMEOUT, show_duration)?,
            database: self.database,
            text: self.text,
            writes: self.writes,
        })
    }
}

impl Parameter {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "plugin" => Ok(Self::Plugin),
            "@subject.id" => Ok(Self::SubjectId),
            "@issuer.id" => Ok(Self::IssuerId),
            "@configuration.id" => Ok(Self::ConfigurationId),
            _ => match text.strip_prefix("@subject.claims.") {
                Some(path) if path.split('.').all(|name| !name.is_empty()) => {
                    Ok(Self::SubjectClaim(path.split('.').map(str::to_owned).collect()))
                }
                _ => Err(format!(
                    "params: {text:?} is none of \"plugin\", \"@subject.id\", \"@subject.claims.NAME\", \
                     \"@issuer.id\", \"@configuration.id\""
                )),
            },
        }
    }
}
