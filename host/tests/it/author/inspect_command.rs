//! `chancery plugin inspect`.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::project::{chancery, done, texts};
use crate::app::built_plugin;
use crate::server::Site;

fn inspect(dir: &TempDir, arguments: &[&str]) -> Value {
    let arguments = [&["plugin", "inspect", "--json"], arguments].concat();
    serde_json::from_str(&done(&mut chancery(dir.path(), &arguments))).unwrap()
}

/// A component that imports one thing and is a data provider by its exports.
fn importing(import: &str) -> Vec<u8> {
    let exports = "(instance $i) (export \"chancery:plugin/lifecycle@0.1.0\" (instance $i)) \
                   (export \"chancery:plugin/data-provider@0.1.0\" (instance $i))";
    wat::parse_str(format!("(component (import \"{import}\" (instance)) {exports})")).unwrap()
}

#[test]
fn a_component_is_described_without_being_run() {
    let dir = TempDir::new().unwrap();
    std::fs::copy(built_plugin("rest-provider"), dir.path().join("rest.wasm")).unwrap();
    let found = inspect(&dir, &["rest.wasm"]);
    assert_eq!((&found["kind"], &found["contract"]), (&json!("data-provider"), &json!("0.1.0")));
    assert_eq!(found["wants"], json!(["http", "kv"]));
    assert_eq!(found["signature"], Value::Null);
    assert_eq!(found["problems"], json!([]));
    let bytes = std::fs::metadata(dir.path().join("rest.wasm")).unwrap().len();
    assert_eq!(found["bytes"], bytes);
    assert!(found["bytes_of_code_and_data"].as_u64().unwrap() <= bytes);
    let text = done(&mut chancery(dir.path(), &["plugin", "inspect", "rest.wasm"]));
    for line in ["rest.wasm\n", "kind ", "data-provider\n", "wants ", "http, kv\n", "signed ", "wit-component"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_signature_is_what_it_is_and_no_more() {
    let dir = TempDir::new().unwrap();
    std::fs::copy(built_plugin("csv-provider"), dir.path().join("p.wasm")).unwrap();
    let key = done(&mut chancery(dir.path(), &["plugin", "keygen", "mine.pem"])).trim().to_owned();
    let other = done(&mut chancery(dir.path(), &["plugin", "keygen", "other.pem"])).trim().to_owned();
    done(&mut chancery(dir.path(), &["plugin", "sign", "--key", "mine.pem", "p.wasm"]));
    let signature = |arguments: &[&str]| inspect(&dir, arguments)["signature"].clone();
    assert_eq!(signature(&["p.wasm"]), json!({"key": key, "verified": null, "reason": null}));
    assert_eq!(signature(&["p.wasm", "--key", &key]), json!({"key": key, "verified": true, "reason": null}));
    let foreign = signature(&["p.wasm", "--key", &other]);
    assert_eq!((&foreign["key"], &foreign["verified"]), (&json!(key), &json!(false)));
    // The configuration's keys count where none is given.
    std::fs::write(dir.path().join("chancery.toml"), format!("[plugins.trust]\nkeys = [{key:?}]\n")).unwrap();
    assert_eq!(signature(&["p.wasm"])["verified"], true);
    // Another byte, the same signature.
    let mut wasm = std::fs::read(dir.path().join("p.wasm")).unwrap();
    let comment = [0, 3, 1, b'x', b'y'];
    wasm.extend(comment);
    std::fs::write(dir.path().join("p.wasm"), wasm).unwrap();
    let moved = signature(&["p.wasm"]);
    assert_eq!(moved["verified"], false);
    assert!(moved["reason"].as_str().unwrap().contains("for another file"), "{moved}");
    let text = done(&mut chancery(dir.path(), &["plugin", "inspect", "p.wasm"]));
    assert!(text.contains("REFUSED"), "{text}");
}

#[test]
fn what_is_no_plugin_is_told() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("core.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    std::fs::write(dir.path().join("text.wasm"), "hello").unwrap();
    for (file, says) in [("core.wasm", "core WASM module"), ("text.wasm", "no WASM file"), ("none.wasm", "cannot read")]
    {
        let (status, _, err) = texts(&chancery(dir.path(), &["plugin", "inspect", file]).output().unwrap());
        assert_ne!(status, Some(0));
        assert!(err.contains(says) && err.contains(file), "{err}");
    }
    // A component that the host would refuse is described, with the reason.
    std::fs::write(dir.path().join("stranger.wasm"), wat::parse_str("(component)").unwrap()).unwrap();
    let problems = inspect(&dir, &["stranger.wasm"])["problems"].clone();
    assert!(problems[0].as_str().unwrap().contains("exports none of"), "{problems}");
}

/// What authors are told a component wants is what the sandbox asks operators to grant, and what it refuses is a
/// problem here too.
#[test]
fn the_kit_and_the_sandbox_agree_about_imports() {
    let granted = [
        ("chancery:host/files@0.1.0", "files", "[[grants.files]]"),
        ("wasi:http/outgoing-handler@0.2.12", "http", "[grants.http]"),
        ("wasi:http/types@0.2.12", "http", "[grants.http]"),
        ("chancery:host/journal@0.1.0", "journal", "[grants.journal]"),
        ("chancery:host/kv@0.1.0", "kv", "[grants.kv]"),
        ("chancery:host/reveal@0.1.0", "reveal", "reveal = true"),
        ("chancery:host/secrets@0.1.0", "secrets", "[grants.secrets]"),
        ("chancery:host/sign@0.1.0", "sign", "[grants.sign.keys."),
        ("chancery:host/sql@0.1.0", "sql", "[grants.sql.statements."),
    ];
    let free = ["log", "config", "trace", "blobs", "prepared"].map(|name| format!("chancery:host/{name}@0.1.0"));
    let wasi = ["cli/stdin", "clocks/wall-clock", "random/random", "io/poll", "filesystem/types", "sockets/tcp"];
    let free = free.into_iter().chain(wasi.map(|name| format!("wasi:{name}@0.2.6")));
    let refused = [
        "acme:thing/other",
        "chancery:host/sockets@0.1.0",
        "wasi:http/incoming-handler@0.2.12",
        "wasi:nn/graph@0.2.0",
        "wasi:http/types@0.3.0",
        "wasi:cli/stdin@0.3.0",
    ];
    let site = Site::example("farmer", &[]);
    let put = |name: &str, import: &str| {
        std::fs::write(site.path("plugins").join(format!("{name}.wasm")), importing(import)).unwrap();
        serde_json::from_str::<Value>(&site.done(&["plugin", "inspect", "--json", &format!("plugins/{name}.wasm")]))
            .unwrap()
    };
    for (number, (import, name, _)) in granted.iter().enumerate() {
        assert_eq!(put(&format!("granted-{number}"), import)["wants"], json!([name]), "{import}");
    }
    for (number, import) in free.enumerate() {
        let found = put(&format!("free-{number}"), &import);
        assert_eq!((&found["wants"], &found["problems"]), (&json!([]), &json!([])), "{import}");
    }
    for (number, import) in refused.iter().enumerate() {
        let problems = put(&format!("refused-{number}"), import)["problems"].to_string();
        assert!(problems.contains(import.split('@').next().unwrap()), "{import}: {problems}");
    }
    site.done(&["migrate"]);
    let listed: Vec<Value> = serde_json::from_str(&site.done(&["plugin", "list", "--json"])).unwrap();
    for plugin in &listed {
        let name = plugin["name"].as_str().unwrap();
        let (group, number) = name.split_once('-').unwrap();
        let missing = plugin["missing_grants"].as_str().unwrap_or_default();
        match group {
            "granted" => assert!(missing.contains(granted[number.parse::<usize>().unwrap()].2), "{plugin}"),
            "refused" => {
                let reason = plugin["reason"].as_str().unwrap();
                assert!(reason.contains("which this version of Chancery does not offer"), "{plugin}");
            }
            _ => assert_eq!(missing, "", "{plugin}"),
        }
    }
    assert_eq!(listed.len(), granted.len() + 11 + refused.len());
}
