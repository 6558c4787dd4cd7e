//! The time of day that plugins read.

use chancery_sandbox::{CallError, LimitKind};

use crate::support::{Host, request};

#[tokio::test]
async fn a_plugin_reads_the_hosts_clock() {
    let host = Host::hostile("").await;
    let time = async || host.sandbox().fetch("hostile", request("time")).await.unwrap().claims["unix_ms"].clone();
    host.fakes.set_clock(1_780_401_600);
    assert_eq!(time().await, 1_780_401_600_000_u64);
    host.fakes.set_clock(0);
    assert_eq!(time().await, 0);
    // WASI has no times before 1970.
    host.fakes.set_clock(-1);
    assert_eq!(time().await, 0);
}

#[tokio::test]
async fn a_clock_that_stands_still_stops_no_limit() {
    let host = Host::hostile("[limits]\nwall = \"50ms\"").await;
    let error = host.ask("slow-host-call").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { which: LimitKind::Wall, .. }), "{error}");
}
