//! `wit/` itself: every world gives bindings, is narrow, and every member is documented.

use std::fs;
use std::path::{Path, PathBuf};

/// Compiling is the test: each world resolves and gives bindings, through the two paths that the
/// contract's README names.
mod bindings {
    #![allow(
        clippy::allow_attributes,
        dead_code,
        missing_debug_implementations,
        unreachable_pub,
        reason = "generated code, which nobody calls"
    )]

    pub(crate) mod data_provider {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host", "../../../wit/plugin"],
            world: "chancery:plugin/data-provider-plugin",
        });
    }
    pub(crate) mod vc_issuance {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host", "../../../wit/plugin"],
            world: "chancery:plugin/vc-issuance-plugin",
        });
    }
    pub(crate) mod audit {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host", "../../../wit/plugin"],
            world: "chancery:plugin/audit-plugin",
        });
    }
    /// The capabilities, which no released world imports.
    pub(crate) mod capabilities {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host"],
            inline: "
                package test:capabilities;
                world all {
                    include chancery:host/base@0.1.0;
                    import chancery:host/files@0.1.0;
                    import chancery:host/sql@0.1.0;
                    import chancery:host/kv@0.1.0;
                    import chancery:host/secrets@0.1.0;
                    import chancery:host/reveal@0.1.0;
                    import chancery:host/sign@0.1.0;
                }
            ",
        });
    }
}

fn wit(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit").join(package)
}

/// Name and text of every file of a package.
fn files(package: &str) -> Vec<(String, String)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = format!("{package}/{}", path.file_name().unwrap().display());
        (name, fs::read_to_string(path).unwrap())
    };
    fs::read_dir(wit(package)).unwrap().map(read).collect()
}

#[test]
fn worlds_import_the_base_and_nothing_else() {
    let imports = |text: &str| {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|l| l.starts_with("import ") || l.starts_with("include "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let base = fs::read_to_string(wit("host").join("worlds.wit")).unwrap();
    let expected = ["log", "config", "trace", "blobs", "prepared"].map(|i| format!("import {i};"));
    assert_eq!(imports(&base), expected);
    let kinds = fs::read_to_string(wit("plugin").join("worlds.wit")).unwrap();
    let code: String =
        kinds.lines().filter(|l| !l.starts_with("///")).fold(String::new(), |code, line| code + line + "\n");
    assert_eq!(imports(&code), vec!["include chancery:host/base@0.1.0;"; 3]);
}

#[test]
fn every_member_is_documented() {
    let mut members = 0;
    let mut bare = Vec::new();
    for (name, text) in files("host").into_iter().chain(files("plugin")) {
        let mut documented = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if needs_comment(line, &name) {
                members += 1;
                if !documented {
                    bare.push(format!("{name}:{}: {line}", number + 1));
                }
            }
            documented = line.starts_with("///");
        }
    }
    assert!(bare.is_empty(), "without a comment: {bare:#?}");
    assert!(members > 150, "only {members} members were seen");
}

/// Whether a line declares something. The package is documented once, in its file of worlds.
fn needs_comment(line: &str, file: &str) -> bool {
    if line.starts_with("package ") {
        return file.ends_with("worlds.wit");
    }
    let nothing = line.is_empty() || line == "}" || line.starts_with("//");
    let reference = ["use ", "import ", "export ", "include "];
    !nothing && !reference.iter().any(|word| line.starts_with(word))
}
