//! The credential endpoints as W3C's VC-API has them: what may be issued and under which id, credentials that others
//! have signed, key proofs, and the mount with VCALM's own answers. Reading them is in `credentials_read.rs`, what is
//! refused in `credentials_malformed.rs`.

use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::jsonld::CREDENTIALS_V1;
use serde_json::{Value, json};

use crate::app::{TestApp, URL};
use crate::backend::Edit::{Remove, Set};
use crate::backend::{
    DID, MALFORMED, SCOPES, UNKNOWN_OPTION, encoded, entry, named, person_ld, policy, unsigned, unsigned_with_id,
    update,
};
use crate::credentials_malformed::entry_of;
use crate::wallet::key;

const ISSUE: &str = "/credentials/issue";

#[tokio::test]
async fn what_the_data_model_allows_is_signed_as_it_is() {
    let test = TestApp::start_registry().await;
    let digest = "sha256-WZVc7WaX1h4D8rJVb+vlMI+rFoQoRvW1htf38a3sknQ=";
    let edits = [
        Set("/issuer", json!({"id": DID, "name": "Office", "description": {"@value": "Amt", "@language": "de"}})),
        Set("/issuer", json!({"id": DID, "name": [{"@value": "مكتب", "@language": "ar", "@direction": "rtl"}]})),
        Set("/type", json!("VerifiableCredential")),
        Set("/validFrom", json!("2020-01-01T00:00:00+05:30")),
        Set("/validUntil", json!("2030-12-31T23:59:59.123Z")),
        Set("/name", json!("A name")),
        Set("/description", json!([{"@value": "one", "@language": "en"}, {"@value": "un", "@language": "fr"}])),
        Set("/credentialSubject", json!([{"fullName": "Ada"}, {"id": "did:example:b", "fullName": "Bea"}])),
        Set("/credentialSubject/fullName", json!("\u{202e}quoted \" and <tag> \u{0}")),
        Set("/relatedResource", json!([{"id": "https://a.example/r", "digestSRI": digest}])),
        Set("/@context/1", json!({"@vocab": "https://example.org/#"})),
        Set("/@context/-", json!({"fullName": {"@id": "https://schema.org/name", "@type": "@json"}})),
    ];
    for edit in edits {
        let mut credential = unsigned();
        edit.apply(&mut credential);
        let answer = test.issue_w3c(&credential).await;
        assert_eq!(answer.status, 201, "{credential}: {answer:?}");
        let signed = answer.body.as_object().unwrap();
        assert_eq!(signed.keys().collect::<Vec<_>>(), ["verifiableCredential"]);
        is_as_sent(&credential, &signed["verifiableCredential"]);
    }
}

/// Every member as the client has sent it; the proof and our entries come beside them.
#[track_caller]
fn is_as_sent(sent: &Value, signed: &Value) {
    for (name, value) in sent.as_object().unwrap() {
        if name != "credentialStatus" {
            assert_eq!(&signed[name], value, "{name}");
        }
    }
    for name in signed.as_object().unwrap().keys() {
        assert!(sent.get(name).is_some() || ["proof", "credentialStatus"].contains(&name.as_str()), "{name} came in");
    }
    assert_eq!(signed["proof"]["type"], "DataIntegrityProof");
    assert_eq!(signed["proof"]["cryptosuite"], "eddsa-rdfc-2022");
    entry(signed, "revocation");
    entry(signed, "suspension");
}

#[tokio::test]
async fn both_data_models_are_issued() {
    let test = TestApp::start_registry().await;
    let old = json!({
        "@context": [CREDENTIALS_V1, "https://www.w3.org/ns/credentials/status/v1", {"fullName": "https://schema.org/name"}],
        "id": "urn:uuid:5a1c7d2e-0b3f-4c8e-9f55-2f0f8a1f9a77",
        "type": ["VerifiableCredential"],
        "issuer": DID,
        "issuanceDate": "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:ada", "fullName": "Ada"},
    });
    let answer = test.issue_w3c(&old).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let signed = &answer.body["verifiableCredential"];
    assert_eq!(signed["issuanceDate"], old["issuanceDate"]);
    assert!(entry(signed, "revocation")["id"].is_string(), "VCDM 1.1 wants an id for the entry");
    for edit in [
        Remove("/issuanceDate"),
        Set("/issuanceDate", json!("2026-01-01")),
        Set("/validFrom", json!("2026-01-01T00:00:00Z")),
        Set("/id", json!(4)),
        Set("/type", json!("VerifiableCredential, but no array")),
        Set("/refreshService", json!({"type": "Thing"})),
    ] {
        let mut credential = old.clone();
        credential["id"] = json!("urn:uuid:5a1c7d2e-0b3f-4c8e-9f55-000000000001");
        edit.apply(&mut credential);
        test.issue_w3c(&credential).await.is_problem(400, MALFORMED, "");
    }
}

