use std::sync::Arc;

use serde_json::json;

use super::fixtures::*;
use super::{TestDatabase, open_two, race};
use crate::{DeadLetter, DeadLetterCount, DeliveryFailure, DeliveryLease, Store, WebhookPause, webhook_delivery};

const HOOK: &str = "backend";

/// Gives that many events their positions.
async fn events(store: &dyn Store, count: usize) {
    store.append_events(&vec![event("a", "credential.issue"); count]).await.unwrap();
    store.sequence_events(1000).await.unwrap();
}

async fn lease(store: &dyn Store, webhook: &str) -> Option<u64> {
    store.lease_delivery(&delivery_lease(&webhook_delivery(webhook), "h"), at(10)).await.unwrap()
}

/// Gives up events until so many are, in `webhook`'s account.
async fn buried(store: &dyn Store, webhook: &str, ids: &[&str]) {
    events(store, ids.len()).await;
    let mut from = lease(store, webhook).await.unwrap();
    for id in ids {
        let advance = delivery_advance(&webhook_delivery(webhook), "h", from, from + 1);
        let (letter, told) = (dead_letter(webhook, id), event("a", "webhook.give_up"));
        assert!(store.give_up_event(&advance, &letter, &told).await.unwrap());
        from += 1;
    }
}

async fn ids(store: &dyn Store, webhook: &str) -> Vec<String> {
    let letters = store.dead_letters("a", webhook, "", 1000).await.unwrap();
    letters.into_iter().map(|letter| letter.event_id).collect()
}

async fn count(store: &dyn Store, webhook: &str) -> (u64, u64) {
    let DeadLetterCount { dead, queued } = store.count_dead_letters("a", webhook).await.unwrap();
    (dead, queued)
}

async fn queue(store: &dyn Store, webhook: &str, ids: Option<&[&str]>, seconds: i64) -> u64 {
    let ids: Option<Vec<String>> = ids.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
    let told = crate::AuditEvent { at: at(seconds), ..event("a", "webhook.replay") };
    store.queue_dead_letters("a", webhook, ids.as_deref(), &told).await.unwrap()
}

pub(crate) async fn a_new_webhook_begins_after_what_is_past(database: &impl TestDatabase) {
    let store = database.open().await;
    events(&*store, 3).await;
    assert!(store.open_webhook(HOOK, at(1)).await.unwrap());
    events(&*store, 2).await;
    assert!(!store.open_webhook(HOOK, at(2)).await.unwrap(), "it is known, and stays where it is");
    assert_eq!(lease(&*store, HOOK).await, Some(3));
    let [delivery] = &store.deliveries().await.unwrap()[..] else { panic!("one delivery") };
    assert_eq!((delivery.plugin.as_str(), delivery.delivered_sequence), ("webhook:backend", 3));
    // What it has not got is kept for it.
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 3);
    assert_eq!(store.delete_delivered_events(at(1000), 10).await.unwrap(), 0);
}

