//! Case files: what a plugin is asked, what stands in for everything outside of it, and what it must answer.

mod diagnostic;
mod exchange;
mod expect;
mod question;
mod scalars;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use toml::Spanned;

pub use diagnostic::CaseFileError;
pub use exchange::{Fault, HttpAnswer, HttpExchange, HttpPattern, SqlAnswer, SqlExchange};
pub use expect::{Blob, Body, ErrorName, Expect, ExpectedAttachment, Outcome, Rejection};
pub use question::{Event, Holder, Request};
pub use scalars::{Bytes, Cell, Json, Span, Timestamp};

/// A case file may be this large, and hold so many cases.
const MAX_BYTES: u64 = 8 << 20;
const MAX_CASES: usize = 10_000;

/// What a plugin's clock says where a case file says nothing.
const DEFAULT_CLOCK: &str = "2026-01-01T00:00:00Z";

/// A case file, checked.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Where it was read.
    pub path: PathBuf,
    /// What is there in every case, and while the plugin is loaded.
    pub common: Common,
    /// The cases in their order.
    pub cases: Vec<Case>,
}

/// What is there in every case.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// What the plugin's clock says.
    pub clock: DateTime<Utc>,
    /// Values of the secrets that the grant file names.
    pub secrets: BTreeMap<String, String>,
    /// Exchanges that may happen any number of times, or never.
    pub http: Vec<HttpExchange>,
    /// Statements that may be run any number of times, or never.
    pub sql: Vec<SqlExchange>,
    /// What the cache holds.
    pub kv: BTreeMap<String, String>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique within the file.
    pub name: String,
    /// What is called; where it is left out, what fits the plugin's kind.
    pub call: Option<Call>,
    /// What data providers and VC issuers are asked.
    pub request: Request,
    /// Whom a VC issuer's credential is to be bound to.
    pub holder: Holder,
    /// What `poll` is asked about.
    pub ticket: Vec<u8>,
    /// What audit plugins are given.
    pub events: Vec<Event>,
    /// In place of the grant file's `[config]`.
    pub config: Option<toml::Table>,
    /// What the plugin's clock says.
    pub clock: DateTime<Utc>,
    /// Exchanges that must happen.
    pub http: Vec<HttpExchange>,
    /// Statements that must be run.
    pub sql: Vec<SqlExchange>,
    /// What the cache holds at the beginning, with what it holds in every case.
    pub kv: BTreeMap<String, String>,
    /// What must come of it.
    pub expect: Expect,
}

/// A function of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    Fetch,
    Issue,
    Poll,
    Deliver,
    ValidateConfig,
    Prepare,
    Health,
}