#[tokio::test]
async fn ids_are_the_clients_and_are_given_once() {
    let test = TestApp::start_registry().await;
    let uuid = "3f1f3b0e-3f3b-4f7e-8f0e-0e3f1f3b0e3f";
    let ours = format!("{URL}/credentials/{uuid}");
    for id in
        ["urn:uuid:8a7b0c1d-0000-4000-8000-000000000001", "https://a.example/c?x=1&y=%2F#z", "did:example:c", &ours]
    {
        let credential = unsigned_with_id(id);
        let answer = test.issue_w3c(&credential).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.body["verifiableCredential"]["id"], id);
        assert_eq!(named(&answer.headers), id);
        test.issue_w3c(&credential).await.is_problem(409, "conflict", "");
        let body = json!({"credential": unsigned(), "options": {"credentialId": id}});
        test.backend("POST", ISSUE, Some(&body)).await.is_problem(409, "conflict", "");
        // By path and by query; the address in the answer works too.
        let (_, path) = answer.headers["location"].to_str().unwrap().split_once("8080").unwrap();
        for path in [path.to_owned(), format!("/credentials?id={}", encoded(id))] {
            let read = test.backend("GET", &path, None).await;
            assert_eq!(read.status, 200, "{path}: {read:?}");
            assert_eq!(read.body["credentialId"], id);
            assert_eq!(read.body["verifiableCredential"], answer.body["verifiableCredential"]);
        }
    }
    // Our own ids are served without what all of them begin with.
    assert_eq!(test.backend("GET", &format!("/credentials/{uuid}"), None).await.body["credentialId"], ours);
    let deleted = test.backend("DELETE", &format!("/credentials?id={}", encoded(&ours)), None).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    test.backend("GET", &format!("/credentials/{uuid}"), None).await.is_problem(410, "credential-deleted", "");
    // What was deleted is never issued again.
    test.issue_w3c(&unsigned_with_id(&ours)).await.is_problem(409, "credential-deleted", "");
    let body = json!({"credential": unsigned(), "options": {"credentialId": ours}});
    test.backend("POST", ISSUE, Some(&body)).await.is_problem(409, "credential-deleted", "");
}

#[tokio::test]
async fn an_id_in_the_options_stays_out_of_the_credential() {
    let test = TestApp::start_registry().await;
    // Neither: the credential has no id, and is found by the address that the answer names.
    let answer = test.issue_w3c(&unsigned()).await;
    assert!(answer.body["verifiableCredential"].get("id").is_none(), "none is invented: {answer:?}");
    let path = answer.headers["location"].to_str().unwrap().strip_prefix(URL).unwrap().to_owned();
    assert_eq!(
        test.backend("GET", &path, None).await.body["verifiableCredential"],
        answer.body["verifiableCredential"]
    );
    let named = json!({"credential": unsigned(), "options": {"credentialId": "urn:example:7"}});
    let answer = test.backend("POST", ISSUE, Some(&named)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.body["verifiableCredential"].get("id").is_none());
    assert_eq!(test.read_credential("urn:example:7").await.status, 200);
    let body = json!({
        "credentialId": "urn:example:7", "credentialStatus": {"statusPurpose": "suspension"}, "status": true,
    });
    assert_eq!(test.set_status(&body).await.status, 200);
    for path in ["/credentials/none", "/credentials/urn%3Aexample%3A8", "/credentials?id=urn%3Aexample%3A8"] {
        test.backend("GET", path, None).await.is_problem(404, "unknown-credential", "");
        test.backend("DELETE", path, None).await.is_problem(404, "unknown-credential", "");
    }
    test.backend("GET", "/credentials/%FF%FE", None).await.is_problem(400, "invalid-request", "");
}

#[tokio::test]
async fn a_foreign_status_is_kept_beside_ours() {
    let test = TestApp::start_registry().await;
    let mut credential = unsigned();
    credential["@context"].as_array_mut().unwrap().push(json!({
        "PaperStatus": "https://example.org/PaperStatus", "register": "https://example.org/register",
    }));
    let foreign = json!({"id": "https://a.example/7", "type": "PaperStatus", "register": "volume 7"});
    for status in [foreign.clone(), json!([foreign.clone()])] {
        credential["credentialStatus"] = status;
        let answer = test.issue_w3c(&credential).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let signed = &answer.body["verifiableCredential"];
        let entries = signed["credentialStatus"].as_array().unwrap();
        assert_eq!(entries.len(), 3, "{entries:?}");
        assert!(entries.contains(&foreign), "{entries:?}");
        entry(signed, "revocation");
        entry(signed, "suspension");
        let id = named(&answer.headers);
        // Only its own entries can be changed here.
        let body = json!({"credentialId": id, "credentialStatus": foreign, "status": true});
        let refused = test.set_status(&body).await;
        assert!([400, 404, 409].contains(&refused.status.as_u16()), "{refused:?}");
    }
    for kind in ["BitstringStatusListEntry", "StatusList2021Entry"] {
        credential["credentialStatus"] = entry_of(kind);
        assert_eq!(test.issue_w3c(&credential).await.status, 400, "{kind}");
        credential["credentialStatus"] = json!([foreign, entry_of(kind)]);
        assert_eq!(test.issue_w3c(&credential).await.status, 400, "{kind}");
    }
}

