//! Every request and answer of the page that the credential endpoints were asked for with, literally: members, types,
//! statuses. The W3C shape and what no client should send are in `credentials_api.rs`.

use axum::body::Body;
use axum::http::Request;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::jsonld::CREDENTIALS_V2;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, URL, person_document};
use crate::backend::{DID, encoded, entry, named, person_ld, unsigned, update};

/// The members of an answer: these and no others.
#[track_caller]
fn has_members(value: &Value, expected: &[&str]) {
    let mut members: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    members.sort_unstable();
    expected.sort_unstable();
    assert_eq!(members, expected, "{value:#}");
}

#[track_caller]
fn is_date_time(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    assert!(chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{value} is no date-time");
}

/// `CredentialIssueResponseDto`, and the member that the VC-API adds.
#[track_caller]
fn is_issue_response(answer: &Answer) {
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    has_members(&answer.body, &["credentialId", "credential", "createdTimes", "updatedTimes", "verifiableCredential"]);
    let id = answer.body["credentialId"].as_str().unwrap();
    let random = id.strip_prefix(&format!("{URL}/credentials/")).unwrap();
    assert_eq!(uuid::Uuid::parse_str(random).unwrap().get_version_num(), 4, "the issuer's URL and a random UUID: {id}");
    is_date_time(&answer.body["createdTimes"]);
    is_date_time(&answer.body["updatedTimes"]);
    assert_eq!(named(&answer.headers), id);
}

#[tokio::test]
async fn a_credential_request_is_answered_with_the_stored_credential() {
    let test = TestApp::start_registry().await;
    let mut bound = person_ld(&["revocation"]);
    bound["holder_binding"] = json!({"required": true});
    bound["template"]["type"] = json!(["VerifiableCredential", "BoundCredential"]);
    bound["contexts"]["https://example.org/person/v1"]["@context"]["BoundCredential"] = json!("urn:example:bound");
    test.publish(DEFAULT_ISSUER, "BoundLd", bound).await;
    let proof = json!({"proof_type": "jwt", "jwt": test.good_proof().await});
    let of_type = |name: &str| json!({"type": ["VerifiableCredential", name]});
    let mut with_context = of_type("BoundCredential");
    with_context["@context"] = json!([CREDENTIALS_V2, "https://example.org/person/v1"]);
    let data = json!({"name": "Ada"});
    for request in [
        // The `CredentialRequest` that there is today, with and without its key proof.
        json!({"format": "ldp_vc", "credential_definition": with_context, "proof": proof, "data": data}),
        json!({"format": "ldp_vc", "credential_definition": of_type("PersonCredential"), "data": data}),
        json!({"credential_configuration_id": "PersonLd", "data": data}),
        json!({"credential_identifier": "PersonLd", "data": data}),
        json!({"credential_configuration_id": "BoundLd", "data": data, "proofs": {"jwt": [test.good_proof().await]}}),
    ] {
        let answer = test.backend("POST", "/credentials/issue", Some(&request)).await;
        is_issue_response(&answer);
        let credential = &answer.body["credential"];
        assert_eq!(credential["id"], answer.body["credentialId"]);
        assert_eq!(credential["issuer"], DID);
        assert_eq!(credential["credentialSubject"]["fullName"], "Ada");
        assert_eq!(credential["proof"]["type"], "DataIntegrityProof");
        assert_eq!(&answer.body["verifiableCredential"], credential);
        let bound = credential["credentialSubject"]["id"].as_str();
        let has_proof = request.get("proof").or(request.get("proofs")).is_some();
        assert_eq!(bound.is_some_and(|id| id.starts_with("did:jwk:")), has_proof, "{credential:#}");
        // It is stored: the same credential comes back to those who may read it.
        let stored = test.read_credential(credential["id"].as_str().unwrap()).await;
        assert_eq!(stored.status, 200, "{stored:?}");
        assert_eq!(&stored.body["credential"], credential);
    }
    assert_eq!(test.issued().await, 5);
}

#[tokio::test]
async fn a_credential_that_is_no_json_comes_enveloped() {
    let test = TestApp::start_registry().await;
    let mut document = person_document();
    document["holder_binding"] = json!({"required": false});
    document["keep"] = json!("credential");
    test.publish(DEFAULT_ISSUER, "Person", document).await;
    for request in [
        json!({"format": "dc+sd-jwt", "vct": "urn:example:person", "data": {"name": "Ada"}}),
        json!({"credential_configuration_id": "Person", "data": {"name": "Ada"}}),
    ] {
        let answer = test.backend("POST", "/credentials/issue", Some(&request)).await;
        is_issue_response(&answer);
        let text = answer.body["credential"].as_str().unwrap();
        assert!(text.ends_with('~'), "{text}");
        assert_eq!(
            answer.body["verifiableCredential"],
            json!({
                "@context": CREDENTIALS_V2,
                "id": format!("data:application/dc+sd-jwt,{text}"),
                "type": "EnvelopedVerifiableCredential",
            })
        );
    }
}

#[tokio::test]
async fn issuing_answers_each_error_of_the_page() {
    let test = TestApp::start_registry().await;
    test.publish(DEFAULT_ISSUER, "OtherLd", person_ld(&[])).await;
    let issue = "/credentials/issue";
    let good = json!({"credential_configuration_id": "PersonLd", "data": {"name": "Ada"}});
    test.post_json(issue, None, &good).await.is_error(401, "invalid_token", "needed");
    test.post_json(issue, Some("a.b.c"), &good).await.is_error(401, "invalid_token", "not valid");
    let reader = test.admin_token(DEFAULT_ISSUER, &["credentials:read", "credentials:status"]).await;
    test.post_json(issue, Some(&reader), &good).await.is_error(403, "insufficient_scope", "credentials:issue");
    test.publish("ministry", "PersonLd", person_ld(&[])).await;
    let foreign = test.admin_token("ministry", &["credentials:issue"]).await;
    test.post_json(issue, Some(&foreign), &good).await.is_error(401, "invalid_token", "not valid");
    for (body, status, kind, hint) in [
        (json!({"credential_configuration_id": "None", "data": {}}), 404, "unknown-configuration", "None"),
        (json!({"credential_configuration_id": "PersonLd"}), 400, "invalid-request", "data"),
        (
            json!({"credential_configuration_id": "PersonLd", "credential_identifier": "PersonLd", "data": {}}),
            400,
            "invalid-request",
            "exactly one",
        ),
        (
            json!({"credential_configuration_id": "PersonLd", "data": {}, "colour": "red"}),
            400,
            "invalid-request",
            "colour",
        ),
        (json!({"credential_configuration_id": "PersonLd", "data": []}), 400, "invalid-request", ""),
        // Two configurations have that format.
        (json!({"format": "ldp_vc", "data": {"name": "Ada"}}), 400, "invalid-request", "several"),
        (json!({"format": "mso_mdoc", "data": {"name": "Ada"}}), 404, "unknown-configuration", "mso_mdoc"),
        (json!({}), 400, "invalid-request", ""),
        (json!({"data": {"name": "Ada"}}), 400, "invalid-request", ""),
        (
            json!({"credential": unsigned(), "credential_configuration_id": "PersonLd", "data": {"name": "Ada"}}),
            400,
            "invalid-request",
            "",
        ),
    ] {
        test.backend("POST", issue, Some(&body)).await.is_problem(status, kind, hint);
    }
    // The template wants a name.
    let answer =
        test.backend("POST", issue, Some(&json!({"credential_configuration_id": "PersonLd", "data": {}}))).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.backend("POST", issue, Some(&good)).await.status, 201);
}

