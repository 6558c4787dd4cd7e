//! Loading: what becomes of each kind of file.

use std::fs;

use chancery_sandbox::{CallError, Kind, Stage, StartError};

use crate::odd::{self, DATA_PROVIDER};
use crate::support::{Host, built, hostile, request};

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
    let mut wasm = hostile();
    wasm.truncate(wasm.len() / 2);
    let (stage, reason) = rejection(&wasm, "").await;
    assert_eq!(stage, Stage::Compiled);
    assert!(reason.contains("does not compile"), "{reason}");
}

#[tokio::test]
async fn components_of_other_worlds_are_rejected_when_linked() {
    let [lifecycle, provider] = DATA_PROVIDER;
    let cases: [(&[&str], &[&str], &str); 15] = [
        (&[], &[], "not a Chancery plugin"),
        (&[], &["wasi:cli/run@0.2.0"], "not a Chancery plugin"),
        (&[], &[provider], "does not export chancery:plugin/lifecycle"),
        (&[], &[lifecycle, provider, "chancery:plugin/audit@0.1.0"], "more than one kind"),
        // Both versions are named: the plugin's and the server's.
        (
            &[],
            &["chancery:plugin/lifecycle@2.0.0", provider],
            "chancery:plugin/lifecycle@2.0.0, and this server offers version 0.1",
        ),
        (
            &[],
            &[lifecycle, "chancery:plugin/data-provider@0.0.9"],
            "data-provider@0.0.9, and this server offers version 0.1",
        ),
        (&["chancery:host/log@0.2.0"], &DATA_PROVIDER, "chancery:host/log@0.2.0, and this server offers version 0.1"),
        (&["chancery:host/sockets@0.1.0"], &DATA_PROVIDER, "chancery:host/sockets@0.1.0, which"),
        (&["wasi:http/incoming-handler@0.2.9"], &DATA_PROVIDER, "wasi:http/incoming-handler@0.2.9, which"),
        (&["wasi:keyvalue/store@0.2.0"], &DATA_PROVIDER, "wasi:keyvalue/store@0.2.0, which"),
        (&["acme:backdoor/door@1.0.0"], &DATA_PROVIDER, "acme:backdoor/door@1.0.0, which"),
        // Such a name may hold any character.
        (&["url=<https://a.example/\u{1b}[2J\u{9b}>"], &DATA_PROVIDER, "https://a.example/\\u{1b}[2J\\u{9b}>, which"),
        // The right names, and not the functions that belong to them.
        (&[], &DATA_PROVIDER, "it does not link"),
        (&[], &[lifecycle, "chancery:plugin/vc-issuance@0.1.0"], "it does not link"),
        (&[], &[lifecycle, "chancery:plugin/audit@0.1.0"], "it does not link"),
    ];
    for (imports, exports, part) in cases {
        let (stage, reason) = rejection(&odd::component(imports, exports), "").await;
        assert_eq!(stage, Stage::Linked, "{reason}");
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn a_faulty_grant_file_is_named() {
    let wasm = odd::hollow();
    for (grant, part) in [
        ("[grants.http]\nallow = []", "grants.http.allow is empty"),
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
    let (stage, reason) = rejection(&odd::hollow(), &pin).await;
    assert_eq!(stage, Stage::Verified);
    assert!(reason.contains("pins 0000"), "{reason}");
}

#[tokio::test]
async fn missing_grants_make_it_pending_and_show_the_lines_to_add() {
    let mut host = Host::new();
    host.put("csv-provider.wasm", built("csv-provider"));
    host.start().await;
    let status = host.status("csv-provider");
    assert_eq!(status.stage, Stage::Pending);
    assert_eq!(status.kind, Some(Kind::DataProvider));
    let lines = status.missing_grants.unwrap();
    assert!(lines.contains("[[grants.files]]"), "{lines}");
    let call = host.sandbox().fetch("csv-provider", request("1"));
    assert!(matches!(call.await.unwrap_err(), CallError::NotActive { stage: Stage::Pending, .. }));

    // Exactly these lines, and the file they name, are the grant: what is missing after that is the
    // plugin's own configuration.
    host.put("csv-provider.toml", lines);
    host.put("data.csv", "id,name\n1,Ada\n");
    host.sandbox().rescan().await;
    let status = host.status("csv-provider");
    assert_eq!(status.failed_at, Some(Stage::Configured), "{status:?}");
    assert_eq!(status.missing_grants, None);
}

#[tokio::test]
async fn a_granted_file_is_read_under_its_guest_path_only() {
    let mut host = Host::new();
    host.put("csv-provider.wasm", built("csv-provider"));
    host.put("farmers.csv", "id,name\n1,Ada\n");
    let grant = |opened: &str| {
        let file = "[[grants.files]]\nhost = \"farmers.csv\"\nguest = \"/data/granted.csv\"";
        format!("{file}\n[config]\nfile = \"{opened}\"\ncolumn = \"id\"")
    };
    host.put("csv-provider.toml", grant("/data/granted.csv"));
    host.start().await;
    let data = host.sandbox().fetch("csv-provider", request("1")).await.unwrap();
    assert_eq!(data.claims["name"], "Ada");
    let status = host.status("csv-provider");
    assert!(status.grants[0].ends_with("farmers.csv as /data/granted.csv"), "{status:?}");

    host.put("csv-provider.toml", grant("/data/other.csv"));
    host.sandbox().rescan().await;
    let status = host.status("csv-provider");
    assert_eq!(status.failed_at, Some(Stage::Probed), "{status:?}");
    assert!(status.reason.unwrap().contains("/data/other.csv"));
}

#[tokio::test]
async fn another_grant_does_not_link_what_was_not_granted() {
    let files = ["chancery:host/files@0.1.0"];
    let mut host = Host::new();
    host.put("p.wasm", odd::component(&files, &DATA_PROVIDER));
    host.put("p.toml", "[limits]\nmemory = \"1MiB\"\n[config]\nfile = \"/data/data.csv\"");
    host.start().await;
    assert_eq!(host.status("p").stage, Stage::Pending);
    assert!(!host.status("p").is_serving());
}

#[tokio::test]
async fn each_lifecycle_call_can_reject() {
    // One sandbox for all: the code stays compiled.
    let mut host = Host::new();
    host.put("p.wasm", hostile());
    host.start().await;
    for (config, stage, part) in [
        ("fail_in = \"describe\"", Stage::Configured, "describe failed on request"),
        ("fail_in = \"validate-config\"", Stage::Configured, "/fail_in: failed on request"),
        ("unknown = 1", Stage::Configured, "unknown"),
        ("panic_in = \"validate-config\"", Stage::Configured, "validate-config: crashed: "),
        ("panic_in = \"prepare\"", Stage::Probed, "prepare: crashed: "),
        ("panic_in = \"health\"", Stage::Probed, "health: crashed: "),
        ("fail_in = \"prepare\"", Stage::Probed, "prepare: misconfigured"),
        ("fail_in = \"health\"", Stage::Probed, "health: misconfigured"),
        ("spin_in = \"describe\"", Stage::Configured, "describe: CPU time limit"),
        ("spin_in = \"validate-config\"", Stage::Configured, "validate-config: CPU time limit"),
        ("spin_in = \"prepare\"", Stage::Probed, "prepare: CPU time limit reached: 50ms"),
        ("spin_in = \"health\"", Stage::Probed, "health: CPU time limit"),
    ] {
        host.put("p.toml", format!("[limits]\nprepare_cpu = \"50ms\"\n[config]\n{config}"));
        host.sandbox().rescan().await;
        let status = host.status("p");
        assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(stage)), "{config}: {status:?}");
        let reason = status.reason.unwrap();
        assert!(reason.contains(part), "{config}: {reason}");
        // What served before goes on.
        assert!(host.sandbox().fetch("p", request("anybody")).await.is_ok());
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
        let mut entries = fs::read_dir(host.cache_dir()).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.is_file()).unwrap()
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
