//! Hot reload: what serves while files change.

use std::time::Duration;

use chancery_sandbox::{CallError, Sandbox, Stage};

use crate::capture::{Captured, Line};
use crate::odd;
use crate::support::{Host, eventually, hostile, request};

/// The grant file that makes `prepared` answer this text: tells generations apart.
fn grant(text: &str) -> String {
    format!("[config]\nprepared = \"{text}\"")
}

async fn answer(sandbox: &Sandbox) -> String {
    let data = sandbox.fetch("hostile", request("prepared")).await.unwrap();
    data.claims["text"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_file_becomes_active_by_itself() {
    let mut host = Host::new();
    let sandbox = host.start().await.clone();
    host.put("hostile.wasm", hostile());
    eventually("active", async || sandbox.plugins().iter().any(|p| p.stage == Stage::Active)).await;
    host.put("hostile.toml", grant("second"));
    eventually("the new grant file", async || answer(&sandbox).await == "second").await;
    std::fs::remove_file(host.plugin_dir().join("hostile.wasm")).unwrap();
    eventually("removed", async || sandbox.plugins().is_empty()).await;
    let error = host.ask("anybody").await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_generations_are_swapped() {
    let host = Host::hostile(&grant("0")).await;
    let sandbox = host.sandbox().clone();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let (sandbox, stopped) = (sandbox.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !*stopped.borrow() {
                    seen.push(answer(&sandbox).await.parse::<u32>().unwrap());
                }
                seen
            })
        })
        .collect();
    for number in 1..=10 {
        host.put("hostile.toml", grant(&number.to_string()));
        sandbox.rescan().await;
        assert_eq!(answer(&sandbox).await, number.to_string());
    }
    stop.send(true).unwrap();
    for caller in callers {
        let seen = caller.await.unwrap();
        assert!(seen.is_sorted(), "an older generation answered later: {seen:?}");
    }
}

#[tokio::test]
async fn a_failing_generation_leaves_the_former_one_serving() {
    let host = Host::hostile(&grant("good")).await;
    let good = host.status("hostile").serving.unwrap();
    for (file, content, stage) in [
        ("hostile.toml", "[limits]\nmemory = 1".into(), Stage::Verified),
        ("hostile.toml", "[config]\nfail_in = \"health\"".into(), Stage::Probed),
        ("hostile.wasm", b"garbage".to_vec(), Stage::Verified),
        ("hostile.wasm", odd::hollow(), Stage::Linked),
    ] {
        host.put(file, content);
        host.sandbox().rescan().await;
        let status = host.status("hostile");
        assert_eq!(status.stage, Stage::Rejected);
        assert_eq!(status.failed_at, Some(stage), "{status:?}");
        assert!(status.reason.is_some());
        assert_eq!(status.serving.as_ref(), Some(&good));
        assert_eq!(answer(host.sandbox()).await, "good");
    }
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", grant("better"));
    host.sandbox().rescan().await;
    assert_eq!(host.status("hostile").stage, Stage::Active);
    assert_eq!(answer(host.sandbox()).await, "better");
}

#[tokio::test]
async fn the_same_content_is_the_same_generation() {
    let host = Host::hostile(&grant("x")).await;
    let before = host.status("hostile");
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", grant("x"));
    host.sandbox().rescan().await;
    let after = host.status("hostile");
    assert_eq!(after.stage, Stage::Active);
    assert_eq!(after.serving, before.serving);
    assert_eq!(after.version, before.version);
}

#[tokio::test]
async fn a_changed_granted_file_is_a_new_generation() {
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", "[[grants.files]]\nhost = \"data.csv\"\nguest = \"/data.csv\"");
    host.put("data.csv", "1");
    host.start().await;
    let first = host.status("hostile").serving.unwrap();
    host.put("data.csv", "2");
    host.sandbox().rescan().await;
    let second = host.status("hostile").serving.unwrap();
    assert_ne!(first.generation, second.generation);
    assert_eq!(first.sha256, second.sha256);
    std::fs::remove_file(host.plugin_dir().join("data.csv")).unwrap();
    host.sandbox().rescan().await;
    let status = host.status("hostile");
    assert_eq!(status.stage, Stage::Rejected);
    assert_eq!(status.serving, Some(second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_still_written_is_left_alone() {
    let mut host = Host::new();
    let mut options = host.options();
    options.debounce = Duration::from_millis(250);
    let sandbox = host.start_with(options).await.clone();
    let wasm = hostile();
    let path = host.plugin_dir().join("hostile.wasm");
    let mut written = 0;
    while written < wasm.len() {
        written = (written + wasm.len() / 8 + 1).min(wasm.len());
        std::fs::write(&path, &wasm[..written]).unwrap();
        let stages: Vec<Stage> = sandbox.plugins().iter().map(|p| p.stage).collect();
        assert!(stages.iter().all(|stage| *stage == Stage::Seen), "{stages:?}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    eventually("active", async || sandbox.plugins().iter().any(|p| p.stage == Stage::Active)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_removed_and_written_again_goes_on_serving() {
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", grant("old"));
    let mut options = host.options();
    // Time enough to write the file again on any machine.
    options.debounce = Duration::from_secs(2);
    let sandbox = host.start_with(options).await.clone();
    std::fs::remove_file(host.plugin_dir().join("hostile.wasm")).unwrap();
    let gone = || sandbox.plugins().iter().any(|plugin| plugin.reason.as_deref() == Some("its file is gone"));
    eventually("the removal is noticed", async || gone()).await;
    assert_eq!(answer(&sandbox).await, "old");
    host.put("hostile.toml", grant("new"));
    host.put("hostile.wasm", hostile());
    eventually("the new generation", async || answer(&sandbox).await == "new").await;
    assert_eq!(host.status("hostile").stage, Stage::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removal_does_not_end_a_running_call() {
    let grant = "[limits]\nconcurrency = 1\nqueue_wait = \"50ms\"\nwall = \"1s\"";
    let host = Host::hostile(grant).await;
    let running = host.slow_call().await;
    std::fs::remove_file(host.plugin_dir().join("hostile.wasm")).unwrap();
    host.sandbox().rescan().await;
    assert!(host.sandbox().plugins().is_empty());
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Limit { .. }), "{error}");
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let captured = Captured::default();
    let _capturing = captured.here();
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", "[limits]\ncpu = \"20ms\"\n[config]\nspin_in = \"health\"");
    let mut options = host.options();
    options.rescan = Duration::from_millis(10);
    host.start_with(options).await;
    eventually("three attempts", async || {
        let lines = captured.about("chancery_sandbox::manager");
        let rejected = |line: &&Line| line["message"] == "plugin is rejected";
        lines.iter().filter(rejected).count() >= 3
    })
    .await;
}
