//! Plugins that `cargo xtask plugins` builds.

use std::path::{Path, PathBuf};

pub(crate) fn built(name: &str) -> Vec<u8> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/plugins");
    let dir = std::env::var_os("CHANCERY_TEST_PLUGINS").map_or(default, PathBuf::from);
    let path = dir.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins` first", path.display()))
}
