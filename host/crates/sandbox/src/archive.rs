//! The last releases of each plugin, to go back to. A release is a component with its grant file;
//! granted files are not kept, since data does not go back.
//!
//! What is read from here goes through the same checks as what is read from the plugin directory.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::compile::MAX_WASM_BYTES;
use crate::directory::{MAX_GRANT_BYTES, MAX_SIGNATURE_BYTES, file_time, read_regular};

/// Releases that are kept of each plugin, the one in service included.
const KEEP: usize = 4;

/// The files of one plugin, as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) wasm: Vec<u8>,
    pub(crate) grant: String,
    pub(crate) signature: Option<Vec<u8>>,
}

/// Why a release cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("no releases are kept here")]
    NotKept,
    #[error("{0}")]
    Unreadable(String),
}

/// The directory with the releases.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// Absent where nobody goes back: nothing is kept then.
    dir: Option<PathBuf>,
}

impl Archive {
    pub(crate) fn new(cache_dir: &Path) -> Self {
        Self { dir: Some(cache_dir.join("releases")) }
    }

    /// Keeps nothing.
    pub(crate) fn none() -> Self {
        Self { dir: None }
    }

    /// Keeps a release as the newest one. Failure costs the way back to it and nothing else.
    pub(crate) fn put(&self, plugin: &str, release: &str, files: &Files) {
        let Some(dir) = self.of(plugin) else { return };
        if let Err(error) = write(&dir, release, files).and_then(|()| prune(&dir)) {
            let dir = dir.display();
            tracing::warn!(%dir, %error, plugin, "the release could not be kept: there will be no way back to it");
        }
    }

    pub(crate) fn get(&self, plugin: &str, release: &str) -> Result<Files, ArchiveError> {
        let dir = self.of(plugin).ok_or(ArchiveError::NotKept)?.join(release);
        Files::read(&dir).map_err(ArchiveError::Unreadable)
    }

    /// The releases of a plugin, newest first.
    pub(crate) fn list(&self, plugin: &str) -> Vec<String> {
        self.of(plugin).map(|dir| newest_first(&dir)).unwrap_or_default()
    }

    fn of(&self, plugin: &str) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(plugin))
    }
}

impl Files {
    fn read(dir: &Path) -> Result<Self, String> {
        let wasm = read_regular(&dir.join("plugin.wasm"), MAX_WASM_BYTES, "the most a component may have")?;
        let grant = read_regular(&dir.join("plugin.toml"), MAX_GRANT_BYTES, "grant file")?;
        let grant = String::from_utf8(grant).map_err(|_| "the grant file is not UTF-8 text".to_owned())?;
        let signature = dir.join("plugin.wasm.sig");
        let signature = signature.exists().then(|| read_regular(&signature, MAX_SIGNATURE_BYTES, "signature"));
        Ok(Self { wasm, grant, signature: signature.transpose()? })
    }
}

/// Writes a release below the folder of its plugin.
fn write(plugin: &Path, release: &str, files: &Files) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(plugin)?;
    let target = plugin.join(release);
    if target.exists() {
        // It was put into service again: the newest one.
        return fs::File::open(&target)?.set_modified(file_time());
    }
    let temporary = plugin.join(format!(".{release}"));
    if temporary.exists() {
        fs::remove_dir_all(&temporary)?;
    }
    DirBuilder::new().mode(0o700).create(&temporary)?;
    fs::write(temporary.join("plugin.wasm"), &files.wasm)?;
    fs::write(temporary.join("plugin.toml"), &files.grant)?;
    if let Some(signature) = &files.signature {
        fs::write(temporary.join("plugin.wasm.sig"), signature)?;
    }
    fs::rename(temporary, target)
}

fn prune(plugin: &Path) -> io::Result<()> {
    newest_first(plugin).iter().skip(KEEP).try_for_each(|release| fs::remove_dir_all(plugin.join(release)))
}

fn newest_first(plugin: &Path) -> Vec<String> {
    let mut releases = entries(plugin).unwrap_or_default();
    releases.sort_by(|a, b| b.cmp(a));
    releases.into_iter().map(|(_, release)| release).collect()
}

fn entries(plugin: &Path) -> io::Result<Vec<(SystemTime, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(plugin)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')) {
            found.push((entry.metadata()?.modified()?, name.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Files {
        Files { wasm: text.as_bytes().to_vec(), grant: text.to_owned(), signature: None }
    }

    #[test]
    fn the_newest_releases_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        assert!(archive.list("p").is_empty());
        for release in ["a", "b", "c", "d", "e"] {
            archive.put("p", release, &files(release));
        }
        assert_eq!(archive.list("p"), ["e", "d", "c", "b"]);
        archive.put("p", "b", &files("b"));
        assert_eq!(archive.list("p")[0], "b");
        assert_eq!(archive.get("p", "c").unwrap(), files("c"));
        assert!(archive.get("p", "a").is_err());
    }

    #[test]
    fn nothing_is_kept_where_nobody_goes_back() {
        let archive = Archive::none();
        archive.put("p", "a", &files("a"));
        assert!(archive.list("p").is_empty());
        assert!(matches!(archive.get("p", "a"), Err(ArchiveError::NotKept)));
    }

    #[test]
    fn a_write_that_broke_off_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        fs::create_dir_all(dir.path().join("releases/p/.a")).unwrap();
        assert!(archive.list("p").is_empty());
        archive.put("p", "a", &files("a"));
        assert_eq!(archive.list("p"), ["a"]);
    }
}
