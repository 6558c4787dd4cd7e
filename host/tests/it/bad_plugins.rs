//! Plugins that must not serve: each is listed with stage and reason, while the others and the former one serve.

use std::time::Instant;

use serde_json::{Value, json};

use crate::load::latency;
use crate::people::{PLUGIN, Registry, csv_provider, grant, version_of};

/// A file that must not serve: what is put into place, and what is said about it.
struct Bad {
    name: &'static str,
    wasm: Vec<u8>,
    /// Grant file and data.
    files: Option<(String, &'static str)>,
    stage: &'static str,
    failed_at: Option<&'static str>,
    says: &'static str,
}

fn bad_files() -> Vec<Bad> {
    let rejected = |name, wasm, at, says| Bad { name, wasm, files: None, stage: "rejected", failed_at: Some(at), says };
    let component = |text: &str| wat::parse_str(format!("(component {text})")).unwrap();
    let lifecycle = "(instance $i) (export \"chancery:plugin/lifecycle@0.1.0\" (instance $i))";
    let provider = "(export \"chancery:plugin/data-provider@0.1.0\" (instance $i))";
    let half = csv_provider().split_at(csv_provider().len() / 2).0.to_vec();
    let broken = Some((grant("bad.csv"), "id,a,pad,b\n1,1,x,1\n2,1\n"));
    vec![
        rejected("garbage", b"garbage".to_vec(), "verified", "not a WebAssembly component"),
        rejected("module", wat::parse_str("(module)").unwrap(), "verified", "core module"),
        rejected("truncated", half, "compiled", "does not compile"),
        rejected(
            "stranger",
            component("(instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i))"),
            "linked",
            "not a Chancery plugin",
        ),
        rejected(
            "double",
            component(&format!("{lifecycle} {provider} (export \"chancery:plugin/audit@0.1.0\" (instance $i))")),
            "linked",
            "more than one kind",
        ),
        rejected(
            "greedy",
            component(&format!("(import \"chancery:host/sockets@0.1.0\" (instance)) {lifecycle} {provider}")),
            "linked",
            "chancery:host/sockets@0.1.0",
        ),
        rejected("large", component(&format!("{} {lifecycle}", large_module())), "linked", "exports none of"),
        Bad {
            name: "ungranted",
            wasm: csv_provider(),
            files: Some((String::new(), "")),
            stage: "pending",
            failed_at: None,
            says: "grants are missing",
        },
        Bad {
            name: "data",
            wasm: csv_provider(),
            files: broken,
            stage: "rejected",
            failed_at: Some("probed"),
            says: "row 3",
        },
    ]
}

/// Takes the compiler seconds.
fn large_module() -> String {
    let add = "local.get 0 i32.const 3 i32.mul local.get 0 i32.rotl local.set 0 ".repeat(50);
    let function = format!("(func (param i32) (result i32) {add} local.get 0)");
    format!("(core module {})", function.repeat(5000))
}

impl Bad {
    #[track_caller]
    fn is_told_in(&self, plugin: &Value) {
        let (stage, failed_at) = (plugin["stage"].as_str(), plugin["failed_at"].as_str());
        assert_eq!((stage, failed_at), (Some(self.stage), self.failed_at), "{}: {plugin}", self.name);
        assert!(plugin["reason"].as_str().unwrap().contains(self.says), "{}: {plugin}", self.name);
        let lines = plugin["missing_grants"].as_str().unwrap_or_default();
        assert_eq!(self.stage == "pending", lines.contains("[[grants.files]]"), "{}: {plugin}", self.name);
    }

