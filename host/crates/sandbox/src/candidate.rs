//! A generation before it serves: what the contract asks every plugin first.

use serde::Deserialize;
use wasmtime::Store;

use crate::bindings::lifecycle::exports::chancery::plugin::lifecycle::ConfigProblem;
use crate::bindings::types;
use crate::call::{self, Answer, Budget, Live};
use crate::error::{CallError, LimitKind};
use crate::generation::to_call_error;
use crate::guest::{Guest, World};
use crate::limits::Limits;
use crate::loader::{Failure, Outcome, rejected};
use crate::status::Stage;
use crate::text::{cut, escaped};
use crate::versions::exports::{Exports as _, Lifecycle, LifecyclePre};

/// Bytes of what `describe` returns; part of the contract in `wit/`.
const MAX_DESCRIPTION: usize = 64 << 10;

/// How much of a plugin's words the status shows.
const MAX_SHOWN_PROBLEMS: usize = 20;
const MAX_SHOWN_TEXT: usize = 1 << 10;
const MAX_VERSION: usize = 64;
const MAX_SUMMARY: usize = 512;

/// A generation that is linked and has not answered anything yet.
pub(crate) struct Candidate {
    pub(crate) lifecycle: LifecyclePre,
    pub(crate) limits: Limits,
    pub(crate) world: World,
}

/// What a plugin says about itself, fit to be shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Description {
    pub(crate) version: String,
    pub(crate) summary: String,
}

impl Candidate {
    /// `describe` and `validate-config`.
    pub(crate) async fn configured(&self) -> Result<Description, Failure> {
        let stage = |reason| rejected(Stage::Configured, reason);
        let text = self
            .ask(&Budget::of_call(&self.limits), |store, plugin| Box::pin(plugin.describe(store)))
            .await
            .map_err(|error| failed(Stage::Configured, "describe", &error))?;
        if text.len() > MAX_DESCRIPTION {
            return Err(stage(format!("describe gave {} bytes", text.len())));
        }
        let description: Description = serde_json::from_str(&text)
            .map_err(|error| stage(format!("describe gave no valid description: {error}")))?;
        let config = serde_json::to_string(&*self.world.config).map_err(|error| stage(error.to_string()))?;
        self.ask(&Budget::of_call(&self.limits), |store, plugin| {
            Box::pin(async move { plugin.validate_config(store, &config).await })
        })
        .await
        .map_err(|error| failed(Stage::Configured, "validate-config", &error))?
        .map_err(|problems| stage(show_problems(&problems)))?;
        Ok(Description {
            version: escaped(cut(&description.version, MAX_VERSION)),
            summary: escaped(cut(&description.summary, MAX_SUMMARY)),
        })
    }

    /// `prepare` and `health`.
    pub(crate) async fn probed(&mut self) -> Result<(), Failure> {
        let budget = Budget::of_prepare(&self.limits);
        let prepared = self
            .ask(&budget, |store, plugin| Box::pin(plugin.prepare(store)))
            .await
            .and_then(|answer| self.understood(answer))
            .map_err(|error| failed(Stage::Probed, "prepare", &error))?;
        self.world.prepared = prepared.into();
        self.ask(&Budget::of_call(&self.limits), |store, plugin| Box::pin(plugin.health(store)))
            .await
            .and_then(|answer| self.understood(answer))
            .map_err(|error| failed(Stage::Probed, "health", &error))
    }

    async fn ask<R>(
        &self,
        budget: &Budget,
        entry: impl for<'a> FnOnce(&'a mut Store<Guest>, &'a Lifecycle) -> Answer<'a, R>,
    ) -> Result<R, CallError> {
        let engine = self.lifecycle.linked().engine();
        let sandbox = Live::fresh(engine, self.world.clone(), budget.context(), budget);
        match call::run(&self.lifecycle, sandbox, budget, entry).await {
            Ok((answer, _)) => Ok(answer),
            Err(fault) => Err(fault.into_call_error(&self.world.plugin)),
        }
    }

    fn understood<T>(&self, answer: Result<T, types::Error>) -> Result<T, CallError> {
        answer.map_err(|error| to_call_error(&self.world.plugin, error))
    }
}

fn show_problems(problems: &[ConfigProblem]) -> String {
    let show = |problem: &ConfigProblem| {
        let path = escaped(cut(&problem.path, MAX_SHOWN_TEXT));
        let message = escaped(cut(&problem.message, MAX_SHOWN_TEXT));
        format!("[config] {path}: {message}")
    };
    if problems.is_empty() {
        return "the plugin refuses its configuration without a reason".to_owned();
    }
    let shown: Vec<String> = problems.iter().take(MAX_SHOWN_PROBLEMS).map(show).collect();
    shown.join("\n")
}

/// A lifecycle call that gave no answer, or an error.
fn failed(stage: Stage, call: &str, error: &CallError) -> Failure {
    let may_pass = match error {
        // Its source, or room for its sandbox: not the plugin's doing.
        CallError::Unavailable { .. } | CallError::Busy { .. } => true,
        // A `prepare` that only waits would hold up the loading of every other plugin, again and again.
        CallError::Limit { which: LimitKind::Wall, .. } => call != "prepare",
        CallError::Limit { which, .. } => *which == LimitKind::Cpu,
        _ => false,
    };
    let reason = format!("{call}: {}", error.detail());
    Failure { outcome: Outcome::Rejected { stage, reason }, may_pass }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        let plugin = || "p".to_owned();
        let limit = |which| CallError::Limit { plugin: plugin(), which, detail: String::new() };
        let may_pass = |call, error| failed(Stage::Probed, call, &error).may_pass;
        assert!(may_pass("health", CallError::Busy { plugin: plugin(), retry_after: Duration::from_secs(1) }));
        assert!(may_pass("health", limit(LimitKind::Wall)) && !may_pass("prepare", limit(LimitKind::Wall)));
        assert!(may_pass("prepare", limit(LimitKind::Cpu)) && !may_pass("health", limit(LimitKind::Memory)));
        assert!(!may_pass("health", CallError::Trapped { plugin: plugin(), detail: String::new() }));
    }
}
