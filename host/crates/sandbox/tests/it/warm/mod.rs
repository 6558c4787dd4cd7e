//! Sandboxes that answer more than one call: what the next call finds, and what it must not.

mod ends;
mod meters;
mod room;

use std::sync::Arc;
use std::time::Duration;

use chancery_sandbox::{CallError, Control, Controls, Instance, PluginRequest, Stage};

use crate::support::{Host, eventually, hostile, request};

const WARM: &str = "[plugin]\ninstance = \"warm\"\n";

/// What the plugin `hostile` finds of an earlier call.
async fn found(host: &Host, issuer: &str, request_id: &str) -> Result<String, CallError> {
    let request = PluginRequest { issuer_id: issuer.to_owned(), request_id: request_id.to_owned(), ..request("leak") };
    let data = host.sandbox().fetch("hostile", request).await?;
    Ok(data.claims["found"].as_str().unwrap().to_owned())
}

fn idle(host: &Host) -> usize {
    host.status("hostile").idle
}

#[tokio::test]
async fn nothing_is_found_unless_the_grant_file_asks_for_it() {
    for grant in ["", "[plugin]\ninstance = \"fresh\""] {
        let host = Host::hostile(grant).await;
        for call in ["1", "2", "3"] {
            assert_eq!(found(&host, "a", call).await.unwrap(), "");
        }
        let status = host.status("hostile");
        assert_eq!((status.instance, status.idle), (Instance::Fresh, 0));
    }
}

#[tokio::test]
async fn a_call_finds_what_the_same_issuers_call_left_and_no_other_issuers() {
    let host = Host::hostile(WARM).await;
    assert_eq!(found(&host, "a", "a-1").await.unwrap(), "");
    assert_eq!(found(&host, "a", "a-2").await.unwrap(), "leak a-1");
    assert_eq!(found(&host, "b", "b-1").await.unwrap(), "");
    assert_eq!(found(&host, "", "nobody").await.unwrap(), "");
    assert_eq!(found(&host, "b", "b-2").await.unwrap(), "leak b-1");
    assert_eq!(found(&host, "a", "a-3").await.unwrap(), "leak a-2");
    let status = host.status("hostile");
    assert_eq!((status.instance, status.idle), (Instance::Warm, 3));
}

#[tokio::test]
async fn lifecycle_calls_leave_nothing() {
    // `prepare` and `health` have run when the first call comes, and `describe` twice.
    let host = Host::hostile(&format!("{WARM}[config]\nprepared = \"data\"")).await;
    assert_eq!(idle(&host), 0);
    assert_eq!(host.ask("prepared").await.unwrap().claims["text"], "data");
    assert_eq!(idle(&host), 1);
    assert_eq!(host.ask("prepared").await.unwrap().claims["text"], "data");
}

#[tokio::test]
async fn a_sandbox_answers_as_many_calls_as_the_grant_says() {
    let host = Host::hostile(&format!("{WARM}[warm]\nmax_uses = [3, 3]")).await;
    let mut all = Vec::new();
    for call in 1..=7 {
        all.push(found(&host, "a", &call.to_string()).await.unwrap());
    }
    assert_eq!(all, ["", "leak 1", "leak 2", "", "leak 4", "leak 5", ""]);
}

#[tokio::test]
async fn one_that_waits_too_long_goes_by_itself() {
    let host = Host::hostile(&format!("{WARM}[warm]\nidle = \"1s\"")).await;
    found(&host, "a", "1").await.unwrap();
    assert_eq!(idle(&host), 1);
    eventually("nothing waits", async || idle(&host) == 0).await;
    assert_eq!(found(&host, "a", "2").await.unwrap(), "");
}