/// `CredentialStatusResponseDto`.
#[track_caller]
fn is_status_response(answer: &Answer, credential: &Value, purpose: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = &answer.body;
    has_members(
        body,
        &[
            "credentialId",
            "issuerId",
            "statusListCredentialUrl",
            "statusListIndex",
            "statusPurpose",
            "issueDate",
            "expirationDate",
            "credentialType",
            "statusTimestamp",
        ],
    );
    let entry = entry(credential, purpose);
    assert_eq!(body["credentialId"], credential["id"]);
    assert_eq!(body["issuerId"], DID);
    assert_eq!(body["statusListCredentialUrl"], entry["statusListCredential"]);
    assert_eq!(body["statusListIndex"].as_u64().unwrap().to_string(), entry["statusListIndex"]);
    assert_eq!(body["statusPurpose"], purpose);
    assert_eq!(body["credentialType"], "PersonCredential");
    for member in ["issueDate", "expirationDate", "statusTimestamp"] {
        is_date_time(&body[member]);
    }
}

#[tokio::test]
async fn a_status_request_is_answered_with_the_status_record() {
    let test = TestApp::start_registry().await;
    let credential = test.issue_person().await["credential"].clone();
    let whole = entry(&credential, "suspension").clone();
    let index: u64 = whole["statusListIndex"].as_str().unwrap().parse().unwrap();
    let request = |status_entry: Value, status: bool| {
        json!({
            "credentialId": credential["id"], "credentialStatus": status_entry, "status": status,
            "indexAllocator": "urn:example:any",
        })
    };
    // The index as an integer, as the page has it, and as text, as the VC-API has it; only the purpose; all with
    // the null members that a generated client sends.
    let mut as_integer = whole.clone();
    as_integer["statusListIndex"] = json!(index);
    let nulls = json!({
        "id": null, "type": null, "statusPurpose": "suspension", "statusListIndex": null, "statusListCredential": null,
    });
    for shape in [whole, as_integer, json!({"statusPurpose": "suspension"}), nulls] {
        for status in [true, false] {
            test.clock.advance(1);
            let answer = test.set_status(&request(shape.clone(), status)).await;
            is_status_response(&answer, &credential, "suspension");
            assert_eq!(status_of(&test, &credential, "suspension").await, status);
            let now = chancery::clock::Clock::now(test.clock.as_ref());
            let at = chrono::DateTime::parse_from_rfc3339(answer.body["statusTimestamp"].as_str().unwrap()).unwrap();
            assert_eq!(at.timestamp(), now.timestamp(), "when the current status became effective");
        }
    }
    let answer = test.set_status(&update(&credential, "revocation", true)).await;
    is_status_response(&answer, &credential, "revocation");
    assert!(status_of(&test, &credential, "revocation").await);
    assert!(!status_of(&test, &credential, "suspension").await);
    // What is so already is so: nothing is written, and the time stays.
    test.clock.advance(60);
    let again = test.set_status(&update(&credential, "revocation", true)).await;
    assert_eq!(again.body, answer.body);
}

