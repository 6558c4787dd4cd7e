//! Whether what came is what was expected.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_sandbox::{Attachment, CallError, Fetched, Issuance, IssuedCredential, Receipt};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cases::{Blob, Body, ErrorName, Expect, ExpectedAttachment, Outcome, Rejection};
use crate::diff::{Difference, differences};
use crate::pattern::fits;
use crate::recorder::LogLine;
use crate::site::LoadFailure;

/// Hosts show so many problems of a configuration, and are silent about the rest.
const MAX_PROBLEMS: usize = 20;

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Got {
    Fetched(Fetched),
    Issuance(Issuance),
    Receipt(Receipt),
    /// Path and message of each.
    Problems(Vec<(String, String)>),
    Done,
    Failed(Failed),
    /// The plugin does not serve, and the case is not about that.
    NotLoaded(LoadFailure),
}

/// A call that failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error: Option<ErrorName>,
    /// What the plugin says to the holder; `None` where the host says it all.
    pub(crate) message: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) retry_after_ms: Option<u128>,
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        let name = match &error {
            CallError::NotFound(_) => Some(ErrorName::NotFound),
            CallError::Denied(_) => Some(ErrorName::Denied),
            CallError::InvalidRequest(_) => Some(ErrorName::InvalidRequest),
            CallError::Unavailable { .. } => Some(ErrorName::Unavailable),
            CallError::Misconfigured(_) => Some(ErrorName::Misconfigured),
            CallError::Internal(_) => Some(ErrorName::Internal),
            CallError::Trapped { .. } => Some(ErrorName::Trapped),
            CallError::Limit { .. } => Some(ErrorName::Limit),
            CallError::InvalidOutput { .. } => Some(ErrorName::InvalidOutput),
            CallError::Unknown { .. }
            | CallError::NotActive { .. }
            | CallError::WrongKind { .. }
            | CallError::Paused { .. }
            | CallError::Busy { .. } => None,
        };
        let whole = error.detail();
        match error {
            CallError::NotFound(said)
            | CallError::Denied(said)
            | CallError::InvalidRequest(said)
            | CallError::Misconfigured(said)
            | CallError::Internal(said) => {
                Self { error: name, message: Some(said.public), detail: said.detail, retry_after_ms: None }
            }
            CallError::Unavailable { message, retry_after } => Self {
                error: name,
                message: Some(message.public),
                detail: message.detail,
                retry_after_ms: retry_after.map(|after| after.as_millis()),
            },
            _ => Self { error: name, message: None, detail: Some(whole), retry_after_ms: None },
        }
    }
}

impl Failed {
    /// Reads what a sandbox says about a lifecycle call that failed: `misconfigured: MESSAGE (DETAIL)`.
    pub(crate) fn of_lifecycle(said: &str) -> Self {
        const LABELS: [(&str, ErrorName); 6] = [
            ("not found: ", ErrorName::NotFound),
            ("denied: ", ErrorName::Denied),
            ("invalid request: ", ErrorName::InvalidRequest),
            ("unavailable: ", ErrorName::Unavailable),
            ("misconfigured: ", ErrorName::Misconfigured),
            ("internal error: ", ErrorName::Internal),
        ];
        for (label, error) in LABELS {
            let Some(said) = said.strip_prefix(label) else { continue };
            let parts = said.split_once(" (").and_then(|(message, detail)| Some((message, detail.strip_suffix(')')?)));
            let (message, detail) = parts.map_or((said, None), |(message, detail)| (message, Some(detail)));
            return Self {
                error: Some(error),
                message: Some(message.to_owned()),
                detail: detail.map(str::to_owned),
                retry_after_ms: None,
            };
        }
        let error = if said.starts_with("crashed: ") {
            Some(ErrorName::Trapped)
        } else if said.starts_with("invalid output: ") {
            Some(ErrorName::InvalidOutput)
        } else {
            said.contains(" limit reached: ").then_some(ErrorName::Limit)
        };
        Self { error, message: None, detail: Some(said.to_owned()), retry_after_ms: None }
    }

    fn shown(&self) -> String {
        let name = self.error.map_or("no answer", ErrorName::name);
        let mut shown = format!("error {name}");
        if let Some(message) = &self.message {
            shown.push_str(&format!(": {message}"));
        }
        if let Some(detail) = &self.detail {
            shown.push_str(&format!(" ({detail})"));
        }
        shown
    }
}

