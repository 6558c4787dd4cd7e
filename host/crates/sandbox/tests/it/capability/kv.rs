use chancery_sandbox::{CallError, LimitKind, PluginRequest};
use serde_json::json;

use super::DATA;
use crate::support::{Host, built, request};

#[tokio::test]
async fn keys_and_values_are_bounded_and_nothing_refused_reaches_the_cache() {
    let host = Host::narrow("hostile-data", DATA).await;
    let long = "k".repeat(513);
    for (step, said) in [
        (json!({"do": "kv-get", "key": ""}), "BadKey"),
        (json!({"do": "kv-get", "key": long}), "BadKey"),
        (json!({"do": "kv-delete", "key": long}), "BadKey"),
        (json!({"do": "kv-put", "key": long, "bytes": 1}), "BadKey"),
        (json!({"do": "kv-put", "key": "k", "bytes": 1025}), "TooLarge(1024)"),
        (json!({"do": "kv-put", "key": "k", "bytes": 1_900_000}), "TooLarge(1024)"),
    ] {
        assert_eq!(host.step("hostile-data", step).await, said);
    }
    assert!(host.fakes.heard().is_empty());
    let longest = "k".repeat(512);
    assert_eq!(host.step("hostile-data", json!({"do": "kv-put", "key": longest, "bytes": 1024})).await, "ok ()");
    assert_eq!(host.step("hostile-data", json!({"do": "kv-get", "key": longest})).await, "ok Some(1024)");
    assert_eq!(host.step("hostile-data", json!({"do": "kv-get", "key": "down"})).await, "Unavailable(\"down\")");
}

#[tokio::test]
async fn a_value_of_a_hundred_megabytes_is_not_even_copied() {
    let host = Host::narrow("hostile-data", DATA).await;
    let steps = json!([{"do": "kv-put", "key": "k", "bytes": 100_000_000}]);
    let error = host.script("hostile-data", steps).await.unwrap_err();
    assert!(matches!(error, CallError::Limit { which: LimitKind::Output, .. }), "{error}");
    assert!(host.fakes.heard().is_empty());
    host.goes_on().await;
}

#[tokio::test]
async fn operations_are_counted_for_each_call() {
    let host = Host::narrow("hostile-data", DATA).await;
    for _ in 0..2 {
        let steps = json!([
            {"do": "kv-put", "key": "a", "bytes": 1},
            {"do": "kv-get", "key": "a", "times": 10},
            {"do": "kv-delete", "key": "a"},
        ]);
        let said = host.script("hostile-data", steps).await.unwrap();
        assert_eq!(said[0], ["ok ()"]);
        assert_eq!(said[1][..3], ["ok Some(1)", "ok Some(1)", "ok Some(1)"]);
        let refused = "Unavailable(\"the call has used up limits.kv_operations\")";
        assert!(said[1][3..].iter().chain(&said[2]).all(|text| text == refused), "{said:?}");
        assert_eq!(host.fakes.heard().len(), 4);
    }
}

#[tokio::test]
async fn a_value_lives_no_longer_than_the_grant_says() {
    let host = Host::narrow("hostile-data", DATA).await;
    let steps = json!([
        {"do": "kv-put", "key": "a", "bytes": 1, "ttl_ms": 250},
        {"do": "kv-put", "key": "a", "bytes": 1, "ttl_ms": u64::MAX},
        {"do": "kv-put", "key": "a", "bytes": 1},
    ]);
    host.script("hostile-data", steps).await.unwrap();
    let put = |ttl: &str| format!("put hostile-data/default/a 1 for {ttl}");
    assert_eq!(host.fakes.heard(), [put("250ms"), put("600s"), put("600s")]);
}

#[tokio::test]
async fn issuers_and_plugins_do_not_see_each_others_values() {
    let mut host = Host::new();
    for name in ["one", "two"] {
        host.put(&format!("{name}.wasm"), built("hostile-data"));
        host.put(&format!("{name}.toml"), DATA);
    }
    host.start().await;
    let ask = async |plugin: &str, issuer: &str, step| {
        let settings = json!({ "steps": [step] });
        let request = PluginRequest { issuer_id: issuer.to_owned(), settings, ..request("x") };
        let data = host.sandbox().fetch(plugin, request).await.unwrap();
        data.claims["said"][0][0].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("one", "a", json!({"do": "kv-put", "key": "k", "bytes": 3})).await, "ok ()");
    assert_eq!(ask("one", "a", json!({"do": "kv-get", "key": "k"})).await, "ok Some(3)");
    assert_eq!(ask("one", "b", json!({"do": "kv-get", "key": "k"})).await, "ok None");
    assert_eq!(ask("two", "a", json!({"do": "kv-get", "key": "k"})).await, "ok None");
}

#[tokio::test]
async fn waiting_for_a_slow_cache_is_not_the_guests_cpu_time() {
    // Three hundred waits, each longer than a step of CPU time, and two hundred such steps to spend.
    let grant = DATA.replace("kv_operations = 4", "kv_operations = 300\ncpu = \"400ms\"").replace("\"2s\"", "\"30s\"");
    let host = Host::narrow("hostile-data", &grant).await;
    let steps = json!([{"do": "kv-get", "key": "slow", "times": 300}]);
    assert_eq!(host.script("hostile-data", steps).await.unwrap(), [vec!["ok None"; 300]]);
}

#[tokio::test]
async fn a_cache_that_never_answers_ends_with_the_call() {
    let host = Host::narrow("hostile-data", DATA).await;
    for _ in 0..2 {
        let error = host.script("hostile-data", json!([{"do": "kv-get", "key": "never"}])).await.unwrap_err();
        let CallError::Limit { which, detail, .. } = error else { panic!("{error}") };
        assert_eq!((which, detail.as_str()), (LimitKind::Wall, "2s"));
        host.goes_on().await;
    }
}
