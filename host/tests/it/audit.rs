//! What operators read of the audit trail and of issued credentials, from the built binary.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::{TestApp, program};
use crate::wallet::key;

/// Runs a subcommand on the store of a `TestApp`.
pub fn chancery(test: &TestApp, arguments: &[&str], input: &str) -> Output {
    let config = test.dir.path().join("chancery.toml");
    std::fs::write(&config, "").unwrap();
    let mut command = Command::new(program());
    command.arg("--config").arg(config).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn events(test: &TestApp, arguments: &[&str]) -> Vec<Value> {
    let output = chancery(test, &[&["audit", "events", "--json"], arguments].concat(), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&output)
}

/// Two credentials by one request; the texts that the wallet got.
async fn issue_two(test: &TestApp) -> Vec<String> {
    let (one, other) = (key(chancery_keys::Algorithm::Es256), key(chancery_keys::Algorithm::EdDsa));
    let (token, nonce) = (test.wallet_token().await, test.nonce().await);
    let proofs = [test.proof(&one, &nonce).sign(&one).await, test.proof(&other, &nonce).sign(&other).await];
    let answer = test.request(&token, &proofs).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |one: &Value| one["credential"].as_str().unwrap().to_owned();
    answer.body["credentials"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn each_credential_has_an_event_that_names_its_digest_and_a_record() {
    let test = TestApp::start().await;
    let credentials = issue_two(&test).await;
    let issued = events(&test, &["--action", "credential.issue"]);
    assert_eq!(issued.len(), 2);
    for (event, credential) in issued.iter().zip(&credentials) {
        let digest = format!("{:x}", Sha256::digest(credential));
        assert_eq!(event["detail"]["credential_sha256"], digest);
        assert_eq!(event["outcome"], "succeeded");
        assert_eq!(event["request_id"], issued[0]["request_id"], "both are of one request");
        assert!(!event.to_string().contains("Ada"), "an event tells whom it is about: {event}");
    }
    let ids: Vec<&str> = issued.iter().map(|event| event["object"].as_str().unwrap()).collect();
    let shown = chancery(&test, &["credential", "show", "--json", "-"], &format!("{}\n{}\n", ids[0], ids[1]));
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let records = lines(&shown);
    assert_eq!(records.len(), 2);
    for (record, id) in records.iter().zip(&ids) {
        assert_eq!(record["credential_id"], *id);
        assert_eq!(record["configuration_id"], "Person");
        assert_eq!(record["offer_id"], issued[0]["detail"]["offer"]);
    }
    let shown = chancery(&test, &["credential", "show", ids[1]], "");
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains(ids[1]) && text.contains("Person@1") && text.lines().count() == 1, "{text}");
}

#[tokio::test]
async fn the_trail_is_read_on_from_any_number() {
    let test = TestApp::start().await;
    for _ in 0..3 {
        test.offer().await;
    }
    let all = events(&test, &[]);
    let numbers: Vec<i64> = all.iter().map(|event| event["number"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(events(&test, &["--after", &numbers[1].to_string()]), all[2..]);
    assert_eq!(events(&test, &["--after", &numbers[numbers.len() - 1].to_string()]), Vec::<Value>::new());
    assert_eq!(events(&test, &["--limit", "2"]), all[..2]);
    let offers = events(&test, &["--action", "offer.create", "--limit", "2"]);
    assert_eq!(offers.len(), 2);
    assert!(offers.iter().all(|event| event["action"] == "offer.create"), "{offers:?}");

    let offer = test.offer().await;
    test.token_for(&offer).await;
    assert_eq!(test.redeem(&offer, None).await.status, 400);
    let output = chancery(&test, &["audit", "events"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), all.len() + 3);
    assert!(text.lines().last().unwrap().ends_with("refused: code-already-used"), "{text}");
}

/// More events than one read of the store answers.
#[tokio::test]
async fn a_long_trail_is_read_whole() {
    let test = TestApp::start().await;
    let before = events(&test, &[]).len();
    let actor = chancery::audit::Actor::system();
    let at = test.app.clock.timestamp();
    let many: Vec<_> = (0..2_500).map(|n| actor.did("default", "test.many", &n.to_string(), at)).collect();
    test.app.store.append_events(&many).await.unwrap();
    let all = events(&test, &[]);
    assert_eq!(all.len(), before + 2_500);
    assert!(all[before..].iter().zip(&many).all(|(event, made)| event["object"] == made.object));
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let test = TestApp::start().await;
    let output = chancery(&test, &["credential", "show", "--json", "urn:uuid:nobody"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no record: urn:uuid:nobody"));
    for arguments in
        [&["audit", "events", "--issuer", "nobody"][..], &["credential", "show", "x", "--issuer", "nobody"]]
    {
        let output = chancery(&test, arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no issuer nobody"));
    }
}
