//! Values of databases as JSON, and the other way round.

use chancery_plugin_sdk::{Value as Json, json, sql::Value};

use crate::config::Form;

/// A float keeps every whole number up to here (2^53)...
const MAX_WHOLE: u64 = 1 << 53;
/// ...and every decimal of as many digits.
const MAX_DIGITS: usize = 15;

/// What one column gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Nothing,
    Claim(Json),
    Bytes(Vec<u8>),
}

/// The value in the form that the operator asked for. The fault does not quote the value.
pub(crate) fn convert(value: &Value, form: &Form) -> Result<Found, String> {
    if *value == Value::Null {
        return Ok(Found::Nothing);
    }
    let unfit = || Err(format!("a value of type {} is not {}", name(value), wanted(form)));
    let claim = match form {
        Form::AsIs => return as_is(value),
        Form::Attachment(_) => match value {
            Value::Bytes(bytes) => return Ok(Found::Bytes(bytes.clone())),
            _ => return unfit(),
        },
        Form::Json(pointer) => return part_of_json(value, pointer),
        Form::Text => text(value).map(Json::from),
        Form::Integer => integer(value).map(Json::from),
        Form::Number => number(value).and_then(serde_number),
        Form::Boolean => boolean(value).map(Json::from),
    };
    claim.map_or_else(unfit, |claim| Ok(Found::Claim(claim)))
}

