//! What `wit-bindgen` makes of the contract. Plugins use the modules around it instead.
//!
//! One world a capability, each under its feature: the linker drops what a plugin does not call,
//! and the component then does not import it.

#![expect(clippy::same_length_and_capacity, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../wit/host", "../wit/plugin"],
    world: "chancery:plugin/data-provider-plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_data_provider_component",
    default_bindings_module: "::chancery_plugin_sdk::bindings",
});

#[cfg(feature = "files")]
pub mod files {
    wit_bindgen::generate!({
        path: ["../wit/host"],
        inline: "package chancery:sdk; world with-files { import chancery:host/files@0.1.0; }",
        world: "chancery:sdk/with-files",
        generate_all,
    });
}
