//! Whatever fails, and whenever: nothing is half-written, and the store goes on.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::{SqliteFile, is_unavailable, options};
use crate::contract_tests::fixtures::*;
use crate::contract_tests::{TestDatabase as _, race};
use crate::sql::fault;
use crate::{
    Clients as _, Configurations as _, Housekeeping as _, IssuanceOutcome, Issuances as _, Issuers as _, Keys as _,
    Offers as _, Outbox as _, Redemption, StoreError, StoreOptions, sqlite,
};

/// Fails each statement and the commit of `call` in turn, until it comes through: whatever failed, the database is
/// as it was before.
async fn fail_every_step<T, F>(database: &SqliteFile, name: &str, call: impl Fn() -> F)
where
    T: std::fmt::Debug,
    F: Future<Output = Result<T, StoreError>>,
{
    let before = database.dump().await;
    for step in 1.. {
        let answer = fault::at(step, call()).await;
        if answer.is_ok() {
            assert!(step > 2, "{name} has a statement and a commit");
            assert_ne!(database.dump().await, before, "{name} came through");
            return;
        }
        assert!(is_unavailable(&answer), "{name}, step {step}: {answer:?}");
        assert_eq!(database.dump().await, before, "{name} failed at step {step}");
    }
}

#[tokio::test]
async fn a_call_that_fails_at_any_step_leaves_nothing() {
    let database = SqliteFile::new();
    let store = &database.open_sql().await;
    let done = &event("a", "done");
    let refused = &refusal("a", "done");
    let drafts = [draft("f", json!(1)), draft("g", json!(1))];
    let redrafts = [draft("f", json!(2)), draft("g", json!(1))];
    let batches = [batch("a", &["n1", "n2"], &["c1"]), batch("a", &["n3"], &["c2"])];
    let conflicting = [batch("a", &["n4"], &["c3"]), batch("a", &["n1"], &["c4"]), batch("a", &["n5"], &["c5"])];

    fail_every_step(&database, "put_issuer", || async { store.put_issuer(&issuer("a"), done).await }).await;
    fail_every_step(&database, "publish", || async { store.publish_configurations("a", &drafts, done).await }).await;
    fail_every_step(&database, "republish", || async { store.publish_configurations("a", &redrafts, done).await })
        .await;
    fail_every_step(&database, "insert_key", || async { store.insert_key(&key("a", "k", 0), done).await }).await;
    fail_every_step(&database, "offer_bootstrap", || async { store.offer_bootstrap("t", at(0), at(9)).await }).await;
    fail_every_step(&database, "redeem_bootstrap", || async {
        store.redeem_bootstrap("t", &client("a", "c"), at(1), done).await
    })
    .await;
    fail_every_step(&database, "insert_client", || async { store.insert_client(&client("a", "d"), done).await }).await;
    fail_every_step(&database, "use_once", || async { store.use_once("a", "p", "h", at(1)).await }).await;
    let offer = offer_with_tx_code("a", "o", "1");
    fail_every_step(&database, "create_offer", || async { store.create_offer(&offer, done).await }).await;
    for tx_code in [None, Some("wrong"), Some("right"), Some("right")] {
        let name = format!("redeem_offer {tx_code:?}");
        let redeem = redeem("a", "1", tx_code);
        fail_every_step(&database, &name, || async { store.redeem_offer(&redeem, done, refused).await }).await;
    }
    fail_every_step(&database, "issue", || async { store.record_issuances(&batches).await }).await;
    fail_every_step(&database, "issue one by one", || async { store.record_issuances(&conflicting).await }).await;
    let events = [done.clone()];
    fail_every_step(&database, "append_events", || async { store.append_events(&events).await }).await;
    fail_every_step(&database, "check", || async { store.check().await }).await;
    fail_every_step(&database, "delete_expired", || async { store.delete_expired(at(1000), 10).await }).await;
}

