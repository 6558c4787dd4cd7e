//! What is done with credentials after their issuance, and replies that can be repeated.

use super::{AuditEvent, StatusSlot, StoredCredential, Timestamp};

/// Which credentials are wanted: those that fit everything that is set, the newest first. The caller limits how many
/// attributes and statuses it has.
#[derive(Debug, Clone, Default)]
pub struct CredentialQuery {
    pub issuer_id: String,
    pub credential_type: Option<String>,
    pub configuration_id: Option<String>,
    pub subject_hash: Option<String>,
    /// Indexed attributes by name and hash.
    pub attributes: Vec<(String, String)>,
    pub created_from: Option<Timestamp>,
    /// Exclusive.
    pub created_until: Option<Timestamp>,
    /// Purposes whose entry is set.
    pub statuses: Vec<String>,
    /// The last one of the page before: its creation and id.
    pub after: Option<(Timestamp, String)>,
    pub limit: u32,
}

/// A credential that was found: its record, without the credential itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCredential {
    pub credential_id: String,
    pub issuer_id: String,
    pub configuration_id: String,
    pub configuration_version: i64,
    pub credential_type: String,
    pub format: String,
    pub offer_id: Option<String>,
    pub issue_date: Timestamp,
    pub expiration_date: Option<Timestamp>,
    /// Whether the credential itself is kept.
    pub kept: bool,
    pub subject_hash: Option<String>,
    pub superseded_by: Option<String>,
    pub delete_after: Option<Timestamp>,
    pub created_time: Timestamp,
    pub updated_time: Timestamp,
}

impl From<StoredCredential> for FoundCredential {
    fn from(stored: StoredCredential) -> Self {
        Self {
            credential_id: stored.credential_id,
            issuer_id: stored.issuer_id,
            configuration_id: stored.configuration_id,
            configuration_version: stored.configuration_version,
            credential_type: stored.credential_type,
            format: stored.format,
            offer_id: stored.offer_id,
            issue_date: stored.issue_date,
            expiration_date: stored.expiration_date,
            kept: stored.credential.is_some(),
            subject_hash: stored.subject_hash,
            superseded_by: stored.superseded_by,
            delete_after: stored.delete_after,
            created_time: stored.created_time,
            updated_time: stored.updated_time,
        }
    }
}

/// A deletion: the row and its entries go, and replies that hold the credential; a tombstone stays.
#[derive(Debug, Clone)]
pub struct Deletion {
    pub issuer_id: String,
    pub credential_id: String,
    pub credential_hash: String,
    /// Set the revocation entry first, where there is one and it is not set.
    pub revoke: bool,
    pub at: Timestamp,
    pub actor: String,
    pub reason: Option<String>,
    pub event: AuditEvent,
    /// Written before `event` where the revocation entry was set.
    pub revocation_event: AuditEvent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionOutcome {
    Deleted {
        revoked: bool,
    },
    UnknownCredential,
    /// Before.
    Gone,
    /// It is a status list's: other credentials refer to it.
    Protected,
}

/// A stored credential that is signed again, with entries that it did not have.
#[derive(Debug, Clone)]
pub struct Reissue {
    pub issuer_id: String,
    pub credential_id: String,
    /// The `updated_time` that the caller has seen: another one means that somebody was faster.
    pub seen: Timestamp,
    pub credential: Vec<u8>,
    pub status: Vec<StatusSlot>,
    pub at: Timestamp,
    pub event: AuditEvent,
}

/// What a client is answered under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReply {
    pub issuer_id: String,
    pub client_id: String,
    pub key_hash: String,
    /// Of the request: another request under the same key is a mistake of the client's.
    pub request_hash: String,
    pub sealed_reply: Vec<u8>,
    /// Keyed hash of the id of the credential that it holds: it is emptied with that one's deletion.
    pub credential_hash: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    pub request_hash: String,
    /// Empty where the credential that it held was deleted.
    pub sealed_reply: Vec<u8>,
}
