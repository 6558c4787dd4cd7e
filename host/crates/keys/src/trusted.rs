//! Issuers whose signatures are believed, and their keys: a list that the operator writes.
//!
//! Nothing is fetched. The keys stand in the list, or in the issuer's own did:key or did:jwk.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::did::{self, DidError, MAX_DID_URL_LEN};
use crate::{Algorithm, KeyError, PublicKey};

/// Most keys of one issuer.
pub const MAX_KEYS: usize = 64;
/// Most issuers of one list.
pub const MAX_ISSUERS: usize = 1024;

/// An issuer as the operator's configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// The issuer's id as it stands in its credentials: a URL or a DID.
    pub id: String,
    /// Empty for did:key and did:jwk, which carry their only key themselves; at least one for all others.
    pub keys: Vec<TrustedKey>,
}

/// A key under the name by which signatures refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The `kid` of a JWS or the verification method of a proof: absolute, `#name` or `name`. The latter two are
    /// short for the issuer's id with that fragment.
    pub id: String,
    pub public_key: PublicKey,
}

/// The issuers of a list, ready to judge signatures; by default none.
#[derive(Clone, Default)]
pub struct TrustedIssuers {
    /// Keys by their absolute names.
    by_id: BTreeMap<String, Vec<TrustedKey>>,
}

/// Why a list was refused. The texts are for the operator who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustListError {
    #[error("there are more than {MAX_ISSUERS} trusted issuers")]
    TooManyIssuers,
    #[error("a trusted issuer's id is empty or longer than {MAX_DID_URL_LEN} characters")]
    BadId,
    #[error("the trusted issuer {0} is listed twice")]
    RepeatedIssuer(String),
    #[error("the trusted issuer {0} needs at least one key")]
    NoKeys(String),
    #[error("the trusted issuer {0} has more than {MAX_KEYS} keys")]
    TooManyKeys(String),
    #[error("the trusted issuer {0} carries its only key in its DID; list no others")]
    KeysBesideDid(String),
    #[error("the trusted issuer {issuer} has two keys by the name {key}")]
    RepeatedKey { issuer: String, key: String },
    #[error("the key has no text member kid, by which signatures would refer to it")]
    MissingKeyId,
    #[error("the trusted issuer's DID cannot be used: {0}")]
    Did(#[from] DidError),
    #[error("a trusted key cannot be used: {0}")]
    Key(#[from] KeyError),
}

/// Why a signature was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("the issuer is not on the list of trusted issuers")]
    UntrustedIssuer,
    #[error("the signature names no key of its issuer")]
    UnknownKey,
    #[error("the signature's algorithm does not fit the type of its key")]
    AlgorithmMismatch,
    #[error("the signature does not match its key")]
    BadSignature,
}

impl TrustedKey {
    /// A JWK with a `kid`.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, TrustListError> {
        let id = jwk.get("kid").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.ok_or(TrustListError::MissingKeyId)?.to_owned();
        Ok(Self { id, public_key: PublicKey::from_jwk(jwk)? })
    }

    /// A Multikey (`z6Mk…`, `zDn…`) under the given name.
    pub fn from_multikey(id: impl Into<String>, multikey: &str) -> Result<Self, TrustListError> {
        Ok(Self { id: id.into(), public_key: PublicKey::from_multikey(multikey)? })
    }
}

impl TrustedIssuers {
    /// Checks a list and resolves the DIDs in it.
    pub fn new(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Result<Self, TrustListError> {
        let mut by_id = BTreeMap::new();
        for TrustedIssuer { id, keys } in issuers {
            let keys = keys_of(&id, keys)?;
            if by_id.insert(id.clone(), keys).is_some() {
                return Err(TrustListError::RepeatedIssuer(id));
            }
            if by_id.len() > MAX_ISSUERS {
                return Err(TrustListError::TooManyIssuers);
            }
        }
        Ok(Self { by_id })
    }

    /// Whether the issuer is on the list.
    pub fn contains(&self, issuer: &str) -> bool {
        self.by_id.contains_key(issuer)
    }

    /// Checks a signature of an issuer and gives the absolute name of its key. A signature that names no key is
    /// checked with the issuer's only key of that algorithm; where there are several, it is refused.
    pub fn verify(
        &self,
        issuer: &str,
        key_id: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<&str, TrustError> {
        let keys = self.by_id.get(issuer).ok_or(TrustError::UntrustedIssuer)?;
        let key = match key_id {
            Some(id) => {
                let id = absolute(issuer, id);
                keys.iter().find(|key| key.id == id)
            }
            None => only(keys.iter().filter(|key| key.public_key.algorithm() == algorithm)),
        };
        let key = key.ok_or(TrustError::UnknownKey)?;
        if key.public_key.algorithm() != algorithm {
            return Err(TrustError::AlgorithmMismatch);
        }
        key.public_key.verify(message, signature).map_err(|_| TrustError::BadSignature)?;
        Ok(&key.id)
    }
}

impl fmt::Debug for TrustedIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_id.keys()).finish()
    }
}

fn keys_of(issuer: &str, keys: Vec<TrustedKey>) -> Result<Vec<TrustedKey>, TrustListError> {
    if issuer.is_empty() || issuer.len() > MAX_DID_URL_LEN {
        return Err(TrustListError::BadId);
    }
    if issuer.starts_with("did:key:") || issuer.starts_with("did:jwk:") {
        if !keys.is_empty() {
            return Err(TrustListError::KeysBesideDid(issuer.to_owned()));
        }
        let key = did::resolve(issuer)?;
        if key.did != issuer {
            return Err(TrustListError::Did(DidError::UnexpectedParts));
        }
        return Ok(vec![TrustedKey { id: key.verification_method, public_key: key.public_key }]);
    }
    match keys.len() {
        0 => return Err(TrustListError::NoKeys(issuer.to_owned())),
        count if count > MAX_KEYS => return Err(TrustListError::TooManyKeys(issuer.to_owned())),
        _ => {}
    }
    let mut named: Vec<TrustedKey> = Vec::with_capacity(keys.len());
    for TrustedKey { id, public_key } in keys {
        let id = absolute(issuer, &id);
        if named.iter().any(|other| other.id == id) {
            return Err(TrustListError::RepeatedKey { issuer: issuer.to_owned(), key: id });
        }
        named.push(TrustedKey { id, public_key });
    }
    Ok(named)
}

/// One spelling for `name`, `#name` and `issuer#name`: the list and the signatures may differ in it. Both sides are
/// names within one issuer, so that no spelling reaches the key of another.
fn absolute(issuer: &str, id: &str) -> String {
    if id.starts_with('#') {
        format!("{issuer}{id}")
    } else if id.contains([':', '/', '#']) {
        id.to_owned()
    } else {
        format!("{issuer}#{id}")
    }
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

#[cfg(test)]
#[path = "trusted_tests.rs"]
mod tests;
