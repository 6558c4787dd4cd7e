use std::collections::BTreeSet;
use std::sync::Arc;

use super::fixtures::*;
use super::{TestDatabase, open_two, race};
use crate::{AuditEvent, MAX_EVENTS_PER_READ, Store};

/// More than any event has.
const PLENTY: usize = usize::MAX;

fn named(issuer_id: &str, id: &str) -> AuditEvent {
    AuditEvent { event_id: id.into(), ..event(issuer_id, "token.refuse") }
}

async fn append(store: &dyn Store, issuer_id: &str, ids: &[&str]) {
    let events: Vec<_> = ids.iter().map(|id| named(issuer_id, id)).collect();
    store.append_events(&events).await.unwrap();
}

async fn order(store: &dyn Store) -> Vec<(u64, String)> {
    let events = store.events_from(0, 1000, PLENTY).await.unwrap();
    events.into_iter().map(|(sequence, event)| (sequence, event.event_id)).collect()
}

/// Two plugins that have been delivered to that far.
async fn delivered(store: &dyn Store, positions: [(&str, u64); 2]) {
    for (plugin, to) in positions {
        let from = store.lease_delivery(&delivery_lease(plugin, "h"), at(1)).await.unwrap().unwrap();
        if to > from {
            assert!(store.advance_delivery(&delivery_advance(plugin, "h", from, to), &[]).await.unwrap());
        }
    }
}

pub(crate) async fn positions_have_no_gap_over_all_issuers(database: &impl TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.sequence_events(10).await.unwrap(), 0, "there is nothing");
    assert_eq!(store.last_sequence().await.unwrap(), 0);
    append(&*store, "a", &["1", "2"]).await;
    append(&*store, "b", &["3"]).await;
    assert!(order(&*store).await.is_empty(), "what has no position is not seen");
    assert_eq!(store.event_sequence("2").await.unwrap(), None);

    assert_eq!(store.sequence_events(10).await.unwrap(), 3);
    store.record_issuances(&[batch("a", &["n"], &["c"])]).await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 1);
    let expected = [(1, "1"), (2, "2"), (3, "3"), (4, "event-c")].map(|(at, id)| (at, id.to_owned()));
    assert_eq!(order(&*store).await, expected);
    assert_eq!(store.last_sequence().await.unwrap(), 4);
    assert_eq!(store.event_sequence("3").await.unwrap(), Some(3));
    assert_eq!(store.event_sequence("unknown").await.unwrap(), None);
    let (_, third) = store.events_from(2, 1, PLENTY).await.unwrap().remove(0);
    assert_eq!(third, named("b", "3"), "it reads as it was written");
}

pub(crate) async fn positions_are_given_in_steps(database: &impl TestDatabase) {
    let store = database.open().await;
    let ids: Vec<String> = (1..=7).map(|number| number.to_string()).collect();
    append(&*store, "a", &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut steps = Vec::new();
    for limit in [0, 3, 3, 3, 3] {
        steps.push(store.sequence_events(limit).await.unwrap());
    }
    assert_eq!(steps, [0, 3, 3, 1, 0]);
    let expected: Vec<_> = (1..=7).map(|number: u64| (number, number.to_string())).collect();
    assert_eq!(order(&*store).await, expected);

    let many: Vec<_> = (0..=MAX_EVENTS_PER_READ).map(|number| named("a", &format!("m{number}"))).collect();
    store.append_events(&many).await.unwrap();
    assert_eq!(store.sequence_events(u32::MAX).await.unwrap(), u64::from(MAX_EVENTS_PER_READ), "at most");
    assert_eq!(store.sequence_events(u32::MAX).await.unwrap(), 1);
}

pub(crate) async fn events_are_read_from_a_position_in_limits(database: &impl TestDatabase) {
    let store = database.open().await;
    append(&*store, "a", &["1", "2", "3"]).await;
    let big = AuditEvent { detail: serde_json::json!("x".repeat(10_000)), ..named("a", "4") };
    store.append_events(&[big, named("a", "5")]).await.unwrap();
    store.sequence_events(10).await.unwrap();
    for (after, limit, max_bytes, expected) in [
        (0, 10, PLENTY, vec![1, 2, 3, 4, 5]),
        (0, 2, PLENTY, vec![1, 2]),
        (2, 10, PLENTY, vec![3, 4, 5]),
        (0, 10, 5_000, vec![1, 2, 3]),
        (3, 10, 5_000, vec![4]),
        (4, 10, 5_000, vec![5]),
        (0, 10, 0, vec![1]),
        (0, 0, PLENTY, vec![]),
        (5, 10, PLENTY, vec![]),
        (u64::MAX, 10, PLENTY, vec![]),
    ] {
        let read = store.events_from(after, limit, max_bytes).await.unwrap();
        let read: Vec<u64> = read.into_iter().map(|(sequence, _)| sequence).collect();
        assert_eq!(read, expected, "after {after}, at most {limit} and {max_bytes} bytes");
    }
    // What one event counts: its texts, to the byte.
    let one = named("a", "1");
    let texts = [&one.event_id, &one.issuer_id, &one.actor, &one.action, &one.object, one.request_id.as_ref().unwrap()];
    let size = texts.iter().map(|text| text.len()).sum::<usize>() + one.detail.to_string().len();
    assert_eq!(store.events_from(0, 10, 2 * size).await.unwrap().len(), 2);
    assert_eq!(store.events_from(0, 10, 2 * size - 1).await.unwrap().len(), 1);
}

pub(crate) async fn a_position_outlives_its_event(database: &impl TestDatabase) {
    let store = database.open().await;
    append(&*store, "a", &["1", "2"]).await;
    store.sequence_events(10).await.unwrap();
    delivered(&*store, [("p", 2), ("q", 2)]).await;
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 2);
    assert!(order(&*store).await.is_empty());
    assert_eq!(store.event_sequence("1").await.unwrap(), None);
    append(&*store, "a", &["3"]).await;
    store.sequence_events(10).await.unwrap();
    assert_eq!(order(&*store).await, [(3, "3".to_owned())], "a position is never given again");
}

