//! Audit events on their way to audit plugins: at least once, in order, to each sink at its own pace.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use chancery::audit::status::SinkState;
use chancery::clock::Clock as _;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_store::test_util::PostgresServer;
use chancery_store::{DeliveryAdvance, DeliveryLease, EventOutcome, Timestamp};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use crate::app::{TestApp, person_document};
use crate::audit::chancery;
use crate::sinks::{
    are_whole_and_in_order, calls, caught_up, delivery, failed, happen, host, host_beside, positions, sink, tell, until,
};

const ACCEPT: &str = "behaviour = \"accept\"";
/// Longer than any test.
const SLEEP: &str = "behaviour = \"sleep\"\nsleep_ms = 59000";
const PATIENT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn every_sink_gets_every_event_once_in_order_and_as_it_was() {
    let test = host(&[("one", ACCEPT), ("two", ACCEPT)], |_| {}).await;
    happen(&test.app, "test.many", 2_500).await;
    let running = delivery(&test.app).start();
    for name in ["one", "two"] {
        let last = caught_up(&test.app, name).await;
        let calls = calls(&test, name);
        assert_eq!(positions(&calls), (1..=last).collect::<Vec<_>>(), "{name}");
        assert!(calls.iter().all(|call| call.len() <= 1_000) && calls.len() >= 3, "{name}");
    }
    let mut refused = test.app.store.events_from(0, 1, usize::MAX).await.unwrap().remove(0).1;
    refused.event_id = "refused".to_owned();
    refused.outcome = EventOutcome::Refused;
    refused.reason = Some("because".to_owned());
    test.app.store.append_events(&[refused]).await.unwrap();
    caught_up(&test.app, "one").await;
    running.stop(PATIENT).await;

    let (events, calls) = (test.app.store.events_from(0, 1_000, usize::MAX).await.unwrap(), calls(&test, "one"));
    let last = calls.last().unwrap().last().unwrap();
    assert_eq!((&last["outcome"], &last["detail"]["reason"]), (&json!("denied"), &json!("because")));
    for ((position, event), told) in events.iter().zip(calls.iter().flatten()) {
        assert_eq!((&told["sequence"], &told["id"]), (&json!(position), &json!(event.event_id)));
        assert_eq!((&told["action"], &told["object"]), (&json!(event.action), &json!(event.object)));
        for (name, value) in event.detail.as_object().unwrap() {
            assert_eq!(&told["detail"][name], value);
        }
    }
}

#[tokio::test]
async fn a_killed_host_is_replaced_when_its_lease_ends_and_nothing_is_lost() {
    let test = host(&[("sink", SLEEP)], |_| {}).await;
    let running = delivery(&test.app).start();
    let ids = happen(&test.app, "test.kill", 3).await;
    // The batch is with the sink, which does not answer.
    until("the sink is called", async || (!calls(&test, "sink").is_empty()).then_some(())).await;
    drop(running);
    let killed = test.app.store.deliveries().await.unwrap().remove(0);
    assert!(killed.lease_holder.is_some() && killed.delivered_sequence == 0, "{killed:?}");

    let second = host_beside(&test, &[("sink", ACCEPT)]).await;
    let running = delivery(&second).start();
    // Its supervisor is at work, and the lease is still the other host's.
    until("events have positions", async || second.store.event_sequence(&ids[2]).await.unwrap()).await;
    assert_eq!(second.store.deliveries().await.unwrap(), [killed]);
    test.clock.advance(31);
    let last = caught_up(&second, "sink").await;
    are_whole_and_in_order(&calls(&test, "sink"), last);
    assert_eq!(positions(&calls(&test, "sink")[..1]), positions(&calls(&test, "sink")[1..2]), "delivered again");
    running.stop(PATIENT).await;
}

