//! Plugins of two versions of the contract in one sandbox, and a frozen folder that stays as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chancery_sandbox::{CallError, ContractVersion, Contracts, LimitKind, PluginRequest, SandboxOptions, Stage};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::capture::Captured;
use crate::minimal::minimal;
use crate::odd;
use crate::support::{Host, built, request};

const OLD_PROVIDER: [&str; 2] = ["chancery:plugin/lifecycle@0.0.1", "chancery:plugin/data-provider@0.0.1"];

/// A component for version 0.0.1 of the contract.
fn old() -> Vec<u8> {
    built("contract-0-0")
}

fn both(host: &Host) -> SandboxOptions {
    let mut options = host.options();
    options.contracts = Contracts::default().with(ContractVersion::V0_0_1);
    options
}

/// A sandbox for both versions with the plugin of the old one, `old`, which has this grant file.
async fn started(grant: &str) -> Host {
    let mut host = Host::new();
    host.put("old.wasm", old());
    host.put("old.toml", grant);
    host.start_with(both(&host)).await;
    host
}

async fn active(grant: &str) -> Host {
    let host = started(grant).await;
    let status = host.status("old");
    assert_eq!(status.stage, Stage::Active, "{status:?}");
    host
}

/// Why a sandbox with these versions does not link a component.
async fn refusal(contracts: Contracts, wasm: &[u8]) -> String {
    let mut host = Host::new();
    host.put("p.wasm", wasm);
    let mut options = host.options();
    options.contracts = contracts;
    host.start_with(options).await;
    let status = host.status("p");
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Linked)), "{status:?}");
    status.reason.unwrap()
}

#[tokio::test]
async fn both_versions_serve_in_one_sandbox() {
    let mut host = Host::new();
    host.put("old.wasm", old());
    host.put("new.wasm", minimal());
    host.start_with(both(&host)).await;
    for (plugin, contract) in [("old", ContractVersion::V0_0_1), ("new", ContractVersion::V0_1)] {
        let status = host.status(plugin);
        assert_eq!((status.stage, status.contract), (Stage::Active, Some(contract)), "{status:?}");
    }
    let sandbox = host.sandbox();
    for _ in 0..8 {
        let (old, new) = tokio::join!(sandbox.fetch("old", request("Ada")), sandbox.fetch("new", request("Ada")));
        assert_eq!(old.unwrap().claims["subject_id"], "Ada");
        assert_eq!(new.unwrap().claims["name"], "Ada");
    }
}

#[tokio::test]
async fn the_old_version_gets_all_that_it_has_a_place_for() {
    let host = active("[limits]\nwall = \"750ms\"\n[config]\nsource = \"register\"").await;
    let status = serde_json::to_value(host.status("old")).unwrap();
    assert_eq!((&status["contract"], &status["kind"]), (&json!("0.0.1"), &json!("data-provider")));
    assert_eq!(status["summary"], "Speaks version 0.0.1 of the contract.");
    let asked = PluginRequest {
        subject_claims: json!({ "email": "ada@example.org" }),
        requested_claims: vec![vec!["address".to_owned(), "street".to_owned()]],
        locales: vec!["pt".to_owned()],
        settings: json!({ "table": "people" }),
        context: json!({ "traceparent": "00-1-2-01" }),
        ..request("1003")
    };
    let data = host.sandbox().fetch("old", asked).await.unwrap();
    let expected = json!({
        "request_id": "req-1",
        "issuer_id": "default",
        "configuration_id": "Farmer",
        "format": "dc+sd-jwt",
        "subject_id": "1003",
        "subject_claims": { "email": "ada@example.org" },
        "requested_claims": [["address", "street"]],
        "budget_ms": 750,
        "config": { "source": "register" },
    });
    assert_eq!(serde_json::Value::Object(data.claims), expected);
    assert!(data.attachments.is_empty() && data.valid_until.is_none());
}

#[tokio::test]
async fn errors_of_the_old_version_keep_their_meaning() {
    let host = active("").await;
    let fails = async |subject| host.sandbox().fetch("old", request(subject)).await.unwrap_err();

    let error = fails("nobody").await;
    assert!(matches!(&error, CallError::NotFound(m) if m.public == "Nobody is known by that id."), "{error:?}");
    let error = fails("invalid").await;
    assert!(matches!(&error, CallError::InvalidRequest(m) if m.public == "A claim is missing."), "{error:?}");
    let error = fails("unavailable").await;
    assert!(
        matches!(&error, CallError::Unavailable { message, retry_after: None } if message.public == "The register is closed."),
        "{error:?}"
    );
    // What is for the operator does not reach the holder.
    let error = fails("failed").await;
    assert!(matches!(error, CallError::Internal(_)), "{error:?}");
    assert!(error.detail().contains("row 7 is broken") && !error.public().contains("row 7"), "{error:?}");
}

#[tokio::test]
async fn limits_hold_for_the_old_version_too() {
    let host = active("[limits]\noutput = \"64KiB\"").await;
    let fails = async |subject| host.sandbox().fetch("old", request(subject)).await.unwrap_err();

    let error = fails("spin").await;
    assert!(matches!(error, CallError::Limit { which: LimitKind::Cpu, .. }), "{error:?}");
    let error = fails("large").await;
    assert!(matches!(error, CallError::Limit { which: LimitKind::Output, .. }), "{error:?}");
    let error = fails("twice").await;
    assert!(matches!(error, CallError::InvalidOutput { .. }), "{error:?}");
    let error = fails("panic").await;
    assert!(matches!(error, CallError::Trapped { .. }) && error.detail().contains("crashed on request"), "{error:?}");
}

