//! What is said about a case file that is wrong, and what one that is right becomes.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

fn parse(text: &str) -> Result<CaseFile, String> {
    CaseFile::parse(Path::new("cases.toml"), text).map_err(|error| error.to_string())
}

/// A file with one case, whose first member is the name.
fn case(members: &str) -> Result<Case, String> {
    parse(&format!("[[case]]\nname = \"x\"\n{members}")).map(|mut file| file.cases.remove(0))
}

#[track_caller]
fn refused(text: &str, message: &str) {
    assert_eq!(parse(text).unwrap_err(), message);
}

#[test]
fn a_slip_is_named_with_file_line_case_and_what_was_meant() {
    refused(
        "[[case]]\nname = \"somebody\"\nexpect = { claims = {} }\n\n[[case]]\nname = \"nobody\"   # at all\n\
         expct = { error = \"not-found\" }\n",
        "cases.toml:7:1: case 2 \"nobody\": unknown key `expct`; did you mean `expect`?\n  \
         7 | expct = { error = \"not-found\" }\n    | ^^^^^",
    );
    // In a table of its own, and with the name below.
    refused(
        "[[case]]\nname = \"somebody\"\n[case.expect]\nclaim = { a = 1 }\n",
        "cases.toml:4:1: case 1 \"somebody\": unknown key `claim`; did you mean `claims`?\n  \
         4 | claim = { a = 1 }\n    | ^^^^^",
    );
    refused(
        "[[case]]\nrequst = {}\nname = \"late\"\nexpect = { ok = true }",
        "cases.toml:2:1: case 1 \"late\": unknown key `requst`; did you mean `request`?\n  2 | requst = {}\n    | ^^^^^^",
    );
}

#[test]
fn a_key_that_resembles_none_is_answered_with_those_there_are() {
    refused(
        "[[case]]\nname = \"x\"\nexpect = { error = \"no\" }",
        "cases.toml:3:20: case 1 \"x\": unknown value `no`; there are not-found, denied, invalid-request, unavailable, \
         misconfigured, internal, trapped, limit, invalid-output\n  3 | expect = { error = \"no\" }\n    |                    \
         ^^^^",
    );
    refused(
        "sequel = 1\n",
        "cases.toml:1:1: unknown key `sequel`; there are clock, secrets, request, http, sql, kv, case\n  1 | sequel = \
         1\n    | ^^^^^^",
    );
}

#[test]
fn what_is_missing_or_of_the_wrong_type_has_its_place() {
    refused(
        "[[case]]\nexpect = { ok = true }\n",
        "cases.toml:1:1: case 1: the key `name` is missing\n  1 | [[case]]\n    | ^^^^^^^^",
    );
    refused(
        "[[case]]\nname = 5\nexpect = { ok = true }",
        "cases.toml:2:8: case 1 5: invalid type: integer `5`, expected a string\n  2 | name = 5\n    |        ^",
    );
    let error = parse("[[case]\n").unwrap_err();
    assert!(error.starts_with("cases.toml:1:7: ") && error.contains("1 | [[case]\n"), "{error}");
}

