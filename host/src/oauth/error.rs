//! Why a token was not given or not taken, in OAuth's words.

use chancery_store::StoreError;

use crate::issuance::error::Error as IssuanceError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    InvalidGrant(String),
    #[error("{0}")]
    InvalidClient(String),
    #[error("{0}")]
    InvalidScope(String),
    /// RFC 9396, 5.
    #[error("{0}")]
    InvalidAuthorizationDetails(String),
    #[error("grant type {0} is not served here")]
    UnsupportedGrantType(String),
    #[error(transparent)]
    Issuance(#[from] IssuanceError),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Issuance(error.into())
    }
}
