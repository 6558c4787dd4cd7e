//! Read-only files that the operator granted with `[[grants.files]]` (feature `files`).
//!
//! A file is a snapshot: every call of a generation reads the same bytes. When the file changes on
//! disk, the host prepares a new generation.

use crate::{Error, ReadAt, bindings::files::chancery::host::files};

/// One granted file.
#[derive(Debug)]
pub struct File(files::File);

/// Opens a file by its guest path, compared byte for byte with `guest` of the grant.
///
/// # Errors
/// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) when no such file is granted; the
/// detail lists those that are.
pub fn open(path: &str) -> Result<File, Error> {
    files::open(path).map(File).map_err(|files::FileError::NotGranted(granted)| {
        let granted = if granted.is_empty() { "none".to_owned() } else { granted.join(", ") };
        Error::misconfigured("The data file is not available.").with_detail(format!(
            "no file is granted as \"{path}\" (granted: {granted}); \
             add [[grants.files]] with guest = \"{path}\" to the grant file"
        ))
    })
}

/// The whole of a granted file, where it is small enough to be held in memory.
///
/// # Errors
/// As for [`open`].
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    let mut reader = file.reader_at(0);
    while let taken @ 1.. = reader.peek().len() {
        bytes.extend_from_slice(reader.peek());
        reader.advance(taken);
    }
    Ok(bytes)
}

impl ReadAt for File {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, len: u32) -> Vec<u8> {
        self.0.read(offset, len)
    }
}