/// Polls `call` `polls` times and drops it then, as a server does with a request whose client is gone.
async fn polled<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let mut left = polls;
    std::future::poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn a_dropped_call_happened_whole_or_not_at_all() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let mut dropped = 0;
    for polls in 0..60 {
        let id = format!("c{polls}");
        let batches = [batch("a", &[&id], &[&id])];
        let answer = polled(polls % 20, store.record_issuances(&batches)).await;
        dropped += usize::from(answer.is_none());

        // The next writer comes through at once, and sees all of it or nothing.
        store.check().await.unwrap();
        let events = trail(&store, "a").await;
        let credential = store.find_credential("a", &id).await.unwrap();
        assert_eq!(credential.is_some(), events.contains(&format!("credential.issue {id} succeeded")));
        let again = store.record_issuances(&[batch("a", &[&id], &[])]).await.unwrap();
        assert_eq!(again[0] != IssuanceOutcome::Recorded, credential.is_some());
        assert!(answer.is_none() || credential.is_some(), "what was answered is there");
    }
    assert!(dropped >= 3, "{dropped} calls were cut off");
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_leaves_nothing() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    store.record_issuances(&[batch("a", &["n0"], &["c0"])]).await.unwrap();
    let before = database.dump().await;

    // SQLite takes the smallest limit that what is there allows, and forgets it with the connection.
    store.writer().execute("PRAGMA max_page_count = 1").await.unwrap();
    let mut big = batch("a", &["n1"], &["c1"]);
    big.credentials[0].credential = Some(vec![7; 1_000_000]);
    let refused = store.record_issuances(&[big.clone()]).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    assert_eq!(database.dump().await, before);

    assert_eq!(store.record_issuances(&[big]).await.unwrap(), [IssuanceOutcome::Recorded], "once there is room");
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_read_only_database_is_unavailable_and_still_read() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    put_issuer(&store, "a").await;
    let before = database.dump().await;
    store.writer().execute("PRAGMA query_only = ON").await.unwrap();
    assert!(is_unavailable(&store.check().await));
    assert!(is_unavailable(&store.record_issuances(&[batch("a", &["n"], &["c"])]).await));
    assert!(is_unavailable(&store.insert_key(&key("a", "k", 0), &event("a", "key.create")).await));
    assert_eq!(store.issuers().await.unwrap(), [issuer("a")]);
    assert_eq!(database.dump().await, before);
}

#[tokio::test]
async fn readers_cannot_write() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    let refused = store.readers().execute("DELETE FROM issuers").await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn another_process_that_holds_the_lock_is_waited_for_and_then_unavailable() {
    let database = SqliteFile::new();
    let impatient = StoreOptions { busy_timeout: Duration::from_millis(20), ..options() };
    let store = sqlite::open(&database.path(), &impatient).await.unwrap();
    let mut other = database.raw().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    assert!(is_unavailable(&store.check().await));
    assert!(store.issuers().await.unwrap().is_empty(), "reading goes on");
    other.execute("COMMIT").await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_database() {
    let database = SqliteFile::new();
    let stores = [database.open().await, database.open().await];
    stores[0].create_offer(&offer("a", "o", "1"), &event("a", "offer.create")).await.unwrap();
    let answers = race(100, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let (success, refused) = (event("a", "offer.redeem"), refusal("a", "offer.redeem"));
            store.redeem_offer(&redeem("a", "1", None), &success, &refused).await.unwrap()
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Redemption::Redeemed(_))).count(), 1);
}

#[tokio::test]
async fn commits_are_durable_and_references_are_checked() {
    let database = SqliteFile::new();
    let store = database.open_sql().await;
    for (pragma, expected) in [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1")] {
        let row =
            store.writer().fetch_one(AssertSqlSafe(format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}")));
        let value: String = row.await.unwrap().get(0);
        assert_eq!(value, expected, "{pragma}");
    }
}
