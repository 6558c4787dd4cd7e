//! The edges of the credential API: how much may be asked at once, and what is never taken.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::backend::{encoded, entry, unsigned, unsigned_with_id};

#[track_caller]
fn is_refused(answer: &Answer, says: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text.contains(says), "{answer:?}");
}

#[tokio::test]
async fn a_query_has_an_end() {
    let test = TestApp::start_registry().await;
    let search = |count: usize| {
        let words: Vec<String> = (0..count).map(|i| format!("unknown{i}=1")).collect();
        format!("/credentials?{}", words.join("&"))
    };
    is_refused(&test.backend("GET", &search(33), None).await, "more than 32 parameters");
    is_refused(&test.backend("GET", "/credentials?type=A&type=B", None).await, "stands in the query twice");
    is_refused(&test.backend("GET", "/credentials?type=A%00B", None).await, "a character that no text has");
    let attributes = |count: usize| {
        let words: Vec<String> = (0..count).map(|i| format!("attribute.a{i}=1")).collect();
        format!("/credentials?{}", words.join("&"))
    };
    assert_eq!(test.backend("GET", &attributes(8), None).await.status, 200);
    assert_eq!(test.backend("GET", &attributes(9), None).await.status, 400);
    is_refused(&test.backend("GET", "/credentials/urn%3Ax%00y", None).await, "a character that no URL has");
}

#[tokio::test]
async fn a_misspelt_parameter_never_revokes() {
    let test = TestApp::start_registry().await;
    let credential = test.issue_person().await["credential"].clone();
    let path = format!("/credentials/{}", encoded(credential["id"].as_str().unwrap()));
    for query in ["revok=false", "revoke=no", "revoke=", "Revoke=false", "revoke=false&force=true"] {
        let answer = test.backend("DELETE", &format!("{path}?{query}"), None).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    let stored = test.read_credential(credential["id"].as_str().unwrap()).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    assert!(stored.body["status"].as_array().unwrap().iter().all(|entry| entry["status"] == false), "{stored:?}");
    assert_eq!(entry(&credential, "revocation")["statusPurpose"], "revocation");
}

#[tokio::test]
async fn a_credential_is_stored_under_its_own_name_only() {
    let test = TestApp::start_registry().await;
    let issue = async |credential: &Value, name: &str| {
        let body = json!({"credential": credential, "options": {"credentialId": name}});
        test.backend("POST", "/credentials/issue", Some(&body)).await
    };
    let credential = unsigned_with_id("urn:example:1");
    is_refused(&issue(&credential, "urn:example:2").await, "another one than the credential's own id");
    assert_eq!(test.read_credential("urn:example:2").await.status, 404);
    assert_eq!(issue(&credential, "urn:example:1").await.status, 201);
    // Deleted is deleted, under whatever name it comes back.
    assert_eq!(test.delete_credential("urn:example:1").await.status, 200);
    for name in ["urn:example:1", "urn:example:3"] {
        assert_ne!(issue(&credential, name).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn what_this_issuer_signed_is_not_taken_over() {
    let test = TestApp::start_registry().await;
    let answer = test.issue_w3c(&unsigned()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let mut signed = answer.body["verifiableCredential"].clone();
    is_refused(&test.issue_w3c(&signed).await, "this issuer's own");
    // Nor where its name is taken off to come back as another one.
    signed.as_object_mut().unwrap().remove("id");
    assert_eq!(test.issue_w3c(&signed).await.status, 400);
}

#[tokio::test]
async fn types_have_a_length() {
    let test = TestApp::start_registry().await;
    let issue = async |length: usize| {
        let mut credential = unsigned();
        let name = "T".repeat(length);
        credential["@context"].as_array_mut().unwrap().push(json!({name.as_str(): "https://example.org/T"}));
        credential["type"].as_array_mut().unwrap().push(json!(name));
        test.issue_w3c(&credential).await
    };
    assert_eq!(issue(255).await.status, 201);
    assert_eq!(issue(256).await.status, 400);
}
