//! A sandbox over a directory of its own.

use std::path::PathBuf;
use std::time::Duration;

use chancery_sandbox::{CallError, CompileMode, Fetched, PluginRequest, PluginStatus, Sandbox, SandboxOptions, Stage};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) use crate::plugins::built;

/// A plugin directory, a cache directory, and a sandbox once it is started.
pub(crate) struct Host {
    dir: TempDir,
    sandbox: Option<Sandbox>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("plugins")).unwrap();
        Self { dir, sandbox: None }
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

    pub(crate) fn options(&self) -> SandboxOptions {
        let plugins = self.plugin_dir();
        let cache = self.cache_dir();
        let mut options = SandboxOptions::new(plugins, cache, [7; 32], CompileMode::InProcess);
        options.max_instances = 16;
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
