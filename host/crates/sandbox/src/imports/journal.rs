//! `chancery:host/journal`: an append-only file whose place and name are the operator's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use crate::bindings::host::journal::{Host, JournalError};
use crate::cache::flags;
use crate::grant::JournalGrant;
use crate::guest::Guest;
use crate::imports::size;

/// Bytes of one `append`; part of the contract in `wit/`.
const MAX_APPEND: u64 = 1 << 20;

/// Names that a rotation tries.
const MAX_ATTEMPTS: u64 = 10_000;

/// One journal. Its file is opened for each use: an operator may move it away at any moment.
#[derive(Debug)]
pub(crate) struct Journal {
    grant: JournalGrant,
    /// One writer at a time, so that a rotation never falls between a check and a write.
    writing: Mutex<()>,
}

impl Host for Guest {
    async fn append(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Result<(), JournalError>> {
        Ok(self.with_journal(move |journal| journal.append(&bytes)).await)
    }

    async fn size(&mut self) -> wasmtime::Result<Result<u64, JournalError>> {
        Ok(self.with_journal(|journal| Ok(journal.stat()?.map_or(0, |(bytes, _)| bytes))).await)
    }

    async fn begun_at(&mut self) -> wasmtime::Result<Result<Option<u64>, JournalError>> {
        let clock = self.world.clock.clone();
        Ok(self.with_journal(move |journal| Ok(journal.stat()?.map(|(_, begun)| unix_ms(clock.made(begun))))).await)
    }

    async fn rotate(&mut self) -> wasmtime::Result<Result<(), JournalError>> {
        let now_ms = unix_ms(self.world.clock.now());
        Ok(self.with_journal(move |journal| journal.rotate(now_ms)).await)
    }
}

impl Guest {
    /// Waiting for a disk is nothing for a thread that serves requests.
    async fn with_journal<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.count_operation().map_err(JournalError::Unavailable)?;
        // Linked only where it is granted.
        let journal = self.world.capabilities.journal.clone();
        let journal = journal.ok_or_else(|| JournalError::Unavailable("not granted".to_owned()))?;
        let done = self.cpu.during(tokio::task::spawn_blocking(move || work(&journal))).await;
        done.unwrap_or_else(|error| Err(JournalError::Unavailable(error.to_string())))
    }
}

impl Journal {
    /// Makes the directory, and checks that the file can be written.
    pub(crate) fn open(grant: &JournalGrant) -> Result<Self, String> {
        let show = |error: io::Error| format!("cannot write {}: {error}", grant.dir.join(&grant.name).display());
        DirBuilder::new().recursive(true).mode(0o700).create(&grant.dir).map_err(show)?;
        let journal = Self { grant: grant.clone(), writing: Mutex::new(()) };
        journal.file().map_err(show)?;
        Ok(journal)
    }

    fn path(&self) -> PathBuf {
        self.grant.dir.join(&self.grant.name)
    }

