//! Real components for any world, without a guest toolchain: every function of theirs traps.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// The folder of a contract package, `host` or `plugin`.
pub(crate) fn wit(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit").join(package)
}

/// A component for the world `test:dummy/plugin`, which is made of these lines of WIT.
pub(crate) fn component(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(wit("host")).unwrap();
    resolve.push_dir(wit("plugin")).unwrap();
    let text = format!("package test:dummy;\nworld plugin {{\n{world}\n}}\n");
    let package = resolve.push_str("dummy.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(&resolve, world, mangling);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// A data provider that asks for nothing.
pub(crate) fn data_provider() -> Vec<u8> {
    component("include chancery:plugin/data-provider-plugin@0.1.0;")
}
