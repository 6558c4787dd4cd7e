//! What no client should send to the credential endpoints: each is refused with 400 and the problem type of its kind,
//! never with 401 or 5xx, and nothing is issued.

use chancery_credential::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::backend::Edit::{self, Remove, Set};
use crate::backend::{DID, MALFORMED, UNKNOWN_OPTION, unsigned};

const ISSUE: &str = "/credentials/issue";

/// What W3C's and the CCG's suites send, and what the data model forbids beyond that.
fn malformed() -> Vec<(&'static str, Vec<Edit>)> {
    let each = |pointer: &'static str, values: Value| -> Vec<Edit> {
        values.as_array().unwrap().iter().map(|value| Set(pointer, value.clone())).collect()
    };
    let not_an_object = json!([null, true, 4, "x", []]);
    let with_id = |id: Value| json!({"id": id, "type": "Thing"});
    vec![
        ("@context", vec![Remove("/@context")]),
        ("@context", each("/@context", json!([null, true, 4, CREDENTIALS_V2, {}, []]))),
        ("@context", each("/@context/-", json!([null, true, 4, [], {"foo": true}, {"foo": 4}, {"@vocab": 4}, "x"]))),
        ("@context", each("/@context/-", json!(["https://unknown.example/context/v1", "http://", CREDENTIALS_V1]))),
        ("@context", each("/@context/0", json!(["https://www.w3.org/ns/credentials/v3", {}, CREDENTIALS_V1]))),
        // What is protected cannot be defined again.
        ("@context", each("/@context/1", json!([{"name": "https://example.org/name"}, {"type": "urn:x:type"}]))),
        ("type", vec![Remove("/type")]),
        ("type", each("/type", json!([null, true, 4, {}, [], "PersonCredential", ["PersonCredential"]]))),
        ("type", each("/type/-", json!([null, true, 4, [], {}, "", "UndefinedCredential"]))),
        ("issuer", vec![Remove("/issuer")]),
        ("issuer", each("/issuer", json!([null, true, 4, [], {}, {"name": "Office"}, {"id": 4}, {"id": null}, [DID]]))),
        ("issuer", each("/issuer", json!(["not a URL", "did:web:other.example", "", {"id": "did:web:other.example"}]))),
        ("issuer", each("/issuer", json!([{"id": DID, "name": 4}, {"id": DID, "description": {"@value": 4}}]))),
        ("credentialSubject", vec![Remove("/credentialSubject")]),
        ("credentialSubject", each("/credentialSubject", not_an_object.clone())),
        ("credentialSubject", each("/credentialSubject", json!([{}, [{}], [[]], [null], ["did:example:ada"]]))),
        ("credentialSubject", each("/credentialSubject/id", json!(["not a URL", 4, null, [], {}, ["did:example:a"]]))),
        ("credentialSubject", vec![Set("/credentialSubject/undefined", json!("x"))]),
        ("credentialSubject", vec![Set("/credentialSubject/type", json!("Undefined"))]),
        ("undefined", vec![Set("/undefined", json!("x"))]),
        ("id", each("/id", json!([null, true, 4, [], {}, "", "not a URL", "/relative", ["urn:uuid:0"]]))),
        ("validFrom", each("/validFrom", dates())),
        ("validUntil", each("/validUntil", dates())),
        (
            "valid",
            vec![Set("/validFrom", json!("2027-01-01T00:00:00Z")), Set("/validUntil", json!("2026-01-01T00:00:00Z"))],
        ),
        // Those of the other data model.
        ("issuanceDate", vec![Set("/issuanceDate", json!("2026-01-01T00:00:00Z"))]),
        ("expirationDate", vec![Set("/expirationDate", json!("2026-01-01T00:00:00Z"))]),
        ("name", each("/name", not_language_values())),
        ("description", each("/description", not_language_values())),
        ("relatedResource", each("/relatedResource", related_resources())),
        ("credentialSchema", each("/credentialSchema", json!([null, 4, "x", {}, {"id": "https://a.example/s"}]))),
        ("credentialSchema", each("/credentialSchema", json!([{"type": "JsonSchema"}, with_id(json!("no URL"))]))),
        ("credentialStatus", each("/credentialStatus", json!([null, 4, "x", {}, {"id": "https://a.example/1"}]))),
        ("credentialStatus", each("/credentialStatus", json!([entry_of("BitstringStatusListEntry")]))),
        ("refreshService", each("/refreshService", json!([null, 4, "x", {}, {"id": "https://a.example/r"}]))),
        ("termsOfUse", each("/termsOfUse", json!([null, 4, "x", {}, {"id": "https://a.example/t"}]))),
        ("evidence", each("/evidence", json!([null, 4, "x", {}, {"id": "https://a.example/e"}]))),
    ]
}

/// RFC 3339 with a time zone is what a dateTimeStamp is.
fn dates() -> Value {
    json!([
        null,
        true,
        4,
        [],
        {},
        "",
        "yesterday",
        "2026",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01 00:00:00Z",
        "1767225600",
        ["2026-01-01T00:00:00Z"],
    ])
}

