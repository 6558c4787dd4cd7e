//! Database values and their written forms, which are the same for every database.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use serde::de::IgnoredAny;

/// A database value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Int(i64),
    /// Never used for decimals.
    Float(f64),
    /// A decimal in plain notation, such as `-12.50`.
    Numeric(String),
    Text(String),
    Bytes(Vec<u8>),
    /// `YYYY-MM-DD`.
    Date(String),
    /// `HH:MM:SS[.ffffff]`.
    Time(String),
    /// RFC 3339 with offset; a timestamp without zone has none.
    Timestamp(String),
    /// In lower case with hyphens.
    Uuid(String),
    Json(String),
}

/// What a run returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Column names in the order of the statement.
    pub columns: Vec<String>,
    /// In the order of `columns`.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than the limit.
    pub truncated: bool,
}

/// What any value counts against a limit of bytes.
const VALUE_SIZE: u64 = 8;
const UUID_BYTES: usize = 16;
/// Where a UUID has its hyphens.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// A point in time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Zoned(DateTime<Utc>),
    Local(NaiveDateTime),
}

impl Value {
    /// Bytes that it counts against `max_bytes`: 8 for any value, so that none is free, and the length of what has one.
    pub fn size(&self) -> u64 {
        let length = match self {
            Self::Null | Self::Boolean(_) | Self::Int(_) | Self::Float(_) => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Numeric(text)
            | Self::Text(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Timestamp(text)
            | Self::Uuid(text)
            | Self::Json(text) => text.len(),
        };
        VALUE_SIZE + length as u64
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Numeric(_) => "a numeric",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Timestamp(_) => "a timestamp",
            Self::Uuid(_) => "a uuid",
            Self::Json(_) => "a json",
        }
    }

    /// Whether it is written as its variant says; else what was expected.
    pub(super) fn check_form(&self) -> Result<(), &'static str> {
        let (right, expected) = match self {
            Self::Numeric(text) => (Decimal::parse(text).is_some(), "a decimal such as -12.50"),
            Self::Date(text) => (date(text).is_some(), "a date as YYYY-MM-DD"),
            Self::Time(text) => (time(text).is_some(), "a time as HH:MM:SS"),
            Self::Timestamp(text) => (moment(text).is_some(), "a timestamp of RFC 3339"),
            Self::Uuid(text) => (uuid(text).is_some(), "a UUID"),
            Self::Json(text) => (serde_json::from_str::<IgnoredAny>(text).is_ok(), "JSON"),
            Self::Null | Self::Boolean(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) | Self::Bytes(_) => {
                (true, "")
            }
        };
        if right { Ok(()) } else { Err(expected) }
    }
}

/// A 32-bit number as the 64-bit one that is written with the same digits.
pub(super) fn widened(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

/// A decimal in plain notation, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    pub(super) negative: bool,
    /// Digits before the point.
    pub(super) whole: &'a str,
    /// Digits after it.
    pub(super) fraction: &'a str,
}

impl<'a> Decimal<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (digits, ""),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (!whole.is_empty() && all_digits(whole) && all_digits(fraction)).then_some(Self { negative, whole, fraction })
    }
}

pub(super) fn date(text: &str) -> Option<NaiveDate> {
    // chrono takes fewer digits and a sign too.
    (text.len() == "YYYY-MM-DD".len()).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())?
}

pub(super) fn time(text: &str) -> Option<NaiveTime> {
    (text.len() >= "HH:MM:SS".len()).then(|| NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok())?
}

pub(super) fn moment(text: &str) -> Option<Moment> {
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(Moment::Zoned(zoned.with_timezone(&Utc)));
    }
    let (day, clock) = text.split_once(['T', ' '])?;
    Some(Moment::Local(date(day)?.and_time(time(clock)?)))
}

