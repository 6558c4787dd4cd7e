//! A sandbox over a directory of its own.

use std::path::PathBuf;
use std::time::Duration;

use chancery_sandbox::{CallError, CompileMode, Fetched, PluginRequest, PluginStatus, Sandbox, SandboxOptions, Stage};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::minimal::minimal;
pub(crate) use crate::plugins::built;
use crate::ports::Fakes;

/// A plugin directory, a cache directory, and a sandbox once it is started.
pub(crate) struct Host {
    dir: TempDir,
    sandbox: Option<Sandbox>,
    pub(crate) fakes: Fakes,
}

impl Host {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("plugins")).unwrap();
        Self { dir, sandbox: None, fakes: Fakes::default() }
    }

    /// A started sandbox with the hostile plugin under the name `hostile` and this grant file.
    pub(crate) async fn hostile(grant: &str) -> Self {
        let mut host = Self::new();
        host.put("hostile.wasm", hostile());
        host.put("hostile.toml", grant);
        host.start().await;
        let status = host.status("hostile");
        assert_eq!(status.stage, Stage::Active, "{status:?}");
        host
    }

    /// A started sandbox for one call at a time with a built plugin, this grant file, and a healthy
    /// neighbour. Whatever is not given back shows soon.
    pub(crate) async fn narrow(plugin: &str, grant: &str) -> Self {
        let mut host = Self::new();
        host.put(&format!("{plugin}.wasm"), built(plugin));
        host.put(&format!("{plugin}.toml"), grant);
        host.put("neighbour.wasm", minimal());
        let mut options = host.options();
        options.max_instances = 1;
        host.start_with(options).await;
        host
    }

    /// After whatever happened: neither sandboxes nor the neighbour took harm, and no source is still
    /// asked for nobody.
    pub(crate) async fn goes_on(&self) {
        for _ in 0..8 {
            let data = self.sandbox().fetch("neighbour", request("anybody")).await.unwrap();
            assert_eq!(data.claims["name"], "Ada");
        }
        eventually("no source is asked for nobody", async || self.fakes.waiting() == 0).await;
        assert!(self.sandbox().ticker_alive());
    }

    /// Lets a plugin do these steps in one call, and gives what came of each.
    pub(crate) async fn script(&self, plugin: &str, steps: Value) -> Result<Vec<Vec<String>>, CallError> {
        let request = PluginRequest { settings: json!({ "steps": steps }), ..request("1003") };
        let data = self.sandbox().fetch(plugin, request).await?;
        Ok(serde_json::from_value(data.claims["said"].clone()).unwrap())
    }

    /// The same for one step that is done once.
    pub(crate) async fn step(&self, plugin: &str, step: Value) -> String {
        self.script(plugin, json!([step])).await.unwrap().remove(0).remove(0)
    }

    pub(crate) fn options(&self) -> SandboxOptions {
        let plugins = self.plugin_dir();
        let cache = self.cache_dir();
        let mut options = SandboxOptions::new(plugins, cache, [7; 32], CompileMode::InProcess);
        options.max_instances = 16;
        options.ports = self.fakes.ports();
        options.debounce = Duration::from_millis(20);
        // Tests say themselves when to look.
        options.rescan = Duration::from_hours(1);
        options
    }

    pub(crate) async fn start(&mut self) -> &Sandbox {
        self.start_with(self.options()).await
    }

    pub(crate) async fn start_with(&mut self, options: SandboxOptions) -> &Sandbox {
        let sandbox = Sandbox::start(options).await.unwrap();
        self.sandbox.insert(sandbox)
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    pub(crate) fn plugin_dir(&self) -> PathBuf {
        self.dir.path().join("plugins")
    }

    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// Writes a file into the plugin directory, atomically as operators should.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let temporary = self.plugin_dir().join(format!(".{name}.tmp"));
        std::fs::write(&temporary, content).unwrap();
        std::fs::rename(temporary, self.plugin_dir().join(name)).unwrap();
    }

    pub(crate) fn status(&self, plugin: &str) -> PluginStatus {
        let mut plugins = self.sandbox().plugins().into_iter();
        plugins.find(|status| status.name == plugin).unwrap()
    }

    /// Asks the hostile plugin to behave in one of its ways.
    pub(crate) async fn ask(&self, behaviour: &str) -> Result<Fetched, CallError> {
        self.sandbox().fetch("hostile", request(behaviour)).await
    }

    /// A call that runs until its wall-clock limit. Returns when it has begun, which shows because it
    /// holds the only slot: the grant must say `concurrency = 1` and `queue_wait = "50ms"`.
    pub(crate) async fn slow_call(&self) -> JoinHandle<Result<Fetched, CallError>> {
        let sandbox = self.sandbox().clone();
        let call = tokio::spawn(async move { sandbox.fetch("hostile", request("slow-host-call")).await });
        loop {
            match self.ask("anybody").await {
                Ok(_) => tokio::task::yield_now().await,
                Err(CallError::Busy { retry_after, .. }) => {
                    assert_eq!(retry_after, Duration::from_millis(50));
                    return call;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Waits for what happens by itself; fails after a time no machine needs.
pub(crate) async fn eventually(what: &str, done: impl AsyncFn() -> bool) {
    let patience = Duration::from_secs(30);
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(patience, waiting).await.is_ok(), "{what}");
}

pub(crate) fn request(subject_id: &str) -> PluginRequest {
    PluginRequest {
        request_id: "req-1".to_owned(),
        issuer_id: "default".to_owned(),
        configuration_id: "Farmer".to_owned(),
        format: "dc+sd-jwt".to_owned(),
        subject_id: subject_id.to_owned(),
        ..PluginRequest::default()
    }
}

/// The plugin that misbehaves on request.
pub(crate) fn hostile() -> Vec<u8> {
    built("hostile")
}
