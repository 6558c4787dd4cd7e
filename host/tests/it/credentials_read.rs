//! Credentials that are stored already: who reads them and under which conditions, and requests that are sent twice.

use axum::body::Body;
use axum::http::{Request, header};
use chancery::issuance::issuers::DEFAULT_ISSUER;
use serde_json::json;

use crate::app::TestApp;
use crate::backend::{SCOPES, encoded, person_ld, update};

const ISSUE: &str = "/credentials/issue";

#[tokio::test]
async fn credentials_are_read_under_conditions() {
    let test = TestApp::start_registry().await;
    let credential = test.issue_person().await["credential"].clone();
    let path = format!("/credentials/{}", encoded(credential["id"].as_str().unwrap()));
    test.clock.advance(60);
    let first = test.backend("GET", &path, None).await;
    assert_eq!(first.status, 200, "{first:?}");
    let header = |name: &str| first.headers[name].to_str().unwrap().to_owned();
    let (tag, modified) = (header("etag"), header("last-modified"));
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "a strong tag: {tag}");
    assert!(modified.starts_with("Mon, 01 Jun 2026 12:00:0"), "{modified}");
    assert_eq!(header("cache-control"), "private, no-cache");
    let weak = format!("W/{tag}");
    let many = format!("\"other\", {weak}, \"another\"");
    let later = "Mon, 01 Jun 2026 12:00:02 GMT";
    let earlier = "Mon, 01 Jun 2026 11:59:59 GMT";
    for (headers, status) in [
        (vec![("if-none-match", tag.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", &weak)], 304),
        (vec![("if-none-match", &many)], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-none-match", "nonsense")], 200),
        (vec![("if-modified-since", &modified)], 304),
        (vec![("if-modified-since", later)], 304),
        (vec![("if-modified-since", earlier)], 200),
        (vec![("if-modified-since", "yesterday")], 200),
        // The tag decides where both are there (RFC 9110, 13.1.3).
        (vec![("if-none-match", "\"other\""), ("if-modified-since", later)], 200),
        (vec![("if-none-match", &tag), ("if-modified-since", earlier)], 304),
    ] {
        let answer = test.backend_with("GET", &path, &headers, None).await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert_eq!(answer.headers["etag"], tag, "{headers:?}");
        assert_eq!(answer.text.is_empty(), status == 304);
    }
    // What it says has changed with its status, and nothing but that.
    test.clock.advance(10);
    assert_eq!(test.set_status(&update(&credential, "suspension", true)).await.status, 200);
    let second = test.backend_with("GET", &path, &[("if-none-match", &tag)], None).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(second.headers["etag"], tag);
    assert_eq!(second.body["credential"], credential);
    let stale = test.backend_with("GET", &path, &[("if-modified-since", &modified)], None).await;
    assert_eq!(stale.status, 200, "it was changed since: {stale:?}");
}

/// Dates have whole seconds, and a status may change twice in one: a client that goes by the date alone must not take
/// the former one for the newer for ever.
#[tokio::test]
async fn a_change_within_the_second_of_a_reading_is_seen() {
    let test = TestApp::start_registry().await;
    let credential = test.issue_person().await["credential"].clone();
    let path = format!("/credentials/{}", encoded(credential["id"].as_str().unwrap()));
    let first = test.backend("GET", &path, None).await;
    let modified = first.headers["last-modified"].to_str().unwrap();
    // RFC 9110, 8.8.2.1: never later than the answer itself, which is of half a second after twelve.
    assert_eq!(modified, "Mon, 01 Jun 2026 12:00:00 GMT");
    assert_eq!(test.set_status(&update(&credential, "suspension", true)).await.status, 200);
    test.clock.advance(60);
    let second = test.backend_with("GET", &path, &[("if-modified-since", modified)], None).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(second.body["status"], first.body["status"]);
}

#[tokio::test]
async fn only_what_is_kept_is_read() {
    let test = TestApp::start_registry().await;
    let mut document = person_ld(&["revocation"]);
    document["keep"] = json!("record");
    test.publish(DEFAULT_ISSUER, "RecordOnly", document).await;
    let body = json!({"credential_configuration_id": "RecordOnly", "data": {"name": "Ada"}});
    let answer = test.backend("POST", ISSUE, Some(&body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["credentialId"].as_str().unwrap();
    test.read_credential(id).await.is_problem(404, "credential-not-kept", "");
    assert_eq!(test.set_status(&update(&answer.body["credential"], "revocation", true)).await.status, 200);
    let reader = test.admin_token(DEFAULT_ISSUER, &["credentials:issue"]).await;
    let request = |token: Option<&str>| {
        let mut request = Request::get(format!("/credentials/{}", encoded(id)));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        test.send(request.body(Body::empty()).unwrap())
    };
    request(None).await.is_error(401, "invalid_token", "needed");
    request(Some(&reader)).await.is_error(403, "insufficient_scope", "credentials:read");
}

#[tokio::test]
async fn one_issuers_credentials_are_nobody_elses() {
    let test = TestApp::start_registry().await;
    test.publish("ministry", "PersonLd", person_ld(&["revocation"])).await;
    let credential = test.issue_person().await["credential"].clone();
    let id = credential["id"].as_str().unwrap();
    let token = test.admin_token("ministry", &SCOPES).await;
    let path = format!("/issuers/ministry/credentials/{}", encoded(id));
    for method in ["GET", "DELETE"] {
        let request = Request::builder().method(method).uri(&path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let answer = test.send(request.body(Body::empty()).unwrap()).await;
        answer.is_problem(404, "unknown-credential", "");
    }
    let body = update(&credential, "revocation", true);
    let answer = test.post_json("/issuers/ministry/credentials/status", Some(&token), &body).await;
    answer.is_problem(404, "unknown-credential", "");
    let read = test.read_credential(id).await;
    assert!(read.body["status"].as_array().unwrap().iter().all(|s| s["status"] == false), "{read:?}");
}

#[tokio::test]
async fn an_idempotency_key_makes_a_request_safe_to_repeat() {
    let test = TestApp::start_registry().await;
    let key = [("idempotency-key", "order-7")];
    let body = json!({"credential_configuration_id": "PersonLd", "data": {"name": "Ada"}});
    let first = test.backend_with("POST", ISSUE, &key, Some(&body)).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert!(first.headers.get("idempotent-replayed").is_none());
    test.clock.advance(60);
    let again = test.backend_with("POST", ISSUE, &key, Some(&body)).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text), "the very same answer");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["location"], first.headers["location"]);
    let other = json!({"credential_configuration_id": "PersonLd", "data": {"name": "Bea"}});
    test.backend_with("POST", ISSUE, &key, Some(&other)).await.is_problem(422, "idempotency-key-reused", "");
    assert_eq!(test.issued().await, 1);
    // Another client's key is another key.
    for bad in ["", " ", "x y", "é", &"k".repeat(256)] {
        let answer = test.backend_with("POST", ISSUE, &[("idempotency-key", bad)], Some(&body)).await;
        assert_eq!(answer.status, 400, "{bad:?}: {answer:?}");
        answer.is_problem(400, "invalid-request", "Idempotency-Key");
    }
    // A refusal is no reply that binds: the same key may be used for what is right.
    let key = [("idempotency-key", "order-8")];
    let wrong = json!({"credential_configuration_id": "None", "data": {"name": "Ada"}});
    assert_eq!(test.backend_with("POST", ISSUE, &key, Some(&wrong)).await.status, 404);
    assert_eq!(test.backend_with("POST", ISSUE, &key, Some(&body)).await.status, 201);

    let update = update(&first.body["credential"], "suspension", true);
    let key = [("idempotency-key", "suspend-7")];
    let first = test.backend_with("POST", "/credentials/status", &key, Some(&update)).await;
    let again = test.backend_with("POST", "/credentials/status", &key, Some(&update)).await;
    assert_eq!((first.status.as_u16(), &first.text), (200, &again.text));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    // Also where there was nothing to do the first time.
    test.clock.advance(60);
    let key = [("idempotency-key", "suspend-8")];
    let first = test.backend_with("POST", "/credentials/status", &key, Some(&update)).await;
    test.clock.advance(60);
    let again = test.backend_with("POST", "/credentials/status", &key, Some(&update)).await;
    assert_eq!((first.status.as_u16(), &first.text), (200, &again.text));
    assert_eq!(test.issued().await, 2);
}
