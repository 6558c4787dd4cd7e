//! Deferred transactions: credentials that were asked for and are not ready.

use super::Timestamp;

/// How many transactions of one offer may be pending at a time: more than a wallet has a use for.
pub const MAX_PENDING_PER_OFFER: u32 = 32;

/// A credential that was asked for and is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredRecord {
    pub issuer_id: String,
    /// SHA-256 of the transaction id that the wallet polls with.
    pub transaction_hash: String,
    /// The offer it came from.
    pub offer_id: Option<String>,
    pub configuration_id: String,
    pub configuration_version: i64,
    /// What it waits for: the caller's word, such as `issuer`.
    pub kind: String,
    /// What is needed to go on, sealed; empty once the transaction is finished.
    pub sealed_state: Vec<u8>,
    pub state: DeferredState,
    /// How often it was leased.
    pub attempts: i64,
    pub created_at: Timestamp,
    /// When asking again may help.
    pub poll_after: Timestamp,
    /// From then on it cannot be leased.
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeferredState {
    Pending,
    /// It has come to its credential. Kept until it expires, so that its id is not taken anew.
    Finished,
}

/// The right to go on with a transaction, which one caller has at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredLease {
    pub issuer_id: String,
    pub transaction_hash: String,
    /// Names the caller: a random value, another one for each lease.
    pub holder: String,
    /// From then on another caller may take it. Until somebody does, it is still the holder's.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeferredLeasing {
    Leased(Box<DeferredRecord>),
    /// Another caller has the lease.
    Busy,
    /// Unknown, finished or expired.
    Gone,
}

/// What becomes of a transaction that is still not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredUpdate {
    pub kind: String,
    pub sealed_state: Vec<u8>,
    pub poll_after: Timestamp,
}
