//! Several issuers in one process: each with its own URL, keys and configurations.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::app::{TestApp, URL, person_document};
use crate::wallet::{PRE_AUTHORIZED, claims_of, code, key};

#[tokio::test]
async fn a_second_issuer_lives_below_its_own_path() {
    let test = TestApp::start().await;
    test.publish("ministry", "Licence", person_document()).await;
    let url = format!("{URL}/issuers/ministry");
    for path in [
        "/.well-known/openid-credential-issuer/issuers/ministry",
        "/issuers/ministry/.well-known/openid-credential-issuer",
    ] {
        let metadata = test.get(path).await.body;
        assert_eq!(metadata["credential_issuer"], url);
        assert!(metadata["credential_configurations_supported"].get("Licence").is_some());
        assert!(metadata["credential_configurations_supported"].get("Person").is_none());
    }
    assert_eq!(test.get("/.well-known/oauth-authorization-server/issuers/ministry").await.body["issuer"], url);
    assert_eq!(test.get("/issuers/ministry/did.json").await.body["id"], "did:web:localhost%3A8080:issuers:ministry");
    let own = test.get("/issuers/ministry/.well-known/jwks.json").await.body;
    assert_ne!(own, test.get("/.well-known/jwks.json").await.body);

    let admin = test.admin_token("ministry", &["offers:create"]).await;
    let body = json!({"credential_configuration_ids": ["Licence"], "claims": {"name": "Ada"}});
    let offer = test.post_json("/issuers/ministry/admin/v1/offers", Some(&admin), &body).await.body;
    assert_eq!(offer["credential_offer"]["credential_issuer"], url);
    let form = [("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code(&offer))];
    test.post_form("/oauth/token", &form).await.is_error(400, "invalid_grant", "not known");
    let answer = test.post_form("/issuers/ministry/oauth/token", &form).await;
    let token = answer.body["access_token"].as_str().unwrap().to_owned();

    let request = Request::post("/issuers/ministry/openid4vci/nonce").body(Body::empty()).unwrap();
    let nonce = test.send(request).await.body["c_nonce"].as_str().unwrap().to_owned();
    let key = key(chancery_keys::Algorithm::Es256);
    let mut proof = test.proof(&key, &nonce);
    proof.claims.insert("aud".to_owned(), json!(url));
    let body = json!({"credential_configuration_id": "Licence", "proofs": {"jwt": [proof.sign(&key).await]}});
    test.post_json("/openid4vci/credential", Some(&token), &body).await.is_error(401, "invalid_token", "not valid");
    let answer = test.post_json("/issuers/ministry/openid4vci/credential", Some(&token), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let claims = claims_of(answer.body["credentials"][0]["credential"].as_str().unwrap());
    assert_eq!(claims["iss"], url);
    assert_eq!(test.issued().await, 0, "nothing was issued by the default issuer");
}
