//! What a plugin returned, checked before anybody relies on it.

use std::fmt;
use std::time::Duration;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::text::cut;

/// How deep objects and arrays may be nested; part of the contract in `wit/`.
const MAX_DEPTH: usize = 32;

/// How much of a member's name is shown.
const MAX_SHOWN_NAME: usize = 64;

/// Whole numbers from here on no longer fit 64 bits, upwards and downwards.
const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;
const TOO_SMALL: f64 = -9_223_372_036_854_775_808.0;

/// The data a plugin found about a subject.
#[derive(Clone, PartialEq)]
pub struct Fetched {
    /// The claims: names are unique, numbers fit 64 bits, at most 32 levels.
    pub claims: Map<String, Value>,
    /// Values that are too large for JSON. Their names are unique and not used in `claims`.
    pub attachments: Vec<Attachment>,
    /// Until when the source vouches for the data, in seconds since 1970.
    pub valid_until: Option<u64>,
    /// Digest of the component that answered, in hex.
    pub plugin_sha256: String,
}

/// Where an issuance by another issuer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuance {
    /// Done.
    Issued(IssuedCredential),
    /// Not yet: ask again with the ticket.
    Pending(Ticket),
}

/// A credential that another issuer signed. Nothing in it is verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedCredential {
    /// OpenID4VCI format identifier, as the plugin stated it.
    pub format: String,
    /// As it goes to the wallet.
    pub body: Vec<u8>,
    /// The other issuer's name for it.
    pub external_id: Option<String>,
    /// What the plugin says of it.
    pub metadata: Map<String, Value>,
    /// Digest of the component that answered, in hex.
    pub plugin_sha256: String,
}

/// A promise of a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Whatever the plugin needs to go on.
    pub token: Vec<u8>,
    /// When to ask again.
    pub retry_after: Duration,
    /// Digest of the component that answered, in hex.
    pub plugin_sha256: String,
}

/// What became of a batch of audit events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Ids of events that are kept safely now.
    pub delivered: Vec<String>,
    /// Ids of events that repeating would not help, each with the reason.
    pub rejected: Vec<(String, String)>,
    /// Digest of the component that answered, in hex.
    pub plugin_sha256: String,
}

/// A value with a media type.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name templates use.
    pub name: String,
    /// An IANA media type, as the plugin stated it.
    pub media_type: String,
    /// The value.
    pub content: Vec<u8>,
}

/// Without what is personal.
impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .field("attachments", &self.attachments)
            .field("valid_until", &self.valid_until)
            .field("plugin_sha256", &self.plugin_sha256)
            .finish()
    }
}

/// Without what is personal.
impl fmt::Debug for IssuedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedCredential")
            .field("format", &self.format)
            .field("bytes", &self.body.len())
            .field("plugin_sha256", &self.plugin_sha256)
            .finish_non_exhaustive()
    }
}

/// Without the token, which may be a secret of the other issuer.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("retry_after", &self.retry_after).finish_non_exhaustive()
    }
}

/// Without what is personal.
impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("name", &self.name)
            .field("media_type", &self.media_type)
            .field("bytes", &self.content.len())
            .finish()
    }
}

/// Reads a JSON object as the contract wants it. The error says what is wrong and where, never what
/// the value is: it may be personal.
pub(crate) fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| format!("not valid JSON: {error}"))?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null => Err("null instead of a JSON object".to_owned()),
        Value::Array(_) => Err("an array instead of a JSON object".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("a single value instead of a JSON object".to_owned())
        }
    }
}

/// A JSON value whose objects have no repeated names. serde_json itself keeps the last of them,
/// which lets two readers of one document see two things.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!("more than {MAX_DEPTH} levels")));
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

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        // A whole number that does not fit arrives here rounded: another value than the one written.
        if number >= TOO_LARGE || number <= TOO_SMALL {
            return Err(E::custom("a number does not fit 64 bits; write it as a text"));
        }
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom(format!("the name {:?} stands twice", cut(&name, MAX_SHOWN_NAME))));
            }
            object.insert(name, members.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_json_has_survives() {
        let text = r#"{"a":null,"b":true,"c":-1,"d":18446744073709551615,"e":1.5,"f":"\u0000\"é","g":[{}]}"#;
        let object = parse_object(text).unwrap();
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
    }

    #[test]
    fn what_breaks_the_contract_is_refused_with_the_reason() {
        for (text, part) in [
            ("", "not valid JSON"),
            ("{", "not valid JSON"),
            ("{} {}", "trailing"),
            ("null", "null instead"),
            ("[]", "an array instead"),
            ("\"text\"", "a single value instead"),
            (r#"{"a":1,"a":2}"#, r#"the name "a" stands twice"#),
            (r#"{"x":{"a":1,"\u0061":2}}"#, r#"the name "a" stands twice"#),
            (r#"{"a":18446744073709551616}"#, "does not fit 64 bits"),
            (r#"{"a":-99999999999999999999}"#, "does not fit 64 bits"),
            (r#"{"a":-9223372036854775809}"#, "does not fit 64 bits"),
            (r#"{"a":1e999}"#, "not valid JSON"),
            (r#"{"a":NaN}"#, "not valid JSON"),
        ] {
            let error = parse_object(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn depth_is_counted_in_levels() {
        let nested = |levels: usize| {
            let inner = levels - 1;
            format!(r#"{{"a":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
        };
        assert!(parse_object(&nested(MAX_DEPTH)).is_ok());
        assert!(parse_object(&nested(MAX_DEPTH + 1)).unwrap_err().contains("levels"));
        assert!(parse_object(&nested(100_000)).unwrap_err().contains("levels"));
    }
}