/// Writers and two hosts that give positions, all at once.
pub(crate) async fn racing_hosts_give_each_event_one_position(database: &impl TestDatabase) {
    const WRITERS: usize = 60;
    let stores = open_two(database).await;
    race(WRITERS + 20, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            if number < WRITERS {
                let (one, two) = (format!("{number}/1"), format!("{number}/2"));
                append(&*store, "a", &[&one, &two]).await;
            } else {
                store.sequence_events(7).await.unwrap();
            }
        }
    })
    .await;
    while stores[0].sequence_events(1000).await.unwrap() > 0 {}
    let order = order(&*stores[1]).await;
    let positions: Vec<u64> = order.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (1..=2 * WRITERS as u64).collect::<Vec<_>>());
    assert_eq!(stores[0].last_sequence().await.unwrap(), 2 * WRITERS as u64);
    let ids: Vec<&String> = order.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 2 * WRITERS, "each event once");
    for number in 0..WRITERS {
        let place = |part: u8| ids.iter().position(|id| **id == format!("{number}/{part}"));
        assert!(place(1) < place(2), "what one transaction wrote keeps its order");
    }
}

pub(crate) async fn delivered_events_are_deleted_when_all_have_them(database: &impl TestDatabase) {
    let store = database.open().await;
    append(&*store, "a", &["1", "2", "3", "4", "5"]).await;
    store.sequence_events(4).await.unwrap();
    delivered(&*store, [("p", 4), ("q", 0)]).await;
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 0, "one has none of them");
    delivered(&*store, [("p", 4), ("q", 3)]).await;
    assert_eq!(store.delete_delivered_events(at(1000), 2).await.unwrap(), 2, "in steps");
    assert_eq!(store.delete_delivered_events(at(1000), 2).await.unwrap(), 1);
    assert_eq!(store.delete_delivered_events(at(1000), 2).await.unwrap(), 0);
    delivered(&*store, [("p", 4), ("q", 4)]).await;
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 1);
    assert_eq!(trail(&*store, "a").await.len(), 1, "what has no position stays");
    store.sequence_events(4).await.unwrap();
    assert_eq!(order(&*store).await, [(5, "5".to_owned())]);
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 0);
}

pub(crate) async fn without_a_delivery_nothing_is_deleted(database: &impl TestDatabase) {
    let store = database.open().await;
    append(&*store, "a", &["1"]).await;
    store.sequence_events(10).await.unwrap();
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 0);
    assert_eq!(order(&*store).await.len(), 1);
}

pub(crate) async fn a_young_event_is_kept(database: &impl TestDatabase) {
    let store = database.open().await;
    // Of hosts whose clocks differ: the third one says it happened before the second.
    let events = [("1", 10), ("2", 30), ("3", 20)].map(|(id, second)| AuditEvent { at: at(second), ..named("a", id) });
    store.append_events(&events).await.unwrap();
    store.sequence_events(10).await.unwrap();
    delivered(&*store, [("p", 3), ("q", 3)]).await;
    assert_eq!(store.delete_delivered_events(at(10), 10).await.unwrap(), 0);
    assert_eq!(store.delete_delivered_events(micros(10_000_001), 10).await.unwrap(), 1);
    assert_eq!(store.delete_delivered_events(at(25), 1).await.unwrap(), 0, "it looks at `limit` events");
    assert_eq!(store.delete_delivered_events(at(25), 10).await.unwrap(), 1);
    assert_eq!(order(&*store).await, [(2, "2".to_owned())]);
}
