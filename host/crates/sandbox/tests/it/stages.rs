//! Loading: what becomes of each kind of file.

use std::fs;

use chancery_sandbox::{CallError, Kind, Stage, StartError};

use crate::dummy;
use crate::support::{Host, hostile, request};

/// What a sandbox says about one file.
async fn rejection(wasm: &[u8], grant: &str) -> (Stage, String) {
    let mut host = Host::new();
    host.put("p.wasm", wasm);
    host.put("p.toml", grant);
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.stage, Stage::Rejected, "{status:?}");
    assert!(!status.is_serving());
    let error = host.sandbox().fetch("p", request("x")).await.unwrap_err();
    assert!(matches!(error, CallError::NotActive { .. }), "{error}");
    (status.failed_at.unwrap(), status.reason.unwrap())
}

#[tokio::test]
async fn what_is_no_component_is_rejected_at_once() {
    for (bytes, part) in
        [(&b""[..], "empty"), (b"hello", "not a WebAssembly component"), (b"\0asm\x01\0\0\0", "core module")]
    {
        let (stage, reason) = rejection(bytes, "").await;
        assert_eq!(stage, Stage::Verified);
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn a_truncated_component_is_rejected_by_the_compiler() {
    let mut wasm = dummy::data_provider();
    wasm.truncate(wasm.len() - 100);
    let (stage, reason) = rejection(&wasm, "").await;
    assert_eq!(stage, Stage::Compiled);
    assert!(reason.contains("does not compile"), "{reason}");
}

#[tokio::test]
async fn components_of_other_worlds_are_rejected_when_linked() {
    let lifecycle = "export chancery:plugin/lifecycle@0.1.0;";
    for (world, part) in [
        ("export run: func();", "not a Chancery plugin"),
        (lifecycle, "not a Chancery plugin"),
        ("export chancery:plugin/data-provider@0.1.0;", "does not export chancery:plugin/lifecycle"),
        ("include chancery:plugin/vc-issuance-plugin@0.1.0;", "vc-issuance plugin, a kind"),
        ("include chancery:plugin/audit-plugin@0.1.0;", "audit plugin, a kind"),
        (
            "include chancery:plugin/data-provider-plugin@0.1.0; import chancery:host/sql@0.1.0;",
            "chancery:host/sql@0.1.0, which",
        ),
        ("include chancery:plugin/data-provider-plugin@0.1.0; import made-up: func();", "made-up, which"),
    ] {
        let (stage, reason) = rejection(&dummy::component(world), "").await;
        assert_eq!(stage, Stage::Linked, "{world}: {reason}");
        assert!(reason.contains(part), "{world}: {reason}");
    }
}

#[tokio::test]
async fn a_faulty_grant_file_is_named() {
    let wasm = dummy::data_provider();
    for (grant, part) in [
        ("[grants.http]\nallow = []", "unknown field `http`"),
        ("[limits]\nmemory = \"9GiB\"", "ceiling of 512MiB"),
        ("[[grants.files]]\nhost = \"none.csv\"\nguest = \"/x\"", "none.csv"),
        ("[[grants.files]]\nhost = \".\"\nguest = \"/x\"", "not a regular file"),
    ] {
        let (stage, reason) = rejection(&wasm, grant).await;
        assert_eq!(stage, Stage::Verified, "{reason}");
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn a_pinned_digest_must_match() {
    let pin = format!("[plugin]\nsha256 = \"{}\"", "0".repeat(64));
    let (stage, reason) = rejection(&dummy::data_provider(), &pin).await;
    assert_eq!(stage, Stage::Verified);
    assert!(reason.contains("pins 0000"), "{reason}");
}

#[tokio::test]
async fn missing_grants_make_it_pending_and_show_the_lines_to_add() {
    let wants_files = "include chancery:plugin/data-provider-plugin@0.1.0;
                       import chancery:host/files@0.1.0;";
    let mut host = Host::new();
    host.put("p.wasm", dummy::component(wants_files));
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.stage, Stage::Pending);
    assert_eq!(status.kind, Some(Kind::DataProvider));
    let lines = status.missing_grants.unwrap();
    assert!(lines.contains("[[grants.files]]"), "{lines}");

    // Exactly these lines, and the file they name, are enough to go on.
    host.put("p.toml", lines);
    host.put("data.csv", "id\n1\n");
    host.sandbox().rescan().await;
    let status = host.status("p");
    assert_eq!(status.failed_at, Some(Stage::Configured), "{status:?}");
    assert_eq!(status.missing_grants, None);
}

#[tokio::test]
async fn a_dummy_fails_where_it_first_runs() {
    let (stage, reason) = rejection(&dummy::data_provider(), "").await;
    assert_eq!(stage, Stage::Configured);
    assert!(reason.starts_with("describe: crashed: "), "{reason}");
}

#[tokio::test]
async fn each_lifecycle_call_can_reject() {
    for (config, stage, part) in [
        ("fail_in = \"describe\"", Stage::Configured, "describe failed on request"),
        ("fail_in = \"validate-config\"", Stage::Configured, "/fail_in: failed on request"),
        ("unknown = 1", Stage::Configured, "unknown"),
        ("fail_in = \"prepare\"", Stage::Probed, "prepare: misconfigured"),
        ("fail_in = \"health\"", Stage::Probed, "health: misconfigured"),
        ("spin_in = \"describe\"", Stage::Configured, "describe: CPU time limit"),
        ("spin_in = \"validate-config\"", Stage::Configured, "validate-config: CPU time limit"),
        ("spin_in = \"prepare\"", Stage::Probed, "prepare: CPU time limit reached: 50ms"),
        ("spin_in = \"health\"", Stage::Probed, "health: CPU time limit"),
    ] {
        let grant = format!("[limits]\nprepare_cpu = \"50ms\"\n[config]\n{config}");
        let (failed_at, reason) = rejection(&hostile(), &grant).await;
        assert_eq!(failed_at, stage, "{config}: {reason}");
        assert!(reason.contains(part), "{config}: {reason}");
    }
}

#[tokio::test]
async fn what_prepare_returns_has_a_limit() {
    let text = "x".repeat(200_000);
    let grant = format!("[limits]\nprepared = \"64KiB\"\n[config]\nprepared = \"{text}\"");
    let (stage, reason) = rejection(&hostile(), &grant).await;
    assert_eq!(stage, Stage::Probed);
    assert!(reason.contains("prepare: output limit"), "{reason}");
}

#[tokio::test]
async fn an_active_plugin_shows_what_it_is() {
    let host = Host::hostile("[limits]\nmemory = \"32MiB\"").await;
    let status = host.status("hostile");
    assert_eq!(status.kind, Some(Kind::DataProvider));
    assert_eq!(status.reason, None);
    let serving = status.serving.clone().unwrap();
    assert_eq!(Some(&serving.sha256), status.sha256.as_ref());
    assert_eq!(Some(&serving.version), status.version.as_ref());
    assert!(status.summary.is_some());
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["stage"], "active");
    assert_eq!(json["kind"], "data-provider");
    assert_eq!(json["limits"]["memory"], "32MiB");
    assert_eq!(json["limits"]["wall"], "5s");
}

#[tokio::test]
async fn one_bad_plugin_does_not_keep_the_others_from_starting() {
    let mut host = Host::new();
    host.put("a.wasm", "garbage");
    host.put("hostile.wasm", hostile());
    host.start().await;
    assert_eq!(host.status("a").stage, Stage::Rejected);
    assert!(host.ask("anybody").await.is_ok());
}

#[tokio::test]
async fn a_missing_directory_is_an_error_and_an_empty_one_is_not() {
    let mut host = Host::new();
    assert!(host.start().await.plugins().is_empty());
    let mut options = host.options();
    options.plugin_dir = host.plugin_dir().join("none");
    let error = chancery_sandbox::Sandbox::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::PluginDirectory { .. }), "{error}");
}

#[tokio::test]
async fn the_cache_serves_the_next_start_and_bad_entries_are_compiled_again() {
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.start().await;
    let entry = || {
        let mut entries = fs::read_dir(host.cache_dir()).unwrap();
        entries.next().unwrap().unwrap().path()
    };
    let path = entry();
    let good = fs::read(&path).unwrap();
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    fs::write(&path, &tampered).unwrap();
    host.start().await;
    assert!(host.ask("anybody").await.is_ok());
    let repaired = fs::read(&path).unwrap();
    assert_ne!(repaired, tampered);
}
