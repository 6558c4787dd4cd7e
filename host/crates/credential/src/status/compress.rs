//! Compression of bits, and its reversal within bounds. Alone names flate2.

use std::io::{Read as _, Write as _};

use flate2::bufread::GzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Decompress, FlushDecompress, Status};

use super::StatusError;

/// For what verifiers fetch: the best level takes ten times as long and saves a tenth.
pub(super) const PUBLISHED: Compression = Compression::new(6);
/// For what only this server reads.
pub(super) const STORED: Compression = Compression::fast();

/// GZIP (RFC 1952) without a time or a name in its header: equal bits give equal bytes.
pub(super) fn gzip(bytes: &[u8], level: Compression) -> Result<Vec<u8>, StatusError> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|_| StatusError::Compression)
}

/// ZLIB (RFC 1950).
pub(super) fn zlib(bytes: &[u8], level: Compression) -> Result<Vec<u8>, StatusError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|_| StatusError::Compression)
}

/// The content of one whole GZIP member, if it has at most `max` bytes.
pub(super) fn gunzip(mut bytes: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    // One byte more than may be there: it tells, and reading on to the end is what checks the sum.
    GzDecoder::new(&mut bytes).take(max as u64 + 1).read_to_end(&mut content).ok()?;
    (content.len() <= max && bytes.is_empty()).then_some(content)
}

/// The content of one whole ZLIB stream, if it has at most `max` bytes.
pub(super) fn unzlib(bytes: &[u8], max: usize) -> Option<Vec<u8>> {
    // Not by flate2's reader, which takes a stream that is cut short for one that has ended.
    let mut content = Vec::with_capacity(max + 1);
    let mut stream = Decompress::new(true);
    let status = stream.decompress_vec(bytes, &mut content, FlushDecompress::Finish).ok()?;
    let is_whole = status == Status::StreamEnd && stream.total_in() == bytes.len() as u64;
    (is_whole && content.len() <= max).then_some(content)
}
