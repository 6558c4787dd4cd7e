use std::sync::Arc;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{IssuanceBatch, IssuanceOutcome, Store, StoredCredential};

async fn record(store: &dyn Store, batches: &[IssuanceBatch]) -> Vec<IssuanceOutcome> {
    store.record_issuances(batches).await.unwrap()
}

fn reused(hash: &str) -> IssuanceOutcome {
    IssuanceOutcome::NonceReused { nonce_hash: hash.into() }
}

async fn exists(store: &dyn Store, issuer_id: &str, id: &str) -> bool {
    store.find_credential(issuer_id, id).await.unwrap().is_some()
}

pub(crate) async fn a_batch_is_recorded_whole(database: &impl TestDatabase) {
    let store = database.open().await;
    let mut bare = batch("a", &["n1", "n2"], &["full", "bare"]);
    bare.credentials[1] =
        StoredCredential { credential: None, expiration_date: None, offer_id: None, ..credential("a", "bare") };
    assert_eq!(record(&*store, &[bare.clone()]).await, [IssuanceOutcome::Recorded]);
    for expected in &bare.credentials {
        assert_eq!(store.find_credential("a", &expected.credential_id).await.unwrap().as_ref(), Some(expected));
    }
    assert_eq!(store.find_credential("a", "other").await.unwrap(), None);
    let events: Vec<_> = store.events("a", 0, 10).await.unwrap().into_iter().map(|(_, event)| event).collect();
    assert_eq!(events, bare.events);
}

pub(crate) async fn many_rows_are_recorded_in_order(database: &impl TestDatabase) {
    let store = database.open().await;
    // More rows than one INSERT takes, and no power of two.
    let ids: Vec<String> = (0..301).map(|number| format!("{number:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let batches: Vec<_> = ids.chunks(7).map(|ids| batch("a", ids, ids)).collect();
    assert!(record(&*store, &batches).await.iter().all(|outcome| *outcome == IssuanceOutcome::Recorded));
    let events = store.events("a", 0, 1000).await.unwrap();
    assert_eq!(events.iter().map(|(_, event)| event.object.as_str()).collect::<Vec<_>>(), ids);
    for id in &ids {
        assert_eq!(store.find_credential("a", id).await.unwrap(), Some(credential("a", id)));
        assert_eq!(record(&*store, &[batch("a", &[id], &[])]).await, [reused(id)]);
    }
}

pub(crate) async fn no_batch_is_no_work(database: &impl TestDatabase) {
    let store = database.open().await;
    assert_eq!(record(&*store, &[]).await, []);
    assert_eq!(record(&*store, &[batch("a", &[], &[])]).await, [IssuanceOutcome::Recorded]);
    assert!(trail(&*store, "a").await.is_empty());
}

pub(crate) async fn a_reused_nonce_refuses_its_batch_alone(database: &impl TestDatabase) {
    let store = database.open().await;
    record(&*store, &[batch("a", &["used"], &["before"])]).await;
    let batches =
        [batch("a", &["n1"], &["one"]), batch("a", &["n2", "used"], &["two"]), batch("a", &["n3"], &["three"])];
    assert_eq!(record(&*store, &batches).await, [IssuanceOutcome::Recorded, reused("used"), IssuanceOutcome::Recorded]);
    assert!(exists(&*store, "a", "one").await && exists(&*store, "a", "three").await);
    assert!(!exists(&*store, "a", "two").await);
    let objects: Vec<_> = trail(&*store, "a").await;
    let issued = |id: &str| format!("credential.issue {id} succeeded");
    assert_eq!(objects, [issued("before"), issued("one"), issued("three")]);
    assert_eq!(
        record(&*store, &[batch("a", &["n2"], &["two"])]).await,
        [IssuanceOutcome::Recorded],
        "the refused batch's other nonce was not used"
    );
}

pub(crate) async fn a_nonce_twice_in_one_batch_is_refused(database: &impl TestDatabase) {
    let store = database.open().await;
    assert_eq!(record(&*store, &[batch("a", &["n", "n"], &["one"])]).await, [reused("n")]);
    assert!(!exists(&*store, "a", "one").await);
    assert_eq!(record(&*store, &[batch("a", &["n"], &["one"])]).await, [IssuanceOutcome::Recorded]);
}

pub(crate) async fn of_two_batches_with_one_nonce_the_first_wins(database: &impl TestDatabase) {
    let store = database.open().await;
    let batches = [batch("a", &["n"], &["one"]), batch("a", &["n"], &["two"])];
    assert_eq!(record(&*store, &batches).await, [IssuanceOutcome::Recorded, reused("n")]);
    assert!(exists(&*store, "a", "one").await);
    assert!(!exists(&*store, "a", "two").await);
    assert_eq!(trail(&*store, "a").await.len(), 1);
}

pub(crate) async fn an_existing_credential_refuses_its_batch_alone(database: &impl TestDatabase) {
    let store = database.open().await;
    record(&*store, &[batch("a", &["n0"], &["taken"])]).await;
    let mut overwriting = batch("a", &["n1"], &["one", "taken"]);
    overwriting.credentials[1].credential = Some(b"another".to_vec());
    let batches = [overwriting, batch("a", &["n2"], &["two"])];
    let taken = IssuanceOutcome::CredentialExists { credential_id: "taken".into() };
    assert_eq!(record(&*store, &batches).await, [taken, IssuanceOutcome::Recorded]);
    assert!(!exists(&*store, "a", "one").await);
    assert_eq!(store.find_credential("a", "taken").await.unwrap(), Some(credential("a", "taken")));
    assert_eq!(
        record(&*store, &[batch("a", &["n1"], &["one"])]).await,
        [IssuanceOutcome::Recorded],
        "the refused batch's nonce was not used"
    );
}

pub(crate) async fn the_first_used_nonce_is_named(database: &impl TestDatabase) {
    let store = database.open().await;
    record(&*store, &[batch("a", &["n2", "n4"], &[])]).await;
    assert_eq!(record(&*store, &[batch("a", &["n1", "n2", "n3", "n4"], &[])]).await, [reused("n2")]);
}

pub(crate) async fn issuances_of_two_issuers_are_apart(database: &impl TestDatabase) {
    let store = database.open().await;
    let batches = ["a", "b"].map(|id| batch(id, &["same"], &["same"]));
    assert_eq!(record(&*store, &batches).await, [IssuanceOutcome::Recorded, IssuanceOutcome::Recorded]);
    for id in ["a", "b"] {
        assert_eq!(store.find_credential(id, "same").await.unwrap(), Some(credential(id, "same")));
        assert_eq!(trail(&*store, id).await.len(), 1);
    }
    assert_eq!(store.find_credential("c", "same").await.unwrap(), None);
}

pub(crate) async fn one_racer_uses_a_nonce(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { record(&*store, &[batch("a", &["n"], &[&format!("c{number}")])]).await.remove(0) }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == IssuanceOutcome::Recorded).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == reused("n")).count(), RACERS - 1);
    let mut credentials = 0;
    for number in 0..RACERS {
        credentials += usize::from(exists(&*store, "a", &format!("c{number}")).await);
    }
    assert_eq!(credentials, 1);
    assert_eq!(trail(&*store, "a").await.len(), 1);
}

pub(crate) async fn one_racer_takes_a_credential_id(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { record(&*store, &[batch("a", &[&format!("n{number}")], &["c"])]).await.remove(0) }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == IssuanceOutcome::Recorded).count(), 1);
    assert_eq!(trail(&*store, "a").await.len(), 1);
}
