//! Values of case files that TOML has no type for.

use std::fmt::Display;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_sandbox::ports::SqlValue;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// A point in time: RFC 3339, as a text or as TOML has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub DateTime<Utc>);

/// A duration such as `5s`, `250ms`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A JSON value: a TOML value, or a text that holds JSON, for what TOML lacks (`null`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Json(pub Value);

/// Bytes: a text, or `{ base64 = "…" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// A database value: a TOML value, or a table with its type, such as `{ date = "1990-01-01" }`.
#[derive(Clone, Debug)]
pub struct Cell(pub SqlValue);

/// The types of a [`Cell`] that TOML has no literal for.
const CELL_TYPES: &str = "null, date, time, timestamp, numeric, uuid, json, bytes";

impl Timestamp {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = DateTime::parse_from_rfc3339(text);
        parsed.map(|time| Self(time.to_utc())).map_err(|_| {
            format!("{text:?} is no point in time: write it like \"2026-01-31T12:00:00Z\", with the offset from UTC")
        })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(datetime) => datetime.to_string(),
            other => other.to_string(),
        };
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit_ms = match unit.trim() {
            "ms" => Some(1_u64),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let ms = number.parse::<u64>().ok().zip(unit_ms).and_then(|(number, unit)| number.checked_mul(unit));
        ms.map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| de::Error::custom(format!("{text:?} is no duration such as \"5s\", \"250ms\", \"2m\"")))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = match toml::Value::deserialize(deserializer)? {
            // Stands for any value.
            toml::Value::String(text) if text == "*" => Ok(Value::String(text)),
            toml::Value::String(text) => serde_json::from_str(&text)
                .map_err(|error| format!("the text holds no JSON ({error}): a single text is written '\"like this\"'")),
            other => to_json(other),
        };
        value.map(Self).map_err(de::Error::custom)
    }
}

/// TOML's dates become texts, as `[config]` of a grant file has it.
pub(super) fn to_json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).ok_or_else(|| format!("{number} is not a JSON number"))?.into()
        }
        toml::Value::Array(items) => items.into_iter().map(to_json).collect::<Result<_, _>>().map(Value::Array)?,
        toml::Value::Table(table) => {
            let member = |(name, value)| Ok::<_, String>((name, to_json(value)?));
            Value::Object(table.into_iter().map(member).collect::<Result<_, _>>()?)
        }
    })
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("a text, or { base64 = \"…\" }");
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text.into_bytes())),
            toml::Value::Table(table) => match (table.len(), table.get("base64")) {
                (1, Some(toml::Value::String(text))) => from_base64(text).map(Self).map_err(de::Error::custom),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("no base64 with padding: {error}"))
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        cell(toml::Value::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}

fn cell(value: toml::Value) -> Result<SqlValue, String> {
    Ok(match value {
        toml::Value::String(text) => SqlValue::Text(text),
        toml::Value::Integer(number) => SqlValue::Int(number),
        toml::Value::Float(number) => SqlValue::Float(number),
        toml::Value::Boolean(truth) => SqlValue::Boolean(truth),
        toml::Value::Datetime(at) => match (at.date.is_some(), at.time.is_some()) {
            (true, false) => SqlValue::Date(at.to_string()),
            (false, _) => SqlValue::Time(at.to_string()),
            (true, true) => SqlValue::Timestamp(at.to_string()),
        },
        toml::Value::Table(table) => {
            let mut members = table.into_iter();
            match (members.next(), members.next()) {
                (Some((name, value)), None) => typed(&name, value)?,
                _ => return Err(format!("a typed value has one member of {CELL_TYPES}")),
            }
        }
        toml::Value::Array(_) => return Err("a database value is no array; JSON is { json = \"[…]\" }".to_owned()),
    })
}

fn typed(name: &str, value: toml::Value) -> Result<SqlValue, String> {
    let wrong = |what: &dyn Display| format!("{name} takes {what}");
    if name == "null" {
        return if value == toml::Value::Boolean(true) { Ok(SqlValue::Null) } else { Err(wrong(&"true")) };
    }
    let text = match value {
        toml::Value::String(text) => text,
        toml::Value::Datetime(at) => at.to_string(),
        other if name == "json" => to_json(other)?.to_string(),
        _ => return Err(wrong(&"a text")),
    };
    Ok(match name {
        "date" => SqlValue::Date(text),
        "time" => SqlValue::Time(text),
        "timestamp" => SqlValue::Timestamp(text),
        "numeric" => SqlValue::Numeric(text),
        "uuid" => SqlValue::Uuid(text),
        "json" => SqlValue::Json(text),
        "bytes" => SqlValue::Bytes(from_base64(&text)?),
        _ => return Err(format!("{name} is no type of a database value; there are {CELL_TYPES}")),
    })
}
