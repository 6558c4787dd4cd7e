//! What all formats of the VC Data Model share: types, issuer, subject, validity.

use serde_json::{Map, Value};

use super::validity::Validity;
use super::{Binding, Expected, VerifyError, error};
use crate::vcdm::{self, DataModel};

/// The issuer's id; it stands alone or in an object.
pub(super) fn issuer_id(credential: &Map<String, Value>) -> Option<&str> {
    match credential.get("issuer")? {
        Value::Object(members) => members.get("id")?.as_str(),
        id => id.as_str(),
    }
}

/// The types, with all expected ones among them.
pub(super) fn check_types(
    credential: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<Vec<String>, VerifyError> {
    let types: Vec<String> = match credential.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    };
    if expected.types.is_empty() {
        return Err(VerifyError::WrongType(String::new()));
    }
    match expected.types.iter().find(|expected| !types.contains(expected)) {
        Some(missing) => Err(VerifyError::WrongType(error::clip(missing))),
        None => Ok(types),
    }
}

/// Adds the times of the data model.
pub(super) fn add_validity(
    validity: &mut Validity,
    credential: &Map<String, Value>,
    model: DataModel,
) -> Result<(), VerifyError> {
    let (from, until) = model.validity_members();
    if let Some(value) = credential.get(from) {
        validity.starts(from, vcdm::check_time(value, from)?.to_utc())?;
    }
    if let Some(value) = credential.get(until) {
        validity.ends(until, vcdm::check_time(value, until)?.to_utc())?;
    }
    Ok(())
}

pub(super) fn subjects(credential: &Map<String, Value>) -> Vec<&Value> {
    match credential.get("credentialSubject") {
        Some(Value::Array(subjects)) => subjects.iter().collect(),
        one => one.into_iter().collect(),
    }
}

/// Whoever holds the key must be the only subject. Where no key was asked for, subjects may have any id: an id alone
/// binds to no key.
pub(super) fn check_subject(credential: &Map<String, Value>, expected: &Expected<'_>) -> Result<Binding, VerifyError> {
    let Some(holder) = expected.holder else { return Ok(Binding::Unbound) };
    let [subject] = subjects(credential)[..] else { return Err(VerifyError::SeveralSubjects) };
    let id = subject.get("id").ok_or(VerifyError::HolderMissing)?;
    if id.as_str().is_some_and(|id| holder.is_did(id)) { Ok(Binding::Bound) } else { Err(VerifyError::HolderMismatch) }
}
