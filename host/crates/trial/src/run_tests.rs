//! What is made of how far a plugin came, and what one case leaves to the next.

use std::path::Path;

use chancery_sandbox::CompileMode;

use super::*;
use crate::setup::{Cache, Plugin};

fn file(cases: &str) -> CaseFile {
    CaseFile::parse(Path::new("cases.toml"), cases).unwrap()
}

/// What is made of a plugin that did not become `stage`, in a word.
fn probed(call: Call, stage: Reached, reason: &str) -> String {
    let failure = LoadFailure { stage: stage.to_string(), reason: reason.to_owned(), missing_grants: None };
    match super::probed(call, Some(stage), Some(failure)) {
        Got::Done => "done".to_owned(),
        Got::Problems(problems) => format!("{} problems", problems.len()),
        Got::Failed(failed) => failed.error.map_or("failed", |error| error.name()).to_owned(),
        Got::NotLoaded(failure) => format!("not loaded: {}", failure.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failure_is_that_of_the_function_that_failed() {
    use Call::{Health, Prepare, ValidateConfig};
    use Reached::{Configured, Linked, Probed};
    let gone = "prepare: misconfigured: Gone.";
    let refused = "health: denied: No.";
    let trap = "validate-config: crashed: unreachable";
    let described = "describe: internal error: None.";
    let problem = "[config] /a: wrong";
    for (reason, stage, config, prepare, health) in [
        (gone, Probed, "not loaded", "misconfigured", "not loaded"),
        (refused, Probed, "done", "done", "denied"),
        (trap, Configured, "trapped", "not loaded", "not loaded"),
        (described, Configured, "not loaded", "not loaded", "not loaded"),
        (problem, Configured, "1 problems", "not loaded", "not loaded"),
        ("there is no database d", Linked, "not loaded", "not loaded", "not loaded"),
        // The name alone is no prefix.
        ("healthy: denied: No.", Probed, "not loaded", "not loaded", "not loaded"),
    ] {
        for (call, expected) in [(ValidateConfig, config), (Prepare, prepare), (Health, health)] {
            let expected = if expected == "not loaded" { format!("not loaded: {reason}") } else { expected.to_owned() };
            assert_eq!(probed(call, stage, reason), expected, "{call:?}");
        }
    }
    assert!(matches!(super::probed(Health, None, None), Got::Done));
}

#[test]
fn problems_are_read_from_the_sandboxs_words() {
    let told = problems("[config] /a: wrong: very\n[config] : whole").unwrap();
    assert_eq!(told, [("/a".to_owned(), "wrong: very".to_owned()), (String::new(), "whole".to_owned())]);
    assert!(problems("describe: crashed: unreachable").is_none());
    assert_eq!(problems("the plugin refuses its configuration without a reason"), Some(Vec::new()));
}

#[test]
fn what_was_asked_while_the_plugin_was_loaded_fails_the_case() {
    let case = file("[[case]]\nname = \"x\"\nexpect = { ok = true }\n").cases.remove(0);
    let unanswered = |asked: &str| Unanswered { asked: asked.to_owned(), reason: String::new(), lines: String::new() };
    let refused =
        |asked: &str| Refused { asked: asked.to_owned(), reason: String::new(), grant: None, lines: String::new() };
    let report = |played: Played| told(&case, &Got::Done, played, &[], Vec::new());
    assert!(report(Played::default()).passed);
    let loading = Played {
        unanswered: vec![unanswered("first")],
        notes: vec!["first".to_owned()],
        unused: vec!["of another".to_owned()],
        kv: [("of another".to_owned(), Vec::new())].into(),
        ..Played::default()
    };
    let played = Played { unanswered: vec![unanswered("then")], notes: vec!["then".to_owned()], ..Played::default() };
    let played = played.after(loading);
    assert_eq!((&played.unused, &played.kv), (&Vec::new(), &[].into()));
    assert_eq!(played.notes, ["first", "then"]);
    let report_of_both = report(played);
    assert_eq!(report_of_both.unanswered, [unanswered("first"), unanswered("then")]);
    assert!(!report_of_both.passed);
    let loading = Played { refused: vec![refused("first")], ..Played::default() };
    let report = report(Played::default().after(loading));
    assert_eq!(report.refused, [refused("first")]);
    assert!(!report.passed);
}

#[tokio::test]
async fn a_case_about_loading_leaves_no_sandbox_and_finds_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (component, grant) = (dir.path().join("p.wasm"), dir.path().join("p.toml"));
    std::fs::write(&component, "no component").unwrap();
    std::fs::write(&grant, "[grants.journal]\ndir = \"j\"\nname = \"a\"\n").unwrap();
    let setup = Setup {
        plugin: Plugin { name: "p".to_owned(), component, grant: Some(grant) },
        compile: CompileMode::InProcess,
        cache: Cache::open(&dir.path().join("cache"), &dir.path().join("keys")).unwrap(),
    };
    let mut site = Site::new(&setup).unwrap();
    let file = file(
        "[[case]]\nname = \"one\"\nexpect = { claims = {} }\n[[case]]\nname = \"two\"\ncall = \"health\"\n\
         expect = { ok = true }\n",
    );
    let recorder = Recorder::default();
    assert!(!run_case(&mut site, &file, &file.cases[0], &recorder).await.unwrap().passed);
    assert!(site.is_running(), "the next case may go on with it");
    std::fs::create_dir_all(site.layout.journal_dir().unwrap()).unwrap();
    std::fs::write(site.layout.journal_dir().unwrap().join("a"), "of the first case\n").unwrap();
    let report = run_case(&mut site, &file, &file.cases[1], &recorder).await.unwrap();
    assert!(report.load_failure.is_some(), "{report:?}");
    assert!(!site.is_running());
    assert_eq!(site.layout.journal_lines().unwrap(), Vec::<String>::new());
}
