//! The order of events where transactions commit in another order than they took their row numbers.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{PgDatabase, sessions_wait};
use crate::contract_tests::TestDatabase as _;
use crate::contract_tests::fixtures::*;
use crate::{AuditEvent, Store};

/// An event past the store, as a host writes it whose transaction goes on.
fn insert(id: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "INSERT INTO outbox (event_id, issuer_id, occurred_at, actor, action, object, outcome, detail) \
         VALUES ('{id}', 'a', '2027-01-15Z', 'cli', 'token.refuse', '', 'refused', '{{}}')"
    ))
}

async fn append(store: &dyn Store, id: &str) {
    let event = AuditEvent { event_id: id.into(), ..event("a", "token.refuse") };
    store.append_events(&[event]).await.unwrap();
}

async fn order(store: &dyn Store) -> Vec<(u64, String)> {
    let events = store.events_from(0, 1000, usize::MAX).await.unwrap();
    events.into_iter().map(|(sequence, event)| (sequence, event.event_id)).collect()
}

fn numbered<const N: usize>(ids: [&str; N]) -> Vec<(u64, String)> {
    (1..).zip(ids.map(str::to_owned)).collect()
}

#[tokio::test]
async fn who_commits_late_gets_a_later_position() {
    let database = PgDatabase::new();
    let store = database.open().await;
    let (mut slow, mut slower, mut undecided) = (database.raw().await, database.raw().await, database.raw().await);
    let mut slow = slow.begin().await.unwrap();
    slow.execute(insert("slow")).await.unwrap();
    let mut slower = slower.begin().await.unwrap();
    slower.execute(insert("slower 1")).await.unwrap();
    let mut undecided = undecided.begin().await.unwrap();
    undecided.execute(insert("undecided")).await.unwrap();
    append(&*store, "quick").await;
    slower.execute(insert("slower 2")).await.unwrap();

    assert_eq!(store.sequence_events(10).await.unwrap(), 1, "nobody waits for those who are not done");
    assert_eq!(order(&*store).await, numbered(["quick"]));
    slow.commit().await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 1);
    undecided.rollback().await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 0, "a row number that is lost leaves no gap");
    append(&*store, "last").await;
    slower.commit().await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 3);
    assert_eq!(order(&*store).await, numbered(["quick", "slow", "slower 1", "slower 2", "last"]));

    let rows = store.events("a", 0, 10).await.unwrap();
    let rows: Vec<_> = rows.iter().map(|(_, event)| event.event_id.as_str()).collect();
    assert_eq!(rows, ["slow", "slower 1", "quick", "slower 2", "last"], "row numbers are another order");
}

/// Both have read that there is something to do before either has the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_wait_for_each_other_give_no_position_twice() {
    let database = PgDatabase::new();
    let stores = [database.open().await, database.open().await];
    for id in ["1", "2", "3", "4", "5"] {
        append(&*stores[0], id).await;
    }
    let (mut other, mut watcher) = (database.raw().await, database.raw().await);
    let mut locked = other.begin().await.unwrap();
    locked.execute("UPDATE audit_order SET last = last").await.unwrap();
    let hosts = [0, 1].map(|number: usize| {
        let store = Arc::clone(&stores[number]);
        tokio::spawn(async move { store.sequence_events(4).await.unwrap() })
    });
    sessions_wait(&mut watcher, 2).await;
    append(&*stores[0], "6").await;
    locked.commit().await.unwrap();
    let mut given = Vec::new();
    for host in hosts {
        given.push(host.await.unwrap());
    }
    given.sort_unstable();
    assert_eq!(given, [2, 4]);
    assert_eq!(order(&*stores[1]).await, numbered(["1", "2", "3", "4", "5", "6"]));
}

/// Writers go on while positions are given: they do not share a lock with those who give them.
#[tokio::test]
async fn writers_do_not_wait_for_who_gives_positions() {
    let database = PgDatabase::new();
    let store = database.open().await;
    append(&*store, "1").await;
    let mut other = database.raw().await;
    let mut giving = other.begin().await.unwrap();
    giving.execute("UPDATE audit_order SET last = last + 1").await.unwrap();
    giving.execute("UPDATE outbox SET sequence = 1").await.unwrap();
    store.record_issuances(&[batch("a", &["n"], &["c"])]).await.unwrap();
    append(&*store, "3").await;
    giving.commit().await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 2);
    assert_eq!(order(&*store).await, numbered(["1", "event-c", "3"]));
}

/// The database itself refuses to give one twice, whoever writes.
#[tokio::test]
async fn a_position_is_unique() {
    let database = PgDatabase::new();
    let store = database.open().await;
    append(&*store, "1").await;
    append(&*store, "2").await;
    let refused = database.raw().await.execute("UPDATE outbox SET sequence = 1").await;
    assert!(refused.unwrap_err().to_string().contains("outbox_sequence"));
}
