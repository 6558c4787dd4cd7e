//! Locks, deadlocks, lost connections: nothing is half-written, and the store goes on.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{PgDatabase, options, sessions_wait};
use crate::contract_tests::fixtures::*;
use crate::contract_tests::{TestDatabase as _, is_unavailable, race};
use crate::{IssuanceOutcome, StoreError, StoreOptions, connect};

fn use_nonce(hash: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("INSERT INTO used_nonces VALUES ('a', '{hash}', '2030-01-01Z')"))
}

#[tokio::test]
async fn a_lock_is_waited_for_and_then_the_store_is_unavailable() {
    let database = PgDatabase::new();
    let impatient = StoreOptions { busy_timeout: Duration::from_millis(50), ..options() };
    let store = connect(&database.url, &impatient).await.unwrap();
    store.create_offer(&offer("a", "o", "1"), &event("a", "offer.create")).await.unwrap();

    let mut other = database.raw().await;
    let mut transaction = other.begin().await.unwrap();
    transaction.execute("SELECT 1 FROM offers FOR UPDATE").await.unwrap();
    let before = database.dump().await;
    let (success, refused) = (event("a", "offer.redeem"), refusal("a", "offer.redeem"));
    assert!(is_unavailable(&store.redeem_offer(&redeem("a", "1", None), &success, &refused).await));
    assert_eq!(database.dump().await, before);
    assert_eq!(store.delete_expired(at(1000), 10).await.unwrap(), 0, "it passes over what is held");

    transaction.rollback().await.unwrap();
    store.redeem_offer(&redeem("a", "1", None), &success, &refused).await.unwrap();
    assert_eq!(store.delete_expired(at(1000), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_statement_has_its_time() {
    let database = PgDatabase::new();
    let impatient = StoreOptions { statement_timeout: Duration::from_millis(50), ..options() };
    let store = connect(&database.url, &impatient).await.unwrap();
    let mut other = database.raw().await;
    let mut transaction = other.begin().await.unwrap();
    transaction.execute("LOCK TABLE issuers").await.unwrap();
    assert!(is_unavailable(&store.issuers().await));
    transaction.rollback().await.unwrap();
    assert!(store.issuers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_that_a_deadlock_ends_is_run_again() {
    let database = PgDatabase::new();
    let store = database.open().await;
    let (mut other, mut watcher) = (database.raw().await, database.raw().await);
    // So that it is the store that the database ends.
    other.execute("SET deadlock_timeout = '10min'").await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    transaction.execute(use_nonce("n2")).await.unwrap();

    let recording = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.record_issuances(&[batch("a", &["n1", "n2"], &["c"])]).await }
    });
    sessions_wait(&mut watcher, 1).await;
    // Goes on only when the store's transaction is ended.
    transaction.execute(use_nonce("n1")).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(recording.await.unwrap().unwrap(), [IssuanceOutcome::Recorded]);
    assert_eq!(trail(&*store, "a").await.len(), 1);
}

/// Two that take keys in one order cannot wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_taken_in_their_order() {
    let database = PgDatabase::new();
    let store = database.open().await;
    let (mut other, mut watcher) = (database.raw().await, database.raw().await);
    other.execute("SET lock_timeout = '1s'").await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    transaction.execute(use_nonce("n1")).await.unwrap();
    let recording = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.record_issuances(&[batch("a", &["n2", "n1"], &["c"])]).await }
    });
    sessions_wait(&mut watcher, 1).await;
    transaction.execute(use_nonce("n2")).await.expect("nobody took it before n1");
    transaction.commit().await.unwrap();
    let refused = recording.await.unwrap().unwrap();
    assert_eq!(refused, [IssuanceOutcome::NonceReused { nonce_hash: "n2".into() }], "the first one of the batch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_any_order_do_not_end_each_other() {
    let database = PgDatabase::new();
    let stores = [database.open().await, database.open().await];
    let hashes: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    let answers = race(100, |number| {
        let (store, mut hashes) = (Arc::clone(&stores[number % 2]), hashes.clone());
        hashes.rotate_left(number % 40);
        async move {
            let hashes: Vec<_> = hashes.iter().map(String::as_str).collect();
            store.record_issuances(&[batch("a", &hashes, &[&format!("c{number}")])]).await.unwrap().remove(0)
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == IssuanceOutcome::Recorded).count(), 1);
}

#[tokio::test]
async fn lost_connections_are_replaced() {
    let database = PgDatabase::new();
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    for _ in 0..3 {
        database
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        assert_eq!(store.issuers().await.unwrap(), [issuer("a")]);
        store.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_unavailable_and_no_error_tells_the_password() {
    let database = PgDatabase::new();
    for url in [
        database.url.replace("user=chancery", "user=nobody&password=hunter2"),
        "postgres://u:hunter2@127.0.0.1:1/d".to_owned(),
        "postgres://u:hunter2@host.invalid/d".to_owned(),
    ] {
        let Err(error) = connect(&url, &options()).await else { panic!("connected") };
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
