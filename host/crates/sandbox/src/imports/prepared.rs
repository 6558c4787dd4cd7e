//! `chancery:host/prepared`: what `prepare` returned for this generation.

use super::{size, slice};
use crate::bindings::host::prepared::Host;
use crate::guest::Guest;

impl Host for Guest {
    fn size(&mut self) -> wasmtime::Result<u64> {
        Ok(size(&self.world.prepared))
    }

    fn read(&mut self, offset: u64, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(slice(&self.world.prepared, offset, len))
    }
}
