//! What can be said of a document before it is expanded: its keywords, numbers and contexts.

use serde_json::{Map, Number, Value};

use super::contexts::check_context;
use super::{Contexts, JsonLdError, MAX_DEPTH};
use crate::claim_path::is_plain_name;

/// Keywords that a member of a document may have as its name. The others move statements elsewhere (`@graph`,
/// `@included`, `@reverse`, `@nest`), say what no statement carries (`@index`), or are contexts below the root, which
/// could redefine what their surroundings mean. `@direction` has its place in [`DIRECTED_TEXT`] alone.
const KEYWORDS: [&str; 6] = ["@id", "@type", "@value", "@language", "@list", "@set"];
/// Members of a text with a base direction; the first and the last must be there.
const DIRECTED_TEXT: [&str; 3] = ["@value", "@language", "@direction"];

/// JSON-LD numbers are doubles to most processors: integers beyond lose digits.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;
/// From here on, whole numbers are written as doubles, with as many digits as a double has.
const DOUBLES_FROM: f64 = 1e21;

pub(super) fn check(document: &Value, contexts: &Contexts) -> Result<(), JsonLdError> {
    if let Some(context) = document.get("@context") {
        check_root_context(context, "$.@context", contexts)?;
    }
    check_value(document, "$", 0)
}

/// Whether a text looks like a keyword; processors ignore those that they do not know.
pub(super) fn has_keyword_form(text: &str) -> bool {
    text.strip_prefix('@').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphabetic()))
}

/// The path of a member, as errors show it.
pub(super) fn child(path: &str, name: &str) -> String {
    if is_plain_name(name) { format!("{path}.{name}") } else { format!("{path}[{name:?}]") }
}

fn check_root_context(context: &Value, path: &str, contexts: &Contexts) -> Result<(), JsonLdError> {
    match context {
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            let path = format!("{path}[{index}]");
            if item.is_array() { Err(not_a_context(path)) } else { check_root_context(item, &path, contexts) }
        }),
        Value::String(url) if contexts.get(url).is_some() => Ok(()),
        Value::String(url) => Err(JsonLdError::UnknownContext { path: path.to_owned(), url: url.clone() }),
        Value::Object(_) => {
            check_context(context, "").map_err(|problem| JsonLdError::InlineContext { path: path.to_owned(), problem })
        }
        _ => Err(not_a_context(path.to_owned())),
    }
}

fn not_a_context(path: String) -> JsonLdError {
    JsonLdError::InlineContext { path, problem: "a context is a URL or an object".to_owned() }
}

fn check_value(value: &Value, path: &str, depth: usize) -> Result<(), JsonLdError> {
    if depth > MAX_DEPTH {
        return Err(JsonLdError::TooDeep { path: path.to_owned() });
    }
    match value {
        Value::Number(number) if !keeps_its_value(number) => Err(JsonLdError::Number { path: path.to_owned() }),
        // RDFC-1.0 escapes these two; common verifiers do not.
        Value::String(text) if text.contains(['\u{fffe}', '\u{ffff}']) => {
            Err(JsonLdError::Noncharacter { path: path.to_owned() })
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_value(item, &format!("{path}[{index}]"), depth + 1)),
        Value::Object(members) if members.contains_key("@direction") => check_directed_text(members, path),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            if depth == 0 && name == "@context" {
                return Ok(());
            }
            if is_unusable(name) {
                return Err(JsonLdError::Member { path: path.to_owned(), name: name.clone() });
            }
            check_value(value, &child(path, name), depth + 1)
        }),
        _ => Ok(()),
    }
}

fn check_directed_text(members: &Map<String, Value>, path: &str) -> Result<(), JsonLdError> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("@value").is_none()
        || !matches!(text("@direction"), Some("ltr" | "rtl"))
        || !members.keys().all(|name| DIRECTED_TEXT.contains(&name.as_str()))
    {
        return Err(JsonLdError::Member { path: path.to_owned(), name: "@direction".to_owned() });
    }
    if members.contains_key("@language") && text("@language").is_none_or(str::is_empty) {
        return Err(JsonLdError::Language { path: child(path, "@language") });
    }
    members.iter().try_for_each(|(name, value)| check_value(value, &child(path, name), 0))
}

/// Names that processors ignore or that say what no statement carries; and those whose characters sort one way as
/// UTF-8, the other way as UTF-16, by which JSON literals are to be sorted.
fn is_unusable(name: &str) -> bool {
    (has_keyword_form(name) && !KEYWORDS.contains(&name)) || name.chars().any(|c| c >= '\u{e000}')
}

/// Whether every processor makes the same literal of it: integers as they are, others as `%1.15E`.
fn keeps_its_value(number: &Number) -> bool {
    let Some(value) = number.as_f64() else { return false };
    if value.fract() == 0.0 && value.abs() < DOUBLES_FROM {
        return value.abs() <= MAX_INTEGER;
    }
    format!("{value:.15e}").parse() == Ok(value)
}
