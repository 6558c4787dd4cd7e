//! Supervision: breakers, operators' decisions, and many things at once.

use std::time::Duration;

use chancery_sandbox::{BreakerState, CallError, Control, Controls, Held, LimitKind, Sandbox, Stage};

use crate::minimal::{minimal, minimal_with};
use crate::support::{Host, eventually, hostile, request};

/// The grant file that makes `prepared` answer this text: tells releases apart.
fn grant(text: &str) -> String {
    format!("[config]\nprepared = \"{text}\"")
}

async fn answer(sandbox: &Sandbox) -> String {
    let data = sandbox.fetch("hostile", request("prepared")).await.unwrap();
    data.claims["text"].as_str().unwrap().to_owned()
}

fn held(release: &str, instead_of: &str) -> Control {
    Control {
        held: Some(Held { release: release.to_owned(), instead_of: instead_of.to_owned() }),
        ..Control::default()
    }
}

fn only(control: Control) -> Controls {
    Controls::from([("hostile".to_owned(), control)])
}

fn disabled() -> Control {
    Control { disabled: true, ..Control::default() }
}

async fn open_breaker(host: &Host) {
    for _ in 0..5 {
        let error = host.ask("trap").await.unwrap_err();
        assert!(matches!(error, CallError::Trapped { .. }), "{error}");
    }
    assert_eq!(host.status("hostile").breaker, BreakerState::Open);
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_paused_and_its_neighbour_is_not() {
    let host = Host::narrow("hostile", "").await;
    // What the source refuses is no failure, and one success starts the count again.
    for behaviour in ["trap", "trap", "trap", "trap", "not-found", "trap", "trap", "trap", "trap", "anybody"] {
        let _ = host.ask(behaviour).await;
    }
    assert_eq!(host.status("hostile").breaker, BreakerState::Closed);
    open_breaker(&host).await;
    let error = host.ask("anybody").await.unwrap_err();
    let CallError::Paused { retry_after, .. } = &error else { panic!("{error}") };
    assert!(*retry_after > Duration::ZERO && *retry_after <= Duration::from_secs(1), "{retry_after:?}");
    assert_eq!(error.public(), "The data source does not answer. Try again later.");
    let status = host.status("hostile");
    assert_eq!((status.stage, status.breaker), (Stage::Active, BreakerState::Open));
    assert!(status.retry_after_ms.is_some_and(|ms| ms <= 1_000));
    host.goes_on().await;
    // Half open: the first call that goes through decides.
    eventually("one call goes through", async || !matches!(host.ask("anybody").await, Err(CallError::Paused { .. })))
        .await;
    let status = host.status("hostile");
    assert_eq!((status.breaker, status.retry_after_ms), (BreakerState::Closed, None));
    assert!(host.ask("anybody").await.is_ok());
}

#[tokio::test]
async fn a_failing_probe_doubles_the_pause() {
    let host = Host::narrow("hostile", "").await;
    open_breaker(&host).await;
    eventually("one call goes through", async || !matches!(host.ask("trap").await, Err(CallError::Paused { .. })))
        .await;
    let error = host.ask("anybody").await.unwrap_err();
    let CallError::Paused { retry_after, .. } = error else { panic!("{error}") };
    // Twice the first pause, less what has passed of it; never more.
    assert!(retry_after <= Duration::from_secs(2), "{retry_after:?}");
    assert_eq!(host.status("hostile").breaker, BreakerState::Open);
    host.goes_on().await;
}

#[tokio::test]
async fn reload_closes_the_breaker_and_changes_nothing_else() {
    let host = Host::narrow("hostile", "").await;
    let before = host.status("hostile");
    open_breaker(&host).await;
    // Looking at files that did not change is no reason to ask again.
    host.sandbox().rescan().await;
    assert_eq!(host.status("hostile").breaker, BreakerState::Open);
    host.sandbox().reload("hostile").await;
    let after = host.status("hostile");
    assert_eq!((after.stage, after.breaker), (Stage::Active, BreakerState::Closed));
    assert_eq!(after.serving, before.serving);
    assert!(host.ask("anybody").await.is_ok());
    // Nobody of that name: nothing happens.
    host.sandbox().reload("nobody").await;
}

#[tokio::test]
async fn a_new_release_begins_with_a_closed_breaker() {
    let host = Host::narrow("hostile", "").await;
    open_breaker(&host).await;
    host.put("hostile.toml", grant("better"));
    host.sandbox().rescan().await;
    assert_eq!(host.status("hostile").breaker, BreakerState::Closed);
    assert_eq!(answer(host.sandbox()).await, "better");
}

#[tokio::test]
async fn a_disabled_plugin_serves_nobody_until_it_is_enabled() {
    let mut host = Host::narrow("hostile", "").await;
    host.sandbox().control(only(disabled())).await;
    let off = |host: &Host| {
        let status = host.status("hostile");
        assert_eq!((status.stage, status.failed_at), (Stage::Disabled, None), "{status:?}");
        assert!(!status.is_serving() && status.missing_grants.is_none());
        assert_eq!(status.reason.as_deref(), Some("an operator disabled it"));
    };
    off(&host);
    let error = host.ask("anybody").await.unwrap_err();
    assert!(matches!(error, CallError::NotActive { stage: Stage::Disabled, .. }), "{error}");
    host.goes_on().await;
    // Neither another file nor looking again brings it back, nor does a restart.
    host.put("hostile.toml", grant("new"));
    host.sandbox().rescan().await;
    host.sandbox().reload("hostile").await;
    off(&host);
    let mut options = host.options();
    options.controls = only(disabled());
    host.start_with(options).await;
    off(&host);
    host.sandbox().control(Controls::new()).await;
    assert_eq!(host.status("hostile").stage, Stage::Active);
    assert_eq!(answer(host.sandbox()).await, "new");
}

#[tokio::test]
async fn a_rejected_plugin_that_is_disabled_shows_no_old_reasons() {
    let mut host = Host::new();
    host.put("hostile.wasm", "garbage");
    host.start().await;
    assert_eq!(host.status("hostile").failed_at, Some(Stage::Verified));
    host.sandbox().control(only(disabled())).await;
    let status = host.status("hostile");
    assert_eq!((status.stage, status.failed_at), (Stage::Disabled, None));
}

/// A sandbox whose plugin had release `one` and has release `two`, and the names of both.
async fn two_releases() -> (Host, String, String) {
    let host = Host::hostile(&grant("one")).await;
    let one = host.status("hostile").release.unwrap();
    host.put("hostile.toml", grant("two"));
    host.sandbox().rescan().await;
    let two = host.status("hostile").release.unwrap();
    assert_eq!(host.status("hostile").former, [two.clone(), one.clone()]);
    (host, one, two)
}

#[tokio::test]
async fn an_operator_goes_back_and_forth() {
    let (host, one, two) = two_releases().await;
    assert_eq!(answer(host.sandbox()).await, "two");
    host.sandbox().control(only(held(&one, &two))).await;
    assert_eq!(answer(host.sandbox()).await, "one");
    let status = host.status("hostile");
    assert_eq!(status.stage, Stage::Active);
    assert_eq!(status.serving.unwrap().release, one);
    host.sandbox().control(Controls::new()).await;
    assert_eq!(answer(host.sandbox()).await, "two");
}

#[tokio::test]
async fn a_held_release_survives_looks_and_restarts() {
    let (mut host, one, two) = two_releases().await;
    host.sandbox().control(only(held(&one, &two))).await;
    host.sandbox().rescan().await;
    host.sandbox().reload("hostile").await;
    assert_eq!(answer(host.sandbox()).await, "one");
    let mut options = host.options();
    options.controls = only(held(&one, &two));
    host.start_with(options).await;
    assert_eq!(answer(host.sandbox()).await, "one");
    // Without the decision the files count.
    host.start().await;
    assert_eq!(answer(host.sandbox()).await, "two");
}

#[tokio::test]
async fn a_hold_ends_when_the_files_change_and_data_may() {
    let data = |text: &str| format!("{}\n[[grants.files]]\nhost = \"data.csv\"\nguest = \"/data.csv\"", grant(text));
    let mut host = Host::new();
    host.put("data.csv", "1");
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", data("one"));
    host.start().await;
    let one = host.status("hostile").release.unwrap();
    host.put("hostile.toml", data("two"));
    host.sandbox().rescan().await;
    let two = host.status("hostile").release.unwrap();
    host.sandbox().control(only(held(&one, &two))).await;
    let before = host.status("hostile").serving.unwrap();
    // New data is for the release that is held.
    host.put("data.csv", "2");
    host.sandbox().rescan().await;
    let after = host.status("hostile").serving.unwrap();
    assert_eq!((&after.release, &after.sha256), (&one, &before.sha256));
    assert_ne!(after.generation, before.generation);
    assert_eq!(answer(host.sandbox()).await, "one");
    // A third release is what the operator waited for.
    host.put("hostile.toml", data("three"));
    host.sandbox().rescan().await;
    assert_eq!(answer(host.sandbox()).await, "three");
}

#[tokio::test]
async fn a_release_that_is_not_there_or_was_changed_is_refused() {
    let (host, one, two) = two_releases().await;
    let refused = async |release: &str, part: &str| {
        host.sandbox().control(only(held(release, &two))).await;
        let status = host.status("hostile");
        assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Verified)), "{status:?}");
        let reason = status.reason.unwrap();
        assert!(reason.contains("cannot be put into service") && reason.contains(part), "{reason}");
        // What served before goes on.
        assert_eq!(answer(host.sandbox()).await, "two");
    };
    refused("no-such-release", "No such file").await;
    let kept = host.cache_dir().join("releases/hostile").join(&one);
    std::fs::write(kept.join("plugin.toml"), grant("forged")).unwrap();
    refused(&one, "it was changed").await;
    std::fs::write(kept.join("plugin.wasm"), "garbage").unwrap();
    refused(&one, "cannot be put into service").await;
}