/// What the host says of a credential's status to those who may read it.
async fn status_of(test: &TestApp, credential: &Value, purpose: &str) -> bool {
    let read = test.read_credential(credential["id"].as_str().unwrap()).await;
    let status = read.body["status"].as_array().unwrap_or_else(|| panic!("{read:?}"));
    let found: Vec<_> = status.iter().filter(|s| s["statusPurpose"] == purpose).collect();
    assert_eq!(found.len(), 1, "{read:?}");
    assert_eq!(found[0]["statusListCredentialUrl"], entry(credential, purpose)["statusListCredential"]);
    found[0]["status"].as_bool().unwrap()
}

#[tokio::test]
async fn a_status_request_answers_each_error_of_the_page() {
    let test = TestApp::start_registry().await;
    test.publish(DEFAULT_ISSUER, "NoStatus", person_ld(&[])).await;
    let credential = test.issue_person().await["credential"].clone();
    let path = "/credentials/status";
    let good = update(&credential, "revocation", true);
    test.post_json(path, None, &good).await.is_error(401, "invalid_token", "needed");
    let issuer = test.admin_token(DEFAULT_ISSUER, &["credentials:issue", "credentials:delete"]).await;
    test.post_json(path, Some(&issuer), &good).await.is_error(403, "insufficient_scope", "credentials:status");
    for member in ["credentialId", "credentialStatus", "status"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(member);
        test.set_status(&body).await.is_problem(400, "invalid-request", member);
    }
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        // Else the entry's id would contradict what is put in.
        body["credentialStatus"]["id"] = Value::Null;
        *body.pointer_mut(member).unwrap() = value;
        body
    };
    for (body, status, kind) in [
        (with("/status", json!("true")), 400, "invalid-request"),
        (with("/status", Value::Null), 400, "invalid-request"),
        (with("/credentialId", json!(5)), 400, "invalid-request"),
        (with("/credentialStatus", json!([])), 400, "invalid-request"),
        (with("/credentialStatus", Value::Null), 400, "invalid-request"),
        // Two entries: one has to say which.
        (with("/credentialStatus", json!({})), 400, "invalid-request"),
        (with("/credentialStatus", json!({"type": "BitstringStatusListEntry"})), 400, "invalid-request"),
        (with("/credentialStatus/statusListIndex", json!(-1)), 400, "invalid-request"),
        (with("/credentialStatus/statusListIndex", json!(1.5)), 400, "invalid-request"),
        (with("/credentialStatus/statusListIndex", json!("one")), 400, "invalid-request"),
        (with("/credentialStatus/statusListIndex", json!("01")), 400, "invalid-request"),
        (with("/credentialStatus/statusPurpose", json!(5)), 400, "invalid-request"),
        (with("/credentialStatus/statusPurpose", json!("expired")), 400, "expiry-is-validity"),
        (with("/credentialId", json!(format!("{URL}/credentials/none"))), 404, "unknown-credential"),
        (with("/credentialId", json!("urn:uuid:0")), 404, "unknown-credential"),
        (with("/credentialStatus/statusListCredential", json!("https://a.example/1")), 404, "unknown-status-list"),
        (with("/credentialStatus/id", json!("https://a.example/1#7")), 400, "invalid-request"),
    ] {
        test.set_status(&body).await.is_problem(status, kind, "");
    }
    let mut unknown = good.clone();
    unknown["colour"] = json!("red");
    test.set_status(&unknown).await.is_problem(400, "invalid-request", "colour");
    let request = json!({"credential_configuration_id": "NoStatus", "data": {"name": "Ada"}});
    let bare = test.backend("POST", "/credentials/issue", Some(&request)).await;
    assert_eq!(bare.status, 201, "{bare:?}");
    let body = json!({
        "credentialId": bare.body["credentialId"], "credentialStatus": {"statusPurpose": "revocation"}, "status": true,
    });
    test.set_status(&body).await.is_problem(409, "no-status-entry", "");
    // None of it changed anything; what is right still works, and is then final.
    assert!(!status_of(&test, &credential, "revocation").await);
    assert_eq!(test.set_status(&good).await.status, 200);
    test.set_status(&update(&credential, "revocation", false)).await.is_problem(409, "status-is-final", "");
    assert!(status_of(&test, &credential, "revocation").await);
    assert_eq!(test.delete_credential(credential["id"].as_str().unwrap()).await.status, 200);
    test.set_status(&good).await.is_problem(410, "credential-deleted", "");
}

