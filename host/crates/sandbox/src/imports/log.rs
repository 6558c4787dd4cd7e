//! `chancery:host/log`: guest lines become `tracing` events that name plugin and request.

use crate::bindings::host::log::{Host, Level};
use crate::guest::Guest;
use crate::text::escaped;

/// Lines and bytes of one call, and fields of one line; part of the contract in `wit/`.
const MAX_LINES: u32 = 64;
const MAX_BYTES: usize = 16 << 10;
const MAX_FIELDS: usize = 32;

/// What a call may still log, and what was dropped.
#[derive(Debug)]
pub(crate) struct LogMeter {
    lines_left: u32,
    bytes_left: usize,
    pub(crate) dropped: u64,
}

impl Default for LogMeter {
    fn default() -> Self {
        Self { lines_left: MAX_LINES, bytes_left: MAX_BYTES, dropped: 0 }
    }
}

impl LogMeter {
    /// Whether a line of this many bytes still fits.
    fn admit(&mut self, bytes: usize) -> bool {
        if self.lines_left == 0 || bytes > self.bytes_left {
            self.dropped += 1;
            return false;
        }
        self.lines_left -= 1;
        self.bytes_left -= bytes;
        true
    }
}

impl Host for Guest {
    fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let bytes = message.len() + fields.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
        if self.log.admit(bytes) {
            emit(self, level, &escaped(&message), &joined(&fields));
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
    let show = |(name, value): &(String, String)| {
        let plain = !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || "-_.:/".contains(c));
        if plain { format!("{}={value}", escaped(name)) } else { format!("{}={value:?}", escaped(name)) }
    };
    let shown: Vec<String> = fields.iter().take(MAX_FIELDS).map(show).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_bytes_are_counted() {
        let mut meter = LogMeter::default();
        assert!(meter.admit(MAX_BYTES));
        assert!(!meter.admit(1));
        assert!(meter.admit(0));
        assert_eq!(meter.dropped, 1);
        let admitted = (0..200).filter(|_| meter.admit(0)).count();
        assert_eq!(admitted, 62);
    }

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        let fields = [("k".to_owned(), "v w\n".to_owned()), ("n".to_owned(), "1".to_owned())];
        assert_eq!(joined(&fields), "k=\"v w\\n\" n=1");
    }
}
