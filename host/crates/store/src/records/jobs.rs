//! Jobs: many credentials that were asked for at once.

use super::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Items are still being added.
    Loading,
    Running,
    Finished,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    pub issuer_id: String,
    pub job_id: String,
    pub configuration_id: String,
    pub state: JobState,
    /// Items that it has.
    pub total: i64,
    /// Of these, issued ones, and ones that cannot be issued.
    pub done: i64,
    pub failed: i64,
    /// Who asked, as audit events name it.
    pub actor: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When what is left of it may be deleted, once it has ended or if it was never started.
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobItemState {
    Pending,
    Done,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobItem {
    /// Counts from 1.
    pub number: i64,
    pub state: JobItemState,
    /// What the credential is made of; empty once the item is done or has failed, or its job is cancelled.
    pub sealed_input: Vec<u8>,
    pub credential_id: Option<String>,
    /// Why it failed, in words for whoever asked.
    pub error: Option<String>,
}

/// The right to work on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLease {
    pub issuer_id: String,
    pub job_id: String,
    pub holder: String,
    pub until: Timestamp,
}

/// An item that an issuance finishes: recorded with its credential or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobItemDone {
    pub job_id: String,
    pub number: i64,
    pub credential_id: String,
    pub at: Timestamp,
}
