//! Group commit: what waits is written by one transaction, and stands or falls alone.
//!
//! These tests have one thread: calls that are polled once have queued up, and nobody serves them before the test
//! waits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use sqlx::Sqlite;

use super::SqliteFile;
use crate::contract_tests::fixtures::*;
use crate::contract_tests::status_fixtures::*;
use crate::contract_tests::{TestDatabase as _, is_unavailable};
use crate::sql::SqlStore;
use crate::{
    Clients as _, IssuanceOutcome, Issuances as _, Keys as _, Offers as _, RedeemOffer, Redemption, StatusLists as _,
    StatusOutcome, StoreError,
};

type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Polls the call once, so that it waits for its turn.
async fn queue<T>(mut call: Call<'_, T>) -> Call<'_, T> {
    std::future::poll_fn(|context| {
        assert!(call.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    call
}

/// Counts what the store commits from now on, and decides whether it may.
async fn on_commit(store: &SqlStore<Sqlite>, may: bool) -> Arc<AtomicUsize> {
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let mut connection = store.writer().acquire().await.unwrap();
    connection.lock_handle().await.unwrap().set_commit_hook(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        may
    });
    commits
}

#[tokio::test]
async fn what_waits_is_committed_together() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let commits = on_commit(&store, true).await;
    let batches: Vec<_> =
        (0..40).map(|number| [batch("a", &[&format!("n{number}")], &[&format!("c{number}")])]).collect();
    let mut records = Vec::new();
    for batches in &batches {
        records.push(queue(store.record_issuances(batches)).await);
    }
    let once = queue(store.use_once("a", "p", "h", at(60))).await;
    for record in records {
        assert_eq!(record.await.unwrap(), [IssuanceOutcome::Recorded]);
    }
    assert!(once.await.unwrap());
    assert_eq!(commits.load(Ordering::Relaxed), 1);
    assert_eq!(trail(&store, "a").await.len(), 40);
}

#[tokio::test]
async fn changes_of_statuses_are_committed_together_and_refused_alone() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    open_lists(&store, &["l"]).await;
    let ids: Vec<_> = (0..40).map(|number| format!("c{number}")).collect();
    for (index, id) in (0..).zip(&ids) {
        issue(&store, id, "l", index).await;
    }
    let commits = on_commit(&store, true).await;
    let revocations: Vec<_> = ids.iter().map(|id| [update(id, REVOCATION, true)]).collect();
    let (reinstates, unknown) = ([update("c3", REVOCATION, false)], [update("nobody's", REVOCATION, true)]);
    let mut calls = Vec::new();
    for updates in revocations.iter().chain([&reinstates, &unknown]) {
        calls.push(queue(store.update_statuses(updates)).await);
    }
    let batches = [batch("a", &["n"], &["c"])];
    let records = queue(store.record_issuances(&batches)).await;
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.extend(call.await.unwrap());
    }
    assert_eq!(records.await.unwrap(), [IssuanceOutcome::Recorded]);
    assert_eq!(commits.load(Ordering::Relaxed), 1);
    assert!(outcomes[..40].iter().all(|outcome| matches!(outcome, StatusOutcome::Set { changed: true, .. })));
    assert_eq!(outcomes[40..], [StatusOutcome::Final, StatusOutcome::UnknownCredential]);
    let changes = store.status_changes("a", "l", 0, 99).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.index).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_group_has_its_limit() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let commits = on_commit(&store, true).await;
    let hashes: Vec<_> = (0..65).map(|number| format!("h{number}")).collect();
    let mut calls = Vec::new();
    for hash in &hashes {
        calls.push(queue(store.use_once("a", "p", hash, at(60))).await);
    }
    for call in calls {
        assert!(call.await.unwrap());
    }
    assert_eq!(commits.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_refused_issuance_does_not_part_its_group() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let commits = on_commit(&store, true).await;
    let [first, second, third] =
        [("n1", "c1"), ("n1", "c2"), ("n3", "c3")].map(|(nonce, id)| [batch("a", &[nonce], &[id])]);
    let first = queue(store.record_issuances(&first)).await;
    let second = queue(store.record_issuances(&second)).await;
    let third = queue(store.record_issuances(&third)).await;
    assert_eq!(first.await.unwrap(), [IssuanceOutcome::Recorded]);
    assert_eq!(second.await.unwrap(), [IssuanceOutcome::NonceReused { nonce_hash: "n1".into() }]);
    assert_eq!(third.await.unwrap(), [IssuanceOutcome::Recorded]);
    assert_eq!(commits.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_call_that_fails_leaves_the_others_of_its_group() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let commits = on_commit(&store, true).await;
    let (key, offer, created) = (key("nobody", "k", 0), offer("a", "o", "1"), event("a", "create"));
    let batches = [batch("a", &["n"], &["c"])];
    let fails = queue(store.insert_key(&key, &created)).await;
    let offers = queue(store.create_offer(&offer, &created)).await;
    let records = queue(store.record_issuances(&batches)).await;
    assert!(matches!(fails.await, Err(StoreError::UnknownIssuer)));
    offers.await.unwrap();
    assert_eq!(records.await.unwrap(), [IssuanceOutcome::Recorded]);
    assert_eq!(commits.load(Ordering::Relaxed), 2, "each on its own");
    assert_eq!(trail(&store, "a").await, ["create unset succeeded", "credential.issue c succeeded"]);
}

#[tokio::test]
async fn a_call_that_takes_its_rows_back_leaves_the_others_of_its_group() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let created = event("a", "create");
    store.create_offer(&offer("a", "o", "1"), &created).await.unwrap();
    let picky = RedeemOffer { wanted: Some(vec!["nothing".to_owned()]), ..redeem("a", "1", None) };

    // It has spent the code by the time it finds that nothing of the offer is wanted.
    let redeems = queue(store.redeem_offer(&picky, &created, &created)).await;
    let once = queue(store.use_once("a", "p", "h", at(60))).await;
    assert_eq!(redeems.await.unwrap(), Redemption::NothingWanted);
    assert!(once.await.unwrap());
    assert!(!store.use_once("a", "p", "h", at(60)).await.unwrap());
    let redeemed = store.redeem_offer(&redeem("a", "1", None), &created, &created).await.unwrap();
    assert!(matches!(redeemed, Redemption::Redeemed(_)), "{redeemed:?}");
}

#[tokio::test]
async fn a_group_that_cannot_be_committed_is_unavailable_to_all() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let before = database.dump().await;
    let commits = on_commit(&store, false).await;
    let batches = [batch("a", &["n"], &["c"])];
    let records = queue(store.record_issuances(&batches)).await;
    let once = queue(store.use_once("a", "p", "h", at(60))).await;
    assert!(is_unavailable(&records.await));
    assert!(is_unavailable(&once.await));
    assert_eq!(commits.load(Ordering::Relaxed), 1, "it was not tried again");
    assert_eq!(database.dump().await, before);

    on_commit(&store, true).await;
    assert_eq!(store.record_issuances(&batches).await.unwrap(), [IssuanceOutcome::Recorded]);
}

#[tokio::test]
async fn a_caller_that_is_gone_before_its_turn_is_left_out() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let [gone, stays] = ["gone", "stays"].map(|id| [batch("a", &[id], &[id])]);
    let gone = queue(store.record_issuances(&gone)).await;
    let stays = queue(store.record_issuances(&stays)).await;
    drop(gone);
    assert_eq!(stays.await.unwrap(), [IssuanceOutcome::Recorded]);
    assert_eq!(trail(&store, "a").await, ["credential.issue stays succeeded"]);
}