/// Where what came differs from what a case expects.
pub(crate) fn judge(expect: &Expect, got: &Got) -> Vec<Difference> {
    let ignore = &expect.ignore;
    match (&expect.outcome, got) {
        (Outcome::Claims { claims, attachments, valid_until }, Got::Fetched(fetched)) => {
            let (expected, got) = (Value::Object(claims.clone()), Value::Object(fetched.claims.clone()));
            let mut found = differences("claims", &expected, &got, ignore);
            found.extend(of_attachments(attachments, &fetched.attachments));
            found.extend(of_end(*valid_until, fetched.valid_until));
            found
        }
        (Outcome::Error { error, message, detail, retry_after }, Got::Failed(failed)) => {
            if failed.error != Some(*error) {
                return vec![Difference::new("error", error.name(), failed.shown())];
            }
            let mut found = of_text("message", message.as_deref(), failed.message.as_deref());
            found.extend(of_text("detail", detail.as_deref(), failed.detail.as_deref()));
            let expected = retry_after.map(|after| after.as_millis());
            found.extend(expected.and_then(|expected| of_ms("retry_after", expected, failed.retry_after_ms)));
            found
        }
        (Outcome::Issued { format, body, external_id, metadata }, Got::Issuance(Issuance::Issued(credential))) => {
            let mut found = of_text("issued/format", format.as_deref(), Some(&credential.format));
            found.extend(of_body(body, credential, ignore));
            let external = external_id.as_deref();
            found.extend(of_text("issued/external_id", external, credential.external_id.as_deref()));
            if let Some(expected) = metadata {
                let got = Value::Object(credential.metadata.clone());
                found.extend(differences("issued/metadata", expected, &got, ignore));
            }
            found
        }
        (Outcome::Pending { ticket, retry_after }, Got::Issuance(Issuance::Pending(got))) => {
            let token = shown_bytes(&got.token);
            let mut found = of_text("pending/ticket", ticket.as_deref(), Some(&token));
            let (expected, got) = (retry_after.map(|after| after.as_millis()), got.retry_after.as_millis());
            found.extend(expected.and_then(|expected| of_ms("pending/retry_after", expected, Some(got))));
            found
        }
        (Outcome::Receipt { delivered, rejected }, Got::Receipt(receipt)) => of_receipt(delivered, rejected, receipt),
        (Outcome::Problems(expected), Got::Problems(got)) => of_problems(expected, got),
        (Outcome::Done, Got::Done) => Vec::new(),
        (expected, got) => vec![Difference::new("outcome", expected.key(), shown(got))],
    }
}

/// Log lines that are not there.
pub(crate) fn judge_logs(expected: &[String], logs: &[LogLine]) -> Vec<Difference> {
    let lines = || logs.iter().filter(|line| !line.by_host);
    let missing = expected.iter().filter(|pattern| !lines().any(|line| line.fits(pattern)));
    missing.map(|pattern| Difference::missing("logs", format!("a line like {pattern:?}"))).collect()
}

/// The journal, line by line.
pub(crate) fn judge_journal(expected: &[Value], lines: &[String]) -> Vec<Difference> {
    let parsed = lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!(line)));
    differences("journal", &Value::Array(expected.to_vec()), &Value::Array(parsed.collect()), &[])
}

/// The cache. A value that is expected as a table is compared as JSON.
pub(crate) fn judge_kv(expected: &BTreeMap<String, Value>, got: &BTreeMap<String, Vec<u8>>) -> Vec<Difference> {
    let mut found = Vec::new();
    for (key, expected) in expected {
        let at = format!("kv/{key}");
        match (expected, got.get(key)) {
            (expected, None) => found.push(Difference::missing(at, expected.to_string())),
            (Value::String(_), Some(bytes)) => {
                found.extend(differences(&at, expected, &json!(shown_bytes(bytes)), &[]));
            }
            (expected, Some(bytes)) => {
                let value = serde_json::from_slice(bytes).unwrap_or_else(|_| json!(shown_bytes(bytes)));
                found.extend(differences(&at, expected, &value, &[]));
            }
        }
    }
    let surplus = got.iter().filter(|(key, _)| !expected.contains_key(*key));
    found.extend(surplus.map(|(key, value)| Difference::surplus(format!("kv/{key}"), shown_bytes(value))));
    found
}

/// What is not stated is not compared.
fn of_text(at: &str, expected: Option<&str>, got: Option<&str>) -> Vec<Difference> {
    match (expected, got) {
        (Some(expected), None) => vec![Difference::missing(at, expected)],
        (Some(expected), Some(got)) if !fits(expected, got) => vec![Difference::new(at, expected, got)],
        _ => Vec::new(),
    }
}

fn of_ms(at: &str, expected: u128, got: Option<u128>) -> Option<Difference> {
    let expected_text = format!("{expected} ms");
    match got {
        None => Some(Difference::missing(at, expected_text)),
        Some(got) => (expected != got).then(|| Difference::new(at, expected_text, format!("{got} ms"))),
    }
}