#[test]
fn contradictions_say_what_would_be_right() {
    for (members, part) in [
        ("expect = {}", "expect says one thing: claims, error, issued"),
        ("expect = { claims = {}, error = \"denied\" }", "expect says one thing"),
        ("expect = { ok = false }", "say what fails"),
        ("expect = { error = \"denied\", valid_until = 2026-01-01T00:00:00Z }", "valid_until belongs to expect.claims"),
        ("expect = { claims = {}, message = \"m\" }", "expect.message belongs to expect.error"),
        ("expect = { claims = {}, ignore = [\"a\"] }", "\"a\" is no JSON pointer"),
        ("expect = { claims = [] }", "a table is wanted here"),
        ("call = \"issue\"\nexpect = { claims = {} }", "expect.claims is for call = fetch, and this is issue"),
        ("call = \"fetch\"\nexpect = { ok = true }", "expect.ok is for call = validate-config or prepare or health"),
        ("ticket = \"t\"\nexpect = { error = \"denied\" }", "ticket belongs to call = \"poll\""),
        ("call = \"poll\"\nexpect = { error = \"denied\" }", "ticket belongs to call = \"poll\""),
        ("call = \"fetch\"\nholder = {}\nexpect = { claims = {} }", "holder belongs to call = \"issue\""),
        ("call = \"fetch\"\nevents = []\nexpect = { claims = {} }", "events belong to call = \"deliver\""),
        ("clock = \"yesterday\"\nexpect = { claims = {} }", "\"yesterday\" is no point in time"),
        ("clock = 2026-01-01T00:00:00\nexpect = { claims = {} }", "with the offset from UTC"),
        ("expect = { error = \"unavailable\", retry_after = \"5\" }", "\"5\" is no duration such as"),
        ("expect = { claims = \"{\" }", "the text holds no JSON"),
    ] {
        let error = case(members).unwrap_err();
        assert!(error.contains(part) && error.contains("case 1 \"x\": "), "{members}: {error}");
    }
    let twice = "[[case]]\nname = \"x\"\nexpect = { ok = true }\n".repeat(2);
    assert!(parse(&twice).unwrap_err().contains("cases.toml:4:1: case 2 \"x\": another case has this name"));
}

#[test]
fn exchanges_are_checked() {
    let http = |rest: &str| case(&format!("expect = {{ claims = {{}} }}\n[[case.http]]\n{rest}"));
    for (rest, part) in [
        ("request = {}", "either a response or a fault"),
        ("request = {}\nresponse = {}\nfault = \"dns\"", "either a response or a fault"),
        ("request = {}\nfault = \"dsn\"", "unknown value `dsn`; did you mean `dns`?"),
        ("request = { methd = \"GET\" }\nresponse = {}", "unknown key `methd`; did you mean `method`?"),
        ("request = { json = {}, body = \"\" }\nresponse = {}", "request has json and body"),
        ("request = {}\nresponse = { json = {}, body = \"\" }", "one of json, body and body_base64"),
        ("request = {}\nresponse = { status = 20 }", "20 is no HTTP status"),
        ("request = {}\nresponse = { headers = { \"a b\" = \"c\" } }", "no HTTP header"),
        ("request = {}\nresponse = { body_base64 = \"?\" }", "no base64"),
        ("request = {}\nresponse = {}\ntimes = 0", "times = 0"),
    ] {
        let error = http(rest).unwrap_err();
        assert!(error.contains(part), "{rest}: {error}");
    }
    let sql = |rest: &str| case(&format!("expect = {{ claims = {{}} }}\n[[case.sql]]\nstatement = \"s\"\n{rest}"));
    for (rest, part) in [
        ("", "either rows (none: rows = []) or an error"),
        ("rows = []\nerror = \"timeout\"", "either rows"),
        ("error = \"tired\"", "error is one of \"timeout\""),
        ("error = { database = { cod = \"1\" } }", "error is one of"),
        ("rows = [{ a = [1] }]", "a database value is no array"),
        ("rows = [{ a = { dat = \"x\" } }]", "dat is no type of a database value; there are null, date"),
        ("rows = [{ a = { null = false } }]", "null takes true"),
        ("rows = [{ a = 1 }]\ncolumns = [\"b\"]", "a is not among columns"),
    ] {
        let error = sql(rest).unwrap_err();
        assert!(error.contains(part), "{rest}: {error}");
    }
}

