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
        ("tokio_rustls", &["host/crates/egress/"]),
        ("hyper", &["host/crates/egress/", "host/src/http/serve.rs", "xtask/bench/"]),
        ("minijinja", &["host/crates/credential/", "host/crates/kit/", "host/src/http/pages.rs"]),
        ("oxjsonld", &["host/crates/credential/"]),
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
        .args([
            "tree",
            "--workspace",
            "--edges",
            "features",
            "--invert",
            "serde_json",
            "--depth",
            "1",
            "--locked",
            "--offline",
        ])
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
    let hosts =
        [["registry", "npmjs"].join("."), ["static", "crates", "io"].join("."), ["index", "crates", "io"].join(".")];
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{} names a registry's host", shown(&path));
        }
        assert!(root_path.len() < 4 || !text.contains(&format!("{root_path}/")), "{} names this machine", shown(&path));
    }
}

/// What deny.toml allows, checked without cargo-deny: it is not on every machine.
#[test]
fn licences_are_among_the_allowed_ones() {
    let deny: toml::Value = toml::from_str(&read(&root().join("deny.toml"))).unwrap();
    let allowed: Vec<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    for manifest in ["Cargo.toml", "plugins/Cargo.toml"] {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--offline", "--manifest-path", manifest])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        assert!(packages.len() > 20);
        for package in packages {
            let licence = package["license"].as_str().unwrap_or("none");
            assert!(permits(licence, &allowed), "{}: {licence}", package["name"]);
        }
    }
}

/// Whether an SPDX expression (or the older `A/B`) can be met with what is allowed.
fn permits(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ");
    let expression = expression.trim();
    let alternatives = split(expression, " OR ");
    if alternatives.len() > 1 {
        return alternatives.iter().any(|one| permits(one, allowed));
    }
    let parts = split(expression, " AND ");
    if parts.len() > 1 {
        return parts.iter().all(|part| permits(part, allowed));
    }
    match expression.strip_prefix('(').and_then(|e| e.strip_suffix(')')) {
        Some(inner) => permits(inner, allowed),
        None => allowed.contains(&expression),
    }
}

/// Splits at an operator that stands outside of parentheses.
fn split<'a>(expression: &'a str, operator: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 && expression[at..].starts_with(operator) => {
                parts.push(&expression[from..at]);
                from = at + operator.len();
            }
            _ => {}
        }
    }
    parts.push(&expression[from..]);
    parts
}

#[test]
fn licence_expressions_are_read() {
    let allowed = ["MIT", "Apache-2.0"];
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "MIT AND Apache-2.0",
        "(MIT OR GPL-3.0)",
        "(MIT OR GPL-3.0) AND Apache-2.0",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in ["none", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-3.0", ""] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}
