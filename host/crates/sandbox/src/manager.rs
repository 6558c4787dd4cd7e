//! Notices what changed in the plugin directory and acts on it. One task does all of it, so changes
//! never race each other.

use std::collections::BTreeMap;
use std::io;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::directory::{self, Fingerprint};
use crate::limits::Limits;
use crate::loader::{Failure, Loader, Outcome, Verified, rejected};
use crate::options::{Controls, SandboxOptions};
use crate::registry::{Registry, Slot};
use crate::status::Stage;

/// How many looks wait for files to settle before the rest is left to the next change.
const MAX_LOOKS: u32 = 20;

/// A plugin that failed for a passing reason is tried again after this many periodic looks, then
/// twice as many, and so on up to the second number.
const FIRST_RETRY: u32 = 1;
const LAST_RETRY: u32 = 12;

/// What the manager is told to do; `done` is answered afterwards.
pub(crate) enum Order {
    /// Look at everything again.
    Rescan { done: oneshot::Sender<()> },
    /// Make a new generation of a plugin, whether or not anything changed.
    Reload { plugin: String, done: oneshot::Sender<()> },
    /// Put operators' decisions into force.
    Control { controls: Controls, done: oneshot::Sender<()> },
}

/// The manager's own view of the plugins; [`Registry`] is what it publishes.
pub(crate) struct Manager {
    loader: Loader,
    registry: Arc<Registry>,
    entries: BTreeMap<String, Entry>,
    controls: Controls,
    dir: std::path::PathBuf,
    ceilings: Limits,
    debounce: Duration,
    rescan: Duration,
}

/// One plugin as the manager knows it.
#[derive(Default)]
struct Entry {
    /// What the last look saw.
    seen: Option<Fingerprint>,
    /// What the last loading was about.
    loaded: Option<Fingerprint>,
    /// The generation that is active because of it.
    active: Option<String>,
    retry: Option<Retry>,
}

#[derive(Clone, Copy)]
struct Retry {
    looks_left: u32,
    next: u32,
}

impl Manager {
    pub(crate) fn new(options: &SandboxOptions, loader: Loader, registry: Arc<Registry>) -> Self {
        Self {
            loader,
            registry,
            entries: BTreeMap::new(),
            controls: options.controls.clone(),
            dir: options.plugin_dir.clone(),
            ceilings: options.ceilings.clone(),
            debounce: options.debounce,
            rescan: options.rescan,
        }
    }

