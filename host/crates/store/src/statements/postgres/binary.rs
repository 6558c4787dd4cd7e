//! PostgreSQL's binary formats of the types that have a counterpart.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::statements::value::{self, Decimal, Moment, Value};

/// A format on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Json,
    JsonB,
    Void,
}

impl Kind {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Bool => "a boolean",
            Self::Int2 => "an int of 16 bits",
            Self::Int4 => "an int of 32 bits",
            Self::Int8 => "an int",
            Self::Oid => "an oid",
            Self::Float4 | Self::Float8 => "a float",
            Self::Numeric => "a numeric",
            Self::Text => "a text",
            Self::Bytes => "bytes",
            Self::Date => "a date",
            Self::Time => "a time",
            Self::Timestamp => "a timestamp without offset",
            Self::TimestampTz => "a timestamp with offset",
            Self::Uuid => "a uuid",
            Self::Json | Self::JsonB => "a json",
            Self::Void => "nothing",
        }
    }
}

/// The only version of the binary format of `jsonb`.
const JSONB_VERSION: u8 = 1;
/// Days from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i64 = 10_957;
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Decimal digits in one digit of a numeric, and its base.
const DIGITS: usize = 4;
const BASE: u16 = 10_000;
const NUMERIC_NEGATIVE: u16 = 0x4000;
const NUMERIC_NAN: u16 = 0xc000;
const NUMERIC_INFINITY: u16 = 0xd000;
const NUMERIC_NEGATIVE_INFINITY: u16 = 0xf000;

/// `None` where the value is none of that type. What is written as a text is taken for any type that it can be read
/// as, because what the host fills in from a call is a text.
pub(super) fn encode(value: &Value, kind: Kind) -> Option<Vec<u8>> {
    match kind {
        Kind::Bool => match value {
            Value::Boolean(value) => Some(vec![u8::from(*value)]),
            _ => None,
        },
        Kind::Int2 => Some(i16::try_from(int(value)?).ok()?.to_be_bytes().into()),
        Kind::Int4 => Some(i32::try_from(int(value)?).ok()?.to_be_bytes().into()),
        Kind::Int8 => Some(int(value)?.to_be_bytes().into()),
        Kind::Oid => Some(u32::try_from(int(value)?).ok()?.to_be_bytes().into()),
        Kind::Float4 => Some(narrow(float(value)?)?.to_be_bytes().into()),
        Kind::Float8 => Some(float(value)?.to_be_bytes().into()),
        Kind::Numeric => match value {
            Value::Int(value) => numeric(&value.to_string()),
            Value::Numeric(text) | Value::Text(text) => numeric(text),
            _ => None,
        },
        Kind::Bytes => match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        },
        Kind::Json | Kind::JsonB => match value {
            Value::Json(text) if kind == Kind::JsonB => Some([&[JSONB_VERSION], text.as_bytes()].concat()),
            Value::Json(text) => Some(text.clone().into_bytes()),
            _ => None,
        },
        Kind::Text | Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz | Kind::Uuid => {
            encode_text(text(value)?, value, kind)
        }
        Kind::Void => None,
    }
}

fn encode_text(text: &str, value: &Value, kind: Kind) -> Option<Vec<u8>> {
    match (kind, value) {
        (Kind::Text, _) => Some(text.as_bytes().to_vec()),
        (Kind::Date, Value::Date(_) | Value::Text(_)) => {
            let days = value::date(text)?.signed_duration_since(epoch()?.date()).num_days();
            Some(i32::try_from(days).ok()?.to_be_bytes().into())
        }
        (Kind::Time, Value::Time(_) | Value::Text(_)) => {
            let micros = value::time(text)?.signed_duration_since(NaiveTime::MIN).num_microseconds()?;
            Some(micros.to_be_bytes().into())
        }
        (Kind::Timestamp | Kind::TimestampTz, Value::Timestamp(_) | Value::Text(_)) => {
            let naive = match (kind, value::moment(text)?) {
                (Kind::TimestampTz, Moment::Zoned(zoned)) => zoned.naive_utc(),
                (Kind::Timestamp, Moment::Local(local)) => local,
                // An offset is neither invented nor forgotten.
                _ => return None,
            };
            Some(naive.signed_duration_since(epoch()?).num_microseconds()?.to_be_bytes().into())
        }
        (Kind::Uuid, Value::Uuid(_) | Value::Text(_)) => Some(value::uuid(text)?.into()),
        _ => None,
    }
}

