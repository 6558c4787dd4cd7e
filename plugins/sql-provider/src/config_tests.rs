use super::*;

fn check(config: Value) -> Result<Settings, Vec<String>> {
    let paths = |problems: Vec<ConfigProblem>| problems.into_iter().map(|problem| problem.path).collect();
    serde_json::from_value::<Config>(config).unwrap().check().map_err(paths)
}

fn faults(config: Value) -> Vec<String> {
    check(config).unwrap_err()
}

#[test]
fn a_statement_is_enough() {
    let settings = check(json!({ "statement": "farmer_by_id" })).unwrap();
    let lookup = &settings.lookups[0];
    assert_eq!((lookup.statement.as_str(), lookup.rows, lookup.optional), ("farmer_by_id", Rows::One, false));
    assert!(lookup.claims.is_none() && lookup.into.is_none() && lookup.params.is_empty());
}

#[test]
fn all_faults_are_reported_at_once_by_path() {
    let config = json!({ "not_found": "", "lookups": [
        { "statement": "", "rows": "all", "params": ["x {subject.id}", null, "{holder.id}"] },
        { "statement": "t", "into": "", "claims": {
            "": "a", "b": "", "c": 7, "d/e": { "column": "x", "pointer": "y" }, "f": { "column": "x", "media_type": "jpeg" },
            "g": { "column": "x", "as": "text", "media_type": "image/jpeg" }, "h": { "column": "x", "as": "date" },
            "i": { "column": "x", "media_type": "image/jpeg" },
        }},
        { "statement": "u", "claims": {} },
    ]});
    assert_eq!(
        faults(config),
        [
            "/not_found",
            "/lookups/0/statement",
            "/lookups/0/into",
            "/lookups/0/params/0",
            "/lookups/0/params/1",
            "/lookups/0/params/2",
            "/lookups/1/into",
            "/lookups/1/claims/",
            "/lookups/1/claims/b",
            "/lookups/1/claims/c",
            "/lookups/1/claims/d~1e",
            "/lookups/1/claims/f",
            "/lookups/1/claims/g",
            "/lookups/1/claims/h",
            "/lookups/1/claims/i",
            "/lookups/2/claims",
        ]
    );
}

#[test]
fn one_form_or_the_other() {
    assert_eq!(faults(json!({})), [""]);
    assert_eq!(faults(json!({ "statement": "s", "lookups": [] })), ["/lookups"]);
    assert_eq!(faults(json!({ "lookups": [] })), ["/lookups"]);
    assert_eq!(faults(json!({ "lookups": [{ "statement": "s" }], "claims": { "a": "a" } })), ["/lookups"]);
    let many: Vec<Value> = (0..=MAX_LOOKUPS).map(|_| json!({ "statement": "s" })).collect();
    assert_eq!(faults(json!({ "lookups": many })), ["/lookups"]);
}

#[test]
fn somebody_has_to_say_whether_the_subject_is_known() {
    assert_eq!(faults(json!({ "lookups": [{ "statement": "s", "optional": true }] })), ["/lookups"]);
}

#[test]
fn a_claim_has_one_source() {
    let config = json!({ "lookups": [
        { "statement": "s", "claims": { "a": "x", "b": "y" } },
        { "statement": "t", "into": "a", "claims": { "b": "z" } },
        { "statement": "u", "claims": { "b": "z" } },
    ]});
    assert_eq!(faults(config), ["/lookups/1", "/lookups/2"]);
}

#[test]
fn what_the_type_does_not_know_is_refused() {
    for config in [
        json!({ "statement": "s", "text": "select 1" }),
        json!({ "statement": "s", "rows": "many" }),
        json!({ "lookups": [{ "statement": "s", "database": "x" }] }),
        json!({ "lookups": [{}] }),
    ] {
        assert!(serde_json::from_value::<Config>(config.clone()).is_err(), "{config}");
    }
}

#[test]
fn the_schema_names_what_the_types_know() {
    let schema = schema();
    for (schema, unknown) in [
        (&schema, serde_json::from_value::<Config>(json!({ "x": 1 })).unwrap_err()),
        (
            &schema["properties"]["lookups"]["items"],
            serde_json::from_value::<LookupSection>(json!({ "x": 1 })).unwrap_err(),
        ),
    ] {
        let unknown = unknown.to_string();
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert!(known.iter().all(|name| unknown.contains(&format!("`{name}`"))), "{unknown}");
        assert_eq!(unknown.matches('`').count() / 2 - 1, known.len(), "{unknown}");
    }
}

#[test]
fn the_example_is_one() {
    let example: toml::Table = toml::from_str(include_str!("../example.toml")).unwrap();
    let config: Value = example["config"].clone().try_into().unwrap();
    let settings = check(config).unwrap();
    let granted = example["grants"]["sql"]["statements"].as_table().unwrap();
    for lookup in &settings.lookups {
        let params = granted[&lookup.statement]["params"].as_array().unwrap();
        let left = params.iter().filter(|param| param.as_str() == Some("plugin")).count();
        assert_eq!(left, lookup.params.len(), "{}", lookup.statement);
    }
    assert_eq!(settings.lookups.len(), granted.len());
}
