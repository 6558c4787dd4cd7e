//! Structured log lines. The host adds plugin name, plugin digest and request id.
//!
//! Personal data does not belong here. The host counts lines and bytes for each call (by default
//! 64 lines, 16 KiB) and drops the rest. What a plugin prints to stdout or stderr, panics included,
//! is kept too, as plain text.
//!
//! ```no_run
//! use chancery_plugin_sdk::log;
//!
//! log::info("file indexed", &[("rows", &100_000), ("columns", &7)]);
//! ```

use std::fmt::Display;

use crate::bindings::chancery::host::log as host;

/// Step-by-step detail, off by default.
pub fn trace(message: &str, fields: &[(&str, &dyn Display)]) {
    write(host::Level::Trace, message, fields);
}

/// Detail that helps an author, off by default.
pub fn debug(message: &str, fields: &[(&str, &dyn Display)]) {
    write(host::Level::Debug, message, fields);
}

/// Something worth knowing in normal operation.
pub fn info(message: &str, fields: &[(&str, &dyn Display)]) {
    write(host::Level::Info, message, fields);
}

/// Something is wrong, and the call goes on.
pub fn warn(message: &str, fields: &[(&str, &dyn Display)]) {
    write(host::Level::Warn, message, fields);
}

/// The call fails.
pub fn error(message: &str, fields: &[(&str, &dyn Display)]) {
    write(host::Level::Error, message, fields);
}

fn write(level: host::Level, message: &str, fields: &[(&str, &dyn Display)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    host::write(level, message, &fields);
}
