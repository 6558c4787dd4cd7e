//! What is known about each plugin, shared between the manager, which writes, and calls, which read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::breaker::{self, BreakerState};
use crate::error::CallError;
use crate::generation::Generation;
use crate::grant::Piece;
use crate::limits::Limits;
use crate::loader::{Failure, Outcome, Verified};
use crate::status::{Calls, Instance, Kind, PluginStatus, Stage};
use crate::versions::ContractVersion;

/// All plugins by name. Replaced as a whole when a plugin appears or goes.
pub(crate) type Registry = ArcSwap<BTreeMap<String, Arc<Slot>>>;

/// One plugin.
#[derive(Debug)]
pub(crate) struct Slot {
    name: String,
    /// What answers calls. Swapped atomically; a running call keeps the one it began with.
    pub(crate) serving: ArcSwapOption<Generation>,
    newest: Mutex<Newest>,
    ok: AtomicU64,
    failed: AtomicU64,
}

/// The newest generation, however far it came.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    stage: Stage,
    failed_at: Option<Stage>,
    reason: Option<String>,
    missing_grants: Option<String>,
    sha256: Option<String>,
    release: Option<String>,
    instead_of: Option<String>,
    signer: Option<String>,
    required: bool,
    former: Vec<String>,
    grants: Vec<String>,
    limits: Option<Limits>,
    instance: Instance,
    pub(crate) kind: Option<Kind>,
    pub(crate) contract: Option<ContractVersion>,
    pub(crate) version: Option<String>,
    pub(crate) summary: Option<String>,
}

impl Slot {
    /// A plugin whose file was found and not read yet.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            serving: ArcSwapOption::empty(),
            newest: Mutex::new(Newest::seen()),
            ok: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Its files changed, and have not settled yet. What is known of the former generation stays: they
    /// may turn out to be the same.
    pub(crate) fn unsettled(&self, reason: &str) {
        let mut newest = self.newest();
        newest.stage = Stage::Seen;
        newest.failed_at = None;
        newest.missing_grants = None;
        newest.reason = Some(reason.to_owned());
    }

    /// The files are what is active already.
    pub(crate) fn unchanged(&self) {
        let mut newest = self.newest();
        newest.stage = Stage::Active;
        newest.reason = None;
    }

    /// A new generation failed before anything is known of it.
    pub(crate) fn unreadable(&self, required: Option<bool>) {
        let mut newest = self.newest();
        // Readiness must not depend on whether a mistake can be read.
        let required = required.unwrap_or(newest.required);
        *newest = Newest { required, ..Newest::seen() };
    }

    /// A new generation passed its first checks.
    pub(crate) fn begin(&self, verified: &Verified) {
        *self.newest() = Newest {
            stage: Stage::Verified,
            sha256: Some(verified.sha256.clone()),
            release: Some(verified.release.clone()),
            signer: verified.signer.clone(),
            required: verified.grant.required,
            grants: verified.grant.summary(),
            limits: Some(verified.grant.limits.clone()),
            instance: Instance::of(verified.grant.warm.is_some()),
            ..Newest::seen()
        };
    }

    /// The new generation reached a stage.
    pub(crate) fn reach(&self, stage: Stage) {
        self.newest().stage = stage;
    }

    /// The new generation told something about itself.
    pub(crate) fn learn(&self, update: impl FnOnce(&mut Newest)) {
        update(&mut self.newest());
    }

    /// The new generation serves from now on.
    pub(crate) fn activate(&self, generation: Generation) {
        self.replace(Some(Arc::new(generation)));
        self.reach(Stage::Active);
    }

    /// The plugin's file is gone.
    pub(crate) fn remove(&self) {
        self.replace(None);
    }

    /// An operator wants none of its generations to serve.
    pub(crate) fn disable(&self, required: Option<bool>) {
        self.replace(None);
        let mut newest = self.newest();
        newest.required = required.unwrap_or(newest.required);
        newest.stage = Stage::Disabled;
        newest.failed_at = None;
        newest.missing_grants = None;
        newest.reason = Some("an operator disabled it".to_owned());
    }

    /// What there is to go back to, newest first, and what is gone back from.
    pub(crate) fn set_former(&self, releases: Vec<String>, instead_of: Option<String>) {
        let mut newest = self.newest();
        newest.former = releases;
        newest.instead_of = instead_of;
    }

    /// Takes the former generation out of service if it has what is not granted any more: an operator
    /// who takes a grant away means it, whether or not the plugin can serve without.
    pub(crate) fn withdraw(&self, granted: &BTreeSet<Piece>) {
        if self.serving.load().as_ref().is_some_and(|serving| !serving.pieces.is_subset(granted)) {
            tracing::warn!(plugin = self.name, "a grant was taken away, the former generation serves no more");
            self.replace(None);
        }
    }

