//! The plugin directory: what is there, whether it changed, and what it holds.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use crate::archive::Files;
use crate::cache::flags;
use crate::compile::MAX_WASM_BYTES;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::quantity::show_size;

/// A grant file may be this large, and a signature.
pub(crate) const MAX_GRANT_BYTES: u64 = 256 << 10;
pub(crate) const MAX_SIGNATURE_BYTES: u64 = 16 << 10;

/// Tells whether anything that a generation is made of may have changed since the last look. Equal
/// fingerprints are no proof of equal content; what decides is the digest, once it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    component: Stamp,
    grant: Option<Stamp>,
    signature: Option<Stamp>,
    /// In the order of the grant file; `None` where a granted file is missing.
    files: Vec<Option<Stamp>>,
}

/// One file as the file system describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: (u64, u64),
}

impl Fingerprint {
    /// Whether every file was left alone for this long: then there is nothing to wait for.
    pub(crate) fn is_quiet(&self, for_long: Duration) -> bool {
        let Ok(now) = file_time().duration_since(UNIX_EPOCH) else { return false };
        let Some(before) = now.checked_sub(for_long) else { return false };
        let stamps = [Some(&self.component), self.grant.as_ref(), self.signature.as_ref()].into_iter().flatten();
        let mut stamps = stamps.chain(self.files.iter().flatten());
        stamps.all(|stamp| [stamp.modified, stamp.changed].iter().all(|time| is_before(*time, before)))
    }
}

/// Seconds and nanoseconds since 1970.
fn is_before((seconds, nanoseconds): (i64, i64), moment: Duration) -> bool {
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else { return false };
    Duration::new(seconds, nanoseconds) < moment
}

/// Every plugin in the directory, by name. Hidden files are ignored: editors and copiers make them.
pub(crate) fn look(dir: &Path, ceilings: &Limits) -> io::Result<BTreeMap<String, Fingerprint>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let file_name = entry?.file_name();
        let Some(name) = file_name.to_str().and_then(|n| n.strip_suffix(".wasm")) else {
            continue;
        };
        if name.is_empty() || name.starts_with('.') {
            continue;
        }
        // Gone between listing and looking: the next look will not see it either.
        if let Some(component) = stamp(&component_path(dir, name)) {
            let grant = grant_path(dir, name);
            let fingerprint = Fingerprint {
                component,
                files: granted_stamps(&grant, dir, ceilings),
                grant: stamp(&grant),
                signature: stamp(&signature_path(dir, name)),
            };
            found.insert(name.to_owned(), fingerprint);
        }
    }
    Ok(found)
}

/// The time that files are named and dated by.
pub(crate) fn file_time() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "no decision about credentials rests on it")]
    SystemTime::now()
}

/// Where the component of a plugin is.
pub(crate) fn component_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.wasm"))
}

/// Where the grant file of a plugin is.
pub(crate) fn grant_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.toml"))
}

/// Where the signature of a component is.
pub(crate) fn signature_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.wasm.sig"))
}

/// Refuses a symbolic link that leads out of the plugin directory. Links inside are how some
/// deployment tools swap whole directories.
pub(crate) fn check_inside(dir: &Path, path: &Path) -> Result<(), String> {
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    if real(path)?.starts_with(real(dir)?) {
        return Ok(());
    }
    Err(format!("{} is a link that leads out of the plugin directory", path.display()))
}

/// The content of a regular file of at most `limit` bytes. The error is for the operator and names
/// the file and, where `limit` is the matter, its `limit_name`.
pub(crate) fn read_regular(path: &Path, limit: u64, limit_name: &str) -> Result<Vec<u8>, String> {
    let fail = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let file = OpenOptions::new()
        .read(true)
        // A pipe under the name must not block the server.
        .custom_flags(flags(OFlags::NONBLOCK))
        .open(path)
        .map_err(|error| fail(&error))?;
    if !file.metadata().map_err(|error| fail(&error))?.is_file() {
        return Err(fail(&"it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    let read = read.map_err(|error| fail(&error))?;
    if u64::try_from(read).is_ok_and(|read| read > limit) {
        let limit = show_size(limit);
        return Err(fail(&format!("it is larger than {limit} ({limit_name})")));
    }
    Ok(bytes)
}

/// All files of a plugin. `links_out` tells whether symbolic links may lead out of the directory.
pub(crate) fn read_plugin(dir: &Path, name: &str, links_out: bool) -> Result<Files, String> {
    let read = |path: &Path, limit, limit_name| {
        if !links_out {
            check_inside(dir, path)?;
        }
        read_regular(path, limit, limit_name)
    };
    let wasm = read(&component_path(dir, name), MAX_WASM_BYTES, "the most a component may have")?;
    let (grant, signature) = (grant_path(dir, name), signature_path(dir, name));
    let text = if grant.exists() { read(&grant, MAX_GRANT_BYTES, "grant file")? } else { Vec::new() };
    let text = String::from_utf8(text).map_err(|_| format!("{} is not UTF-8 text", grant.display()))?;
    let signature = signature.exists().then(|| read(&signature, MAX_SIGNATURE_BYTES, "signature")).transpose()?;
    Ok(Files { wasm, grant: text, signature })
}

fn granted_stamps(grant: &Path, dir: &Path, ceilings: &Limits) -> Vec<Option<Stamp>> {
    // A grant file that does not parse is reported when it is loaded, not here.
    let text = read_regular(grant, MAX_GRANT_BYTES, "grant file").unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let grant = Grant::parse(&text, dir, ceilings);
    let stamps = |grant: Grant| {
        grant.files.iter().map(|file| &file.host).chain(grant.attached()).map(|path| stamp(path)).collect()
    };
    grant.map_or_else(|_| Vec::new(), stamps)
}

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        look(dir, &Limits::ceilings()).unwrap().into_keys().collect()
    }

    #[test]
    fn only_components_count() {
        let dir = tempfile::tempdir().unwrap();
        for file in [".hidden.wasm", ".wasm", "a.wasm", "a.toml", "b.wasm.tmp", "c.txt", "d.wasm"] {
            fs::write(dir.path().join(file), "x").unwrap();
        }
        assert_eq!(names(dir.path()), ["a", "d"]);
    }

    #[test]
    fn every_part_of_a_generation_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).unwrap();
        let seen = || look(dir.path(), &Limits::ceilings()).unwrap().remove("a").unwrap();
        write("a.wasm", "x");
        let bare = seen();
        assert_eq!(bare, seen());
        write("a.toml", "[[grants.files]]\nhost = \"data.csv\"\nguest = \"/data.csv\"");
        let granted = seen();
        assert_ne!(bare, granted);
        write("data.csv", "1");
        let filled = seen();
        assert_ne!(granted, filled);
        write("data.csv", "12");
        assert_ne!(filled, seen());
    }

    #[test]
    fn only_regular_files_of_the_right_size_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, "1234").unwrap();
        assert_eq!(read_regular(&file, 4, "x").unwrap(), b"1234");
        let error = read_regular(&file, 3, "limits.file").unwrap_err();
        assert!(error.contains("larger than 3B (limits.file)"), "{error}");
        let error = read_regular(dir.path(), 3, "x").unwrap_err();
        assert!(error.contains("not a regular file"), "{error}");
        let error = read_regular(&dir.path().join("none"), 3, "x").unwrap_err();
        assert!(error.contains("none"), "{error}");
    }

    #[test]
    fn a_pipe_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("p");
        let status = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(status.unwrap().success());
        let error = read_regular(&pipe, 3, "x").unwrap_err();
        assert!(error.contains("not a regular file"), "{error}");
    }
}