/// With hyphens, in either case.
pub(super) fn uuid(text: &str) -> Option<[u8; UUID_BYTES]> {
    let mut bytes = [0; UUID_BYTES];
    let mut digits = 0;
    for (position, character) in text.bytes().enumerate() {
        if UUID_HYPHENS.contains(&position) {
            if character != b'-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(char::from(character).to_digit(16)?).ok()?;
        let byte = bytes.get_mut(digits / 2)?;
        *byte = (*byte << 4) | digit;
        digits += 1;
    }
    (digits == 2 * UUID_BYTES).then_some(bytes)
}

pub(super) fn write_uuid(bytes: [u8; UUID_BYTES]) -> String {
    let mut text = String::with_capacity(2 * UUID_BYTES + UUID_HYPHENS.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            if UUID_HYPHENS.contains(&text.len()) {
                text.push('-');
            }
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

pub(super) fn write_date(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

pub(super) fn write_time(time: NaiveTime) -> String {
    time.format("%H:%M:%S%.f").to_string()
}

pub(super) fn write_moment(moment: Moment) -> String {
    match moment {
        Moment::Zoned(zoned) => zoned.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Moment::Local(local) => local.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_form_of_its_variant() {
        type Make = fn(String) -> Value;
        let cases: [(Make, &[&str], &[&str]); 6] = [
            (
                Value::Numeric,
                &["0", "-12.50", "00.10", "123456789012345678901234567890.5"],
                &["", "-", ".5", "5.", "1e3", "+1", "NaN", "1.2.3", " 1", "١"],
            ),
            (
                Value::Date,
                &["2024-02-29"],
                &["2023-02-29", "2024-2-9", "24-02-29", "2024-02-29T00:00:00", "", "+2024-2-9"],
            ),
            (Value::Time, &["00:00:00", "23:59:59.123456"], &["24:00:00", "1:2:3", "12:00", "12:00:00Z", ""]),
            (
                Value::Timestamp,
                &[
                    "2024-02-29T12:00:00Z",
                    "2024-02-29T12:00:00.5+02:00",
                    "2024-02-29T12:00:00",
                    "2024-02-29 12:00:00.25",
                ],
                &["2024-02-29", "12:00:00", "2024-02-30T12:00:00Z", "yesterday", ""],
            ),
            (
                Value::Uuid,
                &["0f0e0d0c-0b0a-0908-0706-050403020100", "0F0E0D0C-0B0A-0908-0706-050403020100"],
                &[
                    "",
                    "0f0e0d0c0b0a09080706050403020100",
                    "0f0e0d0c-0b0a-0908-0706-05040302010g",
                    "0f0e0d0c-0b0a-0908-0706-0504030201000",
                ],
            ),
            (Value::Json, &["{}", "[1,\"a\"]", "null"], &["", "{", "{} {}", "nul"]),
        ];
        for (make, right, wrong) in cases {
            for text in right {
                assert_eq!(make((*text).to_owned()).check_form(), Ok(()), "{text:?}");
            }
            for text in wrong {
                let value = make((*text).to_owned());
                assert!(value.check_form().is_err(), "{value:?}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "0f0e0d0c-0b0a-0908-0706-050403020100";
        assert_eq!(write_uuid(uuid(text).unwrap()), text);
        for text in
            ["2024-02-29T12:00:00.123456Z", "0001-01-01T00:00:00Z", "2024-02-29T12:00:00", "2024-02-29T12:00:00.500"]
        {
            assert_eq!(write_moment(moment(text).unwrap()), text);
        }
        assert_eq!(write_moment(moment("2024-02-29T12:00:00+02:00").unwrap()), "2024-02-29T10:00:00Z");
        assert_eq!(write_time(time("01:02:03.000004").unwrap()), "01:02:03.000004");
        assert_eq!(write_date(date("2024-02-29").unwrap()), "2024-02-29");
    }

    #[test]
    fn empty_values_are_not_free() {
        assert_eq!(Value::Null.size(), 8);
        assert_eq!(Value::Text(String::new()).size(), 8);
        assert_eq!(Value::Bytes(vec![0; 100]).size(), 108);
    }
}
