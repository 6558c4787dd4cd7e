//! The handle that the host works with.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notify::RecommendedWatcher;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::answer::{Fetched, Issuance, Receipt};
use crate::engine::TickingEngine;
use crate::error::{CallError, StartError};
use crate::generation::Generation;
use crate::loader::Loader;
use crate::manager::{Manager, Order};
use crate::options::{Controls, SandboxOptions};
use crate::pool::{self, Pool};
use crate::registry::{Registry, Slot};
use crate::request::{AuditEvent, Holder, PluginRequest, PollRequest};
use crate::status::{PluginStatus, Stage};
use crate::watch::watch;

/// Added to the longest allowed call when [`Sandbox::shutdown`] waits for the last one.
const DRAIN_SLACK: Duration = Duration::from_secs(1);

/// All plugins of one directory. Clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    engine: TickingEngine,
    orders: mpsc::Sender<Order>,
    /// One permit a running call, over all plugins.
    instances: Semaphore,
    max_instances: u32,
    longest_call: Duration,
    closing: AtomicBool,
    manager: AbortHandle,
    sweeper: AbortHandle,
    _watcher: Option<RecommendedWatcher>,
}

impl Sandbox {
    /// Starts the engine and looks at the directory. Returns when every plugin found is active,
    /// pending or rejected; a plugin that fails never keeps the sandbox from starting.
    pub async fn start(options: SandboxOptions) -> Result<Self, StartError> {
        let registry = Arc::new(Registry::default());
        let engine = TickingEngine::start(options.max_instances, &options.ceilings).map_err(StartError::Engine)?;
        let room = usize::try_from(options.max_instances).unwrap_or(1);
        let pool = Pool::new(room, RandomState::new().hash_one(room));
        let loader = Loader::new(&options, engine.engine.clone(), pool.clone());
        let loader = loader.map_err(|error| StartError::Engine(format!("{error:#}")))?;
        let (orders, order_queue) = mpsc::channel(16);
        let (changes, change_queue) = mpsc::channel(1);
        // Watching begins before the first look, so that nothing falls between them.
        let watcher = watch(&options.plugin_dir, changes);
        let mut manager = Manager::new(&options, loader, registry.clone());
        let settled = manager.settle().await;
        settled.map_err(|source| StartError::PluginDirectory { path: options.plugin_dir.clone(), source })?;
        let manager = tokio::spawn(manager.run(order_queue, change_queue));
        Ok(Self {
            inner: Arc::new(Inner {
                registry,
                engine,
                orders,
                instances: Semaphore::new(room),
                max_instances: options.max_instances,
                longest_call: options.ceilings.wall,
                closing: AtomicBool::new(false),
                manager: manager.abort_handle(),
                sweeper: tokio::spawn(pool::sweep(pool)).abort_handle(),
                _watcher: watcher,
            }),
        })
    }

    /// Every plugin in the directory, by name, whatever its stage.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        let plugins = self.inner.registry.load();
        plugins.values().map(|slot| slot.status()).collect()
    }

    /// One plugin.
    pub fn plugin(&self, name: &str) -> Option<PluginStatus> {
        self.inner.registry.load().get(name).map(|slot| slot.status())
    }

    /// Reads every file again now, and tries again what had failed. A generation whose content did not
    /// change stays as it is. Returns when every plugin is active, pending or rejected.
    pub async fn rescan(&self) {
        self.order(|done| Order::Rescan { done }).await;
    }

    /// Makes a new generation of one plugin even where nothing changed: its secrets are read and its
    /// breaker is closed again. Returns as [`rescan`](Self::rescan) does.
    pub async fn reload(&self, plugin: &str) {
        let plugin = plugin.to_owned();
        self.order(|done| Order::Reload { plugin, done }).await;
    }

    /// Puts what operators decided about plugins into force: all of it, so that what is not named is as
    /// the files have it. Returns when that is done.
    pub async fn control(&self, controls: Controls) {
        // The manager may be compiling for minutes: taking out of service does not wait for it.
        let plugins = self.inner.registry.load_full();
        for (name, _) in controls.iter().filter(|(_, control)| control.disabled) {
            if let Some(slot) = plugins.get(name) {
                slot.disable(None);
            }
        }
        self.order(|done| Order::Control { controls, done }).await;
    }

    /// Asks a data provider about a subject, in a sandbox, within the plugin's limits.
    pub async fn fetch(&self, plugin: &str, request: PluginRequest) -> Result<Fetched, CallError> {
        self.call(plugin, async |generation| generation.fetch(request).await).await
    }

    /// Asks a VC issuer for a credential, in a sandbox, within the plugin's limits.
    pub async fn issue(&self, plugin: &str, request: PluginRequest, holder: Holder) -> Result<Issuance, CallError> {
        self.call(plugin, async |generation| generation.issue(request, holder).await).await
    }

    /// Asks a VC issuer what became of a ticket, in a sandbox, within the plugin's limits.
    pub async fn poll(&self, plugin: &str, request: PollRequest) -> Result<Issuance, CallError> {
        self.call(plugin, async |generation| generation.poll(request).await).await
    }

    /// Hands events to an audit plugin, in a sandbox, within the plugin's limits.
    pub async fn deliver(&self, plugin: &str, batch: Vec<AuditEvent>) -> Result<Receipt, CallError> {
        self.call(plugin, async |generation| generation.deliver(batch).await).await
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

    async fn call<R>(
        &self,
        plugin: &str,
        ask: impl AsyncFnOnce(&Generation) -> Result<R, CallError>,
    ) -> Result<R, CallError> {
        let slot = self.inner.registry.load().get(plugin).cloned();
        let slot = slot.ok_or_else(|| CallError::Unknown { plugin: plugin.to_owned() })?;
        let result = match slot.serving.load_full() {
            None => Err(slot.not_active()),
            Some(generation) => self.through_breaker(&slot, &generation, ask).await,
        };
        slot.count(&result);
        result
    }

    async fn through_breaker<R>(
        &self,
        slot: &Slot,
        generation: &Generation,
        ask: impl AsyncFnOnce(&Generation) -> Result<R, CallError>,
    ) -> Result<R, CallError> {
        let plugin = || generation.plugin().to_owned();
        let longest = generation.limits.queue_wait + generation.limits.wall;
        let admitted = generation.breaker.admit(Instant::now(), longest);
        admitted.map_err(|retry_after| CallError::Paused { plugin: plugin(), retry_after })?;
        let result = self.in_turn(generation, ask).await;
        slot.note(generation, &result);
        result
    }

    async fn in_turn<R>(
        &self,
        generation: &Generation,
        ask: impl AsyncFnOnce(&Generation) -> Result<R, CallError>,
    ) -> Result<R, CallError> {
        let plugin = || generation.plugin().to_owned();
        let patience = generation.limits.queue_wait;
        let admitted = tokio::time::timeout(patience, self.admit(generation)).await;
        let _permits = admitted.map_err(|_| CallError::Busy { plugin: plugin(), retry_after: patience })?;
        if self.inner.closing.load(Ordering::SeqCst) {
            let reason = "the server is shutting down".to_owned();
            return Err(CallError::NotActive { plugin: plugin(), stage: Stage::Active, reason });
        }
        ask(generation).await
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<()>) -> Order) {
        let (done, finished) = oneshot::channel();
        // A manager that has ended (shutdown) has nothing left to do.
        if self.inner.orders.send(order(done)).await.is_ok() {
            let _ = finished.await;
        }
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
        self.sweeper.abort();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.inner.registry.load();
        f.debug_struct("Sandbox").field("plugins", &plugins.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
