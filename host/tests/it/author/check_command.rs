//! `chancery plugin check`: whether a plugin would load here.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::bare::cached;
use super::project::{chancery, texts};
use crate::app::built_plugin;

/// A directory with a plugin, its grant file, and perhaps the configuration of a host.
struct Here {
    dir: TempDir,
}

impl Here {
    fn new(plugin: &str, grant: &str, host: Option<&str>) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::copy(built_plugin(plugin), dir.path().join("people.wasm")).unwrap();
        std::fs::write(dir.path().join("people.toml"), grant).unwrap();
        if let Some(host) = host {
            std::fs::write(dir.path().join("chancery.toml"), host).unwrap();
        }
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, more: &[&str]) -> Command {
        cached(chancery(self.path(), &[&["plugin", "check", "people.wasm"], more].concat()))
    }

    fn told(&self) -> (Option<i32>, String, String) {
        texts(&self.command(&[]).output().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.command(&["--json"]).output().unwrap().stdout).unwrap()
    }
}

const SQLITE: &str = "[plugins.databases.registry]\nurl = \"sqlite:registry.db\"\n";

fn statement(params: &str) -> String {
    format!(
        "[grants.sql.statements.by_id]\ndatabase = \"registry\"\ntext = \"select $1 as name\"\nparams = {params}\n\
         [config]\nstatement = \"by_id\"\n"
    )
}

#[test]
fn a_plugin_that_loads_is_told_stage_by_stage() {
    let here = Here::new("hostile", "", Some(""));
    let (status, out, err) = here.told();
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    let (head, stages) = out.split_once('\n').unwrap();
    assert!(head.starts_with("people  ") && head.contains("data-provider  contract 0.1  sha256 "), "{head}");
    let expected =
        "  verified    ok\n  compiled    ok\n  linked      ok\n  configured  ok\n  probed      ok\n  active      ok\n";
    assert_eq!(stages, expected);
}

#[test]
fn missing_grants_are_printed_to_be_added() {
    let here = Here::new("sql-provider", "", Some(SQLITE));
    let (status, out, err) = here.told();
    assert_eq!((status, err.as_str()), (Some(1), "chancery: people does not load\n"));
    let expected = "  compiled    ok\n  linked      FAILED\n    grants are missing\n    add to people.toml:\n      \
                    [grants.sql.statements.by_id]";
    assert!(out.contains(expected), "{out}");
    assert!(!out.contains("configured"), "{out}");
}

#[test]
fn the_host_is_asked_for_what_the_grant_file_names() {
    let bound = statement("[\"@subject.id\"]");
    let here = Here::new("sql-provider", &bound, Some(""));
    let (status, out, _) = here.told();
    assert_eq!(status, Some(1));
    assert!(out.contains("there is no database registry"), "{out}");

    let here = Here::new("sql-provider", &bound, Some(SQLITE));
    std::fs::write(here.path().join("registry.db"), "").unwrap();
    let told = here.json();
    assert_eq!((&told["loads"], &told["configuration"]), (&json!(true), &json!("chancery.toml")), "{told:#}");
    assert_eq!(told["warnings"], json!([]));
    // A host is not set up by it.
    assert!(!here.path().join("data").exists());

    let signed = "[plugins.trust]\nrequire = \"pinned\"\n";
    let here = Here::new("hostile", "", Some(signed));
    let (status, out, _) = here.told();
    assert_eq!(status, Some(1));
    assert!(out.contains("  verified    FAILED\n") && out.contains("add to people.toml"), "{out}");
}

