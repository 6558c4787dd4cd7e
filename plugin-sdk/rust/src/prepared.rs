//! What [`Plugin::prepare`] returned for this generation: an immutable index or table.
//!
//! A call can rely on nothing that an earlier one left in the plugin's own memory: by default its
//! sandbox is fresh. What is costly to build and the same for every subject is built once in `prepare`
//! and read here.
//!
//! [`Plugin::prepare`]: crate::Plugin::prepare

use crate::{ReadAt, bindings::chancery::host::prepared};

/// The prepared bytes. Empty before `prepare` has returned and where it returned nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prepared;

impl ReadAt for Prepared {
    fn size(&self) -> u64 {
        prepared::size()
    }

    fn read_at(&self, offset: u64, len: u32) -> Vec<u8> {
        prepared::read(offset, len)
    }
}
