//! JSON of sources that are not trusted to be careful.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How deep the host lets claims nest.
pub const MAX_DEPTH: usize = 32;

/// Floats from here on do not tell neighbouring whole numbers apart.
const EXACT_FLOATS: f64 = 9_007_199_254_740_992.0;

/// Why a text is not taken, and where. It quotes nothing of the text: names, too, can be ids of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

/// Parses JSON and refuses what readers would understand differently: a name twice in one object,
/// nesting beyond [`MAX_DEPTH`], and whole numbers that 64 bits do not hold. The contract allows
/// none of them in claims.
///
/// # Errors
/// What is wrong, and where.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let fault = |error: serde_json::Error| JsonError(error.to_string());
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut json).map_err(fault)?;
    json.end().map_err(fault)?;
    Ok(value)
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JsonError {}

/// Reads one value that stands inside `depth` others.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("more than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // serde_json hands whole numbers that are too long over as floats, without a word.
        if value.abs() >= EXACT_FLOATS {
            return Err(E::custom("a number is too large to be kept exactly"));
        }
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn values_come_through_as_they_are() {
        for text in [
            r#"{"z":[1,-2,0.1,1.5e-7,null,true,"\u0000é"],"a":{}}"#,
            "18446744073709551615",
            "-9223372036854775808",
            "0.30000000000000004",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_name_twice_is_refused_at_any_depth() {
        for text in [r#"{"Ada":1,"Ada":1}"#, r#"[{"b":{"Ada":1,"\u0041da":2}}]"#] {
            let said = fault(text);
            assert!(said.starts_with("a name stands twice in one object"), "{said}");
            assert!(!said.contains("Ada"), "{said}");
        }
        parse(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).unwrap();
    }

    #[test]
    fn nesting_ends_at_the_hosts_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        parse(nested(MAX_DEPTH).as_bytes()).unwrap();
        assert!(fault(&nested(MAX_DEPTH + 1)).contains("levels"));
        assert!(fault(&"{\"a\":".repeat(100_000)).contains("levels"));
    }

    #[test]
    fn numbers_that_would_change_are_refused() {
        for text in ["18446744073709551616", "-9223372036854775809", "12345678901234567890123", "1e300", "1e400"] {
            assert!(fault(text).contains("number"), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bytes in [&b""[..], b"{", b"{}x", b"\xff", b"\"\xff\"", b"NaN", b"{'a':1}", b"\xef\xbb\xbf{}", b"[1,]"] {
            parse(bytes).unwrap_err();
        }
    }
}
