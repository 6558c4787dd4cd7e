//! Credentials as plain JWT: VCDM 1.1 in the claim `vc` (its §6.3.1), and VCDM 2.0 as the claims themselves
//! (VC-JOSE-COSE).
//!
//! Nothing in them is processed as JSON-LD: the signature covers the JSON, names and all.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::holder::check_confirmation;
use super::jws::Jws;
use super::model::{add_validity, check_subject, check_types, issuer_id, subjects};
use super::validity::{Validity, numeric_date};
use super::{Binding, Expected, Verified, VerifyError};
use crate::vcdm::{self, DataModel};

const TYP_JWT: &str = "JWT";
const TYP_VC_JWT: &str = "vc+jwt";

/// `jwt_vc_json`.
pub(super) fn verify_vc_claim(text: &str, expected: &Expected<'_>) -> Result<Verified, VerifyError> {
    let jws = Jws::parse(text)?;
    // Many leave the type out; another one says that this is no credential.
    if !jws.has_no_type() && !jws.has_type(TYP_JWT) {
        return Err(VerifyError::WrongTokenType { expected: TYP_JWT });
    }
    let issuer = jws.issuer()?;
    let key_id = jws.check_signature(issuer, expected)?;
    let Some(Value::Object(credential)) = jws.claims.get("vc") else {
        return Err(VerifyError::Malformed("it has no claim vc that is an object"));
    };
    let credential = complete(credential.clone(), &jws.claims)?;
    finish(&credential, vcdm::check(&credential)?, &jws, key_id, expected)
}

/// `vc+jwt`.
pub(super) fn verify_vc_jwt(text: &str, expected: &Expected<'_>) -> Result<Verified, VerifyError> {
    let jws = Jws::parse(text)?;
    if !jws.has_type(TYP_VC_JWT) {
        return Err(VerifyError::WrongTokenType { expected: TYP_VC_JWT });
    }
    let credential = &jws.claims;
    if credential.contains_key("vc") || credential.contains_key("vp") {
        return Err(VerifyError::Malformed("a vc+jwt is the credential itself and has no claim vc or vp"));
    }
    let model = vcdm::check(credential)?;
    if model != DataModel::V2_0 {
        return Err(VerifyError::Malformed("a vc+jwt is of the data model 2.0"));
    }
    let issuer = issuer_id(credential).ok_or(VerifyError::IssuerMismatch)?;
    let key_id = jws.check_signature(issuer, expected)?;
    finish(credential, model, &jws, key_id, expected)
}

/// Claims of the JWT stand for members of the credential, which may then be absent.
fn complete(
    mut credential: Map<String, Value>,
    claims: &Map<String, Value>,
) -> Result<Map<String, Value>, VerifyError> {
    let (from, until) = DataModel::of(&credential)?.validity_members();
    let starts = numeric_date(claims, "nbf")?.or(numeric_date(claims, "iat")?);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|_| !credential.contains_key(name)) {
            credential.insert(name.to_owned(), value);
        }
    };
    put("issuer", claims.get("iss").cloned());
    put(from, starts.map(time_text));
    put(until, numeric_date(claims, "exp")?.map(time_text));
    if let (Some(sub), Some(Value::Object(subject))) = (claims.get("sub"), credential.get_mut("credentialSubject"))
        && !subject.contains_key("id")
    {
        subject.insert("id".to_owned(), sub.clone());
    }
    Ok(credential)
}

/// What both formats check alike, once the signature holds.
fn finish(
    credential: &Map<String, Value>,
    model: DataModel,
    jws: &Jws<'_>,
    key_id: String,
    expected: &Expected<'_>,
) -> Result<Verified, VerifyError> {
    let issuer = issuer_id(credential).ok_or(VerifyError::IssuerMismatch)?;
    if jws.claims.get("iss").is_some_and(|iss| iss != issuer) {
        return Err(VerifyError::IssuerMismatch);
    }
    let types = check_types(credential, expected)?;
    let mut validity = Validity::new(expected);
    validity.add_jwt_claims(&jws.claims)?;
    add_validity(&mut validity, credential, model)?;
    let holder = check_binding(credential, &jws.claims, expected)?;
    let (valid_from, valid_until) = (validity.from, validity.until);
    Ok(Verified { issuer: issuer.to_owned(), key_id, valid_from, valid_until, types, holder })
}

/// `sub`, the subject's id and `cnf` must not contradict each other, and at least one of them must name the holder.
fn check_binding(
    credential: &Map<String, Value>,
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<Binding, VerifyError> {
    if expected.holder.is_some() && subjects(credential).len() > 1 {
        return Err(VerifyError::SeveralSubjects);
    }
    let ids: Vec<&Value> = subjects(credential).into_iter().filter_map(|subject| subject.get("id")).collect();
    if let Some(sub) = claims.get("sub")
        && ids.iter().any(|id| *id != sub)
    {
        return Err(VerifyError::Malformed("sub and credentialSubject.id differ"));
    }
    match claims.get("cnf") {
        None => check_subject(credential, expected),
        Some(cnf) => {
            let binding = check_confirmation(Some(cnf), expected.holder)?;
            if ids.is_empty() { Ok(binding) } else { check_subject(credential, expected) }
        }
    }
}

fn time_text(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