#[tokio::test]
async fn a_new_generation_finds_nothing() {
    let mut host = Host::hostile(WARM).await;
    let sandbox = host.sandbox().clone();
    let warm_up = async |host: &Host| {
        assert_eq!(found(host, "a", "1").await.unwrap(), "");
        assert_eq!(found(host, "a", "2").await.unwrap(), "leak 1");
        assert_eq!(idle(host), 1);
    };
    warm_up(&host).await;
    sandbox.reload("hostile").await;
    assert_eq!(idle(&host), 0);
    warm_up(&host).await;
    host.put("hostile.toml", format!("{WARM}[warm]\nmax_idle = 2"));
    sandbox.rescan().await;
    assert_eq!(idle(&host), 0);
    warm_up(&host).await;
    // One that does not load takes nothing away.
    host.put("hostile.wasm", "cut off");
    sandbox.rescan().await;
    let status = host.status("hostile");
    assert_eq!((status.stage, status.instance, status.idle), (Stage::Rejected, Instance::Warm, 1));
    assert!(status.limits.is_some());
    assert_eq!(found(&host, "a", "3").await.unwrap(), "leak 2");
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", "");
    sandbox.rescan().await;
    assert_eq!((host.status("hostile").instance, idle(&host)), (Instance::Fresh, 0));
    assert_eq!(found(&host, "a", "4").await.unwrap(), "");
    host.start().await;
}

#[tokio::test]
async fn a_former_generation_keeps_only_the_sandboxes_of_its_running_calls() {
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", format!("{WARM}[limits]\nconcurrency = 1\nqueue_wait = \"50ms\""));
    // Each sandbox holds the clock: that tells how many there are.
    let clock = Arc::new(host.fakes.clone());
    let mut options = host.options();
    options.ports.clock = clock.clone();
    host.start_with(options).await;
    let held = || Arc::strong_count(&clock);
    let before = held();
    found(&host, "other", "1").await.unwrap();
    let each = held() - before;
    assert!(each > 0);
    let call = host.slow_call().await;
    let (running, waiting) = (held(), idle(&host));
    assert!(waiting > 0);
    host.sandbox()
        .control(Controls::from([("hostile".to_owned(), Control { disabled: true, ..Control::default() })]))
        .await;
    assert_eq!(held(), running - each * waiting);
    assert!(!call.is_finished());
    call.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_find_only_what_is_their_issuers() {
    let grant = format!("{WARM}[limits]\nconcurrency = 16\nqueue_wait = \"10s\"\nwall = \"30s\"");
    let host = Host::hostile(&grant).await;
    for round in 0..4 {
        let calls: Vec<_> = (0..64)
            .map(|call| {
                let (sandbox, issuer) = (host.sandbox().clone(), format!("issuer-{}", call % 3));
                let request = PluginRequest {
                    request_id: format!("{issuer}/{round}/{call}"),
                    issuer_id: issuer.clone(),
                    ..request("leak")
                };
                tokio::spawn(async move { (issuer, sandbox.fetch("hostile", request).await) })
            })
            .collect();
        let mut warm = 0;
        for call in calls {
            let (issuer, answer) = call.await.unwrap();
            let claims = answer.unwrap().claims;
            let found = claims["found"].as_str().unwrap();
            assert!(found.is_empty() || found.starts_with(&format!("leak {issuer}/")), "{issuer} found {found:?}");
            warm += usize::from(!found.is_empty());
        }
        assert!(warm > 0, "nothing was reused");
        assert!((1..=4).contains(&idle(&host)), "{}", idle(&host));
    }
}

#[tokio::test]
async fn a_sandbox_handle_that_is_dropped_takes_what_waits_with_it() {
    let mut host = Host::hostile(WARM).await;
    found(&host, "a", "1").await.unwrap();
    host.start().await;
    assert_eq!(idle(&host), 0);
    assert_eq!(found(&host, "a", "2").await.unwrap(), "");
    host.sandbox().shutdown().await;
    let error = found(&host, "a", "3").await.unwrap_err();
    assert!(matches!(error, CallError::NotActive { .. }), "{error}");
    assert!(tokio::time::timeout(Duration::from_secs(30), host.sandbox().shutdown()).await.is_ok());
}