#[tokio::test]
async fn bodies_may_be_as_large_as_the_standard_has_it() {
    const LIMIT: usize = 10 * 1024 * 1024;
    let test = TestApp::start_registry().await;
    let token = test.backend_token().await;
    let empty = json!({"credential": unsigned()}).to_string().len();
    let of_size = |size: usize| {
        let mut credential = unsigned();
        credential["credentialSubject"]["fullName"] = json!("Ada".to_owned() + &"x".repeat(size - empty));
        json!({"credential": credential}).to_string()
    };
    let body = of_size(LIMIT);
    assert_eq!(body.len(), LIMIT);
    let answer = test.post_text(ISSUE, Some(&token), "application/json", body).await;
    assert_eq!(answer.status, 201, "{}", &answer.text[..answer.text.len().min(500)]);
    let signed = &answer.body["verifiableCredential"];
    assert_eq!(signed["credentialSubject"]["fullName"].as_str().unwrap().len(), 3 + LIMIT - empty);
    let path = answer.headers["location"].to_str().unwrap().strip_prefix(URL).unwrap().to_owned();
    assert!(test.backend("GET", &path, None).await.body["verifiableCredential"] == *signed);
    let answer = test.post_text(ISSUE, Some(&token), "application/json", of_size(LIMIT + 1)).await;
    answer.is_problem(413, "invalid-request", "10485760 bytes");
    // The others keep their own limit.
    let body = json!({"credentialId": "x".repeat(300_000)}).to_string();
    let answer = test.post_text("/credentials/status", Some(&token), "application/json", body).await;
    answer.is_problem(413, "invalid-request", "bytes");
}

/// A credential that is signed already is stored as it is, if its issuer is one of those that the policy names.
#[tokio::test]
async fn signed_credentials_are_taken_from_whom_the_policy_names() {
    let stranger = TestApp::start_registry().await;
    let ministry = |id: &str| format!("did:web:localhost%3A8080:issuers:{id}");
    stranger.publish("ministry", "PersonLd", person_ld(&[])).await;
    let keys = stranger.get("/issuers/ministry/did.json").await.body["verificationMethod"].clone();
    let accept: Vec<Value> = keys
        .as_array()
        .unwrap()
        .iter()
        .filter(|method| method["type"] == "Multikey")
        .map(|method| json!({"kid": method["id"], "multikey": method["publicKeyMultibase"]}))
        .collect();
    assert!(!accept.is_empty(), "{keys}");
    let token = stranger.admin_token("ministry", &SCOPES).await;
    let body = json!({"credential_configuration_id": "PersonLd", "data": {"name": "Ada"}});
    let issued = stranger.post_json("/issuers/ministry/credentials/issue", Some(&token), &body).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let signed = issued.body["credential"].clone();
    assert_eq!(signed["issuer"], ministry("ministry"));

    let test = TestApp::start_registry_with(|config| {
        let accept = json!({"accept": [{"id": ministry("ministry"), "keys": accept}]});
        config.credentials.insert(DEFAULT_ISSUER.to_owned(), policy(accept));
    })
    .await;
    let none = TestApp::start_registry().await;
    none.issue_w3c(&signed).await.is_problem(400, "credential-not-accepted", "");
    let answer = test.issue_w3c(&signed).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["verifiableCredential"], signed, "not a byte of it is changed");
    test.issue_w3c(&signed).await.is_problem(409, "conflict", "");
    let id = signed["id"].as_str().unwrap();
    assert_eq!(test.read_credential(id).await.body["credential"], signed);
    let body = json!({"credentialId": id, "credentialStatus": {"statusPurpose": "revocation"}, "status": true});
    test.set_status(&body).await.is_problem(409, "foreign-credential", "");
    for edit in [
        Set("/credentialSubject/fullName", json!("Eve")),
        Set("/id", json!("urn:uuid:1")),
        Set("/issuer", json!(DID)),
        Set("/proof/proofValue", json!("z1111")),
        Set("/proof", json!({})),
        Set("/proof", json!([])),
        Set("/proof", Value::Null),
        Set("/proof/proofPurpose", json!("authentication")),
    ] {
        let mut forged = signed.clone();
        edit.apply(&mut forged);
        test.issue_w3c(&forged).await.is_problem(400, "credential-not-accepted", "");
    }
}

