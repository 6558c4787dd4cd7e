//! What waits takes no room that a call needs.

use chancery_sandbox::Stage;

use super::{WARM, found};
use crate::minimal::minimal;
use crate::support::{Host, built, hostile, request};

/// Room for a call at a time, and three plugins.
async fn narrow() -> Host {
    let mut host = Host::new();
    host.put("hostile.wasm", hostile());
    host.put("hostile.toml", WARM);
    host.put("other.wasm", hostile());
    host.put("other.toml", WARM);
    host.put("neighbour.wasm", minimal());
    let mut options = host.options();
    options.max_instances = 1;
    host.start_with(options).await;
    host
}

#[tokio::test]
async fn a_fresh_call_of_another_plugin_finds_room() {
    let host = narrow().await;
    for _ in 0..3 {
        assert_eq!(found(&host, "a", "1").await.unwrap(), "");
        assert_eq!(found(&host, "a", "2").await.unwrap(), "leak 1");
        host.goes_on().await;
        assert_eq!(host.status("hostile").idle, 0);
    }
}

#[tokio::test]
async fn warm_plugins_and_issuers_take_turns() {
    let host = narrow().await;
    for issuer in ["a", "b", "a", "b"] {
        assert_eq!(found(&host, issuer, "1").await.unwrap(), "");
        assert_eq!(host.status("hostile").idle, 1);
        host.sandbox().fetch("other", request("anybody")).await.unwrap();
        assert_eq!((host.status("hostile").idle, host.status("other").idle), (0, 1));
    }
}

#[tokio::test]
async fn a_plugin_is_loaded_while_all_room_is_taken_by_what_waits() {
    let host = narrow().await;
    found(&host, "a", "1").await.unwrap();
    host.put("late.wasm", built("test-sink"));
    host.put("hostile-sink.wasm", built("hostile-sink"));
    host.sandbox().rescan().await;
    assert_eq!(host.status("hostile-sink").stage, Stage::Active);
    assert_eq!(found(&host, "a", "2").await.unwrap(), "leak 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_many_warm_plugins_never_run_out_of_room() {
    let mut host = Host::new();
    let grant = format!("{WARM}[warm]\nmax_idle = 8\n[limits]\nqueue_wait = \"10s\"\nwall = \"30s\"");
    for plugin in ["p1", "p2", "p3", "p4"] {
        host.put(&format!("{plugin}.wasm"), hostile());
        host.put(&format!("{plugin}.toml"), &grant);
    }
    let mut options = host.options();
    options.max_instances = 3;
    let sandbox = host.start_with(options).await.clone();
    let calls: Vec<_> = (0..400)
        .map(|call| {
            let sandbox = sandbox.clone();
            let plugin = ["p1", "p2", "p3", "p4"][call % 4];
            // Some sandboxes end, so that fresh ones are made all the time.
            let behaviour = if call % 7 == 0 { "internal" } else { "anybody" };
            tokio::spawn(async move { (behaviour, sandbox.fetch(plugin, request(behaviour)).await) })
        })
        .collect();
    // What waits is thrown out by others meanwhile, and its room is not free before it is gone.
    for round in 0..20 {
        sandbox.reload(["p1", "p2", "p3", "p4"][round % 4]).await;
    }
    for call in calls {
        let (behaviour, answer) = call.await.unwrap();
        match answer {
            Ok(_) => assert_eq!(behaviour, "anybody"),
            Err(error) => assert!(error.to_string().contains("internal error"), "{error}"),
        }
    }
    sandbox.fetch("p1", request("anybody")).await.unwrap();
    let idle: usize = sandbox.plugins().iter().map(|plugin| plugin.idle).sum();
    assert!((1..=3).contains(&idle), "{idle}");
}
