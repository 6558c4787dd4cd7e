//! The compile worker as a child process. This binary is its own test harness, because it is also
//! the worker: called with `worker`, it does what the hidden subcommand of the server does.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "it/bombs.rs"]
mod bombs;
#[path = "it/minimal.rs"]
mod minimal;
#[path = "it/plugins.rs"]
mod plugins;

use std::process::ExitCode;
use std::time::Duration;

use chancery_sandbox::{CompileMode, PluginStatus, Sandbox, SandboxOptions, Stage, compile_worker};

const TESTS: [(&str, fn()); 5] = [
    ("a_component_is_compiled_in_a_child", compiled_in_a_child),
    ("what_the_worker_says_is_the_reason", worker_says_why),
    ("a_missing_worker_is_the_reason", missing_worker),
    ("a_worker_that_dies_is_the_reason", worker_dies),
    ("bombs_go_off_in_the_worker", bombs_go_off),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "worker") {
        return compile_worker();
    }
    if args.iter().any(|arg| arg == "--list") {
        // Runners list ignored tests apart from the others; there are none.
        let ignored = args.iter().any(|arg| arg == "--ignored");
        for (name, _) in TESTS.iter().filter(|_| !ignored) {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let selected = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(*w));
    for (name, test) in TESTS.iter().filter(|(name, _)| selected(name)) {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// Starts a sandbox over one plugin that compiles as `mode` says, and gives the plugin's status.
fn status_after_compiling(wasm: &[u8], mode: CompileMode) -> PluginStatus {
    statuses_after_compiling(&[("p", wasm)], mode).remove(0)
}

/// The same for several plugins, in the order of their names.
fn statuses_after_compiling(plugins: &[(&str, &[u8])], mode: CompileMode) -> Vec<PluginStatus> {
    let dir = tempfile::tempdir().unwrap();
    let plugin_dir = dir.path().join("plugins");
    std::fs::create_dir(&plugin_dir).unwrap();
    for (name, wasm) in plugins {
        std::fs::write(plugin_dir.join(format!("{name}.wasm")), wasm).unwrap();
    }
    let mut options = SandboxOptions::new(plugin_dir, dir.path().join("cache"), [7; 32], mode);
    options.debounce = Duration::from_millis(10);
    options.max_instances = 4;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(Sandbox::start(options)).unwrap().plugins()
}

fn worker() -> CompileMode {
    CompileMode::Child { program: std::env::current_exe().unwrap(), args: vec!["worker".into()] }
}

fn compiled_in_a_child() {
    let status = status_after_compiling(&plugins::built("hostile"), worker());
    // Its code was loaded and run.
    assert_eq!(status.stage, Stage::Active, "{status:?}");
}

fn worker_says_why() {
    let mut wasm = plugins::built("hostile");
    wasm.truncate(wasm.len() / 2);
    let status = status_after_compiling(&wasm, worker());
    assert_eq!(status.failed_at, Some(Stage::Compiled), "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.starts_with("it does not compile: "), "{reason}");
}

fn missing_worker() {
    let mode = CompileMode::Child { program: "/nowhere/worker".into(), args: Vec::new() };
    let status = status_after_compiling(&plugins::built("hostile"), mode);
    assert_eq!(status.failed_at, Some(Stage::Compiled), "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.starts_with("the compile worker does not start"), "{reason}");
}

fn worker_dies() {
    let mode = CompileMode::Child { program: "/bin/sh".into(), args: vec!["-c".into(), "kill -9 $$".into()] };
    let status = status_after_compiling(&minimal::minimal(), mode);
    assert_eq!(status.failed_at, Some(Stage::Compiled), "{status:?}");
    assert_eq!(status.reason.as_deref(), Some("the compile worker ended with signal: 9 (SIGKILL)"));
}

/// Whatever a component does to the compiler, the server goes on and the next one is compiled.
fn bombs_go_off() {
    let plugins = [
        ("functions", bombs::functions(5_000)),
        ("nested", bombs::nested(2_000)),
        ("ok", minimal::minimal()),
        ("scattered", bombs::scattered(2_000, 16_384)),
    ];
    let borrowed: Vec<(&str, &[u8])> = plugins.iter().map(|(name, wasm)| (*name, wasm.as_slice())).collect();
    let ends = statuses_after_compiling(&borrowed, worker());
    let ends: Vec<_> = ends.iter().map(|end| (end.name.as_str(), end.stage, end.failed_at)).collect();
    let expected = [
        ("functions", Stage::Active, None),
        ("nested", Stage::Rejected, Some(Stage::Linked)),
        ("ok", Stage::Active, None),
        ("scattered", Stage::Rejected, Some(Stage::Configured)),
    ];
    assert_eq!(ends, expected);
}
