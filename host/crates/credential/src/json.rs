//! Reading JSON strictly.
//!
//! Two parsers that pick different ones of a duplicate member see two different documents, so
//! duplicates are refused; so are documents beyond the size and depth that the caller allows.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Bounds of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    pub max_bytes: usize,
    /// Nesting of arrays and objects; serde_json itself stops at 128.
    pub max_depth: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { max_bytes: 1024 * 1024, max_depth: 64 }
    }
}

/// Why a document was refused. The texts carry positions, never contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("the document is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("the document is nested deeper than {max} levels at line {line}, column {column}")]
    TooDeep { max: usize, line: usize, column: usize },
    #[error("an object names the same member twice, before line {line}, column {column}")]
    DuplicateMember { line: usize, column: usize },
    #[error("a number does not fit 64 bits, before line {line}, column {column}")]
    NumberRange { line: usize, column: usize },
    #[error("not JSON at line {line}, column {column}: {problem}")]
    Syntax { line: usize, column: usize, problem: &'static str },
}

/// Reads one document. Numbers outside `i64`, `u64` and finite `f64` are refused.
pub fn parse_strict(text: &str, limits: &JsonLimits) -> Result<Value, JsonError> {
    if text.len() > limits.max_bytes {
        return Err(JsonError::TooLong { max: limits.max_bytes });
    }
    let cause = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let reader = Reader { cause: &cause, max_depth: limits.max_depth, depth: 0 };
    reader
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| describe(&error, cause.get(), limits))
}

/// An upper bound of the values in a JSON text, told without reading it: there is one before each comma and none
/// without a comma or an opening bracket. Texts with commas make it too high, nothing makes it too low.
pub(crate) fn value_bound(text: &str) -> usize {
    1 + text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

fn describe(error: &serde_json::Error, cause: Option<Cause>, limits: &JsonLimits) -> JsonError {
    let (line, column) = (error.line(), error.column());
    match cause {
        Some(Cause::Depth) => JsonError::TooDeep { max: limits.max_depth, line, column },
        Some(Cause::Duplicate) => JsonError::DuplicateMember { line, column },
        Some(Cause::Number) => JsonError::NumberRange { line, column },
        None => JsonError::Syntax {
            line,
            column,
            // serde_json's own text may quote what it read.
            problem: if error.is_eof() { "it ends too early" } else { "unexpected character" },
        },
    }
}

/// serde errors are text; what this module found is kept beside them.
#[derive(Clone, Copy)]
enum Cause {
    Depth,
    Duplicate,
    Number,
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    cause: &'a Cell<Option<Cause>>,
    max_depth: usize,
    depth: usize,
}

impl Reader<'_> {
    fn fail<T, E: Error>(self, cause: Cause) -> Result<T, E> {
        self.cause.set(Some(cause));
        Err(E::custom("refused"))
    }

    fn nested<E: Error>(self) -> Result<Self, E> {
        if self.depth >= self.max_depth {
            return self.fail(Cause::Depth);
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // serde_json gives integers beyond 64 bits as floats; they would lose digits silently.
        let is_lossy = value.fract() == 0.0 && !(MIN_I64..BEYOND_U64).contains(&value);
        match Number::from_f64(value) {
            Some(number) if !is_lossy => Ok(Value::Number(number)),
            _ => self.fail(Cause::Number),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.nested()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.nested()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if map.insert(name, value).is_some() {
                return self.fail(Cause::Duplicate);
            }
        }
        Ok(Value::Object(map))
    }
}

/// −2⁶³ and 2⁶⁴: whole floats outside stand for integers that no 64-bit type holds.
const MIN_I64: f64 = -9_223_372_036_854_775_808.0;
const BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, JsonError> {
        parse_strict(text, &JsonLimits::default())
    }

    #[test]
    fn plain_documents_are_read_as_serde_json_reads_them() {
        let text = r#"{"z":[1,-2,3.5,18446744073709551615],"a":{"ü":"\u0000\"","n":null,"t":true}}"#;
        let value = parse(text).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["z", "a"], "order is kept");
    }

    #[test]
    fn duplicates_are_refused_at_every_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert!(matches!(parse(text), Err(JsonError::DuplicateMember { line: 1, .. })), "{text}");
        }
        assert!(parse(r#"{"a":{"a":1},"b":{"a":2}}"#).is_ok());
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let limits = JsonLimits { max_bytes: 10, max_depth: 2 };
        assert!(parse_strict("[[1]]", &limits).is_ok());
        assert!(matches!(parse_strict("[[[]]]", &limits), Err(JsonError::TooDeep { max: 2, .. })));
        assert_eq!(parse_strict("[1,2,3,4,5,6]", &limits), Err(JsonError::TooLong { max: 10 }));
        assert!(parse(&"[".repeat(1_000_000)).is_err());
        assert!(matches!(parse(&"[".repeat(100_000)), Err(JsonError::TooDeep { .. })));
    }

    #[test]
    fn numbers_that_would_lose_digits_are_refused() {
        for text in ["1e400", "18446744073709551616", "-9223372036854775809000", "123456789012345678901234567890"] {
            assert!(matches!(parse(text), Err(JsonError::NumberRange { .. } | JsonError::Syntax { .. })), "{text}");
        }
        assert_eq!(parse("9007199254740993").unwrap(), 9_007_199_254_740_993_u64);
        for text in ["1e-30", "9.999999999999999e-31", "5e-324", "0.1", "123456789.125"] {
            assert_eq!(parse(text).unwrap().to_string(), text, "read and written again it is the same");
        }
    }

    #[test]
    fn syntax_errors_name_the_place_and_no_contents() {
        let error = parse("{\n  \"secret\": tru }").unwrap_err();
        assert_eq!(error.to_string(), "not JSON at line 2, column 16: unexpected character");
        assert_eq!(parse("[1").unwrap_err().to_string(), "not JSON at line 1, column 2: it ends too early");
        assert!(parse("1 2").is_err() && parse("").is_err());
    }
}