/// The same service with the answers of the standard's newer edition.
#[tokio::test]
async fn vcalm_has_a_mount_of_its_own() {
    let test = TestApp::start_registry().await;
    let id = "urn:uuid:8a7b0c1d-0000-4000-8000-000000000002";
    let issue = "/vcalm/credentials/issue";
    let answer = test.backend("POST", issue, Some(&json!({"credential": unsigned_with_id(id)}))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let credential = answer.body["verifiableCredential"].clone();
    is_as_sent(&unsigned_with_id(id), &credential);
    let path = format!("/vcalm/credentials/{}", encoded(id));
    let read = test.backend("GET", &path, None).await;
    assert_eq!((read.status.as_u16(), &read.body), (200, &json!({"verifiableCredential": credential})));
    let status =
        test.backend("POST", "/vcalm/credentials/status", Some(&update(&credential, "suspension", true))).await;
    assert_eq!((status.status.as_u16(), &status.body), (200, &json!({})));
    let options = json!({"credential": unsigned(), "options": {"colour": "red"}});
    test.backend("POST", issue, Some(&options)).await.is_problem(400, UNKNOWN_OPTION, "");
    let page = json!({"credential_configuration_id": "PersonLd", "data": {"name": "Ada"}});
    test.backend("POST", issue, Some(&page)).await.is_problem(400, "invalid-request", "");
    let deleted = test.backend("DELETE", &path, None).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (202, ""));
    test.backend("GET", &path, None).await.is_problem(410, "credential-deleted", "");
    test.backend("DELETE", &path, None).await.is_problem(410, "credential-deleted", "");
    test.backend("GET", "/vcalm/credentials/none", None).await.is_problem(404, "unknown-credential", "");

    let made = test.backend("POST", "/vcalm/status-lists", Some(&json!({"statusPurpose": "revocation"}))).await;
    assert_eq!(made.status, 201, "{made:?}");
    let list = &made.body["verifiableCredential"];
    assert_eq!(made.body["id"], list["id"]);
    assert_eq!(list["type"], json!(["VerifiableCredential", "BitstringStatusListCredential"]));
    let location = made.headers["location"].to_str().unwrap().strip_prefix(URL).unwrap().to_owned();
    assert_eq!(test.get(&location).await.body["id"], list["id"], "anybody may read it");
    for body in [json!({}), json!({"statusPurpose": "colour"}), json!({"statusPurpose": 4}), json!({"x": 1})] {
        let answer = test.backend("POST", "/vcalm/status-lists", Some(&body)).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert_eq!(test.get("/vcalm/status-lists/none").await.status, 404);
}

/// A key that is shown must be proven.
#[tokio::test]
async fn a_key_proof_that_is_wrong_is_refused() {
    let test = TestApp::start_registry().await;
    let mut bound = person_ld(&["revocation"]);
    bound["holder_binding"] = json!({"required": true});
    test.publish(DEFAULT_ISSUER, "BoundLd", bound).await;
    let stale = test.good_proof().await;
    test.clock.advance(3_600);
    let holder = key(chancery_keys::Algorithm::Es256);
    let foreign = test.proof(&holder, "no-such-nonce").sign(&holder).await;
    let two = json!({"jwt": [test.good_proof().await, test.good_proof().await]});
    let good = test.good_proof().await;
    let request = |configuration: &str, member: &str, proof: &Value| {
        let mut body = json!({"credential_configuration_id": configuration, "data": {"name": "Ada"}});
        body[member] = proof.clone();
        body
    };
    for (member, proof) in [
        ("proof", json!({"proof_type": "jwt", "jwt": stale})),
        ("proof", json!({"proof_type": "jwt", "jwt": foreign})),
        ("proof", json!({"proof_type": "cwt", "cwt": "x"})),
        ("proof", json!({"proof_type": "jwt"})),
        ("proof", json!("x")),
        ("proofs", json!({"jwt": []})),
        ("proofs", json!({"jwt": [stale]})),
        ("proofs", two),
        ("proofs", Value::Null),
    ] {
        let body = request("BoundLd", member, &proof);
        let answer = test.backend("POST", ISSUE, Some(&body)).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    // What is bound to no key wants none.
    let proof = json!({"jwt": [good]});
    assert_eq!(test.backend("POST", ISSUE, Some(&request("PersonLd", "proofs", &proof))).await.status, 400);
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.backend("POST", ISSUE, Some(&request("BoundLd", "proofs", &proof))).await.status, 201);
    // The nonce in it is used up.
    assert_eq!(test.backend("POST", ISSUE, Some(&request("BoundLd", "proofs", &proof))).await.status, 400);
    assert_eq!(test.issued().await, 1);
}
