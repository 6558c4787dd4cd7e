//! What can go wrong when issuing, in the protocol's words and without HTTP. The public text is what a wallet or
//! an operator may read; the private cause is logged once, at the edge.

use std::time::Duration;

use chancery_sandbox::{CallError, LimitKind};
use chancery_store::StoreError;

/// A cause that only the log sees.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong.
    #[error("{0}")]
    InvalidRequest(String),
    #[error("there is no credential configuration {0}")]
    UnknownConfiguration(String),
    #[error("the access token does not allow the credential identifier {0}")]
    UnknownCredentialIdentifier(String),
    #[error("the access token does not allow the credential configuration {0}")]
    ConfigurationNotGranted(String),
    /// A key proof is missing or wrong.
    #[error("{0}")]
    InvalidProof(String),
    /// The proof's nonce is unknown, old or used.
    #[error("{0}")]
    InvalidNonce(String),
    /// The data source knows no such subject, or refuses it: final.
    #[error("{0}")]
    Denied(String),
    /// Try again later.
    #[error("{public}")]
    Unavailable {
        public: String,
        retry_after: Option<u32>,
        #[source]
        cause: Option<Cause>,
    },
    /// Set up wrongly: an operator must act.
    #[error("{public}")]
    Broken {
        public: String,
        #[source]
        cause: Cause,
    },
    /// What another issuer answered is no credential that may be passed on.
    #[error("the credential's issuer answered with a credential that is not passed on")]
    Rejected {
        /// Stable code for audit events.
        reason: &'static str,
        #[source]
        cause: Cause,
    },
    /// Not known, finished, expired, or another grant's: a wallet need not know which.
    #[error("there is no credential to wait for under this transaction_id")]
    UnknownTransaction,
    #[error("{0} exists already")]
    Conflict(String),
    /// There is no credential of that id, or none that this issuer keeps.
    #[error("{0}")]
    NotFound(NotFound),
    /// It was deleted; its id is not given again.
    #[error("the credential was deleted")]
    Deleted,
    /// Another request with the same idempotency key, or another worker, has done it meanwhile.
    #[error("this was done before")]
    DoneBefore,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// It is as it is: what was asked for cannot be done to it.
    #[error("{text}")]
    State { code: &'static str, text: &'static str },
    /// A signed credential that is not taken over: its proof, or who made it.
    #[error("the credential is not accepted: {0}")]
    NotAccepted(String),
    /// "Expired" is no status.
    #[error("whether a credential has expired is said by its validUntil, not by a status")]
    ExpiryIsValidity,
    /// The caller lacks this scope.
    #[error("this needs the scope {0} too")]
    Forbidden(&'static str),
    /// What was handed in is no credential of the data model.
    #[error("{0}")]
    MalformedCredential(String),
    /// An option that is not known here, which must not be left alone (VCALM, 3.8).
    #[error("the option {0} is not known here")]
    UnknownOption(String),
}

/// What there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    #[error("there is no credential of this id")]
    Credential,
    #[error("only the record of this credential is kept")]
    Document,
    #[error("there is no such status list")]
    StatusList,
    #[error("no version of the status list from that time is kept")]
    StatusListVersion,
    #[error("there is no such job")]
    Job,
}

impl NotFound {
    pub fn code(self) -> &'static str {
        match self {
            Self::Credential => "unknown-credential",
            Self::Document => "credential-not-kept",
            Self::StatusList => "unknown-status-list",
            Self::StatusListVersion => "status-list-version-unknown",
            Self::Job => "unknown-job",
        }
    }
}

impl Error {
    pub fn broken(public: &str, cause: impl Into<Cause>) -> Self {
        Self::Broken { public: public.to_owned(), cause: cause.into() }
    }

    /// Stable code for audit events.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid-request",
            Self::UnknownConfiguration(_) => "unknown-configuration",
            Self::UnknownCredentialIdentifier(_) => "unknown-credential-identifier",
            Self::ConfigurationNotGranted(_) => "configuration-not-granted",
            Self::InvalidProof(_) => "invalid-proof",
            Self::InvalidNonce(_) => "invalid-nonce",
            Self::Denied(_) => "denied",
            Self::Unavailable { .. } => "unavailable",
            Self::Broken { .. } => "broken",
            Self::Rejected { reason, .. } => reason,
            Self::UnknownTransaction => "unknown-transaction",
            Self::Conflict(_) => "conflict",
            Self::NotFound(what) => what.code(),
            Self::Deleted => "credential-deleted",
            Self::DoneBefore => "done-before",
            Self::KeyReused => "idempotency-key-reused",
            Self::State { code, .. } => code,
            Self::NotAccepted(_) => "credential-not-accepted",
            Self::ExpiryIsValidity => "expiry-is-validity",
            Self::Forbidden(_) => "forbidden",
            Self::MalformedCredential(_) => "malformed-credential",
            Self::UnknownOption(_) => "unknown-option",
        }
    }

    /// Whether asking again cannot help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::InvalidRequest(_) | Self::Rejected { .. })
    }

    /// Whether it was allowed and did not work, as against refused.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Broken { .. } | Self::Rejected { .. } | Self::Conflict(_))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::Conflict(what.to_owned()),
            other => Self::Unavailable {
                public: "the issuer cannot record anything at the moment".to_owned(),
                retry_after: Some(1),
                cause: Some(Box::new(other)),
            },
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound(message) | CallError::Denied(message) => Self::Denied(message.public),
            CallError::InvalidRequest(message) => Self::InvalidRequest(message.public),
            CallError::Unavailable { retry_after, .. } => unavailable(retry_after, error),
            CallError::Busy { retry_after, .. } | CallError::Paused { retry_after, .. } => {
                unavailable(Some(retry_after), error)
            }
            // What it waited for did not come in time.
            CallError::Limit { which: LimitKind::Wall, .. } => unavailable(Some(super::patience::PAUSE), error),
            CallError::NotActive { .. } | CallError::Unknown { .. } => unavailable(None, error),
            other => Self::Broken { public: other.public().to_owned(), cause: Box::new(other) },
        }
    }
}

fn unavailable(retry_after: Option<Duration>, error: CallError) -> Error {
    // Whole seconds, rounded up: what Retry-After can say.
    let seconds = retry_after.map(|after| u32::try_from(after.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1));
    Error::Unavailable { public: error.public().to_owned(), retry_after: seconds, cause: Some(Box::new(error)) }
}

/// An error with what caused it, for an operator.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Wrappers often repeat their cause's text.
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