/// `StatusListCredentialDto`, in the standard's spelling and in the older one, whose data model calls `validFrom`
/// `issuanceDate`.
#[tokio::test]
async fn a_status_list_is_the_pages_status_list_credential() {
    let test = TestApp::start_registry().await;
    let credential = test.issue_person().await["credential"].clone();
    for (purpose, query) in [
        ("revocation", ""),
        ("suspension", ""),
        ("revocation", "?format=StatusList2021"),
        ("suspension", "?format=StatusList2021"),
    ] {
        let url = entry(&credential, purpose)["statusListCredential"].as_str().unwrap();
        assert!(url.starts_with(&format!("{URL}/credentials/status-list/")), "{url}");
        // Anybody may read it.
        let answer = test.get(&format!("{}{query}", url.strip_prefix(URL).unwrap())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (list, subject) = (&answer.body, &answer.body["credentialSubject"]);
        let (kind, subject_kind, from, until) = if query.is_empty() {
            has_members(subject, &["id", "type", "statusPurpose", "encodedList", "ttl"]);
            ("BitstringStatusListCredential", "BitstringStatusList", "validFrom", "validUntil")
        } else {
            has_members(subject, &["id", "type", "statusPurpose", "encodedList"]);
            ("StatusList2021Credential", "StatusList2021", "issuanceDate", "expirationDate")
        };
        has_members(list, &["@context", "id", "type", "issuer", from, until, "credentialSubject", "proof"]);
        assert_eq!(list["id"], url);
        assert_eq!(list["type"], json!(["VerifiableCredential", kind]));
        assert_eq!(list["issuer"], DID, "the same issuer as the credential's");
        is_date_time(&list[from]);
        is_date_time(&list[until]);
        assert_eq!(subject["type"], subject_kind);
        assert_eq!(subject["statusPurpose"], purpose);
        assert!(subject["encodedList"].is_string() && subject["id"].is_string(), "{subject}");
        has_members(
            &list["proof"],
            &["type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"],
        );
    }
}

#[tokio::test]
async fn a_deleted_credential_is_gone_and_the_answer_says_so() {
    let test = TestApp::start_registry().await;
    let credential = test.issue_person().await["credential"].clone();
    let id = credential["id"].as_str().unwrap();
    let path = format!("/credentials/{}", encoded(id));
    let call = |token: Option<String>| {
        let mut request = Request::delete(&path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        test.send(request.body(Body::empty()).unwrap())
    };
    call(None).await.is_error(401, "invalid_token", "needed");
    let reader = test.admin_token(DEFAULT_ISSUER, &["credentials:read", "credentials:issue"]).await;
    call(Some(reader)).await.is_error(403, "insufficient_scope", "credentials:delete");
    // It revokes first, and so needs that scope too.
    let half = test.admin_token(DEFAULT_ISSUER, &["credentials:delete"]).await;
    call(Some(half)).await.is_error(403, "insufficient_scope", "credentials:status");
    assert_eq!(test.read_credential(id).await.status, 200);

    let answer = test.delete_credential(id).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"), "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.text.contains(id) && answer.text.contains("deleted"), "{}", answer.text);
    test.delete_credential(id).await.is_problem(410, "credential-deleted", "");
    test.read_credential(id).await.is_problem(410, "credential-deleted", "");
    test.delete_credential(&format!("{URL}/credentials/none")).await.is_problem(404, "unknown-credential", "");
    // A status list is no credential that can be deleted: others refer to it.
    let list = entry(&credential, "revocation")["statusListCredential"].as_str().unwrap();
    test.delete_credential(list).await.is_problem(409, "status-list-protected", "");
    let events = test.events().await;
    assert_eq!(events.iter().filter(|e| e.action == "credential.delete").count(), 1);
}

/// What the page does not know: by `?revoke=false` the status stays, and the scope for it is not asked for.
#[tokio::test]
async fn a_deletion_may_leave_the_status_alone() {
    let test = TestApp::start_registry().await;
    let mut revocations = 0;
    for (query, revokes) in [("", true), ("?revoke=true", true), ("?revoke=false", false)] {
        let credential = test.issue_person().await["credential"].clone();
        let path = format!("/credentials/{}{query}", encoded(credential["id"].as_str().unwrap()));
        let scopes: &[&str] =
            if revokes { &["credentials:delete", "credentials:status"] } else { &["credentials:delete"] };
        let token = test.admin_token(DEFAULT_ISSUER, scopes).await;
        let request = Request::delete(&path).header("authorization", format!("Bearer {token}"));
        let answer = test.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        revocations += usize::from(revokes);
        let events = test.events().await;
        assert_eq!(events.iter().filter(|e| e.action == "credential.status").count(), revocations, "{path}");
    }
    for query in ["?revoke=maybe", "?revoke=", "?revoke=false&revoke=true"] {
        let path = format!("/credentials/x{query}");
        test.backend("DELETE", &path, None).await.is_problem(400, "invalid-request", "");
    }
}
