use std::sync::Arc;

use super::fixtures::*;
use super::{TestDatabase, open_two, race};
use crate::{DeliveryAdvance, DeliveryLease, DeliveryState, Store};

/// Gives that many events their positions.
async fn events(store: &dyn Store, count: usize) {
    store.append_events(&vec![event("a", "token.refuse"); count]).await.unwrap();
    store.sequence_events(1000).await.unwrap();
}

async fn stands_at(store: &dyn Store, plugin: &str) -> u64 {
    let deliveries = store.deliveries().await.unwrap();
    deliveries.iter().find(|one| one.plugin == plugin).unwrap().delivered_sequence
}

pub(crate) async fn one_host_at_a_time_delivers(database: &impl TestDatabase) {
    let store = database.open().await;
    assert!(store.deliveries().await.unwrap().is_empty());
    let (mine, other) = (delivery_lease("p", "mine"), delivery_lease("p", "other"));
    assert_eq!(store.lease_delivery(&mine, at(10)).await.unwrap(), Some(0), "a new plugin gets everything");
    assert_eq!(store.lease_delivery(&other, micros(19_999_999)).await.unwrap(), None);
    let longer = DeliveryLease { until: at(30), ..mine };
    assert_eq!(store.lease_delivery(&longer, at(15)).await.unwrap(), Some(0), "its holder extends it");
    assert_eq!(store.lease_delivery(&other, at(25)).await.unwrap(), None);
    let expected = DeliveryState {
        plugin: "p".into(),
        delivered_sequence: 0,
        lease_holder: Some("mine".into()),
        lease_until: Some(at(30)),
        updated_at: at(15),
    };
    assert_eq!(store.deliveries().await.unwrap(), [expected]);

    assert!(!store.release_delivery("p", "other").await.unwrap());
    assert!(store.release_delivery("p", "mine").await.unwrap());
    assert!(!store.release_delivery("p", "mine").await.unwrap());
    assert_eq!(store.lease_delivery(&other, at(16)).await.unwrap(), Some(0));
    assert_eq!(store.lease_delivery(&delivery_lease("a", "mine"), at(16)).await.unwrap(), Some(0), "another plugin");
    let plugins: Vec<_> = store.deliveries().await.unwrap().into_iter().map(|one| one.plugin).collect();
    assert_eq!(plugins, ["a", "p"]);
}

pub(crate) async fn one_racer_gets_the_delivery(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let answers = race(32, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { store.lease_delivery(&delivery_lease("p", &format!("h{number}")), at(10)).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == Some(0)).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 31);
}

pub(crate) async fn a_delivery_moves_on_for_its_holder_only(database: &impl TestDatabase) {
    let store = database.open().await;
    events(&*store, 5).await;
    let rejected = [event("a", "audit.reject")];
    let advance = |holder: &str, from, to| delivery_advance("p", holder, from, to);
    assert!(!store.advance_delivery(&advance("mine", 0, 1), &rejected).await.unwrap(), "nobody has it yet");
    store.lease_delivery(&delivery_lease("p", "mine"), at(10)).await.unwrap();
    assert!(!store.advance_delivery(&advance("other", 0, 1), &rejected).await.unwrap());
    assert!(store.advance_delivery(&advance("mine", 0, 2), &[]).await.unwrap());
    assert!(!store.advance_delivery(&advance("mine", 0, 2), &rejected).await.unwrap(), "it stands elsewhere");
    assert!(store.advance_delivery(&advance("mine", 2, 3), &[]).await.unwrap());

    let late = DeliveryAdvance { now: at(21), ..advance("mine", 3, 4) };
    assert!(store.advance_delivery(&late, &[]).await.unwrap(), "nobody has taken it since its lease ended");
    store.lease_delivery(&delivery_lease("p", "other"), at(21)).await.unwrap().unwrap();
    assert!(!store.advance_delivery(&advance("mine", 4, 5), &rejected).await.unwrap(), "now somebody has");
    store.release_delivery("p", "other").await.unwrap();
    assert!(!store.advance_delivery(&advance("other", 4, 5), &rejected).await.unwrap(), "it was given up");
    assert_eq!(stands_at(&*store, "p").await, 4);
    assert_eq!(trail(&*store, "a").await.len(), 5, "none of the refused wrote its event");
}

