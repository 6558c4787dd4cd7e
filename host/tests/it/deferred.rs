//! Credentials that are not ready when a wallet asks: it gets a transaction id and comes back for them, once, whoever
//! else does, and whatever happens to the host meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::app::{App, Migrate, Plugins, Surroundings};
use chancery::audit::required::Accepted;
use chancery::http;
use chancery::issuance::Issuance;
use chancery::oauth::AuthorizationServer;
use chancery_keys::{Algorithm, SoftwareKey};
use chancery_store::{
    DeferredLease, DeferredLeasing, DeferredRecord, DeferredUpdate, EventOutcome, IssuanceBatch, MAX_PENDING_PER_OFFER,
    Timestamp,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::app::{Answer, TestApp, built_plugin, person_document, program};
use crate::upstream::{TICKET_SECONDS, Upstream, any, x};
use crate::wallet::key;

/// Of an access token that only asks, and of a transaction.
const ASKING: i64 = 5 * 60;
const POLLING: i64 = 7 * 24 * 60 * 60;
/// Shorter than a host waits for audit plugins where it may.
const SHORT_REQUEST: Duration = Duration::from_secs(2);

/// A host whose upstream has the credential `good` for the holder.
async fn with_good() -> (TestApp, SoftwareKey, String) {
    with_good_and(|_| {}).await
}

async fn with_good_and(change: impl FnOnce(&mut Value)) -> (TestApp, SoftwareKey, String) {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let good = upstream.sd_jwt(Some(&holder), |_| {}).await;
    let bad = Upstream::new().sd_jwt(Some(&holder), |_| {}).await;
    let mut document = upstream.document();
    change(&mut document);
    let test = upstream.serve(document, &[("good", any(), good.clone()), ("bad", any(), bad)]).await;
    (test, holder, good)
}

/// Asks, and is sent away with a transaction.
async fn deferred(test: &TestApp, subject: &str, holder: &SoftwareKey) -> (String, String) {
    let token = test.token_for_subject(subject).await;
    let (transaction, _) = test.ask(&token, &[holder]).await.transaction();
    (token, transaction)
}

#[track_caller]
fn is_over(answer: &Answer) {
    answer.is_error(400, "invalid_transaction_id", "no credential to wait for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_polled_when_it_says_and_gives_its_credential_once() {
    let (test, holder, good) = with_good().await;
    let token = test.token_for_subject("pending:2:good").await;
    let (transaction, interval) = test.ask(&token, &[&holder]).await.transaction();
    assert_eq!(interval, TICKET_SECONDS);
    assert_eq!(test.issued().await, 0);
    let event = test.events().await.pop().unwrap();
    assert_eq!((event.action.as_str(), &event.detail["waits_for"]), ("credential.defer", &json!("issuer")));
    assert!(!format!("{event:?}").contains(&transaction), "the id is the wallet's secret");

    for polls in 1..=2 {
        test.clock.advance(TICKET_SECONDS - 1);
        let (same, interval) = test.poll(&token, &transaction).await.transaction();
        assert_eq!((same, interval), (transaction.clone(), 1), "too early");
        assert_eq!(test.asked().len(), polls, "the other issuer is not asked for that");
        test.clock.advance(1);
        let answer = test.poll(&token, &transaction).await;
        if polls == 1 {
            assert_eq!(answer.transaction(), (transaction.clone(), TICKET_SECONDS));
        } else {
            assert_eq!(answer.credentials(), [json!(good)]);
        }
    }
    is_over(&test.poll(&token, &transaction).await);
    assert_eq!(test.issued().await, 1);
    let asked = test.asked();
    assert_eq!(asked.iter().map(|words| words[0].as_str()).collect::<Vec<_>>(), ["issue", "poll", "poll"]);
    let event = test.events().await.pop().unwrap();
    assert_eq!(event.detail["external_id_sha256"], format!("{:x}", Sha256::digest("upstream-good")));
    assert_eq!(event.request_id.as_deref(), Some(asked[2][1].as_str()), "it was issued in the poll");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_polls_for_it() {
    let (test, holder, _) = with_good().await;
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    let other = test.token_for_subject("pending:1:good").await;
    is_over(&test.poll(&other, &transaction).await);
    for unknown in ["", "x", &transaction.to_lowercase(), &format!("{transaction}A"), "\u{1F511}"] {
        is_over(&test.poll(&token, unknown).await);
    }
    let path = "/openid4vci/deferred_credential";
    for (body, hint) in [
        (json!({}), "transaction_id is missing"),
        (json!({"transaction_id": 7}), "not a credential request"),
        (json!([transaction]), "must be a JSON object"),
        (json!({"transaction_id": transaction, "credential_response_encryption": {}}), "not offered"),
    ] {
        test.post_json(path, Some(&token), &body).await.is_error(400, "invalid_credential_request", hint);
    }
    let client = test.admin_token("default", &["offers:create"]).await;
    test.poll(&client, &transaction).await.is_error(401, "invalid_token", "not valid");
    assert_eq!(test.asked().len(), 1, "none of that reached the other issuer");
    assert_eq!(test.poll(&token, &transaction).await.credentials().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_asks_for_minutes_and_polls_as_long_as_the_transaction_lives() {
    let (test, holder, good) = with_good().await;
    let offer = json!({"credential_configuration_ids": ["Proxied"], "subject": "pending:1:good"});
    let answer = test.redeem(&test.offer_of(offer).await, None).await;
    assert_eq!(answer.body["expires_in"], ASKING + POLLING);
    let token = answer.body["access_token"].as_str().unwrap();
    let (first, _) = test.ask(token, &[&holder]).await.transaction();
    let (second, _) = test.ask(token, &[&holder]).await.transaction();
    assert_ne!(first, second);
    test.clock.advance(ASKING);
    test.ask(token, &[&holder]).await.is_error(401, "invalid_token", "expired");
    assert_eq!(test.poll(token, &first).await.credentials(), [json!(good)]);
    test.clock.advance(POLLING - ASKING - 1);
    assert_eq!(test.poll(token, &second).await.credentials(), [json!(good)]);
    test.clock.advance(ASKING + 1);
    test.poll(token, &second).await.is_error(401, "invalid_token", "expired");

    // Where nothing can be deferred, nothing lives longer for it.
    test.publish("default", "Person", person_document()).await;
    let answer = test.redeem(&test.offer().await, None).await;
    assert_eq!(answer.body["expires_in"], ASKING);
    test.clock.advance(ASKING);
    let token = answer.body["access_token"].as_str().unwrap();
    test.poll(token, &second).await.is_error(401, "invalid_token", "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_nobody_ended_is_gone_in_time() {
    let (test, holder, _) = with_good_and(|document| document["deferred_lifetime"] = json!("2m")).await;
    let (token, transaction) = deferred(&test, "forever", &holder).await;
    for _ in 0..3 {
        test.clock.advance(30);
        assert_eq!(test.poll(&token, &transaction).await.transaction().1, TICKET_SECONDS);
    }
    test.clock.advance(30);
    is_over(&test.poll(&token, &transaction).await);
    assert_eq!(test.asked().len(), 4);
}

/// As many polls as a wallet would not send.
async fn race(test: &Arc<TestApp>, token: &str, transaction: &str) -> Vec<Answer> {
    let mut polls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (test, token, transaction) = (Arc::clone(test), token.to_owned(), transaction.to_owned());
        polls.spawn(async move { test.poll(&token, &transaction).await });
    }
    polls.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_racing_polls_one_asks_and_one_gets_the_credential() {
    let (test, holder, good) = with_good().await;
    let test = Arc::new(test);
    let (token, transaction) = deferred(&test, "pending:2:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    for answer in race(&test, &token, &transaction).await {
        assert_eq!(answer.transaction().0, transaction);
    }
    assert_eq!(test.asked().len(), 2, "one of them asked the other issuer");

    test.clock.advance(TICKET_SECONDS);
    let mut issued = 0;
    for answer in race(&test, &token, &transaction).await {
        match answer.status.as_u16() {
            200 => {
                assert_eq!(answer.credentials(), [json!(good)]);
                issued += 1;
            }
            202 => assert_eq!(answer.transaction().0, transaction),
            _ => is_over(&answer),
        }
    }
    assert_eq!((issued, test.issued().await, test.asked().len()), (1, 1, 3));
    is_over(&test.poll(&token, &transaction).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_on_the_same_database_goes_on() {
    let (test, holder, good) = with_good().await;
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    let config = (*test.app.config).clone();
    let TestApp { app, clock, router, dir } = test;
    drop((app, router));

    let surroundings = Surroundings { clock: clock.clone(), program: program() };
    let app = App::open_in(surroundings, config, Migrate::Check, Plugins::Run).await.unwrap();
    let router = http::router(app.http_state());
    let test = TestApp { app, clock, router, dir };
    assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(good)]);
    assert_eq!(test.issued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_final_ends_the_transaction_and_what_may_be_mended_does_not() {
    let (test, holder, _) = with_good().await;
    for (subject, status, code, outcome, reason) in [
        ("ticket-denied", 400, "credential_request_denied", EventOutcome::Refused, "denied"),
        ("pending:1:bad", 502, "server_error", EventOutcome::Failed, "untrusted-issuer"),
        ("pending:1:none", 400, "credential_request_denied", EventOutcome::Refused, "denied"),
    ] {
        let (token, transaction) = deferred(&test, subject, &holder).await;
        test.clock.advance(TICKET_SECONDS);
        test.poll(&token, &transaction).await.is_error(status, code, "");
        let event = test.events().await.pop().unwrap();
        assert_eq!((event.outcome, event.reason.as_deref()), (outcome, Some(reason)), "{subject}");
        assert_eq!(event.action, "credential.issue");
        is_over(&test.poll(&token, &transaction).await);
    }
    let (token, transaction) = deferred(&test, "ticket-broken", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    for interval in [5, 10] {
        test.poll(&token, &transaction).await.is_error(500, "server_error", "failed to answer");
        assert_eq!(test.events().await.pop().unwrap().reason.as_deref(), Some("broken"));
        // Ever more rarely.
        assert_eq!(test.poll(&token, &transaction).await.transaction().1, interval);
        test.clock.advance(interval);
    }
    assert_eq!(test.issued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_while_a_wallet_polls_is_asked_again() {
    let (test, holder, good) = with_good().await;
    // The third call of all succeeds: one for the ticket, one poll that fails.
    let (token, transaction) = deferred(&test, "ticket-failing:2:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    assert_eq!(test.poll(&token, &transaction).await.transaction().1, 1);
    test.clock.advance(1);
    assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(good)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_out_of_service_keeps_a_wallet_waiting_and_loses_nothing() {
    let (test, holder, good) = with_good().await;
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    let wasm = test.app.config.plugins.dir.join("test-issuer.wasm");
    std::fs::remove_file(&wasm).unwrap();
    let sandbox = test.app.sandbox.as_ref().unwrap();
    while sandbox.plugin("test-issuer").is_some() {
        sandbox.rescan().await;
    }
    test.clock.advance(TICKET_SECONDS);
    assert_eq!(test.poll(&token, &transaction).await.transaction().1, 5);
    std::fs::copy(built_plugin("test-issuer"), &wasm).unwrap();
    while !sandbox.plugin("test-issuer").is_some_and(|plugin| plugin.is_serving()) {
        sandbox.rescan().await;
    }
    test.clock.advance(5);
    assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(good)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unavailable_source_means_is_the_configurations_to_say() {
    for (policy, up_to) in [("error", 1), ("retry", 2), ("defer", 1)] {
        let (test, holder, good) = with_good_and(|document| document["on_unavailable"] = json!(policy)).await;
        let token = test.token_for_subject(&format!("failing:{up_to}:good")).await;
        let answer = test.ask(&token, &[&holder]).await;
        match policy {
            "error" => {
                answer.is_error(503, "temporarily_unavailable", "The other issuer is resting.");
                assert_eq!(answer.headers["retry-after"], "1");
                assert_eq!(test.issued().await, 0);
            }
            "retry" => assert_eq!(answer.credentials(), [json!(good)]),
            _ => {
                let (transaction, interval) = answer.transaction();
                test.clock.advance(interval);
                assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(good)]);
            }
        }
        let asked = test.asked();
        assert_eq!(asked.len(), if policy == "error" { 1 } else { up_to + 1 });
        // The same question, so that the other issuer answers it once.
        assert!(asked.iter().all(|words| words[..2] == asked[0][..2]), "{asked:?}");
        // A refusal is one under each policy.
        test.ask_about("denied", &holder).await.is_error(400, "credential_request_denied", "refuses");
        assert_eq!(test.asked().len(), asked.len() + 1, "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_several_keys_is_one_transaction_and_asks_for_none_twice() {
    let (upstream, one, other) = (Upstream::new(), key(Algorithm::Es256), key(Algorithm::EdDsa));
    let of_one = upstream.sd_jwt(Some(&one), |_| {}).await;
    let of_other = upstream.sd_jwt(Some(&other), |_| {}).await;
    let mut document = upstream.document();
    document["on_unavailable"] = json!("defer");
    let credentials = [("good", x(&one), of_one.clone()), ("good", x(&other), of_other.clone())];
    let test = upstream.serve(document, &credentials).await;
    let token = test.token_for_subject("failing:1:good").await;
    let answer = test.ask(&token, &[&one, &other]).await;
    let (transaction, interval) = answer.transaction();
    assert_eq!(test.issued().await, 0, "the second one is ready, and waits for the first");
    test.clock.advance(interval);
    assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(of_one), json!(of_other)]);
    let asked = test.asked();
    assert_eq!(asked.iter().map(|words| words[3].clone()).collect::<Vec<_>>(), [x(&one), x(&other), x(&one)]);
    let request_id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(
        asked.iter().map(|words| words[1].clone()).collect::<Vec<_>>(),
        [1, 2, 1].map(|n| format!("{request_id}-{n}"))
    );
    assert_eq!(test.issued().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_credential_is_judged_before_the_second_is_waited_for() {
    let (upstream, one, other) = (Upstream::new(), key(Algorithm::Es256), key(Algorithm::EdDsa));
    let stolen = upstream.sd_jwt(Some(&one), |_| {}).await;
    let mut document = upstream.document();
    document["on_unavailable"] = json!("defer");
    let test = upstream.serve(document, &[("good", any(), stolen)]).await;
    let token = test.token_for_subject("failing:1:good").await;
    test.ask(&token, &[&one, &other]).await.is_error(502, "server_error", "is not passed on");
    assert_eq!(test.events().await.pop().unwrap().reason.as_deref(), Some("not-bound-to-holder"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_source_that_is_away_may_be_waited_for_too() {
    let test = TestApp::start_with(Plugins::Run, |config| {
        let dir = &config.plugins.dir;
        std::fs::write(dir.join("source.toml"), "").unwrap();
        std::fs::copy(built_plugin("hostile"), dir.join("source.wasm")).unwrap();
    })
    .await;
    let mut document = person_document();
    document["plugin"] = json!({"name": "source"});
    document["on_unavailable"] = json!("defer");
    test.publish("default", "Proxied", document).await;
    let holder = key(Algorithm::Es256);
    let token = test.token_for_subject("unavailable").await;
    let (transaction, interval) = test.ask(&token, &[&holder]).await.transaction();
    assert_eq!(interval, 2, "1500 ms, rounded up");
    test.ask_about("not-found", &holder).await.is_error(400, "credential_request_denied", "Nobody of that name");
    let stored = test.events().await.into_iter().find(|event| event.action == "credential.defer").unwrap();
    let record = test.app.store.find_deferred("default", &stored.object).await.unwrap().unwrap();
    assert_eq!(record.kind, "source");
    assert!(!String::from_utf8_lossy(&record.sealed_state).contains("unavailable"), "the subject is sealed");

    test.clock.advance(2);
    assert_eq!(test.poll(&token, &transaction).await.transaction().1, 2);
    // Somebody is there now who knows the subject.
    let sandbox = test.app.sandbox.as_ref().unwrap();
    let serving = |test: &TestApp| Some(test.app.sandbox.as_ref()?.plugin("source")?.serving?.sha256);
    let before = serving(&test);
    let dir = &test.app.config.plugins.dir;
    std::fs::write(dir.join("people.csv"), "id,name\nunavailable,Ada\n").unwrap();
    let files = "[[grants.files]]\nhost = \"people.csv\"\nguest = \"/data/people.csv\"\n";
    let config = "[config]\nfile = \"/data/people.csv\"\ncolumn = \"id\"\n";
    std::fs::write(dir.join("source.toml"), format!("{files}{config}")).unwrap();
    std::fs::copy(built_plugin("csv-provider"), dir.join("source.wasm")).unwrap();
    while serving(&test) == before {
        sandbox.rescan().await;
    }
    test.clock.advance(2);
    let credentials = test.poll(&token, &transaction).await.credentials();
    assert_eq!(crate::wallet::claims_of(credentials[0].as_str().unwrap())["name"], "Ada");
    assert_eq!(test.issued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_takes_too_long_is_one_that_is_away() {
    let test = TestApp::start_with(Plugins::Run, |config| {
        let dir = &config.plugins.dir;
        std::fs::write(dir.join("source.toml"), "[limits]\nwall = \"200ms\"\ncpu = \"50ms\"\n").unwrap();
        std::fs::copy(built_plugin("hostile"), dir.join("source.wasm")).unwrap();
    })
    .await;
    let holder = key(Algorithm::Es256);
    let mut document = person_document();
    document["plugin"] = json!({"name": "source"});
    test.publish("default", "Proxied", document.clone()).await;
    let answer = test.ask_about("slow-host-call", &holder).await;
    answer.is_error(503, "temporarily_unavailable", "failed to answer");
    assert_eq!(answer.headers["retry-after"], "5");
    // Whoever uses up its time on its own has a defect.
    test.ask_about("spin", &holder).await.is_error(500, "server_error", "failed to answer");

    document["on_unavailable"] = json!("defer");
    test.publish("default", "Proxied", document).await;
    for subject in ["slow-host-call", "spin"] {
        assert_eq!(test.ask_about(subject, &holder).await.transaction().1, 5, "{subject}");
    }
    test.ask_about("trap", &holder).await.is_error(500, "server_error", "failed to answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_was_published_anew_says_what_is_good_enough() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let good = upstream.sd_jwt(Some(&holder), |_| {}).await;
    let test = upstream.serve(upstream.document(), &[("good", any(), good.clone())]).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(deferred(&test, "pending:1:good", &holder).await);
    }
    test.clock.advance(TICKET_SECONDS);
    let mut document = upstream.document();
    document["display"] = json!([{"name": "Person"}]);
    test.publish("default", "Proxied", document).await;
    let (token, transaction) = &waiting[0];
    assert_eq!(test.poll(token, transaction).await.credentials(), [json!(good)]);
    assert_eq!(test.events().await.pop().unwrap().detail["version"], 2);

    // Its key was stolen, say.
    test.publish("default", "Proxied", Upstream::new().document()).await;
    let (token, transaction) = &waiting[1];
    test.poll(token, transaction).await.is_error(502, "server_error", "is not passed on");

    test.publish("default", "Proxied", person_document()).await;
    let (token, transaction) = &waiting[2];
    test.poll(token, transaction).await.is_error(400, "credential_request_denied", "in another way now");
    is_over(&test.poll(token, transaction).await);
    assert_eq!(test.issued().await, 1);
}

/// Longer than the whole request a plugin may take as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlasts_the_request_is_waited_for_in_later_ones() {
    let test = TestApp::start_with(Plugins::Run, |config| {
        config.server.request_timeout = SHORT_REQUEST;
        let dir = &config.plugins.dir;
        std::fs::write(dir.join("source.toml"), "[limits]\nwall = \"30s\"\n").unwrap();
        std::fs::copy(built_plugin("hostile"), dir.join("source.wasm")).unwrap();
    })
    .await;
    let mut document = person_document();
    document["plugin"] = json!({"name": "source"});
    document["on_unavailable"] = json!("defer");
    test.publish("default", "Proxied", document).await;
    let (token, transaction) = deferred(&test, "slow-host-call", &key(Algorithm::Es256)).await;
    test.clock.advance(5);
    assert_eq!(test.poll(&token, &transaction).await.transaction(), (transaction.clone(), 5));
    let now = test.app.clock.timestamp();
    let record = kept(&test, &transaction).await;
    assert_eq!(record.poll_after.get(), now.get() + Duration::from_secs(5));
    let lease = lease(&test, &transaction);
    let leasing = test.app.store.lease_deferred(&lease, now).await.unwrap();
    assert!(matches!(leasing, DeferredLeasing::Leased(_)), "the poll gave its lease up");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_grant_has_only_so_many_requests_waiting() {
    let (test, holder, _) = with_good().await;
    let token = test.token_for_subject("forever").await;
    let mut transactions = Vec::new();
    for _ in 0..MAX_PENDING_PER_OFFER {
        transactions.push(test.ask(&token, &[&holder]).await.transaction().0);
    }
    let proof = test.proof(&holder, &test.nonce().await).sign(&holder).await;
    for _ in 0..2 {
        let answer = test.request_of(&token, "Proxied", std::slice::from_ref(&proof)).await;
        answer.is_error(400, "credential_request_denied", "wait already");
        let event = test.events().await.pop().unwrap();
        assert_eq!((event.outcome, event.reason.as_deref()), (EventOutcome::Refused, Some("denied")));
    }
    test.clock.advance(TICKET_SECONDS);
    for transaction in &transactions {
        assert_eq!(test.poll(&token, transaction).await.transaction().0, *transaction, "none was lost for it");
    }
    deferred(&test, "forever", &holder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_no_more_is_not_waited_for() {
    let (test, holder, _) = with_good().await;
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    let (store, record, lease) = (&test.app.store, kept(&test, &transaction).await, lease(&test, &transaction));
    let event = test.events().await.pop().unwrap();
    store.lease_deferred(&lease, test.app.clock.timestamp()).await.unwrap();
    assert!(store.fail_deferred(&lease, &event).await.unwrap());
    let unpublished = DeferredRecord { configuration_id: "Withdrawn".to_owned(), ..record };
    store.create_deferred(&unpublished, &nothing()).await.unwrap();

    test.clock.advance(TICKET_SECONDS);
    test.poll(&token, &transaction).await.is_error(400, "credential_request_denied", "issued no more");
    let event = test.events().await.pop().unwrap();
    assert_eq!((event.outcome, event.reason.as_deref()), (EventOutcome::Refused, Some("denied")));
    is_over(&test.poll(&token, &transaction).await);
    assert_eq!(test.asked().len(), 1);
}

/// Sealed under a key that the host has no more, say.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept_and_asked_for_ever_more_rarely() {
    let (test, holder, good) = with_good().await;
    for kind in ["issuer", "recorded"] {
        let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
        let readable = kept(&test, &transaction).await;
        replace(&test, &transaction, kind, vec![0; 40]).await;
        test.clock.advance(TICKET_SECONDS);
        // The first attempt is the test's own.
        for interval in [10, 20] {
            test.poll(&token, &transaction).await.is_error(500, "server_error", "cannot be read");
            let event = test.events().await.pop().unwrap();
            assert_eq!((event.outcome, event.reason.as_deref()), (EventOutcome::Failed, Some("broken")), "{kind}");
            let events = test.events().await.len();
            assert_eq!(test.poll(&token, &transaction).await.transaction().1, interval, "{kind}");
            assert_eq!(test.events().await.len(), events, "nobody tried");
            test.clock.advance(interval);
        }
        assert_eq!(kept(&test, &transaction).await.sealed_state, vec![0; 40]);
        replace(&test, &transaction, "issuer", readable.sealed_state).await;
        assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(good)], "the key was found");
    }
}

async fn kept(test: &TestApp, transaction: &str) -> DeferredRecord {
    test.app.store.find_deferred("default", &hash_of(transaction)).await.unwrap().unwrap()
}

fn lease(test: &TestApp, transaction: &str) -> DeferredLease {
    DeferredLease {
        issuer_id: "default".to_owned(),
        transaction_hash: hash_of(transaction),
        holder: "the test".to_owned(),
        until: Timestamp::new(test.app.clock.timestamp().get() + Duration::from_secs(40)),
    }
}

/// Puts something else into a transaction, which may be polled at once.
async fn replace(test: &TestApp, transaction: &str, kind: &str, sealed_state: Vec<u8>) {
    let (store, lease, now) = (&test.app.store, lease(test, transaction), test.app.clock.timestamp());
    assert!(matches!(store.lease_deferred(&lease, now).await.unwrap(), DeferredLeasing::Leased(_)));
    let update = DeferredUpdate { kind: kind.to_owned(), sealed_state, poll_after: now };
    assert!(store.update_deferred(&lease, &update, &nothing()).await.unwrap().is_some());
}

fn nothing() -> IssuanceBatch {
    IssuanceBatch { issuer_id: "default".to_owned(), ..IssuanceBatch::default() }
}

fn hash_of(transaction: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(transaction))
}

/// Accepts events when it is told to.
#[derive(Debug, Default)]
struct Sink(AtomicBool);

#[async_trait]
impl Accepted for Sink {
    async fn accepted(&self, event_ids: &[String], _: Duration) -> bool {
        assert!(!event_ids.is_empty());
        self.0.load(Ordering::SeqCst)
    }
}

/// Takes all the time that it is given, and accepts nothing.
#[derive(Debug)]
struct ClosedSink;

#[async_trait]
impl Accepted for ClosedSink {
    async fn accepted(&self, _: &[String], within: Duration) -> bool {
        tokio::time::sleep(within).await;
        false
    }
}

/// The host, with audit plugins that must accept.
fn requiring(mut test: TestApp, sink: &Arc<impl Accepted + 'static>) -> TestApp {
    let app = &mut test.app;
    let issuance = Issuance::new(
        app.store.clone(),
        app.sandbox.clone(),
        app.keyring.clone(),
        app.clock.clone(),
        app.entropy.clone(),
        app.config.issuance.clone(),
    );
    app.issuance = Arc::new(issuance.requiring(sink.clone()));
    app.oauth = Arc::new(AuthorizationServer::new(
        app.store.clone(),
        app.issuance.clone(),
        app.clock.clone(),
        app.entropy.clone(),
    ));
    test.router = http::router(app.http_state());
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_waits_until_its_events_are_accepted() {
    let sink = Arc::new(Sink::default());
    let test = requiring(TestApp::start().await, &sink);
    let token = test.wallet_token().await;
    let (transaction, _) = test.request(&token, &[test.good_proof().await]).await.transaction();
    assert_eq!(test.issued().await, 1, "it is recorded");
    test.poll(&token, &transaction).await.transaction();
    sink.0.store(true, Ordering::SeqCst);
    test.clock.advance(ASKING);
    assert_eq!(test.poll(&token, &transaction).await.credentials().len(), 1);
    is_over(&test.poll(&token, &transaction).await);
    assert_eq!(test.issued().await, 1, "and only once");
    let record = kept(&test, &transaction).await;
    assert!(record.sealed_state.is_empty(), "nothing of it is kept");

    let token = test.wallet_token().await;
    let answer = test.request(&token, &[test.good_proof().await]).await;
    assert_eq!(answer.credentials().len(), 1, "at once where it is accepted at once");
}

/// Whoever waits for acceptance longer than a wallet may wait would never tell it of its transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_knows_its_transaction_before_its_request_is_out_of_time() {
    let (mut test, holder, _) = with_good().await;
    Arc::make_mut(&mut test.app.config).server.request_timeout = SHORT_REQUEST;
    let test = requiring(test, &Arc::new(ClosedSink));
    let token = test.token_for_subject("issue:good").await;
    let (transaction, _) = test.ask(&token, &[&holder]).await.transaction();
    assert_eq!(test.issued().await, 1);
    assert_eq!(test.poll(&token, &transaction).await.transaction().0, transaction);

    // A poll that gets the credential waits for acceptance no longer than one that asks for it.
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    assert_eq!(test.poll(&token, &transaction).await.transaction().0, transaction);
    assert_eq!((test.issued().await, kept(&test, &transaction).await.kind), (2, "recorded".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_credential_waits_for_acceptance_and_racing_polls_get_it_once() {
    let sink = Arc::new(Sink::default());
    let (test, holder, good) = with_good().await;
    let test = Arc::new(requiring(test, &sink));
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    test.poll(&token, &transaction).await.transaction();
    assert_eq!((test.issued().await, test.asked().len()), (1, 2));
    test.poll(&token, &transaction).await.transaction();
    assert_eq!((test.issued().await, test.asked().len()), (1, 2), "the other issuer is not asked again");
    sink.0.store(true, Ordering::SeqCst);
    let answers = race(&test, &token, &transaction).await;
    let got: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].credentials(), [json!(good)]);
    assert_eq!(test.issued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_used_up_by_a_request_that_is_deferred() {
    let (test, holder, _) = with_good().await;
    let token = test.token_for_subject("pending:1:good").await;
    let proof = test.proof(&holder, &test.nonce().await).sign(&holder).await;
    test.request_of(&token, "Proxied", std::slice::from_ref(&proof)).await.transaction();
    test.request_of(&token, "Proxied", &[proof]).await.is_error(400, "invalid_nonce", "used before");
    let events = test.events().await;
    assert_eq!(events.iter().filter(|event| event.action == "credential.defer").count(), 1);
}

/// Of several hosts on one database one goes on with a transaction at a time, also where they start afresh.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_left_behind_is_waited_for() {
    let (test, holder, good) = with_good().await;
    let (token, transaction) = deferred(&test, "pending:1:good", &holder).await;
    test.clock.advance(TICKET_SECONDS);
    let event = test.events().await.into_iter().rfind(|event| event.action == "credential.defer").unwrap();
    let now = test.app.clock.timestamp();
    let lease = DeferredLease {
        issuer_id: "default".to_owned(),
        transaction_hash: event.object,
        holder: "a host that was killed".to_owned(),
        until: Timestamp::new(now.get() + Duration::from_secs(40)),
    };
    assert!(matches!(test.app.store.lease_deferred(&lease, now).await.unwrap(), DeferredLeasing::Leased(_)));
    test.clock.advance(39);
    assert_eq!(test.poll(&token, &transaction).await.transaction().1, 5);
    test.clock.advance(1);
    assert_eq!(test.poll(&token, &transaction).await.credentials(), [json!(good)]);
}
