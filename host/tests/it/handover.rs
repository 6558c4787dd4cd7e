//! Stored credentials that wallets take by an offer, and ones that get their entries after issuance.

use chancery::issuance::issuers::DEFAULT_ISSUER;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::backend::{entry, person_ld, update};

fn bound() -> Value {
    let mut document = person_ld(&["revocation", "suspension"]);
    document["holder_binding"] = json!({"required": true});
    document["rebind"] = json!(true);
    document
}

#[tokio::test]
async fn a_copy_for_a_wallets_key_shares_what_is_said_of_the_stored_one() {
    let test = TestApp::start_registry().await;
    test.publish(DEFAULT_ISSUER, "Bound", bound()).await;
    let body = json!({"credential_configuration_id": "Bound", "data": {"name": "Ada"}, "subject": "7"});
    let stored = test.backend("POST", "/credentials/issue", Some(&body)).await;
    assert_eq!(stored.status, 201, "{stored:?}");
    let (id, original) = (stored.body["credentialId"].clone(), &stored.body["credential"]);
    assert!(original["credentialSubject"].get("id").is_none(), "{original}");
    let order = json!({"credential_configuration_ids": ["Bound"], "credential_id": id});
    let offer = test.offer_of(order.clone()).await;
    let token = test.token_for(&offer).await;
    let taken = test.request_of(&token, "Bound", &[test.good_proof().await]).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let copy = &taken.body["credentials"][0]["credential"];
    assert!(copy["credentialSubject"]["id"].as_str().unwrap().starts_with("did:jwk:"), "{copy}");
    assert_eq!(copy["credentialSubject"]["fullName"], "Ada");
    for purpose in ["revocation", "suspension"] {
        assert_eq!(entry(copy, purpose), entry(original, purpose));
    }
    assert_eq!(test.set_status(&update(original, "revocation", true)).await.status, 200);
    let refused = test.request_of(&token, "Bound", &[test.good_proof().await]).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let token = test.admin_token(DEFAULT_ISSUER, &["offers:create"]).await;
    test.post_json("/admin/v1/offers", Some(&token), &order).await.is_problem(400, "denied", "revocation");
}

#[tokio::test]
async fn a_status_that_is_refused_signs_nothing_again_and_one_that_holds_does() {
    let test = TestApp::start_registry().await;
    test.publish(DEFAULT_ISSUER, "Late", person_ld(&[])).await;
    let body = json!({"credential_configuration_id": "Late", "data": {"name": "Ada"}});
    let id = test.backend("POST", "/credentials/issue", Some(&body)).await.body["credentialId"].clone();
    let ask = |purpose: &str, status: bool| json!({"credentialId": id, "credentialStatus": {"statusPurpose": purpose}, "status": status});
    test.set_status(&ask("revocation", true)).await.is_problem(409, "no-status-entry", "");
    let mut document = person_ld(&["revocation", "suspension"]);
    document["reissue_on_status"] = json!(true);
    test.publish(DEFAULT_ISSUER, "Late", document).await;
    test.set_status(&ask("expired", true)).await.is_problem(400, "expiry-is-validity", "");
    test.set_status(&ask("refresh", true)).await.is_problem(409, "no-status-entry", "");
    test.set_status(&ask("suspension", false)).await.is_problem(409, "no-status-entry", "");
    let before = test.read_credential(id.as_str().unwrap()).await;
    assert!(before.body["credential"].get("credentialStatus").is_none(), "{before:?}");
    let answer = test.set_status(&ask("suspension", true)).await;
    assert_eq!((answer.status.as_u16(), &answer.body["reissued"]), (200, &json!(true)), "{answer:?}");
    let after = test.read_credential(id.as_str().unwrap()).await;
    let index = entry(&after.body["credential"], "suspension")["statusListIndex"].as_str().unwrap().to_owned();
    assert_eq!(index, answer.body["statusListIndex"].to_string());
}
