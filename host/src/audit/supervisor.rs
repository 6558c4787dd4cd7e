//! The one task that puts events in order and keeps an actor alive for each audit plugin that serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chancery_sandbox::{Kind, PluginStatus, Stage};
use chancery_store::{MAX_EVENTS_PER_READ, StoreError};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::delivery::{LOOK, Shared};
use super::retention;
use super::sink::Sink;

/// Events that are announced within this time get their positions together.
const GATHER: Duration = Duration::from_millis(20);
/// How often the store is asked how far other hosts are, while somebody waits for it.
const FOLLOW: Duration = Duration::from_millis(100);
/// Statements of one round, so that a long backlog does not keep the supervisor from the plugins.
const MAX_STATEMENTS: u32 = 16;

pub(super) struct Supervisor {
    shared: Arc<Shared>,
    holder: String,
    stop: CancellationToken,
    actors: BTreeMap<String, Actor>,
    tasks: JoinSet<()>,
    /// When actors ended that nobody had told to.
    ended: BTreeMap<String, Instant>,
    /// Said once, not every second.
    failing: bool,
}

struct Actor {
    task: Id,
    stop: CancellationToken,
    again: Arc<Notify>,
    generation: String,
}

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>, holder: String, stop: CancellationToken) -> Self {
        Self {
            shared,
            holder,
            stop,
            actors: BTreeMap::new(),
            tasks: JoinSet::new(),
            ended: BTreeMap::new(),
            failing: false,
        }
    }

    /// Returns when all actors have ended.
    pub(super) async fn run(mut self) {
        self.tasks.spawn(retention::run(Arc::clone(&self.shared), self.stop.clone()));
        while !self.stop.is_cancelled() {
            self.reconcile();
            match self.round().await {
                Ok(drained) => {
                    self.failing = false;
                    self.wait(drained).await;
                }
                Err(error) => {
                    if !self.failing {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "audit events cannot be put in order");
                    }
                    self.failing = true;
                    self.wait(true).await;
                }
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts an actor for each audit plugin that serves, and stops those whose plugin does not any more.
    fn reconcile(&mut self) {
        let plugins: BTreeMap<_, _> =
            self.shared.sandbox.plugins().into_iter().map(|plugin| (plugin.name.clone(), plugin)).collect();
        for (name, actor) in &mut self.actors {
            match plugins.get(name).filter(|plugin| is_served_still(plugin)).and_then(|plugin| plugin.serving.as_ref())
            {
                None => actor.stop.cancel(),
                Some(serving) if serving.generation != actor.generation => {
                    actor.generation.clone_from(&serving.generation);
                    actor.again.notify_one();
                }
                Some(_) => {}
            }
        }
        for (name, plugin) in plugins {
            let is_sink =
                plugin.kind == Some(Kind::Audit) && matches!(plugin.stage, Stage::Active | Stage::Quarantined);
            // One that keeps ending is not started more often than anything else is looked at.
            let rests = self.ended.get(&name).is_some_and(|at| at.elapsed() < LOOK);
            match plugin.serving {
                Some(serving) if is_sink && !rests && !self.actors.contains_key(&name) => {
                    self.ended.remove(&name);
                    self.spawn(name, serving.generation);
                }
                _ => {}
            }
        }
    }

    fn spawn(&mut self, plugin: String, generation: String) {
        let (stop, again) = (self.stop.child_token(), Arc::new(Notify::new()));
        let sink = Sink {
            account: self.shared.account(&plugin, &self.holder),
            shared: Arc::clone(&self.shared),
            stop: stop.clone(),
            again: Arc::clone(&again),
        };
        let task = self.tasks.spawn(sink.run()).id();
        self.actors.insert(plugin, Actor { task, stop, again, generation });
    }

    /// Gives every committed event its position; `false` when there are more.
    async fn round(&mut self) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let round = shared.begun.fetch_add(1, Ordering::SeqCst) + 1;
        for _ in 0..MAX_STATEMENTS {
            let sequenced = shared.store.sequence_events(MAX_EVENTS_PER_READ).await?;
            if sequenced > 0 {
                shared.sequenced.send_modify(|total| *total += sequenced);
            }
            if sequenced < u64::from(MAX_EVENTS_PER_READ) {
                if shared.is_waited_for() {
                    shared.follow().await?;
                }
                shared.progress.send_modify(|progress| progress.round = round);
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn wait(&mut self, drained: bool) {
        let hurry = self.shared.is_waited_for();
        let look = if hurry { FOLLOW } else { LOOK };
        let time = if drained { look } else { Duration::ZERO };
        // Where nobody takes events from here, their order can wait for the next look.
        let heeds_bell = hurry || !self.actors.is_empty();
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.shared.bell.notified(), if heeds_bell => sleep(GATHER).await,
            Some(ended) = self.tasks.join_next_with_id() => self.bury(ended),
            () = sleep(time) => {}
        }
    }

    /// A later look starts another actor where the plugin still serves.
    fn bury(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(error) => error.id(),
        };
        let plugin = self.actors.iter().find(|(_, actor)| actor.task == task).map(|(plugin, _)| plugin.clone());
        if let Err(error) = ended {
            tracing::error!(plugin, error = &error as &dyn std::error::Error, "a task of the audit delivery crashed");
        }
        let Some(plugin) = plugin else { return };
        self.shared.forget_report(&plugin);
        if self.actors.remove(&plugin).is_some_and(|actor| !actor.stop.is_cancelled()) {
            self.ended.insert(plugin, Instant::now());
        }
    }
}

/// Whether what answers calls is the audit plugin that it was: of a newer generation that does not serve, the kind
/// may be another one, or not known.
fn is_served_still(plugin: &PluginStatus) -> bool {
    plugin.stage != Stage::Active || plugin.kind == Some(Kind::Audit)
}
