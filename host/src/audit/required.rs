//! Waiting until the required sinks have what just happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use chancery_store::StoreError;
use tokio::time::{Instant, timeout_at};

use super::delivery::{Delivery, Shared};

/// Whoever issues asks this before it answers.
#[async_trait]
pub trait Accepted: Send + Sync + Debug {
    /// Hurries events along that were committed, and answers whether every sink of `audit.required` has accepted all
    /// of them, at the latest after `within`; at once, and `true`, where none is required. It looks at least once, so
    /// that one may ask again later without waiting. A name that is no audit plugin accepts nothing.
    async fn accepted(&self, event_ids: &[String], within: Duration) -> bool;
}

/// What is known of the delivery on this host. Grows only.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last round that found every event to have a position.
    pub(super) round: u64,
    /// How far each plugin has accepted the events.
    pub(super) delivered: BTreeMap<String, u64>,
}

impl Progress {
    /// Takes over how far a plugin is; `false` when that was known.
    pub(super) fn reached(&mut self, plugin: &str, position: u64) -> bool {
        match self.delivered.get_mut(plugin) {
            Some(known) if *known >= position => return false,
            Some(known) => *known = position,
            None => drop(self.delivered.insert(plugin.to_owned(), position)),
        }
        true
    }
}

#[async_trait]
impl Accepted for Delivery {
    async fn accepted(&self, event_ids: &[String], within: Duration) -> bool {
        let shared = &self.shared;
        if shared.required.is_empty() || event_ids.is_empty() {
            shared.bell.notify_one();
            return true;
        }
        let deadline = Instant::now() + within;
        let mut progress = shared.progress.subscribe();
        // Whatever round begins from here on sees the events.
        let mut events = Events::new(event_ids, shared.begun.load(Ordering::SeqCst));
        let _waiting = Waiting::new(shared);
        shared.bell.notify_one();
        loop {
            progress.mark_unchanged();
            match events.are_accepted(shared).await {
                Ok(true) => return true,
                Ok(false) if !self.missing().is_empty() => return false,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "whether events were accepted cannot be told"
                    );
                }
            }
            if !matches!(timeout_at(deadline, progress.changed()).await, Ok(Ok(()))) {
                return false;
            }
        }
    }
}

/// The events that somebody waits for.
struct Events<'a> {
    /// Those whose position is not known.
    unplaced: BTreeSet<&'a str>,
    /// The last position of the others.
    last: u64,
    /// Rounds up to this one may have begun before the events were there.
    begun: u64,
    /// Whether the database was asked how far the sinks are: once for each wait, then the supervisor does it for all.
    followed: bool,
}

impl<'a> Events<'a> {
    fn new(ids: &'a [String], begun: u64) -> Self {
        Self { unplaced: ids.iter().map(String::as_str).collect(), last: 0, begun, followed: false }
    }

    async fn are_accepted(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        // Read before the positions: what has none after that round was deleted, which only happens after delivery.
        let all_placed = shared.progress.borrow().round > self.begun;
        for id in self.unplaced.clone() {
            if let Some(position) = shared.store.event_sequence(id).await? {
                self.last = self.last.max(position);
                self.unplaced.remove(id);
            }
        }
        if !self.unplaced.is_empty() && !all_placed {
            return Ok(false);
        }
        if self.have_passed(shared) {
            return Ok(true);
        }
        if !std::mem::replace(&mut self.followed, true) {
            shared.follow().await?;
        }
        Ok(self.have_passed(shared))
    }

    fn have_passed(&self, shared: &Shared) -> bool {
        let progress = shared.progress.borrow();
        shared.required.iter().all(|plugin| progress.delivered.get(plugin).is_some_and(|at| *at >= self.last))
    }
}

/// While one lives, the supervisor looks often how far other hosts are.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
