//! Service clients: the bootstrap token, signing in with `private_key_jwt`, scopes, offers.

use std::sync::Arc;

use chancery::clock::Clock as _;
use chancery_keys::jose::sign_compact;
use chancery_keys::{Algorithm, Signer as _, SoftwareKey};
use serde_json::{Map, Value, json};

use crate::app::{Answer, TestApp, URL, person_document};
use crate::wallet::{key, object};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn client(id: &str, key: &SoftwareKey, scopes: &[&str]) -> Value {
    json!({"client_id": id, "jwks": {"keys": [key.public_key().to_jwk()]}, "scopes": scopes})
}

fn assertion_claims(test: &TestApp, id: &str, jti: &str) -> Value {
    let now = test.clock.now().timestamp();
    json!({"iss": id, "sub": id, "aud": URL, "iat": now, "exp": now + 120, "jti": jti})
}

async fn sign_in(test: &TestApp, key: &SoftwareKey, claims: Value, scope: Option<&str>) -> Answer {
    let assertion = sign_compact(key, Map::new(), &object(claims)).await.unwrap();
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &*assertion),
    ];
    form.extend(scope.map(|scope| ("scope", scope)));
    test.post_form("/oauth/token", &form).await
}

/// Registers a client through the bootstrap token.
async fn bootstrapped(test: &TestApp, scopes: &[&str]) -> SoftwareKey {
    let token = test.app.oauth.offer_bootstrap(&test.issuer("default")).await.unwrap().unwrap();
    let key = key(Algorithm::EdDsa);
    let body = json!({"token": token, "client": client("office", &key, scopes)});
    let answer = test.post_json("/admin/v1/bootstrap", None, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    key
}

#[tokio::test]
async fn the_first_client_comes_in_by_the_bootstrap_token_and_makes_an_offer() {
    let test = TestApp::start().await;
    let key = bootstrapped(&test, &["offers:create", "clients:create"]).await;
    let answer = sign_in(&test, &key, assertion_claims(&test, "office", "1"), Some("offers:create")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["scope"], "offers:create");
    assert_eq!(answer.body["token_type"], "Bearer");
    let token = answer.body["access_token"].as_str().unwrap();
    let offer = json!({"credential_configuration_ids": ["Person"], "claims": {"name": "Ada"}, "expires_in": "1h"});
    let answer = test.post_json("/admin/v1/offers", Some(token), &offer).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    // It asked for one scope, so it got one.
    let other = client("b", &key, &["offers:create"]);
    test.post_json("/admin/v1/clients", Some(token), &other).await.is_error(
        403,
        "insufficient_scope",
        "clients:create",
    );
    let actors: Vec<_> =
        test.events().await.into_iter().filter(|e| e.action == "offer.create").map(|e| e.actor).collect();
    assert_eq!(actors, ["client:office"]);
}

#[tokio::test]
async fn the_bootstrap_token_works_once_even_when_hundreds_try() {
    let test = Arc::new(TestApp::start().await);
    let issuer = test.issuer("default");
    let token = test.app.oauth.offer_bootstrap(&issuer).await.unwrap().unwrap();
    assert!(test.app.oauth.offer_bootstrap(&issuer).await.unwrap().is_none(), "one token only");
    let key = Arc::new(key(Algorithm::Es256));
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (test, token, key) = (Arc::clone(&test), token.clone(), Arc::clone(&key));
        tries.spawn(async move {
            let body = json!({"token": token, "client": client(&format!("c{n}"), &key, &["offers:create"])});
            test.post_json("/admin/v1/bootstrap", None, &body).await
        });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    for answer in answers.iter().filter(|a| a.status != 201) {
        answer.is_problem(401, "bootstrap-refused", "used");
    }
}

#[tokio::test]
async fn bootstrap_tokens_that_are_wrong_or_old_are_refused() {
    let test = TestApp::start().await;
    let key = key(Algorithm::Es256);
    let body = |token: &str| json!({"token": token, "client": client("c", &key, &["offers:create"])});
    test.post_json("/admin/v1/bootstrap", None, &body("guess")).await.is_problem(401, "bootstrap-refused", "not known");
    let token = test.app.oauth.offer_bootstrap(&test.issuer("default")).await.unwrap().unwrap();
    test.clock.advance(24 * 3600);
    test.post_json("/admin/v1/bootstrap", None, &body(&token)).await.is_problem(401, "bootstrap-refused", "expired");
}

#[tokio::test]
async fn client_assertions_that_are_wrong_are_refused() {
    let test = TestApp::start().await;
    test.publish("ministry", "Person", person_document()).await;
    let key = bootstrapped(&test, &["offers:create"]).await;
    let now = test.clock.now().timestamp();
    for (name, value, hint) in [
        ("iss", json!("other"), "iss and sub"),
        ("aud", json!("https://other.example"), "aud"),
        ("aud", json!(format!("{URL}/issuers/ministry")), "aud"),
        ("exp", json!(now - 31), "expired"),
        ("exp", json!(now + 3600), "10 minutes"),
        ("exp", Value::Null, "exp"),
        ("iat", json!(now + 60), "future"),
        ("jti", Value::Null, "jti"),
        ("jti", json!("x".repeat(300)), "jti"),
    ] {
        let mut claims = assertion_claims(&test, "office", "bad");
        claims[name] = value;
        sign_in(&test, &key, claims, None).await.is_error(401, "invalid_client", hint);
    }
    // An unknown client and a wrong key look the same from outside.
    let stranger = crate::wallet::key(Algorithm::EdDsa);
    let unknown = sign_in(&test, &key, assertion_claims(&test, "nobody", "2"), None).await;
    let wrong_key = sign_in(&test, &stranger, assertion_claims(&test, "office", "3"), None).await;
    unknown.is_error(401, "invalid_client", "not known");
    assert_eq!(unknown.body, wrong_key.body);
    let form = [("grant_type", "client_credentials"), ("client_id", "office"), ("client_secret", "secret")];
    test.post_form("/oauth/token", &form).await.is_error(401, "invalid_client", "private_key_jwt");

    let answer = sign_in(&test, &key, assertion_claims(&test, "office", "4"), Some("offers:create plugins:read")).await;
    answer.is_error(400, "invalid_scope", "plugins:read");
    let claims = assertion_claims(&test, "office", "5");
    assert_eq!(sign_in(&test, &key, claims.clone(), None).await.status, 200);
    sign_in(&test, &key, claims, None).await.is_error(401, "invalid_client", "used before");
}

#[tokio::test]
async fn a_client_passes_on_no_more_than_it_has() {
    let test = TestApp::start().await;
    let token = test.admin_token("default", &["clients:create", "offers:create"]).await;
    let key = key(Algorithm::Es256);
    let create = |body: Value| {
        let (test, token) = (&test, &token);
        async move { test.post_json("/admin/v1/clients", Some(token), &body).await }
    };
    create(client("a", &key, &["plugins:read"])).await.is_problem(400, "invalid-request", "cannot be given");
    create(client("a", &key, &["root"])).await.is_problem(400, "invalid-request", "not a scope");
    create(client("a", &key, &[])).await.is_problem(400, "invalid-request", "at least one scope");
    create(client("../a", &key, &["offers:create"])).await.is_problem(400, "invalid-request", "client_id");
    create(json!({"client_id": "a", "jwks": {"keys": []}, "scopes": ["offers:create"]})).await.is_problem(
        400,
        "invalid-request",
        "keys",
    );
    create(json!({"client_id": "a"})).await.is_problem(400, "invalid-request", "jwks");
    assert_eq!(create(client("a", &key, &["offers:create"])).await.status, 201);
    create(client("a", &key, &["offers:create"])).await.is_problem(409, "conflict", "exists");
}

#[tokio::test]
async fn offers_that_are_wrong_are_refused() {
    let test = TestApp::start().await;
    let token = test.admin_token("default", &["offers:create"]).await;
    let claims = json!({"name": "Ada"});
    for (body, status, kind, hint) in [
        (json!({}), 400, "invalid-request", "credential_configuration_ids"),
        (json!({"credential_configuration_ids": [], "claims": claims}), 400, "invalid-request", "1 to 16"),
        (
            json!({"credential_configuration_ids": ["Person", "Person"], "claims": claims}),
            400,
            "invalid-request",
            "twice",
        ),
        (json!({"credential_configuration_ids": ["None"], "claims": claims}), 404, "unknown-configuration", "None"),
        (json!({"credential_configuration_ids": ["Person"]}), 400, "invalid-request", "exactly one of subject"),
        (
            json!({"credential_configuration_ids": ["Person"], "subject": "1"}),
            400,
            "invalid-request",
            "no data provider",
        ),
        (json!({"credential_configuration_ids": ["Person"], "subject": ""}), 400, "invalid-request", "1 to 1024"),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "subject": "1"}),
            400,
            "invalid-request",
            "exactly one",
        ),
        (json!({"credential_configuration_ids": ["Person"], "claims": [1]}), 400, "invalid-request", "map"),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "tx_code": {"length": 3}}),
            400,
            "invalid-request",
            "4 to 12",
        ),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "tx_code": {"description": "x".repeat(301)}}),
            400,
            "invalid-request",
            "300",
        ),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "expires_in": "8d"}),
            400,
            "invalid-request",
            "7d",
        ),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "expires_in": "0s"}),
            400,
            "invalid-request",
            "over 0",
        ),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "expires_in": "soon"}),
            400,
            "invalid-request",
            "soon",
        ),
        (
            json!({"credential_configuration_ids": ["Person"], "claims": claims, "colour": "red"}),
            400,
            "invalid-request",
            "colour",
        ),
    ] {
        test.post_json("/admin/v1/offers", Some(&token), &body).await.is_problem(status, kind, hint);
    }
    let offers = test.events().await.into_iter().filter(|e| e.action == "offer.create").count();
    assert_eq!(offers, 0);
}
