//! Guests that misbehave: each is stopped by the right limit, with a typed error, and the next call
//! is answered.

use std::time::{Duration, Instant};

use chancery_sandbox::{CallError, LimitKind, PluginRequest};
use serde_json::json;

use crate::capture::Captured;
use crate::support::{Host, request};

/// Tight limits, so that tests are quick; generous where a test is not about the limit.
const GRANT: &str = "[limits]\nmemory = \"64MiB\"\ncpu = \"300ms\"\nwall = \"2s\"\noutput = \"1MiB\"\nblobs = \"8MiB\"";

async fn stopped_by(behaviour: &str) -> (LimitKind, String) {
    let host = Host::hostile(GRANT).await;
    let error = host.ask(behaviour).await.unwrap_err();
    let CallError::Limit { which, detail, plugin } = error else {
        panic!("{behaviour}: {error}");
    };
    assert_eq!(plugin, "hostile");
    // The next call is not affected.
    let data = host.ask("anybody").await.unwrap();
    assert_eq!(data.claims["name"], "Ada");
    let calls = host.status("hostile").calls;
    assert_eq!((calls.ok, calls.failed), (1, 1));
    (which, detail)
}

async fn invalid(behaviour: &str) -> String {
    let host = Host::hostile(GRANT).await;
    let error = host.ask(behaviour).await.unwrap_err();
    assert_eq!(error.public(), "The data source failed to answer.");
    let CallError::InvalidOutput { detail, .. } = error else {
        panic!("{behaviour}: {error}");
    };
    assert!(host.ask("anybody").await.is_ok());
    detail
}

#[tokio::test]
async fn a_spinning_guest_runs_out_of_cpu_time() {
    let (which, detail) = stopped_by("spin").await;
    assert_eq!((which, detail.as_str()), (LimitKind::Cpu, "300ms"));
}

#[tokio::test]
async fn a_waiting_guest_runs_out_of_wall_clock_time() {
    let (which, detail) = stopped_by("slow-host-call").await;
    assert_eq!((which, detail.as_str()), (LimitKind::Wall, "2s"));
}

#[tokio::test]
async fn a_greedy_guest_runs_out_of_memory() {
    let (which, detail) = stopped_by("allocate").await;
    assert_eq!(which, LimitKind::Memory);
    assert!(detail.starts_with("64MiB"), "{detail}");
}

#[tokio::test]
async fn endless_recursion_is_stopped() {
    let host = Host::hostile(GRANT).await;
    let error = host.ask("recurse").await.unwrap_err();
    // Which of its two stacks ends first is up to the guest's compiler: the one in linear memory
    // ends in a trap, the engine's own in a limit.
    match &error {
        CallError::Trapped { detail, .. } => assert!(detail.contains("out of bounds"), "{detail}"),
        CallError::Limit { which, .. } => assert_eq!(*which, LimitKind::Stack),
        _ => panic!("{error}"),
    }
    assert!(host.ask("anybody").await.is_ok());
}

#[tokio::test]
async fn more_than_the_output_limit_is_not_even_copied() {
    let (which, detail) = stopped_by("large-output").await;
    assert_eq!((which, detail.as_str()), (LimitKind::Output, "1MiB"));
}

#[tokio::test]
async fn a_hundred_megabytes_meet_the_memory_limit_first() {
    let (which, _) = stopped_by("huge-output").await;
    assert_eq!(which, LimitKind::Memory);
}

#[tokio::test]
async fn a_crash_is_told_with_its_last_words() {
    let host = Host::hostile(GRANT).await;
    let error = host.ask("trap").await.unwrap_err();
    let CallError::Trapped { detail, .. } = &error else {
        panic!("{error}");
    };
    assert!(detail.contains("trap on request"), "{detail}");
    assert!(!error.public().contains("trap"));
    let error = host.ask("exit").await.unwrap_err();
    assert!(error.to_string().contains("exited with status"), "{error}");
    assert!(host.ask("anybody").await.is_ok());
}

#[tokio::test]
async fn answers_that_break_the_contract_are_refused() {
    for (behaviour, part) in [
        ("invalid-json", "not valid JSON"),
        ("not-object", "an array instead"),
        ("deep-json", "more than 32 levels"),
        ("duplicate-keys", "the name \"name\" stands twice"),
        ("big-number", "not valid JSON"),
        ("longer-number", "does not fit 64 bits"),
    ] {
        let detail = invalid(behaviour).await;
        assert!(detail.contains(part), "{behaviour}: {detail}");
    }
}

#[tokio::test]
async fn floods_are_cut_and_the_call_goes_on() {
    let host = Host::hostile("[limits]\ncpu = \"2s\"\nwall = \"20s\"").await;
    let captured = Captured::default();
    let _capturing = captured.here();
    assert!(host.ask("flood-log").await.is_ok());
    let lines = captured.about("plugin");
    assert_eq!(lines.len(), 65, "64 lines, and one about the rest");
    let sha256 = host.status("hostile").sha256.unwrap();
    for (name, value) in [("plugin", "hostile"), ("digest", &sha256[..12]), ("request_id", "req-1")] {
        assert!(lines.iter().all(|line| line[name] == value), "{name}");
    }
    assert_eq!(lines[0]["message"], "a line of a flood");
    assert_eq!(lines[0]["fields"], "line=0");
    assert_eq!(lines[64]["dropped"], "99936");
    host.ask("flood-stderr").await.unwrap();
}