#[tokio::test]
async fn without_an_archive_nothing_is_kept_and_nobody_goes_back() {
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", grant("one"));
    let mut options = host.options();
    options.archive = false;
    host.start_with(options).await;
    let one = host.status("hostile").release.unwrap();
    host.put("hostile.toml", grant("two"));
    host.sandbox().rescan().await;
    let two = host.status("hostile").release.unwrap();
    assert!(host.status("hostile").former.is_empty());
    assert!(host.cache_dir().is_dir() && !host.cache_dir().join("releases").exists());
    host.sandbox().control(only(held(&one, &two))).await;
    let status = host.status("hostile");
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Verified)), "{status:?}");
    assert!(status.reason.unwrap().contains("no releases are kept here"));
    assert_eq!(answer(host.sandbox()).await, "two");
}

#[tokio::test]
async fn going_back_gives_no_grant_back() {
    let files = |text: &str| format!("{}\n[[grants.files]]\nhost = \"data.csv\"\nguest = \"/data.csv\"", grant(text));
    let mut host = Host::new();
    host.put("data.csv", "1");
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", files("one"));
    host.start().await;
    let one = host.status("hostile").release.unwrap();
    host.put("hostile.toml", grant("two"));
    host.sandbox().rescan().await;
    let two = host.status("hostile").release.unwrap();
    host.sandbox().control(only(held(&one, &two))).await;
    let status = host.status("hostile");
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Verified)), "{status:?}");
    assert!(status.reason.unwrap().contains("grants that the grant file no longer gives"));
    assert_eq!(answer(host.sandbox()).await, "two");
}

