//! Each outcome against each kind of expectation.

use std::path::Path;
use std::time::Duration;

use chancery_sandbox::{Message, Stage, Ticket};

use super::*;
use crate::cases::CaseFile;

fn expect(members: &str) -> Expect {
    let text = format!("[[case]]\nname = \"x\"\nexpect = {{ {members} }}");
    CaseFile::parse(Path::new("cases.toml"), &text).unwrap().cases.remove(0).expect
}

/// Each difference on a line: place, expected, got.
fn told(members: &str, got: &Got) -> Vec<String> {
    lines(judge(&expect(members), got))
}

fn lines(found: Vec<Difference>) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    found.into_iter().map(|d| format!("{} | {} | {}", d.at, or_dash(d.expected), or_dash(d.got))).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

fn fetched() -> Got {
    let Value::Object(claims) = json!({"name": "Ada", "n": 1}) else { unreachable!() };
    let photo = Attachment { name: "photo".to_owned(), media_type: "image/png".to_owned(), content: b"abc".to_vec() };
    let valid_until = Some(1_767_225_600);
    Got::Fetched(Fetched { claims, attachments: vec![photo], valid_until, plugin_sha256: String::new() })
}

#[test]
fn everything_in_an_answer_is_compared() {
    let whole = "valid_until = 2026-01-01T00:00:00Z, attachments = [{ name = \"photo\", size = 3 }]";
    assert_eq!(told(&format!("claims = {{ name = \"Ada\", n = 1 }}, {whole}"), &fetched()), nothing());
    assert_eq!(told(&format!("claims = {{ name = \"A*\" }}, ignore = [\"/n\"], {whole}"), &fetched()), nothing());
    assert_eq!(
        told("claims = { name = \"Bea\", n = 1 }", &fetched()),
        [
            "claims/name | \"Bea\" | \"Ada\"",
            "attachments/photo | - | 3 bytes of image/png",
            "valid_until | - | 2026-01-01T00:00:00Z"
        ]
    );
    let attachments = |what: &str| {
        let rest = "claims = { name = \"Ada\", n = 1 }, valid_until = 2026-01-01T00:00:00Z";
        told(&format!("{rest}, attachments = [{what}]"), &fetched())
    };
    let digest = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    assert_eq!(attachments(&format!("{{ name = \"photo\", sha256 = \"{digest}\" }}")), nothing());
    assert_eq!(attachments("{ name = \"photo\", media_type = \"image/*\", base64 = \"YWJj\" }"), nothing());
    assert_eq!(attachments("{ name = \"photo\", size = 4 }"), ["attachments/photo/size | 4 | 3"]);
    let (photo, scan) = ("{ name = \"photo\" }", "{ name = \"scan\" }");
    assert_eq!(attachments(&format!("{photo}, {scan}")), ["attachments/scan | an attachment | -"]);
}

#[test]
fn errors_are_compared_by_kind_and_by_what_is_said() {
    let said = || Message { plugin: "p".to_owned(), public: "Not here.".to_owned(), detail: Some("row 7".to_owned()) };
    let failed = |error: CallError| Got::Failed(error.into());
    let not_found = failed(CallError::NotFound(said()));
    assert_eq!(told("error = \"not-found\", message = \"Not*\", detail = \"row *\"", &not_found), nothing());
    assert_eq!(told("error = \"not-found\", detail = \"row 8\"", &not_found), ["detail | row 8 | row 7"]);
    let got = "error not-found: Not here. (row 7)";
    assert_eq!(told("error = \"denied\"", &not_found), [format!("error | denied | {got}")]);
    assert_eq!(told("claims = {}", &not_found), [format!("outcome | claims | {got}")]);

    let later = failed(CallError::Unavailable { message: said(), retry_after: Some(Duration::from_secs(5)) });
    assert_eq!(told("error = \"unavailable\", retry_after = \"5s\"", &later), nothing());
    assert_eq!(told("error = \"unavailable\", retry_after = \"6s\"", &later), ["retry_after | 6000 ms | 5000 ms"]);
    let trapped = failed(CallError::Trapped { plugin: "p".to_owned(), detail: "unreachable".to_owned() });
    assert_eq!(told("error = \"trapped\", detail = \"*unreachable\"", &trapped), nothing());
    assert_eq!(told("error = \"trapped\", message = \"*\"", &trapped), ["message | * | -"]);
    let reason = "it is pending".to_owned();
    let inactive = failed(CallError::NotActive { plugin: "p".to_owned(), stage: Stage::Pending, reason });
    assert!(told("error = \"trapped\"", &inactive)[0].contains("no answer"));
}

#[test]
fn what_a_lifecycle_call_says_is_read_from_the_sandboxs_words() {
    for (reason, error, message, detail) in [
        (
            "misconfigured: Wrong. (no (such) file)",
            Some(ErrorName::Misconfigured),
            Some("Wrong."),
            Some("no (such) file"),
        ),
        ("not found: Gone.", Some(ErrorName::NotFound), Some("Gone."), None),
        ("crashed: unreachable", Some(ErrorName::Trapped), None, Some("crashed: unreachable")),
        ("CPU time limit reached: 10s", Some(ErrorName::Limit), None, Some("CPU time limit reached: 10s")),
        ("all slots are taken", None, None, Some("all slots are taken")),
    ] {
        let failed = Failed::of_lifecycle(reason);
        assert_eq!((failed.error, failed.message.as_deref(), failed.detail.as_deref()), (error, message, detail));
    }
}

