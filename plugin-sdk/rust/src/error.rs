//! Why a call gave no result: one text for the holder, one for the operator.

use std::{fmt, time::Duration};

use crate::bindings::chancery::plugin::types;

/// What kind of failure it is. It decides what the client is told and whether the failure counts
/// against the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The source does not know this subject. Not a failure of the plugin.
    NotFound,
    /// The source knows the subject and refuses. Not a failure of the plugin.
    Denied,
    /// The request cannot be answered as it is: a claim is missing, a setting does not fit.
    InvalidRequest,
    /// The source does not answer now; trying again may help.
    Unavailable,
    /// The operator has to change configuration, grant or source.
    Misconfigured,
    /// A defect of the plugin.
    Internal,
}

/// A failure as the host takes it.
///
/// ```
/// use chancery_plugin_sdk::Error;
///
/// let error = Error::not_found("The farm register does not know you.")
///     .with_detail("no row in register 7");
/// assert_eq!(error.to_string(), "The farm register does not know you.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    detail: Option<String>,
    retry_after: Option<Duration>,
}

impl Error {
    /// `message` may be shown to the holder: no personal data, no internals. One sentence; the host
    /// cuts it at 512 bytes.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: None, retry_after: None }
    }

    /// See [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// See [`ErrorKind::Denied`].
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// See [`ErrorKind::InvalidRequest`].
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    /// See [`ErrorKind::Unavailable`]; [`Error::retry_after`] says when to try again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// See [`ErrorKind::Misconfigured`].
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Misconfigured, message)
    }

    /// See [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// For the operator's log only: the source's answer, a row number, a path. Cut at 4 KiB.
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// When another attempt makes sense. Only [`ErrorKind::Unavailable`] carries it to the host.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text that the holder may see.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text that only the operator sees.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What [`retry_after`](Self::retry_after) set.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Error {
    /// The public text only, so that formatting an error never gives the private one away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        let problem = types::Problem { message: error.message, detail: error.detail };
        match error.kind {
            ErrorKind::NotFound => Self::NotFound(problem),
            ErrorKind::Denied => Self::Denied(problem),
            ErrorKind::InvalidRequest => Self::InvalidRequest(problem),
            ErrorKind::Unavailable => Self::Unavailable(types::Retry {
                problem,
                after_ms: error.retry_after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX)),
            }),
            ErrorKind::Misconfigured => Self::Misconfigured(problem),
            ErrorKind::Internal => Self::Internal(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_cut_to_what_the_contract_can_say() {
        let error = Error::unavailable("later").retry_after(Duration::from_secs(u64::MAX / 1000));
        let types::Error::Unavailable(retry) = error.into() else {
            panic!("not unavailable");
        };
        assert_eq!(retry.after_ms, Some(u32::MAX));
    }

    #[test]
    fn each_kind_keeps_both_texts() {
        let error = Error::denied("no").with_detail("row 7");
        assert_eq!(error.kind(), ErrorKind::Denied);
        let types::Error::Denied(problem) = error.into() else {
            panic!("not denied");
        };
        assert_eq!(problem.message, "no");
        assert_eq!(problem.detail.as_deref(), Some("row 7"));
    }
}
