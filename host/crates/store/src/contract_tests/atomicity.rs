//! Whatever fails, and whenever: nothing is half-written, and the store goes on.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::json;

use super::fixtures::*;
use super::status_fixtures::*;
use super::{TestDatabase, is_unavailable, race};
use crate::sql::fault;
use crate::{
    AuditEvent, IssuanceBatch, IssuanceOutcome, JobItemDone, JobLease, OfferRecord, PluginControl, Reissue,
    Replacement, StatusUpdate, Store, StoreError, StoredCredential, WebhookPause,
};

/// Fails each statement and the commit of `call` in turn, until it comes through: whatever failed, the database is
/// as it was before.
async fn fail_every_step<T, F>(database: &impl TestDatabase, name: &str, call: impl Fn() -> F)
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

pub(crate) async fn a_call_that_fails_at_any_step_leaves_nothing(database: &impl TestDatabase) {
    let store = &database.open().await;
    let done = &event("a", "done");
    let refused = &refusal("a", "done");
    let drafts = [draft("f", json!(1)), draft("g", json!(1))];
    let redrafts = [draft("f", json!(2)), draft("g", json!(1))];
    let batches = [batch("a", &["n1", "n2"], &["c1"]), batch("a", &["n3"], &["c2"])];
    let conflicting = [batch("a", &["n4"], &["c3"]), batch("a", &["n1"], &["c4"]), batch("a", &["n5"], &["c5"])];

    fail_every_step(database, "put_issuer", || async { store.put_issuer(&issuer("a"), done).await }).await;
    fail_every_step(database, "publish", || async { store.publish_configurations("a", &drafts, done).await }).await;
    fail_every_step(database, "republish", || async { store.publish_configurations("a", &redrafts, done).await }).await;
    fail_every_step(database, "insert_key", || async { store.insert_key(&key("a", "k", 0), done).await }).await;
    fail_every_step(database, "offer_bootstrap", || async { store.offer_bootstrap("t", at(0), at(9)).await }).await;
    fail_every_step(database, "redeem_bootstrap", || async {
        store.redeem_bootstrap("t", &client("a", "c"), at(1), done).await
    })
    .await;
    fail_every_step(database, "insert_client", || async { store.insert_client(&client("a", "d"), done).await }).await;
    fail_every_step(database, "use_once", || async { store.use_once("a", "p", "h", at(1)).await }).await;
    let offer = offer_with_tx_code("a", "o", "1");
    fail_every_step(database, "create_offer", || async { store.create_offer(&offer, done).await }).await;
    for tx_code in [None, Some("wrong"), Some("right"), Some("right")] {
        let name = format!("redeem_offer {tx_code:?}");
        let redeem = redeem("a", "1", tx_code);
        fail_every_step(database, &name, || async { store.redeem_offer(&redeem, done, refused).await }).await;
    }
    fail_every_step(database, "issue", || async { store.record_issuances(&batches).await }).await;
    fail_every_step(database, "issue one by one", || async { store.record_issuances(&conflicting).await }).await;
    fail_deferral_at_every_step(database, &**store).await;
    fail_credentials_at_every_step(database, &**store).await;
    fail_jobs_at_every_step(database, &**store).await;
    fail_delivery_at_every_step(database, &**store).await;
    fail_status_at_every_step(database, &**store).await;
    let events = [done.clone()];
    fail_every_step(database, "append_events", || async { store.append_events(&events).await }).await;
    fail_every_step(database, "check", || async { store.check().await }).await;
    fail_every_step(database, "delete_expired", || async { store.delete_expired(at(1000), 10).await }).await;
}

