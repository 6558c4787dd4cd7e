//! The `[config]` table of the operator's grant file, where [`Plugin::Config`] is not enough.
//!
//! [`Plugin::Config`]: crate::Plugin::Config

use crate::bindings::chancery::host::config;

/// The value of one top-level key: a text value as it is, any other value as JSON.
pub fn get(key: &str) -> Option<String> {
    config::get(key)
}

/// The whole table as a JSON object; `{}` when there is none.
pub fn all() -> String {
    config::all()
}