pub(crate) async fn a_delivery_never_passes_what_was_not_given(database: &impl TestDatabase) {
    let store = database.open().await;
    events(&*store, 3).await;
    store.append_events(&[event("a", "token.refuse")]).await.unwrap();
    store.lease_delivery(&delivery_lease("p", "h"), at(10)).await.unwrap();
    for (from, to) in [(0, 4), (0, u64::MAX), (0, 0), (u64::MAX, u64::MAX), (3, 3)] {
        let advance = delivery_advance("p", "h", from, to);
        assert!(!store.advance_delivery(&advance, &[]).await.unwrap(), "{from} to {to}");
    }
    assert!(store.advance_delivery(&delivery_advance("p", "h", 0, 3), &[]).await.unwrap());
    assert!(!store.advance_delivery(&delivery_advance("p", "h", 3, 2), &[]).await.unwrap(), "never back");
    assert_eq!(stands_at(&*store, "p").await, 3);
}

pub(crate) async fn a_delivery_goes_on_where_another_host_left_it(database: &impl TestDatabase) {
    let [one, two] = open_two(database).await;
    events(&*one, 3).await;
    one.lease_delivery(&delivery_lease("p", "one"), at(10)).await.unwrap();
    assert!(one.advance_delivery(&delivery_advance("p", "one", 0, 2), &[]).await.unwrap());
    // The first one is gone without a word.
    let takes_over = DeliveryLease { until: at(40), ..delivery_lease("p", "two") };
    assert_eq!(two.lease_delivery(&takes_over, at(20)).await.unwrap(), Some(2));
    let rest = two.events_from(2, 10, usize::MAX).await.unwrap();
    assert_eq!(rest.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [3]);
    assert!(two.advance_delivery(&delivery_advance("p", "two", 2, 3), &[]).await.unwrap());
    assert!(!one.advance_delivery(&delivery_advance("p", "one", 2, 3), &[]).await.unwrap(), "it came back");
}

pub(crate) async fn what_a_plugin_rejects_is_an_event_with_the_advance(database: &impl TestDatabase) {
    let store = database.open().await;
    events(&*store, 2).await;
    store.lease_delivery(&delivery_lease("p", "h"), at(10)).await.unwrap();
    let rejected = [refusal("a", "audit.reject"), refusal("a", "audit.reject")];
    assert!(store.advance_delivery(&delivery_advance("p", "h", 0, 2), &rejected).await.unwrap());
    assert_eq!(trail(&*store, "a").await[2..], ["audit.reject unset refused"; 2]);
    assert_eq!(store.sequence_events(10).await.unwrap(), 2, "it is an event as every other one");
}

pub(crate) async fn racing_advances_move_on_once(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    events(&*stores[0], 64).await;
    stores[0].lease_delivery(&delivery_lease("p", "h"), at(10)).await.unwrap();
    let answers = race(32, |number| {
        let store = Arc::clone(&stores[number % 2]);
        let advance = delivery_advance("p", "h", 0, number as u64 + 1);
        async move { store.advance_delivery(&advance, &[event("a", "audit.reject")]).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|moved| **moved).count(), 1);
    let moved = answers.iter().position(|moved| *moved).unwrap();
    assert_eq!(stands_at(&*stores[0], "p").await, moved as u64 + 1);
    assert_eq!(trail(&*stores[0], "a").await.len(), 65);
}

pub(crate) async fn a_forgotten_delivery_holds_nothing_back(database: &impl TestDatabase) {
    let store = database.open().await;
    events(&*store, 2).await;
    store.lease_delivery(&delivery_lease("p", "h"), at(10)).await.unwrap();
    store.lease_delivery(&delivery_lease("gone", "h"), at(10)).await.unwrap();
    assert!(store.advance_delivery(&delivery_advance("p", "h", 0, 2), &[]).await.unwrap());
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 0);

    let forget = event("a", "audit.forget");
    assert!(!store.forget_delivery("unknown", &forget).await.unwrap());
    assert!(!store.forget_delivery("gone", &forget).await.unwrap(), "a host delivers to it");
    assert!(store.release_delivery("gone", "h").await.unwrap());
    assert!(store.forget_delivery("gone", &forget).await.unwrap());
    assert!(!store.forget_delivery("gone", &forget).await.unwrap());
    assert!(!store.advance_delivery(&delivery_advance("gone", "h", 0, 1), &[]).await.unwrap());
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 2);
    assert_eq!(trail(&*store, "a").await, ["audit.forget unset succeeded"]);
    assert_eq!(store.lease_delivery(&delivery_lease("gone", "h"), at(11)).await.unwrap(), Some(0), "as if it were new");
}