#[test]
fn a_case_overrides_single_members_of_what_all_have_in_common() {
    let file = parse(
        "clock = \"2026-06-01T00:00:00+02:00\"\n[request]\nconfiguration = \"C\"\nsettings = { a = 1 }\n\
         subject = { id = \"s\", claims = { mail = \"m\" } }\n[kv]\n\"k\" = \"common\"\n\"l\" = \"common\"\n\
         [[case]]\nname = \"one\"\nexpect = { claims = {} }\nrequest = { subject = { id = \"t\" }, settings = { b = 2 } }\n\
         kv = { \"k\" = \"own\" }\n[[case]]\nname = \"two\"\nclock = 2027-01-01T00:00:00Z\nexpect = { problems = [] }",
    )
    .unwrap();
    let one = &file.cases[0];
    assert_eq!(one.request.subject_id, "t");
    assert_eq!(one.request.subject_claims, json!({"mail": "m"}));
    assert_eq!(one.request.settings, json!({"b": 2}));
    assert_eq!(
        (&*one.request.configuration, &*one.request.issuer, &*one.request.format),
        ("C", "default", "dc+sd-jwt")
    );
    assert_eq!(one.clock.to_rfc3339(), "2026-05-31T22:00:00+00:00");
    assert_eq!((&*one.kv["k"], &*one.kv["l"]), ("own", "common"));
    assert_eq!(one.call, None);
    let two = &file.cases[1];
    assert_eq!(two.clock.to_rfc3339(), "2027-01-01T00:00:00+00:00");
    assert_eq!(two.call, Some(Call::ValidateConfig), "what is expected says what is called");
}

#[test]
fn json_may_be_a_text_for_what_toml_lacks() {
    let Outcome::Claims { claims, .. } = case("expect = { claims = '{\"a\": null}' }").unwrap().expect.outcome else {
        panic!("no claims")
    };
    assert_eq!(Value::Object(claims), json!({"a": null}));
    let found = case("expect = { delivered = [], journal = ['\"line\"', \"*\", { a = 1 }] }").unwrap();
    assert_eq!(found.expect.journal, Some(vec![json!("line"), json!("*"), json!({"a": 1})]));
    let found = case("expect = { claims = { d = 2026-01-01, n = 1.5 } }").unwrap();
    let Outcome::Claims { claims, .. } = found.expect.outcome else { panic!("no claims") };
    assert_eq!(Value::Object(claims), json!({"d": "2026-01-01", "n": 1.5}));
}

#[test]
fn database_values_have_their_types() {
    let found = case(
        "expect = { claims = {} }\n[[case.sql]]\nstatement = \"s\"\ncolumns = [\"z\", \"a\"]\n\
         rows = [{ a = 1990-01-01, z = { numeric = \"1.50\" } }, { a = 12:00:00 }, { a = { json = { b = 1 } }, z = true }]",
    )
    .unwrap();
    let answer = found.sql[0].answer.as_ref().unwrap();
    assert_eq!(answer.columns, ["z", "a"]);
    let shown: Vec<String> = answer.rows.iter().map(|row| format!("{row:?}")).collect();
    assert_eq!(
        shown,
        [
            "[Value::Numeric(\"1.50\"), Value::Date(\"1990-01-01\")]",
            "[Value::Null, Value::Time(\"12:00:00\")]",
            "[Value::Boolean(true), Value::Json(\"{\\\"b\\\":1}\")]",
        ]
    );
}

#[test]
fn spans_and_tickets() {
    let found =
        case("call = \"poll\"\nticket = { base64 = \"AP8=\" }\nexpect = { pending = { retry_after = \"2m\" } }");
    let found = found.unwrap();
    assert_eq!(found.ticket, [0, 255]);
    let Outcome::Pending { retry_after, .. } = found.expect.outcome else { panic!("not pending") };
    assert_eq!(retry_after, Some(Duration::from_mins(2)));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = CaseFile::read(Path::new("/nowhere/cases.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/cases.toml: "), "{error}");
}

/// Authors copy from it.
#[test]
fn the_reference_is_a_case_file() {
    let text = include_str!("../../../../../plugin-sdk/cases.md");
    let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = parse(block).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.cases.len(), 7);
    assert_eq!(file.common.clock, Timestamp::parse(DEFAULT_CLOCK).unwrap().0);
}