#[tokio::test]
async fn required_shows_whatever_became_of_the_plugin() {
    const REQUIRED: &str = "[plugin]\nrequired = true";
    for (wasm, grant, stage) in [
        (minimal(), REQUIRED.to_owned(), Stage::Active),
        (b"garbage".to_vec(), REQUIRED.to_owned(), Stage::Rejected),
        (minimal(), format!("{REQUIRED}\n[limits]\nmemory = 1"), Stage::Rejected),
        (minimal(), format!("{REQUIRED}\n[grants.nothing]"), Stage::Rejected),
        (crate::support::built("hostile-net"), REQUIRED.to_owned(), Stage::Pending),
    ] {
        let mut host = Host::new();
        host.put("p.wasm", wasm);
        host.put("p.toml", &grant);
        host.start().await;
        let status = host.status("p");
        assert_eq!((status.required, status.stage), (true, stage), "{grant}: {status:?}");
        // A file that cannot be read at all does not make it less required, and another one does.
        host.put("p.toml", "not toml");
        host.sandbox().rescan().await;
        assert!(host.status("p").required, "{grant}");
        host.put("p.toml", "");
        host.sandbox().rescan().await;
        assert!(!host.status("p").required, "{grant}");
    }
}

/// A component of its own for each number, which its claims tell.
fn numbered(number: u32) -> Vec<u8> {
    minimal_with(&format!("(data (i32.const 256) \"{{\\22n\\22:\\22{number:06}\\22}}\")"), "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_lose_no_call() {
    let mut host = Host::new();
    host.put("p.wasm", numbered(0));
    let sandbox = host.start().await.clone();
    let number = async |sandbox: &Sandbox| -> u32 {
        let data = sandbox.fetch("p", request("x")).await.unwrap();
        data.claims["n"].as_str().unwrap().parse().unwrap()
    };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (sandbox, stopped) = (sandbox.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !*stopped.borrow() {
                    seen.push(number(&sandbox).await);
                }
                seen
            })
        })
        .collect();
    for swap in 1..=100 {
        host.put("p.wasm", numbered(swap));
        sandbox.rescan().await;
        assert_eq!(number(&sandbox).await, swap);
    }
    stop.send(true).unwrap();
    for caller in callers {
        let seen = caller.await.unwrap();
        assert!(seen.is_sorted(), "an older generation answered later");
    }
    assert_eq!(host.status("p").calls.failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_and_a_sleeping_plugin_cost_their_neighbour_no_call() {
    let mut host = Host::new();
    for (name, grant) in [
        ("spinning", "[limits]\ncpu = \"1s\"\nwall = \"20s\"\nconcurrency = 4"),
        ("sleeping", "[limits]\nwall = \"1s\"\nconcurrency = 4"),
    ] {
        host.put(&format!("{name}.wasm"), hostile());
        host.put(&format!("{name}.toml"), grant);
    }
    host.put("neighbour.wasm", minimal());
    host.start().await;
    let sandbox = host.sandbox().clone();
    let bad = |plugin: &'static str, behaviour: &'static str| {
        let sandbox = sandbox.clone();
        tokio::spawn(async move { sandbox.fetch(plugin, request(behaviour)).await })
    };
    let calls: Vec<_> = (0..4).flat_map(|_| [bad("spinning", "spin"), bad("sleeping", "slow-host-call")]).collect();
    while !calls.iter().all(tokio::task::JoinHandle::is_finished) {
        assert!(sandbox.fetch("neighbour", request("anybody")).await.is_ok());
        tokio::task::yield_now().await;
    }
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        let CallError::Limit { which, plugin, .. } = error else { panic!("{error}") };
        assert_eq!(which, if plugin == "spinning" { LimitKind::Cpu } else { LimitKind::Wall });
    }
    let calls = host.status("neighbour").calls;
    assert_eq!(calls.failed, 0);
    assert!(calls.ok > 0);
    host.goes_on().await;
}
