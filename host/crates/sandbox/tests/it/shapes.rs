//! Components in shapes that ask too much of whoever reads, compiles or instantiates them.

use std::fs::File;

use chancery_sandbox::{CallError, LimitKind, PluginStatus, Stage};

use crate::bombs::{functions, nested, scattered};
use crate::minimal::{minimal, minimal_with};
use crate::support::{Host, request};

/// What a sandbox says about a component, while its neighbour serves.
async fn judged(wasm: &[u8], grant: &str) -> PluginStatus {
    let mut host = Host::new();
    host.put("p.wasm", wasm);
    host.put("p.toml", grant);
    host.put("neighbour.wasm", minimal());
    let mut options = host.options();
    options.max_instances = 1;
    host.start_with(options).await;
    host.goes_on().await;
    host.status("p")
}

async fn rejected(wasm: &[u8], failed_at: Stage, part: &str) {
    let status = judged(wasm, "").await;
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(failed_at)), "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.contains(part), "{reason}");
}

#[tokio::test]
async fn the_smallest_plugin_serves_and_more_exports_do_no_harm() {
    let more = r#"
        (core module $more (func (export "f") (result i32) (i32.const 7)))
        (core instance $more (instantiate $more))
        (func $more (result u32) (canon lift (core func $more "f")))
        (export "back-door" (func $more))
        (instance $door (export "open" (func $more)))
        (export "acme:door/door@1.0.0" (instance $door))
    "#;
    for wasm in [minimal(), minimal_with("", more)] {
        let status = judged(&wasm, "").await;
        assert_eq!(status.stage, Stage::Active, "{status:?}");
        assert_eq!((status.version.as_deref(), status.summary.as_deref()), (Some("1.0.0"), Some("Minimal.")));
    }
}

