//! Plugins that misbehave, and data that would like to. What the wallet gets is a clear error; the host, the other
//! requests and the wallet's nonce are unharmed.

use chancery::clock::Clock as _;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::wallet::claims_of;

const GRANT: &str = r#"
[limits]
cpu = "200ms"
wall = "2s"
memory = "32MiB"
output = "1MiB"
"#;

/// `Any`: the template takes the plugin's whole answer.
async fn with_hostile() -> TestApp {
    let test = TestApp::start_with_plugin("hostile", GRANT, &[]).await;
    publish_any(&test).await;
    test
}

async fn publish_any(test: &TestApp) {
    test.publish(
        "default",
        "Any",
        json!({
            "format": "dc+sd-jwt",
            "vct": "urn:example:any",
            "plugin": {"name": "hostile"},
            "template": {"answer": "{{ data }}"},
            "sample": {"name": "Ada"},
        }),
    )
    .await;
}

async fn refused(test: &TestApp, subject: &str, status: u16, code: &str, hint: &str) -> Answer {
    let before = test.issued().await;
    let answer = test.issue_for("Any", subject).await;
    answer.is_error(status, code, hint);
    assert_eq!(test.issued().await, before, "{subject}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_plugin_does_the_wallet_gets_a_clear_error_and_the_host_goes_on() {
    let test = with_hostile().await;
    const FAILED: &str = "The data source failed to answer";
    for subject in ["trap", "spin", "allocate", "recurse", "huge-output", "invalid-json", "not-object", "deep-json"] {
        refused(&test, subject, 500, "server_error", FAILED).await;
        // Others are served in between: a plugin that fails every call is paused.
        assert_eq!(test.issue_for("Any", "somebody").await.status, 200, "after {subject}");
    }
    for subject in ["duplicate-keys", "big-number", "misconfigured", "internal"] {
        refused(&test, subject, 500, "server_error", FAILED).await;
    }
    refused(&test, "not-found", 400, "credential_request_denied", "Nobody of that name").await;
    refused(&test, "denied", 400, "credential_request_denied", "may not be told").await;
    refused(&test, "invalid-request", 400, "invalid_credential_request", "A claim is missing").await;
    let answer = refused(&test, "unavailable", 503, "temporarily_unavailable", "The source is resting").await;
    assert_eq!(answer.headers["retry-after"], "2", "1500 ms, rounded up");
    let answer = test.issue_for("Any", "somebody").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(test.issued().await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_every_call_is_paused_and_wallets_are_told_when_to_come_back() {
    let test = with_hostile().await;
    for _ in 0..5 {
        refused(&test, "trap", 500, "server_error", "failed to answer").await;
    }
    let answer = refused(&test, "somebody", 503, "temporarily_unavailable", "Try again later").await;
    assert_eq!(answer.headers["retry-after"], "1");
    let plugin = test.app.sandbox.as_ref().unwrap().plugin("hostile").unwrap();
    assert_eq!((plugin.stage.to_string(), format!("{:?}", plugin.breaker)), ("active".to_owned(), "Open".to_owned()));
    // A reload starts with a clean slate.
    test.app.sandbox.as_ref().unwrap().reload("hostile").await;
    assert_eq!(test.issue_for("Any", "somebody").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_the_plugin_leaves_token_and_nonce_good() {
    let test = with_hostile().await;
    let offer = test.offer_of(json!({"credential_configuration_ids": ["Any"], "subject": "trap"})).await;
    let token = test.token_for(&offer).await;
    let proof = test.good_proof().await;
    let first = test.request_of(&token, "Any", std::slice::from_ref(&proof)).await;
    first.is_error(500, "server_error", "failed to answer");
    // The token is still good, and so is the nonce: with another offer the same proof gives a credential.
    test.request_of(&token, "Any", std::slice::from_ref(&proof)).await.is_error(
        500,
        "server_error",
        "failed to answer",
    );
    let offer = test.offer_of(json!({"credential_configuration_ids": ["Any"], "subject": "somebody"})).await;
    let answer = test.request_of(&test.token_for(&offer).await, "Any", &[proof]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_loop_do_not_stop_their_neighbours() {
    let test = std::sync::Arc::new(with_hostile().await);
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let test = std::sync::Arc::clone(&test);
        loops.spawn(async move { test.issue_for("Any", "spin").await });
    }
    let answer = test.issue_for("Any", "neighbour").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for answer in loops.join_all().await {
        assert!([500, 503].contains(&answer.status.as_u16()), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_allowed_are_shed_and_health_checks_are_not() {
    let hostile = TestApp::start_with(chancery::app::Plugins::Run, |config| {
        config.server.max_concurrent_requests = 2;
        let dir = &config.plugins.dir;
        std::fs::write(dir.join("hostile.toml"), GRANT).unwrap();
        std::fs::copy(crate::app::built_plugin("hostile"), dir.join("hostile.wasm")).unwrap();
    });
    let test = std::sync::Arc::new(hostile.await);
    publish_any(&test).await;
    let offer = test.offer_of(json!({"credential_configuration_ids": ["Any"], "subject": "spin"})).await;
    let (token, proof) = (test.token_for(&offer).await, test.good_proof().await);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (test, token, proof) = (std::sync::Arc::clone(&test), token.clone(), proof.clone());
        requests.spawn(async move { test.request_of(&token, "Any", &[proof]).await });
    }
    assert_eq!(test.get("/healthz").await.status, 200);
    let answers = requests.join_all().await;
    let shed: Vec<_> = answers.iter().filter(|a| a.status == 503).collect();
    assert!(!shed.is_empty() && shed.len() < 12, "{} of 12", shed.len());
    for answer in shed {
        answer.is_error(503, "temporarily_unavailable", "as many requests as it may");
        assert_eq!(answer.headers["retry-after"], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_call_is_left_for_the_next() {
    let test = with_hostile().await;
    for _ in 0..3 {
        let answer = test.issue_for("Any", "leak").await;
        let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
        assert_eq!(claims["answer"]["found"], "", "the sandbox was not fresh: {claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_read_the_hosts_clock() {
    let test = with_hostile().await;
    for _ in 0..2 {
        let answer = test.issue_for("Any", "time").await;
        let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
        assert_eq!(claims["answer"]["unix_ms"], test.clock.now().timestamp_millis());
        test.clock.advance(1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_looks_like_a_template_stays_text() {
    let test = with_hostile().await;
    let answer = test.issue_for("Any", "nasty-text").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
    let text = claims["answer"].to_string();
    assert!(text.contains("{{") && text.contains("{%"), "{text}");
    assert_eq!(claims["iss"], crate::app::URL);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_valid_no_longer_than_its_data() {
    let test = with_hostile().await;
    let answer = test.issue_for("Any", "short-lived").await;
    let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
    assert_eq!(claims["exp"], 1_780_401_600, "no validity is configured, so the data's end is the credential's");
    refused(&test, "outdated", 500, "server_error", "could not answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_is_a_data_url_for_the_template() {
    let test = with_hostile().await;
    let answer = test.issue_for("Any", "attachment").await;
    let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
    assert_eq!(claims["answer"]["photo"], "data:image/png;base64,iVBORw0K");
}

#[tokio::test]
async fn claims_full_of_quotes_braces_and_control_characters_arrive_as_they_are() {
    let test = TestApp::start().await;
    let nasty =
        "\"}, \"admin\": true, {{ issuer }} {% for x in y %} \\u0000 \\ \u{0} \u{1b} \u{7f} \u{202e} 𝕏 '</script>";
    let body =
        json!({"credential_configuration_ids": ["Person"], "claims": {"name": nasty, "tags": [nasty, {"_": nasty}]}});
    let token = test.token_for(&test.offer_of(body).await).await;
    let answer = test.request(&token, &[test.good_proof().await]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
    assert_eq!(claims["name"], nasty);
    assert_eq!(claims["tags"], json!([nasty, {"_": nasty}]));
    assert!(claims.get("admin").is_none());
}

#[tokio::test]
async fn data_that_does_not_fill_the_template_is_refused_without_being_shown() {
    let test = TestApp::start().await;
    for claims in [json!({}), json!({"nom": "secret value"}), json!({"name": {"_sd": ["secret value"]}})] {
        let offer = test.offer_of(json!({"credential_configuration_ids": ["Person"], "claims": claims})).await;
        let token = test.token_for(&offer).await;
        let proof = test.good_proof().await;
        let answer = test.request(&token, &[proof]).await;
        answer.is_error(500, "server_error", "could not be");
        assert!(!answer.body.to_string().contains("secret value"));
    }
    assert_eq!(test.issued().await, 0);
}

const FARMERS: &str = "id,name\n1,Asha\n2,\"O\"\"Neil, \n{{ x }}\"\n3,लक्ष्मी\n";
const CSV_GRANT: &str = r#"
[[grants.files]]
host = "people.csv"
guest = "/people.csv"
[config]
file = "/people.csv"
column = "id"
"#;

async fn with_csv() -> TestApp {
    let test = TestApp::start_with_plugin("csv-provider", CSV_GRANT, &[("people.csv", FARMERS)]).await;
    let mut document = crate::app::person_document();
    document["plugin"] = json!({"name": "csv-provider"});
    test.publish("default", "Person", document).await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn data_comes_through_the_csv_plugin() {
    let test = with_csv().await;
    for (subject, name) in [("1", "Asha"), ("2", "O\"Neil, \n{{ x }}"), ("3", "लक्ष्मी")] {
        let answer = test.issue_for("Person", subject).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
        assert_eq!(claims["name"], name);
    }
    let event = test.events().await.into_iter().find(|e| e.action == "credential.issue").unwrap();
    assert_eq!(event.plugin_digest.map(|d| d.len()), Some(64), "the plugin's digest stands in the audit event");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_subject_is_a_final_answer() {
    let test = with_csv().await;
    for subject in ["4", "1 ", "id", "लक्ष्मी", "\n"] {
        let answer = test.issue_for("Person", subject).await;
        answer.is_error(400, "credential_request_denied", "does not know this subject");
    }
    assert_eq!(test.issued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_proofs_ask_the_plugin_once() {
    let test = with_csv().await;
    let offer = test.offer_of(json!({"credential_configuration_ids": ["Person"], "subject": "1"})).await;
    let token = test.token_for(&offer).await;
    let proofs = [test.good_proof().await, test.good_proof().await, test.good_proof().await];
    let answer = test.request(&token, &proofs).await;
    assert_eq!(answer.body["credentials"].as_array().map(Vec::len), Some(3), "{answer:?}");
    let plugins = test.get_plugins().await;
    assert_eq!(plugins["plugins"][0]["calls"], json!({"ok": 1, "failed": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_the_plugin_that_is_missing() {
    let test = with_csv().await;
    let ready = test.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.body["status"]), (200, &json!("ready")), "{ready:?}");
    let mut document = crate::app::person_document();
    document["plugin"] = json!({"name": "registry"});
    test.publish("default", "Registry", document).await;
    // No other host would do better, so this one stays in service.
    let ready = test.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.body["status"]), (200, &json!("degraded")), "{ready:?}");
    assert_eq!(ready.body["reasons"], json!(["configuration Registry: its plugin registry is missing"]));
    assert_eq!(test.get("/healthz").await.status, 200);
}

impl TestApp {
    async fn get_plugins(&self) -> Value {
        let token = self.admin_token("default", &["plugins:read"]).await;
        let request = http::Request::get("/admin/v1/plugins")
            .header(http::header::AUTHORIZATION, format!("Bearer {token}"))
            .body(axum::body::Body::empty())
            .unwrap();
        self.send(request).await.body
    }
}
