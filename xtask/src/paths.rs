//! Where things are in this repository.

use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Everything that tasks build or unpack. Independent of `CARGO_TARGET_DIR`, so that tests and
/// people find the plugins in one place.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// The built plugins: `<name>.wasm` each.
pub(crate) fn built_plugins() -> PathBuf {
    target().join("plugins")
}
