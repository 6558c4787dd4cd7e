//! Which calls end a sandbox, and which do not.

use chancery_sandbox::{CallError, Issuance, LimitKind};

use super::{WARM, found, idle};
use crate::kinds::{deliver, issue, poll};
use crate::support::{Host, built};

const LIMITS: &str = "[limits]\ncpu = \"300ms\"\nwall = \"2s\"\noutput = \"1MiB\"\nblobs = \"8MiB\"\n";

#[tokio::test]
async fn whatever_goes_wrong_in_the_plugin_ends_its_sandbox() {
    let host = Host::hostile(&format!("{WARM}{LIMITS}")).await;
    for behaviour in [
        "trap",
        "exit",
        "spin",
        "allocate",
        "recurse",
        "slow-host-call",
        "large-output",
        "hoard-blobs",
        "invalid-json",
        "not-object",
        "internal",
    ] {
        assert_eq!(found(&host, "default", behaviour).await.unwrap(), "", "before {behaviour}");
        assert_eq!(idle(&host), 1);
        let error = host.ask(behaviour).await.unwrap_err();
        assert!(!error.is_refusal(), "{behaviour}: {error}");
        assert_eq!(idle(&host), 0, "{behaviour}");
        assert_eq!(found(&host, "default", "after").await.unwrap(), "", "after {behaviour}");
        // The next round begins without one.
        host.ask("trap").await.unwrap_err();
        host.sandbox().reload("hostile").await;
    }
}

#[tokio::test]
async fn what_a_working_plugin_says_ends_nothing() {
    let host = Host::hostile(WARM).await;
    found(&host, "default", "before").await.unwrap();
    for behaviour in ["anybody", "not-found", "denied", "invalid-request", "unavailable", "misconfigured", "attachment"]
    {
        let _ = host.ask(behaviour).await;
        assert_eq!(idle(&host), 1, "{behaviour}");
    }
    assert_eq!(found(&host, "default", "after").await.unwrap(), "leak before");
}

#[tokio::test]
async fn memory_is_counted_for_as_long_as_the_sandbox_lives() {
    let host = Host::hostile(&format!("{WARM}[limits]\nmemory = \"32MiB\"")).await;
    for calls in 1..=2 {
        assert_eq!(host.ask("hoard-memory").await.unwrap().claims["calls"], calls);
    }
    let error = loop {
        match host.ask("hoard-memory").await {
            Ok(data) => assert!(data.claims["calls"].as_u64().unwrap() < 4, "8 MiB each, of 32 MiB"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CallError::Limit { which: LimitKind::Memory, .. }), "{error}");
    assert_eq!(idle(&host), 0);
    assert_eq!(host.ask("hoard-memory").await.unwrap().claims["calls"], 1);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_ends_its_sandbox() {
    let host = Host::hostile(&format!("{WARM}[limits]\nconcurrency = 1\nqueue_wait = \"50ms\"")).await;
    found(&host, "default", "before").await.unwrap();
    let call = host.slow_call().await;
    assert_eq!(idle(&host), 0);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(idle(&host), 0);
    assert_eq!(found(&host, "default", "after").await.unwrap(), "");
}

#[tokio::test]
async fn a_blob_of_an_earlier_call_is_no_longer_there() {
    let host = Host::hostile(WARM).await;
    host.ask("keep-blob").await.unwrap();
    assert_eq!(idle(&host), 1);
    let error = host.ask("read-kept-blob").await.unwrap_err();
    let CallError::Trapped { detail, .. } = &error else { panic!("{error}") };
    assert!(detail.contains("the blob belongs to an earlier call"), "{detail}");
    assert_eq!(idle(&host), 0);
    assert!(host.ask("read-kept-blob").await.unwrap().claims["size"].is_null());

    host.ask("keep-answer").await.unwrap();
    let error = host.ask("give-kept-answer").await.unwrap_err();
    let CallError::InvalidOutput { detail, .. } = &error else { panic!("{error}") };
    assert!(detail.contains("the blob belongs to an earlier call"), "{detail}");
    assert_eq!(idle(&host), 0);

    // Letting go of it is no fault.
    host.ask("keep-blob").await.unwrap();
    assert_eq!(host.ask("drop-kept-blob").await.unwrap().claims["found"], true);
    assert_eq!(idle(&host), 1);
}

#[tokio::test]
async fn a_sandbox_that_leaks_handles_ends_in_time() {
    let host = Host::hostile(WARM).await;
    for _ in 0..3 {
        host.ask("forget-handles").await.unwrap();
        assert_eq!(idle(&host), 1);
        host.ask("forget-handles").await.unwrap();
        assert_eq!(idle(&host), 0);
    }
}

#[tokio::test]
async fn issuers_and_audit_sinks_are_kept_warm_too() {
    let mut host = Host::new();
    for plugin in ["hostile-issuer", "hostile-sink"] {
        host.put(&format!("{plugin}.wasm"), built(plugin));
        host.put(&format!("{plugin}.toml"), WARM);
    }
    host.start().await;
    let idle = |plugin: &str| host.status(plugin).idle;
    assert!(matches!(issue(&host, "ordinary").await, Ok(Issuance::Issued(_))));
    assert_eq!(idle("hostile-issuer"), 1);
    poll(&host, "ordinary").await.unwrap();
    assert_eq!(idle("hostile-issuer"), 1);
    for _ in 0..2 {
        deliver(&host, "ordinary").await.unwrap();
        assert_eq!(idle("hostile-sink"), 1);
    }
    // A receipt that breaks the contract.
    deliver(&host, "foreign").await.unwrap_err();
    assert_eq!(idle("hostile-sink"), 0);
}
