//! Signatures with keys that stay in the host (feature `sign`).
//!
//! A key is granted for one purpose, and each purpose allows exactly one of these functions.

use std::fmt;

use serde::Serialize;

use crate::{Error, ErrorKind, bindings::sign::chancery::host::sign};

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignError {
    /// No key of this name is granted.
    NotGranted,
    /// The key is granted for another purpose: that one.
    WrongPurpose(String),
    /// The input is not what the purpose allows.
    BadInput(String),
    /// The key's backend does not answer.
    Unavailable(String),
}

/// Purpose `jwt`: a compact JWT over `claims`, which must serialize to an object. The host writes
/// the header, the claims that the grant fixes, and always `iat`, `exp` and `jti`.
///
/// # Errors
/// See [`SignError`].
pub fn jwt(key: &str, claims: &impl Serialize) -> Result<String, SignError> {
    let claims = serde_json::to_string(claims).map_err(|error| SignError::BadInput(error.to_string()))?;
    Ok(sign::jwt(key, &claims)?)
}

/// Purpose `detached-jws`: a compact JWS with detached payload (RFC 7515, appendix F).
///
/// # Errors
/// See [`SignError`].
pub fn detached_jws(key: &str, payload: &[u8]) -> Result<String, SignError> {
    Ok(sign::detached_jws(key, payload)?)
}

/// Purpose `mac`: HMAC-SHA-256.
///
/// # Errors
/// See [`SignError`].
pub fn mac(key: &str, message: &[u8]) -> Result<Vec<u8>, SignError> {
    Ok(sign::mac(key, message)?)
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted => f.write_str("no such key is granted: add [grants.sign.keys.<name>]"),
            Self::WrongPurpose(purpose) => write!(f, "the key is granted for the purpose \"{purpose}\""),
            Self::BadInput(reason) => write!(f, "the input is refused: {reason}"),
            Self::Unavailable(reason) => write!(f, "the key does not answer: {reason}"),
        }
    }
}

impl std::error::Error for SignError {}

impl From<sign::SignError> for SignError {
    fn from(error: sign::SignError) -> Self {
        match error {
            sign::SignError::NotGranted => Self::NotGranted,
            sign::SignError::WrongPurpose(purpose) => Self::WrongPurpose(purpose),
            sign::SignError::BadInput(reason) => Self::BadInput(reason),
            sign::SignError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        let kind = match error {
            SignError::NotGranted | SignError::WrongPurpose(_) => ErrorKind::Misconfigured,
            SignError::BadInput(_) => ErrorKind::Internal,
            SignError::Unavailable(_) => ErrorKind::Unavailable,
        };
        Self::new(kind, "The request to the data source cannot be signed.").with_detail(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_who_can_mend_them() {
        let kind = |error: sign::SignError| Error::from(SignError::from(error)).kind();
        assert_eq!(kind(sign::SignError::NotGranted), ErrorKind::Misconfigured);
        assert_eq!(kind(sign::SignError::WrongPurpose("jwt".into())), ErrorKind::Misconfigured);
        assert_eq!(kind(sign::SignError::BadInput("x".into())), ErrorKind::Internal);
        assert_eq!(kind(sign::SignError::Unavailable("x".into())), ErrorKind::Unavailable);
    }

    #[test]
    fn claims_that_do_not_serialize_reach_no_key() {
        let keyed_by_lists = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert!(matches!(jwt("k", &keyed_by_lists), Err(SignError::BadInput(_))));
    }
}
