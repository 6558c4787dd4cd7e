use super::*;
use crate::embedded;
use crate::new::{self, NewError, Want};
use crate::project::Language;

/// The names of the files that are changed on their way, so that a change in them is noticed here.
#[test]
fn the_sdk_stands_alone_in_a_project() {
    for (name, replacements) in [("Cargo.toml", &IN_MANIFEST[..]), ("src/bindings.rs", &IN_BINDINGS[..])] {
        let here = embedded::file(&format!("plugin-sdk/rust/{name}")).unwrap();
        let text = std::str::from_utf8(here).unwrap();
        for (from, _) in replacements {
            assert!(text.contains(from), "{name}: {from}");
        }
        let there = String::from_utf8(sdk_file(name, here).into_owned()).unwrap();
        assert!(!there.contains("../.."), "{there}");
    }
    let manifest = sdk_file("Cargo.toml", embedded::file("plugin-sdk/rust/Cargo.toml").unwrap());
    let manifest: toml::Table = toml::from_str(std::str::from_utf8(&manifest).unwrap()).unwrap();
    assert!(!manifest.contains_key("lints") && !manifest.contains_key("workspace"));
    assert!(!manifest["package"].as_table().unwrap().contains_key("workspace"));
    assert_eq!(manifest["package"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
}

#[test]
fn other_files_are_as_they_are() {
    for (name, content) in embedded::folder("plugin-sdk/rust") {
        if !["Cargo.toml", "src/bindings.rs"].contains(&name) {
            assert_eq!(sdk_file(name, content), content, "{name}");
            assert!(!content.windows(9).any(|window| window == b"../../wit"), "{name}");
        }
    }
}

#[test]
fn the_component_is_told_from_other_artifacts() {
    let manifest = Path::new("/m/Cargo.toml");
    let line = r#"{"reason":"compiler-artifact","manifest_path":"/m/Cargo.toml","target":{"crate_types":["cdylib"]},"filenames":["/t/a.d","/t/a.wasm"]}"#;
    assert_eq!(component(line, manifest), Some("/t/a.wasm".into()));
    for (from, to) in
        [("a.wasm", "a.rlib"), ("/m/C", "/n/C"), ("cdylib", "bin"), ("compiler-artifact", "build-finished")]
    {
        assert_eq!(component(&line.replace(from, to), manifest), None, "{to}");
    }
    assert_eq!(component(r#"{"reason":"build-finished","success":true}"#, manifest), None);
    assert_eq!(component("not json", manifest), None);
}

#[test]
fn flags_are_an_entry_of_cargos_configuration() {
    let text = flags(&[("/a b/\"c\\".into(), "/cargo"), ("/t".into(), "/target")]);
    let (key, value) = text.split_once('=').unwrap();
    assert_eq!(key, "target.wasm32-wasip2.rustflags");
    let value: toml::Table = toml::from_str(&format!("flags = {value}")).unwrap();
    let flags: Vec<&str> = value["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    assert_eq!(flags, ["--remap-path-prefix=/a b/\"c\\=/cargo", "--remap-path-prefix=/t=/target"]);
}

/// All that an author can ask `plugin new` for.
fn every_project(dir: &Path) -> Vec<PathBuf> {
    let mut projects = Vec::new();
    for kind in [Kind::DataProvider, Kind::VcIssuance, Kind::Audit] {
        for chosen in 0_u32..1 << Want::ALL.len() {
            let wants = Want::ALL.into_iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
            let path = dir.join(format!("people{}", projects.len()));
            match new::create(&path, Language::Rust, kind, &wants.map(|(_, want)| want).collect()) {
                Ok(_) => projects.push(path),
                Err(error) => assert!(matches!(error, NewError::Refused(_)), "{error}"),
            }
        }
    }
    projects
}

/// An author's `cargo fmt` finds nothing to change in a new project.
#[test]
fn templates_are_formatted_whatever_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let projects = every_project(dir.path());
    assert_eq!(projects.len(), 128 + 16 + 4, "data providers, issuers and sinks");
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024"]).args(projects.iter().map(|project| project.join("src/lib.rs")));
    let output = rustfmt.current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for project in projects {
        let code = fs::read_to_string(project.join("src/lib.rs")).unwrap();
        let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
        // What rustfmt leaves alone: comments that are too long, and gaps that a condition left.
        assert!(code.lines().all(|line| line.len() <= 100), "{}: {code}", project.display());
        assert!(!(code + &manifest).contains("\n\n\n"), "{}: {manifest}", project.display());
    }
}