/// A parameter for a statement; `None` for what databases have no plain type for.
pub(crate) fn parameter(value: &Json) -> Option<Value> {
    match value {
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Bool(truth) => Some(Value::Boolean(*truth)),
        Json::Number(number) => {
            // A number beyond 64 bits with a sign goes as a decimal.
            let whole = number.as_i64().map(Value::Int).or_else(|| Some(Value::Numeric(number.as_u64()?.to_string())));
            whole.or_else(|| number.as_f64().map(Value::Float))
        }
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Decimals and points in time stay texts: JSON has no type that keeps them as they are.
fn as_is(value: &Value) -> Result<Found, String> {
    Ok(Found::Claim(match value {
        Value::Null => return Ok(Found::Nothing),
        Value::Boolean(truth) => Json::from(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => return finite(*number).map(Found::Claim),
        Value::Numeric(text)
        | Value::Text(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Timestamp(text)
        | Value::Uuid(text) => Json::from(text.as_str()),
        Value::Json(_) => return part_of_json(value, ""),
        Value::Bytes(_) => return Err("a column of bytes needs a media_type, which makes it an attachment".to_owned()),
    }))
}

fn finite(number: f64) -> Result<Json, String> {
    serde_number(number).ok_or_else(|| "a number is infinite or none at all, which JSON cannot say".to_owned())
}

fn serde_number(number: f64) -> Option<Json> {
    // `json!` makes null of what JSON cannot say.
    number.is_finite().then(|| json!(number))
}

fn part_of_json(value: &Value, pointer: &str) -> Result<Found, String> {
    let (Value::Json(text) | Value::Text(text)) = value else {
        return Err(format!("a value of type {} is not JSON", name(value)));
    };
    let whole = json::parse(text.as_bytes()).map_err(|error| format!("the JSON cannot be read: {error}"))?;
    Ok(match whole.pointer(pointer) {
        None | Some(Json::Null) => Found::Nothing,
        Some(part) => Found::Claim(part.clone()),
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bytes(_) => None,
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Numeric(text)
        | Value::Text(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Timestamp(text)
        | Value::Uuid(text)
        | Value::Json(text) => Some(text.clone()),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Boolean(truth) => Some((*truth).into()),
        // `7.00` is a whole number, `7.01` none.
        Value::Numeric(text) | Value::Text(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok()).flatten()
        }
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Int(number) => (number.unsigned_abs() <= MAX_WHOLE).then(|| number.to_string().parse().ok()).flatten(),
        Value::Numeric(text) | Value::Text(text) => decimal(text),
        _ => None,
    }
}

/// A decimal that a float keeps digit by digit.
fn decimal(text: &str) -> Option<f64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_matches('0').len();
    let number: f64 = text.parse().ok()?;
    // Beyond its range a float is infinite, zero, or short of digits.
    let in_range = digits == 0 || number.is_normal();
    (in_range && digits <= MAX_DIGITS).then_some(number)
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(truth) => Some(*truth),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "boolean",
        Value::Int(_) => "integer",
        Value::Float(_) => "float",
        Value::Numeric(_) => "numeric",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::Timestamp(_) => "timestamp",
        Value::Uuid(_) => "uuid",
        Value::Json(_) => "json",
    }
}

fn wanted(form: &Form) -> &'static str {
    match form {
        Form::AsIs => "known",
        Form::Text => "a text",
        Form::Integer => "a whole number of 64 bits",
        Form::Number => "a number of at most 15 digits, or a whole one up to 2^53",
        Form::Boolean => "a truth value",
        Form::Json(_) => "JSON",
        Form::Attachment(_) => "bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(value: &Value, form: &Form) -> Option<Json> {
        match convert(value, form) {
            Ok(Found::Claim(claim)) => Some(claim),
            _ => None,
        }
    }

    fn t(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn values_become_what_keeps_them_as_they_are() {
        for (value, expected) in [
            (Value::Boolean(true), json!(true)),
            (Value::Int(i64::MIN), json!(i64::MIN)),
            (Value::Float(0.1), json!(0.1)),
            (Value::Numeric(t("12345678901234567890.10")), json!("12345678901234567890.10")),
            (Value::Text(t("\u{0}\"")), json!("\u{0}\"")),
            (Value::Date(t("1990-02-28")), json!("1990-02-28")),
            (Value::Timestamp(t("2026-01-31T08:05:00Z")), json!("2026-01-31T08:05:00Z")),
            (Value::Json(t("[1,{\"a\":null}]")), json!([1, { "a": null }])),
        ] {
            assert_eq!(claim(&value, &Form::AsIs), Some(expected));
        }
        assert_eq!(convert(&Value::Null, &Form::Integer), Ok(Found::Nothing));
        assert_eq!(convert(&Value::Json(t("null")), &Form::AsIs), Ok(Found::Nothing));
    }

    #[test]
    fn bytes_are_attachments_or_nothing() {
        let bytes = Value::Bytes(vec![0xff, 0]);
        assert_eq!(convert(&bytes, &Form::Attachment(t("image/jpeg"))), Ok(Found::Bytes(vec![0xff, 0])));
        for form in [Form::AsIs, Form::Text, Form::Json(t("")), Form::Integer] {
            assert!(convert(&bytes, &form).is_err(), "{form:?}");
        }
        assert!(convert(&Value::Text(t("x")), &Form::Attachment(t("image/jpeg"))).is_err());
    }

    #[test]
    fn conversions_lose_nothing_or_fail() {
        let integer = |value: Value| claim(&value, &Form::Integer);
        assert_eq!(integer(Value::Numeric(t("-7.000"))), Some(json!(-7)));
        assert_eq!(integer(Value::Text(t("7"))), Some(json!(7)));
        for value in ["7.01", "9223372036854775808", "", ".", "7,0", " 7", "1e3", "0x7"] {
            assert_eq!(integer(Value::Numeric(t(value))), None, "{value}");
        }
        assert_eq!(claim(&Value::Numeric(t("12.50")), &Form::Number), Some(json!(12.5)));
        for value in ["NaN", "inf", "infinity", "-", "", "1e999", "1e-999", "1e-320", "."] {
            assert_eq!(claim(&Value::Numeric(t(value)), &Form::Number), None, "{value}");
        }
        assert!(convert(&Value::Float(f64::NAN), &Form::AsIs).is_err());
        assert_eq!(claim(&Value::Text(t("Yes")), &Form::Boolean), Some(json!(true)));
        assert_eq!(claim(&Value::Int(2), &Form::Boolean), None);
        assert_eq!(claim(&Value::Int(7), &Form::Text), Some(json!("7")));
    }

    #[test]
    fn a_number_keeps_every_digit_or_is_none() {
        let number = |value: Value| claim(&value, &Form::Number);
        for whole in [1 << 53, -(1 << 53), 0] {
            assert_eq!(number(Value::Int(whole)).and_then(|found| found.as_f64()), whole.to_string().parse().ok());
        }
        for whole in [(1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MIN] {
            assert_eq!(number(Value::Int(whole)), None, "{whole}");
        }
        for (value, expected) in [
            ("-123456789.012345", json!(-123_456_789.012_345)),
            ("00012.500000000000000000", json!(12.5)),
            ("0.000000000000000000125", json!(1.25e-19)),
            ("0.000000000000000000", json!(0.0)),
            ("1000000000000000000000", json!(1e21)),
            ("1.5E+300", json!(1.5e300)),
        ] {
            assert_eq!(number(Value::Numeric(t(value))), Some(expected.clone()), "{value}");
            assert_eq!(number(Value::Text(t(value))), Some(expected), "{value}");
        }
        for value in ["12345678901234567890.10", "0.1234567890123456", "-1234567890.123456", "1.234567890123456e3"] {
            let fault = convert(&Value::Numeric(t(value)), &Form::Number).unwrap_err();
            assert!(!fault.contains(value), "{fault}");
        }
    }

    #[test]
    fn json_is_read_strictly_and_in_parts() {
        let document = Value::Json(t(r#"{"a":{"b/c":[1]},"n":null}"#));
        assert_eq!(claim(&document, &Form::Json(t("/a/b~1c/0"))), Some(json!(1)));
        assert_eq!(convert(&document, &Form::Json(t("/n"))), Ok(Found::Nothing));
        assert_eq!(convert(&document, &Form::Json(t("/x/y"))), Ok(Found::Nothing));
        for broken in [r#"{"a":1,"a":2}"#, "{", "", "Amina"] {
            let fault = convert(&Value::Json(t(broken)), &Form::AsIs).unwrap_err();
            assert!(!fault.contains("Amina"), "{fault}");
        }
    }

    #[test]
    fn parameters_are_values_and_never_text_of_a_statement() {
        assert_eq!(parameter(&json!("'; drop table farmer --")), Some(Value::Text(t("'; drop table farmer --"))));
        assert_eq!(parameter(&json!(7)), Some(Value::Int(7)));
        assert_eq!(parameter(&json!(u64::MAX)), Some(Value::Numeric(t("18446744073709551615"))));
        assert_eq!(parameter(&json!(0.5)), Some(Value::Float(0.5)));
        assert_eq!(parameter(&json!(true)), Some(Value::Boolean(true)));
        for odd in [json!(null), json!([]), json!({})] {
            assert_eq!(parameter(&odd), None);
        }
    }
}
