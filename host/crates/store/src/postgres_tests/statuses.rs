//! Changes of statuses where many transactions are at work at once.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _};

use super::{PgDatabase, options, sessions_wait};
use crate::contract_tests::fixtures::*;
use crate::contract_tests::status_fixtures::*;
use crate::contract_tests::{TestDatabase as _, race};
use crate::{StatusOutcome, Store, StoreOptions, connect};

async fn revisions(store: &dyn Store) -> Vec<i64> {
    store.status_changes("a", "l", 0, u32::MAX).await.unwrap().iter().map(|change| change.revision).collect()
}

fn is_change(outcome: &StatusOutcome) -> bool {
    matches!(outcome, StatusOutcome::Set { changed: true, .. })
}

/// Who reads on from the last revision that he has seen misses nothing, though another host commits late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_is_seen_after_all_before_it() {
    let database = PgDatabase::new();
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    let (mut other, mut watcher) = (database.raw().await, database.raw().await);
    let mut slow = other.begin().await.unwrap();
    slow.execute("UPDATE status_lists SET revision = revision + 1").await.unwrap();
    let changing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { set(&*store, update("c", REVOCATION, true)).await }
    });
    sessions_wait(&mut watcher, 1).await;
    assert!(revisions(&*store).await.is_empty());
    slow.execute(
        "INSERT INTO status_change VALUES ('a', 'l', 1, 'revocation', 9, 1, '2027-01-15Z', 'cli', NULL, 'event')",
    )
    .await
    .unwrap();
    slow.commit().await.unwrap();
    assert!(is_change(&changing.await.unwrap()));
    assert_eq!(revisions(&*store).await, [1, 2]);
}

/// A status that is being changed keeps nobody from issuing, and leasing waits for it no longer than for a commit.
#[tokio::test]
async fn issuing_does_not_wait_for_a_list() {
    let database = PgDatabase::new();
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    let mut other = database.raw().await;
    let mut changing = other.begin().await.unwrap();
    changing.execute("UPDATE status_lists SET revision = revision + 1").await.unwrap();
    issue(&*store, "c", "l", 5).await;
    changing.rollback().await.unwrap();
    assert!(is_change(&set(&*store, update("c", REVOCATION, true)).await));
}

/// The credential's row decides: an entry that another transaction is about to change, or to delete, is not read
/// before that one has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_waits_for_who_holds_the_credential() {
    let database = PgDatabase::new();
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    let (mut other, mut watcher) = (database.raw().await, database.raw().await);
    let mut deleting = other.begin().await.unwrap();
    deleting.execute("DELETE FROM issued_credentials WHERE credential_id = 'c'").await.unwrap();
    let changing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { set(&*store, update("c", REVOCATION, true)).await }
    });
    sessions_wait(&mut watcher, 1).await;
    deleting.commit().await.unwrap();
    assert_eq!(changing.await.unwrap(), StatusOutcome::UnknownCredential);
    assert!(revisions(&*store).await.is_empty());
}

/// All take credentials before lists, and each in one order. A deadlock would last until the lock's time is up, since
/// the database does not look for one here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_in_any_order_do_not_wait_for_each_other() {
    let database = PgDatabase::new();
    let setup = database.open().await;
    open_lists(&*setup, &["l", "m"]).await;
    for number in 0..40_i64 {
        issue(&*setup, &format!("c{number:02}"), ["l", "m"][usize::from(number % 2 == 0)], number).await;
    }
    database
        .run(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''10min''', current_database()); \
             END $$",
        )
        .await;
    let impatient = StoreOptions { busy_timeout: Duration::from_secs(20), ..options() };
    let stores = [connect(&database.url, &impatient).await.unwrap(), connect(&database.url, &impatient).await.unwrap()];
    race(60, |racer| {
        let store = Arc::clone(&stores[racer % 2]);
        async move {
            let mut ids: Vec<_> = (0..40).map(|number| format!("c{number:02}")).collect();
            ids.rotate_left(racer % 40);
            if racer % 3 == 0 {
                store.delete_credential(&deletion("a", &ids[0])).await.unwrap();
                return;
            }
            let updates: Vec<_> = ids.iter().take(20).map(|id| update(id, SUSPENSION, racer % 2 == 0)).collect();
            store.update_statuses(&updates).await.unwrap();
        }
    })
    .await;
    let last = head(&*setup, "l").await.revision;
    assert!(last > 0);
    assert_eq!(revisions(&*setup).await, (1..=last).collect::<Vec<_>>());
}
