//! Calls of the store, as values.

use std::time::Duration;

use crate::{
    AuditEvent, CredentialQuery, Deletion, DeletionOutcome, FoundCredential, IssuanceBatch, IssuanceOutcome, Reissue,
    SlotLease, StatusListRecord, StatusListVersion, StatusOutcome, StatusUpdate, Store, StoreError, Timestamp,
};

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are two of them at a time")]
pub(super) enum Call {
    Record(Vec<IssuanceBatch>),
    Update(Vec<StatusUpdate>),
    Delete(Deletion),
    SignAgain(Reissue),
    Lease { issuer_id: String, list_id: String, count: i64, now: Timestamp },
    Publish { version: StatusListVersion, window: Duration, keep_from: Timestamp },
    Open { list: StatusListRecord, most_open: u32, event: AuditEvent },
    Search(CredentialQuery),
    Expire(Timestamp),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Recorded(Vec<IssuanceOutcome>),
    Updated(Vec<StatusOutcome>),
    Deleted(DeletionOutcome),
    Leased(Option<SlotLease>),
    Done(bool),
    Found(Vec<FoundCredential>),
    /// How many rows went depends on former sequences.
    Expired,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Conflict(&'static str),
    /// The model never fails so.
    Other(String),
}

pub(super) type Answered = Result<Answer, Failure>;

impl Call {
    /// Each with its answer.
    pub(super) fn parts(&self, answer: &Answered) -> Vec<(Self, Answered)> {
        match (self, answer) {
            (Self::Record(batches), Ok(Answer::Recorded(outcomes))) if batches.len() == outcomes.len() => {
                let part = |(batch, outcome): (&IssuanceBatch, &IssuanceOutcome)| {
                    (Self::Record(vec![batch.clone()]), Ok(Answer::Recorded(vec![outcome.clone()])))
                };
                batches.iter().zip(outcomes).map(part).collect()
            }
            _ => vec![(self.clone(), answer.clone())],
        }
    }
}

pub(super) async fn answer(store: &dyn Store, call: &Call) -> Answered {
    let answer = match call {
        Call::Record(batches) => store.record_issuances(batches).await.map(Answer::Recorded),
        Call::Update(updates) => store.update_statuses(updates).await.map(Answer::Updated),
        Call::Delete(deletion) => store.delete_credential(deletion).await.map(Answer::Deleted),
        Call::SignAgain(reissue) => store.reissue_credential(reissue).await.map(Answer::Done),
        Call::Lease { issuer_id, list_id, count, now } => {
            store.lease_slots(issuer_id, list_id, *count, *now).await.map(Answer::Leased)
        }
        Call::Publish { version, window, keep_from } => {
            store.publish_status_list(version, *window, *keep_from).await.map(Answer::Done)
        }
        Call::Open { list, most_open, event } => {
            store.open_status_list(list, *most_open, event).await.map(Answer::Done)
        }
        Call::Search(query) => store.find_credentials(query).await.map(Answer::Found),
        Call::Expire(now) => store.delete_expired(*now, u32::MAX).await.map(|_| Answer::Expired),
    };
    answer.map_err(|error| match error {
        StoreError::Conflict(what) => Failure::Conflict(what),
        other => Failure::Other(format!("{other:?}")),
    })
}