/// `None` where it has no counterpart.
pub(super) fn decode(bytes: &[u8], kind: Kind) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Boolean(*bytes.first()? != 0),
        Kind::Int2 => Value::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::Int4 => Value::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::Int8 => Value::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Oid => Value::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::Float4 => Value::Float(value::widened(f32::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Float8 => Value::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Numeric => return read_numeric(bytes),
        Kind::Text => Value::Text(utf8(bytes)?),
        Kind::Bytes => Value::Bytes(bytes.to_vec()),
        Kind::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
            i32::MAX => Value::Text("infinity".into()),
            i32::MIN => Value::Text("-infinity".into()),
            days => Value::Date(value::write_date(day(days)?)),
        },
        Kind::Time => match i64::from_be_bytes(bytes.try_into().ok()?) {
            // PostgreSQL's last instant of a day.
            MICROS_PER_DAY => Value::Time("24:00:00".into()),
            micros => Value::Time(value::write_time(NaiveTime::MIN + TimeDelta::microseconds(micros))),
        },
        Kind::Timestamp | Kind::TimestampTz => match i64::from_be_bytes(bytes.try_into().ok()?) {
            i64::MAX => Value::Text("infinity".into()),
            i64::MIN => Value::Text("-infinity".into()),
            micros => {
                let naive = epoch()?.checked_add_signed(TimeDelta::microseconds(micros))?;
                let moment =
                    if kind == Kind::Timestamp { Moment::Local(naive) } else { Moment::Zoned(naive.and_utc()) };
                Value::Timestamp(value::write_moment(moment))
            }
        },
        Kind::Uuid => Value::Uuid(value::write_uuid(bytes.try_into().ok()?)),
        Kind::Json => Value::Json(utf8(bytes)?),
        Kind::JsonB => match bytes.split_first()? {
            (&JSONB_VERSION, text) => Value::Json(utf8(text)?),
            _ => return None,
        },
        Kind::Void => Value::Null,
    })
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        // Only as it would be written: no sign, blanks or zeroes before it.
        Value::Text(text) | Value::Numeric(text) => text.parse().ok().filter(|value: &i64| value.to_string() == *text),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        // Every i32 is a float, not every i64.
        Value::Int(value) => i32::try_from(*value).ok().map(f64::from),
        _ => None,
    }
}

/// To the nearest, but not to infinity.
fn narrow(value: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what the type of the column asks for")]
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text)
        | Value::Numeric(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Timestamp(text)
        | Value::Uuid(text)
        | Value::Json(text) => Some(text),
        Value::Null | Value::Boolean(_) | Value::Int(_) | Value::Float(_) | Value::Bytes(_) => None,
    }
}

fn utf8(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn epoch() -> Option<NaiveDateTime> {
    DateTime::from_timestamp(EPOCH_DAYS * 86_400, 0).map(|epoch| epoch.naive_utc())
}

fn day(days: i32) -> Option<NaiveDate> {
    let (epoch, distance) = (epoch()?.date(), Days::new(u64::from(days.unsigned_abs())));
    if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) }
}

