//! SD-JWT VC: selective disclosure after RFC 9901, with the claim rules of SD-JWT VC.
//!
//! Issuing has two steps, so that the signature may come from anywhere: [`SdJwtVc::prepare`] turns
//! claims into the bytes to sign, [`Prepared::finish`] adds the signature. Which claims are
//! disclosable is a [`DisclosureFrame`], checked once when a configuration is published.
//! [`Disclosed`] reads an SD-JWT back for display.

mod disclosed;
mod frame;
mod issue;

pub use disclosed::{Disclosed, DisclosedClaim, DisclosedError};
pub use frame::DisclosureFrame;
pub(crate) use frame::check_disclosable;
pub use issue::{Prepared, SALT_LEN, SaltError, SdJwtHeader, SdJwtVc};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The media type of SD-JWT VC, and the one that wallets of older drafts expect.
pub const TYP_DC_SD_JWT: &str = "dc+sd-jwt";
pub const TYP_VC_SD_JWT: &str = "vc+sd-jwt";

/// Deepest nesting of claims.
pub const MAX_DEPTH: usize = 64;
/// Most disclosures of one credential.
pub const MAX_DISCLOSURES: usize = 4096;

/// Most values (members, elements) of one credential's payload and disclosures together. Read, a value of two
/// characters takes about a hundred bytes.
pub const MAX_VALUES: usize = 200_000;

/// Member names that carry the mechanism itself (RFC 9901 §4.1).
const SD: &str = "_sd";
const SD_ALG: &str = "_sd_alg";
const DIGEST: &str = "...";
const RESERVED: [&str; 3] = [SD, SD_ALG, DIGEST];
const SHA_256: &str = "sha-256";

/// Why an SD-JWT VC was not made, or its configuration refused. The texts name claims, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdJwtError {
    #[error("the claim `{0}` can never be selectively disclosable")]
    NeverDisclosable(String),
    #[error("the claims path `{0}` starts with an array step; an SD-JWT's claims are an object")]
    NotAnObjectPath(String),
    #[error("the member name `{0}` is reserved by SD-JWT")]
    ReservedName(&'static str),
    #[error("the disclosable claims path does not fit the claims: {at} is not {expected}")]
    PathMismatch { at: String, expected: &'static str },
    #[error("an SD-JWT VC needs a text claim `vct`")]
    MissingVct,
    #[error("the claims are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the claims have more than {MAX_DISCLOSURES} disclosable members")]
    TooManyDisclosures,
    #[error("no random salt could be drawn")]
    Salt(#[from] SaltError),
}

/// base64url(SHA-256(disclosure)), RFC 9901 §4.2.3.
fn digest(disclosure: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure.as_bytes()))
}

pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|reserved| *reserved == name)
}

#[cfg(test)]
mod tests;