impl CaseFile {
    /// Reads a case file.
    pub fn read(path: &Path) -> Result<Self, CaseFileError> {
        let unreadable = |reason: String| CaseFileError::Unreadable { path: path.to_owned(), reason };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(unreadable(format!("it has {size} bytes, the limit is {MAX_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a case file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, CaseFileError> {
        let wrong = |span, message: &str| CaseFileError::at(path, text, span, message);
        let file: RawFile = toml::from_str(text).map_err(|error| wrong(error.span(), error.message()))?;
        if file.cases.len() > MAX_CASES {
            return Err(wrong(None, &format!("{} cases, the limit is {MAX_CASES}", file.cases.len())));
        }
        let clock = match &file.clock {
            Some(clock) => *clock,
            None => Timestamp::parse(DEFAULT_CLOCK).map_err(|error| wrong(None, &error))?,
        };
        let clock = clock.0;
        let mut names = BTreeSet::new();
        let mut cases = Vec::with_capacity(file.cases.len());
        for spanned in file.cases {
            let span = spanned.span();
            let case = spanned.into_inner().completed(&file.request, clock, &file.kv);
            if !names.insert(case.name.clone()) {
                return Err(wrong(Some(span), "another case has this name: give each its own"));
            }
            cases.push(case);
        }
        let common = Common { clock, secrets: file.secrets, http: file.http, sql: file.sql, kv: file.kv };
        Ok(Self { path: path.to_owned(), common, cases })
    }
}

impl Call {
    /// As case files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Issue => "issue",
            Self::Poll => "poll",
            Self::Deliver => "deliver",
            Self::ValidateConfig => "validate-config",
            Self::Prepare => "prepare",
            Self::Health => "health",
        }
    }

    /// Whether it happens while the plugin is loaded.
    pub fn is_lifecycle(self) -> bool {
        matches!(self, Self::ValidateConfig | Self::Prepare | Self::Health)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    clock: Option<Timestamp>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    request: question::RawRequest,
    #[serde(default)]
    http: Vec<HttpExchange>,
    #[serde(default)]
    sql: Vec<SqlExchange>,
    #[serde(default)]
    kv: BTreeMap<String, String>,
    #[serde(default, rename = "case")]
    cases: Vec<Spanned<CheckedCase>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    call: Option<Call>,
    #[serde(default)]
    request: question::RawRequest,
    holder: Option<Holder>,
    ticket: Option<Bytes>,
    events: Option<Vec<Event>>,
    config: Option<toml::Table>,
    clock: Option<Timestamp>,
    #[serde(default)]
    http: Vec<HttpExchange>,
    #[serde(default)]
    sql: Vec<SqlExchange>,
    #[serde(default)]
    kv: BTreeMap<String, String>,
    expect: Expect,
}

/// A case whose parts fit each other.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawCase")]
struct CheckedCase(RawCase);

impl TryFrom<RawCase> for CheckedCase {
    type Error = String;

    fn try_from(case: RawCase) -> Result<Self, String> {
        if case.name.trim().is_empty() {
            return Err("name is empty: say in words what the case is about".to_owned());
        }
        if let (Some(call), Some(fitting)) = (case.call, case.expect.outcome.calls())
            && !fitting.contains(&call)
        {
            let outcome = case.expect.outcome.key();
            let names: Vec<&str> = fitting.iter().map(|call| call.name()).collect();
            return Err(format!("expect.{outcome} is for call = {}, and this is {}", names.join(" or "), call.name()));
        }
        if (case.call == Some(Call::Poll)) != case.ticket.is_some() {
            return Err("ticket belongs to call = \"poll\": it is the token of the ticket that `issue` gave".to_owned());
        }
        if case.holder.is_some() && !matches!(case.call, None | Some(Call::Issue)) {
            return Err("holder belongs to call = \"issue\"".to_owned());
        }
        if case.events.is_some() && !matches!(case.call, None | Some(Call::Deliver)) {
            return Err("events belong to call = \"deliver\"".to_owned());
        }
        Ok(Self(case))
    }
}

impl CheckedCase {
    fn completed(self, common: &question::RawRequest, clock: DateTime<Utc>, kv: &BTreeMap<String, String>) -> Case {
        let case = self.0;
        Case {
            call: case.call.or_else(|| implied(&case.expect.outcome)),
            request: common.overridden(case.request),
            holder: case.holder.unwrap_or_default(),
            ticket: case.ticket.map(|ticket| ticket.0).unwrap_or_default(),
            events: case.events.unwrap_or_else(|| vec![Event::default()]),
            config: case.config,
            clock: case.clock.map_or(clock, |clock| clock.0),
            http: case.http,
            sql: case.sql,
            kv: kv.iter().map(|(key, value)| (key.clone(), value.clone())).chain(case.kv).collect(),
            name: case.name,
            expect: case.expect,
        }
    }
}

/// What an expectation says about the call that it is about.
fn implied(outcome: &Outcome) -> Option<Call> {
    match outcome {
        Outcome::Problems(_) => Some(Call::ValidateConfig),
        Outcome::Done => Some(Call::Health),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