async fn fail_deferral_at_every_step(database: &impl TestDatabase, store: &dyn Store) {
    let done = &event("a", "deferred");
    let (taken, nothing, issued) = (batch("a", &["d1"], &[]), batch("a", &[], &[]), batch("a", &["d2"], &["c6"]));
    let refused = batch("a", &["d3", "d1"], &["c7"]);
    let lease = &deferred_lease("a", "t", "h");
    for (hash, taken) in [("t", &taken), ("u", &nothing)] {
        let deferred = deferred("a", hash);
        fail_every_step(database, "create_deferred", || async { store.create_deferred(&deferred, taken).await }).await;
    }
    let take = || async { store.lease_deferred(lease, at(1)).await };
    fail_every_step(database, "lease_deferred", take).await;
    fail_every_step(database, "release_deferred", || async { store.release_deferred(lease).await }).await;
    fail_every_step(database, "lease_deferred", take).await;
    let update = &deferred_update();
    let go_on = || async { store.update_deferred(lease, update, &nothing).await };
    fail_every_step(database, "update_deferred", go_on).await;
    fail_every_step(database, "lease_deferred", take).await;
    let before = database.dump().await;
    assert!(!matches!(store.finish_deferred(lease, &refused).await, Ok(Some(IssuanceOutcome::Recorded) | None)));
    assert_eq!(database.dump().await, before, "a refused one leaves nothing");
    fail_every_step(database, "finish_deferred", || async { store.finish_deferred(lease, &issued).await }).await;
    let lease = &deferred_lease("a", "u", "h");
    fail_every_step(database, "lease_deferred", || async { store.lease_deferred(lease, at(1)).await }).await;
    fail_every_step(database, "fail_deferred", || async { store.fail_deferred(lease, done).await }).await;
}

async fn fail_credentials_at_every_step(database: &impl TestDatabase, store: &dyn Store) {
    let list = status_list("a", "list", &["revocation", "suspension"]);
    open_list(store, &list).await;
    let about = |id: &str, index| StoredCredential {
        subject_hash: Some("ann".into()),
        status: slots(&list, index),
        attributes: vec![("name".into(), "ann".into())],
        ..credential("a", id)
    };
    let former = [IssuanceBatch { credentials: vec![about("f1", 1), about("f2", 2)], ..batch("a", &[], &[]) }];
    fail_every_step(database, "issue with entries", || async { store.record_issuances(&former).await }).await;
    let replacement = Replacement {
        configuration_id: "farmer".into(),
        subject_hash: "ann".into(),
        by: "new".into(),
        revoke: true,
        at: at(9),
        actor: "system".into(),
        event: event("a", "credential.supersede"),
    };
    let whole = [IssuanceBatch {
        credentials: vec![about("new", 3)],
        chosen_ids: vec![hash_of("new")],
        replacements: vec![replacement],
        reply: Some(reply("a", "one", "k")),
        ..batch("a", &["whole"], &[])
    }];
    fail_every_step(database, "issue with all", || async { store.record_issuances(&whole).await }).await;
    let deletion = deletion("a", "new");
    fail_every_step(database, "delete_credential", || async { store.delete_credential(&deletion).await }).await;
    let reissue = Reissue {
        issuer_id: "a".into(),
        credential_id: "c1".into(),
        seen: at(8),
        credential: vec![5],
        status: slots(&list, 4),
        at: at(9),
        event: event("a", "credential.reissue"),
    };
    fail_every_step(database, "reissue_credential", || async { store.reissue_credential(&reissue).await }).await;
}

async fn fail_jobs_at_every_step(database: &impl TestDatabase, store: &dyn Store) {
    let done = &event("a", "job");
    let (job, reply) = (job("a", "j"), reply("a", "one", "job"));
    let inputs = [(1, vec![1]), (2, vec![2]), (3, vec![3])];
    let lease = JobLease { issuer_id: "a".into(), job_id: "j".into(), holder: "h".into(), until: at(20) };
    let item = JobItemDone { job_id: "j".into(), number: 1, credential_id: "j1".into(), at: at(3) };
    let issued = [IssuanceBatch { job_items: vec![item], ..batch("a", &[], &["j1"]) }];
    let create = || async { store.create_job(&job, Some(&reply), done).await };
    fail_every_step(database, "create_job", create).await;
    let add = || async { store.add_job_items("a", "j", &inputs, at(2)).await };
    fail_every_step(database, "add_job_items", add).await;
    fail_every_step(database, "start_job", || async { store.start_job("a", "j", at(2)).await }).await;
    fail_every_step(database, "lease_job", || async { store.lease_job(&lease, at(3)).await }).await;
    fail_every_step(database, "issue an item", || async { store.record_issuances(&issued).await }).await;
    let fail = || async { store.fail_job_item("a", "j", 2, "why", done).await };
    fail_every_step(database, "fail_job_item", fail).await;
    fail_every_step(database, "release_job", || async { store.release_job(&lease).await }).await;
    fail_every_step(database, "end_job", || async { store.end_job("a", "j", true, done).await }).await;
}