fn not_language_values() -> Value {
    json!([
        true, 4, null, {}, {"@value": 4}, {"@language": "en"}, {"@value": "x", "@language": 5},
        {"@value": "x", "@direction": "up"}, {"@value": "x", "url": "y"}, [4], ["x", 4],
    ])
}

fn related_resources() -> Value {
    let digest = "sha256-WZVc7WaX1h4D8rJVb+vlMI+rFoQoRvW1htf38a3sknQ=";
    let good = json!({"id": "https://a.example/r", "digestSRI": digest});
    json!([
        null, 4, "https://a.example/r", {}, {"id": "https://a.example/r"}, {"digestSRI": digest},
        {"id": "not a URL", "digestSRI": digest}, {"id": 4, "digestSRI": digest},
        {"id": "https://a.example/r", "digestSRI": "sha256"}, {"id": "https://a.example/r", "digestSRI": "md5-AAAA"},
        {"id": "https://a.example/r", "digestSRI": 4}, {"id": "https://a.example/r", "digestMultibase": "!"},
        [good.clone(), good],
    ])
}

pub fn entry_of(kind: &str) -> Value {
    json!({
        "id": "https://a.example/list#7", "type": kind, "statusPurpose": "revocation", "statusListIndex": "7",
        "statusListCredential": "https://a.example/list",
    })
}

#[tokio::test]
async fn malformed_credentials_are_refused() {
    let test = TestApp::start_registry().await;
    let (mut tried, mut wrong) = (0, Vec::new());
    for (what, edits) in malformed() {
        // Each edit alone, but for the two that are wrong together.
        let groups: Vec<Vec<&Edit>> = match what {
            "valid" => vec![edits.iter().collect()],
            _ => edits.iter().map(|edit| vec![edit]).collect(),
        };
        for group in groups {
            let mut credential = unsigned();
            for edit in group {
                edit.apply(&mut credential);
            }
            let answer = test.issue_w3c(&credential).await;
            if answer.status != 400 || answer.body["type"] != MALFORMED {
                wrong.push(format!("{what}: {credential}\n  gave {} {}", answer.status, answer.text));
            }
            tried += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 180, "{tried}");
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.issue_w3c(&unsigned()).await.status, 201);
}

#[tokio::test]
async fn requests_that_are_no_credentials_are_refused() {
    let test = TestApp::start_registry().await;
    let token = test.backend_token().await;
    let nested = format!("{{\"credential\":{}1{}}}", "[".repeat(4_000), "]".repeat(4_000));
    let twice = format!("{{\"credential\": {}, \"credential\": {}}}", unsigned(), unsigned());
    let inside = unsigned().to_string().replacen("\"issuer\"", "\"issuer\": \"did:web:a.example\", \"issuer\"", 1);
    let huge = unsigned().to_string().replacen("\"Ada\"", "123456789012345678901234567890", 1);
    for text in [
        "",
        "{",
        "[]",
        "null",
        "4",
        "\"x\"",
        "{}",
        "{\"credential\": null}",
        "{\"credential\": 4}",
        "{\"credential\": \"x\"}",
        "{\"credential\": []}",
        "{\"credential\": {}}",
        "\u{feff}{}",
        "{\"options\": {}}",
        &nested,
        &twice,
        &format!("{{\"credential\": {inside}}}"),
        &format!("{{\"credential\": {huge}}}"),
        &json!({"verifiableCredential": unsigned()}).to_string(),
        &json!({"credential": unsigned(), "colour": "red"}).to_string(),
        &json!({"credential": unsigned(), "options": []}).to_string(),
        &json!({"credential": unsigned(), "options": "x"}).to_string(),
    ] {
        let answer = test.post_text(ISSUE, Some(&token), "application/json", text.to_owned()).await;
        assert_eq!(answer.status, 400, "{}: {answer:?}", &text[..text.len().min(200)]);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    for options in [json!({"colour": "red"}), json!({"credentialId": "urn:uuid:1", "mandatoryPointers": ["/issuer"]})] {
        let body = json!({"credential": unsigned(), "options": options});
        test.backend("POST", ISSUE, Some(&body)).await.is_problem(400, UNKNOWN_OPTION, "");
    }
    for id in
        [json!(4), json!([]), json!({}), json!(""), json!("not a URL"), json!(format!("urn:{}", "x".repeat(3_000)))]
    {
        let body = json!({"credential": unsigned(), "options": {"credentialId": id}});
        let answer = test.backend("POST", ISSUE, Some(&body)).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    let good = json!({"credential": unsigned()}).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/ld+json+x", ""] {
        test.post_text(ISSUE, Some(&token), content_type, good.clone()).await.is_problem(
            415,
            "invalid-request",
            "json",
        );
    }
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.post_text(ISSUE, Some(&token), "application/json", good).await.status, 201);
}
