//! Database values, compared and shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_sandbox::ports::SqlValue;

use crate::pattern;

/// What any value counts against a limit of bytes.
const VALUE_SIZE: u64 = 8;

/// As a case file writes it.
pub(crate) fn toml(value: &SqlValue) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let typed = |name: &str, text: &str| format!("{{ {name} = {} }}", quoted(text));
    match value {
        SqlValue::Null => "{ null = true }".to_owned(),
        SqlValue::Boolean(truth) => truth.to_string(),
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Float(number) => toml::Value::from(*number).to_string(),
        SqlValue::Text(text) => quoted(text),
        SqlValue::Numeric(text) => typed("numeric", text),
        SqlValue::Bytes(bytes) => typed("bytes", &STANDARD.encode(bytes)),
        SqlValue::Date(text) => typed("date", text),
        SqlValue::Time(text) => typed("time", text),
        SqlValue::Timestamp(text) => typed("timestamp", text),
        SqlValue::Uuid(text) => typed("uuid", text),
        SqlValue::Json(text) => typed("json", text),
    }
}

/// As a case file writes the parameter that only this value fits.
pub(crate) fn exactly(value: &SqlValue) -> String {
    match value {
        SqlValue::Text(text) => toml::Value::from(pattern::exactly(text)).to_string(),
        other => toml(other),
    }
}

/// Bytes that a value counts against `max_bytes`, as databases of hosts count them.
pub(crate) fn size(value: &SqlValue) -> u64 {
    let length = match value {
        SqlValue::Null | SqlValue::Boolean(_) | SqlValue::Int(_) | SqlValue::Float(_) => 0,
        SqlValue::Bytes(bytes) => bytes.len(),
        SqlValue::Numeric(text)
        | SqlValue::Text(text)
        | SqlValue::Date(text)
        | SqlValue::Time(text)
        | SqlValue::Timestamp(text)
        | SqlValue::Uuid(text)
        | SqlValue::Json(text) => text.len(),
    };
    VALUE_SIZE.saturating_add(u64::try_from(length).unwrap_or(u64::MAX))
}

/// The first of these parameters that is not as expected.
pub(crate) fn mismatch(expected: &[SqlValue], got: &[SqlValue]) -> Option<String> {
    if expected.len() != got.len() {
        return Some(format!("params: expected {}, got {}", expected.len(), got.len()));
    }
    let differs = |(_, (expected, got)): &(usize, (&SqlValue, &SqlValue))| !is_same(expected, got);
    let (index, (expected, got)) = expected.iter().zip(got).enumerate().find(differs)?;
    Some(format!("params/{index}: expected {}, got {}", toml(expected), toml(got)))
}

/// Type and value; an expected text is a pattern.
fn is_same(expected: &SqlValue, got: &SqlValue) -> bool {
    match (expected, got) {
        (SqlValue::Text(expected), SqlValue::Text(text)) => pattern::fits(expected, text),
        (expected, got) => toml(expected) == toml(got),
    }
}
