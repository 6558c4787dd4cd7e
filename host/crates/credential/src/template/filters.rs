//! The filters and tests that expressions have, and no others.
//!
//! Those that could make much out of little (`replace`, `join`) are our own and bounded, and so are
//! the conversions, whose messages must not quote data.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, filters, tests};

use super::MAX_TEXT_LEN;
use super::value::{ConversionError, to_text};

/// The names of all filters.
///
/// Our own: `date(format, from=…)` reads an ISO date, an ISO date-time or epoch seconds (or text in the
/// strftime form `from`) and writes it; `lookup(table)` gives the table's member that the value names;
/// `lang("en", …)` picks from a map of localized text the best match of the language tags in turn;
/// `times(n)` multiplies; `int`, `float`, `bool`, `string` convert strictly.
pub const FILTERS: [&str; 27] = [
    "abs",
    "bool",
    "capitalize",
    "date",
    "default",
    "first",
    "float",
    "int",
    "join",
    "lang",
    "last",
    "length",
    "lookup",
    "lower",
    "map",
    "max",
    "min",
    "replace",
    "round",
    "sort",
    "split",
    "string",
    "sum",
    "times",
    "title",
    "trim",
    "upper",
];

/// The names of all tests.
pub(super) const TESTS: [&str; 16] = [
    "boolean",
    "defined",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "none",
    "number",
    "sequence",
    "string",
    "undefined",
];

pub(super) fn register(environment: &mut Environment<'_>) {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", to_bool);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("date", date);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", to_float);
    environment.add_filter("int", to_int);
    environment.add_filter("join", join);
    environment.add_filter("lang", lang);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lookup", lookup);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("map", filters::map);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("replace", replace);
    environment.add_filter("round", filters::round);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("string", to_string);
    environment.add_filter("sum", filters::sum);
    environment.add_filter("times", times);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);

    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("float", tests::is_float);
    environment.add_test("ge", |a: &Value, b: &Value| order(a, b).map(Ordering::is_ge));
    environment.add_test("gt", |a: &Value, b: &Value| order(a, b).map(Ordering::is_gt));
    environment.add_test("in", tests::is_in);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("iterable", tests::is_iterable);
    environment.add_test("le", |a: &Value, b: &Value| order(a, b).map(Ordering::is_le));
    environment.add_test("lt", |a: &Value, b: &Value| order(a, b).map(Ordering::is_lt));
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("string", tests::is_string);
    environment.add_test("undefined", tests::is_undefined);
}

/// The order of two numbers or two texts. The engine's own `<` also orders a text against a number, by
/// kind: with `"7"` from a CSV file, `data.age >= 18` would be true for everybody.
fn order(left: &Value, right: &Value) -> Result<Ordering, Error> {
    defined(left)?;
    defined(right)?;
    let comparable = left.kind() == right.kind() && matches!(left.kind(), ValueKind::Number | ValueKind::String);
    if !comparable {
        return Err(refuse("only two numbers or two texts have an order; convert with `int` or `float` first"));
    }
    Ok(left.cmp(right))
}

fn to_int(value: &Value) -> Result<Value, Error> {
    let converted = match value.kind() {
        ValueKind::Bool => Some(i64::from(value.is_true())),
        ValueKind::Number if value.is_integer() => return Ok(value.clone()),
        ValueKind::Number => f64::try_from(value.clone()).ok().and_then(whole),
        _ => text(value)?.trim().parse().ok(),
    };
    converted.map(Value::from).ok_or_else(|| refuse("not a whole number of at most 64 bits"))
}

fn to_float(value: &Value) -> Result<Value, Error> {
    let converted = match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        _ => text(value)?.trim().parse::<f64>().ok(),
    };
    converted.filter(|float| float.is_finite()).map(Value::from).ok_or_else(|| refuse("not a finite number"))
}

fn to_bool(value: &Value) -> Result<bool, Error> {
    if value.kind() == ValueKind::Bool {
        return Ok(value.is_true());
    }
    match text(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(refuse("not one of true, false, yes, no, 1 and 0")),
    }
}

fn to_string(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.into_owned())
}

fn times(value: &Value, factor: &Value) -> Result<Value, Error> {
    for operand in [value, factor] {
        defined(operand)?;
        if operand.kind() != ValueKind::Number {
            return Err(refuse("only numbers can be multiplied; convert text with `int` or `float`"));
        }
    }
    if value.is_integer() && factor.is_integer() {
        let product = value.as_i64().zip(factor.as_i64()).and_then(|(a, b)| a.checked_mul(b));
        return product.map(Value::from).ok_or_else(|| refuse("the product exceeds 64 bits"));
    }
    let float = |operand: &Value| f64::try_from(operand.clone());
    Ok(Value::from(float(value)? * float(factor)?))
}

fn replace(value: &Value, from: &Value, to: &Value) -> Result<String, Error> {
    let (text, from, to) = (text(value)?, text(from)?, text(to)?);
    if from.is_empty() {
        return Err(refuse("the text to replace is empty"));
    }
    let growth = to.len().saturating_sub(from.len());
    check_len(growth.saturating_mul(text.matches(&*from).count()).saturating_add(text.len()))?;
    Ok(text.replace(&*from, &to))
}