#[tokio::test]
async fn a_long_call_keeps_its_lease_and_ends_with_it() {
    let test = host(&[("sink", SLEEP)], |_| {}).await;
    let store = &test.app.store;
    happen(&test.app, "test.long", 3).await;
    let _running = delivery(&test.app).start();
    until("the sink is called", async || calls(&test, "sink").pop()).await;
    let before = store.deliveries().await.unwrap().remove(0);
    test.clock.advance(15);
    until("the lease is extended", async || {
        let now = store.deliveries().await.unwrap().remove(0);
        assert_eq!((&now.lease_holder, now.delivered_sequence), (&before.lease_holder, 0));
        (now.lease_until > before.lease_until).then_some(())
    })
    .await;

    let (plugin, holder) = ("sink".to_owned(), "other".to_owned());
    until("another host takes it", async || {
        test.clock.advance(31);
        let until = Timestamp::new(test.clock.now() + TimeDelta::hours(1));
        let lease = DeliveryLease { plugin: plugin.clone(), holder: holder.clone(), until };
        store.lease_delivery(&lease, test.app.clock.timestamp()).await.unwrap()
    })
    .await;
    tell(&test, "sink", ACCEPT).await;
    let now = test.app.clock.timestamp();
    let advance = DeliveryAdvance { plugin, holder, from: 0, to: 1, now };
    assert!(store.advance_delivery(&advance, &[]).await.unwrap());
    assert!(store.release_delivery(&advance.plugin, &advance.holder).await.unwrap());
    // Long before the first call would have answered.
    let last = caught_up(&test.app, "sink").await;
    let calls = calls(&test, "sink");
    are_whole_and_in_order(&calls, last);
    assert_eq!(positions(&calls[1..2])[0], 2, "what the other host has delivered is not delivered again");
}

#[tokio::test]
async fn a_host_that_stops_finishes_its_batch_and_hands_over_at_once() {
    let test = host(&[("sink", "behaviour = \"sleep\"\nsleep_ms = 300")], |_| {}).await;
    let running = delivery(&test.app).start();
    let begun = until("the sink is called", async || calls(&test, "sink").pop()).await;
    running.stop(PATIENT).await;
    let stopped = sink(&test.app, "sink").await.unwrap();
    assert!(stopped.delivered >= begun.last().unwrap()["sequence"].as_u64().unwrap());
    assert_eq!(stopped.state, SinkState::Idle);

    let second = host_beside(&test, &[("sink", ACCEPT)]).await;
    happen(&second, "test.handover", 3).await;
    let running = delivery(&second).start();
    let last = caught_up(&second, "sink").await;
    assert_eq!(positions(&calls(&test, "sink")), (1..=last).collect::<Vec<_>>(), "nothing twice");
    running.stop(PATIENT).await;
}

#[tokio::test]
async fn a_batch_that_outlasts_the_drain_is_given_up_and_delivered_again() {
    let test = host(&[("sink", SLEEP)], |_| {}).await;
    let running = delivery(&test.app).start();
    until("the sink is called", async || calls(&test, "sink").pop()).await;
    running.stop(Duration::ZERO).await;
    let second = host_beside(&test, &[("sink", ACCEPT)]).await;
    let _running = delivery(&second).start();
    let last = caught_up(&second, "sink").await;
    are_whole_and_in_order(&calls(&test, "sink"), last);
}