#[test]
fn issuances_are_compared_where_something_is_stated() {
    let Value::Object(metadata) = json!({"issuer": "i"}) else { unreachable!() };
    let issued = Got::Issuance(Issuance::Issued(IssuedCredential {
        format: "ldp_vc".to_owned(),
        body: b"{\"a\": 1}".to_vec(),
        external_id: Some("e".to_owned()),
        metadata,
        plugin_sha256: String::new(),
    }));
    assert_eq!(told("issued = {}", &issued), nothing());
    assert_eq!(
        told("issued = { json = { a = 1 }, external_id = \"e\", metadata = { issuer = \"*\" } }", &issued),
        nothing()
    );
    assert_eq!(
        told("issued = { format = \"dc\", body = \"x\", external_id = \"f\", metadata = {} }", &issued),
        [
            "issued/format | dc | ldp_vc",
            "issued/body | x | {\"a\": 1}",
            "issued/external_id | f | e",
            "issued/metadata/issuer | - | \"i\""
        ]
    );
    let ignoring = |pointers: &str| format!("issued = {{ json = {{ b = 2 }} }}, ignore = [{pointers}]");
    assert_eq!(told(&ignoring("\"/a\", \"/b\""), &issued), nothing());
    assert_eq!(told(&ignoring("\"/a\""), &issued), ["issued/json/b | 2 | -"]);
    let ticket =
        Ticket { token: b"t-1".to_vec(), retry_after: Duration::from_millis(1500), plugin_sha256: String::new() };
    let pending = Got::Issuance(Issuance::Pending(ticket));
    assert_eq!(told("pending = { ticket = \"t-*\", retry_after = \"1500ms\" }", &pending), nothing());
    assert_eq!(told("pending = { ticket = \"u\" }", &pending), ["pending/ticket | u | t-1"]);
    assert_eq!(told("issued = {}", &pending), ["outcome | issued | pending, ticket t-1"]);
}

#[test]
fn receipts_and_problems_are_compared_whole() {
    let receipt = Got::Receipt(Receipt {
        delivered: vec!["a".to_owned()],
        rejected: vec![("b".to_owned(), "status 422".to_owned())],
        plugin_sha256: String::new(),
    });
    assert_eq!(told("delivered = [\"a\"], rejected = [{ id = \"b\", reason = \"*422\" }]", &receipt), nothing());
    assert_eq!(
        told("delivered = [\"b\"], rejected = [{ id = \"c\" }]", &receipt),
        ["delivered/0 | \"b\" | \"a\"", "rejected/c | rejected | -", "rejected/b | - | status 422"]
    );
    let problem = |path: &str, message: &str| (path.to_owned(), message.to_owned());
    let problems = Got::Problems(vec![problem("/b", "wrong"), problem("/a", "missing")]);
    assert_eq!(told("problems = [{ path = \"/a\" }, { path = \"/b\", message = \"w*\" }]", &problems), nothing());
    assert_eq!(
        told("problems = [{ path = \"/a\", message = \"x\" }, { path = \"/c\", message = \"y\" }]", &problems),
        ["problems /a | x | missing", "problems /c | y | -", "problems /b | - | wrong"]
    );
    let many = |count: usize| Got::Problems((0..count).map(|n| problem(&format!("/{n}"), "wrong")).collect());
    let all = |count: usize| {
        let problems: Vec<String> = (0..count).map(|n| format!("{{ path = \"/{n}\" }}")).collect();
        format!("problems = [{}]", problems.join(", "))
    };
    assert_eq!(told(&all(MAX_PROBLEMS - 1), &many(MAX_PROBLEMS - 1)), nothing());
    let unseen = "problems | fewer than 20 | 20 or more, of which hosts show the first 20";
    assert_eq!(told(&all(MAX_PROBLEMS), &many(MAX_PROBLEMS)), [unseen]);
    assert_eq!(told("ok = true", &Got::Done), nothing());
    assert_eq!(told("ok = true", &problems), ["outcome | ok | problems /b: wrong; /a: missing"]);
}

#[test]
fn what_is_left_behind_is_compared() {
    let line = |message: &str, fields: &str, by_host| LogLine {
        level: "info".to_owned(),
        message: message.to_owned(),
        fields: fields.to_owned(),
        by_host,
    };
    let logs = [line("looked up", "ms=3", false), line("dropped", "", true)];
    let patterns = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(judge_logs(&patterns(&["looked up", "looked* ms=3", "looked*"]), &logs)), nothing());
    // What the host says is not the plugin's line.
    assert_eq!(lines(judge_logs(&patterns(&["dropped"]), &logs)), ["logs | a line like \"dropped\" | -"]);

    let journal = ["{\"id\": \"a\", \"at\": 1}".to_owned(), "torn".to_owned()];
    assert_eq!(lines(judge_journal(&[json!({"id": "a", "at": "*"}), json!("torn")], &journal)), nothing());
    assert_eq!(lines(judge_journal(&[json!("*")], &journal)), ["journal/1 | - | \"torn\""]);

    let kv: BTreeMap<String, Vec<u8>> =
        [("a", &b"{\"n\": 1}"[..]), ("b", b"\xff")].map(|(key, value)| (key.to_owned(), value.to_vec())).into();
    let expected = |value: Value| serde_json::from_value::<BTreeMap<String, Value>>(value).unwrap();
    assert_eq!(lines(judge_kv(&expected(json!({"a": {"n": 1}, "b": "base64 /w=="})), &kv)), nothing());
    assert_eq!(
        lines(judge_kv(&expected(json!({"a": "{*2}", "c": "*"})), &kv)),
        ["kv/a | \"{*2}\" | \"{\\\"n\\\": 1}\"", "kv/c | \"*\" | -", "kv/b | - | base64 /w=="]
    );
}
