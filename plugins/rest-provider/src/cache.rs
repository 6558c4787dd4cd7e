//! Answers that are kept for a while.
//!
//! An entry says itself what was asked: its key is only a hash of that, and two questions with one
//! hash must never have one answer.

use std::hash::{DefaultHasher, Hash, Hasher};

use chancery_plugin_sdk::{Error, Value, http::Request, json, template::Scope};

use crate::{
    config::Settings,
    exchange::Outside,
    pages::{fetch, first_request},
};

/// The answer, kept or asked for.
pub(crate) fn pages(settings: &Settings, scope: &Scope, outside: &mut impl Outside) -> Result<Vec<Value>, Error> {
    let request = first_request(settings, scope)?;
    let Some(ttl) = settings.ttl else {
        return fetch(request, settings, outside);
    };
    let question = question(&request, settings);
    let key = key(&question);
    if let Some(pages) = outside.cached(&key).and_then(|entry| answer(&entry, &question)) {
        return Ok(pages);
    }
    let pages = fetch(request, settings, outside)?;
    let entry = json!({ "question": question, "pages": pages });
    outside.keep(&key, entry.to_string().as_bytes(), ttl);
    Ok(pages)
}

/// Everything that the answer depends on.
fn question(request: &Request, settings: &Settings) -> String {
    let paging = settings.paging.as_ref().map(|paging| json!([paging.next, paging.max_pages]));
    json!([
        format!("{:?}", request.method),
        request.url.to_string(),
        request.headers,
        String::from_utf8_lossy(&request.body),
        paging,
    ])
    .to_string()
}

fn key(question: &str) -> String {
    let mut hasher = DefaultHasher::new();
    question.hash(&mut hasher);
    format!("answer-{:016x}", hasher.finish())
}

/// The pages of an entry, if it answers this question.
fn answer(entry: &[u8], question: &str) -> Option<Vec<Value>> {
    let mut entry: Value = serde_json::from_slice(entry).ok()?;
    if entry["question"] != question {
        return None;
    }
    match entry["pages"].take() {
        Value::Array(pages) if !pages.is_empty() => Some(pages),
        _ => None,
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