fn join(value: &Value, separator: Option<&Value>) -> Result<String, Error> {
    defined(value)?;
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(refuse("only a list can be joined"));
    }
    let separator = separator.map(text).transpose()?.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&text(&item)?);
        check_len(joined.len())?;
    }
    Ok(joined)
}

fn lookup(value: &Value, table: &Value) -> Result<Value, Error> {
    defined(table)?;
    if table.kind() != ValueKind::Map {
        return Err(refuse("`lookup` needs a table: an object"));
    }
    table.get_attr(&text(value)?)
}

/// RFC 4647 lookup: each wanted tag is shortened until an entry fits; entries differ by case only at
/// will. Wanted tags may be lists (a request's preferences); absent ones are skipped.
fn lang(value: &Value, wanted: Rest<Value>) -> Result<Value, Error> {
    defined(value)?;
    if value.kind() != ValueKind::Map {
        return Err(refuse("`lang` needs a map of language tags to text"));
    }
    let tags: Vec<Value> = value.try_iter()?.collect();
    for wanted in wanted.0 {
        let wanted = match wanted.kind() {
            ValueKind::Undefined | ValueKind::None => continue,
            ValueKind::Seq | ValueKind::Iterable => wanted.try_iter()?.collect(),
            _ => vec![wanted],
        };
        for wanted in wanted {
            let wanted = text(&wanted)?;
            let mut range = &*wanted;
            loop {
                let fits = |tag: &&Value| tag.as_str().is_some_and(|tag| tag.eq_ignore_ascii_case(range));
                if let Some(tag) = tags.iter().find(fits) {
                    return value.get_item(tag);
                }
                match range.rsplit_once('-') {
                    Some((shorter, _)) => range = shorter,
                    None => break,
                }
            }
        }
    }
    Ok(Value::UNDEFINED)
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands named arguments over by value")]
fn date(value: &Value, format: Option<&Value>, options: Kwargs) -> Result<String, Error> {
    let from: Option<Value> = options.get("from")?;
    options.assert_all_used()?;
    let moment = match (value.kind(), from) {
        (ValueKind::Number, None) => value
            .as_i64()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(|time| Moment::Zoned(time.fixed_offset())),
        (_, None) => Moment::from_iso(text(value)?.trim()),
        (_, Some(from)) => Moment::from_format(text(value)?.trim(), &text(&from)?),
    };
    let moment = moment.ok_or_else(|| refuse("not a date; give other forms than ISO as `from=\"%d/%m/%Y\"`"))?;
    let format = format.map(text).transpose()?.unwrap_or(Cow::Borrowed("%Y-%m-%d"));
    moment.write(&format)
}

enum Moment {
    Day(NaiveDate),
    Local(NaiveDateTime),
    Zoned(DateTime<FixedOffset>),
}

impl Moment {
    fn from_iso(text: &str) -> Option<Self> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Self::Day);
        let zoned = || DateTime::parse_from_rfc3339(text).ok().map(Self::Zoned);
        let local = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(Self::Local);
        day.or_else(zoned).or_else(local)
    }

    fn from_format(text: &str, format: &str) -> Option<Self> {
        let zoned = DateTime::parse_from_str(text, format).ok().map(Self::Zoned);
        let local = || NaiveDateTime::parse_from_str(text, format).ok().map(Self::Local);
        let day = || NaiveDate::parse_from_str(text, format).ok().map(Self::Day);
        zoned.or_else(local).or_else(day)
    }

    fn write(&self, format: &str) -> Result<String, Error> {
        let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
        if items.contains(&Item::Error) {
            return Err(refuse("the date format is not a strftime format"));
        }
        let mut written = String::new();
        match self {
            Self::Day(day) => write!(written, "{}", day.format_with_items(items.iter())),
            Self::Local(time) => write!(written, "{}", time.format_with_items(items.iter())),
            Self::Zoned(time) => write!(written, "{}", time.format_with_items(items.iter())),
        }
        .map_err(|_| refuse("the date format asks for a time or a zone that the value does not have"))?;
        Ok(written)
    }
}

fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match value.as_str() {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => to_text(value).map(Cow::Owned).map_err(|error| match error {
            ConversionError::Undefined => Error::from(ErrorKind::UndefinedError),
            ConversionError::NotJson(what) => refuse(format!("it got {what}")),
            _ => refuse("a number out of range"),
        }),
    }
}

fn defined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() { Err(Error::from(ErrorKind::UndefinedError)) } else { Ok(()) }
}

fn check_len(length: usize) -> Result<(), Error> {
    if length > MAX_TEXT_LEN { Err(refuse("the text gets too long")) } else { Ok(()) }
}

fn refuse(problem: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem)
}

fn whole(float: f64) -> Option<i64> {
    // Beyond 2^53 neighbouring integers share a float.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53: exact")]
    let integer = float as i64;
    (float.fract() == 0.0 && float.abs() <= MAX_EXACT).then_some(integer)
}
