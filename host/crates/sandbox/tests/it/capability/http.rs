use chancery_sandbox::{CallError, LimitKind, Stage};
use serde_json::{Value, json};

use crate::capture::Captured;
use crate::ports::SECRET;
use crate::support::{Host, built};

const GRANT: &str = r#"
[limits]
wall = "2s"
http_requests = 3
[grants.http]
allow = ["https://a.example"]
request_max = "10KiB"
inject = [{ host = "a.example", header = "authorization", value = "Bearer {{secret:registry-token}}" }]
"#;

fn send(path: &str) -> Value {
    json!({"do": "send", "url": format!("https://a.example{path}")})
}

#[tokio::test]
async fn faults_arrive_as_wasi_http_names_them_and_without_the_hosts_words() {
    let host = Host::narrow("hostile-net", GRANT).await;
    for (path, code) in [
        ("/denied", "HttpRequestDenied"),
        ("/dns", "DnsError"),
        ("/connect", "ConnectionRefused"),
        ("/connect-timeout", "ConnectionTimeout"),
        ("/timeout", "HttpResponseTimeout"),
        ("/tls", "TlsCertificateError"),
        ("/request-too-large", "HttpRequestBodySize(Some(7))"),
        ("/response-too-large", "HttpResponseBodySize(Some(8))"),
        ("/protocol", "HttpProtocolError"),
        ("/busy", "ConnectionLimitReached"),
    ] {
        let said = host.step("hostile-net", send(path)).await;
        assert!(said.starts_with("failed: ") && said.contains(code), "{path}: {said}");
        assert!(!said.contains("10.0.0.7"), "{path}: {said}");
    }
    assert_eq!(host.step("hostile-net", send("/hello")).await, "200 with 0 headers and 5 bytes");
    assert_eq!(host.step("hostile-net", send("/large")).await, "200 with 0 headers and 3145728 bytes");
}

#[tokio::test]
async fn requests_are_counted_for_each_call() {
    let host = Host::narrow("hostile-net", GRANT).await;
    for _ in 0..2 {
        let steps = json!([{"do": "send", "url": "https://a.example/hello", "times": 5}]);
        let said = host.script("hostile-net", steps).await.unwrap().remove(0);
        assert_eq!(said[..3], ["200 with 0 headers and 5 bytes"; 3]);
        assert!(said[3..].iter().all(|text| text.contains("HttpRequestDenied")), "{said:?}");
        assert_eq!(host.fakes.heard().len(), 3);
    }
}

#[tokio::test]
async fn requests_that_nobody_waits_for_end_with_the_call() {
    let host = Host::narrow("hostile-net", GRANT).await;
    for _ in 0..3 {
        let flood = json!([{"do": "flood", "url": "https://a.example/never", "times": 20}]);
        assert!(host.script("hostile-net", flood).await.is_ok());
        host.goes_on().await;
    }
    assert!(host.fakes.heard().len() <= 9);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_with_the_call() {
    let host = Host::narrow("hostile-net", GRANT).await;
    let error = host.script("hostile-net", json!([send("/never")])).await.unwrap_err();
    let CallError::Limit { which, detail, .. } = error else { panic!("{error}") };
    assert_eq!((which, detail.as_str()), (LimitKind::Wall, "2s"));
    host.goes_on().await;
    // A guest may be less patient than its limits.
    let step = json!({"do": "send", "url": "https://a.example/never", "patience_ms": 10});
    let said = host.step("hostile-net", step).await;
    assert!(said.contains("HttpResponseTimeout"), "{said}");
    host.goes_on().await;
}

#[tokio::test]
async fn bodies_are_bounded_and_whole() {
    let host = Host::narrow("hostile-net", GRANT).await;
    let body = |bytes: u32| json!({"do": "send", "url": "https://a.example/hello", "body_bytes": bytes});
    assert_eq!(host.step("hostile-net", body(10_240)).await, "200 with 0 headers and 5 bytes");
    assert_eq!(host.fakes.heard(), ["GET https://a.example/hello [] 10240"]);
    for bytes in [10_241, 1_000_000] {
        let said = host.step("hostile-net", body(bytes)).await;
        assert!(said.contains("HttpRequestBodySize(Some(10240))"), "{said}");
    }
    let open = json!({"do": "send", "url": "https://a.example/hello", "body_bytes": 5, "leave_body_open": true});
    let said = host.step("hostile-net", open).await;
    assert!(said.starts_with("failed: "), "{said}");
    assert!(host.fakes.heard().is_empty(), "half a request was sent");
    host.goes_on().await;
}

#[tokio::test]
async fn the_grants_headers_are_the_hosts_alone() {
    let host = Host::narrow("hostile-net", GRANT).await;
    let captured = Captured::default();
    let _capturing = captured.here();
    for name in ["host", "connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-authorization"] {
        let step = json!({"do": "send", "url": "https://a.example/hello", "headers": [[name, "x"]]});
        let said = host.step("hostile-net", step).await;
        assert!(said.starts_with("headers: "), "{name}: {said}");
    }
    for (name, value) in [("x y", "x"), ("x", "a\r\nhost: b"), ("", "x"), ("x", "\u{0}")] {
        let step = json!({"do": "send", "url": "https://a.example/hello", "headers": [[name, value]]});
        let said = host.step("hostile-net", step).await;
        assert!(said.starts_with("headers: "), "{name:?}: {said}");
    }
    let large = json!({"do": "send", "url": "https://a.example/hello", "headers": [["x", "y".repeat(100_000)]]});
    let error = host.script("hostile-net", json!([large])).await.unwrap_err();
    let CallError::Trapped { detail, .. } = error else { panic!("{error}") };
    assert!(detail.starts_with("total size of fields exceeds limit"), "{detail}");
    assert!(host.fakes.heard().is_empty());
    // A length that is not the body's is not passed on.
    let lie = json!({"do": "send", "url": "https://a.example/hello", "headers": [["content-length", "0"]]});
    host.step("hostile-net", lie).await;
    assert_eq!(host.fakes.heard(), ["GET https://a.example/hello [] 0"]);
    let shown = format!("{:?} {:?}", captured.about("plugin"), host.sandbox().plugins());
    assert!(shown.contains("injects authorization for a.example") && !shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn a_grant_that_the_client_refuses_is_a_rejection() {
    let mut host = Host::new();
    host.put("p.wasm", built("hostile-net"));
    host.put("p.toml", "[grants.http]\nallow = [\"https://bad.example\"]");
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.failed_at, Some(Stage::Linked), "{status:?}");
    assert_eq!(status.reason.as_deref(), Some("grants.http: a bad origin"));
}

#[tokio::test]
async fn sockets_lead_nowhere() {
    let host = Host::narrow("hostile-net", GRANT).await;
    let said = host.script("hostile-net", json!([{"do": "sockets"}])).await.unwrap().remove(0);
    assert_eq!(said.len(), 8);
    assert!(said.iter().all(|text| text.ends_with(": refused")), "{said:?}");
    host.goes_on().await;
}
