//! Whose key a credential is bound to.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Binding, VerifyError, read_json};

/// Longest DID that is decoded.
const MAX_DID_LEN: usize = 2048;
/// Members that only private and symmetric keys have.
const PRIVATE_MEMBERS: [&str; 3] = ["d", "k", "priv"];

/// A key that a wallet has proved to hold, in the forms in which credentials name it.
#[derive(Clone)]
pub struct Holder {
    jwk: Map<String, Value>,
    did_key: String,
}

impl Holder {
    /// `jwk` has the required members only (those of the thumbprint, RFC 7638 §3.2), `did_key` is the did:key of the
    /// same key.
    pub fn new(jwk: Map<String, Value>, did_key: impl Into<String>) -> Self {
        Self { jwk, did_key: did_key.into() }
    }

    /// Whether a DID is the did:key or a did:jwk of this key.
    pub fn is_did(&self, did: &str) -> bool {
        if did.len() > MAX_DID_LEN {
            return false;
        }
        let Some(encoded) = did.strip_prefix("did:jwk:") else { return did == self.did_key };
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match bytes.as_deref().map(read_json) {
            Some(Ok(Value::Object(jwk))) => self.is_jwk(&jwk),
            _ => false,
        }
    }

    /// Whether a JWK is this key: equal in all required members, as equal thumbprints say. A JWK that shows a private
    /// key is nobody's.
    pub fn is_jwk(&self, jwk: &Map<String, Value>) -> bool {
        !PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name))
            && self.jwk.iter().all(|(name, value)| jwk.get(name) == Some(value))
    }

    /// Whether a DID URL names this key: the DID, or the verification method of it.
    fn is_did_url(&self, url: &str) -> bool {
        match url.split_once('#') {
            None => self.is_did(url),
            Some((did, "0")) if did.starts_with("did:jwk:") => self.is_did(did),
            Some((did, fragment)) => did.strip_prefix("did:key:") == Some(fragment) && self.is_did(did),
        }
    }
}

impl fmt::Debug for Holder {
    /// The key follows its holder around.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").finish_non_exhaustive()
    }
}

/// Judges the claim `cnf` (RFC 7800).
pub(super) fn check_confirmation(
    confirmation: Option<&Value>,
    holder: Option<&Holder>,
) -> Result<Binding, VerifyError> {
    let (confirmation, holder) = match (confirmation, holder) {
        (None, None) => return Ok(Binding::Unbound),
        (None, Some(_)) => return Err(VerifyError::HolderMissing),
        (Some(_), None) => return Err(VerifyError::HolderUnexpected),
        (Some(confirmation), Some(holder)) => (confirmation, holder),
    };
    let members = confirmation.as_object().ok_or(VerifyError::Malformed("cnf is not an object"))?;
    // Further members would name a key that this credential is bound to as well, for those who understand them.
    if members.keys().any(|name| name != "jwk" && name != "kid") {
        return Err(VerifyError::Malformed("cnf has members besides jwk and kid"));
    }
    let matches = match (members.get("jwk"), members.get("kid")) {
        (None, None) => return Err(VerifyError::HolderMissing),
        (Some(Value::Object(jwk)), None) => holder.is_jwk(jwk),
        (Some(Value::Object(jwk)), Some(Value::String(kid))) => {
            holder.is_jwk(jwk) && (!kid.starts_with("did:") || holder.is_did_url(kid))
        }
        (None, Some(Value::String(kid))) => holder.is_did_url(kid),
        _ => return Err(VerifyError::Malformed("cnf.jwk is not an object, or cnf.kid not a text")),
    };
    if matches { Ok(Binding::Bound) } else { Err(VerifyError::HolderMismatch) }
}
