//! Status lists of issuer `a`, and credentials with entries in them.

use std::collections::BTreeMap;

use super::fixtures::*;
use crate::{
    IssuanceOutcome, StatusChange, StatusEntry, StatusListHead, StatusListRecord, StatusListVersion, StatusOutcome,
    StatusSlot, StatusUpdate, Store, StoredCredential,
};

pub(crate) const REVOCATION: &str = "revocation";
pub(crate) const SUSPENSION: &str = "suspension";
/// Not in the order of their names.
pub(crate) const BOTH: [&str; 2] = [SUSPENSION, REVOCATION];

/// For both purposes, with that many entries.
pub(crate) fn list_of(issuer_id: &str, list_id: &str, capacity: i64) -> StatusListRecord {
    StatusListRecord { capacity, ..status_list(issuer_id, list_id, &BOTH) }
}

/// An issuer with lists for both purposes.
pub(crate) async fn open_lists(store: &dyn Store, list_ids: &[&str]) {
    put_issuer(store, "a").await;
    for list_id in list_ids {
        open_list(store, &status_list("a", list_id, &BOTH)).await;
    }
}

pub(crate) async fn head(store: &dyn Store, list_id: &str) -> StatusListHead {
    let heads = store.status_list_heads().await.unwrap();
    heads.into_iter().find(|head| head.issuer_id == "a" && head.list_id == list_id).unwrap()
}

pub(crate) fn slot(list_id: &str, purpose: &str, index: i64) -> StatusSlot {
    slots(&status_list("a", list_id, &[purpose]), index).remove(0)
}

/// Records a credential with an entry for each purpose.
pub(crate) async fn issue(store: &dyn Store, id: &str, list_id: &str, index: i64) {
    issue_with(store, id, slots(&status_list("a", list_id, &BOTH), index)).await;
}

pub(crate) async fn issue_with(store: &dyn Store, id: &str, status: Vec<StatusSlot>) {
    let mut batch = batch("a", &[], &[id]);
    batch.credentials = vec![StoredCredential { status, ..credential("a", id) }];
    assert_eq!(store.record_issuances(&[batch]).await.unwrap(), [IssuanceOutcome::Recorded]);
}

pub(crate) fn update(credential_id: &str, purpose: &str, value: bool) -> StatusUpdate {
    status_update("a", credential_id, purpose, value)
}

pub(crate) async fn set(store: &dyn Store, update: StatusUpdate) -> StatusOutcome {
    store.update_statuses(&[update]).await.unwrap().remove(0)
}

/// The credential's entry of that purpose.
pub(crate) async fn entry(store: &dyn Store, id: &str, purpose: &str) -> StatusEntry {
    let entries = store.status_entries("a", id).await.unwrap();
    entries.into_iter().find(|entry| entry.slot.purpose == purpose).unwrap()
}

pub(crate) fn list_version(list_id: &str, version: i64, revision: i64, published: i64) -> StatusListVersion {
    StatusListVersion {
        issuer_id: "a".into(),
        list_id: list_id.into(),
        version,
        revision,
        published_at: at(published),
        valid_until: at(published + 1000),
        bits: vec![0, 31, 139],
        documents: format!("documents {version}").into_bytes(),
    }
}

pub(crate) fn changed(outcome: &StatusOutcome) -> bool {
    matches!(outcome, StatusOutcome::Set { changed: true, .. })
}

pub(crate) fn unchanged(outcome: &StatusOutcome) -> bool {
    matches!(outcome, StatusOutcome::Set { changed: false, .. })
}

pub(crate) async fn changes(store: &dyn Store, list_id: &str) -> Vec<StatusChange> {
    store.status_changes("a", list_id, 0, u32::MAX).await.unwrap()
}

/// Goes through the history of a list: revisions have no gap, each change changes something, no revocation is taken
/// back, and the list's head counts them. Answers what the entries say in the end, by purpose and index.
pub(crate) async fn replay(store: &dyn Store, list_id: &str) -> BTreeMap<(String, i64), bool> {
    let mut bits = BTreeMap::new();
    let changes = changes(store, list_id).await;
    for (revision, change) in (1..).zip(&changes) {
        assert_eq!(change.revision, revision);
        let former = bits.insert((change.purpose.clone(), change.index), change.value).unwrap_or(false);
        assert_ne!(former, change.value, "{change:?}");
        assert!(change.value || change.purpose != REVOCATION, "{change:?}");
    }
    assert_eq!(head(store, list_id).await.revision, i64::try_from(changes.len()).unwrap());
    bits
}

pub(crate) fn with_reply(update: StatusUpdate, key: &str) -> StatusUpdate {
    StatusUpdate { reply: Some(reply("a", "c", key)), ..update }
}
