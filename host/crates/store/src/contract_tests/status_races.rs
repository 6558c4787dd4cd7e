//! Changes of statuses by many at once, through two hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fixtures::*;
use super::status_fixtures::*;
use super::{TestDatabase, open_two, race};
use crate::{AuditEvent, DeletionOutcome, StatusOutcome, StatusUpdate};

pub(crate) async fn one_racer_acts_under_a_key(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    open_lists(&*stores[0], &["l"]).await;
    issue(&*stores[0], "c", "l", 5).await;
    let outcomes = race(48, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { set(&*store, with_reply(update("c", SUSPENSION, true), "key")).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| changed(outcome)).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == StatusOutcome::Replied).count(), 47);
    assert_eq!(replay(&*stores[0], "l").await.len(), 1);
}

pub(crate) async fn racing_changes_of_one_entry_are_one_history(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    open_lists(&*stores[0], &["l"]).await;
    issue(&*stores[0], "c", "l", 5).await;
    issue(&*stores[0], "foreign", "l", 6).await;
    let outcomes = race(64, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let (purpose, value) = [(SUSPENSION, true), (SUSPENSION, false), (REVOCATION, false)][number % 3];
            let update = if number == 32 { update("c", REVOCATION, true) } else { update("c", purpose, value) };
            set(&*store, update).await
        }
    })
    .await;
    assert!(changed(&outcomes[32]));
    let count = outcomes.iter().filter(|outcome| changed(outcome)).count();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, StatusOutcome::Set { .. } | StatusOutcome::Final)));
    let bits = replay(&*stores[0], "l").await;
    assert_eq!(changes(&*stores[0], "l").await.len(), count);
    assert_eq!(trail(&*stores[0], "a").await.len(), 1 + 1 + 2 + count);
    for purpose in BOTH {
        let said = entry(&*stores[1], "c", purpose).await.value;
        assert_eq!(said, bits.get(&(purpose.to_owned(), 5)).copied().unwrap_or(false), "{purpose}");
        assert!(!entry(&*stores[1], "foreign", purpose).await.value);
    }
}

/// Calls with many updates each, of credentials and lists in any order: none ends another, and none is lost.
pub(crate) async fn racing_changes_of_many_entries_lose_none(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let lists = ["l", "m"];
    open_lists(&*stores[0], &lists).await;
    for number in 0..24_usize {
        issue(&*stores[0], &format!("c{number}"), lists[number % 2], i64::try_from(number).unwrap()).await;
    }
    let counts = race(32, |racer| {
        let store = Arc::clone(&stores[racer % 2]);
        async move {
            let mut updates: Vec<_> = (0..24)
                .map(|number| StatusUpdate {
                    event: AuditEvent { event_id: format!("{racer}/{number}"), ..event("a", "credential.status") },
                    ..update(&format!("c{number}"), SUSPENSION, (racer + number) % 3 != 0)
                })
                .collect();
            updates.rotate_left(racer % 24);
            store.update_statuses(&updates).await.unwrap().iter().filter(|outcome| changed(outcome)).count()
        }
    })
    .await;
    let mut events: Vec<_> = Vec::new();
    let mut bits = [replay(&*stores[0], "l").await, replay(&*stores[0], "m").await];
    for list_id in lists {
        events.extend(changes(&*stores[0], list_id).await.into_iter().map(|change| change.event_id));
    }
    assert_eq!(events.len(), counts.iter().sum::<usize>());
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), counts.iter().sum::<usize>(), "each change has its event");
    for number in 0..24_usize {
        let said = entry(&*stores[1], &format!("c{number}"), SUSPENSION).await.value;
        let bit = bits[number % 2].remove(&(SUSPENSION.to_owned(), i64::try_from(number).unwrap()));
        assert_eq!(said, bit.unwrap_or(false), "c{number}");
    }
    assert!(bits.iter().all(BTreeMap::is_empty), "no foreign entry changed: {bits:?}");
}

pub(crate) async fn what_was_deleted_is_never_changed_again(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    open_lists(&*stores[0], &["l"]).await;
    issue(&*stores[0], "c", "l", 5).await;
    let outcomes = race(64, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let (purpose, value) = match number % 8 {
                0 => (REVOCATION, true),
                1..=3 => (SUSPENSION, true),
                4..=6 => (SUSPENSION, false),
                _ => {
                    let deleted = store.delete_credential(&deletion("a", "c")).await.unwrap();
                    let seen = store.status_changes("a", "l", 0, u32::MAX).await.unwrap().len();
                    return Err((deleted, seen));
                }
            };
            Ok(set(&*store, update("c", purpose, value)).await)
        }
    })
    .await;
    let (mut set, mut deleted, mut revoked, mut seen) = (0, 0, 0, Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => {
                set += usize::from(changed(&outcome));
                assert!(matches!(outcome, StatusOutcome::Set { .. } | StatusOutcome::Deleted), "{outcome:?}");
            }
            Err((DeletionOutcome::Deleted { revoked: by_deletion }, changes)) => {
                deleted += 1;
                revoked += usize::from(by_deletion);
                seen.push(changes);
            }
            Err((outcome, changes)) => {
                assert_eq!(outcome, DeletionOutcome::Gone);
                seen.push(changes);
            }
        }
    }
    assert_eq!(deleted, 1);
    let history = changes(&*stores[0], "l").await;
    assert_eq!(history.len(), set + revoked);
    assert!(seen.iter().all(|seen| *seen == history.len()), "after a deletion nothing changes: {seen:?}");
    assert_eq!(replay(&*stores[0], "l").await.get(&(REVOCATION.to_owned(), 5)), Some(&true));

    assert!(stores[1].status_entries("a", "c").await.unwrap().is_empty());
    let mut slots = stores[1].slots_of_deleted("a", &hash_of("c")).await.unwrap();
    slots.sort_unstable_by(|one, other| one.purpose.cmp(&other.purpose));
    assert_eq!(slots, [slot("l", REVOCATION, 5), slot("l", SUSPENSION, 5)]);
    assert!(stores[1].slots_of_deleted("b", &hash_of("c")).await.unwrap().is_empty());
    assert!(stores[1].slots_of_deleted("a", &hash_of("d")).await.unwrap().is_empty());
    assert_eq!(stores[1].status_history("a", "l", 5).await.unwrap(), history, "the history stays");
}
