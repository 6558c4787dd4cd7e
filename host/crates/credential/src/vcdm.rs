//! The W3C Verifiable Credentials Data Model, 2.0 and 1.1: what must hold of a credential before it is secured.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2};

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
pub fn check(credential: &Map<String, Value>) -> Result<DataModel, VcdmError> {
    let model = DataModel::of(credential)?;
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
        check_text(credential, "", "name")?;
        check_text(credential, "", "description")?;
        check_related_resources(credential)?;
    }
    Ok(model)
}

fn error(path: impl Into<String>, problem: &'static str) -> VcdmError {
    VcdmError { path: path.into(), problem }
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
        Ok(time) if is_plain => Ok(time),
        _ => Err(error(path, "must be a time with a zone, as in 2026-01-31T09:30:00Z")),
    }
}

fn check_subject(subject: Option<&Value>) -> Result<(), VcdmError> {
    let subjects: Vec<&Value> = match subject {
        Some(Value::Array(subjects)) => subjects.iter().collect(),
        Some(subject) => vec![subject],
        None => Vec::new(),
    };
    let has_claims = |subject: &&Value| subject.as_object().is_some_and(|members| !members.is_empty());
    if subjects.is_empty() || !subjects.iter().all(has_claims) {
        return Err(error("credentialSubject", "must be an object with at least one member, or an array of such"));
    }
    for id in subjects.iter().filter_map(|subject| subject.get("id")) {
        check_url(id, "credentialSubject.id")?;
    }
    Ok(())
}

/// One object or several, each with a type, and with an id where that is required.
fn check_typed(credential: &Map<String, Value>, name: &str, needs_id: bool) -> Result<(), VcdmError> {
    let Some(value) = credential.get(name) else { return Ok(()) };
    let items = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
    for item in items {
        let has_type = match item.get("type") {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(types)) => !types.is_empty() && types.iter().all(Value::is_string),
            _ => false,
        };
        if !has_type {
            return Err(error(name, "must be an object with a type, or an array of such"));
        }
        match item.get("id") {
            Some(id) => check_url(id, &format!("{name}.id"))?,
            None if needs_id => return Err(error(format!("{name}.id"), "is missing")),
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
                && object.iter().all(|(key, value)| matches!(key.as_str(), "@value" | "@language") && value.is_string())
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
        Err(error(format!("{parent}{name}"), "must be text, or {@value, @language}, or an array of such"))
    }
}

fn check_related_resources(credential: &Map<String, Value>) -> Result<(), VcdmError> {
    let Some(value) = credential.get("relatedResource") else { return Ok(()) };
    let items = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
    let mut ids = Vec::new();
    for item in items {
        let id = item.get("id").unwrap_or(&Value::Null);
        check_url(id, "relatedResource.id")?;
        if ids.contains(&id) {
            return Err(error("relatedResource", "names a resource twice"));
        }
        ids.push(id);
        if item.get("digestSRI").is_none() && item.get("digestMultibase").is_none() {
            return Err(error("relatedResource", "needs digestSRI or digestMultibase"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn v2() -> Value {
        json!({
            "@context": [CREDENTIALS_V2],
            "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
            "type": ["VerifiableCredential"],
            "issuer": {"id": "did:web:issuer.example", "name": {"@value": "Amt", "@language": "de"}},
            "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2026-01-01T01:00:00+00:30",
            "credentialSubject": [{"id": "did:example:a", "name": "x"}, {"name": "y"}],
            "credentialStatus": {"type": "BitstringStatusListEntry"},
            "name": "A name",
        })
    }

    fn v1() -> Value {
        json!({
            "@context": [CREDENTIALS_V1],
            "type": "VerifiableCredential",
            "issuer": "did:web:issuer.example",
            "issuanceDate": "2026-01-01T00:00:00.123Z",
            "credentialSubject": {"id": "did:example:a"},
        })
    }

    fn check(credential: &Value) -> Result<DataModel, VcdmError> {
        super::check(credential.as_object().unwrap())
    }

    #[test]
    fn credentials_of_both_versions_are_told_apart_by_their_first_context() {
        assert_eq!(check(&v2()).unwrap(), DataModel::V2_0);
        assert_eq!(check(&v1()).unwrap(), DataModel::V1_1);
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        for (member, value, path) in [
            ("@context", json!(CREDENTIALS_V2), "@context"),
            ("@context", json!([]), "@context"),
            ("@context", json!(["https://www.w3.org/ns/credentials/v2/", CREDENTIALS_V2]), "@context"),
            ("id", json!("not a url"), "id"),
            ("id", json!(["urn:a", "urn:b"]), "id"),
            ("id", Value::Null, "id"),
            ("type", json!(["Other"]), "type"),
            ("type", json!(["VerifiableCredential", 4]), "type"),
            ("issuer", json!(true), "issuer"),
            ("issuer", json!([]), "issuer"),
            ("issuer", json!({"name": "x"}), "issuer.id"),
            ("issuer", json!({"id": "did:web:a", "name": 1}), "issuer.name"),
            ("validFrom", json!("2026-01-01"), "validFrom"),
            ("validFrom", json!("2026-01-01T00:00:00"), "validFrom"),
            ("validFrom", json!("2026-01-01 00:00:00Z"), "validFrom"),
            ("validFrom", json!("2026-01-01t00:00:00z"), "validFrom"),
            ("validFrom", json!(1), "validFrom"),
            ("validUntil", json!("2025-12-31T23:59:59Z"), "validUntil"),
            ("issuanceDate", json!("2026-01-01T00:00:00Z"), "issuanceDate"),
            ("credentialSubject", json!({}), "credentialSubject"),
            ("credentialSubject", json!([]), "credentialSubject"),
            ("credentialSubject", json!("did:example:a"), "credentialSubject"),
            ("credentialSubject", json!({"id": "a"}), "credentialSubject.id"),
            ("credentialStatus", json!({"id": "urn:a"}), "credentialStatus"),
            ("credentialSchema", json!({"type": "JsonSchema"}), "credentialSchema.id"),
            ("name", json!(["x"]), "name"),
            ("description", json!({"@value": "x", "@direction": "rtl"}), "description"),
            ("relatedResource", json!([{"id": "urn:a"}]), "relatedResource"),
            (
                "relatedResource",
                json!([{"id": "urn:a", "digestSRI": "x"}, {"id": "urn:a", "digestSRI": "x"}]),
                "relatedResource",
            ),
            ("proof", json!({}), "proof"),
        ] {
            let mut credential = v2();
            credential[member] = value;
            assert_eq!(check(&credential).unwrap_err().path, path, "{credential}");
        }
        for (member, value, path) in [
            ("issuanceDate", None, "issuanceDate"),
            ("validFrom", Some(json!("2026-01-01T00:00:00Z")), "validFrom"),
            ("credentialStatus", Some(json!({"type": "StatusList2021Entry"})), "credentialStatus.id"),
            ("issuer", None, "issuer"),
            ("credentialSubject", None, "credentialSubject"),
        ] {
            let mut credential = v1();
            match value {
                Some(value) => credential[member] = value,
                None => drop(credential.as_object_mut().unwrap().remove(member)),
            }
            assert_eq!(check(&credential).unwrap_err().path, path, "{credential}");
        }
    }
}
