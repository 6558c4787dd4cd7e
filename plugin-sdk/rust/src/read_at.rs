//! Bytes that are read from anywhere: what files and the prepared index have in common.

use std::io;

/// The most that the host gives in one read.
pub const MAX_READ: u32 = 1024 * 1024;

/// Immutable bytes on the host's side. A slice is one too, so that code over it is testable
/// without a host.
pub trait ReadAt {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Up to `len` bytes from `offset`, at most [`MAX_READ`]; fewer at the end, none beyond it.
    fn read_at(&self, offset: u64, len: u32) -> Vec<u8>;

    /// Exactly `len` bytes from `offset`, in as many reads as it takes; `None` when the bytes end
    /// before that.
    fn read_exact_at(&self, offset: u64, len: u32) -> Option<Vec<u8>> {
        let end = offset.checked_add(len.into())?;
        if end > self.size() {
            return None;
        }
        let mut bytes = self.read_at(offset, len.min(MAX_READ));
        while (bytes.len() as u64) < u64::from(len) {
            let at = offset + bytes.len() as u64;
            let wanted = u32::try_from(end - at).unwrap_or(MAX_READ).min(MAX_READ);
            let more = self.read_at(at, wanted);
            if more.is_empty() {
                return None;
            }
            bytes.extend_from_slice(&more);
        }
        Some(bytes)
    }

    /// Reads everything from `offset` on, in large steps.
    fn reader_at(&self, offset: u64) -> Reader<'_, Self> {
        Reader { source: self, offset, chunk: Vec::new(), taken: 0 }
    }
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, len: u32) -> Vec<u8> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let len = len.min(MAX_READ) as usize;
        self[start..self.len().min(start.saturating_add(len))].to_vec()
    }
}

/// Reads a [`ReadAt`] in order, up to its end; never fails.
#[derive(Debug)]
pub struct Reader<'a, S: ?Sized> {
    source: &'a S,
    offset: u64,
    chunk: Vec<u8>,
    taken: usize,
}

impl<S: ReadAt + ?Sized> Reader<'_, S> {
    /// What comes next; empty at the end.
    pub fn peek(&mut self) -> &[u8] {
        if self.taken == self.chunk.len() {
            self.chunk = self.source.read_at(self.offset, MAX_READ);
            self.offset += self.chunk.len() as u64;
            self.taken = 0;
        }
        &self.chunk[self.taken..]
    }

    /// Goes past the first `bytes` of what [`peek`](Self::peek) gave.
    pub fn advance(&mut self, bytes: usize) {
        self.taken = self.chunk.len().min(self.taken.saturating_add(bytes));
    }
}

impl<S: ReadAt + ?Sized> io::BufRead for Reader<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.peek())
    }

    fn consume(&mut self, amount: usize) {
        self.advance(amount);
    }
}

impl<S: ReadAt + ?Sized> io::Read for Reader<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.peek();
        let len = available.len().min(into.len());
        into[..len].copy_from_slice(&available[..len]);
        self.advance(len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn reads_stop_at_the_end() {
        let bytes: &[u8] = b"abcdef";
        assert_eq!(bytes.read_at(2, 3), b"cde");
        assert_eq!(bytes.read_at(4, 100), b"ef");
        assert_eq!(bytes.read_at(6, 1), b"");
        assert_eq!(bytes.read_at(u64::MAX, u32::MAX), b"");
        assert_eq!(bytes.read_exact_at(0, 6).unwrap(), b"abcdef");
        assert_eq!(bytes.read_exact_at(1, 6), None);
        assert_eq!(bytes.read_exact_at(u64::MAX, 2), None);
    }

    #[test]
    fn long_reads_take_several_steps() {
        let len = 3 * MAX_READ as usize + 17;
        let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
        let len = u32::try_from(bytes.len()).unwrap();
        assert_eq!(bytes.read_at(0, len).len(), MAX_READ as usize);
        assert_eq!(bytes.read_exact_at(0, len).unwrap(), bytes);
        let mut all = Vec::new();
        bytes.reader_at(0).read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes);
        all.clear();
        bytes.reader_at(u64::from(MAX_READ) + 1).read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes[MAX_READ as usize + 1..]);
    }
}
