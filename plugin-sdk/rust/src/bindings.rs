//! What `wit-bindgen` makes of the contract. Plugins use the modules around it instead.
//!
//! One world a kind and one a capability: the linker joins those that a plugin uses and drops the
//! rest, so the component exports its own kind and imports what it calls.

#![expect(clippy::same_length_and_capacity, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit/host", "../../wit/plugin"],
    inline: "
        package chancery:sdk;
        world lifecycle {
            include chancery:host/base@0.1.0;
            export chancery:plugin/lifecycle@0.1.0;
        }
    ",
    world: "chancery:sdk/lifecycle",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_lifecycle_component",
    default_bindings_module: "::chancery_plugin_sdk::bindings",
});

pub mod data_provider {
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/plugin"],
        inline: "package chancery:sdk; world data-provider { export chancery:plugin/data-provider@0.1.0; }",
        world: "chancery:sdk/data-provider",
        with: {
            "chancery:host/blobs@0.1.0": crate::bindings::chancery::host::blobs,
            "chancery:plugin/types@0.1.0": crate::bindings::chancery::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_data_provider_component",
        default_bindings_module: "::chancery_plugin_sdk::bindings::data_provider",
    });
}

pub mod vc_issuance {
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/plugin"],
        inline: "package chancery:sdk; world vc-issuance { export chancery:plugin/vc-issuance@0.1.0; }",
        world: "chancery:sdk/vc-issuance",
        with: {
            "chancery:host/blobs@0.1.0": crate::bindings::chancery::host::blobs,
            "chancery:plugin/types@0.1.0": crate::bindings::chancery::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_vc_issuance_component",
        default_bindings_module: "::chancery_plugin_sdk::bindings::vc_issuance",
    });
}

pub mod audit {
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/plugin"],
        inline: "package chancery:sdk; world audit { export chancery:plugin/audit@0.1.0; }",
        world: "chancery:sdk/audit",
        with: {
            "chancery:host/blobs@0.1.0": crate::bindings::chancery::host::blobs,
            "chancery:plugin/types@0.1.0": crate::bindings::chancery::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_audit_component",
        default_bindings_module: "::chancery_plugin_sdk::bindings::audit",
    });
}

#[cfg(feature = "files")]
pub mod files {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-files { import chancery:host/files@0.1.0; }",
        world: "chancery:sdk/with-files",
        generate_all,
    });
}

#[cfg(feature = "journal")]
pub mod journal {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-journal { import chancery:host/journal@0.1.0; }",
        world: "chancery:sdk/with-journal",
        generate_all,
    });
}

#[cfg(feature = "kv")]
pub mod kv {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-kv { import chancery:host/kv@0.1.0; }",
        world: "chancery:sdk/with-kv",
        generate_all,
    });
}

#[cfg(feature = "secrets")]
pub mod secrets {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-secrets { import chancery:host/secrets@0.1.0; }",
        world: "chancery:sdk/with-secrets",
        generate_all,
    });
}

#[cfg(feature = "reveal")]
pub mod reveal {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-reveal { import chancery:host/reveal@0.1.0; }",
        world: "chancery:sdk/with-reveal",
        with: {
            "chancery:host/reveal@0.1.0": generate,
            "chancery:host/secrets@0.1.0": crate::bindings::secrets::chancery::host::secrets,
        },
    });
}

#[cfg(feature = "sign")]
pub mod sign {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-sign { import chancery:host/sign@0.1.0; }",
        world: "chancery:sdk/with-sign",
        generate_all,
    });
}

#[cfg(feature = "sql")]
pub mod sql {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "package chancery:sdk; world with-sql { import chancery:host/sql@0.1.0; }",
        world: "chancery:sdk/with-sql",
        generate_all,
    });
}
