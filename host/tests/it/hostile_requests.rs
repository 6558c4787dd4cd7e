//! Requests that are wrong: each is refused with the right status and code, the text helps, and nothing is issued
//! or lost by it.

use axum::body::Body;
use axum::http::{Request, header};
use chancery::config::Config;
use serde_json::json;

use crate::app::{TestApp, person_document};
use crate::wallet::{PRE_AUTHORIZED, code};

const CREDENTIAL: &str = "/openid4vci/credential";

#[tokio::test]
async fn credential_requests_that_cannot_be_read_are_refused() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let proof = test.good_proof().await;
    let token = Some(token.as_str());
    const CODE: &str = "invalid_credential_request";
    for (body, hint) in [
        (String::new(), "not a credential request"),
        ("{".to_owned(), "not a credential request"),
        ("[]".to_owned(), "not a credential request"),
        ("{}".to_owned(), "exactly one of"),
        (json!({"credential_configuration_id": 5}).to_string(), "not a credential request"),
        (
            json!({"credential_configuration_id": "Person", "credential_identifier": "Person"}).to_string(),
            "exactly one of",
        ),
        (json!({"format": "dc+sd-jwt", "proof": {"proof_type": "jwt", "jwt": proof}}).to_string(), "proofs"),
        (
            json!({"credential_configuration_id": "Person", "credential_response_encryption": {}}).to_string(),
            "encrypted",
        ),
        (format!("{{\"a\":{}1{}}}", "[".repeat(4_000), "]".repeat(4_000)), "nested deeper"),
        (
            "{\"credential_configuration_id\": \"Person\", \"credential_configuration_id\": \"x\"}".to_owned(),
            "not a credential request",
        ),
    ] {
        test.post_text(CREDENTIAL, token, "application/json", body).await.is_error(400, CODE, hint);
    }
    let body = json!({"credential_configuration_id": "Person", "proofs": {"jwt": [proof]}});
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let answer = test.post_text(CREDENTIAL, token, content_type, body.to_string()).await;
        answer.is_error(415, CODE, "application/json");
    }
    assert_eq!(test.issued().await, 0);
    // After all of that the same token and proof still work.
    let answer = test.post_text(CREDENTIAL, token, "application/json; charset=utf-8", body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn oversized_bodies_are_refused_everywhere() {
    let test =
        TestApp::start_with(chancery::app::Plugins::Leave, |config: &mut Config| config.server.max_body = 4_096).await;
    test.publish("default", "Person", person_document()).await;
    let token = test.wallet_token().await;
    let big = json!({"x": "y".repeat(5_000)}).to_string();
    let answer = test.post_text(CREDENTIAL, Some(&token), "application/json", big.clone()).await;
    answer.is_error(413, "invalid_credential_request", "4096 bytes");
    let answer = test.post_text("/oauth/token", None, "application/x-www-form-urlencoded", format!("a={big}")).await;
    answer.is_error(413, "invalid_request", "4096 bytes");
    let admin = test.admin_token("default", &["offers:create"]).await;
    let answer = test.post_text("/admin/v1/offers", Some(&admin), "application/json", big.clone()).await;
    answer.is_problem(413, "invalid-request", "4096 bytes");
    // Without an announced length the limit holds while reading.
    let chunks = futures_util::stream::iter((0..10).map(|_| Ok::<_, std::io::Error>("z".repeat(1_000))));
    let request = Request::post(CREDENTIAL)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(chunks))
        .unwrap();
    test.send(request).await.is_error(413, "invalid_credential_request", "4096 bytes");
    assert_eq!(test.request(&token, &[test.good_proof().await]).await.status, 200);
}

#[tokio::test]
async fn unknown_and_ungranted_configurations_are_told_apart() {
    let test = TestApp::start().await;
    test.publish("default", "Other", person_document()).await;
    let token = test.wallet_token().await;
    let proof = [test.good_proof().await];
    let answer = test.request_of(&token, "Nothing", &proof).await;
    answer.is_error(400, "unknown_credential_configuration", "Nothing");
    let answer = test.request_of(&token, "Other", &proof).await;
    answer.is_error(403, "insufficient_scope", "Other");
    assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("insufficient_scope"));
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.request(&token, &proof).await.status, 200);
}

