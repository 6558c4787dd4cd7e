//! The guides, from an empty directory to a credential.

use super::guide::follow;

#[test]
fn my_first_plugin_in_javascript() {
    follow("plugin-sdk/guides/javascript.md");
}

#[test]
fn my_first_plugin_in_python() {
    follow("plugin-sdk/guides/python.md");
}

#[test]
fn my_first_plugin_in_rust() {
    follow("plugin-sdk/guides/rust.md");
}
