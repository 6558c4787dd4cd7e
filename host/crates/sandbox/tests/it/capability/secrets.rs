use chancery_sandbox::ports::Reader;
use chancery_sandbox::{CallError, Kind, PluginRequest};
use serde_json::json;

use super::DATA;
use crate::capture::Captured;
use crate::ports::SECRET;
use crate::support::{Host, request};

#[tokio::test]
async fn a_handle_shows_its_name_and_nothing_else() {
    let host = Host::narrow("hostile-data", DATA).await;
    let captured = Captured::default();
    let _capturing = captured.here();
    assert_eq!(
        host.step("hostile-data", json!({"do": "secret", "name": "registry-token"})).await,
        "ok \"registry-token\""
    );
    for name in ["other", "", "webhook-key", "registry-token ", "../registry-token"] {
        let said = host.step("hostile-data", json!({"do": "secret", "name": name})).await;
        assert!(said.contains("is granted; add it to names of [grants.secrets]"), "{said}");
    }
    let shown = format!("{:?} {:?}", captured.about("plugin"), host.sandbox().plugins());
    assert!(shown.contains("registry-token"));
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(host.fakes.readers().is_empty());
}

#[tokio::test]
async fn each_reading_reaches_the_host_with_who_read() {
    let host = Host::narrow("hostile-data", DATA).await;
    for request_id in ["req-7", "req-8"] {
        let settings = json!({ "steps": [{"do": "reveal", "name": "registry-token"}] });
        let request = PluginRequest { request_id: request_id.to_owned(), settings, ..request("x") };
        let data = host.sandbox().fetch("hostile-data", request).await.unwrap();
        assert_eq!(data.claims["said"][0][0], format!("ok {SECRET:?}"));
    }
    let sha256 = host.status("hostile-data").sha256.unwrap();
    let reader = |request_id: &str| Reader {
        plugin: "hostile-data".to_owned(),
        digest: sha256[..12].to_owned(),
        kind: Kind::DataProvider,
        issuer_id: "default".to_owned(),
        request_id: request_id.to_owned(),
    };
    assert_eq!(host.fakes.readers(), [reader("req-7"), reader("req-8")]);
}

#[tokio::test]
async fn readings_are_counted_for_each_call() {
    let host = Host::narrow("hostile-data", DATA).await;
    let read = |times: u32| json!([{"do": "reveal", "name": "registry-token", "times": times}]);
    assert!(host.script("hostile-data", read(64)).await.is_ok());
    let error = host.script("hostile-data", read(65)).await.unwrap_err();
    assert!(error.detail().contains("the call has used up its 64 operations"), "{error}");
    assert_eq!(host.fakes.readers().len(), 128);
    host.goes_on().await;
}

#[tokio::test]
async fn a_secret_that_is_gone_ends_the_call_and_not_the_plugin() {
    let host = Host::narrow("hostile-data", DATA).await;
    let error = host.script("hostile-data", json!([{"do": "reveal", "name": "vanished"}])).await.unwrap_err();
    let CallError::Trapped { detail, .. } = &error else { panic!("{error}") };
    assert!(detail.contains("the secret vanished is not available: its file is gone"), "{detail}");
    assert_eq!(error.public(), "The data source failed to answer.");
    assert!(host.step("hostile-data", json!({"do": "reveal", "name": "registry-token"})).await.starts_with("ok"));
    host.goes_on().await;
}

#[tokio::test]
async fn handles_are_counted_and_given_back() {
    let host = Host::narrow("hostile-data", DATA).await;
    let hoard = |handles: u32| json!([{"do": "hoard-secrets", "name": "registry-token", "handles": handles}]);
    for _ in 0..3 {
        let error = host.script("hostile-data", hoard(2_000)).await.unwrap_err();
        assert!(matches!(error, CallError::Trapped { .. }), "{error}");
        host.goes_on().await;
        assert_eq!(host.script("hostile-data", hoard(900)).await.unwrap(), [["900 handles"]]);
    }
}
