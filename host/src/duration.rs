//! Durations as people write them: `90s`, `10m`, `36h`, `365d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Longer ones leave the calendar when they are added to a date.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("expected a duration such as \"500ms\", \"90s\", \"10m\", \"36h\" or \"365d\", found {text:?}");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(86_400_000),
        _ => None,
    };
    let duration = millis.map(Duration::from_millis).ok_or_else(wrong)?;
    if duration > LONGEST {
        return Err(format!("{text:?} is longer than {}", format(LONGEST)));
    }
    Ok(duration)
}

/// The largest unit that says it exactly.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis != 0 && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["500ms", "90s", "10m", "36h", "365d"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for text in ["", "10", "10 m", "-1s", "1y", "99999999999999999999d", "18446744073709551615d", "36501d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
