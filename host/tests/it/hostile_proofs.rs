//! Key proofs that are wrong. Each leaves the token and the nonce good for a right one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_keys::{Algorithm, Signer as _};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::wallet::{Proof, key};

/// Sends a proof that `bend` has changed, expects the refusal, and then that nothing was issued or lost.
async fn refused(bend: impl FnOnce(&mut Proof), code: &str, hint: &str) {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let (key, nonce) = (key(Algorithm::Es256), test.nonce().await);
    let mut proof = test.proof(&key, &nonce);
    bend(&mut proof);
    let answer = test.request(&token, &[proof.sign(&key).await]).await;
    answer.is_error(400, code, hint);
    assert_eq!(test.issued().await, 0);
    let events = test.events().await;
    assert!(events.iter().any(|e| e.action == "credential.issue" && e.reason.is_some()), "a refusal is an event");
    let good = test.proof(&key, &nonce).sign(&key).await;
    assert_eq!(test.request(&token, &[good]).await.status, 200, "the nonce must survive a refusal");
}

fn set(part: &str, name: &'static str, value: Value) -> impl FnOnce(&mut Proof) {
    let in_header = part == "header";
    move |proof| {
        let map = if in_header { &mut proof.header } else { &mut proof.claims };
        match value {
            Value::Null => map.remove(name),
            value => map.insert(name.to_owned(), value),
        };
    }
}

#[tokio::test]
async fn a_wrong_audience() {
    refused(set("claims", "aud", json!("https://other.example")), "invalid_proof", "aud must be").await;
    refused(set("claims", "aud", json!(["http://localhost:8080", "x"])), "invalid_proof", "aud must be").await;
    refused(set("claims", "aud", json!("http://localhost:8080/")), "invalid_proof", "aud must be").await;
    refused(set("claims", "aud", Value::Null), "invalid_proof", "aud must be").await;
}

#[tokio::test]
async fn a_wrong_time() {
    refused(|p| shift(p, -331), "invalid_proof", "older than 300 s").await;
    refused(|p| shift(p, 31), "invalid_proof", "future").await;
    refused(set("claims", "iat", Value::Null), "invalid_proof", "iat").await;
    refused(set("claims", "iat", json!("yesterday")), "invalid_proof", "iat").await;
    refused(set("claims", "iat", json!(1e300)), "invalid_proof", "iat").await;
    refused(set("claims", "exp", json!(1)), "invalid_proof", "expired").await;
    // At the end of the calendar, where adding to it would overflow; it lies ahead, so it is good.
    let test = TestApp::start().await;
    let (token, key) = (test.wallet_token().await, key(Algorithm::Es256));
    let mut proof = test.proof(&key, &test.nonce().await);
    proof.claims.insert("exp".to_owned(), json!(8_210_266_876_799_i64));
    assert_eq!(test.request(&token, &[proof.sign(&key).await]).await.status, 200);
}

fn shift(proof: &mut Proof, seconds: i64) {
    let iat = proof.claims["iat"].as_i64().unwrap();
    proof.claims.insert("iat".to_owned(), json!(iat + seconds));
}

#[tokio::test]
async fn a_wrong_nonce() {
    refused(set("claims", "nonce", Value::Null), "invalid_proof", "nonce endpoint").await;
    refused(set("claims", "nonce", json!("made-up")), "invalid_nonce", "not made here").await;
    refused(set("claims", "nonce", json!(B64.encode([0; 56]))), "invalid_nonce", "not made here").await;
}

#[tokio::test]
async fn an_old_nonce_and_a_used_one() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let key = key(Algorithm::Es256);
    let nonce = test.nonce().await;
    let proof = test.proof(&key, &nonce).sign(&key).await;
    assert_eq!(test.request(&token, std::slice::from_ref(&proof)).await.status, 200);
    test.request(&token, &[proof]).await.is_error(400, "invalid_nonce", "used before");
    assert_eq!(test.issued().await, 1);

    let old = test.nonce().await;
    test.clock.advance(299);
    let token = test.wallet_token().await;
    test.clock.advance(1);
    let proof = test.proof(&key, &old).sign(&key).await;
    test.request(&token, &[proof]).await.is_error(400, "invalid_nonce", "expired");
}

