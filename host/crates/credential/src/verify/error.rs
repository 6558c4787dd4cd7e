//! Why a credential was refused.

use super::{MAX_PROOFS, MAX_VALUES};
use crate::JsonError;
use crate::jsonld::JsonLdError;
use crate::sd_jwt::DisclosedError;
use crate::vcdm::VcdmError;

/// Longest piece of a credential that an error quotes, in characters.
const MAX_QUOTE: usize = 160;

/// Why a credential was refused. The texts are for the operator's log: they name members, issuers, keys, types and
/// contexts, and carry no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("credentials of the format {0:?} cannot be verified")]
    UnsupportedFormat(String),
    #[error("the credential is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("the credential has more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("the credential has more than {MAX_PROOFS} proofs")]
    TooManyProofs,
    #[error("the credential is malformed: {0}")]
    Malformed(&'static str),
    #[error("the credential is malformed: {0}")]
    Json(#[from] JsonError),
    #[error("the credential is malformed: {0}")]
    SdJwt(#[from] DisclosedError),
    #[error("the credential breaks its data model: {0}")]
    Model(#[from] VcdmError),
    #[error("the credential cannot be read as JSON-LD: {0}")]
    JsonLd(String),
    #[error("the context {0} is neither bundled nor given with the configuration")]
    UnknownContext(String),
    #[error("the credential's @context is not the expected one; contexts that stand inline have to be expected")]
    UnexpectedContext,
    #[error("the credential's {0} in JSON is not what its signature covers")]
    Ambiguous(&'static str),
    #[error("the JWT's typ must be {expected}")]
    WrongTokenType { expected: &'static str },
    #[error("the signature algorithm {0:?} is not supported; ES256 and EdDSA are")]
    UnsupportedAlgorithm(String),
    #[error("no proof is of a supported suite; eddsa-rdfc-2022 and ecdsa-rdfc-2019 (P-256) are; found: {0:?}")]
    UnsupportedSuite(String),
    #[error("a proof refers to a previous proof; proof chains are not supported")]
    ProofChain,
    #[error("the issuer {0:?} is not trusted")]
    UntrustedIssuer(String),
    #[error("the credential names its issuer twice, and differently")]
    IssuerMismatch,
    #[error("the key {0:?} is not one of the issuer's")]
    UnknownKey(String),
    #[error("the signature's algorithm does not fit the issuer's key")]
    AlgorithmMismatch,
    #[error("the signature does not match the issuer's key")]
    BadSignature,
    #[error("the credential's {0} lies in the future")]
    NotYetValid(&'static str),
    #[error("the credential's {0} has passed")]
    Expired(&'static str),
    #[error("the credential is not of the type {0:?}")]
    WrongType(String),
    #[error("the claim {0} must not be selectively disclosable")]
    NeverDisclosable(String),
    #[error("the credential has several subjects, but must be bound to one key")]
    SeveralSubjects,
    #[error("the credential is not bound to a key, but must be")]
    HolderMissing,
    #[error("the credential is bound to another key than the wallet's")]
    HolderMismatch,
    #[error("the credential is bound to a key, but none was asked for")]
    HolderUnexpected,
}

impl From<JsonLdError> for VerifyError {
    /// Leaves out what might quote values.
    fn from(error: JsonLdError) -> Self {
        match error {
            JsonLdError::UnknownContext { url, .. } => Self::UnknownContext(clip(&url)),
            JsonLdError::Processing(_) => Self::JsonLd("the processor refuses it".to_owned()),
            JsonLdError::UndefinedName { path, .. } => {
                Self::JsonLd(clip(&format!("{path}: no context defines the type or name that stands there")))
            }
            other => Self::JsonLd(clip(&other.to_string())),
        }
    }
}

/// A piece of a credential as an error may quote it: short, on one line.
pub(super) fn clip(text: &str) -> String {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut clipped: String = text.chars().take(MAX_QUOTE).map(visible).collect();
    if text.chars().nth(MAX_QUOTE).is_some() {
        clipped.push('…');
    }
    clipped
}
