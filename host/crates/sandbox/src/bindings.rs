//! Generated from `wit/`: the host's side of the contract.

/// The world that the host offers to data providers: theirs, and every capability that can be
/// granted to them. What one plugin really gets is decided when it is linked.
pub(crate) mod data_provider {
    wasmtime::component::bindgen!({
        path: ["../../../wit/host", "../../../wit/plugin"],
        inline: "
            package chancery:sandbox;
            world data-provider-host {
                include chancery:plugin/data-provider-plugin@0.1.0;
                import chancery:host/files@0.1.0;
            }
        ",
        world: "chancery:sandbox/data-provider-host",
        with: {
            "chancery:host/blobs.blob": crate::imports::blobs::Blob,
            "chancery:host/files.file": crate::imports::files::File,
        },
        imports: { default: trappable },
        exports: { default: async },
    });
}

pub(crate) use data_provider::chancery::host;
pub(crate) use data_provider::chancery::plugin::types;
pub(crate) use data_provider::exports::chancery::plugin as exports;
pub(crate) use data_provider::{DataProviderHost, DataProviderHostPre};