#[test]
fn a_guest_that_chooses_the_person_is_warned_of() {
    let here = Here::new("sql-provider", &statement("[\"plugin\"]"), Some(SQLITE));
    std::fs::write(here.path().join("registry.db"), "").unwrap();
    let (_, out, _) = here.told();
    let expected = "warning  grants.sql.statements.by_id: the plugin chooses the person itself";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn without_a_configuration_file_the_defaults_are_used_and_it_is_said() {
    let here = Here::new("hostile", "[limits]\nmemory = \"512MiB\"\n", None);
    let (status, out, err) = here.told();
    assert_eq!(status, Some(0), "{out}");
    assert!(err.starts_with("note: there is no configuration file chancery.toml: the defaults are used"), "{err}");
    assert!(out.contains("warning  limits.memory = 512MiB is near the server's ceiling"), "{out}");
    assert_eq!(here.json()["configuration"], Value::Null);
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    let here = Here::new("hostile", "", None);
    let told = |path: &str| texts(&here.command(&["--config", path]).output().unwrap());
    let (status, out, err) = told("chancery.tml");
    assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
    let expected = "chancery: there is no configuration file chancery.tml: name this host's with --config FILE, or leave \
                    --config out where there is none\n";
    assert_eq!(err, expected);
    let named = texts(&here.command(&[]).env("CHANCERY_CONFIG", "nowhere/chancery.toml").output().unwrap());
    assert_eq!(named.0, Some(2), "{}", named.2);
    std::fs::create_dir(here.path().join("folder")).unwrap();
    for path in ["folder", "people.wasm/chancery.toml"] {
        let (status, out, err) = told(path);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.starts_with(&format!("chancery: cannot read {path}: ")), "{err}");
    }
    // The same in the usual place: what is there and cannot be read is not taken for absent.
    std::fs::create_dir(here.path().join("chancery.toml")).unwrap();
    let (status, _, err) = here.told();
    assert_eq!(status, Some(2));
    assert!(err.starts_with("chancery: cannot read chancery.toml: "), "{err}");
}

#[test]
fn wrong_files_are_refused_with_their_names() {
    let here = Here::new("hostile", "[limits]\nmemoy = \"1MiB\"\n", Some(""));
    let (status, _, err) = here.told();
    assert_eq!(status, Some(2));
    assert!(err.contains("people.toml: TOML parse error at line 2") && err.contains("memoy"), "{err}");
    let here = Here::new("hostile", "", Some("[plugin]\n"));
    let (status, _, err) = here.told();
    assert_eq!(status, Some(2));
    assert!(err.contains("chancery.toml"), "{err}");
    std::fs::write(here.path().join("people.wasm"), "no component").unwrap();
    std::fs::write(here.path().join("chancery.toml"), "").unwrap();
    let (status, out, _) = here.told();
    assert_eq!(status, Some(1));
    assert!(out.contains("verified    FAILED\n    it is not a WebAssembly component"), "{out}");
}

#[test]
fn a_journal_is_not_made_by_asking() {
    let here = Here::new("audit-file", "[grants.journal]\ndir = \"audit\"\nname = \"a.jsonl\"\n", Some(""));
    let (status, out, _) = here.told();
    assert_eq!(status, Some(0), "{out}");
    let place = here.path().canonicalize().unwrap().join("audit/a.jsonl");
    assert!(out.contains(&format!("grants   journal: {}\n", place.display())), "{out}");
    assert!(!here.path().join("audit").exists());
}

#[test]
fn no_value_of_a_secret_is_given_where_nothing_records_it() {
    let grant = "[grants.kv]\n[grants.secrets]\nnames = [\"token\"]\nreveal = true\n\
                 [grants.sign.keys.k]\npurpose = \"mac\"\nsecret = \"token\"\n\
                 [grants.journal]\ndir = \"j\"\nname = \"j\"\n\
                 [grants.sql.statements.s]\ndatabase = \"registry\"\ntext = \"select 1\"\n\
                 [config]\nhealth = [{ do = \"reveal\", name = \"token\" }]\n";
    let host = format!("{SQLITE}[plugins.secrets.token]\nfile = \"token\"\n");
    let here = Here::new("hostile-data", grant, Some(&host));
    std::fs::write(here.path().join("registry.db"), "").unwrap();
    std::fs::write(here.path().join("token"), "the-value-of-the-secret").unwrap();
    let (status, out, err) = here.told();
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("the plugin reads a secret while it is loaded, which is not done here"), "{out}");
    assert!(!out.contains("the-value-of-the-secret") && !err.contains("the-value-of-the-secret"), "{out}{err}");
}
