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
    /// The call that made it is over.
    over: bool,
}

impl Blob {
    /// Lets the content go, while the plugin still has the handle.
    pub(crate) fn end(&mut self) {
        *self = Self { media_type: String::new(), content: Vec::new(), over: true };
    }

    /// Takes a blob out of the sandbox.
    pub(crate) fn take(guest: &mut Guest, blob: Resource<Self>) -> wasmtime::Result<Self> {
        let blob = guest.table.delete(blob)?;
        if blob.over { Err(over()) } else { Ok(blob) }
    }

    fn get(guest: &mut Guest, blob: Resource<Self>) -> wasmtime::Result<&mut Self> {
        let blob = guest.table.get_mut(&blob)?;
        if blob.over { Err(over()) } else { Ok(blob) }
    }
}

/// Blobs are kept for the length of a call, in a sandbox of several calls too.
fn over() -> wasmtime::Error {
    wasmtime::Error::msg("the blob belongs to an earlier call")
}

impl Host for Guest {}

impl HostBlob for Guest {
    fn new(&mut self, media_type: String) -> wasmtime::Result<Resource<Blob>> {
        // A copy: a text that is cut keeps the memory of the whole.
        let media_type = cut(&media_type, MAX_MEDIA_TYPE).to_owned();
        Ok(self.table.push(Blob { media_type, content: Vec::new(), over: false })?)
    }

    fn media_type(&mut self, blob: Resource<Blob>) -> wasmtime::Result<String> {
        Ok(Blob::get(self, blob)?.media_type.clone())
    }

    fn append(&mut self, blob: Resource<Blob>, chunk: Vec<u8>) -> wasmtime::Result<Result<(), BlobError>> {
        let Some(left) = self.blob_bytes_left.checked_sub(size(&chunk)) else {
            return Ok(Err(BlobError::TooLarge(self.blob_bytes_limit)));
        };
        Blob::get(self, blob)?.content.extend_from_slice(&chunk);
        self.blob_bytes_left = left;
        Ok(Ok(()))
    }

    fn size(&mut self, blob: Resource<Blob>) -> wasmtime::Result<u64> {
        Ok(size(&Blob::get(self, blob)?.content))
    }

    fn read(&mut self, blob: Resource<Blob>, offset: u64, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(slice(&Blob::get(self, blob)?.content, offset, len))
    }

    /// Also after its call: languages that collect their garbage drop handles when they get round to it.
    fn drop(&mut self, blob: Resource<Blob>) -> wasmtime::Result<()> {
        let blob = self.table.delete(blob)?;
        self.blob_bytes_left += size(&blob.content);
        Ok(())
    }
}
