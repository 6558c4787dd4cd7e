use chancery_plugin_sdk::json;

use super::*;

fn check(config: Value) -> Result<Settings, Vec<String>> {
    let paths = |problems: Vec<ConfigProblem>| problems.into_iter().map(|problem| problem.path).collect();
    serde_json::from_value::<Config>(config).unwrap().check().map_err(paths)
}

fn faults(mut config: Value) -> Vec<String> {
    if config.get("url").is_none() {
        config["url"] = "https://h/{subject.id}".into();
    }
    check(config).unwrap_err()
}

#[test]
fn an_address_is_enough() {
    let settings = check(json!({ "url": "https://h/{subject.id}" })).unwrap();
    assert_eq!((settings.attempts, settings.timeout, settings.backoff), (3, Duration::from_secs(3), DEFAULT_BACKOFF));
    assert!(matches!(settings.ask, Ask::Get) && settings.claims.is_none() && settings.ttl.is_none());
}

#[test]
fn all_faults_are_reported_at_once_by_path() {
    let config = json!({
        "url": "h", "headers": { "a b": "x", "Host": "x", "x": "a\r\nb" }, "body": {}, "timeout": "0s",
        "claims": { "a": "x", "b/c": { "pointer": 7 }, "": "/x", "d": "/~2" }, "items": "x", "into": "",
        "paging": { "link": true, "next": "/n", "max_pages": 0 }, "retry": { "attempts": 6, "backoff": "0ms" },
        "status": { "200": "denied", "abc": "denied" }, "cache": { "ttl": "0s" },
    });
    assert_eq!(
        faults(config),
        [
            "/url",
            "/body",
            "/headers/Host",
            "/headers/a b",
            "/headers/x",
            "/claims/a",
            "/claims/b~1c",
            "/claims/",
            "/claims/d",
            "/items",
            "/into",
            "/paging",
            "/paging/max_pages",
            "/retry/attempts",
            "/timeout",
            "/retry/backoff",
            "/cache/ttl",
            "/status/200",
            "/status/abc",
        ]
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    assert_eq!(faults(json!({ "into": "x" })), ["/into"]);
    assert_eq!(faults(json!({ "paging": { "link": true } })), ["/paging"]);
    assert_eq!(faults(json!({ "items": "", "paging": {} })), ["/paging"]);
    assert_eq!(faults(json!({ "items": "", "paging": { "link": true }, "method": "POST" })), ["/paging"]);
    assert_eq!(faults(json!({ "claims": {} })), ["/claims"]);
    assert_eq!(faults(json!({ "method": "POST", "body": { "a": ["x {subject.id}"] } })), ["/body/a/0"]);
}

#[test]
fn what_the_type_does_not_know_is_refused() {
    for config in [
        json!({ "url": "https://h/", "method": "get" }),
        json!({ "url": "https://h/", "method": "DELETE" }),
        json!({ "url": "https://h/", "status": { "404": "fine" } }),
        json!({ "url": "https://h/", "timeout": 3 }),
        json!({ "url": "https://h/", "cache": {} }),
        json!({ "url": "https://h/", "paging": { "nxt": "/a" } }),
        json!({ "url": "https://h/", "secret": "x" }),
        json!({}),
    ] {
        assert!(serde_json::from_value::<Config>(config.clone()).is_err(), "{config}");
    }
}

#[test]
fn the_schema_names_what_the_type_knows() {
    let schema = schema();
    let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let unknown = serde_json::from_value::<Config>(json!({ "uri": "x" })).unwrap_err().to_string();
    assert!(known.iter().all(|name| unknown.contains(&format!("`{name}`"))), "{unknown}");
    assert_eq!(unknown.matches('`').count() / 2 - 1, known.len(), "{unknown}");
}

#[test]
fn the_example_is_one() {
    let example: toml::Table = toml::from_str(include_str!("../example.toml")).unwrap();
    let config: Value = example["config"].clone().try_into().unwrap();
    let settings = check(config).unwrap();
    let mut request = chancery_plugin_sdk::Request::about("x");
    request.settings.insert("district".into(), "Kisumu".into());
    let url = settings.url.render(&template::Scope::of(&request)).unwrap();
    assert_eq!(example["grants"]["http"]["allow"][0].as_str(), Some(url.origin().as_str()));
    assert!(example["grants"].get("kv").is_some());
}