#[tokio::test]
async fn access_tokens_are_checked() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let body = json!({"credential_configuration_id": "Person", "proofs": {"jwt": [test.good_proof().await]}});
    let answer = test.post_json(CREDENTIAL, None, &body).await;
    answer.is_error(401, "invalid_token", "needed");
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"chancery\"");
    let mut flipped = token.clone().into_bytes();
    let last = flipped.len() - 10;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let admin = test.admin_token("default", &["offers:create"]).await;
    for wrong in ["x", "a.b.c", &flipped, &admin, &"x".repeat(10_000)] {
        let answer = test.post_json(CREDENTIAL, Some(wrong), &body).await;
        answer.is_error(401, "invalid_token", "not valid");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    }
    test.clock.advance(301);
    test.post_json(CREDENTIAL, Some(&token), &body).await.is_error(401, "invalid_token", "expired");
    assert_eq!(test.issued().await, 0);
}

#[tokio::test]
async fn token_requests_that_are_wrong_cost_nothing() {
    let test = TestApp::start().await;
    let offer = test.offer().await;
    let good = code(&offer);
    for (form, error, hint) in [
        (vec![], "invalid_request", "grant_type"),
        (vec![("grant_type", "password")], "unsupported_grant_type", "password"),
        (vec![("grant_type", PRE_AUTHORIZED)], "invalid_request", "pre-authorized_code"),
        (vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", "")], "invalid_request", "pre-authorized_code"),
        (vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", "guess")], "invalid_grant", "not known"),
        (
            vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", good), ("pre-authorized_code", good)],
            "invalid_request",
            "twice",
        ),
        (
            vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", good), ("tx_code", "1234")],
            "invalid_request",
            "no transaction code",
        ),
        (
            vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", good), ("authorization_details", "{")],
            "invalid_authorization_details",
            "authorization_details",
        ),
    ] {
        test.post_form("/oauth/token", &form).await.is_error(400, error, hint);
    }
    let body = json!({"grant_type": PRE_AUTHORIZED, "pre-authorized_code": good});
    test.post_json("/oauth/token", None, &body).await.is_error(415, "invalid_request", "urlencoded");
    let answer = test.redeem(&offer, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    test.redeem(&offer, None).await.is_error(400, "invalid_grant", "used before");
}

#[tokio::test]
async fn an_expired_offer_gives_nothing() {
    let test = TestApp::start().await;
    let offer = test.offer().await;
    test.clock.advance(600);
    test.redeem(&offer, None).await.is_error(400, "invalid_grant", "expired");
    let path = offer["credential_offer_uri"].as_str().unwrap().strip_prefix(crate::app::URL).unwrap();
    test.get(path).await.is_error(404, "invalid_request", "expired");
}

#[tokio::test]
async fn a_transaction_code_has_limited_attempts_and_the_code_survives_until_then() {
    let test = TestApp::start().await;
    let with_code =
        json!({"credential_configuration_ids": ["Person"], "claims": {"name": "Ada"}, "tx_code": {"length": 6}});
    let offer = test.offer_of(with_code.clone()).await;
    assert_eq!(
        offer["credential_offer"]["grants"][PRE_AUTHORIZED]["tx_code"],
        json!({"input_mode": "numeric", "length": 6})
    );
    let right = offer["tx_code"].as_str().unwrap();
    for left in [4, 3, 2, 1] {
        // Neither a missing code nor one that cannot be right costs more than it should.
        test.redeem(&offer, None).await.is_error(400, "invalid_request", "tx_code");
        let answer = test.redeem(&offer, Some("wrong")).await;
        answer.is_error(400, "invalid_grant", &format!("attempts left: {left}"));
    }
    assert_eq!(test.redeem(&offer, Some(right)).await.status, 200);

    let offer = test.offer_of(with_code).await;
    let right = offer["tx_code"].as_str().unwrap();
    for _ in 0..5 {
        test.redeem(&offer, Some("000")).await.is_error(400, "invalid_grant", "wrong");
    }
    test.redeem(&offer, Some("000")).await.is_error(400, "invalid_grant", "too often");
    test.redeem(&offer, Some(right)).await.is_error(400, "invalid_grant", "too often");
    let refused = test.events().await.into_iter().filter(|e| e.action == "offer.redeem" && e.reason.is_some()).count();
    assert!(refused >= 10, "every refusal of an offer is an event: {refused}");
}

#[tokio::test]
async fn racing_guesses_get_no_more_attempts() {
    let test = std::sync::Arc::new(TestApp::start().await);
    let offer = test
        .offer_of(
            json!({"credential_configuration_ids": ["Person"], "claims": {"name": "A"}, "tx_code": {"length": 4}}),
        )
        .await;
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (test, offer) = (std::sync::Arc::clone(&test), offer.clone());
        guesses.spawn(async move { test.redeem(&offer, Some("none-of-them")).await });
    }
    let answers = guesses.join_all().await;
    let told_wrong = answers.iter().filter(|a| a.body["error_description"].as_str().unwrap().contains("attempts left"));
    assert_eq!(told_wrong.count(), 5);
    let right = offer["tx_code"].as_str().unwrap();
    test.redeem(&offer, Some(right)).await.is_error(400, "invalid_grant", "too often");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served_say_so() {
    let test = TestApp::start().await;
    test.get("/nothing").await.is_problem(404, "not-found", "nothing at this path");
    test.get("/oauth/token").await.is_problem(405, "method-not-allowed", "method");
    test.get("/issuers/none/.well-known/jwks.json").await.is_problem(404, "not-found", "no such issuer");
    test.get("/issuers/default/.well-known/jwks.json").await.is_problem(404, "not-found", "no such issuer");
}

#[tokio::test]
async fn forms_with_very_many_parameters_are_refused_at_once() {
    let test = TestApp::start().await;
    let form = (0..3_000).map(|n| format!("{n:x}=")).collect::<Vec<_>>().join("&");
    let answer = test.post_text("/oauth/token", None, "application/x-www-form-urlencoded", form).await;
    answer.is_error(400, "invalid_request", "more than 32 parameters");
    let answer = test.post_text("/oauth/token", None, "application/x-www-form-urlencoded", "a".repeat(20_000)).await;
    answer.is_error(413, "invalid_request", "16384 bytes");
}

#[tokio::test]
async fn refusals_that_anybody_can_cause_leave_no_rows() {
    let test = TestApp::start().await;
    let before = test.events().await.len();
    for _ in 0..5 {
        test.post_form("/oauth/token", &[("grant_type", "client_credentials")]).await.is_error(
            401,
            "invalid_client",
            "private_key_jwt",
        );
    }
    assert_eq!(test.events().await.len(), before);
}

#[tokio::test]
async fn what_stands_in_the_audit_trail_takes_no_offer() {
    let test = TestApp::start().await;
    let offer = test.offer().await;
    let id = offer["offer_id"].as_str().unwrap();
    assert!(test.events().await.iter().any(|e| e.object == id));
    for path in [format!("/openid4vci/offers/{id}"), format!("/openid4vci/offers/{id}.{}", "A".repeat(43))] {
        test.get(&path).await.is_error(404, "invalid_request", "no such offer");
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_named_in_the_words_of_the_surface() {
    let test = TestApp::start().await;
    let answer = test.post_form("/issuers/none/oauth/token", &[("grant_type", PRE_AUTHORIZED)]).await;
    answer.is_error(404, "invalid_request", "no such issuer");
    test.get("/issuers/none/did.json").await.is_problem(404, "not-found", "no such issuer");
}
