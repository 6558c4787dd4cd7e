//! The interfaces of `chancery:host`, one module each. What is here is what may be linked.

pub(crate) mod blobs;
mod config;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod journal;
mod kv;
pub(crate) mod log;
mod prepared;
pub(crate) mod secrets;
mod sign;
mod sql;
mod trace;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::host;
use crate::contract::Capability;
use crate::guest::Guest;

/// Bytes that one `read` gives; part of the contract in `wit/`.
const MAX_READ: u32 = 1 << 20;

/// Links what every plugin gets without a grant.
pub(crate) fn add_base_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    host::log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    host::config::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    host::trace::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    host::blobs::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    host::prepared::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// Links what one capability consists of.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>, capability: Capability) -> wasmtime::Result<()> {
    match capability {
        Capability::Files => host::files::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
        Capability::Http => wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker),
        Capability::Journal => host::journal::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
        Capability::Kv => host::kv::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
        Capability::Reveal => host::reveal::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
        Capability::Secrets => host::secrets::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
        Capability::Sign => host::sign::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
        Capability::Sql => host::sql::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
    }
}

/// The part of `bytes` that a guest asked for: never beyond the end, never more than [`MAX_READ`].
fn slice(bytes: &[u8], offset: u64, len: u32) -> Vec<u8> {
    let start = usize::try_from(offset).map_or(bytes.len(), |start| start.min(bytes.len()));
    let len = usize::try_from(len.min(MAX_READ)).unwrap_or(0);
    let end = start.saturating_add(len).min(bytes.len());
    bytes[start..end].to_vec()
}

/// A length as the contract counts it.
fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stay_inside() {
        let bytes = [1, 2, 3, 4];
        assert_eq!(slice(&bytes, 1, 2), [2, 3]);
        assert_eq!(slice(&bytes, 2, 100), [3, 4]);
        assert!(slice(&bytes, 4, 1).is_empty());
        assert!(slice(&bytes, u64::MAX, u32::MAX).is_empty());
        assert!(slice(&bytes, 0, 0).is_empty());
        let large = vec![0; (MAX_READ as usize) + 1];
        assert_eq!(slice(&large, 0, u32::MAX).len(), MAX_READ as usize);
    }
}
