//! The way of a wallet, from the offer to the credential.

use std::sync::Arc;

use chancery::clock::Clock as _;
use chancery_keys::{Algorithm, Signer as _, did};
use serde_json::json;

use crate::app::{TestApp, URL, person_document};
use crate::wallet::{claims_of, code, key};

#[tokio::test]
async fn a_wallet_takes_the_credential_that_it_was_offered() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let key = key(Algorithm::Es256);
    let proof = test.proof(&key, &test.nonce().await).sign(&key).await;
    let answer = test.request(&token, &[proof]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let credential = answer.body["credentials"][0]["credential"].as_str().unwrap();
    assert!(credential.ends_with('~'));
    let claims = claims_of(credential);
    assert_eq!(claims["name"], "Ada");
    assert_eq!(claims["iss"], URL);
    assert_eq!(claims["vct"], "urn:example:person");
    assert_eq!(claims["cnf"]["jwk"], json!(key.public_key().to_jwk()));
    let now = test.clock.now().timestamp();
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 30 * 86_400);
    assert_eq!(test.issued().await, 1);
}

#[tokio::test]
async fn several_proofs_give_one_credential_each_in_their_order() {
    let test = TestApp::start().await;
    let token = test.wallet_token().await;
    let nonce = test.nonce().await;
    let keys = [key(Algorithm::Es256), key(Algorithm::EdDsa), key(Algorithm::Es256)];
    let mut proofs = Vec::new();
    for key in &keys {
        proofs.push(test.proof(key, &nonce).sign(key).await);
    }
    let answer = test.request(&token, &proofs).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for (index, key) in keys.iter().enumerate() {
        let claims = claims_of(answer.body["credentials"][index]["credential"].as_str().unwrap());
        assert_eq!(claims["cnf"]["jwk"], json!(key.public_key().to_jwk()));
    }
    assert_eq!(test.issued().await, 3);
}

