//! Core modules as components.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::build::BuildError;

/// Makes a component of a core module that carries its world. What it uses of WASI preview 1 becomes WASI 0.2.
pub(crate) fn encode(core: &[u8]) -> Result<Vec<u8>, BuildError> {
    let encoder = ComponentEncoder::default().module(core).and_then(|encoder| {
        // A module that imports nothing of it gets nothing of it.
        encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
    });
    encoder
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| BuildError::Component(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_a_world_is_a_component_without_exports() {
        let component = encode(b"\0asm\x01\0\0\0").unwrap();
        assert!(wasmparser::Parser::is_component(&component));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        let error = encode(b"not wasm").unwrap_err().to_string();
        assert!(error.starts_with("the core module does not become a component: "), "{error}");
    }

    #[test]
    fn an_import_that_nobody_knows_is_named() {
        let core = wat::parse_str(r#"(module (import "env" "mystery" (func)))"#).unwrap();
        let error = encode(&core).unwrap_err().to_string();
        assert!(error.contains("mystery") || error.contains("env"), "{error}");
    }
}
