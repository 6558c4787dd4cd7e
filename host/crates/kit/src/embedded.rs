//! The files that come with the binary: SDKs, templates, toolchain locks and the WIT contract.

/// Paths from the repository's root (`plugin-sdk/…`, `wit/host/…`, `wit/plugin/…`), sorted, and contents.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// One file.
pub(crate) fn file(path: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, content)| *content)
}

/// The files of a folder, by their paths inside it.
pub(crate) fn folder(path: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> + use<> {
    let prefix = format!("{path}/");
    FILES.iter().filter_map(move |(name, content)| Some((name.strip_prefix(&prefix)?, *content)))
}