    /// The new generation does not serve. The former one goes on.
    pub(crate) fn fail(&self, failure: &Failure) {
        let mut newest = self.newest();
        match &failure.outcome {
            Outcome::Pending { missing } => {
                newest.stage = Stage::Pending;
                newest.reason = Some("grants are missing".to_owned());
                newest.missing_grants = Some(missing.clone());
            }
            Outcome::Rejected { stage, reason } => {
                newest.stage = Stage::Rejected;
                newest.failed_at = Some(*stage);
                newest.reason = Some(reason.clone());
            }
        }
    }

    /// Counts a finished call.
    pub(crate) fn count<T>(&self, result: &Result<T, CallError>) {
        let worked = result.as_ref().map_or_else(CallError::is_refusal, |_| true);
        let counter = if worked { &self.ok } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the breaker how a call ended that it had let through.
    pub(crate) fn note<T>(&self, generation: &Generation, result: &Result<T, CallError>) {
        let outcome = match result {
            Ok(_) => breaker::Outcome::Worked,
            Err(CallError::Busy { .. } | CallError::NotActive { .. } | CallError::WrongKind { .. }) => {
                breaker::Outcome::Nothing
            }
            Err(error) if error.is_refusal() => breaker::Outcome::Worked,
            Err(_) => breaker::Outcome::Failed,
        };
        if let Some(state) = generation.breaker.note(outcome, Instant::now()) {
            tracing::warn!(plugin = self.name, ?state, "the plugin's breaker changed");
        }
    }

    /// Why nothing answers.
    pub(crate) fn not_active(&self) -> CallError {
        let newest = self.newest();
        CallError::NotActive {
            plugin: self.name.clone(),
            stage: newest.stage,
            reason: newest.reason.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn status(&self) -> PluginStatus {
        let newest = self.newest().clone();
        let serving = self.serving.load();
        let (breaker, wait) =
            serving.as_ref().map_or_else(Default::default, |serving| serving.breaker.state(Instant::now()));
        let (stage, reason) = shown(newest.stage, newest.reason, breaker);
        PluginStatus {
            name: self.name.clone(),
            kind: newest.kind,
            contract: newest.contract,
            stage,
            failed_at: newest.failed_at,
            reason,
            missing_grants: newest.missing_grants,
            sha256: newest.sha256,
            release: newest.release,
            instead_of: newest.instead_of,
            signer: newest.signer,
            required: newest.required,
            version: newest.version,
            summary: newest.summary,
            grants: newest.grants,
            limits: serving.as_ref().map(|serving| serving.limits.clone()).or(newest.limits),
            instance: serving.as_ref().map_or(newest.instance, |serving| serving.instance()),
            idle: serving.as_ref().map_or(0, |serving| serving.share.idle()),
            serving: serving.as_ref().map(|serving| serving.identity.clone()),
            former: newest.former,
            breaker,
            retry_after_ms: wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            calls: Calls { ok: self.ok.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) },
        }
    }

    /// Calls that run keep the generation that they began with; the sandboxes that only wait go.
    fn replace(&self, generation: Option<Arc<Generation>>) {
        if let Some(former) = self.serving.swap(generation) {
            former.share.close();
        }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest {
    fn seen() -> Self {
        Self {
            stage: Stage::Seen,
            failed_at: None,
            reason: None,
            missing_grants: None,
            sha256: None,
            release: None,
            instead_of: None,
            signer: None,
            required: false,
            former: Vec::new(),
            grants: Vec::new(),
            limits: None,
            instance: Instance::default(),
            kind: None,
            contract: None,
            version: None,
            summary: None,
        }
    }
}

/// Stage and reason as they are told: what serves and is not asked any more is not active.
fn shown(stage: Stage, reason: Option<String>, breaker: BreakerState) -> (Stage, Option<String>) {
    match (stage, breaker) {
        (Stage::Active, BreakerState::Quarantined) => (Stage::Quarantined, Some("it failed too often".to_owned())),
        _ => (stage, reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantine_is_told_of_what_would_be_active() {
        let shown = |stage, breaker| shown(stage, None, breaker).0;
        assert_eq!(shown(Stage::Active, BreakerState::Quarantined), Stage::Quarantined);
        for breaker in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
            assert_eq!(shown(Stage::Active, breaker), Stage::Active);
        }
        // The newest generation has troubles of its own.
        assert_eq!(shown(Stage::Rejected, BreakerState::Quarantined), Stage::Rejected);
    }
}
