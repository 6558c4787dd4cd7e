use chancery_plugin_sdk::{ErrorKind, Request, json};

use super::*;
use crate::config::Config;

fn settings(config: Json) -> Settings {
    serde_json::from_value::<Config>(config).unwrap().check().unwrap()
}

fn scope() -> Scope {
    let mut request = Request::about("'; drop table farmer --");
    request.settings.insert("district".into(), json!("Kisumu"));
    request.settings.insert("list".into(), json!([1]));
    Scope::of(&request)
}

fn rows(columns: &[&str], rows: &[&[Value]]) -> Rows {
    Rows {
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows: rows.iter().map(|row| row.to_vec()).collect(),
        truncated: false,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// With the same rows for every statement.
fn found(config: Json, answer: &Rows) -> Result<Known, Error> {
    fetch(&settings(config), &scope(), &mut |_, _| Ok(answer.clone()))
}

fn claims(config: Json, answer: &Rows) -> Json {
    Json::Object(found(config, answer).unwrap().claims)
}

fn detail(config: Json, answer: &Rows) -> String {
    let error = found(config, answer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error:?}");
    error.detail().unwrap().to_owned()
}

#[test]
fn every_column_is_a_claim_and_null_is_none() {
    let answer = rows(
        &["name", "dob", "area", "gone"],
        &[&[text("Amina"), Value::Date("1990-01-01".into()), Value::Numeric("1.50".into()), Value::Null]],
    );
    let expected = json!({ "name": "Amina", "dob": "1990-01-01", "area": "1.50" });
    assert_eq!(claims(json!({ "statement": "s" }), &answer), expected);
}

#[test]
fn columns_are_renamed_converted_and_attached() {
    let answer = rows(
        &["n", "doc", "photo"],
        &[&[Value::Numeric("7.0".into()), Value::Json(r#"{"city":"Kisumu"}"#.into()), Value::Bytes(vec![1, 2])]],
    );
    let config = json!({ "statement": "s", "claims": {
        "city": { "column": "doc", "pointer": "/city" },
        "count": { "column": "n", "as": "integer" },
        "raw": "n",
        "face": { "column": "photo", "media_type": "image/jpeg" },
    }});
    let known = found(config, &answer).unwrap();
    assert_eq!(Json::Object(known.claims), json!({ "city": "Kisumu", "count": 7, "raw": "7.0" }));
    assert_eq!(known.attachments, [("face".to_owned(), "image/jpeg".to_owned(), vec![1, 2])]);
}

#[test]
fn a_subject_without_a_row_is_not_known() {
    let none = rows(&["a"], &[]);
    let error = found(json!({ "statement": "s", "not_found": "The register does not know you." }), &none).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "The register does not know you."));
    let all = json!({ "statement": "s", "rows": "all", "into": "plots" });
    assert_eq!(found(all, &none).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn two_rows_are_two_people_unless_said_otherwise() {
    let two = rows(&["a"], &[&[Value::Int(1)], &[Value::Int(2)]]);
    assert!(detail(json!({ "statement": "s" }), &two).contains("more than one row"));
    assert_eq!(claims(json!({ "statement": "s", "rows": "first" }), &two), json!({ "a": 1 }));
    assert_eq!(
        claims(json!({ "statement": "s", "rows": "all", "into": "list" }), &two),
        json!({ "list": [{ "a": 1 }, { "a": 2 }] })
    );
    // max_rows = 1 in the grant hides the second row, and says so.
    let hidden = Rows { truncated: true, ..rows(&["a"], &[&[Value::Int(1)]]) };
    assert!(detail(json!({ "statement": "s" }), &hidden).contains("more than one row"));
    assert!(detail(json!({ "statement": "s", "rows": "all", "into": "list" }), &hidden).contains("max_rows"));
    assert_eq!(claims(json!({ "statement": "s", "rows": "first" }), &hidden), json!({ "a": 1 }));
}

#[test]
fn several_lookups_run_in_order_and_stop_at_an_unknown_subject() {
    let config = || {
        settings(json!({ "lookups": [
            { "statement": "person", "claims": { "name": "name" } },
            { "statement": "plots", "rows": "all", "into": "plots", "optional": true, "params": ["{settings.district}", 7, true, 0.5] },
            { "statement": "address", "into": "address", "optional": true },
        ]}))
    };
    let mut asked = Vec::new();
    let known = fetch(&config(), &scope(), &mut |statement, params| {
        asked.push((statement.to_owned(), params.to_vec()));
        Ok(if statement == "person" {
            rows(&["name", "x"], &[&[text("Amina"), Value::Int(1)]])
        } else {
            rows(&["y"], &[])
        })
    });
    assert_eq!(Json::Object(known.unwrap().claims), json!({ "name": "Amina", "plots": [] }));
    let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["person", "plots", "address"]);
    assert_eq!(asked[1].1, [text("Kisumu"), Value::Int(7), Value::Boolean(true), Value::Float(0.5)]);

    let mut count = 0;
    let error = fetch(&config(), &scope(), &mut |_, _| {
        count += 1;
        Ok(rows(&["name"], &[]))
    });
    assert_eq!((error.unwrap_err().kind(), count), (ErrorKind::NotFound, 1));
}

#[test]
fn values_of_the_call_stay_values() {
    let config =
        settings(json!({ "statement": "s", "params": ["{subject.id}", "{settings.x?}", "{{subject.id}}", ""] }));
    let mut asked = Vec::new();
    fetch(&config, &scope(), &mut |_, params| {
        asked = params.to_vec();
        Ok(rows(&["a"], &[&[Value::Null]]))
    })
    .unwrap();
    assert_eq!(asked, [text("'; drop table farmer --"), Value::Null, text("{subject.id}"), text("")]);
    for missing in ["{settings.x}", "{settings.list}"] {
        let config = settings(json!({ "statement": "s", "params": [missing] }));
        let error = fetch(&config, &scope(), &mut |_, _| panic!("asked")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{missing}");
    }
}

#[test]
fn rows_that_do_not_fit_are_told_by_statement_and_column_and_not_by_value() {
    let twice = rows(&["a", "b", "a"], &[&[Value::Int(1), Value::Int(2), Value::Int(3)]]);
    assert!(detail(json!({ "statement": "s", "claims": { "b": "b" } }), &twice).contains("\"a\" stands twice"));
    let one = rows(&["a"], &[&[text("Amina")]]);
    assert_eq!(
        detail(json!({ "statement": "s", "claims": { "x": "A" } }), &one),
        "statement s: the statement has no column \"A\""
    );
    let wrong = detail(json!({ "statement": "s", "claims": { "x": { "column": "a", "as": "integer" } } }), &one);
    assert_eq!(wrong, "statement s: column \"a\": a value of type text is not a whole number of 64 bits");
    let bytes = rows(&["photo"], &[&[Value::Bytes(vec![1])]]);
    assert!(detail(json!({ "statement": "s" }), &bytes).contains("media_type"));
}

#[test]
fn a_claim_with_two_sources_is_told() {
    let answer = rows(&["a"], &[&[Value::Int(1)]]);
    let config = json!({ "lookups": [{ "statement": "s" }, { "statement": "t" }] });
    assert!(detail(config, &answer).contains("statement t: the claim \"a\" has a source already"));
}

#[test]
fn what_the_database_says_is_told_to_the_operator_alone() {
    let fail =
        |error: SqlError| fetch(&settings(json!({ "statement": "s" })), &scope(), &mut |_, _| Err(error.clone()));
    let error = fail(SqlError::Database { code: "42P01".into(), message: "relation \"farmer\"".into() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(!error.message().contains("farmer") && error.detail().unwrap().starts_with("statement s: "));
    assert_eq!(fail(SqlError::Timeout).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(fail(SqlError::UnknownStatement(vec![])).unwrap_err().kind(), ErrorKind::Misconfigured);
}