#[tokio::test]
async fn blobs_have_a_limit_of_their_own() {
    let host = Host::hostile(GRANT).await;
    assert!(host.ask("flood-blobs").await.is_err());
    let data = host.ask("attachment").await.unwrap();
    let photo = &data.attachments[0];
    assert_eq!((photo.name.as_str(), photo.media_type.as_str()), ("photo", "image/png"));
    assert_eq!(photo.content, b"\x89PNG\r\n");
}

#[tokio::test]
async fn handles_are_counted_and_given_back() {
    let host = Host::hostile(GRANT).await;
    for _ in 0..3 {
        let error = host.ask("hoard-blobs").await.unwrap_err();
        let CallError::Trapped { detail, .. } = &error else {
            panic!("{error}");
        };
        assert!(detail.contains("handle limit exceeded"), "{detail}");
        assert!(host.ask("attachment").await.is_ok());
    }
}

#[tokio::test]
async fn nothing_is_lost_to_guests_that_end_badly() {
    let host = Host::narrow("hostile", "[limits]\nmemory = \"64MiB\"\ncpu = \"200ms\"\nwall = \"1s\"").await;
    for behaviour in [
        "spin",
        "allocate",
        "recurse",
        "slow-host-call",
        "large-output",
        "huge-output",
        "flood-log",
        "flood-stderr",
        "flood-blobs",
        "hoard-blobs",
        "trap",
        "exit",
        "deep-json",
        "invalid-json",
    ] {
        // Twice, since a slot that was spoilt is noticed when it is used again.
        for _ in 0..2 {
            let _ = host.ask(behaviour).await;
            // What opened the breaker is not the matter here.
            host.sandbox().reload("hostile").await;
            assert_eq!(host.ask("leak").await.unwrap().claims["found"], "", "{behaviour}");
        }
        host.goes_on().await;
    }
    assert_eq!(host.status("neighbour").calls.failed, 0);
}

#[tokio::test]
async fn log_lines_are_counted_over_all_calls() {
    let host = Host::hostile("[limits]\nlog_rate = 1\ncpu = \"2s\"\nwall = \"20s\"").await;
    let captured = Captured::default();
    let _capturing = captured.here();
    let begun = Instant::now();
    for _ in 0..2 {
        host.ask("flood-log").await.unwrap();
    }
    let lines = captured.about("plugin");
    let written = lines.iter().filter(|line| !line.contains_key("dropped")).count();
    let written = u64::try_from(written).unwrap();
    // A burst of two seconds' worth, and one for each second that it took.
    assert!((2..=2 + begun.elapsed().as_secs() + 1).contains(&written), "{written} lines");
    let dropped: u64 = lines.iter().filter_map(|line| line.get("dropped")?.parse::<u64>().ok()).sum();
    assert_eq!(dropped + written, 200_000);
}

#[tokio::test]
async fn typed_errors_arrive_typed_with_public_and_private_text_apart() {
    let host = Host::hostile(GRANT).await;
    let expected = [
        ("not-found", "Nobody of that name is here.", "not found"),
        ("denied", "This person may not be told.", "denied"),
        ("invalid-request", "A claim is missing.", "invalid request"),
        ("unavailable", "The source is resting.", "unavailable"),
        ("misconfigured", "The data source failed to answer.", "misconfigured"),
        ("internal", "The data source failed to answer.", "internal"),
    ];
    for (behaviour, public, private) in expected {
        let error = host.ask(behaviour).await.unwrap_err();
        assert_eq!(error.public(), public);
        assert_eq!(error.plugin(), "hostile");
        assert!(error.detail().contains("(hidden)"), "{error}");
        assert!(error.detail().contains(private), "{error}");
        match (behaviour, &error) {
            ("unavailable", CallError::Unavailable { retry_after, .. }) => {
                assert_eq!(*retry_after, Some(Duration::from_millis(1500)));
            }
            ("not-found", CallError::NotFound(_))
            | ("denied", CallError::Denied(_))
            | ("invalid-request", CallError::InvalidRequest(_))
            | ("misconfigured", CallError::Misconfigured(_))
            | ("internal", CallError::Internal(_)) => {}
            _ => panic!("{behaviour}: {error:?}"),
        }
    }
    // Refusals are no failures of the plugin.
    let calls = host.status("hostile").calls;
    assert_eq!((calls.ok, calls.failed), (3, 3));
}

#[tokio::test]
async fn what_a_plugin_says_is_cut_and_cannot_steer_a_terminal() {
    let host = Host::hostile(GRANT).await;
    let error = host.ask("nasty-error").await.unwrap_err();
    let CallError::Denied(message) = error else {
        panic!("{error}");
    };
    let detail = message.detail.unwrap();
    for text in [&message.public, &detail] {
        assert!(!text.chars().any(char::is_control), "{text}");
        assert!(text.len() < 40_000, "{}", text.len());
    }
}