/// Digits to the base of 10000, the first of which stands for 10000 to the power of `weight`, and how many decimal
/// digits to show after the point.
fn numeric(text: &str) -> Option<Vec<u8>> {
    let Decimal { negative, whole, fraction } = Decimal::parse(text)?;
    let padded = format!("{}{whole}{fraction}", "0".repeat(whole.len().next_multiple_of(DIGITS) - whole.len()));
    let padded = format!("{padded}{}", "0".repeat(padded.len().next_multiple_of(DIGITS) - padded.len()));
    let digits: Option<Vec<u16>> =
        (0..padded.len()).step_by(DIGITS).map(|at| padded[at..at + DIGITS].parse().ok()).collect();
    let digits = digits?;
    let weight = i64::try_from(whole.len().div_ceil(DIGITS)).ok()? - 1;
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    let trailing = digits[leading..].iter().rev().take_while(|digit| **digit == 0).count();
    let digits = &digits[leading..digits.len() - trailing];
    let weight = if digits.is_empty() { 0 } else { weight - i64::try_from(leading).ok()? };
    let sign = if negative && !digits.is_empty() { NUMERIC_NEGATIVE } else { 0 };

    let mut bytes = Vec::with_capacity(8 + 2 * digits.len());
    bytes.extend(i16::try_from(digits.len()).ok()?.to_be_bytes());
    bytes.extend(i16::try_from(weight).ok()?.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(i16::try_from(fraction.len()).ok()?.to_be_bytes());
    bytes.extend(digits.iter().flat_map(|digit| digit.to_be_bytes()));
    Some(bytes)
}

fn read_numeric(bytes: &[u8]) -> Option<Value> {
    let (header, digits) = bytes.split_first_chunk::<8>()?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let negative = match word(4) {
        0 => false,
        NUMERIC_NEGATIVE => true,
        NUMERIC_NAN => return Some(Value::Text("NaN".into())),
        NUMERIC_INFINITY => return Some(Value::Text("Infinity".into())),
        NUMERIC_NEGATIVE_INFINITY => return Some(Value::Text("-Infinity".into())),
        _ => return None,
    };
    let digits: Vec<u16> = digits.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    if digits.len() != usize::from(word(0)) || digits.iter().any(|digit| *digit >= BASE) {
        return None;
    }
    let (weight, scale) = (i32::from(word(2).cast_signed()), i32::from(word(6).cast_signed()));
    // The digit that stands for 10000 to the power of `power`.
    let digit = |power: i32| usize::try_from(weight - power).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let mut text = String::from(if negative { "-" } else { "" });
    text.push_str(&digit(weight.max(0)).to_string());
    for power in (0..weight.max(0)).rev() {
        text.push_str(&format!("{:04}", digit(power)));
    }
    let scale = usize::try_from(scale).ok()?;
    if scale > 0 {
        text.push('.');
        let end = text.len() + scale;
        let mut power = -1;
        while text.len() < end {
            text.push_str(&format!("{:04}", digit(power)));
            power -= 1;
        }
        text.truncate(end);
    }
    Some(Value::Numeric(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_are_exact() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "12.50",
            "-12.50",
            "10000",
            "9999",
            "100000000",
            "0.0001",
            "0.00001",
            "-0.10",
            "10000.0001",
            "1234567890123456789012345678901234567890.12345678901234567890",
            "0.000000000000000000000000000001",
        ] {
            let bytes = numeric(text).unwrap();
            assert_eq!(read_numeric(&bytes), Some(Value::Numeric(text.into())), "{text}");
        }
        assert_eq!(read_numeric(&numeric("000123.40").unwrap()), Some(Value::Numeric("123.40".into())));
        assert_eq!(read_numeric(&numeric("-0.0").unwrap()), Some(Value::Numeric("0.0".into())));
        for text in ["", "NaN", "1e5", "1,5", "0x1"] {
            assert_eq!(numeric(text), None, "{text}");
        }
        assert_eq!(numeric(&format!("1.{}", "0".repeat(40_000))), None);
    }

    #[test]
    fn broken_bytes_are_no_value() {
        for kind in [
            Kind::Bool,
            Kind::Int2,
            Kind::Int4,
            Kind::Int8,
            Kind::Oid,
            Kind::Float4,
            Kind::Float8,
            Kind::Numeric,
            Kind::Date,
            Kind::Time,
            Kind::Timestamp,
            Kind::TimestampTz,
            Kind::Uuid,
            Kind::JsonB,
        ] {
            assert_eq!(decode(&[], kind), None, "{kind:?}");
        }
        assert_eq!(decode(&[0xff], Kind::Text), None);
        assert_eq!(decode(&[2, b'{', b'}'], Kind::JsonB), None);
        assert_eq!(decode(&[0, 1, 0, 0, 0, 0, 0, 0], Kind::Numeric), None);
        assert_eq!(decode(&[0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Kind::Numeric), None);
        assert_eq!(decode(&(i64::MAX - 1).to_be_bytes(), Kind::Timestamp), None);
        assert_eq!(decode(&(i32::MAX - 1).to_be_bytes(), Kind::Date), None);
    }

    #[test]
    fn a_text_is_what_it_can_be_read_as() {
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(encode(&text("42"), Kind::Int4), Some(42_i32.to_be_bytes().into()));
        for not in ["042", "+42", " 42", "42 ", "4e1", "", "2147483648", "42; drop table t"] {
            assert_eq!(encode(&text(not), Kind::Int4), None, "{not}");
        }
        assert_eq!(encode(&text("true"), Kind::Bool), None);
        assert_eq!(encode(&Value::Int(1), Kind::Text), None);
        assert_eq!(encode(&Value::Int(i64::MAX), Kind::Float8), None);
        assert_eq!(encode(&Value::Float(1e300), Kind::Float4), None);
        assert_eq!(encode(&text("2024-01-01T00:00:00Z"), Kind::Timestamp), None);
        assert_eq!(encode(&text("2024-01-01T00:00:00"), Kind::TimestampTz), None);
    }
}