    /// A symbolic link under the name could lead anywhere, and a pipe would block.
    fn file(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true) // by us alone: see `torn`
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(self.path())?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(file)
    }

    fn append(&self, bytes: &[u8]) -> Result<(), JournalError> {
        let added = size(bytes);
        if added > MAX_APPEND {
            return Err(JournalError::Unavailable(format!("{added} bytes at once, the limit is {MAX_APPEND}")));
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.file().map_err(unavailable)?;
        let before = file.metadata().map_err(unavailable)?.len();
        let torn = torn(&file, before).map_err(unavailable)?;
        if before.saturating_add(added).saturating_add(u64::from(torn)) > self.grant.max_file {
            return Err(JournalError::Full(self.grant.max_file));
        }
        let end = if torn { file.write_all(b"\n") } else { Ok(()) };
        let written = end.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_data());
        // A new file is on disk when its directory names it.
        let named = || if before == 0 { sync_directory(&self.grant.dir) } else { Ok(()) };
        let written = written.and_then(|()| named());
        written.map_err(|error| {
            // What is there by half would run into the next line.
            let _ = file.set_len(before);
            unavailable(error)
        })
    }

    /// Bytes and beginning of the file in use; `None` while it is empty.
    fn stat(&self) -> Result<Option<(u64, SystemTime)>, JournalError> {
        let metadata = self.file().and_then(|file| file.metadata()).map_err(unavailable)?;
        if metadata.len() == 0 {
            return Ok(None);
        }
        let begun = metadata.created().or_else(|_| metadata.modified()).map_err(unavailable)?;
        Ok(Some((metadata.len(), begun)))
    }

    fn rotate(&self, now_ms: u64) -> Result<(), JournalError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stat()?.is_none() {
            return Ok(());
        }
        // Rotations within one millisecond take the next ones.
        let names = (0..MAX_ATTEMPTS).map(|later| self.rotated(now_ms.saturating_add(later)));
        let target = names.into_iter().find(|path| !path.exists());
        let target = target.ok_or_else(|| JournalError::Unavailable("no name is free".to_owned()))?;
        fs::rename(self.path(), target).and_then(|()| sync_directory(&self.grant.dir)).map_err(unavailable)?;
        self.prune().map_err(unavailable)
    }

    /// Milliseconds in 13 digits, so that names sort by time.
    fn rotated(&self, ms: u64) -> PathBuf {
        self.grant.dir.join(format!("{}.{ms:013}", self.grant.name))
    }

    /// Removes the oldest files beyond `keep`.
    fn prune(&self) -> io::Result<()> {
        let keep = usize::try_from(self.grant.keep).unwrap_or(usize::MAX);
        if keep == 0 {
            return Ok(());
        }
        let mut old = Vec::new();
        for entry in fs::read_dir(&self.grant.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let suffix = name.to_str().and_then(|n| n.strip_prefix(&self.grant.name)?.strip_prefix('.'));
            if suffix.is_some_and(|suffix| suffix.len() == 13 && suffix.bytes().all(|b| b.is_ascii_digit())) {
                old.push(entry.path());
            }
        }
        old.sort();
        let excess = old.len().saturating_sub(keep);
        old.iter().take(excess).try_for_each(fs::remove_file)
    }
}

/// Whether a crash cut the last line off: what follows must not become a part of it.
fn torn(file: &File, len: u64) -> io::Result<bool> {
    let Some(last) = len.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn unavailable(error: io::Error) -> JournalError {
    JournalError::Unavailable(error.to_string())
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(dir: &Path, max_file: u64, keep: u32) -> Journal {
        let grant = JournalGrant { dir: dir.join("audit"), name: "a.jsonl".to_owned(), max_file, keep };
        Journal::open(&grant).unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir.join("audit")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn rotation_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(dir.path(), 10, 2);
        journal.rotate(1).unwrap();
        assert_eq!(names(dir.path()), ["a.jsonl"]);
        for ms in [5, 5, 7] {
            journal.append(b"12345678").unwrap();
            assert!(matches!(journal.append(b"123"), Err(JournalError::Full(10))));
            journal.rotate(ms).unwrap();
        }
        assert_eq!(names(dir.path()), ["a.jsonl.0000000000006", "a.jsonl.0000000000007"]);
        assert!(journal.stat().unwrap().is_none());
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_ended_first() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(dir.path(), 100, 0);
        for line in ["one\n", "tw", "three\n", "four\n"] {
            journal.append(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(journal.path()).unwrap(), "one\ntw\nthree\nfour\n");
    }

    #[test]
    fn a_link_in_place_of_the_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(dir.path(), 100, 0);
        fs::remove_file(journal.path()).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), journal.path()).unwrap();
        assert!(matches!(journal.append(b"x"), Err(JournalError::Unavailable(_))));
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn other_files_in_the_directory_stay() {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(dir.path(), 100, 1);
        fs::write(dir.path().join("audit/a.jsonl.keep"), "x").unwrap();
        for ms in [1, 2, 3] {
            journal.append(b"x").unwrap();
            journal.rotate(ms).unwrap();
        }
        assert_eq!(names(dir.path()), ["a.jsonl.0000000000003", "a.jsonl.keep"]);
    }
}
