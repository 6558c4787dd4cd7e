//! Sizes and durations as grant files write them, for a plugin's `[config]`: `64MiB`, `200ms`.

use std::{fmt, time::Duration};

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A number of bytes, such as `"64MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A duration, such as `"200ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// What a JSON Schema says about a [`Size`].
pub const SIZE_PATTERN: &str = "^[0-9]+ ?(B|KiB|MiB|GiB)$";
/// What a JSON Schema says about a [`Span`].
pub const SPAN_PATTERN: &str = "^[0-9]+ ?(ms|s|m)$";

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let expected = "a size such as \"64MiB\" (B, KiB, MiB, GiB)";
        deserializer.deserialize_str(Quantity { units, expected }).map(Size)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = &[("ms", 1), ("s", 1_000), ("m", 60_000)];
        let expected = "a duration such as \"200ms\" (ms, s, m)";
        deserializer.deserialize_str(Quantity { units, expected }).map(|ms| Span(Duration::from_millis(ms)))
    }
}

struct Quantity {
    units: &'static [(&'static str, u64)],
    expected: &'static str,
}

impl Visitor<'_> for Quantity {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let factor = self.units.iter().find(|(name, _)| *name == unit.strip_prefix(' ').unwrap_or(unit));
        factor.and_then(|(_, factor)| number.checked_mul(*factor)).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn quantities_are_read_with_their_unit() {
        assert_eq!(from_value::<Size>(json!("64MiB")).unwrap(), Size(64 << 20));
        assert_eq!(from_value::<Size>(json!("7 B")).unwrap(), Size(7));
        assert_eq!(from_value::<Span>(json!("200ms")).unwrap(), Span(Duration::from_millis(200)));
        assert_eq!(from_value::<Span>(json!("2m")).unwrap(), Span(Duration::from_mins(2)));
    }

    #[test]
    fn what_has_no_unit_or_does_not_fit_is_refused() {
        for wrong in
            [json!(7), json!("7"), json!("MiB"), json!("7MB"), json!("-7B"), json!("99999999999GiB"), json!("")]
        {
            assert!(from_value::<Size>(wrong.clone()).is_err(), "{wrong}");
            assert!(from_value::<Span>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