pub(crate) async fn one_racer_opens_a_webhook(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let opened = race(32, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { store.open_webhook(HOOK, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(opened.into_iter().filter(|opened| *opened).count(), 1);
}

pub(crate) async fn an_event_is_given_up_with_its_letter(database: &impl TestDatabase) {
    let store = database.open().await;
    events(&*store, 2).await;
    let advance = |holder: &str, from, to| delivery_advance("webhook:backend", holder, from, to);
    let (letter, told) = (dead_letter(HOOK, "e1"), event("a", "webhook.give_up"));
    assert_eq!(lease(&*store, HOOK).await, Some(0));
    for wrong in [advance("other", 0, 1), advance("h", 1, 2), advance("h", 0, 3), advance("h", 0, 0)] {
        assert!(!store.give_up_event(&wrong, &letter, &told).await.unwrap(), "{wrong:?}");
    }
    assert_eq!(ids(&*store, HOOK).await, Vec::<String>::new());
    assert_eq!(trail(&*store, "a").await.len(), 2, "nothing was written");

    assert!(store.give_up_event(&advance("h", 0, 1), &letter, &told).await.unwrap());
    assert_eq!(store.dead_letters("a", HOOK, "", 10).await.unwrap()[..], *std::slice::from_ref(&letter));
    assert_eq!(trail(&*store, "a").await[2], "webhook.give_up unset succeeded");
    assert!(!store.give_up_event(&advance("h", 0, 1), &letter, &told).await.unwrap(), "it has moved on");

    // Should an id come twice, the queue goes on, and the first letter stays.
    let again = DeadLetter { body: "other".into(), ..letter.clone() };
    assert!(store.give_up_event(&advance("h", 1, 2), &again, &told).await.unwrap());
    assert_eq!(store.dead_letters("a", HOOK, "", 10).await.unwrap(), [letter]);
}

pub(crate) async fn dead_letters_are_read_in_pages_and_apart(database: &impl TestDatabase) {
    let store = database.open().await;
    buried(&*store, HOOK, &["e3", "e1", "e2"]).await;
    buried(&*store, "other", &["e1"]).await;
    assert_eq!(ids(&*store, HOOK).await, ["e1", "e2", "e3"]);
    let page = store.dead_letters("a", HOOK, "e1", 1).await.unwrap();
    assert_eq!(page.iter().map(|letter| letter.event_id.as_str()).collect::<Vec<_>>(), ["e2"]);
    assert!(store.dead_letters("a", HOOK, "e3", 9).await.unwrap().is_empty());
    assert!(store.dead_letters("b", HOOK, "", 9).await.unwrap().is_empty(), "another issuer's");
    assert_eq!((count(&*store, HOOK).await, count(&*store, "other").await), ((3, 0), (1, 0)));
    assert_eq!(store.count_dead_letters("b", HOOK).await.unwrap(), DeadLetterCount::default());
}

pub(crate) async fn letters_are_queued_once_and_in_order(database: &impl TestDatabase) {
    let store = database.open().await;
    buried(&*store, HOOK, &["e1", "e2", "e3"]).await;
    buried(&*store, "other", &["e1"]).await;
    let before = trail(&*store, "a").await.len();
    assert_eq!(store.next_queued_letter("a", HOOK).await.unwrap(), None);
    assert_eq!(queue(&*store, HOOK, Some(&["nobody"]), 20).await, 0);
    assert_eq!(queue(&*store, HOOK, Some(&[]), 20).await, 0);
    assert_eq!(trail(&*store, "a").await.len(), before, "nothing is no event");
    assert_eq!(queue(&*store, HOOK, Some(&["e2", "e2", "nobody"]), 20).await, 1);
    assert_eq!(queue(&*store, HOOK, None, 21).await, 2, "e2 is queued already");
    assert_eq!(queue(&*store, HOOK, None, 22).await, 0);
    assert_eq!((count(&*store, HOOK).await, count(&*store, "other").await), ((0, 3), (1, 0)));
    let told: Vec<_> = store.events("a", 0, 100).await.unwrap().into_iter().map(|(_, event)| event.detail).collect();
    assert_eq!(told[before..], [json!({"letters": 1}), json!({"letters": 2})]);

    for expected in ["e2", "e1", "e3"] {
        let next = store.next_queued_letter("a", HOOK).await.unwrap().unwrap();
        assert_eq!(next.event_id, expected, "by the time that they were queued");
        assert!(store.settle_dead_letter(&next, None, at(30)).await.unwrap());
        assert!(!store.settle_dead_letter(&next, None, at(30)).await.unwrap(), "it is gone");
    }
    assert_eq!(store.next_queued_letter("a", HOOK).await.unwrap(), None);
    assert_eq!((ids(&*store, HOOK).await.len(), ids(&*store, "other").await.len()), (0, 1));
}

pub(crate) async fn a_letter_that_fails_again_is_dead_again(database: &impl TestDatabase) {
    let store = database.open().await;
    buried(&*store, HOOK, &["e1"]).await;
    let dead = store.dead_letters("a", HOOK, "", 1).await.unwrap().remove(0);
    let failure = DeliveryFailure { status: None, reason: "no answer".into(), attempts: 7 };
    assert!(!store.settle_dead_letter(&dead, Some(&failure), at(30)).await.unwrap(), "nobody has queued it");
    assert!(!store.settle_dead_letter(&dead, None, at(30)).await.unwrap());
    queue(&*store, HOOK, None, 20).await;
    let queued = store.next_queued_letter("a", HOOK).await.unwrap().unwrap();
    assert_eq!(queued, DeadLetter { queued_at: Some(at(20)), ..dead.clone() });
    assert!(store.settle_dead_letter(&queued, Some(&failure), at(31)).await.unwrap());
    let failed = DeadLetter { failure, failed_at: at(31), ..dead };
    assert_eq!(store.dead_letters("a", HOOK, "", 1).await.unwrap(), [failed]);
    queue(&*store, HOOK, None, 40).await;
    assert!(!store.settle_dead_letter(&queued, None, at(41)).await.unwrap(), "it was queued anew meanwhile");
    assert_eq!(count(&*store, HOOK).await, (0, 1));
}

pub(crate) async fn old_letters_are_deleted_unless_they_are_queued(database: &impl TestDatabase) {
    let store = database.open().await;
    buried(&*store, HOOK, &["e1", "e2", "e3", "e4"]).await;
    buried(&*store, "other", &["e1"]).await;
    queue(&*store, HOOK, Some(&["e1"]), 20).await;
    assert_eq!(store.delete_dead_letters("a", HOOK, at(9), 10).await.unwrap(), 0, "at its very age it is kept");
    assert_eq!(store.delete_dead_letters("b", HOOK, at(1000), 10).await.unwrap(), 0);
    assert_eq!(store.delete_dead_letters("a", HOOK, at(10), 2).await.unwrap(), 2);
    assert_eq!(store.delete_dead_letters("a", HOOK, at(10), 2).await.unwrap(), 1);
    assert_eq!(store.delete_dead_letters("a", HOOK, at(10), 2).await.unwrap(), 0);
    assert_eq!((ids(&*store, HOOK).await, ids(&*store, "other").await.len()), (vec!["e1".to_owned()], 1));
}

pub(crate) async fn a_webhook_is_paused_and_resumed_once(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let pause = |number: usize| WebhookPause { webhook: HOOK.into(), paused_at: at(5), reason: number.to_string() };
    let paused = race(32, |number| {
        let (store, pause) = (Arc::clone(&stores[number % 2]), pause(number));
        async move { store.pause_webhook(&pause, &event("a", "webhook.pause")).await.unwrap() }
    })
    .await;
    let winner = paused.iter().position(|paused| *paused).unwrap();
    assert_eq!(paused.iter().filter(|paused| **paused).count(), 1);
    assert_eq!(stores[1].webhook_pause(HOOK).await.unwrap(), Some(pause(winner)));
    assert_eq!(stores[1].webhook_pause("other").await.unwrap(), None);
    let resumed = event("a", "webhook.resume");
    assert!(!stores[0].resume_webhook("other", &resumed).await.unwrap());
    assert!(stores[0].resume_webhook(HOOK, &resumed).await.unwrap());
    assert!(!stores[0].resume_webhook(HOOK, &resumed).await.unwrap());
    assert_eq!(stores[1].webhook_pause(HOOK).await.unwrap(), None);
    assert_eq!(trail(&*stores[0], "a").await, ["webhook.pause unset succeeded", "webhook.resume unset succeeded"]);
}

pub(crate) async fn a_forgotten_webhook_leaves_nothing(database: &impl TestDatabase) {
    let store = database.open().await;
    buried(&*store, HOOK, &["e1", "e2"]).await;
    buried(&*store, "other", &["e1"]).await;
    let pause = WebhookPause { webhook: HOOK.into(), paused_at: at(5), reason: "gone".into() };
    store.pause_webhook(&pause, &event("a", "webhook.pause")).await.unwrap();
    let forget = crate::AuditEvent { at: at(15), ..event("a", "audit.forget") };
    assert!(!store.forget_delivery("webhook:backend", &forget).await.unwrap(), "a host delivers");
    assert_eq!(ids(&*store, HOOK).await.len(), 2);
    let forget = crate::AuditEvent { at: at(20), ..forget };
    // An audit plugin of that name is something else.
    store.lease_delivery(&DeliveryLease { until: at(19), ..delivery_lease(HOOK, "h") }, at(10)).await.unwrap();
    assert!(store.forget_delivery(HOOK, &forget).await.unwrap());
    assert_eq!(ids(&*store, HOOK).await.len(), 2);
    assert!(store.forget_delivery("webhook:backend", &forget).await.unwrap());
    assert_eq!((ids(&*store, HOOK).await.len(), ids(&*store, "other").await.len()), (0, 1));
    assert_eq!(store.webhook_pause(HOOK).await.unwrap(), None);
}