#[tokio::test]
async fn a_wrong_header() {
    refused(set("header", "typ", json!("JWT")), "invalid_proof", "typ must be openid4vci-proof+jwt").await;
    refused(set("header", "typ", Value::Null), "invalid_proof", "typ must be").await;
    refused(set("header", "crit", json!(["x"])), "invalid_proof", "critical").await;
    refused(set("header", "jwk", Value::Null), "invalid_proof", "exactly one of jwk and kid").await;
    refused(set("header", "kid", json!("did:jwk:e30")), "invalid_proof", "exactly one of jwk and kid").await;
    refused(set("header", "x5c", json!(["MII"])), "invalid_proof", "x5c").await;
    refused(set("header", "jwk", json!({"kty": "oct", "k": "c2VjcmV0"})), "invalid_proof", "jwk is refused").await;
    refused(set("header", "jwk", json!("text")), "invalid_proof", "jwk is refused").await;
    let other = key(Algorithm::Es256).public_key().to_jwk();
    refused(set("header", "jwk", json!(other)), "invalid_proof", "signature").await;
    refused(set("header", "jwk", json!(key(Algorithm::EdDsa).public_key().to_jwk())), "invalid_proof", "alg").await;
}

#[tokio::test]
async fn a_private_key_in_the_header() {
    let add = |proof: &mut Proof| {
        proof.header["jwk"].as_object_mut().unwrap().insert("d".to_owned(), json!(B64.encode([7; 32])));
    };
    refused(add, "invalid_proof", "private member").await;
}

#[tokio::test]
async fn algorithms_that_anybody_can_sign_with() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let nonce = test.nonce().await;
    let key = key(Algorithm::Es256);
    for alg in ["none", "None", "HS256", "RS256", "ES384", ""] {
        let mut proof = test.proof(&key, &nonce);
        proof.header.insert("alg".to_owned(), json!(alg));
        let text = |map: &serde_json::Map<String, Value>| B64.encode(serde_json::to_vec(map).unwrap());
        for signature in ["", "AAAA", &B64.encode([1; 64])] {
            let proof = format!("{}.{}.{signature}", text(&proof.header), text(&proof.claims));
            test.request(&token, &[proof]).await.is_error(400, "invalid_proof", "refused");
        }
    }
    assert_eq!(test.issued().await, 0);
}

#[tokio::test]
async fn proofs_that_are_none() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    for proof in ["", "x", "a.b", "a.b.c", "a.b.c.d", "....", &"A".repeat(20_000)] {
        test.request(&token, &[proof.to_owned()]).await.is_error(400, "invalid_proof", "refused");
    }
    let good = test.good_proof().await;
    for (proofs, hint) in [
        (json!({}), "exactly one member"),
        (json!({"jwt": []}), "at least one"),
        (json!({"jwt": "text"}), "jwt: [...]"),
        (json!({"jwt": [5]}), "string"),
        (json!({"ldp_vp": [good]}), "no other proof type"),
        (json!({"jwt": [good], "attestation": ["x"]}), "exactly one member"),
    ] {
        let body = json!({"credential_configuration_id": "Person", "proofs": proofs});
        test.post_json("/openid4vci/credential", Some(&token), &body).await.is_error(400, "invalid_proof", hint);
    }
    let body = json!({"credential_configuration_id": "Person"});
    test.post_json("/openid4vci/credential", Some(&token), &body).await.is_error(400, "invalid_proof", "proofs.jwt");
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.request(&token, &[good]).await.status, 200);
}

#[tokio::test]
async fn too_many_proofs_and_one_key_twice() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let nonce = test.nonce().await;
    let one = key(Algorithm::EdDsa);
    let proof = test.proof(&one, &nonce).sign(&one).await;
    test.request(&token, &[proof.clone(), proof.clone()]).await.is_error(400, "invalid_proof", "same key");
    let mut many = Vec::new();
    for _ in 0..17 {
        let key = key(Algorithm::EdDsa);
        many.push(test.proof(&key, &nonce).sign(&key).await);
    }
    test.request(&token, &many).await.is_error(400, "invalid_credential_request", "batch_size");
    // One wrong proof among right ones refuses all of them.
    let mut mixed = many[..3].to_vec();
    mixed.push("a.b.c".to_owned());
    test.request(&token, &mixed).await.is_error(400, "invalid_proof", "refused");
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.request(&token, &many[..16]).await.status, 200);
    assert_eq!(test.issued().await, 16);
}

#[tokio::test]
async fn a_nonce_of_another_issuer() {
    let test = TestApp::start().await;
    test.publish("ministry", "Person", crate::app::person_document()).await;
    let request = http::Request::post("/issuers/ministry/openid4vci/nonce").body(axum::body::Body::empty());
    let foreign = test.send(request.unwrap()).await.body["c_nonce"].as_str().unwrap().to_owned();
    let token = test.wallet_token().await;
    let key = key(Algorithm::Es256);
    let proof = test.proof(&key, &foreign).sign(&key).await;
    test.request(&token, &[proof]).await.is_error(400, "invalid_nonce", "not made here");
}