fn of_end(expected: Option<DateTime<Utc>>, got: Option<u64>) -> Option<Difference> {
    let got = got.map(|seconds| {
        let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        time.map_or_else(|| format!("{seconds} s after 1970"), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
    });
    let expected = expected.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    (expected != got).then(|| Difference { at: "valid_until".to_owned(), expected, got })
}

fn of_attachments(expected: &[ExpectedAttachment], got: &[Attachment]) -> Vec<Difference> {
    let mut found = Vec::new();
    for expected in expected {
        let at = format!("attachments/{}", expected.name);
        let Some(got) = got.iter().find(|got| got.name == expected.name) else {
            found.push(Difference::missing(at, "an attachment"));
            continue;
        };
        let media_type = format!("{at}/media_type");
        found.extend(of_text(&media_type, expected.media_type.as_deref(), Some(&got.media_type)));
        found.extend(expected.content.as_ref().and_then(|content| of_blob(&at, content, &got.content)));
    }
    let surplus = got.iter().filter(|got| !expected.iter().any(|expected| expected.name == got.name));
    let described = |got: &Attachment| format!("{} bytes of {}", got.content.len(), got.media_type);
    found.extend(surplus.map(|got| Difference::surplus(format!("attachments/{}", got.name), described(got))));
    found
}

fn of_blob(at: &str, expected: &Blob, got: &[u8]) -> Option<Difference> {
    let (key, expected, got) = match expected {
        Blob::Sha256(digest) => ("sha256", digest.clone(), format!("{:x}", Sha256::digest(got))),
        Blob::Bytes(bytes) => ("base64", STANDARD.encode(bytes), STANDARD.encode(got)),
        Blob::Size(size) => ("size", size.to_string(), got.len().to_string()),
    };
    (expected != got).then(|| Difference::new(format!("{at}/{key}"), expected, got))
}

fn of_body(expected: &Body, credential: &IssuedCredential, ignore: &[String]) -> Vec<Difference> {
    match expected {
        Body::Any => Vec::new(),
        Body::Text(text) => of_text("issued/body", Some(text), Some(&shown_bytes(&credential.body))),
        Body::Json(expected) => match serde_json::from_slice(&credential.body) {
            Ok(got) => differences("issued/json", expected, &got, ignore),
            Err(_) => vec![Difference::new("issued/json", expected.to_string(), shown_bytes(&credential.body))],
        },
    }
}

fn of_receipt(delivered: &[String], rejected: &[Rejection], receipt: &Receipt) -> Vec<Difference> {
    let mut found = differences("delivered", &json!(delivered), &json!(receipt.delivered), &[]);
    for expected in rejected {
        let at = format!("rejected/{}", expected.id);
        match receipt.rejected.iter().find(|(id, _)| *id == expected.id) {
            None => found.push(Difference::missing(at, expected.reason.as_deref().unwrap_or("rejected"))),
            Some((_, reason)) => found.extend(of_text(&at, expected.reason.as_deref(), Some(reason))),
        }
    }
    let surplus = receipt.rejected.iter().filter(|(id, _)| !rejected.iter().any(|expected| expected.id == *id));
    found.extend(surplus.map(|(id, reason)| Difference::surplus(format!("rejected/{id}"), reason)));
    found
}

/// In any order: a plugin reports all faults at once. What hosts do not show cannot be judged, and is not taken for
/// right.
fn of_problems(expected: &[(String, String)], got: &[(String, String)]) -> Vec<Difference> {
    if got.len() >= MAX_PROBLEMS {
        let least = format!("{MAX_PROBLEMS} or more, of which hosts show the first {MAX_PROBLEMS}");
        return vec![Difference::new("problems", format!("fewer than {MAX_PROBLEMS}"), least)];
    }
    let mut left: Vec<&(String, String)> = got.iter().collect();
    let mut found = Vec::new();
    for (path, message) in expected {
        let same = |(got_path, got): &&(String, String)| fits(path, got_path) && fits(message, got);
        if let Some(index) = left.iter().position(same) {
            left.remove(index);
        } else if let Some(index) = left.iter().position(|(got_path, _)| fits(path, got_path)) {
            let (_, got) = left.remove(index);
            found.push(Difference::new(format!("problems {path}"), message, got));
        } else {
            found.push(Difference::missing(format!("problems {path}"), message));
        }
    }
    found.extend(left.into_iter().map(|(path, message)| Difference::surplus(format!("problems {path}"), message)));
    found
}

fn shown(got: &Got) -> String {
    match got {
        Got::Fetched(fetched) => format!("claims {}", Value::Object(fetched.claims.clone())),
        Got::Issuance(Issuance::Issued(credential)) => format!("issued {}", shown_bytes(&credential.body)),
        Got::Issuance(Issuance::Pending(ticket)) => format!("pending, ticket {}", shown_bytes(&ticket.token)),
        Got::Receipt(receipt) => {
            let rejected: Vec<&String> = receipt.rejected.iter().map(|(id, _)| id).collect();
            format!("delivered {}, rejected {}", json!(receipt.delivered), json!(rejected))
        }
        Got::Problems(problems) => {
            let problems: Vec<String> = problems.iter().map(|(path, message)| format!("{path}: {message}")).collect();
            format!("problems {}", problems.join("; "))
        }
        Got::Done => "ok".to_owned(),
        Got::Failed(failed) => failed.shown(),
        Got::NotLoaded(failure) => format!("the plugin does not serve: {}", failure.reason),
    }
}

fn shown_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("base64 {}", STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
