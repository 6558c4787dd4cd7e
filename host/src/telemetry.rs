//! Logs: one line an event on standard error, as text or JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Reads the filter; one that is wrong is quoted.
pub fn filter(log: &Log) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&log.filter).map_err(|e| format!("log.filter {:?}: {e}", log.filter))
}

/// Sets the process's subscriber.
pub fn start(log: &Log) -> Result<(), String> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(log)?).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|e| e.to_string())
}
