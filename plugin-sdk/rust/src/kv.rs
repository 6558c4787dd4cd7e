//! A small cache that outlives a call (feature `kv`).
//!
//! Keys live in a space of their own for each pair of issuer and plugin. An entry may vanish at any
//! moment, and the cache may not answer: a plugin then goes on without it.

use std::{fmt, time::Duration};

use crate::{Error, bindings::kv::chancery::host::kv};

/// Why the cache did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvError {
    /// The key is empty or longer than 512 bytes.
    BadKey,
    /// The value exceeds the limit, in bytes.
    TooLarge(u64),
    /// The cache cannot be reached, or the call has used it too often.
    Unavailable(String),
}

/// The value of a key; absent when never set, expired or lost.
///
/// # Errors
/// See [`KvError`].
pub fn get(key: &str) -> Result<Option<Vec<u8>>, KvError> {
    Ok(kv::get(key)?)
}

/// Sets a key for `ttl`; the grant's maximum applies when absent or longer.
///
/// # Errors
/// See [`KvError`].
pub fn put(key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), KvError> {
    let ttl_ms = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    Ok(kv::put(key, value, ttl_ms)?)
}

/// Removes a key; removing an absent one succeeds.
///
/// # Errors
/// See [`KvError`].
pub fn delete(key: &str) -> Result<(), KvError> {
    Ok(kv::delete(key)?)
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadKey => f.write_str("the key is empty or longer than 512 bytes"),
            Self::TooLarge(limit) => write!(f, "a value may hold {limit} bytes"),
            Self::Unavailable(reason) => write!(f, "the cache does not answer: {reason}"),
        }
    }
}

impl std::error::Error for KvError {}

impl From<kv::KvError> for KvError {
    fn from(error: kv::KvError) -> Self {
        match error {
            kv::KvError::BadKey => Self::BadKey,
            kv::KvError::TooLarge(limit) => Self::TooLarge(limit),
            kv::KvError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<KvError> for Error {
    fn from(error: KvError) -> Self {
        let kind = match error {
            KvError::BadKey => crate::ErrorKind::Internal,
            KvError::TooLarge(_) => crate::ErrorKind::Misconfigured,
            KvError::Unavailable(_) => crate::ErrorKind::Unavailable,
        };
        Self::new(kind, "The plugin's cache cannot be used.").with_detail(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_who_can_mend_them() {
        let kind = |error: kv::KvError| Error::from(KvError::from(error)).kind();
        assert_eq!(kind(kv::KvError::BadKey), crate::ErrorKind::Internal);
        assert_eq!(kind(kv::KvError::TooLarge(7)), crate::ErrorKind::Misconfigured);
        assert_eq!(kind(kv::KvError::Unavailable("x".into())), crate::ErrorKind::Unavailable);
    }
}
