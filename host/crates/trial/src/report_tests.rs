//! How results look.

use super::*;
use crate::recorder::LogLine;
use crate::site::LoadFailure;
use crate::stage::{Refused, Unanswered};

fn failed() -> CaseReport {
    CaseReport {
        name: "nobody".to_owned(),
        microseconds: 1_234,
        differences: vec![
            Difference::new("claims/name", "\"Bea\"", "\"A\u{1b}[31mda\""),
            Difference::surplus("claims/n", "1"),
        ],
        unanswered: vec![Unanswered {
            asked: "GET https://a/".to_owned(),
            reason: "no [[case.http]] answers it".to_owned(),
            lines: "[[case.http]]\nrequest = {}".to_owned(),
        }],
        refused: vec![Refused {
            asked: "GET https://c/".to_owned(),
            reason: "https://c is not on the allow-list".to_owned(),
            grant: Some("[grants.http]\nallow = [\"https://a\", \"https://c\"]".to_owned()),
            lines: "[[case.http]]\nfault = \"denied\"".to_owned(),
        }],
        unused: vec!["GET https://b/ did not happen".to_owned()],
        notes: vec!["too large".to_owned()],
        logs: vec![LogLine {
            level: "warn".to_owned(),
            message: "careful".to_owned(),
            fields: "n=1".to_owned(),
            by_host: false,
        }],
        ..CaseReport::default()
    }
}

#[test]
fn a_failed_case_says_what_to_look_at() {
    let expected = "\
FAILED  nobody                                                    1.2 ms
        claims/name
          expected  \"Bea\"
          got       \"A\\u{1b}[31mda\"
        claims/n
          expected  nothing
          got       1
        the plugin asked for GET https://a/: no [[case.http]] answers it
        to answer it, add:
          [[case.http]]
          request = {}
        the grant file does not let out GET https://c/: https://c is not on the allow-list
        to let it out, write into the grant file:
          [grants.http]
          allow = [\"https://a\", \"https://c\"]
        if it must be refused, add:
          [[case.http]]
          fault = \"denied\"
        GET https://b/ did not happen, and the case lists it
        note: too large
        log: warn  careful n=1
";
    assert_eq!(case_text(&failed(), Colour::Off), expected);
}

#[test]
fn a_passed_case_is_one_line() {
    let passed = CaseReport { passed: true, ..failed() };
    let expected = "ok      nobody                                                    1.2 ms\n";
    assert_eq!(case_text(&passed, Colour::Off), expected);
    let coloured = case_text(&passed, Colour::On);
    assert!(
        coloured.starts_with("\x1b[32mok    \x1b[0m") && coloured.ends_with("\x1b[2m1.2 ms\x1b[0m\n"),
        "{coloured:?}"
    );
}

#[test]
fn a_plugin_that_does_not_load_is_told_with_the_missing_lines() {
    let failure = LoadFailure {
        stage: "linked".to_owned(),
        reason: "grants are missing".to_owned(),
        missing_grants: Some("[grants.kv]".to_owned()),
    };
    let report = CaseReport { name: "x".to_owned(), load_failure: Some(failure), ..CaseReport::default() };
    let text = case_text(&report, Colour::Off);
    let below: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(
        below,
        [
            "        the plugin does not load; it did not become linked:",
            "          grants are missing",
            "        add to the grant file:",
            "          [grants.kv]"
        ]
    );
}

#[test]
fn long_values_are_cut_and_times_are_readable() {
    let long = "é".repeat(MAX_VALUE);
    assert_eq!(shortened(&long).chars().filter(|c| *c == 'é').count(), MAX_VALUE / 2);
    let times = [7, 999, 1_000, 12_345, 1_250_000].map(duration);
    assert_eq!(times, ["7 µs", "999 µs", "1.0 ms", "12 ms", "1.2 s"]);
}

#[test]
fn the_last_line_counts() {
    let report = |passed, failed| Report {
        file: "cases.toml".to_owned(),
        plugin: "people".to_owned(),
        passed,
        failed,
        cases: Vec::new(),
    };
    assert_eq!(summary_text(&report(1, 0), Colour::Off), "1 case passed: people of cases.toml");
    assert_eq!(summary_text(&report(3, 2), Colour::Off), "2 cases failed, 3 passed: people of cases.toml");
}