#[tokio::test]
async fn what_a_plugin_says_of_itself_is_cut_and_cannot_steer_a_terminal() {
    let long = "y".repeat(2_000);
    let description = format!(r#"{{"version":"\u001b[31m{long}","summary":"\u0007{long}","name":""}}"#);
    let escaped = description.replace('\\', "\\5c").replace('"', "\\22");
    let [low, high] = u16::try_from(description.len()).unwrap().to_le_bytes();
    let core = format!(
        r#"(data (i32.const 4096) "{escaped}") (data (i32.const 0) "\00\10\00\00\{low:02x}\{high:02x}\00\00")"#
    );
    let status = judged(&minimal_with(&core, ""), "").await;
    assert_eq!(status.stage, Stage::Active, "{status:?}");
    for (text, most) in [(status.version.unwrap(), 80), (status.summary.unwrap(), 530)] {
        assert!(text.len() <= most && !text.chars().any(char::is_control), "{text}");
    }
}

#[tokio::test]
async fn start_functions_run_within_the_same_limits() {
    for (body, part) in [
        ("unreachable", "describe: crashed: "),
        ("(loop $l (br $l))", "describe: CPU time limit reached: 200ms"),
        ("(call $start)", "describe: call stack limit reached"),
        ("(drop (memory.grow (i32.const 2000))) unreachable", "describe: memory limit reached: 64MiB"),
    ] {
        let wasm = minimal_with(&format!("(func $start {body}) (start $start)"), "");
        rejected(&wasm, Stage::Configured, part).await;
    }
}

#[tokio::test]
async fn what_is_asked_for_at_the_start_counts_too() {
    // 2,000 pages are 125 MiB, and 40,001 elements one more than a table may have.
    let memory = "(core module $large (memory 2000)) (core instance (instantiate $large))";
    rejected(&minimal_with("", memory), Stage::Configured, "describe: memory limit reached: 64MiB").await;
    let table = "(core module $large (table 40001 funcref)) (core instance (instantiate $large))";
    rejected(&minimal_with("", table), Stage::Compiled, "minimum element size of 40001").await;
    let memory = "(core module $large (memory 65536)) (core instance (instantiate $large))";
    rejected(&minimal_with("", memory), Stage::Compiled, "minimum byte size of 4294967296").await;
}

#[tokio::test]
async fn data_that_is_small_in_the_file_and_large_in_memory_is_bounded() {
    // Up to the last page of one gigabyte, which is more than the plugin may have, and of four, which is more
    // than any may have.
    rejected(&scattered(2_000, 16_384), Stage::Configured, "describe: memory limit reached: 64MiB").await;
    rejected(&scattered(2_000, 65_536), Stage::Compiled, "minimum byte size of 4294967296").await;
    // Data outside of the memory is a trap.
    let beyond = "(core module $b (memory 1) (data (i32.const 70000) \"x\")) (core instance (instantiate $b))";
    rejected(&minimal_with("", beyond), Stage::Configured, "describe: crashed: ").await;
}

#[tokio::test]
async fn too_many_of_anything_is_refused_when_compiling() {
    let locals = format!("(func (local {}))", "i64 ".repeat(50_001));
    rejected(&minimal_with(&locals, ""), Stage::Compiled, "too many locals").await;
    let params = format!("(func (param {}))", "i64 ".repeat(1_001));
    rejected(&minimal_with(&params, ""), Stage::Compiled, "function params size is out of bounds").await;
    rejected(&nested(900), Stage::Linked, "not a Chancery plugin").await;
    let instances = "(core instance (instantiate $empty))".repeat(5_000);
    let instances = format!("(core module $empty) {instances}");
    rejected(&minimal_with("", &instances), Stage::Compiled, "instances count exceeds limit of 1000").await;
    // Within what a component may have, and beyond its share of the pool.
    let instances = format!("(core module $empty) {}", "(core instance (instantiate $empty))".repeat(900));
    rejected(&minimal_with("", &instances), Stage::Compiled, "901 core module instances").await;
}

#[tokio::test]
async fn thousands_of_functions_are_no_reason_to_refuse() {
    let status = judged(&functions(5_000), "").await;
    assert_eq!(status.stage, Stage::Active, "{status:?}");
}

#[tokio::test]
async fn a_file_of_300_megabytes_is_not_read() {
    let mut host = Host::new();
    host.put("p.wasm", minimal());
    let file = File::options().write(true).open(host.plugin_dir().join("p.wasm")).unwrap();
    file.set_len(300 << 20).unwrap();
    host.put("neighbour.wasm", minimal());
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.failed_at, Some(Stage::Verified), "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.ends_with("it is larger than 64MiB (the most a component may have)"), "{reason}");
    host.goes_on().await;
}

#[tokio::test]
async fn any_part_of_a_component_is_refused_as_a_whole() {
    let wasm = minimal();
    for end in (0..wasm.len()).step_by(37) {
        let status = judged_alone(&wasm[..end]).await;
        assert_eq!(status.stage, Stage::Rejected, "{end} bytes: {status:?}");
    }
}

/// Without a neighbour: there are many.
async fn judged_alone(wasm: &[u8]) -> PluginStatus {
    let mut host = Host::new();
    host.put("p.wasm", wasm);
    host.start().await;
    host.status("p")
}

#[tokio::test]
async fn a_return_area_outside_of_memory_ends_the_call() {
    let text = |fetch: &str| {
        let wild = include_str!("minimal.wat").replace(
            "(func (export \"fetch\") (param i32) (result i32) (i32.const 32))",
            &format!("(func (export \"fetch\") (param i32) (result i32) {fetch})"),
        );
        wat::parse_str(wild).unwrap()
    };
    let mut host = Host::new();
    for (name, fetch) in [
        ("outside", "(i32.const -8)"),
        ("odd", "(i32.const 33)"),
        // A list of claims that begins in memory and ends far beyond it.
        ("long", "(i32.store (i32.const 44) (i32.const 0x7fffffff)) (i32.const 32)"),
        // A result that is neither success nor error.
        ("neither", "(i32.store8 (i32.const 32) (i32.const 9)) (i32.const 32)"),
        // A name that is not UTF-8.
        ("text", "(i32.store8 (i32.const 256) (i32.const 255)) (i32.const 32)"),
    ] {
        host.put(&format!("{name}.wasm"), text(fetch));
    }
    host.put("neighbour.wasm", minimal());
    host.start().await;
    for name in ["outside", "odd", "long", "neither", "text"] {
        let error = host.sandbox().fetch(name, request("x")).await.unwrap_err();
        let contained = matches!(error, CallError::Trapped { .. } | CallError::Limit { which: LimitKind::Output, .. });
        assert!(contained, "{name}: {error}");
    }
    host.goes_on().await;
}