#[tokio::test]
async fn a_sink_that_hangs_holds_up_neither_issuance_nor_the_other_sink() {
    let test = host(&[("hangs", SLEEP), ("works", ACCEPT)], |_| {}).await;
    test.publish(DEFAULT_ISSUER, "Person", person_document()).await;
    let _running = delivery(&test.app).start();
    until("the sink is called", async || calls(&test, "hangs").pop()).await;
    let answer = test.request(&test.wallet_token().await, &[test.good_proof().await]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    caught_up(&test.app, "works").await;
    let told = calls(&test, "works");
    assert!(told.iter().flatten().any(|event| event["action"] == "credential.issue"), "{told:?}");
    let hangs = sink(&test.app, "hangs").await.unwrap();
    assert_eq!((hangs.delivered, hangs.state), (0, SinkState::Delivering));
    assert_eq!(calls(&test, "hangs").len(), 1);
}

#[tokio::test]
async fn what_a_receipt_leaves_out_comes_again() {
    let test = host(&[("sink", "behaviour = \"accept-first\"\ncount = 2")], |_| {}).await;
    happen(&test.app, "test.partial", 7).await;
    let _running = delivery(&test.app).start();
    let last = caught_up(&test.app, "sink").await;
    let calls = calls(&test, "sink");
    are_whole_and_in_order(&calls, last);
    for (before, after) in calls.iter().zip(&calls[1..]) {
        let first = |call: &[Value]| call[0]["sequence"].as_u64().unwrap();
        assert_eq!(first(after), first(before) + before.len().min(2) as u64);
    }
}

#[tokio::test]
async fn an_event_that_is_never_settled_holds_up_those_after_it() {
    let test = host(&[("sink", "behaviour = \"skip-first\"\ncount = 1")], |_| {}).await;
    happen(&test.app, "test.skip", 4).await;
    let _running = delivery(&test.app).start();
    let held_up = failed(&test.app, "sink", "settled none of").await;
    assert_eq!((held_up.delivered, held_up.state), (0, SinkState::Retrying));
    assert_eq!(held_up.next_attempt, Some(Timestamp::new(test.clock.now() + TimeDelta::seconds(1))));
    tell(&test, "sink", ACCEPT).await;
    let last = caught_up(&test.app, "sink").await;
    are_whole_and_in_order(&calls(&test, "sink"), last);
    assert_eq!(sink(&test.app, "sink").await.unwrap().last_error, None);
}

#[tokio::test]
async fn a_rejected_event_becomes_an_event_of_its_own() {
    let test = host(&[("sink", "behaviour = \"reject\"\naction = \"test.bad\"")], |_| {}).await;
    happen(&test.app, "test.good", 2).await;
    let bad = happen(&test.app, "test.bad", 3).await;
    happen(&test.app, "test.good", 2).await;
    let _running = delivery(&test.app).start();
    let rejected = until("the rejections are told", async || {
        let events = test.events().await;
        let rejected: Vec<_> = events.into_iter().filter(|event| event.action == "audit.rejected").collect();
        (!rejected.is_empty()).then_some(rejected)
    })
    .await;
    assert_eq!(rejected.iter().map(|event| event.object.clone()).collect::<Vec<_>>(), bad);
    let digest = test.app.sandbox.as_ref().unwrap().plugin("sink").unwrap().sha256;
    for event in rejected {
        let detail = json!({"plugin": "sink", "action": "test.bad", "rejection": "rejected on request"});
        assert_eq!((&event.detail, &event.plugin_digest), (&detail, &digest));
    }
    let last = caught_up(&test.app, "sink").await;
    are_whole_and_in_order(&calls(&test, "sink"), last);
    assert_eq!(calls(&test, "sink").last().unwrap().last().unwrap()["action"], "audit.rejected");
}

#[tokio::test]
async fn two_sinks_that_reject_everything_do_not_keep_each_other_busy() {
    let reject = "behaviour = \"reject\"";
    let test = host(&[("one", reject), ("two", reject)], |_| {}).await;
    happen(&test.app, "test.bad", 5).await;
    let events = test.events().await.len();
    let _running = delivery(&test.app).start();
    let all = until("both have rejected everything", async || {
        let (one, two) = (sink(&test.app, "one").await?, sink(&test.app, "two").await?);
        (one.lag + two.lag == 0 && one.last >= 3 * events as u64).then_some(one.last)
    })
    .await;
    assert_eq!(all, 3 * events as u64, "each event, and what two sinks said of it");
    assert_eq!(test.events().await.len(), 3 * events);
}

#[tokio::test]
async fn a_receipt_for_what_was_not_in_the_batch_counts_for_nothing() {
    let test = host(&[("sink", "behaviour = \"foreign\"")], |_| {}).await;
    happen(&test.app, "test.foreign", 4).await;
    let _running = delivery(&test.app).start();
    let refused = failed(&test.app, "sink", "invalid output").await;
    assert!(refused.last_error.unwrap().contains("not in the batch") && refused.delivered == 0);
    assert!(refused.next_attempt.unwrap() > Timestamp::new(test.clock.now()));
    let calls = until("the sink is asked again", async || Some(calls(&test, "sink")).filter(|c| c.len() >= 2)).await;
    assert_eq!(calls[1], calls[0][..calls[1].len()], "the same events again");
    assert!(calls[1].len() < calls[0].len(), "but fewer at once");
    assert_eq!(sink(&test.app, "sink").await.unwrap().delivered, 0);
}

#[tokio::test]
async fn a_sink_that_comes_back_gets_everything() {
    let closed = "behaviour = \"unavailable\"\naccept_from = 1";
    let test = host(&[("sink", closed)], |_| {}).await;
    happen(&test.app, "test.closed", 3).await;
    let _running = delivery(&test.app).start();
    let last = caught_up(&test.app, "sink").await;
    let calls = calls(&test, "sink");
    assert_eq!(calls[0], calls[1][..calls[0].len()], "the first call failed");
    are_whole_and_in_order(&calls, last);
}

#[tokio::test]
async fn a_sink_says_when_to_ask_again() {
    let closed = "behaviour = \"unavailable\"\nretry_after_ms = 90000";
    let test = host(&[("sink", closed)], |_| {}).await;
    let _running = delivery(&test.app).start();
    let held_up = failed(&test.app, "sink", "The sink is closed.").await;
    assert_eq!(held_up.next_attempt, Some(Timestamp::new(test.clock.now() + TimeDelta::seconds(90))));
    // A new generation is asked at once.
    tell(&test, "sink", ACCEPT).await;
    caught_up(&test.app, "sink").await;
}

#[tokio::test]
async fn an_event_that_crashes_the_plugin_holds_up_only_those_after_it() {
    let test = host(&[("sink", "behaviour = \"trap\"\naction = \"test.poison\"")], |_| {}).await;
    happen(&test.app, "test.before", 6).await;
    let poison = happen(&test.app, "test.poison", 1).await;
    happen(&test.app, "test.after", 6).await;
    let _running = delivery(&test.app).start();
    let stuck = until("all before it are delivered", async || {
        let position = test.app.store.event_sequence(&poison[0]).await.unwrap()?;
        sink(&test.app, "sink").await.filter(|sink| sink.delivered + 1 == position && sink.lag == 7)
    })
    .await;
    failed(&test.app, "sink", "crashed").await;
    assert_eq!(sink(&test.app, "sink").await.unwrap().delivered, stuck.delivered);
    tell(&test, "sink", ACCEPT).await;
    let last = caught_up(&test.app, "sink").await;
    are_whole_and_in_order(&calls(&test, "sink"), last);
}

#[tokio::test]
async fn two_hosts_on_one_postgresql_lose_nothing_and_keep_the_order() {
    let database = PostgresServer::shared().expect("install the package postgresql").create_database().unwrap();
    let sinks = [("one", ACCEPT), ("two", "behaviour = \"accept-first\"\ncount = 7")];
    let test = host(&sinks, |config| config.store.url = Some(database)).await;
    let second = host_beside(&test, &sinks).await;
    let (first_running, second_running) = (delivery(&test.app).start(), delivery(&second).start());
    let write = async |app: &chancery::app::App| {
        for _ in 0..20 {
            happen(app, "test.many", 5).await;
        }
    };
    tokio::join!(write(&test.app), write(&second), write(&test.app));
    for name in ["one", "two"] {
        caught_up(&second, name).await;
    }
    // Whichever host delivers: one is killed, and the lease of the other one may have been its own.
    drop(first_running);
    tokio::join!(write(&second), write(&second));
    test.clock.advance(31);
    for name in ["one", "two"] {
        let last = caught_up(&second, name).await;
        assert!(last >= 500);
        are_whole_and_in_order(&calls(&test, name), last);
    }
    second_running.stop(PATIENT).await;
}

#[tokio::test]
async fn a_sink_whose_plugin_is_gone_is_idle_until_it_is_forgotten() {
    let test = host(&[("gone", ACCEPT)], |_| {}).await;
    let running = delivery(&test.app).start();
    caught_up(&test.app, "gone").await;
    std::fs::remove_file(test.app.config.plugins.dir.join("gone.wasm")).unwrap();
    test.app.sandbox.as_ref().unwrap().rescan().await;
    let idle = async || sink(&test.app, "gone").await.filter(|sink| sink.state == SinkState::Idle);
    let delivered = until("the lease is given up", idle).await.delivered;
    let ids = happen(&test.app, "test.late", 2).await;
    until("events have positions", async || test.app.store.event_sequence(&ids[1]).await.unwrap()).await;
    running.stop(PATIENT).await;

    let shown = chancery(&test, &["audit", "sinks", "--json"], "");
    let sinks: Vec<Value> = serde_json::from_slice(&shown.stdout).unwrap();
    let expected = json!({
        "plugin": "gone", "state": "idle", "delivered": delivered, "last": delivered + 2, "lag": 2,
        "last_error": null, "next_attempt": null,
    });
    assert_eq!(sinks, [expected]);
    let shown = String::from_utf8(chancery(&test, &["audit", "sinks"], "").stdout).unwrap();
    assert!(shown.lines().nth(1).unwrap().starts_with("gone    idle  "), "{shown}");

    let forgotten = chancery(&test, &["audit", "forget", "gone"], "");
    assert!(forgotten.status.success(), "{}", String::from_utf8_lossy(&forgotten.stderr));
    assert!(sink(&test.app, "gone").await.is_none());
    let event = test.events().await.pop().unwrap();
    assert_eq!((event.action.as_str(), event.object.as_str(), event.actor.as_str()), ("audit.forget", "gone", "cli"));
    assert_eq!(chancery(&test, &["audit", "forget", "gone"], "").status.code(), Some(2));
}

#[tokio::test]
async fn a_sink_that_a_host_delivers_to_is_not_forgotten() {
    let test = TestApp::start().await;
    let until = Timestamp::new(DateTime::from_timestamp(4_000_000_000, 0).unwrap());
    let lease = DeliveryLease { plugin: "busy".to_owned(), holder: "host".to_owned(), until };
    test.app.store.lease_delivery(&lease, test.app.clock.timestamp()).await.unwrap();
    let refused = chancery(&test, &["audit", "forget", "busy"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a host delivers to busy"));
    assert_eq!(test.app.store.deliveries().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_admin_api_shows_the_sinks_to_the_default_issuer() {
    let test = host(&[("sink", "behaviour = \"unavailable\"")], |_| {}).await;
    test.publish("ministry", "Person", person_document()).await;
    let _running = delivery(&test.app).start();
    failed(&test.app, "sink", "The sink is closed.").await;
    let get = async |issuer: &str, path: &str| {
        let token = test.admin_token(issuer, &["audit:read"]).await;
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        test.send(request.body(Body::empty()).unwrap()).await
    };
    let answer = get("default", "/admin/v1/audit/sinks").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let shown = &answer.body["sinks"][0];
    assert_eq!(
        (&shown["plugin"], &shown["state"], &shown["delivered"]),
        (&json!("sink"), &json!("retrying"), &json!(0))
    );
    assert_eq!(answer.body["missing"], json!([]));
    let other = get("ministry", "/issuers/ministry/admin/v1/audit/sinks").await;
    other.is_problem(403, "host-only", "default issuer");
}
