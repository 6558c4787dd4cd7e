//! Delivery of audit events to the audit plugins of this host: at least once, in one order, to each at its own pace.
//!
//! One supervisor gives committed events their positions and runs an actor for each audit plugin that serves
//! (`sink.rs`). Of many hosts on one database, one at a time delivers to a plugin, under a lease in the store; what
//! the others have to do is wait. Nothing here is in the way of whoever issues.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_sandbox::{Kind, Sandbox};
use chancery_store::{Store, StoreError, Timestamp, webhook_delivery};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lease::Account;
use super::required::Progress;
use super::retention::Keep;
use super::status::{self, DeliveryStatus};
use super::supervisor::Supervisor;
use crate::clock::Clock;
use crate::config::Config;

/// How often somebody looks for events that nobody announced: those of other processes.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The delivery of one host. Does nothing until it is started.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub(super) shared: Arc<Shared>,
}

/// A delivery at work. Dropped, it ends at once, and its leases run out.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    holder: String,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
}

/// What supervisor, actors and those who wait have in common.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) sandbox: Sandbox,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) required: Vec<String>,
    pub(super) keep: Keep,
    /// Receivers that must be known to the store before any event is deleted.
    pub(super) awaited: Vec<String>,
    /// Rung when events were committed here.
    pub(super) bell: Notify,
    /// How many wait for acceptance.
    pub(super) waiting: AtomicUsize,
    /// The number of the last round that was begun.
    pub(super) begun: AtomicU64,
    /// Changes when events got positions.
    pub(super) sequenced: watch::Sender<u64>,
    pub(super) progress: watch::Sender<Progress>,
    reports: Mutex<BTreeMap<String, Report>>,
}

/// What keeps an actor of this host from delivering.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) error: String,
    pub(super) next_attempt: Timestamp,
}

impl Delivery {
    pub fn new(store: Arc<dyn Store>, sandbox: Sandbox, clock: Arc<dyn Clock>, config: &Config) -> Self {
        let webhooks = config.webhooks.keys().map(|name| webhook_delivery(name));
        let shared = Shared {
            store,
            sandbox,
            clock,
            required: config.audit.required.clone(),
            keep: config.audit.keep,
            awaited: config.audit.required.iter().cloned().chain(webhooks).collect(),
            bell: Notify::new(),
            waiting: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            sequenced: watch::Sender::new(0),
            progress: watch::Sender::new(Progress::default()),
            reports: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub fn start(&self) -> Running {
        let (shared, stop) = (Arc::clone(&self.shared), CancellationToken::new());
        let holder = Uuid::new_v4().to_string();
        let supervisor = Supervisor::new(Arc::clone(&shared), holder.clone(), stop.clone());
        Running { shared, holder, stop, supervisor: tokio::spawn(supervisor.run()) }
    }

    /// How far each sink is that was ever delivered to, with what keeps this host's actors from going on.
    pub async fn sinks(&self) -> Result<Vec<DeliveryStatus>, StoreError> {
        let mut sinks = status::sinks(self.shared.store.as_ref(), self.shared.clock.timestamp()).await?;
        let reports = self.shared.reports();
        for sink in &mut sinks {
            if let Some(report) = reports.get(&sink.plugin) {
                sink.is_held_up(&report.error, report.next_attempt);
            }
        }
        Ok(sinks)
    }

    /// A receiver of the events beside the audit plugins.
    pub(crate) fn account(&self, name: &str, holder: &str) -> Account {
        self.shared.account(name, holder)
    }

    /// Changes when events got positions.
    pub(crate) fn sequenced(&self) -> watch::Receiver<u64> {
        self.shared.sequenced.subscribe()
    }

    /// What keeps a receiver from getting events, and for how long it is left alone; `None` for nothing.
    pub(crate) fn report(&self, name: &str, trouble: Option<(String, Duration)>) {
        self.shared.report(name, trouble);
    }

    /// The names in `audit.required` that are no audit plugins on this host.
    pub fn missing(&self) -> Vec<&str> {
        let is_sink = |name: &str| {
            self.shared.sandbox.plugin(name).is_some_and(|plugin| match plugin.kind {
                Some(kind) => kind == Kind::Audit,
                // Of a newer generation that was not compiled yet, or never will be, while the former one serves.
                None => plugin.is_serving(),
            })
        };
        self.shared.required.iter().map(String::as_str).filter(|name| !is_sink(name)).collect()
    }

    /// The names in `audit.required` whose plugin is an audit plugin that does not serve on this host.
    pub fn idle(&self) -> Vec<&str> {
        let missing = self.missing();
        let serves = |name: &str| self.shared.sandbox.plugin(name).is_some_and(|plugin| plugin.is_serving());
        let required = self.shared.required.iter().map(String::as_str);
        required.filter(|name| !missing.contains(name) && !serves(name)).collect()
    }
}

impl Running {
    /// Lets every actor finish the batch under way, at most for so long, and gives the leases up, so that another
    /// host can go on at once.
    pub async fn stop(mut self, within: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(within, &mut self.supervisor).await.is_ok() {
            return;
        }
        tracing::warn!("a batch of audit events was still under way: it will be delivered again");
        self.supervisor.abort();
        let held: Vec<String> = self.shared.progress.borrow().delivered.keys().cloned().collect();
        for plugin in held {
            self.shared.account(&plugin, &self.holder).release().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl Shared {
    pub(super) fn account(&self, name: &str, holder: &str) -> Account {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Account { name: name.to_owned(), holder: holder.to_owned(), store, clock }
    }

    /// Takes note of how far a plugin is.
    pub(super) fn reached(&self, plugin: &str, position: u64) {
        self.progress.send_if_modified(|progress| progress.reached(plugin, position));
    }

    /// Takes note of how far all plugins are, whichever host delivers to them.
    pub(super) async fn follow(&self) -> Result<(), StoreError> {
        let deliveries = self.store.deliveries().await?;
        self.progress.send_if_modified(|progress| {
            let changes = deliveries.iter().filter(|one| progress.reached(&one.plugin, one.delivered_sequence));
            changes.count() > 0
        });
        Ok(())
    }

    /// What keeps a plugin from getting events, and for how long it is left alone; `None` for nothing.
    pub(super) fn report(&self, plugin: &str, trouble: Option<(String, Duration)>) {
        let Some((error, wait)) = trouble else { return self.forget_report(plugin) };
        let next_attempt = Timestamp::new(self.clock.now() + wait);
        self.reports().insert(plugin.to_owned(), Report { error, next_attempt });
    }

    pub(super) fn forget_report(&self, plugin: &str) {
        self.reports().remove(plugin);
    }

    /// Whether anybody here is in a hurry to see events in order.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    fn reports(&self) -> MutexGuard<'_, BTreeMap<String, Report>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("required", &self.required).field("keep", &self.keep).finish_non_exhaustive()
    }
}
