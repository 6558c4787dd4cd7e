//! An append-only file for audit sinks (feature `journal`).
//!
//! Directory and name are the operator's, `[grants.journal]`. What was written can't be read back,
//! changed or removed.

use std::fmt;

use crate::{Error, bindings::journal::chancery::host::journal};

/// The most that one [`append`] takes.
pub const MAX_APPEND: usize = 1024 * 1024;

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// The file would exceed the grant's `max_file`, in bytes: rotate first.
    Full(u64),
    /// The file system refused. Private: the reason may name paths.
    Unavailable(String),
}

/// Appends `bytes` whole; they are on disk when this returns. At most [`MAX_APPEND`] bytes.
///
/// # Errors
/// See [`JournalError`].
pub fn append(bytes: &[u8]) -> Result<(), JournalError> {
    Ok(journal::append(bytes)?)
}

/// How many bytes the file in use holds.
///
/// # Errors
/// See [`JournalError`].
pub fn size() -> Result<u64, JournalError> {
    Ok(journal::size()?)
}

/// When the file in use was begun, in milliseconds since 1970-01-01T00:00:00Z; absent while it is
/// empty.
///
/// # Errors
/// See [`JournalError`].
pub fn begun_at() -> Result<Option<u64>, JournalError> {
    Ok(journal::begun_at()?)
}

/// Closes the file in use and begins a new one. Nothing happens while it is empty.
///
/// # Errors
/// See [`JournalError`].
pub fn rotate() -> Result<(), JournalError> {
    Ok(journal::rotate()?)
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(limit) => write!(f, "max_file of [grants.journal] allows {limit} bytes a file"),
            Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for JournalError {}

impl From<journal::JournalError> for JournalError {
    fn from(error: journal::JournalError) -> Self {
        match error {
            journal::JournalError::Full(limit) => Self::Full(limit),
            journal::JournalError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        let kind = match error {
            JournalError::Full(_) => crate::ErrorKind::Misconfigured,
            JournalError::Unavailable(_) => crate::ErrorKind::Unavailable,
        };
        Self::new(kind, "The journal cannot be written.").with_detail(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_who_can_mend_them_and_paths_stay_private() {
        let error = |error: journal::JournalError| Error::from(JournalError::from(error));
        assert_eq!(error(journal::JournalError::Full(7)).kind(), crate::ErrorKind::Misconfigured);
        let refused = error(journal::JournalError::Unavailable("/var/audit: no space".into()));
        assert_eq!(refused.kind(), crate::ErrorKind::Unavailable);
        assert!(!refused.message().contains("/var"));
    }
}
