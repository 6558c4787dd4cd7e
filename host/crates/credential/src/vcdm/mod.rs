//! The W3C Verifiable Credentials Data Model, 2.0 and 1.1: what must hold of a credential before it is secured.

mod related;

use chrono::{DateTime, FixedOffset, Timelike as _};
use serde_json::{Map, Value};

use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2};

/// The farthest zone that XML Schema knows, in seconds.
const MAX_OFFSET: i32 = 14 * 60 * 60;

/// The type that every credential has.
pub const VERIFIABLE_CREDENTIAL: &str = "VerifiableCredential";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataModel {
    V1_1,
    V2_0,
}

/// Why a document is no credential of its data model. The texts name members, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct VcdmError {
    pub path: String,
    pub problem: &'static str,
}

impl DataModel {
    /// The data model that the first context tells.
    pub fn of(credential: &Map<String, Value>) -> Result<Self, VcdmError> {
        let contexts = credential.get("@context").and_then(Value::as_array);
        match contexts.and_then(|contexts| contexts.first()).and_then(Value::as_str) {
            Some(CREDENTIALS_V2) => Ok(Self::V2_0),
            Some(CREDENTIALS_V1) => Ok(Self::V1_1),
            _ => Err(error(
                "@context",
                "must be an array that begins with https://www.w3.org/ns/credentials/v2 or https://www.w3.org/2018/credentials/v1",
            )),
        }
    }

    /// The members that say from when to when it is valid.
    pub const fn validity_members(self) -> (&'static str, &'static str) {
        match self {
            Self::V1_1 => ("issuanceDate", "expirationDate"),
            Self::V2_0 => ("validFrom", "validUntil"),
        }
    }
}

/// Checks a credential that has no proof yet.
///
/// What JSON-LD has to say is not repeated: that a term or type is defined, that a context can be processed and
/// redefines nothing. Where the credential is not processed as JSON-LD, only its shape is checked.
pub fn check(credential: &Map<String, Value>) -> Result<DataModel, VcdmError> {
    let model = DataModel::of(credential)?;
    check_contexts(credential)?;
    if credential.contains_key("proof") {
        return Err(error("proof", "is added when the credential is signed"));
    }
    if let Some(id) = credential.get("id") {
        check_url(id, "id")?;
    }
    check_types(credential.get("type"))?;
    check_issuer(credential.get("issuer"), model)?;
    check_validity(credential, model)?;
    check_subject(credential.get("credentialSubject"))?;
    check_typed(credential, "credentialStatus", model == DataModel::V1_1)?;
    check_typed(credential, "credentialSchema", true)?;
    check_typed(credential, "refreshService", model == DataModel::V1_1)?;
    check_typed(credential, "termsOfUse", false)?;
    check_typed(credential, "evidence", false)?;
    if model == DataModel::V2_0 {
        check_typed(credential, "confidenceMethod", false)?;
        check_typed(credential, "renderMethod", false)?;
        check_text(credential, "", "name")?;
        check_text(credential, "", "description")?;
        related::check(credential)?;
    }
    Ok(model)
}

fn error(path: impl Into<String>, problem: &'static str) -> VcdmError {
    VcdmError { path: path.into(), problem }
}

/// The items behind the first: URLs, and objects that define terms.
fn check_contexts(credential: &Map<String, Value>) -> Result<(), VcdmError> {
    let contexts = credential.get("@context").and_then(Value::as_array).into_iter().flatten();
    for (index, context) in contexts.enumerate().skip(1) {
        let path = format!("@context[{index}]");
        match context {
            Value::String(_) => check_url(context, &path)?,
            Value::Object(terms) => {
                let is_definition = |value: &Value| matches!(value, Value::String(_) | Value::Object(_) | Value::Null);
                let wrong = terms.iter().find(|(term, value)| !term.starts_with('@') && !is_definition(value));
                if let Some((term, _)) = wrong {
                    return Err(error(format!("{path}.{term}"), "must be the definition of a term"));
                }
            }
            _ => return Err(error(path, "must be a URL or an object")),
        }
    }
    Ok(())
}

/// The objects of a member that has one or several, each with its path.
fn items<'a>(value: &'a Value, name: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (format!("{name}[{index}]"), item)).collect()
        }
        one => vec![(name.to_owned(), one)],
    }
}

/// A URL as the data model means it: anything absolute, `did:` and `urn:` too.
fn check_url(value: &Value, path: &str) -> Result<(), VcdmError> {
    match value.as_str() {
        Some(url) if oxrdf::NamedNode::new(url).is_ok() => Ok(()),
        _ => Err(error(path, "must be a single absolute URL")),
    }
}

fn check_types(types: Option<&Value>) -> Result<(), VcdmError> {
    let types = match types {
        Some(Value::Array(types)) => types.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
        Some(Value::String(one)) => Some(vec![one.as_str()]),
        _ => None,
    };
    match types {
        Some(types) if types.contains(&VERIFIABLE_CREDENTIAL) => Ok(()),
        _ => Err(error("type", "must be text or an array of texts, with VerifiableCredential among them")),
    }
}