async fn fail_delivery_at_every_step(database: &impl TestDatabase, store: &dyn Store) {
    let done = &event("a", "delivered");
    let (lease, rejected) = (delivery_lease("p", "h"), [event("a", "audit.reject")]);
    fail_every_step(database, "sequence_events", || async { store.sequence_events(5).await }).await;
    fail_every_step(database, "lease_delivery", || async { store.lease_delivery(&lease, at(1)).await }).await;
    let advance = delivery_advance("p", "h", 0, 3);
    let move_on = || async { store.advance_delivery(&advance, &rejected).await };
    fail_every_step(database, "advance_delivery", move_on).await;
    let delete = || async { store.delete_delivered_events(at(1000), 10).await };
    fail_every_step(database, "delete_delivered_events", delete).await;
    fail_every_step(database, "release_delivery", || async { store.release_delivery("p", "h").await }).await;
    fail_every_step(database, "forget_delivery", || async { store.forget_delivery("p", done).await }).await;
    fail_webhook_at_every_step(database, store).await;
    let disabled = PluginControl { disabled: true, ..control("p") };
    let disable = || async { store.set_plugin_control(&disabled, done).await };
    fail_every_step(database, "set_plugin_control", disable).await;
}

async fn fail_status_at_every_step(database: &impl TestDatabase, store: &dyn Store) {
    let list = list_of("a", "l", 8);
    let opened = &event("a", "status-list.open");
    fail_every_step(database, "open_status_list", || async { store.open_status_list(&list, 1, opened).await }).await;
    for count in [3, 9] {
        fail_every_step(database, "lease_slots", || async { store.lease_slots("a", "l", count, at(3)).await }).await;
    }
    issue(store, "s1", "l", 1).await;
    issue(store, "s2", "l", 2).await;
    let replied = |update, key| StatusUpdate { reply: Some(reply("a", "c", key)), ..update };
    let updates = [
        replied(update("s1", REVOCATION, true), "k1"),
        update("s1", SUSPENSION, true),
        update("s1", REVOCATION, false),
        update("s2", SUSPENSION, true),
        replied(update("s2", SUSPENSION, true), "k2"),
        replied(update("s2", REVOCATION, true), "k1"),
    ];
    fail_every_step(database, "update_statuses", || async { store.update_statuses(&updates).await }).await;
    for (version, published) in [(1, 100), (2, 101), (3, 300)] {
        let version = list_version("l", version, 3, published);
        let publish = || async { store.publish_status_list(&version, Duration::from_mins(1), at(200)).await };
        fail_every_step(database, "publish_status_list", publish).await;
    }
}

