//! SD-JWT VC.

use serde_json::{Map, Value};

use super::holder::check_confirmation;
use super::jws::Jws;
use super::validity::Validity;
use super::{Expected, MAX_CREDENTIAL_BYTES, Verified, VerifyError, error};
use crate::sd_jwt::{Disclosed, TYP_DC_SD_JWT, TYP_VC_SD_JWT, check_disclosable, reserved};

pub(super) fn verify(text: &str, expected: &Expected<'_>) -> Result<Verified, VerifyError> {
    let (jwt, _) = text.split_once('~').ok_or(VerifyError::Malformed("an SD-JWT has a tilde after its JWT"))?;
    let jws = Jws::parse(jwt)?;
    if !jws.has_type(TYP_DC_SD_JWT) && !jws.has_type(TYP_VC_SD_JWT) {
        return Err(VerifyError::WrongTokenType { expected: TYP_DC_SD_JWT });
    }
    let issuer = jws.issuer()?.to_owned();
    let key_id = jws.check_signature(&issuer, expected)?;
    let claims = disclosed_claims(text)?;

    let vct = claims.get("vct").and_then(Value::as_str).ok_or(VerifyError::Malformed("it has no text claim vct"))?;
    if expected.types.is_empty() || expected.types.iter().any(|expected| expected != vct) {
        return Err(VerifyError::WrongType(error::clip(expected.types.first().map_or("", String::as_str))));
    }
    let mut validity = Validity::new(expected);
    validity.add_jwt_claims(&claims)?;
    let holder = check_confirmation(claims.get("cnf"), expected.holder)?;
    let types = vec![vct.to_owned()];
    Ok(Verified { issuer, key_id, valid_from: validity.from, valid_until: validity.until, types, holder })
}

/// The claims with every disclosure in its place. The signature covers the disclosures by their digests.
fn disclosed_claims(text: &str) -> Result<Map<String, Value>, VerifyError> {
    let disclosed = Disclosed::parse(text, MAX_CREDENTIAL_BYTES)?;
    if disclosed.key_binding.is_some() {
        return Err(VerifyError::Malformed("it ends with a key binding JWT, which only its holder may add"));
    }
    for claim in &disclosed.disclosed {
        check_disclosable(&claim.path)
            .map_err(|_| VerifyError::NeverDisclosable(error::clip(&claim.path.to_string())))?;
    }
    if disclosed.claims.iter().any(has_reserved_name) {
        return Err(VerifyError::Malformed(
            "a member has a name that SD-JWT reserves, in a place where it means nothing",
        ));
    }
    Ok(disclosed.claims)
}

fn has_reserved_name((name, value): (&String, &Value)) -> bool {
    reserved(name).is_some() || is_reserved_below(value)
}

fn is_reserved_below(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(has_reserved_name),
        Value::Array(items) => items.iter().any(is_reserved_below),
        _ => false,
    }
}
