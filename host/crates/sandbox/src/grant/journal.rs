//! `[grants.journal]`: append-only files.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::within;
use crate::quantity::{KIB, MIB, Size, show_size};

const DEFAULT_FILE: u64 = 64 * MIB;
const MIN_FILE: u64 = 4 * KIB;
const MAX_FILE: u64 = 16 * 1024 * MIB;
const DEFAULT_KEEP: u32 = 0;
const MAX_KEEP: u32 = 100_000;

/// Where a plugin may append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JournalGrant {
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
    /// Bytes of one file.
    pub(crate) max_file: u64,
    /// Rotated files that are kept; 0 keeps all.
    pub(crate) keep: u32,
}

impl JournalGrant {
    pub(crate) fn summary(&self) -> String {
        format!("journal: {}", self.dir.join(&self.name).display())
    }
}

/// A file that the plugin may append to and never read (`chancery:host/journal`), for audit sinks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct JournalSection {
    /// The directory, under the plugin directory or an absolute path. Made when missing.
    dir: PathBuf,
    /// The name of the file in use, such as `"audit.jsonl"`. Rotated files have the time in theirs.
    name: String,
    /// Bytes of one file. Default 64MiB, at most 16GiB.
    max_file: Option<Size>,
    /// How many rotated files are kept; the oldest is removed beyond it, so that a plugin that writes
    /// enough pushes them out. Default 0: all of them.
    keep: Option<u32>,
}

impl JournalSection {
    pub(super) fn checked(self, plugin_dir: &Path) -> Result<JournalGrant, String> {
        let plain = (1..=128).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !self.name.starts_with('.');
        if !plain {
            return Err(format!("grants.journal.name = {:?} is not a plain file name", self.name));
        }
        let max_file = self.max_file.map_or(DEFAULT_FILE, |size| size.0);
        let keep = self.keep.unwrap_or(DEFAULT_KEEP);
        Ok(JournalGrant {
            dir: plugin_dir.join(self.dir),
            name: self.name,
            max_file: within("grants.journal.max_file", max_file, MIN_FILE, MAX_FILE, show_size)?,
            keep: within("grants.journal.keep", keep, 0, MAX_KEEP, |n| n.to_string())?,
        })
    }
}