    /// Runs until the last sandbox handle is gone.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut changes: mpsc::Receiver<()>) {
        let mut looks = interval(self.rescan);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(first) = order else { return };
                    // Who asked while the last one ran is answered by this one.
                    let given: Vec<Order> = iter::once(first).chain(iter::from_fn(|| orders.try_recv().ok())).collect();
                    let waiting: Vec<oneshot::Sender<()>> = given.into_iter().map(|order| self.take(order)).collect();
                    self.settle_or_warn().await;
                    for done in waiting {
                        let _ = done.send(());
                    }
                }
                Some(()) = changes.recv() => self.settle_or_warn().await,
                _ = looks.tick() => {
                    self.count_down_retries();
                    self.settle_or_warn().await;
                }
            }
        }
    }

    /// Notes what the next look has to do.
    fn take(&mut self, order: Order) -> oneshot::Sender<()> {
        match order {
            Order::Rescan { done } => {
                self.forget_results();
                done
            }
            Order::Reload { plugin, done } => {
                if let Some(entry) = self.entries.get_mut(&plugin) {
                    entry.loaded = None;
                    entry.active = None;
                }
                done
            }
            Order::Control { controls, done } => {
                for (name, entry) in &mut self.entries {
                    if controls.get(name) != self.controls.get(name) {
                        entry.loaded = None;
                    }
                }
                self.controls = controls;
                done
            }
        }
    }

    /// Looks until nothing changes any more, and loads what is new. A file counts as written when
    /// two looks in a row see the same, and as removed when two in a row miss it.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        for _ in 0..MAX_LOOKS {
            let found = self.look().await?;
            let mut unsettled = self.forget_missing(&found);
            for (name, fingerprint) in found {
                unsettled |= self.consider(&name, fingerprint).await;
            }
            if !unsettled {
                break;
            }
            sleep(self.debounce).await;
        }
        Ok(())
    }

    async fn settle_or_warn(&mut self) {
        if let Err(error) = self.settle().await {
            let dir = self.dir.display();
            tracing::warn!(%dir, %error, "cannot read the plugin directory, plugins stay as they are");
        }
    }

    async fn look(&self) -> io::Result<BTreeMap<String, Fingerprint>> {
        let (dir, ceilings) = (self.dir.clone(), self.ceilings.clone());
        let look = move || directory::look(&dir, &ceilings);
        tokio::task::spawn_blocking(look).await.map_err(io::Error::other)?
    }

    /// Loads a plugin if it changed and has settled. True if it has to be looked at again.
    async fn consider(&mut self, name: &str, fingerprint: Fingerprint) -> bool {
        let slot = self.slot(name);
        let entry = self.entries.entry(name.to_owned()).or_default();
        if entry.loaded.as_ref() == Some(&fingerprint) {
            entry.seen = Some(fingerprint);
            return false;
        }
        // At start most files are old: nobody is still writing them.
        let settled = entry.seen.is_none() && fingerprint.is_quiet(self.debounce);
        if !settled && entry.seen.as_ref() != Some(&fingerprint) {
            entry.seen = Some(fingerprint);
            slot.unsettled("its files are still being written");
            return true;
        }
        entry.seen = Some(fingerprint.clone());
        entry.loaded = Some(fingerprint);
        self.load(name, &slot).await;
        false
    }

    async fn load(&mut self, name: &str, slot: &Slot) {
        if self.controls.get(name).is_some_and(|control| control.disabled) {
            self.entries.entry(name.to_owned()).or_default().active = None;
            slot.disable(self.loader.is_required(name).await);
            return;
        }
        let outcome = self.try_load(name, slot).await;
        let held = self.controls.get(name).and_then(|control| control.held.as_ref());
        let held = held.filter(|held| slot.status().release.as_ref() == Some(&held.release));
        slot.set_former(self.loader.archive().list(name), held.map(|held| held.instead_of.clone()));
        let entry = self.entries.entry(name.to_owned()).or_default();
        match outcome {
            Ok(generation) => {
                entry.active = Some(generation);
                entry.retry = None;
            }
            Err(failure) => {
                entry.active = None;
                entry.retry = Retry::after(entry.retry, failure.may_pass);
                report(name, &failure);
                slot.fail(&failure);
            }
        }
    }

    async fn try_load(&self, name: &str, slot: &Slot) -> Result<String, Failure> {
        let verified = match self.verified(name).await {
            Ok(verified) => verified,
            Err(failure) => {
                slot.unreadable(self.loader.is_required(name).await);
                // The component, its pin or a granted file is not right; what the grant file says still counts.
                if let Some(granted) = self.loader.granted(name).await {
                    slot.withdraw(&granted);
                }
                return Err(failure);
            }
        };
        let id = verified.generation.clone();
        let entry = self.entries.get(name);
        if entry.and_then(|entry| entry.active.as_ref()) == Some(&id) {
            slot.unchanged();
            return Ok(id);
        }
        slot.begin(&verified);
        let granted = verified.grant.pieces();
        let generation = self.loader.activate(name, verified, slot).await;
        let generation = generation.inspect_err(|_| slot.withdraw(&granted))?;
        let version = &generation.identity.version;
        tracing::info!(plugin = name, generation = id, version, "plugin is active");
        slot.activate(generation);
        Ok(id)
    }

    /// What is in the directory, or the release that an operator went back to. A new release there ends that.
    async fn verified(&self, name: &str) -> Result<Verified, Failure> {
        let newest = self.loader.verify(name).await?;
        let held = self.controls.get(name).and_then(|control| control.held.as_ref());
        match held.filter(|held| held.instead_of == newest.release) {
            Some(held) => {
                let former = self.loader.verify_former(name, &held.release).await?;
                if former.grant.pieces().is_subset(&newest.grant.pieces()) {
                    return Ok(former);
                }
                let reason = "the earlier release had grants that the grant file no longer gives: put them back there to \
                              go back to it";
                Err(rejected(Stage::Verified, reason.to_owned()))
            }
            None => Ok(newest),
        }
    }

    /// The plugin's slot, published if it is new.
    fn slot(&self, name: &str) -> Arc<Slot> {
        if let Some(slot) = self.registry.load().get(name) {
            return slot.clone();
        }
        let slot = Arc::new(Slot::new(name));
        let mut plugins = BTreeMap::clone(&self.registry.load());
        plugins.insert(name.to_owned(), slot.clone());
        self.registry.store(Arc::new(plugins));
        slot
    }

    /// Removed plugins end here; calls that run keep their generation until they are done. True if
    /// it has to be looked again: a tool that removes a file before it writes the new one, or a
    /// directory listing that misses a file being renamed, must not take a plugin away.
    fn forget_missing(&mut self, found: &BTreeMap<String, Fingerprint>) -> bool {
        let mut gone = Vec::new();
        let mut missed = false;
        for (name, entry) in self.entries.iter_mut().filter(|(name, _)| !found.contains_key(*name)) {
            if entry.seen.take().is_some() {
                missed = true;
                entry.loaded = None;
                if let Some(slot) = self.registry.load().get(name) {
                    slot.unsettled("its file is gone");
                }
            } else {
                gone.push(name.clone());
            }
        }
        if !gone.is_empty() {
            let mut plugins = BTreeMap::clone(&self.registry.load());
            for name in gone {
                tracing::info!(plugin = name, "plugin is removed");
                if let Some(slot) = plugins.remove(&name) {
                    slot.remove();
                }
                self.entries.remove(&name);
            }
            self.registry.store(Arc::new(plugins));
        }
        missed
    }

    /// Makes the next look read everything, whatever the fingerprints say.
    fn forget_results(&mut self) {
        for entry in self.entries.values_mut() {
            entry.loaded = None;
        }
    }

    fn count_down_retries(&mut self) {
        for entry in self.entries.values_mut() {
            if let Some(retry) = &mut entry.retry {
                retry.looks_left = retry.looks_left.saturating_sub(1);
                if retry.looks_left == 0 {
                    entry.loaded = None;
                }
            }
        }
    }
}

impl Retry {
    fn after(former: Option<Self>, may_pass: bool) -> Option<Self> {
        let looks = former.map_or(FIRST_RETRY, |former| former.next);
        may_pass.then_some(Self { looks_left: looks, next: (looks * 2).min(LAST_RETRY) })
    }
}

fn report(name: &str, failure: &Failure) {
    match &failure.outcome {
        Outcome::Pending { missing } => {
            tracing::warn!(plugin = name, missing, "plugin is pending: grants are missing");
        }
        Outcome::Rejected { stage, reason } => {
            tracing::warn!(plugin = name, %stage, reason, "plugin is rejected");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_back_off() {
        let mut retry = None;
        let looks: Vec<u32> = iter::from_fn(|| {
            retry = Retry::after(retry, true);
            retry.map(|retry| retry.looks_left)
        })
        .take(6)
        .collect();
        assert_eq!(looks, [1, 2, 4, 8, 12, 12]);
        assert!(Retry::after(retry, false).is_none());
    }
}
