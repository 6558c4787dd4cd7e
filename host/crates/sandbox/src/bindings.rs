//! Generated from `wit/`: the host's side of the contract.
//!
//! One world for everything that the host offers, and one for each thing that a plugin exports: what
//! a plugin really gets is decided when it is linked.

/// Every interface of `chancery:host`.
pub(crate) mod offered {
    wasmtime::component::bindgen!({
        path: ["../../../wit/host", "../../../wit/plugin"],
        inline: "
            package chancery:sandbox;
            world offered {
                include chancery:host/base@0.1.0;
                import chancery:host/files@0.1.0;
                import chancery:host/journal@0.1.0;
                import chancery:host/kv@0.1.0;
                import chancery:host/reveal@0.1.0;
                import chancery:host/secrets@0.1.0;
                import chancery:host/sign@0.1.0;
                import chancery:host/sql@0.1.0;
                import chancery:plugin/types@0.1.0;
            }
        ",
        world: "chancery:sandbox/offered",
        with: {
            "chancery:host/blobs.blob": crate::imports::blobs::Blob,
            "chancery:host/files.file": crate::imports::files::File,
            "chancery:host/secrets.secret": crate::imports::secrets::Secret,
        },
        imports: {
            "chancery:host/journal": async | trappable,
            "chancery:host/kv": async | trappable,
            "chancery:host/reveal": async | trappable,
            "chancery:host/secrets.get": async | trappable,
            "chancery:host/sign": async | trappable,
            "chancery:host/sql": async | trappable,
            default: trappable,
        },
    });
}

macro_rules! exported {
    ($module:ident, $world:literal, $interface:literal) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                path: ["../../../wit/host", "../../../wit/plugin"],
                inline: $interface,
                world: $world,
                with: {
                    "chancery:host": super::offered::chancery::host,
                    "chancery:plugin/types": super::offered::chancery::plugin::types,
                },
                exports: { default: async },
            });
        }
    };
}

exported!(
    lifecycle,
    "chancery:sandbox/lifecycle",
    "package chancery:sandbox; world lifecycle { export chancery:plugin/lifecycle@0.1.0; }"
);
exported!(
    data_provider,
    "chancery:sandbox/data-provider",
    "package chancery:sandbox; world data-provider { export chancery:plugin/data-provider@0.1.0; }"
);
exported!(
    vc_issuance,
    "chancery:sandbox/vc-issuance",
    "package chancery:sandbox; world vc-issuance { export chancery:plugin/vc-issuance@0.1.0; }"
);
exported!(
    audit,
    "chancery:sandbox/audit",
    "package chancery:sandbox; world audit { export chancery:plugin/audit@0.1.0; }"
);

pub(crate) use offered::chancery::host;
pub(crate) use offered::chancery::plugin::types;
