//! Whatever fails, and whenever: nothing is half-written, and the store goes on.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::{SqliteFile, options};
use crate::contract_tests::fixtures::*;
use crate::contract_tests::{TestDatabase as _, is_unavailable, race};
use crate::{
    Housekeeping as _, IssuanceOutcome, Issuances as _, Issuers as _, Keys as _, Redemption, StoreOptions, sqlite,
};

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