#[tokio::test]
async fn nothing_is_left_behind_between_calls() {
    let host = Host::hostile(GRANT).await;
    for _ in 0..3 {
        let data = host.ask("leak").await.unwrap();
        assert_eq!(data.claims["found"], "");
    }
}

#[tokio::test]
async fn the_world_outside_is_empty() {
    let host = Host::hostile(GRANT).await;
    let claims = host.ask("ambient").await.unwrap().claims;
    assert_eq!(claims["env"], json!([]));
    assert_eq!(claims["args"], json!([]));
    assert_eq!(claims["stdin_bytes"], 0);
    assert!(claims["listed"].is_string(), "{claims:?}");
    let refused = |name: &str, value: serde_json::Value| {
        let members = claims[name].as_object().unwrap();
        assert!(!members.is_empty());
        assert!(members.values().all(|v| *v == value), "{members:?}");
    };
    refused("opened", json!(null));
    refused("written", json!(false));
}

#[tokio::test]
async fn the_request_arrives_whole() {
    let host = Host::hostile(GRANT).await;
    let request = PluginRequest {
        subject_claims: json!({"given_name": "Ada", "quotes": "\"'\\ \u{0}"}),
        requested_claims: vec![vec!["address".to_owned(), "city".to_owned()]],
        locales: vec!["ta".to_owned(), "en".to_owned()],
        settings: json!({"file": "x"}),
        context: json!({"later": [1, 2]}),
        ..request("echo")
    };
    let data = host.sandbox().fetch("hostile", request).await.unwrap();
    assert_eq!(
        serde_json::Value::Object(data.claims),
        json!({
            "request_id": "req-1", "issuer_id": "default", "configuration_id": "Farmer",
            "format": "dc+sd-jwt", "subject_id": "echo",
            "subject_claims": {"given_name": "Ada", "quotes": "\"'\\ \u{0}"},
            "requested_claims": [["address", "city"]], "locales": ["ta", "en"],
            "settings": {"file": "x"}, "context": {"later": [1, 2]}, "budget_ms": 2000,
        })
    );
    assert_eq!(Some(data.plugin_sha256), host.status("hostile").sha256);
}

#[tokio::test]
async fn what_is_no_object_does_not_reach_the_plugin() {
    let host = Host::hostile(GRANT).await;
    let request = PluginRequest { settings: json!("text"), ..request("echo") };
    let error = host.sandbox().fetch("hostile", request).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidRequest(_)), "{error}");
    assert!(error.detail().contains("settings"), "{error}");
}

#[tokio::test]
async fn what_was_prepared_is_read_by_every_call() {
    let host = Host::hostile("[config]\nprepared = \"built once\"").await;
    for _ in 0..2 {
        let claims = host.ask("prepared").await.unwrap().claims;
        assert_eq!(claims["text"], "built once");
        assert_eq!(claims["size"], 10);
        assert_eq!(claims["beyond"], 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_are_answered_while_others_spin() {
    let host = Host::hostile("[limits]\ncpu = \"2s\"\nwall = \"20s\"").await;
    let sandbox = host.sandbox().clone();
    let spinners: Vec<_> = (0..4)
        .map(|_| {
            let sandbox = sandbox.clone();
            tokio::spawn(async move { sandbox.fetch("hostile", request("spin")).await })
        })
        .collect();
    for _ in 0..20 {
        host.ask("anybody").await.unwrap();
    }
    // All answers came before the spinners, which hold both worker threads, were through.
    assert!(spinners.iter().all(|spinner| !spinner.is_finished()));
    for spinner in spinners {
        let error = spinner.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Limit { which: LimitKind::Cpu, .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_plugin_says_so_and_when_to_come_back() {
    let grant = "[limits]\nconcurrency = 1\nqueue_wait = \"50ms\"\nwall = \"1s\"";
    let host = Host::hostile(grant).await;
    let slow = host.slow_call().await;
    assert!(slow.await.unwrap().is_err());
    assert!(host.ask("anybody").await.is_ok());
}

#[tokio::test]
async fn an_unknown_plugin_is_told_apart() {
    let host = Host::hostile("").await;
    let error = host.sandbox().fetch("other", request("x")).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_waits_for_running_calls_and_takes_no_more() {
    let host = Host::hostile("[limits]\nconcurrency = 1\nqueue_wait = \"50ms\"\nwall = \"1s\"").await;
    let sandbox = host.sandbox().clone();
    let running = host.slow_call().await;
    // One look at the shutdown is not enough for it to be done.
    let at_once = tokio::time::timeout(Duration::ZERO, sandbox.shutdown()).await;
    assert!(at_once.is_err());
    sandbox.shutdown().await;
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Limit { which: LimitKind::Wall, .. }), "{error}");
    let error = host.ask("anybody").await.unwrap_err();
    assert!(error.to_string().contains("shutting down"), "{error}");
    assert!(sandbox.ticker_alive());
}
