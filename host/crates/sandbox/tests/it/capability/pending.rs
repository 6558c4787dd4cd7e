//! A capability without its grant is not there at all.

use chancery_sandbox::{CallError, Stage};
use serde_json::json;

use super::DATA;
use crate::support::{Host, built, eventually, request};

#[tokio::test]
async fn every_capability_that_is_not_granted_is_asked_for() {
    let mut host = Host::new();
    host.put("hostile-data.wasm", built("hostile-data"));
    host.put("hostile-net.wasm", built("hostile-net"));
    host.start().await;
    let lines = host.status("hostile-data").missing_grants.unwrap();
    for table in
        ["[grants.kv]", "[grants.secrets]", "reveal = true", "[grants.sign.keys.", "[grants.journal]", "[grants.sql."]
    {
        assert!(lines.contains(table), "{table}: {lines}");
    }
    assert!(host.status("hostile-net").missing_grants.unwrap().starts_with("[grants.http]"));
    for plugin in ["hostile-data", "hostile-net"] {
        assert_eq!(host.status(plugin).stage, Stage::Pending);
        let error = host.sandbox().fetch(plugin, request("x")).await.unwrap_err();
        assert!(matches!(error, CallError::NotActive { stage: Stage::Pending, .. }), "{error}");
    }
    // The lines are a grant file as they are.
    host.put("hostile-data.toml", &lines);
    host.sandbox().rescan().await;
    assert_eq!(host.status("hostile-data").stage, Stage::Active);
}

#[tokio::test]
async fn naming_secrets_does_not_grant_reading_them() {
    let mut host = Host::new();
    host.put("p.wasm", built("hostile-data"));
    host.put("p.toml", DATA.replace("reveal = true", "reveal = false"));
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.stage, Stage::Pending, "{status:?}");
    let lines = status.missing_grants.unwrap();
    assert!(lines.contains("reveal = true") && !lines.contains("[grants.kv]"), "{lines}");
    assert!(host.fakes.readers().is_empty());
}

#[tokio::test]
async fn grants_of_what_the_server_does_not_have_are_rejections() {
    for (from, to, reason) in [
        ("\"registry\"\ntext = \"own\"", "\"nowhere\"\ntext = \"own\"", "grants.sql.statements.own: no database"),
        ("\"vanished\"", "\"unknown-1\"", "grants.secrets: unknown-1: no secret is called unknown-1"),
        ("secret = \"webhook-key\"", "secret = \"no-key\"", "grants.sign.keys.webhook: the secret no-key is not"),
    ] {
        let mut host = Host::new();
        host.put("p.wasm", built("hostile-data"));
        host.put("p.toml", DATA.replace(from, to));
        host.start().await;
        let status = host.status("p");
        assert_eq!(status.failed_at, Some(Stage::Linked), "{status:?}");
        assert!(status.reason.as_deref().unwrap().starts_with(reason), "{status:?}");
    }
}

/// The whole of `[grants.kv]` as it stands in the grant file.
const KV: &str = "[grants.kv]\nvalue_max = \"1KiB\"\nttl_max = \"10m\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_is_taken_away_is_gone_from_a_guest_that_keeps_trying() {
    let mut host = Host::new();
    host.put("hostile-data.wasm", built("hostile-data"));
    host.put("hostile-data.toml", DATA);
    let mut options = host.options();
    options.rescan = std::time::Duration::from_millis(50);
    let sandbox = host.start_with(options).await.clone();
    let keep_trying = async || host.script("hostile-data", json!([{"do": "kv-get", "key": "k"}])).await;
    assert!(keep_trying().await.is_ok());
    host.put("hostile-data.toml", DATA.replace(KV, ""));
    eventually("the grant is gone", async || keep_trying().await.is_err()).await;
    let status = sandbox.plugin("hostile-data").unwrap();
    assert_eq!(status.stage, Stage::Pending, "{status:?}");
    assert!(!status.is_serving() && status.missing_grants.unwrap().contains("[grants.kv]"));
    host.fakes.heard();
    for _ in 0..100 {
        let error = keep_trying().await.unwrap_err();
        assert!(matches!(error, CallError::NotActive { stage: Stage::Pending, .. }), "{error}");
    }
    assert!(host.fakes.heard().is_empty());
    host.put("hostile-data.toml", DATA);
    eventually("the grant is back", async || keep_trying().await.is_ok()).await;
}

#[tokio::test]
async fn a_grant_that_is_taken_away_is_gone_even_if_the_rest_of_the_file_is_refused() {
    let host = Host::narrow("hostile-data", DATA).await;
    let before = host.status("hostile-data").serving.unwrap();
    // A change that takes nothing away, and does not load: the former generation goes on.
    host.put("hostile-data.toml", format!("{DATA}\n[config]\nunknown = 1"));
    host.sandbox().rescan().await;
    assert_eq!(host.status("hostile-data").serving, Some(before));
    // The same without one of the statements.
    let less = DATA.replace("[grants.sql.statements.own]", "[grants.sql.statements.mine]");
    host.put("hostile-data.toml", format!("{less}\n[config]\nunknown = 1"));
    host.sandbox().rescan().await;
    let status = host.status("hostile-data");
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Configured)));
    assert!(!status.is_serving());
    host.goes_on().await;
}

#[tokio::test]
async fn a_grant_that_is_taken_away_is_gone_even_if_the_files_do_not_pass_their_first_checks() {
    let host = Host::narrow("hostile-data", DATA).await;
    host.put("hostile-data.wasm", "cut off");
    host.sandbox().rescan().await;
    assert!(host.status("hostile-data").is_serving(), "nothing was taken away");
    host.put("hostile-data.toml", DATA.replace(KV, ""));
    host.sandbox().rescan().await;
    let status = host.status("hostile-data");
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Verified)));
    assert!(!status.is_serving());
    host.goes_on().await;
}
