//! What reviewers should not have to look for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::app::root;

/// Files that git tracks or would track, with this ending.
fn files(ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is needed");
    let text = String::from_utf8(output.stdout).unwrap();
    let files = text.lines().filter(|l| l.ends_with(ending)).map(|l| root().join(l)).filter(|p| p.is_file());
    files.collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Each heavy dependency is named in one place: there it can be replaced.
#[test]
fn heavy_dependencies_are_named_where_they_belong() {
    for (name, homes) in [
        ("wasmtime", &["host/crates/sandbox/"][..]),
        ("sqlx", &["host/crates/store/"]),
        ("ring", &["host/crates/keys/"]),
        ("minijinja", &["host/crates/credential/"]),
        ("axum", &["host/src/http/", "host/src/cli/serve.rs", "host/tests/it/"]),
    ] {
        for path in files(".rs") {
            let shown = shown(&path);
            if homes.iter().any(|home| shown.starts_with(home)) || shown.ends_with("tests/it/tidy.rs") {
                continue;
            }
            for line in read(&path).lines().filter(|l| !l.trim_start().starts_with("//")) {
                let named = line.contains(&format!("use {name}::")) || line.contains(&format!(" {name}::"));
                assert!(!named, "{shown} names {name}: {line}");
            }
        }
    }
}

#[test]
fn the_domain_knows_no_transport() {
    for path in files(".rs") {
        let shown = shown(&path);
        let text = read(&path);
        if shown.starts_with("host/src/issuance/") || shown.starts_with("host/src/oauth/") {
            assert!(!text.contains("crate::http"), "{shown} looks up to the HTTP surface");
        }
        // `Readiness` alone asks the store how it is.
        if shown.starts_with("host/src/http/") && !shown.ends_with("http/mod.rs") {
            assert!(!text.contains("dyn Store"), "{shown} sees the store");
        }
    }
}

#[test]
fn files_stay_small() {
    for path in files(".rs") {
        let lines = read(&path).lines().count();
        assert!(lines <= 700, "{} has {lines} lines", shown(&path));
    }
}

#[test]
fn functions_stay_small() {
    for path in files(".rs").iter().filter(|p| !shown(p).contains("tests")) {
        let text = read(path);
        let mut start: Option<(usize, usize, &str)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_fn = line.trim_start().split(' ').take(4).any(|word| word == "fn") && line.contains('(');
            if is_fn && !line.trim_start().starts_with("//") && start.is_none() && !line.trim_end().ends_with(';') {
                start = Some((number, indent, line));
            } else if let Some((from, level, name)) = start
                && line.trim_end() == format!("{}}}", " ".repeat(level))
            {
                assert!(number - from <= 72, "{}:{}: {} lines: {name}", shown(path), from + 1, number - from);
                start = None;
            }
        }
    }
}

#[test]
fn every_route_of_the_admin_api_and_protocol_stands_in_the_documents() {
    let text = read(&root().join("ARCHITECTURE.md"));
    for route in chancery::http::routes::table() {
        assert!(text.contains(route.path), "ARCHITECTURE.md does not name {}", route.path);
    }
}

/// serde_json's `arbitrary_precision` changes what a number is for the whole process.
#[test]
fn numbers_stay_numbers() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--edges", "features", "--invert", "serde_json", "--depth", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("serde_json"), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("arbitrary_precision"), "{text}");
}

/// ring does all of the cryptography; a second library would come with its C build.
#[test]
fn there_is_one_cryptographic_library() {
    let lock = read(&root().join("Cargo.lock"));
    for name in ["aws-lc-sys", "openssl-sys", "rsa"] {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is in the tree");
    }
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let root_path = root().display().to_string();
    let hosts = [["registry", "npmjs"].join("."), ["static", "crates", "io"].join("."), ["index", "crates", "io"].join(".")];
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{} names a registry's host", shown(&path));
        }
        assert!(root_path.len() < 4 || !text.contains(&format!("{root_path}/")), "{} names this machine", shown(&path));
    }
}
