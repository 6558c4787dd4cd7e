//! What begins anew with each call, though the sandbox does not.

use chancery_sandbox::{CallError, PluginRequest};
use serde_json::{Value, json};

use super::{WARM, idle};
use crate::capture::Captured;
use crate::support::{Host, eventually, request};

const DATA: &str = r#"
[plugin]
instance = "warm"
[limits]
sql_runs = 3
kv_operations = 4
[grants.kv]
[grants.secrets]
names = ["registry-token"]
reveal = true
[grants.sign.keys.webhook]
purpose = "mac"
secret = "webhook-key"
[grants.sign.keys.client]
purpose = "jwt"
secret = "client-key"
algorithm = "ES256"
[grants.journal]
dir = "audit"
name = "audit.jsonl"
[grants.sql.statements.own]
database = "registry"
text = "own"
params = ["@subject.id", "@issuer.id"]
"#;

const NET: &str = r#"
[plugin]
instance = "warm"
[limits]
http_requests = 3
[grants.http]
allow = ["https://a.example"]
"#;

async fn said(host: &Host, issuer: &str, subject: &str, steps: Value) -> Vec<Vec<String>> {
    let settings = json!({ "steps": steps });
    let request = PluginRequest { issuer_id: issuer.to_owned(), settings, ..request(subject) };
    let data = host.sandbox().fetch("hostile-data", request).await.unwrap();
    serde_json::from_value(data.claims["said"].clone()).unwrap()
}

#[tokio::test]
async fn each_call_has_all_its_operations() {
    let host = Host::narrow("hostile-data", DATA).await;
    let steps = json!([
        {"do": "kv-get", "key": "k", "times": 5},
        {"do": "sql", "statement": "own", "times": 4},
        {"do": "mac", "key": "webhook", "bytes": 1, "times": 65},
    ]);
    for _ in 0..3 {
        let [kv, sql, mac] = said(&host, "default", "1003", steps.clone()).await.try_into().unwrap();
        let worked = |said: &[String]| said.iter().filter(|text| text.starts_with("ok ")).count();
        assert_eq!((worked(&kv), worked(&sql), worked(&mac)), (4, 3, 64), "{kv:?} {sql:?}");
        assert_eq!(host.status("hostile-data").idle, 1);
    }
}

#[tokio::test]
async fn a_call_is_about_its_own_subject_and_issuer() {
    let host = Host::narrow("hostile-data", DATA).await;
    let steps = json!([{"do": "sql", "statement": "own"}, {"do": "kv-get", "key": "k"}, {"do": "reveal", "name": "registry-token"}]);
    for subject in ["1003", "1004"] {
        said(&host, "a", subject, steps.clone()).await;
    }
    assert_eq!(host.status("hostile-data").idle, 1, "the second call had the first one's sandbox");
    let heard = host.fakes.heard();
    for (said, part) in heard.iter().zip(["Text(\"1003\")", "hostile-data/a/k", "Text(\"1004\")", "hostile-data/a/k"]) {
        assert!(said.contains(part), "{part}: {heard:?}");
    }
    assert_eq!(heard.len(), 4);
}

#[tokio::test]
async fn each_call_has_all_its_requests() {
    let host = Host::narrow("hostile-net", NET).await;
    for _ in 0..3 {
        let steps = json!([{"do": "send", "url": "https://a.example/hello", "times": 5}]);
        let said = host.script("hostile-net", steps).await.unwrap().remove(0);
        assert_eq!(said[..3], ["200 with 0 headers and 5 bytes"; 3]);
        assert!(said[3..].iter().all(|text| text.contains("HttpRequestDenied")), "{said:?}");
        assert_eq!(host.status("hostile-net").idle, 1);
    }
}

#[tokio::test]
async fn a_request_that_is_still_under_way_ends_with_its_call() {
    let host = Host::narrow("hostile-net", NET).await;
    let warm_up = async || {
        host.step("hostile-net", json!({"do": "send", "url": "https://a.example/hello"})).await;
        assert_eq!(host.status("hostile-net").idle, 1);
    };
    warm_up().await;
    let said = host.step("hostile-net", json!({"do": "abandon", "url": "https://a.example/never"})).await;
    assert_eq!(said, "abandoned");
    assert_eq!(host.status("hostile-net").idle, 0);
    eventually("the source is asked for nobody", async || host.fakes.waiting() == 0).await;
    warm_up().await;
    // A response that nobody read is memory of the host.
    let said = host.step("hostile-net", json!({"do": "hoard", "url": "https://a.example/large"})).await;
    assert_eq!(said, "hoarded");
    assert_eq!(host.status("hostile-net").idle, 0);
    host.goes_on().await;
}

#[tokio::test]
async fn each_call_has_all_its_blobs() {
    let host = Host::hostile(&format!("{WARM}[limits]\nblobs = \"1MiB\"")).await;
    for _ in 0..50 {
        host.ask("forget-content").await.unwrap();
        assert_eq!(idle(&host), 1);
    }
}

#[tokio::test]
async fn each_call_has_all_its_log_lines() {
    let captured = Captured::default();
    let _guard = captured.here();
    let host = Host::hostile(&format!("{WARM}[limits]\nlog_lines = 3\nlog_rate = 10000\ncpu = \"5s\"")).await;
    for calls in 1..=3 {
        host.ask("flood-log").await.unwrap();
        assert_eq!(idle(&host), 1);
        let lines = captured.about("plugin");
        assert_eq!(lines.iter().filter(|line| line["message"].contains("a line of a flood")).count(), 3 * calls);
        assert_eq!(lines.iter().filter(|line| line.contains_key("dropped")).count(), calls);
    }
}

#[tokio::test]
async fn a_crash_shows_only_the_output_of_its_own_call() {
    let host = Host::hostile(WARM).await;
    host.ask("say").await.unwrap();
    assert_eq!(idle(&host), 1);
    let error = host.ask("trap").await.unwrap_err();
    let CallError::Trapped { detail, .. } = &error else { panic!("{error}") };
    assert!(detail.contains("trap on request") && !detail.contains("said in passing"), "{detail}");
}

#[tokio::test]
async fn cpu_time_is_counted_for_each_call() {
    // Ten steps of 2 ms. All calls together take many times that.
    let grant = format!("{WARM}[warm]\nmax_uses = [10000, 10000]\n[limits]\ncpu = \"20ms\"");
    let host = Host::hostile(&grant).await;
    for _ in 0..3000 {
        host.ask("anybody").await.unwrap();
    }
    assert_eq!(idle(&host), 1);
}

#[tokio::test]
async fn the_clock_goes_on_between_calls() {
    let host = Host::hostile(WARM).await;
    for seconds in [10, 20] {
        host.fakes.set_clock(seconds);
        assert_eq!(host.ask("time").await.unwrap().claims["unix_ms"], seconds * 1000);
    }
    assert_eq!(idle(&host), 1);
}
