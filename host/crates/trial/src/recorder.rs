//! What plugins log, and what the host says about them, kept for the report.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::pattern::fits;

/// Lines that are kept between two looks at them.
const MAX_LINES: usize = 10_000;

/// The target of what plugins log.
const PLUGIN: &str = "plugin";

/// What the host says of a plugin as a whole: that stands in its status.
const KNOWN: [&str; 2] = ["plugin is ", "the plugin's breaker "];

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// `info`, `warn`, …
    pub level: String,
    /// The message.
    pub message: String,
    /// Its fields, `name=value` one after the other.
    pub fields: String,
    /// Whether the host says it, not the plugin.
    pub by_host: bool,
}

impl LogLine {
    /// The message with its fields behind it.
    pub fn text(&self) -> String {
        if self.fields.is_empty() { self.message.clone() } else { format!("{} {}", self.message, self.fields) }
    }

    /// Whether it is what `pattern` describes, with or without its fields.
    pub(crate) fn fits(&self, pattern: &str) -> bool {
        fits(pattern, &self.message) || fits(pattern, &self.text())
    }
}

/// Keeps log lines. To be installed for the whole process: plugins run on threads of their own.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<LogLine>>>);

impl Recorder {
    /// Takes what has come since the last time.
    pub fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Subscriber for Recorder {
    /// Everything of plugins; warnings of the host about them.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let by_host = metadata.target().starts_with("chancery") && *metadata.level() <= Level::WARN;
        metadata.is_event() && (metadata.target() == PLUGIN || by_host)
    }

    fn event(&self, event: &Event<'_>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        if event.metadata().target() != PLUGIN && KNOWN.iter().any(|known| seen.message.starts_with(known)) {
            return;
        }
        let by_host = event.metadata().target() != PLUGIN || seen.dropped;
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MAX_LINES {
            lines.push(LogLine { level, message: seen.message, fields: seen.fields, by_host });
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Seen {
    message: String,
    fields: String,
    dropped: bool,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a text does not fail.
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            // Who and what for: a report is about one plugin and one case.
            "plugin" | "digest" | "request_id" | "generation" | "version" => {}
            name => {
                self.dropped |= name == "dropped";
                let gap = if self.fields.is_empty() { "" } else { " " };
                let _ = write!(self.fields, "{gap}{name}={value:?}");
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            // What a plugin gave to its line, in one text.
            "fields" => self.fields.push_str(value),
            "message" => self.message.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_its_message_and_its_fields() {
        let recorder = Recorder::default();
        tracing::subscriber::with_default(recorder.clone(), || {
            tracing::info!(target: "plugin", plugin = "p", digest = "d", request_id = "r", fields = "a=1", "looked {}", "up");
            tracing::debug!(target: "plugin", fields = "", "detail");
            tracing::warn!(target: "chancery_sandbox::x", plugin = "p", statement = "s", "not filled");
            tracing::info!(target: "chancery_sandbox::x", "ready");
            tracing::warn!(target: "chancery_sandbox::x", reason = "r", "plugin is rejected");
            tracing::error!(target: "elsewhere", "x");
        });
        let shown: Vec<String> =
            recorder.take().iter().map(|line| format!("{} {} {}", line.level, line.text(), line.by_host)).collect();
        assert_eq!(shown, ["info looked up a=1 false", "debug detail false", "warn not filled statement=\"s\" true"]);
        assert!(recorder.take().is_empty());
    }
}
