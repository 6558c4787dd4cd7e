//! Claims path pointers (OpenID4VCI 1.0, appendix C): `["degrees", null, "type"]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Longest path that is accepted.
pub const MAX_SEGMENTS: usize = 32;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// The member of this name.
    Name(String),
    /// The array element at this index.
    Index(usize),
    /// All elements of an array (`null` in JSON).
    All,
}

/// A path to one or more claims; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath(Vec<Segment>);

/// Why a path was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimPathError {
    #[error("a claims path is an array")]
    NotAnArray,
    #[error("a claims path has at least one segment")]
    Empty,
    #[error("a claims path has at most {MAX_SEGMENTS} segments")]
    TooLong,
    #[error("segment {0} of the claims path is neither text, nor an index, nor null")]
    BadSegment(usize),
}

impl ClaimPath {
    pub fn new(segments: Vec<Segment>) -> Result<Self, ClaimPathError> {
        match segments.len() {
            0 => Err(ClaimPathError::Empty),
            1..=MAX_SEGMENTS => Ok(Self(segments)),
            _ => Err(ClaimPathError::TooLong),
        }
    }

    /// Reads the JSON form.
    pub fn from_json(value: &Value) -> Result<Self, ClaimPathError> {
        let items = value.as_array().ok_or(ClaimPathError::NotAnArray)?;
        if items.len() > MAX_SEGMENTS {
            return Err(ClaimPathError::TooLong);
        }
        let segment = |(position, item): (usize, &Value)| match item {
            Value::String(name) => Ok(Segment::Name(name.clone())),
            Value::Null => Ok(Segment::All),
            Value::Number(number) => number
                .as_u64()
                .and_then(|index| usize::try_from(index).ok())
                .map(Segment::Index)
                .ok_or(ClaimPathError::BadSegment(position)),
            _ => Err(ClaimPathError::BadSegment(position)),
        };
        Self::new(items.iter().enumerate().map(segment).collect::<Result<_, _>>()?)
    }

    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let item = |segment: &Segment| match segment {
            Segment::Name(name) => Value::String(name.clone()),
            Segment::Index(index) => Value::Number((*index).into()),
            Segment::All => Value::Null,
        };
        Value::Array(self.0.iter().map(item).collect())
    }

    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Every claim that the path reaches. Where a step does not fit (a name on an array, an absent
    /// member), that branch selects nothing.
    pub fn select<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        let mut selected = vec![root];
        for segment in &self.0 {
            selected = match segment {
                Segment::Name(name) => selected.into_iter().filter_map(|value| value.as_object()?.get(name)).collect(),
                Segment::Index(index) => {
                    selected.into_iter().filter_map(|value| value.as_array()?.get(*index)).collect()
                }
                Segment::All => selected.into_iter().filter_map(Value::as_array).flatten().collect(),
            };
        }
        selected
    }
}

impl fmt::Display for ClaimPath {
    /// For people: `degrees[*].type`. Names that are not plain are quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::All => f.write_str("[*]")?,
                Segment::Name(name) if !is_plain_name(name) => write!(f, "[{name:?}]")?,
                Segment::Name(name) if position == 0 => f.write_str(name)?,
                Segment::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for ClaimPath {
    type Err = ClaimPathError;

    /// A path of names only, joined by dots: `address.street`.
    fn from_str(text: &str) -> Result<Self, ClaimPathError> {
        if text.is_empty() {
            return Err(ClaimPathError::Empty);
        }
        Self::new(text.split('.').map(|name| Segment::Name(name.to_owned())).collect())
    }
}

impl Serialize for ClaimPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClaimPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whether a member name reads well without quotes.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '#' | '$'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(value: Value) -> ClaimPath {
        serde_json::from_value(value).unwrap()
    }

    /// The example of OpenID4VCI appendix C.
    fn credential() -> Value {
        json!({
            "name": "Arthur Dent",
            "address": {"street_address": "42 Market Street", "locality": "Milliways"},
            "degrees": [
                {"type": "Bachelor of Science", "university": "University of Betelgeuse"},
                {"type": "Master of Science", "university": "University of Betelgeuse"}
            ],
            "nationalities": ["British", "Betelgeusian"]
        })
    }

    #[test]
    fn the_specifications_examples_select_as_printed() {
        let credential = credential();
        for (pointer, expected) in [
            (json!(["name"]), vec![json!("Arthur Dent")]),
            (json!(["address", "street_address"]), vec![json!("42 Market Street")]),
            (json!(["degrees", null, "type"]), vec![json!("Bachelor of Science"), json!("Master of Science")]),
            (json!(["nationalities", 1]), vec![json!("Betelgeusian")]),
            (json!(["nationalities", 2]), vec![]),
            (json!(["name", 0]), vec![]),
            (json!(["degrees", "type"]), vec![]),
            (json!(["address", null]), vec![]),
        ] {
            let selected: Vec<Value> = path(pointer.clone()).select(&credential).into_iter().cloned().collect();
            assert_eq!(selected, expected, "{pointer}");
        }
    }

    #[test]
    fn json_round_trip_and_display() {
        let pointer = json!(["degrees", null, "a b", 3, "ü"]);
        let parsed = path(pointer.clone());
        assert_eq!(serde_json::to_value(&parsed).unwrap(), pointer);
        assert_eq!(parsed.to_string(), "degrees[*][\"a b\"][3].ü");
        assert_eq!(path(json!([""])).to_string(), "[\"\"]");
        assert_eq!("address.street".parse::<ClaimPath>().unwrap(), path(json!(["address", "street"])));
    }

    #[test]
    fn malformed_paths_are_refused() {
        let refuse = |value: Value| ClaimPath::from_json(&value).unwrap_err();
        assert_eq!(refuse(json!("name")), ClaimPathError::NotAnArray);
        assert_eq!(refuse(json!([])), ClaimPathError::Empty);
        for bad in [json!(-1), json!(1.5), json!(true), json!({}), json!([])] {
            assert_eq!(refuse(json!(["a", bad])), ClaimPathError::BadSegment(1));
        }
        assert_eq!(refuse(json!(vec!["a"; 33])), ClaimPathError::TooLong);
        assert_eq!("".parse::<ClaimPath>(), Err(ClaimPathError::Empty));
    }
}
