//! c_nonce values (OpenID4VCI 1.0, 7), made without a write: time and randomness under a MAC. That each is used
//! once is a row in the transaction that issues (`UsedNonce`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_keys::{Entropy, EntropyError, MacKey};
use chancery_store::{Timestamp, UsedNonce};
use chrono::{DateTime, Utc};

const TIME: usize = 8;
const RANDOM: usize = 16;
const MAC: usize = MacKey::TAG_LEN;

#[derive(Debug, PartialEq, Eq)]
pub enum NonceProblem {
    /// Not made by this issuer.
    Unknown,
    Expired,
}

pub fn make(key: &MacKey, now: DateTime<Utc>, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0; TIME + RANDOM + MAC];
    bytes[..TIME].copy_from_slice(&now.timestamp_millis().to_be_bytes());
    entropy.fill(&mut bytes[TIME..TIME + RANDOM])?;
    let mac = key.mac(&bytes[..TIME + RANDOM]);
    bytes[TIME + RANDOM..].copy_from_slice(&mac);
    Ok(B64.encode(bytes))
}

/// Says whether we made `nonce` and when it stops being good.
pub fn check(key: &MacKey, nonce: &str, now: DateTime<Utc>, lifetime: Duration) -> Result<UsedNonce, NonceProblem> {
    let bytes = B64.decode(nonce).map_err(|_| NonceProblem::Unknown)?;
    let (signed, mac) = bytes.split_at_checked(TIME + RANDOM).ok_or(NonceProblem::Unknown)?;
    if !key.verify(signed, mac) {
        return Err(NonceProblem::Unknown);
    }
    let made = signed.first_chunk::<TIME>().map(|t| i64::from_be_bytes(*t)).ok_or(NonceProblem::Unknown)?;
    let made = DateTime::from_timestamp_millis(made).ok_or(NonceProblem::Unknown)?;
    let expires_at = made + lifetime;
    if expires_at <= now {
        return Err(NonceProblem::Expired);
    }
    Ok(UsedNonce { nonce_hash: B64.encode(&signed[TIME..]), expires_at: Timestamp::new(expires_at) })
}
