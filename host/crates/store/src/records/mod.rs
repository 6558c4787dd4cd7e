//! What goes in and comes out of the store. Ids and hashes are text; sealed things are opaque bytes that only
//! `chancery-keys` opens.

mod credentials;
mod deferred;
mod jobs;
mod plugins;
mod status;
mod webhooks;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use credentials::{CredentialQuery, Deletion, DeletionOutcome, FoundCredential, NewReply, Reissue, StoredReply};
pub use deferred::{
    DeferredLease, DeferredLeasing, DeferredRecord, DeferredState, DeferredUpdate, MAX_PENDING_PER_OFFER,
};
pub use jobs::{JobItem, JobItemDone, JobItemState, JobLease, JobRecord, JobState};
pub use plugins::{DeliveryAdvance, DeliveryLease, DeliveryState, PluginControl};
pub use status::{
    ExpectedEntry, STATUS_LIST_FORMAT, SlotLease, StatusChange, StatusEntry, StatusListCredential, StatusListHead,
    StatusListRecord, StatusListVersion, StatusOutcome, StatusSlot, StatusUpdate,
};
pub(crate) use webhooks::DELIVERY_PREFIX;
pub use webhooks::{DeadLetter, DeadLetterCount, DeliveryFailure, WebhookPause, webhook_delivery};

