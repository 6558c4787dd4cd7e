//! What must come of a case.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Call;
use super::question::JsonObject;
use super::scalars::{Json, Span, Timestamp, from_base64, to_json};

/// What must come of a case. In all texts `*` stands for anything, unless it has a backslash before it; a text that is
/// `*` alone, for any value.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawExpect")]
pub struct Expect {
    /// What the call gives.
    pub outcome: Outcome,
    /// JSON pointers into claims, or into a credential and its metadata, that are not compared.
    pub ignore: Vec<String>,
    /// The journal's lines afterwards; not compared where it is left out.
    pub journal: Option<Vec<Value>>,
    /// What the cache holds afterwards; not compared where it is left out.
    pub kv: Option<BTreeMap<String, Value>>,
    /// Each must fit a line that the plugin logged.
    pub logs: Vec<String>,
}

/// What a call gives.
#[derive(Clone, Debug)]
pub enum Outcome {
    Claims {
        claims: Map<String, Value>,
        attachments: Vec<ExpectedAttachment>,
        valid_until: Option<DateTime<Utc>>,
    },
    Error {
        error: ErrorName,
        message: Option<String>,
        detail: Option<String>,
        retry_after: Option<Duration>,
    },
    Issued {
        format: Option<String>,
        body: Body,
        external_id: Option<String>,
        metadata: Option<Value>,
    },
    Pending {
        ticket: Option<String>,
        retry_after: Option<Duration>,
    },
    Receipt {
        delivered: Vec<String>,
        rejected: Vec<Rejection>,
    },
    /// Path and message of each.
    Problems(Vec<(String, String)>),
    /// The call succeeds, and has nothing to say.
    Done,
}

/// An attachment.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawAttachment")]
pub struct ExpectedAttachment {
    pub name: String,
    pub media_type: Option<String>,
    pub content: Option<Blob>,
}

/// What is known of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blob {
    Sha256(String),
    Bytes(Vec<u8>),
    Size(u64),
}

/// A credential's bytes.
#[derive(Clone, Debug)]
pub enum Body {
    Any,
    Json(Value),
    Text(String),
}

/// A rejected event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    pub id: String,
    pub reason: Option<String>,
}

/// How calls fail: what a plugin says, and what the host says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorName {
    NotFound,
    Denied,
    InvalidRequest,
    Unavailable,
    Misconfigured,
    Internal,
    Trapped,
    Limit,
    InvalidOutput,
}

impl ErrorName {
    /// As case files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::InvalidRequest => "invalid-request",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::Internal => "internal",
            Self::Trapped => "trapped",
            Self::Limit => "limit",
            Self::InvalidOutput => "invalid-output",
        }
    }
}

