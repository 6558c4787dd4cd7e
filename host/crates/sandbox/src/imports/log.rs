//! `chancery:host/log`: guest lines become `tracing` events that name plugin and request.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::bindings::host::log::{Host, Level};
use crate::call::Budget;
use crate::guest::Guest;
use crate::text::escaped;

/// Fields of one line; part of the contract in `wit/`.
const MAX_FIELDS: usize = 32;

/// So many seconds' lines may come at once.
const BURST_SECONDS: u32 = 2;

/// What a call may still log, and what was dropped.
#[derive(Debug)]
pub(crate) struct LogMeter {
    lines_left: u32,
    bytes_left: u64,
    pub(crate) dropped: u64,
}

impl LogMeter {
    pub(crate) fn of(budget: &Budget) -> Self {
        Self::new(budget.log_lines, budget.log_bytes)
    }

    fn new(lines: u32, bytes: u64) -> Self {
        Self { lines_left: lines, bytes_left: bytes, dropped: 0 }
    }

    /// Whether a line of this many bytes still fits into the call.
    fn admit(&mut self, bytes: u64) -> bool {
        if self.lines_left == 0 || bytes > self.bytes_left {
            return false;
        }
        self.lines_left -= 1;
        self.bytes_left -= bytes;
        true
    }
}

/// Log lines over all calls of a generation: a bucket that fills by `per_second`.
#[derive(Debug)]
pub(crate) struct LogRate {
    per_second: u32,
    bucket: Mutex<(f64, Instant)>,
}

impl LogRate {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, bucket: Mutex::new((f64::from(per_second * BURST_SECONDS), now)) }
    }

    fn admit(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, last) = &mut *bucket;
        let filled = *level + now.saturating_duration_since(*last).as_secs_f64() * f64::from(self.per_second);
        *level = filled.min(f64::from(self.per_second * BURST_SECONDS));
        *last = now;
        if *level < 1.0 {
            return false;
        }
        *level -= 1.0;
        true
    }
}

impl Host for Guest {
    fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let bytes = message.len() + fields.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.log.admit(bytes) && self.world.log_rate.admit(Instant::now()) {
            emit(self, level, &escaped(&message), &joined(&fields));
        } else {
            self.log.dropped += 1;
        }
        Ok(())
    }
}

fn emit(guest: &Guest, level: Level, message: &str, fields: &str) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "plugin",
                tracing::Level::$level,
                plugin = &*guest.world.plugin,
                digest = &*guest.world.digest,
                request_id = guest.context.request_id,
                fields,
                "{message}"
            )
        };
    }
    match level {
        Level::Trace => event!(TRACE),
        Level::Debug => event!(DEBUG),
        Level::Info => event!(INFO),
        Level::Warn => event!(WARN),
        Level::Error => event!(ERROR),
    }
}

/// One `name=value` after the other, values quoted where they need it.
fn joined(fields: &[(String, String)]) -> String {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.:/".contains(c));
    let shown = |text: &str| if plain(text) { text.to_owned() } else { format!("{text:?}") };
    let show = |(name, value): &(String, String)| format!("{}={}", shown(name), shown(value));
    let shown: Vec<String> = fields.iter().take(MAX_FIELDS).map(show).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_and_bytes_are_counted() {
        let mut meter = LogMeter::new(64, 16);
        assert!(meter.admit(16));
        assert!(!meter.admit(1));
        let admitted = (0..200).filter(|_| meter.admit(0)).count();
        assert_eq!(admitted, 63);
    }

    #[test]
    fn the_rate_allows_a_burst_and_then_its_share() {
        let start = Instant::now();
        let rate = LogRate::new(10, start);
        let admitted = |at| (0..100).filter(|_| rate.admit(at)).count();
        assert_eq!(admitted(start), 20);
        assert_eq!(admitted(start + Duration::from_millis(500)), 5);
        assert_eq!(admitted(start + Duration::from_mins(1)), 20);
    }

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        let fields = [("k".to_owned(), "v w\n".to_owned()), ("n".to_owned(), "1".to_owned())];
        assert_eq!(joined(&fields), "k=\"v w\\n\" n=1");
    }
}