#[tokio::test]
async fn log_lines_of_the_old_version_are_counted_and_named() {
    let captured = Captured::default();
    let _capturing = captured.here();
    let host = active("[limits]\nlog_lines = 1").await;
    host.sandbox().fetch("old", request("Ada")).await.unwrap();
    let lines = captured.about("plugin");
    let shown: Vec<&str> = lines.iter().map(|line| line["message"].as_str()).collect();
    // The second one that it writes is one too many.
    assert_eq!(shown, ["asked for Farmer", "log lines beyond the limit of one call were dropped"], "{lines:?}");
    assert_eq!((lines[0]["plugin"].as_str(), lines[0]["request_id"].as_str()), ("old", "req-1"));
    assert_eq!(lines[1]["dropped"], "1");
}

#[tokio::test]
async fn the_old_version_is_asked_before_it_serves() {
    for (grant, stage, part) in [
        ("[config]\nrefuse = \"no\"", Stage::Configured, "refused: \"no\""),
        ("[config]\nill = \"fever\"", Stage::Probed, "ill: \"fever\""),
    ] {
        let status = started(grant).await.status("old");
        assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(stage)), "{status:?}");
        assert!(status.reason.as_ref().unwrap().contains(part), "{status:?}");
    }
}

#[tokio::test]
async fn a_plugin_moves_to_the_new_version_while_it_serves() {
    let host = active("").await;
    host.put("old.wasm", minimal());
    host.sandbox().rescan().await;
    assert_eq!(host.status("old").contract, Some(ContractVersion::V0_1));
    assert_eq!(host.sandbox().fetch("old", request("Ada")).await.unwrap().claims["name"], "Ada");

    host.put("old.wasm", old());
    host.sandbox().rescan().await;
    assert_eq!(host.status("old").contract, Some(ContractVersion::V0_0_1));
    assert_eq!(host.sandbox().fetch("old", request("Ada")).await.unwrap().claims["subject_id"], "Ada");
}

#[tokio::test]
async fn a_version_that_is_not_offered_is_named_beside_those_that_are() {
    let reason = refusal(Contracts::default(), &old()).await;
    assert!(reason.contains("@0.0.1, and this server offers version 0.1 of the contract"), "{reason}");

    let contracts = Contracts::default().with(ContractVersion::V0_0_1);
    for version in ["0.0.2", "0.2.0", "1.0.0", "0.1.0-rc.1"] {
        let exports = OLD_PROVIDER.map(|name| name.replace("0.0.1", version));
        let reason = refusal(contracts.clone(), &odd::component(&[], &[&exports[0], &exports[1]])).await;
        let expected = format!("{version}, and this server offers versions 0.0.1 and 0.1 of the contract");
        assert!(reason.contains(&expected), "{reason}");
    }
}

#[tokio::test]
async fn versions_do_not_mix_in_one_component() {
    let contracts = Contracts::default().with(ContractVersion::V0_0_1);
    let cases: [(&[&str], [&str; 2]); 3] = [
        (&[], [OLD_PROVIDER[0], odd::DATA_PROVIDER[1]]),
        (&["chancery:host/log@0.1.0"], OLD_PROVIDER),
        (&["chancery:plugin/types@0.0.1"], odd::DATA_PROVIDER),
    ];
    for (imports, exports) in cases {
        let reason = refusal(contracts.clone(), &odd::component(imports, &exports)).await;
        assert!(reason.contains("mixes versions of the contract"), "{reason}");
        assert!(reason.contains("@0.0.1") && reason.contains("@0.1.0"), "{reason}");
    }
}

/// What only the new version has is not there under the old one's name, whatever is granted.
#[tokio::test]
async fn the_old_version_has_no_more_than_it_had() {
    let contracts = Contracts::default().with(ContractVersion::V0_0_1);
    for import in ["chancery:host/trace@0.0.1", "chancery:host/blobs@0.0.1", "chancery:host/files@0.0.1"] {
        let reason = refusal(contracts.clone(), &odd::component(&[import], &OLD_PROVIDER)).await;
        assert!(reason.contains(&format!("{import}, which")), "{reason}");
    }
    for kind in ["audit", "vc-issuance"] {
        let export = format!("chancery:plugin/{kind}@0.0.1");
        let reason = refusal(contracts.clone(), &odd::component(&[], &[OLD_PROVIDER[0], &export])).await;
        assert!(reason.contains(&format!("version 0.0.1 of the contract has no {kind} plugins")), "{reason}");
    }
}

/// A plugin that was built for a released version must find it as it was: `SHA256SUMS` gets lines, and
/// none of them ever changes.
#[test]
fn frozen_folders_never_change() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit/frozen");
    let sums = fs::read_to_string(frozen.join("SHA256SUMS")).unwrap();
    let recorded = sums.lines().map(|line| {
        let (digest, path) = line.split_once("  ").unwrap();
        (path.to_owned(), digest.to_owned())
    });
    let recorded: BTreeMap<String, String> = recorded.collect();
    let digest = |path: PathBuf| {
        let name = path.strip_prefix(&frozen).unwrap().to_str().unwrap().to_owned();
        let digest = Sha256::digest(fs::read(path).unwrap());
        (name, digest.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
    };
    let found: BTreeMap<String, String> = files(&frozen).into_iter().map(digest).collect();
    assert!(found.contains_key("0.0.1/plugin/types.wit"), "{found:?}");
    assert_eq!(found, recorded);
}

/// Every file below a folder, except the list of digests itself.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("SHA256SUMS") {
            found.push(path);
        }
    }
    found
}
