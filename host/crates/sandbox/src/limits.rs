//! What a plugin may use, and how grant files write it.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

const MIB: u64 = 1 << 20;

/// How much one plugin may use. Sizes are bytes; all but `concurrency` count for one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Linear memory.
    #[serde(serialize_with = "write_size")]
    pub memory: u64,
    /// CPU time of the plugin's own code, counted in steps of 10 ms.
    #[serde(serialize_with = "write_duration")]
    pub cpu: Duration,
    /// Time from start to answer, waiting for sources included.
    #[serde(serialize_with = "write_duration")]
    pub wall: Duration,
    /// Calls that run at once.
    pub concurrency: u32,
    /// How long a call may wait for its turn.
    #[serde(serialize_with = "write_duration")]
    pub queue_wait: Duration,
    /// Bytes of an answer without its attachments.
    #[serde(serialize_with = "write_size")]
    pub output: u64,
    /// Bytes of all attachments of one call.
    #[serde(serialize_with = "write_size")]
    pub blobs: u64,
    /// Bytes of one granted file.
    #[serde(serialize_with = "write_size")]
    pub file: u64,
    /// CPU time of `prepare`.
    #[serde(serialize_with = "write_duration")]
    pub prepare_cpu: Duration,
    /// Linear memory of `prepare`.
    #[serde(serialize_with = "write_size")]
    pub prepare_memory: u64,
    /// Bytes that `prepare` may return.
    #[serde(serialize_with = "write_size")]
    pub prepared: u64,
}

impl Limits {
    /// What applies where a grant file says nothing.
    pub fn defaults() -> Self {
        Self {
            memory: 64 * MIB,
            cpu: Duration::from_millis(200),
            wall: Duration::from_secs(5),
            concurrency: 32,
            queue_wait: Duration::from_millis(500),
            output: 2 * MIB,
            blobs: 16 * MIB,
            file: 64 * MIB,
            prepare_cpu: Duration::from_secs(10),
            prepare_memory: 256 * MIB,
            prepared: 64 * MIB,
        }
    }

    /// The most a grant file may ask for, unless the host sets other ceilings.
    pub fn ceilings() -> Self {
        Self {
            memory: 512 * MIB,
            cpu: Duration::from_secs(5),
            wall: Duration::from_mins(1),
            concurrency: 200,
            queue_wait: Duration::from_secs(10),
            output: 16 * MIB,
            blobs: 64 * MIB,
            file: 512 * MIB,
            prepare_cpu: Duration::from_mins(1),
            prepare_memory: 1024 * MIB,
            prepared: 512 * MIB,
        }
    }
}

/// The `[limits]` table of a grant file: each member may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsSection {
    memory: Option<Size>,
    cpu: Option<Span>,
    wall: Option<Span>,
    concurrency: Option<u32>,
    queue_wait: Option<Span>,
    output: Option<Size>,
    blobs: Option<Size>,
    file: Option<Size>,
    prepare_cpu: Option<Span>,
    prepare_memory: Option<Size>,
    prepared: Option<Size>,
}

impl LimitsSection {
    /// The limits in force. A default above a ceiling is lowered to it; a value that the operator
    /// wrote is never changed silently.
    pub(crate) fn resolve(&self, ceilings: &Limits) -> Result<Limits, String> {
        let defaults = Limits::defaults();
        let size = |name, asked: Option<Size>, default: u64, ceiling: u64| {
            choose(name, asked.map(|s| s.0), default, ceiling, show_size)
        };
        let span = |name, asked: Option<Span>, default: Duration, ceiling: Duration| {
            choose(name, asked.map(|s| s.0), default, ceiling, show_duration)
        };
        let (d, c) = (&defaults, ceilings);
        Ok(Limits {
            memory: size("memory", self.memory, d.memory, c.memory)?,
            cpu: span("cpu", self.cpu, d.cpu, c.cpu)?,
            wall: span("wall", self.wall, d.wall, c.wall)?,
            concurrency: choose("concurrency", self.concurrency, d.concurrency, c.concurrency, |n| n.to_string())?,
            queue_wait: span("queue_wait", self.queue_wait, d.queue_wait, c.queue_wait)?,
            output: size("output", self.output, d.output, c.output)?,
            blobs: size("blobs", self.blobs, d.blobs, c.blobs)?,
            file: size("file", self.file, d.file, c.file)?,
            prepare_cpu: span("prepare_cpu", self.prepare_cpu, d.prepare_cpu, c.prepare_cpu)?,
            prepare_memory: size("prepare_memory", self.prepare_memory, d.prepare_memory, c.prepare_memory)?,
            prepared: size("prepared", self.prepared, d.prepared, c.prepared)?,
        })
    }
}

