//! The handle that the host works with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::RecommendedWatcher;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::answer::Fetched;
use crate::engine::TickingEngine;
use crate::error::{CallError, StartError};
use crate::generation::Generation;
use crate::loader::Loader;
use crate::manager::{Manager, Rescan};
use crate::options::SandboxOptions;
use crate::registry::Registry;
use crate::status::{PluginStatus, Stage};
use crate::watch::watch;

/// Added to the longest allowed call when [`Sandbox::shutdown`] waits for the last one.
const DRAIN_SLACK: Duration = Duration::from_secs(1);

/// All plugins of one directory. Clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

/// What a data provider is asked. JSON values must be objects; `Null` means an empty one.
#[derive(Clone, Default)]
pub struct FetchRequest {
    /// Names this request in every log.
    pub request_id: String,
    /// The issuer of the credential.
    pub issuer_id: String,
    /// The credential configuration.
    pub configuration_id: String,
    /// OpenID4VCI format identifier.
    pub format: String,
    /// Whom the credential is about.
    pub subject_id: String,
    /// The token's claims, or the offer's.
    pub subject_claims: Value,
    /// Paths of wanted claims; empty means all.
    pub requested_claims: Vec<Vec<String>>,
    /// BCP 47 tags, best first.
    pub locales: Vec<String>,
    /// The credential configuration's settings for this plugin.
    pub settings: Value,
    /// Everything else. A text member `traceparent` is what the plugin sees as its trace context.
    pub context: Value,
}

struct Inner {
    registry: Arc<Registry>,
    engine: TickingEngine,
    rescans: mpsc::Sender<Rescan>,
    /// One permit a running call, over all plugins.
    instances: Semaphore,
    max_instances: u32,
    longest_call: Duration,
    closing: AtomicBool,
    manager: AbortHandle,
    _watcher: Option<RecommendedWatcher>,
}

impl Sandbox {
    /// Starts the engine and looks at the directory. Returns when every plugin found is active,
    /// pending or rejected; a plugin that fails never keeps the sandbox from starting.
    pub async fn start(options: SandboxOptions) -> Result<Self, StartError> {
        let registry = Arc::new(Registry::default());
        let engine = TickingEngine::start(options.max_instances, &options.ceilings).map_err(StartError::Engine)?;
        let loader =
            Loader::new(&options, engine.engine.clone()).map_err(|error| StartError::Engine(format!("{error:#}")))?;
        let (rescans, rescan_queue) = mpsc::channel(16);
        let (changes, change_queue) = mpsc::channel(1);
        // Watching begins before the first look, so that nothing falls between them.
        let watcher = watch(&options.plugin_dir, changes);
        let mut manager = Manager::new(&options, loader, registry.clone());
        let settled = manager.settle().await;
        settled.map_err(|source| StartError::PluginDirectory { path: options.plugin_dir.clone(), source })?;
        let manager = tokio::spawn(manager.run(rescan_queue, change_queue));
        Ok(Self {
            inner: Arc::new(Inner {
                registry,
                engine,
                rescans,
                instances: Semaphore::new(usize::try_from(options.max_instances).unwrap_or(1)),
                max_instances: options.max_instances,
                longest_call: options.ceilings.wall,
                closing: AtomicBool::new(false),
                manager: manager.abort_handle(),
                _watcher: watcher,
            }),
        })
    }

    /// Every plugin in the directory, by name, whatever its stage.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        let plugins = self.inner.registry.load();
        plugins.values().map(|slot| slot.status()).collect()
    }

    /// Reads every file again now, and tries again what had failed. A generation whose content did not
    /// change stays as it is. Returns when every plugin is active, pending or rejected.
    pub async fn rescan(&self) {
        let (done, finished) = oneshot::channel();
        // A manager that has ended (shutdown) has nothing left to look at.
        if self.inner.rescans.send(done).await.is_ok() {
            let _ = finished.await;
        }
    }

    /// Asks a data provider about a subject, in a fresh sandbox, within the plugin's limits.
    pub async fn fetch(&self, plugin: &str, request: FetchRequest) -> Result<Fetched, CallError> {
        let slot = self.inner.registry.load().get(plugin).cloned();
        let slot = slot.ok_or_else(|| CallError::Unknown { plugin: plugin.to_owned() })?;
        let result = match slot.serving.load_full() {
            None => Err(slot.not_active()),
            Some(generation) => self.answer(plugin, &generation, request).await,
        };
        slot.count(&result);
        result
    }

    /// Whether CPU limits are being enforced; for health checks.
    pub fn ticker_alive(&self) -> bool {
        self.inner.engine.ticker_alive()
    }

    /// Takes no more calls and waits for those that run, at most as long as a call may take.
    pub async fn shutdown(&self) {
        let inner = &self.inner;
        inner.closing.store(true, Ordering::SeqCst);
        inner.manager.abort();
        let all = inner.instances.acquire_many(inner.max_instances);
        let patience = inner.longest_call + DRAIN_SLACK;
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("calls are still running after the longest time allowed");
        }
    }

    async fn answer(&self, plugin: &str, generation: &Generation, request: FetchRequest) -> Result<Fetched, CallError> {
        let patience = generation.limits.queue_wait;
        let admitted = tokio::time::timeout(patience, self.admit(generation)).await;
        let _permits = admitted.map_err(|_| CallError::Busy { plugin: plugin.to_owned(), retry_after: patience })?;
        if self.inner.closing.load(Ordering::SeqCst) {
            return Err(CallError::NotActive {
                plugin: plugin.to_owned(),
                stage: Stage::Active,
                reason: "the server is shutting down".to_owned(),
            });
        }
        generation.fetch(request).await
    }

    /// The plugin's own permit first: a plugin with a long queue must not hold what others need.
    /// The semaphores are never closed, so absent permits are not a case.
    async fn admit<'a>(&'a self, generation: &'a Generation) -> [Option<SemaphorePermit<'a>>; 2] {
        let own = generation.slots.acquire().await.ok();
        [own, self.inner.instances.acquire().await.ok()]
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.manager.abort();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.inner.registry.load();
        f.debug_struct("Sandbox").field("plugins", &plugins.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// Without what is personal.
impl fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchRequest")
            .field("request_id", &self.request_id)
            .field("issuer_id", &self.issuer_id)
            .field("configuration_id", &self.configuration_id)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