#[tokio::test]
async fn holders_may_name_their_key_by_did() {
    let test = TestApp::start().await;
    for name in [did::did_key, did::did_jwk] {
        let token = test.wallet_token().await;
        let key = key(Algorithm::EdDsa);
        let did = name(key.public_key());
        let fragment = if did.starts_with("did:jwk:") { "0" } else { did.strip_prefix("did:key:").unwrap() };
        let mut proof = test.proof(&key, &test.nonce().await);
        proof.header.remove("jwk");
        proof.header.insert("kid".to_owned(), json!(format!("{did}#{fragment}")));
        let answer = test.request(&token, &[proof.sign(&key).await]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
        assert_eq!(claims["cnf"]["jwk"], json!(key.public_key().to_jwk()));
    }
}

#[tokio::test]
async fn both_signing_algorithms_and_unbound_credentials_are_issued() {
    let test = TestApp::start().await;
    let mut document = person_document();
    document["signing_algorithm"] = json!("EdDSA");
    document["holder_binding"] = json!({"required": false});
    document.as_object_mut().unwrap().remove("validity");
    document["keep"] = json!("credential");
    test.publish("default", "Unbound", document).await;
    let offer = test.offer_of(
        json!({"credential_configuration_ids": ["Unbound"], "claims": {"name": "Grace", "tags": ["a", "b"]}}),
    );
    let token = test.token_for(&offer.await).await;
    let body = json!({"credential_configuration_id": "Unbound"});
    let answer = test.post_json("/openid4vci/credential", Some(&token), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let credential = answer.body["credentials"][0]["credential"].as_str().unwrap();
    let claims = claims_of(credential);
    assert_eq!(claims["tags"], json!(["a", "b"]));
    assert!(claims.get("cnf").is_none() && claims.get("exp").is_none());

    let events = test.events().await;
    let event = events.iter().find(|e| e.action == "credential.issue").unwrap();
    let stored = test.app.store.find_credential("default", &event.object).await.unwrap().unwrap();
    let sealed = stored.credential.unwrap();
    assert!(!sealed.windows(5).any(|w| w == b"Grace"), "the stored credential must be sealed");
    let body = json!({"credential_configuration_id": "Unbound", "proofs": {"jwt": [test.good_proof().await]}});
    let answer = test.post_json("/openid4vci/credential", Some(&token), &body).await;
    answer.is_error(400, "invalid_credential_request", "not bound");
}

#[tokio::test]
async fn a_code_works_once_even_when_hundreds_try_at_the_same_time() {
    let test = Arc::new(TestApp::start().await);
    let offer = Arc::new(test.offer().await);
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (test, offer) = (Arc::clone(&test), Arc::clone(&offer));
        tries.spawn(async move { test.redeem(&offer, None).await });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    for answer in answers.iter().filter(|a| a.status != 200) {
        answer.is_error(400, "invalid_grant", "used before");
    }
}

#[tokio::test]
async fn a_nonce_works_once_even_when_hundreds_try_at_the_same_time() {
    let test = Arc::new(TestApp::start().await);
    let token = test.wallet_token().await;
    let nonce = test.nonce().await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let key = key(Algorithm::EdDsa);
        let proof = test.proof(&key, &nonce).sign(&key).await;
        let (test, token) = (Arc::clone(&test), token.clone());
        tries.spawn(async move { test.request(&token, &[proof]).await });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    for answer in answers.iter().filter(|a| a.status != 200) {
        answer.is_error(400, "invalid_nonce", "used before");
    }
    assert_eq!(test.issued().await, 1);
}

#[tokio::test]
async fn an_offer_is_fetched_by_reference_until_it_is_taken() {
    let test = TestApp::start().await;
    let offer = test.offer().await;
    let path = offer["credential_offer_uri"].as_str().unwrap().strip_prefix(URL).unwrap().to_owned();
    let fetched = test.get(&path).await;
    assert_eq!(fetched.status, 200);
    assert_eq!(fetched.headers["cache-control"], "no-store");
    assert_eq!(fetched.body, offer["credential_offer"]);
    test.token_for(&offer).await;
    test.get(&path).await.is_error(404, "invalid_request", "taken");
    test.get("/openid4vci/offers/no-such-offer").await.is_error(404, "invalid_request", "no such offer");
}

#[tokio::test]
async fn links_hold_the_offer_by_reference_and_by_value() {
    let test = TestApp::start().await;
    let offer = test
        .offer_of(json!({
            "credential_configuration_ids": ["Person"],
            "claims": {"name": "Ada"},
            "tx_code": {"length": 4, "description": "50% of it came by post & \"mail\""},
        }))
        .await;
    let link = url::Url::parse(offer["link"].as_str().unwrap()).unwrap();
    assert_eq!(link.scheme(), "openid-credential-offer");
    let (name, value) = link.query_pairs().next().unwrap();
    assert_eq!(
        (name.as_ref(), value.as_ref()),
        ("credential_offer_uri", offer["credential_offer_uri"].as_str().unwrap())
    );
    let by_value = url::Url::parse(offer["link_by_value"].as_str().unwrap()).unwrap();
    let (name, value) = by_value.query_pairs().next().unwrap();
    assert_eq!(name, "credential_offer");
    assert!(!value.contains('%'), "some wallets decode twice: {value}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&value).unwrap(), offer["credential_offer"]);
    assert_eq!(offer["tx_code"].as_str().unwrap().len(), 4);
    assert_eq!(offer["credential_offer"]["credential_issuer"], URL);
}

#[tokio::test]
async fn a_token_request_may_pick_by_authorization_details() {
    let test = TestApp::start().await;
    test.publish("default", "Other", person_document()).await;
    let offer =
        test.offer_of(json!({"credential_configuration_ids": ["Person", "Other"], "claims": {"name": "Ada"}})).await;
    let details = json!([{"type": "openid_credential", "credential_configuration_id": "Other"}]).to_string();
    let grant = ("grant_type", crate::wallet::PRE_AUTHORIZED);
    let form = [grant, ("pre-authorized_code", code(&offer)), ("authorization_details", "[{}]")];
    test.post_form("/oauth/token", &form).await.is_error(400, "invalid_authorization_details", "openid_credential");
    for nothing in ["[]", "[{\"type\": \"openid_credential\", \"credential_configuration_id\": \"Nope\"}]"] {
        let form = [grant, ("pre-authorized_code", code(&offer)), ("authorization_details", nothing)];
        let answer = test.post_form("/oauth/token", &form).await;
        answer.is_error(400, "invalid_authorization_details", "nothing of that");
    }
    let form = [grant, ("pre-authorized_code", code(&offer)), ("authorization_details", &details)];
    let answer = test.post_form("/oauth/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["authorization_details"][0]["credential_identifiers"], json!(["Other"]));
    let token = answer.body["access_token"].as_str().unwrap();
    let ask = |name: &str, id: &str, proof: &str| json!({name: id, "proofs": {"jwt": [proof]}});
    let proof = test.good_proof().await;
    const PATH: &str = "/openid4vci/credential";
    let by_configuration = ask("credential_configuration_id", "Other", &proof);
    let answer = test.post_json(PATH, Some(token), &by_configuration).await;
    answer.is_error(400, "invalid_credential_request", "credential_identifier");
    let answer = test.post_json(PATH, Some(token), &ask("credential_identifier", "Person", &proof)).await;
    answer.is_error(400, "unknown_credential_identifier", "Person");
    let answer = test.post_json(PATH, Some(token), &ask("credential_identifier", "Other", &proof)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn metadata_says_what_is_served() {
    let test = TestApp::start().await;
    let metadata = test.get("/.well-known/openid-credential-issuer").await.body;
    assert_eq!(metadata["credential_issuer"], URL);
    assert_eq!(metadata["batch_credential_issuance"]["batch_size"], 16);
    let person = &metadata["credential_configurations_supported"]["Person"];
    assert_eq!(person["format"], "dc+sd-jwt");
    assert_eq!(person["proof_types_supported"]["jwt"]["proof_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
    assert_eq!(person["credential_metadata"]["claims"][0]["path"], json!(["name"]));
    let server = test.get("/.well-known/oauth-authorization-server").await.body;
    assert_eq!(server["issuer"], URL);
    assert_eq!(server["pre-authorized_grant_anonymous_access_supported"], true);
    let keys = test.get("/.well-known/jwks.json").await.body;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "credential keys only: {keys}");
    assert!(!keys.to_string().contains("\"d\""));
    assert_eq!(test.get("/.well-known/jwt-vc-issuer").await.body["jwks"], keys);
    let did = test.get("/.well-known/did.json").await;
    assert_eq!(did.body["id"], "did:web:localhost%3A8080");
    assert!(did.body["assertionMethod"].as_array().is_some_and(|m| !m.is_empty()));
    for value in [&metadata, &server, &keys, &did.body] {
        assert!(!value.to_string().contains("null"), "{value}");
    }
}

#[tokio::test]
async fn no_answer_or_event_names_the_subject() {
    let test = TestApp::start().await;
    let offer =
        test.offer_of(json!({"credential_configuration_ids": ["Person"], "claims": {"name": "Zebedee Quux"}})).await;
    assert!(!offer.to_string().contains("Quux"));
    let token = test.token_for(&offer).await;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    assert!(!String::from_utf8(payload).unwrap().contains("Quux"));
    assert_eq!(test.request(&token, &[test.good_proof().await]).await.status, 200);
    for event in test.events().await {
        assert!(!format!("{event:?}").contains("Quux"), "{event:?}");
    }
    // Nor is it anywhere in the database's files.
    for entry in std::fs::read_dir(test.dir.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(4).any(|w| w == b"Quux"), "{}", path.display());
        }
    }
}