    fn put(&self, registry: &Registry, name: &str) {
        if let Some((grant, data)) = &self.files {
            registry.put("bad.csv", data);
            registry.put(&format!("{name}.toml"), grant);
        }
        registry.put(&format!("{name}.wasm"), &self.wasm);
    }
}

fn came_to_an_end(plugin: &Value) -> bool {
    ["active", "pending", "rejected"].iter().any(|stage| plugin["stage"] == *stage)
}

#[test]
fn bad_files_are_listed_with_stage_and_reason_while_the_others_serve() {
    let registry = Registry::open("");
    let load = registry.wallets();
    let mut compiling = Instant::now()..Instant::now();
    for bad in bad_files() {
        let begin = Instant::now();
        bad.put(&registry, bad.name);
        bad.is_told_in(&registry.settled(bad.name, came_to_an_end));
        if bad.name == "large" {
            compiling = begin..Instant::now();
        }
    }
    let rounds = load.stop();
    let (busy, calm): (Vec<_>, Vec<_>) = rounds.iter().partition(|round| compiling.contains(&round.end));
    let time = compiling.end - compiling.start;
    eprintln!("while a large plugin compiles ({time:.1?}): {}\notherwise: {}", latency(busy), latency(calm));
    let told = registry.office.plugins();
    let listed: Vec<Value> = serde_json::from_str(&registry.site.done(&["plugin", "list", "--json"])).unwrap();
    let essence = |plugin: &Value| {
        ["name", "kind", "stage", "failed_at", "reason", "missing_grants", "sha256", "grants", "limits", "serving"]
            .map(|key| plugin[key].clone())
    };
    assert_eq!(listed.iter().map(essence).collect::<Vec<_>>(), told.iter().map(essence).collect::<Vec<_>>());
    assert_eq!(told.len(), bad_files().len() + 1);
    let people = registry.office.plugin(PLUGIN);
    assert_eq!((&people["stage"], &people["calls"]), (&json!("active"), &json!({"ok": rounds.len(), "failed": 0})));

    let text = registry.site.done(&["plugin", "list"]);
    for bad in bad_files() {
        let stage = bad.failed_at.map_or_else(|| bad.stage.to_owned(), |at| format!("{} at {at}", bad.stage));
        let row = text.lines().position(|line| line.starts_with(&format!("{} ", bad.name)) && line.contains(&stage));
        let below = text.lines().skip(row.expect(&text) + 1).take_while(|line| line.starts_with("  "));
        assert!(below.collect::<String>().contains(bad.says), "{}: {text}", bad.name);
    }
    assert!(text.contains("\n  add to ungranted.toml:\n    [[grants.files]]\n"), "{text}");
}

#[test]
fn a_bad_replacement_leaves_the_former_generation_serving() {
    let registry = Registry::open("");
    let good = registry.settled(PLUGIN, came_to_an_end)["serving"].clone();
    let load = registry.wallets();
    // An empty grant file is no bad replacement: it takes the grants away.
    let replacements: Vec<Bad> = bad_files().into_iter().filter(|bad| bad.name != "ungranted").collect();
    for bad in &replacements {
        bad.put(&registry, PLUGIN);
        let told = registry.settled(PLUGIN, |plugin| came_to_an_end(plugin) && plugin["stage"] != "active");
        bad.is_told_in(&told);
        assert_eq!(told["serving"], good, "{}", bad.name);
        assert_eq!(version_of(&registry.office.take("Person", "9"), "9"), 0);
        assert_eq!(registry.server.get("/readyz").1, json!({"status": "ready", "reasons": []}), "{}", bad.name);
        registry.put("people.toml", grant("people-0.csv"));
        registry.put("people.wasm", csv_provider());
        let restored = registry.settled(PLUGIN, |plugin| plugin["stage"] == "active");
        assert_eq!((&restored["serving"], &restored["reason"]), (&good, &Value::Null), "{}", bad.name);
    }
    let rounds = load.stop();
    let calls = rounds.len() + replacements.len();
    assert_eq!(registry.office.plugin(PLUGIN)["calls"], json!({"ok": calls, "failed": 0}));
}

#[test]
fn a_grant_that_is_taken_away_is_gone_at_once() {
    let registry = Registry::open("");
    registry.settled(PLUGIN, came_to_an_end);
    registry.put("people.toml", "");
    let told = registry.settled(PLUGIN, |plugin| plugin["stage"] == "pending");
    assert_eq!(told["serving"], Value::Null, "{told}");
    registry.put("people.toml", grant("people-0.csv"));
    registry.settled(PLUGIN, |plugin| plugin["stage"] == "active");
    assert_eq!(version_of(&registry.office.take("Person", "9"), "9"), 0);
}
