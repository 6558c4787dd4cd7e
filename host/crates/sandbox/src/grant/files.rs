//! `[[grants.files]]`: files that a plugin may read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

/// How many files one grant may name.
const MAX_FILES: usize = 32;

/// One granted file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileGrant {
    /// Where it is; absolute, or resolved against the plugin directory.
    pub(crate) host: PathBuf,
    /// The path under which the plugin opens it.
    pub(crate) guest: String,
}

/// A file that the plugin may read (`chancery:host/files`). Every call reads the content of the
/// moment when the plugin was activated; a changed file activates it anew.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct FileSection {
    /// Where it is: in the plugin directory, or an absolute path.
    host: PathBuf,
    /// The path under which the plugin opens it. Begins with `/`.
    guest: String,
}

pub(super) fn checked(files: Vec<FileSection>, plugin_dir: &Path) -> Result<Vec<FileGrant>, String> {
    if files.len() > MAX_FILES {
        return Err(format!("grants.files has more than {MAX_FILES} entries"));
    }
    let mut seen = BTreeSet::new();
    let mut checked = Vec::with_capacity(files.len());
    for file in files {
        if !file.guest.starts_with('/') {
            return Err(format!("grants.files: guest = {:?} must begin with \"/\"", file.guest));
        }
        if file.host.as_os_str().is_empty() {
            return Err("grants.files: host must not be empty".to_owned());
        }
        if !seen.insert(file.guest.clone()) {
            return Err(format!("grants.files: guest = {:?} stands twice", file.guest));
        }
        checked.push(FileGrant { host: plugin_dir.join(file.host), guest: file.guest });
    }
    Ok(checked)
}
