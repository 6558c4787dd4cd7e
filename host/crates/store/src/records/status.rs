//! Status lists, the entries of credentials in them, and what changes them.

use super::{AuditEvent, NewReply, Timestamp};

/// The `format` of the rows of `issued_credentials` that are the identities of status list credentials.
pub const STATUS_LIST_FORMAT: &str = "status-list";

/// A list: one bitmap for each purpose, all of the same indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusListRecord {
    pub issuer_id: String,
    pub list_id: String,
    /// Its status list credentials, in the order of the purposes.
    pub credentials: Vec<StatusListCredential>,
    /// Entries that it has.
    pub capacity: i64,
    /// Counter values that were leased so far: `capacity` when the list is full.
    pub next_slot: i64,
    /// What turns a counter value into an index.
    pub sealed_permutation_key: Vec<u8>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusListCredential {
    pub purpose: String,
    /// Where it is published, which is also its id.
    pub url: String,
}

/// How far a list has changed, and how far that is published: what hosts compare to know what there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusListHead {
    pub issuer_id: String,
    pub list_id: String,
    /// Changes so far.
    pub revision: i64,
    /// Publications so far; 0 before the first.
    pub version: i64,
    /// The revision that the newest version shows.
    pub published_revision: i64,
    /// When the newest version ends; `None` before the first.
    pub valid_until: Option<Timestamp>,
    /// Whether it still has counter values to lease.
    pub has_room: bool,
}

/// Counter values of a list, for the one who leased them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLease {
    pub first: i64,
    pub count: i64,
}

/// An entry that a credential is issued with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSlot {
    pub list_id: String,
    pub purpose: String,
    /// The status list credential's.
    pub url: String,
    pub index: i64,
}

/// An entry of a credential, and what it says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEntry {
    pub slot: StatusSlot,
    pub value: bool,
    /// Since when it says so. Never goes back.
    pub since: Timestamp,
}

/// What is to become of one entry.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    pub issuer_id: String,
    pub credential_id: String,
    /// Keyed hash of the credential's id, to tell one that was deleted.
    pub credential_hash: String,
    pub purpose: String,
    pub value: bool,
    /// Whether the value 1 of this purpose stays for ever.
    pub is_final: bool,
    /// The entry that the caller means; `None` where the purpose says enough.
    pub expected: Option<ExpectedEntry>,
    /// When the change is made; one that would come before what the entry says now counts from the same time as that.
    pub at: Timestamp,
    pub actor: String,
    pub reason: Option<String>,
    /// Written where the status changes.
    pub event: AuditEvent,
    /// Recorded where the status is then as asked, changed or not.
    pub reply: Option<NewReply>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedEntry {
    pub url: Option<String>,
    pub index: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusOutcome {
    /// It says now what was asked for. `changed` is `false` where it did so already: then no change was written.
    Set {
        entry: StatusEntry,
        changed: bool,
    },
    /// The credential has no entry of that purpose.
    NoEntry,
    /// It has one, but not the one that was named.
    OtherEntry,
    /// What was to be taken back is final.
    Final,
    UnknownCredential,
    Deleted,
    /// The idempotency key has been used meanwhile; nothing was changed.
    Replied,
}

/// One change in a list's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// Counts from 1 within the list, without a gap.
    pub revision: i64,
    pub purpose: String,
    pub index: i64,
    pub value: bool,
    pub at: Timestamp,
    pub actor: String,
    pub reason: Option<String>,
    pub event_id: String,
}

/// A list as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusListVersion {
    pub issuer_id: String,
    pub list_id: String,
    /// Counts from 1 within the list.
    pub version: i64,
    /// The change that it shows last.
    pub revision: i64,
    pub published_at: Timestamp,
    pub valid_until: Timestamp,
    /// The bitmap, compressed.
    pub bits: Vec<u8>,
    /// The signed documents, in the publisher's own layout.
    pub documents: Vec<u8>,
}
