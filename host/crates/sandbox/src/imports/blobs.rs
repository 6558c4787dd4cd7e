//! `chancery:host/blobs`: bytes kept on the host's side for the length of a call.

use wasmtime::component::Resource;

use super::{size, slice};
use crate::bindings::host::blobs::{BlobError, Host, HostBlob};
use crate::guest::Guest;
use crate::text::cut;

/// Bytes of a media type; part of the contract in `wit/`.
const MAX_MEDIA_TYPE: usize = 255;

/// A growing run of bytes.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Blob {
    pub(crate) media_type: String,
    pub(crate) content: Vec<u8>,
}

impl Host for Guest {}

impl HostBlob for Guest {
    fn new(&mut self, media_type: String) -> wasmtime::Result<Resource<Blob>> {
        // A copy: a text that is cut keeps the memory of the whole.
        let media_type = cut(&media_type, MAX_MEDIA_TYPE).to_owned();
        let content = Vec::new();
        Ok(self.table.push(Blob { media_type, content })?)
    }

    fn media_type(&mut self, blob: Resource<Blob>) -> wasmtime::Result<String> {
        Ok(self.table.get(&blob)?.media_type.clone())
    }

    fn append(&mut self, blob: Resource<Blob>, chunk: Vec<u8>) -> wasmtime::Result<Result<(), BlobError>> {
        let Some(left) = self.blob_bytes_left.checked_sub(size(&chunk)) else {
            return Ok(Err(BlobError::TooLarge(self.blob_bytes_limit)));
        };
        self.table.get_mut(&blob)?.content.extend_from_slice(&chunk);
        self.blob_bytes_left = left;
        Ok(Ok(()))
    }

    fn size(&mut self, blob: Resource<Blob>) -> wasmtime::Result<u64> {
        Ok(size(&self.table.get(&blob)?.content))
    }

    fn read(&mut self, blob: Resource<Blob>, offset: u64, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(slice(&self.table.get(&blob)?.content, offset, len))
    }

    fn drop(&mut self, blob: Resource<Blob>) -> wasmtime::Result<()> {
        let blob = self.table.delete(blob)?;
        self.blob_bytes_left += size(&blob.content);
        Ok(())
    }
}