/// `64MiB`: the largest unit that divides the number.
pub(crate) fn show_size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

/// `200ms`: the largest unit that divides the number.
pub(crate) fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (unit, name) in [(60_000, "m"), (1_000, "s")] {
        if ms >= unit && ms.is_multiple_of(unit) {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

fn choose<T: PartialOrd + Default + Copy>(
    name: &str,
    asked: Option<T>,
    default: T,
    ceiling: T,
    show: impl Fn(T) -> String,
) -> Result<T, String> {
    match asked {
        None if default > ceiling => Ok(ceiling),
        None => Ok(default),
        Some(value) if value > ceiling => {
            Err(format!("limits.{name} = {} exceeds the server's ceiling of {}", show(value), show(ceiling)))
        }
        Some(value) if value <= T::default() => Err(format!("limits.{name} must be above zero")),
        Some(value) => Ok(value),
    }
}

/// A size as a grant file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

/// A duration as a grant file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = &[("B", 1), ("KiB", 1 << 10), ("MiB", MIB), ("GiB", 1 << 30)];
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
        let factor = self.units.iter().find(|(name, _)| *name == unit.trim());
        factor.and_then(|(_, factor)| number.checked_mul(*factor)).ok_or_else(wrong)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde fixes the signature")]
fn write_size<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&show_size(*bytes))
}

fn write_duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&show_duration(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, ceilings: &Limits) -> Result<Limits, String> {
        toml::from_str::<LimitsSection>(text).map_err(|e| e.to_string())?.resolve(ceilings)
    }

    #[test]
    fn empty_means_defaults() {
        assert_eq!(resolve("", &Limits::ceilings()).unwrap(), Limits::defaults());
    }

    #[test]
    fn units_are_read() {
        let limits = resolve(
            "memory = \"1GiB\"\ncpu = \"2s\"\nwall = \"1m\"\noutput = \"512B\"\nqueue_wait = \"20 ms\"",
            &Limits { memory: 1 << 30, ..Limits::ceilings() },
        )
        .unwrap();
        assert_eq!(limits.memory, 1 << 30);
        assert_eq!(limits.cpu, Duration::from_secs(2));
        assert_eq!(limits.wall, Duration::from_mins(1));
        assert_eq!(limits.output, 512);
        assert_eq!(limits.queue_wait, Duration::from_millis(20));
    }

    #[test]
    fn wrong_values_name_the_key_and_the_form() {
        for (text, part) in [
            ("memory = \"64MB\"", "a size such as"),
            ("memory = \"\"", "a size such as"),
            ("memory = 64", "a size such as"),
            ("memory = \"99999999999GiB\"", "a size such as"),
            ("cpu = \"fast\"", "a duration such as"),
            ("cpu = \"-1ms\"", "a duration such as"),
            ("cpuu = \"1ms\"", "cpuu"),
            ("cpu = \"6s\"", "limits.cpu = 6s exceeds"),
            ("concurrency = 0", "limits.concurrency must be above zero"),
        ] {
            let error = resolve(text, &Limits::ceilings()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_low_ceiling_lowers_the_default() {
        let ceilings = Limits { memory: MIB, ..Limits::ceilings() };
        assert_eq!(resolve("", &ceilings).unwrap().memory, MIB);
    }

    #[test]
    fn values_are_shown_as_they_are_written() {
        assert_eq!(show_size(64 * MIB), "64MiB");
        assert_eq!(show_size(1_000), "1000B");
        assert_eq!(show_duration(Duration::from_millis(200)), "200ms");
        assert_eq!(show_duration(Duration::from_mins(2)), "2m");
    }
}