impl Outcome {
    /// The member of `expect` that states it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Claims { .. } => "claims",
            Self::Error { .. } => "error",
            Self::Issued { .. } => "issued",
            Self::Pending { .. } => "pending",
            Self::Receipt { .. } => "delivered",
            Self::Problems(_) => "problems",
            Self::Done => "ok",
        }
    }

    /// The calls that may give it; `None` for any.
    pub(super) fn calls(&self) -> Option<&'static [Call]> {
        match self {
            Self::Claims { .. } => Some(&[Call::Fetch]),
            Self::Issued { .. } | Self::Pending { .. } => Some(&[Call::Issue, Call::Poll]),
            Self::Receipt { .. } => Some(&[Call::Deliver]),
            Self::Problems(_) => Some(&[Call::ValidateConfig]),
            Self::Done => Some(&[Call::ValidateConfig, Call::Prepare, Call::Health]),
            Self::Error { .. } => None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    claims: Option<JsonObject>,
    attachments: Option<Vec<ExpectedAttachment>>,
    valid_until: Option<Timestamp>,
    error: Option<ErrorName>,
    message: Option<String>,
    detail: Option<String>,
    retry_after: Option<Span>,
    issued: Option<RawIssued>,
    pending: Option<RawPending>,
    delivered: Option<Vec<String>>,
    rejected: Option<Vec<Rejection>>,
    problems: Option<Vec<RawProblem>>,
    ok: Option<bool>,
    #[serde(default)]
    ignore: Vec<String>,
    journal: Option<Vec<Json>>,
    kv: Option<BTreeMap<String, toml::Value>>,
    #[serde(default)]
    logs: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssued {
    format: Option<String>,
    json: Option<Json>,
    body: Option<String>,
    external_id: Option<String>,
    metadata: Option<JsonObject>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPending {
    ticket: Option<String>,
    retry_after: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProblem {
    path: String,
    #[serde(default = "anything")]
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAttachment {
    name: String,
    media_type: Option<String>,
    sha256: Option<String>,
    base64: Option<String>,
    size: Option<u64>,
}

fn anything() -> String {
    "*".to_owned()
}

const ONE_OF: &str = "expect says one thing: claims, error, issued, pending, delivered (with rejected), problems, or ok = \
                      true";

impl TryFrom<RawExpect> for Expect {
    type Error = String;

    fn try_from(raw: RawExpect) -> Result<Self, String> {
        let stated = [
            raw.claims.is_some(),
            raw.error.is_some(),
            raw.issued.is_some(),
            raw.pending.is_some(),
            raw.delivered.is_some() || raw.rejected.is_some(),
            raw.problems.is_some(),
            raw.ok.is_some(),
        ];
        if stated.into_iter().filter(|is_there| *is_there).count() != 1 {
            return Err(ONE_OF.to_owned());
        }
        raw.check_places()?;
        if let Some(pointer) = raw.ignore.iter().find(|pointer| !pointer.starts_with('/')) {
            return Err(format!("ignore: {pointer:?} is no JSON pointer: it begins with /"));
        }
        let in_json = |kv: BTreeMap<String, toml::Value>| {
            kv.into_iter().map(|(key, value)| Ok((key, to_json(value)?))).collect::<Result<_, String>>()
        };
        Ok(Self {
            journal: raw.journal.clone().map(|lines| lines.into_iter().map(|Json(line)| line).collect()),
            kv: raw.kv.clone().map(in_json).transpose()?,
            logs: raw.logs.clone(),
            ignore: raw.ignore.clone(),
            outcome: raw.outcome()?,
        })
    }
}

impl RawExpect {
    /// Members that say more about one outcome belong to no other.
    fn check_places(&self) -> Result<(), String> {
        for (key, is_there, of, fits) in [
            ("attachments", self.attachments.is_some(), "claims", self.claims.is_some()),
            ("valid_until", self.valid_until.is_some(), "claims", self.claims.is_some()),
            ("message", self.message.is_some(), "error", self.error.is_some()),
            ("detail", self.detail.is_some(), "error", self.error.is_some()),
            ("retry_after", self.retry_after.is_some(), "error", self.error.is_some()),
            ("ignore", !self.ignore.is_empty(), "claims", self.claims.is_some() || self.issued.is_some()),
        ] {
            if is_there && !fits {
                return Err(format!("expect.{key} belongs to expect.{of}"));
            }
        }
        if self.ok == Some(false) {
            return Err("ok = false: say what fails: error = \"…\" or problems = […]".to_owned());
        }
        Ok(())
    }

    fn outcome(self) -> Result<Outcome, String> {
        if let Some(JsonObject(claims)) = self.claims {
            let valid_until = self.valid_until.map(|Timestamp(at)| at);
            return Ok(Outcome::Claims { claims, attachments: self.attachments.unwrap_or_default(), valid_until });
        }
        if let Some(error) = self.error {
            let retry_after = self.retry_after.map(|Span(duration)| duration);
            return Ok(Outcome::Error { error, message: self.message, detail: self.detail, retry_after });
        }
        if let Some(issued) = self.issued {
            return issued.checked();
        }
        if let Some(RawPending { ticket, retry_after }) = self.pending {
            return Ok(Outcome::Pending { ticket, retry_after: retry_after.map(|Span(duration)| duration) });
        }
        if let Some(problems) = self.problems {
            return Ok(Outcome::Problems(
                problems.into_iter().map(|problem| (problem.path, problem.message)).collect(),
            ));
        }
        if self.ok.is_some() {
            return Ok(Outcome::Done);
        }
        Ok(Outcome::Receipt {
            delivered: self.delivered.unwrap_or_default(),
            rejected: self.rejected.unwrap_or_default(),
        })
    }
}

impl RawIssued {
    fn checked(self) -> Result<Outcome, String> {
        let body = match (self.json, self.body) {
            (Some(Json(value)), None) => Body::Json(value),
            (None, Some(text)) => Body::Text(text),
            (None, None) => Body::Any,
            (Some(_), Some(_)) => {
                return Err("issued has json and body: one of them says what the bytes are".to_owned());
            }
        };
        let metadata = self.metadata.map(|JsonObject(members)| Value::Object(members));
        Ok(Outcome::Issued { format: self.format, body, external_id: self.external_id, metadata })
    }
}

impl TryFrom<RawAttachment> for ExpectedAttachment {
    type Error = String;

    fn try_from(raw: RawAttachment) -> Result<Self, String> {
        let content = match (raw.sha256, raw.base64, raw.size) {
            (None, None, None) => None,
            (Some(digest), None, None) => Some(Blob::Sha256(digest.to_ascii_lowercase())),
            (None, Some(text), None) => Some(Blob::Bytes(from_base64(&text)?)),
            (None, None, Some(size)) => Some(Blob::Size(size)),
            _ => return Err("an attachment states one of sha256, base64 and size".to_owned()),
        };
        Ok(Self { name: raw.name, media_type: raw.media_type, content })
    }
}
