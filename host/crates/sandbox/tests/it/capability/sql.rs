use chancery_sandbox::{CallError, LimitKind, PluginRequest, Stage};
use serde_json::json;

use super::DATA;
use crate::support::{Host, request};

#[tokio::test]
async fn statements_that_are_not_granted_are_not_run() {
    let host = Host::narrow("hostile-data", DATA).await;
    for statement in ["other", "", "own; drop table farmer", "select * from farmer", "OWN", " own"] {
        let said = host.step("hostile-data", json!({"do": "sql", "statement": statement, "params": ["x"]})).await;
        assert!(said.starts_with("UnknownStatement([\"bad-parameter\", \"bound\", \"never\", \"own\""), "{said}");
    }
    assert!(host.fakes.heard().is_empty());
}

#[tokio::test]
async fn the_host_binds_the_person_whatever_the_plugin_wants() {
    let host = Host::narrow("hostile-data", DATA).await;
    // One place is the plugin's. A text stays a text, whatever it looks like.
    let injection = "1' or '1'='1'; drop table farmer; --";
    let said = host.step("hostile-data", json!({"do": "sql", "statement": "own", "params": [injection]})).await;
    assert!(said.starts_with("ok Rows"), "{said}");
    assert_eq!(host.fakes.heard(), [format!("own [Value::Text(\"1003\"), Value::Text({injection:?})]")]);
    // Another person's id finds no place.
    for params in [json!([]), json!(["1004", "x"]), json!(["1004", "x", null])] {
        let said = host.step("hostile-data", json!({"do": "sql", "statement": "own", "params": params})).await;
        let expected = format!("gives {} parameters, and 1 are left to it", params.as_array().unwrap().len());
        assert!(said.starts_with("BadParameter(") && said.contains(&expected), "{said}");
    }
    let said = host.step("hostile-data", json!({"do": "sql", "statement": "bound", "params": ["1004"]})).await;
    assert!(said.contains("0 are left to it"), "{said}");
    assert!(host.fakes.heard().is_empty());
}

#[tokio::test]
async fn what_the_call_does_not_know_is_an_error_and_never_null() {
    let host = Host::narrow("hostile-data", DATA).await;
    let ask = async |claims, configuration: &str| {
        let request = PluginRequest {
            subject_claims: claims,
            configuration_id: configuration.to_owned(),
            settings: json!({ "steps": [{"do": "sql", "statement": "bound"}] }),
            ..request("1003")
        };
        let data = host.sandbox().fetch("hostile-data", request).await.unwrap();
        data.claims["said"][0][0].as_str().unwrap().to_owned()
    };
    for (claims, part) in [
        (json!(null), "not among the subject's claims"),
        (json!({}), "not among the subject's claims"),
        (json!({"address": {}}), "not among the subject's claims"),
        (json!({"address": "zip"}), "not among the subject's claims"),
        (json!({"address.zip": "8001"}), "not among the subject's claims"),
        (json!({"address": {"zip": null}}), "neither text, whole number nor truth value"),
        (json!({"address": {"zip": ["8001"]}}), "neither text, whole number nor truth value"),
        (json!({"address": {"zip": {"$ne": ""}}}), "neither text, whole number nor truth value"),
        (json!({"address": {"zip": 1.5}}), "no whole number"),
        (json!({"address": {"zip": u64::MAX}}), "no whole number"),
    ] {
        let said = ask(claims.clone(), "Farmer").await;
        // As a database says it of data that does not fit: nobody set anything up wrong.
        let refusal = "Database { code: \"22004\", message: \"@subject.claims.address.zip is ";
        assert!(said.starts_with(refusal), "{claims}: {said}");
        assert!(said.contains(part), "{claims}: {said}");
    }
    let said = ask(json!({"address": {"zip": "8001"}}), "").await;
    assert!(said.contains("@configuration.id is not known in this call"), "{said}");
    assert!(host.fakes.heard().is_empty());
    ask(json!({"address": {"zip": "8001"}}), "Farmer").await;
    let text = |text: &str| format!("Value::Text({text:?})");
    let params = [text("8001"), text("default"), text("Farmer")].join(", ");
    assert_eq!(host.fakes.heard(), [format!("bound [{params}]")]);
}

#[tokio::test]
async fn health_has_no_person_to_ask_about() {
    let mut host = Host::new();
    host.put("p.wasm", crate::support::built("hostile-data"));
    host.put("p.toml", format!("{DATA}\n[[config.health]]\ndo = \"sql\"\nstatement = \"own\"\nparams = [\"x\"]"));
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.failed_at, Some(Stage::Probed), "{status:?}");
    assert!(status.reason.unwrap().contains("@subject.id is not known in this call"));
    assert!(host.fakes.heard().is_empty());
}

#[tokio::test]
async fn runs_are_counted_for_each_call() {
    let host = Host::narrow("hostile-data", DATA).await;
    for _ in 0..2 {
        let steps = json!([{"do": "sql", "statement": "own", "params": ["x"], "times": 5}]);
        let said = host.script("hostile-data", steps).await.unwrap().remove(0);
        assert!(said[..3].iter().all(|text| text.starts_with("ok Rows")), "{said:?}");
        assert_eq!(said[3..], ["Unavailable(\"the call has used up limits.sql_runs\")"; 2]);
        assert_eq!(host.fakes.heard().len(), 3);
    }
}

#[tokio::test]
async fn failures_of_the_database_arrive_typed() {
    let host = Host::narrow("hostile-data", DATA).await;
    for (statement, said) in [
        ("timeout", "Timeout"),
        ("unavailable", "Unavailable(\"no connection\")"),
        ("too-large", "TooLarge(1024)"),
        ("refused", "Database { code: \"42P01\", message: \"no table\" }"),
        ("bad-parameter", "BadParameter(\"$1 is a date\")"),
    ] {
        assert_eq!(host.step("hostile-data", json!({"do": "sql", "statement": statement})).await, said);
    }
}

#[tokio::test]
async fn a_database_that_never_answers_ends_with_the_call() {
    let host = Host::narrow("hostile-data", DATA).await;
    let error = host.script("hostile-data", json!([{"do": "sql", "statement": "never"}])).await.unwrap_err();
    assert!(matches!(error, CallError::Limit { which: LimitKind::Wall, .. }), "{error}");
    host.goes_on().await;
}