/// A point in time as both databases keep it, so that what is read equals what was written: cut to
/// microseconds, a leap second as the second after it, and between the years 0 and 9999, because only there
/// the order of RFC 3339 texts is the order of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "DateTime<Utc>", into = "DateTime<Utc>")]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// 0000-01-01T00:00:00Z in microseconds.
    const FIRST_MICROS: i64 = -62_167_219_200_000_000;
    /// 9999-12-31T23:59:59.999999Z in microseconds.
    const LAST_MICROS: i64 = 253_402_300_799_999_999;

    pub fn new(at: DateTime<Utc>) -> Self {
        let micros = at.timestamp_micros().clamp(Self::FIRST_MICROS, Self::LAST_MICROS);
        // The clamped range lies within chrono's, so the fallback is never taken.
        Self(DateTime::from_timestamp_micros(micros).unwrap_or(at))
    }

    pub fn get(self) -> DateTime<Utc> {
        self.0
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self::new(at)
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(at: Timestamp) -> Self {
        at.get()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRecord {
    pub issuer_id: String,
    /// The credential issuer identifier: an absolute URL without trailing slash, query or fragment.
    pub url: String,
    /// JSON array of `{name, locale, logo}`.
    pub display: serde_json::Value,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A credential configuration that is about to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationDraft {
    pub configuration_id: String,
    /// The whole configuration as one JSON document, template included.
    pub content: serde_json::Value,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationRecord {
    pub configuration_id: String,
    /// Counts from 1.
    pub version: i64,
    pub content: serde_json::Value,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub configuration_id: String,
    pub version: i64,
    /// `false`: the published version was the same already.
    pub changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Pending,
    Active,
    Retired,
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub issuer_id: String,
    /// Immutable and never used again: the RFC 7638 thumbprint of the public key.
    pub key_id: String,
    /// What it signs: `credential` or `access-token`.
    pub purpose: String,
    /// JOSE name: `ES256` or `EdDSA`.
    pub algorithm: String,
    pub public_jwk: serde_json::Value,
    pub sealed_private_key: Vec<u8>,
    pub state: KeyState,
    pub created_at: Timestamp,
}

/// A service client: signs in with `private_key_jwt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRecord {
    pub client_id: String,
    /// The one issuer its scopes are bound to.
    pub issuer_id: String,
    /// JSON object `{keys: [...]}` of public keys.
    pub jwks: serde_json::Value,
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootstrapRedemption {
    Redeemed,
    /// Unknown, expired, used before, or there is a client already, which can register others.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRecord {
    pub issuer_id: String,
    pub offer_id: String,
    pub configuration_ids: Vec<String>,
    /// Sealed JSON: `{subject}` (the plugin is asked) or `{claims}`.
    pub sealed_subject: Vec<u8>,
    pub code_hash: String,
    /// The code itself, sealed, so that an offer by reference can be read again.
    pub sealed_code: Vec<u8>,
    /// Keyed hash of the transaction code; `None` when the offer asks for none.
    pub tx_code_mac: Option<String>,
    /// JSON `{input_mode, length, description}` as the wallet sees it.
    pub tx_code_hint: Option<serde_json::Value>,
    pub tx_attempts_left: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When its code was exchanged for an access token.
    pub redeemed_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct RedeemOffer {
    pub issuer_id: String,
    pub code_hash: String,
    pub tx_code_mac: Option<String>,
    /// Of the offer's configurations, those that the caller picks; `None` takes them all.
    pub wanted: Option<Vec<String>>,
    pub now: Timestamp,
    /// When the access token ends that a redemption is answered with: until then the offer, which says whom
    /// the credential is for, outlives its own expiry.
    pub access_until: Timestamp,
}

impl RedeemOffer {
    pub(crate) fn wants_some_of(&self, offered: &[String]) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|id| offered.contains(id)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    Redeemed(Box<OfferRecord>),
    /// No offer of this issuer has that code. Writes no event: anybody can guess, and events stay.
    UnknownCode,
    /// The offer has nothing of what was picked; the code is still good. Writes no event.
    NothingWanted,
    Expired,
    AlreadyUsed,
    TxCodeMissing,
    TxCodeUnexpected,
    /// Cost one attempt; with none left the code is dead from the next attempt on, right or wrong.
    TxCodeWrong {
        attempts_left: i64,
    },
    /// The attempts were used up before: the code is dead.
    TxCodeAttemptsUsedUp,
}

impl Redemption {
    /// The reason that stands in the audit event of a refusal; `None` for a redemption.
    pub fn refusal_reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Redeemed(_) => return None,
            Self::UnknownCode => "unknown-code",
            Self::NothingWanted => "nothing-wanted",
            Self::Expired => "code-expired",
            Self::AlreadyUsed => "code-already-used",
            Self::TxCodeMissing => "tx-code-missing",
            Self::TxCodeUnexpected => "tx-code-unexpected",
            Self::TxCodeWrong { .. } => "tx-code-wrong",
            Self::TxCodeAttemptsUsedUp => "tx-code-attempts-used-up",
        })
    }
}

/// What one credential request issues: recorded whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct IssuanceBatch {
    pub issuer_id: String,
    /// Each must be new; the first that is not refuses the batch.
    pub nonces: Vec<UsedNonce>,
    pub credentials: Vec<StoredCredential>,
    pub events: Vec<AuditEvent>,
    /// Keyed hashes of the ids that a client chose: one of a deleted credential refuses the batch.
    pub chosen_ids: Vec<String>,
    /// Former credentials that the new ones take the place of.
    pub replacements: Vec<Replacement>,
    /// Each must be pending; the first that is not refuses the batch.
    pub job_items: Vec<JobItemDone>,
    /// One that is there already refuses the batch.
    pub reply: Option<NewReply>,
}

/// What becomes of the subject's former credentials of the same configuration when a new one is issued.
#[derive(Debug, Clone)]
pub struct Replacement {
    pub configuration_id: String,
    pub subject_hash: String,
    /// The new one; it and the others of its batch are left alone.
    pub by: String,
    /// Set their revocation entries; else they are only marked as superseded.
    pub revoke: bool,
    pub at: Timestamp,
    pub actor: String,
    /// Written for each one that is replaced: the store sets its object, and appends `/1`, `/2`, … to its id. Its reason
    /// is also that of the revocation.
    pub event: AuditEvent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedNonce {
    pub nonce_hash: String,
    /// After this the nonce is refused for its age, and its row may go.
    pub expires_at: Timestamp,
}

/// A row of `issued_credentials`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    pub credential_id: String,
    pub issuer_id: String,
    pub configuration_id: String,
    pub configuration_version: i64,
    /// The format's type: vct, doctype or the last VC type.
    pub credential_type: String,
    /// What the credential is in, as the configuration names it: `dc+sd-jwt`, `ldp_vc`, ….
    pub format: String,
    /// The offer it came from.
    pub offer_id: Option<String>,
    pub issue_date: Timestamp,
    pub expiration_date: Option<Timestamp>,
    /// The signed credential, sealed; `None` where the configuration keeps the record only.
    pub credential: Option<Vec<u8>>,
    /// Keyed hash of whom it is about, where that is known.
    pub subject_hash: Option<String>,
    /// The credential that took its place.
    pub superseded_by: Option<String>,
    /// When the record is to be deleted.
    pub delete_after: Option<Timestamp>,
    pub created_time: Timestamp,
    pub updated_time: Timestamp,
    /// The entries that it is issued with. Written with it; what they say now is read by
    /// [`status_entries`](crate::StatusLists::status_entries), and here it is empty when read.
    pub status: Vec<StatusSlot>,
    /// Names and keyed hashes that it can be found by, each name once. Written with it, and empty when read.
    pub attributes: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuanceOutcome {
    Recorded,
    NonceReused {
        nonce_hash: String,
    },
    /// A credential of that id is there already.
    CredentialExists {
        credential_id: String,
    },
    /// A credential of that id was deleted: the id is not given again.
    CredentialDeleted,
    /// The idempotency key has a reply already.
    Replied,
    /// An item of the job is not pending any more, or the job does not run.
    JobItemTaken,
    /// Of deferring only: [`MAX_PENDING_PER_OFFER`] transactions of the offer wait already.
    TooManyPending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventOutcome {
    Succeeded,
    Refused,
    Failed,
}

/// One security-relevant action. Carries no personal data: subjects stand here only as keyed hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Unique. One that grows with time (`UUIDv7`) keeps the index over them cheap: each event is written next to the
    /// former one, instead of on a page of its own.
    pub event_id: String,
    pub issuer_id: String,
    pub at: Timestamp,
    /// `client:ID`, `wallet`, `cli`, `bootstrap token` or `system`.
    pub actor: String,
    /// `noun.verb`, such as `credential.issue`.
    pub action: String,
    /// Id of what it was done to.
    pub object: String,
    pub outcome: EventOutcome,
    /// Why it was refused or failed: an error code.
    pub reason: Option<String>,
    pub request_id: Option<String>,
    /// Digest of the plugin that took part.
    pub plugin_digest: Option<String>,
    /// JSON object with what else is worth keeping.
    pub detail: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp(text: &str) -> String {
        let timestamp: Timestamp = serde_json::from_value(text.into()).unwrap();
        serde_json::to_value(timestamp).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn timestamps_are_cut_wherever_they_come_from() {
        assert_eq!(timestamp("2027-01-15T08:00:00.123456789Z"), "2027-01-15T08:00:00.123456Z");
        assert_eq!(timestamp("1960-01-15T08:00:00.999999999Z"), "1960-01-15T08:00:00.999999Z");
        assert_eq!(timestamp("2016-12-31T23:59:60.5Z"), "2017-01-01T00:00:00.500Z", "a leap second");
        assert_eq!(timestamp("+12027-01-15T08:00:00Z"), "9999-12-31T23:59:59.999999Z");
        assert_eq!(timestamp("-0001-01-15T08:00:00Z"), "0000-01-01T00:00:00Z");
        assert_eq!(
            Timestamp::new(DateTime::<Utc>::MAX_UTC),
            Timestamp::new(Timestamp::new(DateTime::<Utc>::MAX_UTC).get())
        );
    }

    #[test]
    fn every_refusal_has_a_reason_of_its_own() {
        let refusals = [
            Redemption::UnknownCode,
            Redemption::NothingWanted,
            Redemption::Expired,
            Redemption::AlreadyUsed,
            Redemption::TxCodeMissing,
            Redemption::TxCodeUnexpected,
            Redemption::TxCodeWrong { attempts_left: 1 },
            Redemption::TxCodeAttemptsUsedUp,
        ];
        let reasons: std::collections::BTreeSet<_> = refusals.iter().map(|one| one.refusal_reason().unwrap()).collect();
        assert_eq!(reasons.len(), refusals.len());
    }
}
