//! What a plugin may use, and how grant files write it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::{KIB, MIB, Size, Span, show_duration, show_size, write_duration, write_size};

/// How much one plugin may use. Sizes are bytes; all but `concurrency` and
/// `log_rate` count for one call, and `memory` for as long as the call's sandbox is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    /// Linear memory.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
    pub memory: u64,
    /// CPU time of the plugin's own code, counted in steps of 2 ms.
    #[serde(serialize_with = "write_duration")]
    #[schemars(with = "Span")]
    pub cpu: Duration,
    /// Time from start to answer, waiting for sources included.
    #[serde(serialize_with = "write_duration")]
    #[schemars(with = "Span")]
    pub wall: Duration,
    /// Calls that run at once.
    pub concurrency: u32,
    /// How long a call may wait for its turn.
    #[serde(serialize_with = "write_duration")]
    #[schemars(with = "Span")]
    pub queue_wait: Duration,
    /// Bytes of an answer without its attachments.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
    pub output: u64,
    /// Bytes of all attachments of one call.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
    pub blobs: u64,
    /// Bytes of one granted file.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
    pub file: u64,
    /// Outbound HTTP requests.
    pub http_requests: u32,
    /// SQL statements.
    pub sql_runs: u32,
    /// Reads and writes of the key-value cache.
    pub kv_operations: u32,
    /// Log lines.
    pub log_lines: u32,
    /// Bytes of all log lines.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
    pub log_bytes: u64,
    /// Log lines a second, over all calls; twice as many at once.
    pub log_rate: u32,
    /// CPU time of `prepare`.
    #[serde(serialize_with = "write_duration")]
    #[schemars(with = "Span")]
    pub prepare_cpu: Duration,
    /// Linear memory of `prepare`.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
    pub prepare_memory: u64,
    /// Bytes that `prepare` may return.
    #[serde(serialize_with = "write_size")]
    #[schemars(with = "Size")]
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
            http_requests: 8,
            sql_runs: 16,
            kv_operations: 64,
            log_lines: 64,
            log_bytes: 16 * KIB,
            log_rate: 100,
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
            http_requests: 64,
            sql_runs: 1_000,
            kv_operations: 1_000,
            log_lines: 1_000,
            log_bytes: 256 * KIB,
            log_rate: 10_000,
            prepare_cpu: Duration::from_mins(1),
            prepare_memory: 1024 * MIB,
            prepared: 512 * MIB,
        }
    }
}

/// What one call may use, and how many calls may run. A value that is left out has the default; none
/// may be above the server's ceiling.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub(crate) struct LimitsSection {
    /// Linear memory of a sandbox, over all its calls where it has more than one. Default 64MiB, at most 512MiB.
    memory: Option<Size>,
    /// CPU time of the plugin's own code, in steps of 2 ms. Default 200ms, at most 5s.
    cpu: Option<Span>,
    /// Time from start to answer, waiting for sources included. Default 5s, at most 1m.
    wall: Option<Span>,
    /// Calls that run at once. Default 32, at most 200.
    concurrency: Option<u32>,
    /// How long a call may wait for its turn. Default 500ms, at most 10s.
    queue_wait: Option<Span>,
    /// Bytes of an answer without its attachments. Default 2MiB, at most 16MiB.
    output: Option<Size>,
    /// Bytes of all attachments. Default 16MiB, at most 64MiB.
    blobs: Option<Size>,
    /// Bytes of one granted file. Default 64MiB, at most 512MiB.
    file: Option<Size>,
    /// Outbound HTTP requests. Default 8, at most 64.
    http_requests: Option<u32>,
    /// SQL statements. Default 16, at most 1000.
    sql_runs: Option<u32>,
    /// Reads and writes of the key-value cache. Default 64, at most 1000.
    kv_operations: Option<u32>,
    /// Log lines. Default 64, at most 1000.
    log_lines: Option<u32>,
    /// Bytes of all log lines. Default 16KiB, at most 256KiB.
    log_bytes: Option<Size>,
    /// Log lines a second over all calls of the plugin; twice as many at once. Default 100, at most 10000.
    log_rate: Option<u32>,
    /// CPU time of `prepare`. Default 10s, at most 1m.
    prepare_cpu: Option<Span>,
    /// Linear memory of `prepare`. Default 256MiB, at most 1GiB.
    prepare_memory: Option<Size>,
    /// Bytes that `prepare` may return. Default 64MiB, at most 512MiB.
    prepared: Option<Size>,
}

impl LimitsSection {
    /// The limits in force. A default above a ceiling is lowered to it; a value that the operator
    /// wrote is never changed silently.
    pub(crate) fn resolve(&self, ceilings: &Limits) -> Result<Limits, String> {
        let defaults = Limits::defaults();
        macro_rules! limit {
            ($name:ident, size) => {
                choose(stringify!($name), self.$name.map(|s| s.0), defaults.$name, ceilings.$name, show_size)?
            };
            ($name:ident, span) => {
                choose(stringify!($name), self.$name.map(|s| s.0), defaults.$name, ceilings.$name, show_duration)?
            };
            ($name:ident, count) => {
                choose(stringify!($name), self.$name, defaults.$name, ceilings.$name, |n| n.to_string())?
            };
        }
        Ok(Limits {
            memory: limit!(memory, size),
            cpu: limit!(cpu, span),
            wall: limit!(wall, span),
            concurrency: limit!(concurrency, count),
            queue_wait: limit!(queue_wait, span),
            output: limit!(output, size),
            blobs: limit!(blobs, size),
            file: limit!(file, size),
            http_requests: limit!(http_requests, count),
            sql_runs: limit!(sql_runs, count),
            kv_operations: limit!(kv_operations, count),
            log_lines: limit!(log_lines, count),
            log_bytes: limit!(log_bytes, size),
            log_rate: limit!(log_rate, count),
            prepare_cpu: limit!(prepare_cpu, span),
            prepare_memory: limit!(prepare_memory, size),
            prepared: limit!(prepared, size),
        })
    }
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
}