fn check_issuer(issuer: Option<&Value>, model: DataModel) -> Result<(), VcdmError> {
    match issuer {
        Some(Value::Object(members)) => {
            check_url(members.get("id").unwrap_or(&Value::Null), "issuer.id")?;
            if model == DataModel::V2_0 {
                check_text(members, "issuer.", "name")?;
                check_text(members, "issuer.", "description")?;
            }
            Ok(())
        }
        Some(url) => check_url(url, "issuer"),
        None => Err(error("issuer", "is missing")),
    }
}

fn check_validity(credential: &Map<String, Value>, model: DataModel) -> Result<(), VcdmError> {
    let (from, until) = model.validity_members();
    let (other_from, other_until) = match model {
        DataModel::V1_1 => DataModel::V2_0.validity_members(),
        DataModel::V2_0 => DataModel::V1_1.validity_members(),
    };
    if let Some(other) = [other_from, other_until].into_iter().find(|name| credential.contains_key(*name)) {
        return Err(error(other, "belongs to another version of the data model than the first context"));
    }
    let time = |name: &str| credential.get(name).map(|value| check_time(value, name)).transpose();
    let (starts, ends) = (time(from)?, time(until)?);
    if model == DataModel::V1_1 && starts.is_none() {
        return Err(error(from, "is missing"));
    }
    match (starts, ends) {
        (Some(starts), Some(ends)) if ends < starts => Err(error(until, "lies before the beginning of the validity")),
        _ => Ok(()),
    }
}

/// `dateTimeStamp` of XML Schema: the zone must be there.
pub(crate) fn check_time(value: &Value, path: &str) -> Result<DateTime<FixedOffset>, VcdmError> {
    let text = value.as_str().unwrap_or_default();
    // The parser would also take a blank and small letters.
    let is_plain = text.as_bytes().get(10) == Some(&b'T') && !text.contains(['t', 'z']);
    match DateTime::parse_from_rfc3339(text) {
        // It also takes leap seconds, and zones that are none.
        Ok(time)
            if is_plain && time.nanosecond() < 1_000_000_000 && time.offset().local_minus_utc().abs() <= MAX_OFFSET =>
        {
            Ok(time)
        }
        _ => Err(error(path, "must be a time with a zone, as in 2026-01-31T09:30:00Z")),
    }
}

fn check_subject(subject: Option<&Value>) -> Result<(), VcdmError> {
    let subjects = subject.map(|subject| items(subject, "credentialSubject")).unwrap_or_default();
    let has_claims = |subject: &Value| subject.as_object().is_some_and(|members| !members.is_empty());
    if subjects.is_empty() || !subjects.iter().all(|(_, subject)| has_claims(subject)) {
        return Err(error("credentialSubject", "must be an object with at least one member, or an array of such"));
    }
    for (path, subject) in subjects {
        if let Some(id) = subject.get("id") {
            check_url(id, &format!("{path}.id"))?;
        }
    }
    Ok(())
}

/// One object or several, each with a type, and with an id where that is required.
fn check_typed(credential: &Map<String, Value>, name: &str, needs_id: bool) -> Result<(), VcdmError> {
    let Some(value) = credential.get(name) else { return Ok(()) };
    let items = items(value, name);
    if items.is_empty() {
        return Err(error(name, "must be an object with a type, or an array of such"));
    }
    for (path, item) in items {
        let has_type = match item.get("type") {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(types)) => !types.is_empty() && types.iter().all(Value::is_string),
            _ => false,
        };
        if !has_type {
            return Err(error(path, "must be an object with a type"));
        }
        match item.get("id") {
            Some(id) => check_url(id, &format!("{path}.id"))?,
            None if needs_id => return Err(error(format!("{path}.id"), "is missing")),
            None => {}
        }
    }
    Ok(())
}

/// Text, or language value objects.
fn check_text(members: &Map<String, Value>, parent: &str, name: &str) -> Result<(), VcdmError> {
    let is_localized = |value: &Value| {
        value.as_object().is_some_and(|object| {
            object.get("@value").is_some_and(Value::is_string)
                && object.iter().all(|(key, value)| match key.as_str() {
                    "@value" | "@language" => value.is_string(),
                    "@direction" => matches!(value.as_str(), Some("ltr" | "rtl")),
                    _ => false,
                })
        })
    };
    let fits = match members.get(name) {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(items)) => !items.is_empty() && items.iter().all(is_localized),
        Some(value) => is_localized(value),
    };
    if fits {
        Ok(())
    } else {
        Err(error(format!("{parent}{name}"), "must be text, or {@value, @language, @direction}, or an array of such"))
    }
}

#[cfg(test)]
mod tests;
