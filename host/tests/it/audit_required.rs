//! `audit.required`, and how long events are kept.

use std::time::Duration;

use chancery::audit::{Accepted as _, Keep};
use chancery::config::Config;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use serde_json::json;

use crate::app::{TestApp, person_document};
use crate::sinks::{caught_up, delivery, failed, happen, host, host_beside, sink, tell, until};
use crate::wallet::claims_of;

const ACCEPT: &str = "behaviour = \"accept\"";
const CLOSED: &str = "behaviour = \"unavailable\"";
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_mins(1);

fn require(names: &[&str]) -> impl FnOnce(&mut Config) {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    |config| config.audit.required = names
}

async fn reasons(test: &TestApp) -> (serde_json::Value, serde_json::Value) {
    let answer = test.get("/readyz").await;
    (answer.body["status"].clone(), answer.body["reasons"].clone())
}

#[tokio::test]
async fn nothing_is_accepted_before_every_required_sink_has_it() {
    let sinks = [("one", ACCEPT), ("two", CLOSED), ("free", CLOSED)];
    let test = host(&sinks, require(&["one", "two"])).await;
    let _running = delivery(&test.app).start();
    let ids = happen(&test.app, "test.required", 3).await;
    assert!(!delivery(&test.app).accepted(&ids, SHORT).await);
    failed(&test.app, "two", "The sink is closed.").await;
    caught_up(&test.app, "one").await;
    assert!(!delivery(&test.app).accepted(&ids, Duration::ZERO).await, "one of two has it");
    tell(&test, "two", ACCEPT).await;
    assert!(delivery(&test.app).accepted(&ids, LONG).await);
    assert!(delivery(&test.app).accepted(&ids, Duration::ZERO).await, "and so it stays");
    assert!(sink(&test.app, "free").await.unwrap().delivered == 0, "nobody waits for it");
    assert_eq!(reasons(&test).await, (json!("ready"), json!([])));
}

#[tokio::test]
async fn those_who_wait_are_woken() {
    let test = host(&[("sink", ACCEPT)], require(&["sink"])).await;
    let _running = delivery(&test.app).start();
    let ids = happen(&test.app, "test.required", 40).await;
    let all = ids.chunks(1).map(|id| delivery(&test.app).accepted(id, LONG));
    assert!(futures_util::future::join_all(all).await.into_iter().all(|accepted| accepted));
}

#[tokio::test]
async fn a_wallet_waits_for_the_receipt_and_gets_its_one_credential_after_it() {
    let test = host(&[("sink", CLOSED)], require(&["sink"])).await;
    test.publish(DEFAULT_ISSUER, "Person", person_document()).await;
    let _running = delivery(&test.app).start();
    let token = test.wallet_token().await;
    let answer = test.request(&token, &[test.good_proof().await]).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let transaction = json!({"transaction_id": answer.body["transaction_id"]});
    let poll = async || test.post_json("/openid4vci/deferred_credential", Some(&token), &transaction).await;
    let still = poll().await;
    assert_eq!((still.status.as_u16(), &still.body["credentials"]), (202, &json!(null)), "{still:?}");
    tell(&test, "sink", ACCEPT).await;
    caught_up(&test.app, "sink").await;
    let credential = until("the credential is given out", async || {
        let answer = poll().await;
        (answer.status == 200).then(|| answer.body["credentials"][0]["credential"].as_str().unwrap().to_owned())
    })
    .await;
    assert_eq!(claims_of(&credential)["name"], "Ada");
    poll().await.is_error(400, "invalid_transaction_id", "");
    assert_eq!(test.issued().await, 1);
}

#[tokio::test]
async fn a_name_that_is_no_audit_plugin_accepts_nothing_and_is_told() {
    let test = host(&[("sink", ACCEPT)], require(&["sink", "nobody"])).await;
    let _running = delivery(&test.app).start();
    let ids = happen(&test.app, "test.required", 1).await;
    caught_up(&test.app, "sink").await;
    // It would wait longer than any test if the name could still become one.
    assert!(!delivery(&test.app).accepted(&ids, Duration::from_hours(1)).await);
    let told = json!(["audit.required names nobody, which is no audit plugin here"]);
    assert_eq!(reasons(&test).await, (json!("degraded"), told));
}

#[tokio::test]
async fn a_host_that_does_not_deliver_knows_what_the_other_one_did() {
    let test = host(&[("sink", ACCEPT)], require(&["sink"])).await;
    let running = delivery(&test.app).start();
    caught_up(&test.app, "sink").await;
    let second = host_beside(&test, &[("sink", CLOSED)]).await;
    let _second_running = delivery(&second).start();
    let ids = happen(&second, "test.elsewhere", 2).await;
    assert!(delivery(&second).accepted(&ids, LONG).await);
    // Neither needs its own supervisor for what is long done.
    running.stop(LONG).await;
    let third = host_beside(&test, &[("sink", CLOSED)]).await;
    assert!(delivery(&third).accepted(&ids, Duration::ZERO).await);
}

#[tokio::test]
async fn where_nothing_is_required_nobody_waits() {
    let test = host(&[("sink", CLOSED)], |_| {}).await;
    let ids = happen(&test.app, "test.free", 1).await;
    assert!(delivery(&test.app).accepted(&ids, Duration::ZERO).await);
}

#[tokio::test]
async fn events_are_deleted_when_all_sinks_have_them_and_they_are_old() {
    let keep = |config: &mut Config| {
        config.audit.keep = Keep::at_least(Duration::from_hours(1)).unwrap();
        config.audit.required = vec!["one".to_owned()];
    };
    let test = host(&[("one", ACCEPT), ("two", CLOSED)], keep).await;
    let old = happen(&test.app, "test.old", 3).await;
    let running = delivery(&test.app).start();
    caught_up(&test.app, "one").await;
    failed(&test.app, "two", "The sink is closed.").await;
    running.stop(LONG).await;
    test.clock.advance(2 * 3600);
    let fresh = happen(&test.app, "test.fresh", 2).await;

    // What one sink lacks stays, however old.
    let running = delivery(&test.app).start();
    caught_up(&test.app, "one").await;
    failed(&test.app, "two", "The sink is closed.").await;
    assert!(test.app.store.event_sequence(&old[0]).await.unwrap().is_some());
    tell(&test, "two", ACCEPT).await;
    caught_up(&test.app, "two").await;
    running.stop(LONG).await;

    let _running = delivery(&test.app).start();
    let left = async || {
        let events: Vec<_> = test.events().await.into_iter().map(|event| event.event_id).collect();
        (!events.contains(&old[2])).then_some(events)
    };
    assert_eq!(until("the old events are gone", left).await, fresh);
    assert!(delivery(&test.app).accepted(&old, LONG).await, "what is gone was accepted before");
}
