use std::time::Duration;

use chancery_plugin_sdk::{Request as Call, http::Response};

use super::*;
use crate::fake::{Source, settings};

fn kept() -> Settings {
    settings(json!({ "cache": { "ttl": "5m" } }))
}

fn answering(names: &[&str]) -> Source {
    Source::new(names.iter().map(|name| Ok(Response::new(200).with_json(&json!({ "name": name })))))
}

fn ask(settings: &Settings, subject: &str, source: &mut Source) -> Result<Vec<Value>, Error> {
    pages(settings, &Scope::of(&Call::about(subject)), source)
}

#[test]
fn an_answer_is_kept_for_the_same_question_alone() {
    let mut source = answering(&["Amina", "Baraka"]);
    for _ in 0..3 {
        assert_eq!(ask(&kept(), "1", &mut source).unwrap(), [json!({ "name": "Amina" })]);
    }
    assert_eq!(ask(&kept(), "2", &mut source).unwrap(), [json!({ "name": "Baraka" })]);
    assert_eq!(source.requests.len(), 2);
    assert_eq!(kept().ttl, Some(Duration::from_mins(5)));
}

#[test]
fn other_headers_are_another_question() {
    let other = settings(json!({ "cache": { "ttl": "5m" }, "headers": { "accept-language": "sw" } }));
    let mut source = answering(&["a", "b"]);
    ask(&kept(), "1", &mut source).unwrap();
    assert_eq!(ask(&other, "1", &mut source).unwrap(), [json!({ "name": "b" })]);
}

#[test]
fn nothing_is_kept_without_being_asked_to_or_after_a_failure() {
    let mut source = answering(&["a"]);
    ask(&settings(json!({})), "1", &mut source).unwrap();
    let mut failing = Source::new([Ok(Response::new(404))]);
    ask(&kept(), "1", &mut failing).unwrap_err();
    assert!(source.cache.is_empty() && failing.cache.is_empty());
}

#[test]
fn a_key_tells_nothing_about_the_subject_and_fits() {
    let mut source = answering(&["a"]);
    ask(&kept(), &"farmer-7".repeat(100), &mut source).unwrap();
    let key = source.cache.keys().next().unwrap();
    assert!(key.len() <= 512 && !key.contains("farmer"), "{key}");
}

#[test]
fn an_entry_that_is_not_the_answer_counts_for_nothing() {
    let mut source = answering(&["Amina", "Baraka"]);
    ask(&kept(), "1", &mut source).unwrap();
    ask(&kept(), "2", &mut source).unwrap();
    let entries: Vec<(String, Vec<u8>)> = source.cache.clone().into_iter().collect();
    let mut wrong: Vec<Vec<u8>> =
        vec![b"".to_vec(), b"{".to_vec(), b"[]".to_vec(), b"\xff".to_vec(), b"{\"question\":null}".to_vec()];
    // Another person's answer under this key, as if the two hashes were one.
    wrong.push(entries[0].1.clone());
    for entry in wrong {
        let mut source = answering(&["fresh"]);
        source.cache.insert(entries[1].0.clone(), entry);
        let subject = if String::from_utf8_lossy(&entries[1].1).contains("Amina") { "1" } else { "2" };
        assert_eq!(ask(&kept(), subject, &mut source).unwrap(), [json!({ "name": "fresh" })]);
    }
}
