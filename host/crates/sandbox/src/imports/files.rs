//! `chancery:host/files`: snapshots of the granted files.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::{size, slice};
use crate::bindings::host::files::{FileError, Host, HostFile};
use crate::guest::Guest;

/// One opened file; all openings share the snapshot.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct File(Arc<[u8]>);

impl Host for Guest {
    fn open(&mut self, path: String) -> wasmtime::Result<Result<Resource<File>, FileError>> {
        let Some(content) = self.world.files.get(&path) else {
            let granted = self.world.files.keys().cloned().collect();
            return Ok(Err(FileError::NotGranted(granted)));
        };
        let file = File(content.clone());
        Ok(Ok(self.table.push(file)?))
    }
}

impl HostFile for Guest {
    fn size(&mut self, file: Resource<File>) -> wasmtime::Result<u64> {
        Ok(size(&self.table.get(&file)?.0))
    }

    fn read(&mut self, file: Resource<File>, offset: u64, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(slice(&self.table.get(&file)?.0, offset, len))
    }

    fn drop(&mut self, file: Resource<File>) -> wasmtime::Result<()> {
        self.table.delete(file)?;
        Ok(())
    }
}