async fn fail_webhook_at_every_step(database: &impl TestDatabase, store: &dyn Store) {
    let done = &event("a", "delivered");
    let name = "webhook:backend";
    fail_every_step(database, "open_webhook", || async { store.open_webhook("backend", at(1)).await }).await;
    let from = store.lease_delivery(&delivery_lease(name, "h"), at(1)).await.unwrap().unwrap();
    store.sequence_events(1000).await.unwrap();
    let (advance, letter) = (delivery_advance(name, "h", from, from + 1), dead_letter("backend", "e"));
    let give_up = || async { store.give_up_event(&advance, &letter, done).await };
    fail_every_step(database, "give_up_event", give_up).await;
    let queue = || async { store.queue_dead_letters("a", "backend", None, done).await };
    let settle = async |failure| {
        let queued = store.next_queued_letter("a", "backend").await.unwrap().unwrap();
        let settle = || async { store.settle_dead_letter(&queued, failure, at(50)).await };
        fail_every_step(database, "settle_dead_letter", settle).await;
    };
    fail_every_step(database, "queue_dead_letters", queue).await;
    settle(Some(&letter.failure)).await;
    fail_every_step(database, "queue_dead_letters", queue).await;
    settle(None).await;
    let advance = delivery_advance(name, "h", from + 1, from + 2);
    assert!(store.give_up_event(&advance, &letter, done).await.unwrap());
    let delete = || async { store.delete_dead_letters("a", "backend", at(1000), 10).await };
    fail_every_step(database, "delete_dead_letters", delete).await;
    let pause = &WebhookPause { webhook: "backend".into(), paused_at: at(5), reason: "gone".into() };
    fail_every_step(database, "pause_webhook", || async { store.pause_webhook(pause, done).await }).await;
    fail_every_step(database, "resume_webhook", || async { store.resume_webhook("backend", done).await }).await;
    let forget = &AuditEvent { at: at(1000), ..done.clone() };
    fail_every_step(database, "forget_delivery", || async { store.forget_delivery(name, forget).await }).await;
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
            // Does not wait for news: what goes on in other tasks is to be left at any point.
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

pub(crate) async fn a_dropped_call_happened_whole_or_not_at_all(database: &impl TestDatabase) {
    let store = database.open().await;
    let mut dropped = 0;
    for number in 0..60 {
        let id = format!("c{number}");
        let batches = [batch("a", &[&id], &[&id])];
        let answer = polled(number % 20 * 25, store.record_issuances(&batches)).await;
        dropped += usize::from(answer.is_none());

        // The next one comes through, and after it there is all of the former or nothing, for good.
        let again = store.record_issuances(&[batch("a", &[&id], &[])]).await.unwrap();
        let credential = store.find_credential("a", &id).await.unwrap();
        assert_eq!(again[0] != IssuanceOutcome::Recorded, credential.is_some());
        let events = trail(&*store, "a").await;
        assert_eq!(credential.is_some(), events.contains(&format!("credential.issue {id} succeeded")));
        assert!(answer.is_none() || credential.is_some(), "what was answered is there");
    }
    assert!(dropped >= 3, "{dropped} calls were cut off");
}

/// Calls that may share a transaction: whoever fails, or changes nothing, does so alone.
pub(crate) async fn calls_at_once_do_not_harm_each_other(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    store.record_issuances(&[batch("a", &["used"], &["before"])]).await.unwrap();
    store.create_offer(&offer("a", "taken", "taken"), &event("a", "offer.create")).await.unwrap();
    race(60, |number| {
        let store = Arc::clone(&store);
        async move {
            let id = number.to_string();
            match number % 6 {
                0 => {
                    let answer = store.record_issuances(&[batch("a", &[&id], &[&id])]).await.unwrap();
                    assert_eq!(answer, [IssuanceOutcome::Recorded]);
                }
                1 => {
                    let answer = store.record_issuances(&[batch("a", &["used"], &[&id])]).await.unwrap();
                    assert!(matches!(answer[..], [IssuanceOutcome::NonceReused { .. }]), "{answer:?}");
                }
                2 => store.create_offer(&offer("a", &id, &id), &event("a", "offer.create")).await.unwrap(),
                3 => {
                    let twin = OfferRecord { offer_id: id, ..offer("a", "", "taken") };
                    let refused = store.create_offer(&twin, &event("a", "offer.create")).await;
                    assert!(matches!(refused, Err(StoreError::Conflict("offer"))), "{refused:?}");
                }
                4 => {
                    let refused = store.insert_key(&key("nobody", &id, 0), &event("a", "key.create")).await;
                    assert!(matches!(refused, Err(StoreError::UnknownIssuer)), "{refused:?}");
                }
                _ => assert!(!store.put_issuer(&issuer("a"), &event("a", "issuer.put")).await.unwrap()),
            }
        }
    })
    .await;
    for number in 0..60 {
        let id = number.to_string();
        let (issued, offered) = (store.find_credential("a", &id).await, store.find_offer("a", &id).await);
        assert_eq!(issued.unwrap().is_some(), number % 6 == 0, "credential {id}");
        assert_eq!(offered.unwrap().is_some(), number % 6 == 2, "offer {id}");
    }
    assert_eq!(trail(&*store, "a").await.len(), 3 + 20, "an event for each that came through, and no other");
}
