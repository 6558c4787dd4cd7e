//! Judging a credential that another issuer signed, before it is passed on to a wallet.
//!
//! [`verify`] is the one way through: it checks form, issuer, signature, validity, type and holder, and nothing of
//! it can be left out. Two things it leaves to its caller, as the rest of this crate does:
//!
//! - **Keys.** Making a credential ends with bytes that somebody else signs; judging one ends with bytes and a
//!   signature that somebody else compares, through [`IssuerKeys`]. The crate stays free of cryptography, and whoever
//!   holds the keys (`chancery-keys` has the list of trusted issuers) decides what a key's name means.
//! - **Time.** [`Expected::now`] says when it is.
//!
//! Nothing is fetched: neither keys nor contexts, schemas or status lists.
//!
//! | module | what it judges |
//! | --- | --- |
//! | `sd_jwt` | SD-JWT VC |
//! | `data_integrity` | JSON-LD credentials with Data Integrity proofs |
//! | `statements` | that a JSON-LD credential says in JSON what it says in the statements that are signed |
//! | `jwt_vc` | credentials as plain JWT: VCDM 1.1 (`vc` claim) and VC-JOSE-COSE |
//! | `jws` | the compact JWS of the JWT formats |
//! | `model` | what all formats of the VC Data Model share: types, issuer, subject |
//! | `validity` | from when to when |
//! | `holder` | whose key a credential is bound to |

mod data_integrity;
mod error;
mod holder;
mod jws;
mod jwt_vc;
mod model;
mod sd_jwt;
mod statements;
mod validity;

pub use error::VerifyError;
pub use holder::Holder;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::jsonld::Contexts;
use crate::{JsonLimits, json::value_bound, parse_strict};

pub use crate::sd_jwt::MAX_VALUES;

/// Longest credential that a plugin may hand over, in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 8 * 1024 * 1024;
/// Most proofs of one proof set.
pub const MAX_PROOFS: usize = 8;

/// How a credential is secured, by the names of OpenID4VCI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `dc+sd-jwt`, and `vc+sd-jwt` as drafts call it.
    SdJwtVc,
    /// `ldp_vc`: a JSON-LD credential with Data Integrity proofs.
    LdpVc,
    /// `jwt_vc_json`: VCDM 1.1 in the claim `vc` of a JWT.
    JwtVcJson,
    /// `vc+jwt`: VCDM 2.0 as the claims of a JWT (VC-JOSE-COSE).
    VcJwt,
}

impl Format {
    pub fn from_name(name: &str) -> Result<Self, VerifyError> {
        match name {
            "dc+sd-jwt" | "vc+sd-jwt" => Ok(Self::SdJwtVc),
            "ldp_vc" => Ok(Self::LdpVc),
            "jwt_vc_json" => Ok(Self::JwtVcJson),
            "vc+jwt" => Ok(Self::VcJwt),
            other => Err(VerifyError::UnsupportedFormat(error::clip(other))),
        }
    }
}

/// What a credential must be to be passed on.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub format: Format,
    /// Each must be there: among the `type` of the credential, or as the `vct` of an SD-JWT VC. Without any, no
    /// credential is good enough.
    pub types: &'a [String],
    /// The issuers that are trusted.
    pub issuers: &'a dyn IssuerKeys,
    /// The key that the credential must be bound to; `None` where no key was asked for.
    pub holder: Option<&'a Holder>,
    /// The contexts of JSON-LD credentials.
    pub contexts: &'a Contexts,
    /// The whole `@context` of JSON-LD credentials, exactly. Without it, any list of known URLs will do, but no context
    /// that stands inline: the signature covers the statements, and an inline context could give the names in the
    /// JSON another meaning under a signature that still holds.
    pub context_list: Option<&'a [Value]>,
    pub now: DateTime<Utc>,
    /// How far the issuer's clock may be off.
    pub clock_skew: Duration,
    /// At most [`MAX_CREDENTIAL_BYTES`].
    pub max_bytes: usize,
}

/// Who answers for the signatures of trusted issuers.
pub trait IssuerKeys: fmt::Debug + Send + Sync {
    /// Checks a signature, and gives the id of the key that made it. An issuer that is not trusted, a key that is not
    /// its own and an algorithm that does not fit the key are refused, whatever the signature.
    fn check(&self, signed: &Signed<'_>) -> Result<String, KeyProblem>;
}

/// A signature as a credential claims it to be.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The issuer as the credential names it.
    pub issuer: &'a str,
    /// The `kid` of a JWS, or the verification method of a proof. Absent where a JWS names no key.
    pub key_id: Option<&'a str>,
    /// `ES256` or `EdDSA`.
    pub algorithm: &'static str,
    /// What the signature must be over; the key's algorithm hashes it.
    pub message: &'a [u8],
    /// In its JOSE form, 64 bytes.
    pub signature: &'a [u8],
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("issuer", &self.issuer)
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why [`IssuerKeys::check`] refuses a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    UntrustedIssuer,
    UnknownKey,
    AlgorithmMismatch,
    BadSignature,
}

/// A credential that may be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// As the credential names it.
    pub issuer: String,
    /// The key of the signature; of several proofs, the first.
    pub key_id: String,
    /// The latest of the times that the credential gives.
    pub valid_from: Option<DateTime<Utc>>,
    /// The earliest of the times that the credential gives.
    pub valid_until: Option<DateTime<Utc>>,
    /// All of its `type`, or its `vct` alone.
    pub types: Vec<String>,
    pub holder: Binding,
}

/// Whether a credential is bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// To the one that was expected.
    Bound,
    /// None was expected.
    Unbound,
}

/// Checks a credential in every respect.
pub fn verify(credential: &[u8], expected: &Expected<'_>) -> Result<Verified, VerifyError> {
    let max = expected.max_bytes.min(MAX_CREDENTIAL_BYTES);
    if credential.len() > max {
        return Err(VerifyError::TooLong { max });
    }
    let text = std::str::from_utf8(credential).map_err(|_| VerifyError::Malformed("it is not UTF-8 text"))?;
    match expected.format {
        Format::SdJwtVc => sd_jwt::verify(text, expected),
        Format::LdpVc => data_integrity::verify(text, expected),
        Format::JwtVcJson => jwt_vc::verify_vc_claim(text, expected),
        Format::VcJwt => jwt_vc::verify_vc_jwt(text, expected),
    }
}

/// Reads JSON within the bounds of all credentials.
fn read_json(text: &str) -> Result<Value, VerifyError> {
    if value_bound(text) > MAX_VALUES {
        return Err(VerifyError::TooManyValues);
    }
    let limits = JsonLimits { max_bytes: MAX_CREDENTIAL_BYTES, ..JsonLimits::default() };
    Ok(parse_strict(text, &limits)?)
}

/// Asks for a signature, and puts the answer into words.
fn check_signature(signed: &Signed<'_>, expected: &Expected<'_>) -> Result<String, VerifyError> {
    expected.issuers.check(signed).map_err(|problem| match problem {
        KeyProblem::UntrustedIssuer => VerifyError::UntrustedIssuer(error::clip(signed.issuer)),
        KeyProblem::UnknownKey => {
            VerifyError::UnknownKey(signed.key_id.map_or_else(|| "(none named)".to_owned(), error::clip))
        }
        KeyProblem::AlgorithmMismatch => VerifyError::AlgorithmMismatch,
        KeyProblem::BadSignature => VerifyError::BadSignature,
    })
}

#[cfg(test)]
mod tests;
