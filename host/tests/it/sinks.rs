//! A host with audit plugins that do what a test says, and write down what they got.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chancery::app::{App, Migrate, Plugins, Surroundings};
use chancery::audit::status::DeliveryStatus;
use chancery::audit::{Actor, Delivery};
use chancery::config::Config;
use chancery_store::AuditEvent;
use serde_json::Value;

use crate::app::{TestApp, built_plugin, program};

/// How long a condition may take to come true on a machine under load. Shorter than a sink may sleep.
const PATIENCE: Duration = Duration::from_secs(45);

/// What the sinks of a test are told, by their names.
pub type Behaviours<'a> = &'a [(&'a str, &'a str)];

/// A host whose delivery is not started yet.
pub async fn host(sinks: Behaviours<'_>, change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(Plugins::Run, |config| {
        for (name, behaviour) in sinks {
            install(&config.plugins.dir, &journals(&config.plugins.dir), name, behaviour);
        }
        change(config);
    })
    .await
}

/// Another host on the same database and clock, with plugins of its own that write to the same journals.
pub async fn host_beside(test: &TestApp, sinks: Behaviours<'_>) -> App {
    let mut config = Config::clone(&test.app.config);
    config.plugins.dir = test.dir.path().join("plugins-beside");
    fs::create_dir_all(&config.plugins.dir).unwrap();
    for (name, behaviour) in sinks {
        install(&config.plugins.dir, &journals(&test.app.config.plugins.dir), name, behaviour);
    }
    let surroundings = Surroundings { clock: test.clock.clone(), program: program() };
    App::open_in(surroundings, config, Migrate::Apply, Plugins::Run).await.unwrap()
}

/// Replaces what a sink does, while it serves.
pub async fn tell(test: &TestApp, name: &str, behaviour: &str) {
    let dir = &test.app.config.plugins.dir;
    fs::write(dir.join(format!("{name}.toml")), grant(&journals(dir), name, behaviour)).unwrap();
    test.app.sandbox.as_ref().unwrap().rescan().await;
}

pub fn delivery(app: &App) -> &Delivery {
    app.audit.as_ref().unwrap()
}

/// Events that something wrote to the store; their ids.
pub async fn happen(app: &App, action: &str, count: usize) -> Vec<String> {
    let at = app.clock.timestamp();
    let events: Vec<AuditEvent> =
        (0..count).map(|n| Actor::system().did("default", action, &n.to_string(), at)).collect();
    app.store.append_events(&events).await.unwrap();
    events.into_iter().map(|event| event.event_id).collect()
}

/// Looks until it is so.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn sink(app: &App, name: &str) -> Option<DeliveryStatus> {
    delivery(app).sinks().await.unwrap().into_iter().find(|sink| sink.plugin == name)
}

/// Looks until a sink has everything that was written up to now; the last position.
pub async fn caught_up(app: &App, name: &str) -> u64 {
    let all = written(app).await;
    until(&format!("{name} has all events"), async || {
        sink(app, name).await.filter(|sink| sink.delivered >= all && sink.lag == 0).map(|sink| sink.delivered)
    })
    .await
}

/// Looks until an attempt of this host has failed; how the sink is then.
pub async fn failed(app: &App, name: &str, error: &str) -> DeliveryStatus {
    until(&format!("{name} fails with {error:?}"), async || {
        let status = sink(app, name).await?;
        status.last_error.as_ref().is_some_and(|last| last.contains(error)).then_some(status)
    })
    .await
}

/// Every call that a sink got, with the events of each.
pub fn calls(test: &TestApp, name: &str) -> Vec<Vec<Value>> {
    let path = journals(&test.app.config.plugins.dir).join(format!("{name}.jsonl"));
    let text = fs::read_to_string(path).unwrap_or_default();
    let call = |line: &str| serde_json::from_str::<Value>(line).unwrap()["events"].as_array().unwrap().clone();
    // The last line may be on its way.
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(call).collect()
}

pub fn positions(calls: &[Vec<Value>]) -> Vec<u64> {
    calls.iter().flatten().map(|event| event["sequence"].as_u64().unwrap()).collect()
}

/// Whoever drops repetitions has every event up to `last` once, in its order.
#[track_caller]
pub fn are_whole_and_in_order(calls: &[Vec<Value>], last: u64) {
    let mut ids = BTreeMap::new();
    let mut firsts = Vec::new();
    for event in calls.iter().flatten() {
        let position = event["sequence"].as_u64().unwrap();
        match ids.insert(position, event["id"].clone()) {
            None => firsts.push(position),
            Some(id) => assert_eq!(id, event["id"], "another event at {position}"),
        }
    }
    assert_eq!(firsts, (1..=last).collect::<Vec<_>>());
}

/// How many events there are, in order or not yet.
async fn written(app: &App) -> u64 {
    let (mut count, mut after) = (0, 0);
    loop {
        let events = app.store.events("default", after, 1_000).await.unwrap();
        let Some((last, _)) = events.last() else { return count };
        (count, after) = (count + u64::try_from(events.len()).unwrap(), *last);
    }
}

fn journals(plugins: &Path) -> PathBuf {
    plugins.parent().unwrap().join("journals")
}

fn grant(journals: &Path, name: &str, behaviour: &str) -> String {
    format!(
        "[limits]\nwall = \"1m\"\ncpu = \"5s\"\n[grants.journal]\ndir = {:?}\nname = \"{name}.jsonl\"\n[config]\n{behaviour}\n",
        journals.display().to_string(),
    )
}

fn install(plugins: &Path, journals: &Path, name: &str, behaviour: &str) {
    fs::write(plugins.join(format!("{name}.toml")), grant(journals, name, behaviour)).unwrap();
    fs::copy(built_plugin("test-sink"), plugins.join(format!("{name}.wasm"))).unwrap();
}
