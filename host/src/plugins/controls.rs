//! What operators decided about plugins beyond their files: kept in the store, so that all hosts agree and it
//! survives a restart.

use std::sync::Arc;

use chancery_sandbox::{Control, Controls as Decided, Held, PluginStatus, Sandbox};
use chancery_store::{AuditEvent, PluginControl, Store, StoreError};
use serde_json::json;

use crate::audit::Actor;
use crate::clock::Clock;
use crate::issuance::issuers::DEFAULT_ISSUER;

/// Why a plugin stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("there is no plugin {0}")]
    Unknown(String),
    #[error("there is no earlier release of {0} to go back to")]
    NothingToGoBackTo(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator may do to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make a new generation of what stands there: secrets are read again, the breaker is closed.
    Reload,
    /// Take it out of service.
    Disable,
    /// Put it, or its newest release, back into service.
    Enable,
    /// Go back to the release before the one that serves, until its files change.
    Rollback,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Reload => "plugin.reload",
            Self::Disable => "plugin.disable",
            Self::Enable => "plugin.enable",
            Self::Rollback => "plugin.rollback",
        }
    }
}

/// The plugins of this host, as operators see them and decide about them.
#[derive(Debug)]
pub struct Board {
    sandbox: Option<Sandbox>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Board {
    /// `sandbox` is absent in a process that runs no plugins.
    pub fn new(sandbox: Option<Sandbox>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { sandbox, store, clock }
    }

    /// Every plugin, by name.
    pub fn list(&self) -> Vec<PluginStatus> {
        self.sandbox.as_ref().map(Sandbox::plugins).unwrap_or_default()
    }

    /// Reads every plugin file again.
    pub async fn rescan(&self) {
        if let Some(sandbox) = &self.sandbox {
            sandbox.rescan().await;
        }
    }

    /// Decides, and puts the decision into force on this host. Other hosts follow within their refresh interval.
    pub async fn act(&self, actor: &Actor, plugin: &str, action: Action) -> Result<PluginStatus, ControlError> {
        let unknown = || ControlError::Unknown(plugin.to_owned());
        let sandbox = self.sandbox.as_ref().ok_or_else(unknown)?;
        let status = sandbox.plugin(plugin).ok_or_else(unknown)?;
        let event = actor.did(DEFAULT_ISSUER, action.name(), plugin, self.clock.timestamp());
        if action == Action::Reload {
            self.store.append_events(&[event]).await?;
            sandbox.reload(plugin).await;
        } else {
            let control = decided(&status, action, self.clock.as_ref(), actor)?;
            let event = AuditEvent { detail: json!({"release": control.held_generation}), ..event };
            self.store.set_plugin_control(&control, &event).await?;
            sandbox.control(load(self.store.as_ref()).await?).await;
        }
        sandbox.plugin(plugin).ok_or_else(unknown)
    }
}

fn decided(
    status: &PluginStatus,
    action: Action,
    clock: &dyn Clock,
    actor: &Actor,
) -> Result<PluginControl, ControlError> {
    let nothing = || ControlError::NothingToGoBackTo(status.name.clone());
    let held = match action {
        Action::Reload | Action::Disable | Action::Enable => None,
        Action::Rollback => {
            // What stands in the directory: the newest release, or the one that an earlier rollback stands in for.
            let newest = status.instead_of.as_ref().or(status.release.as_ref()).ok_or_else(nothing)?;
            let serving = status.serving.as_ref().map(|serving| &serving.release);
            let former = status.former.iter().find(|release| Some(*release) != serving && *release != newest);
            Some((former.ok_or_else(nothing)?.clone(), newest.clone()))
        }
    };
    let (held_generation, held_from) = held.unzip();
    Ok(PluginControl {
        plugin: status.name.clone(),
        disabled: action == Action::Disable,
        held_generation,
        held_from,
        changed_at: clock.timestamp(),
        changed_by: actor.name.clone(),
    })
}

/// What is decided now.
pub(crate) async fn load(store: &dyn Store) -> Result<Decided, StoreError> {
    let controls = store.plugin_controls().await?;
    let decided = controls.into_iter().map(|control| {
        let held = control.held_generation.zip(control.held_from);
        let held = held.map(|(release, instead_of)| Held { release, instead_of });
        (control.plugin, Control { disabled: control.disabled, held })
    });
    Ok(decided.collect())
}

/// Takes over what other hosts and the command line decided.
#[derive(Debug, Default)]
pub struct Follower {
    generation: Option<i64>,
}

impl Follower {
    pub async fn follow(&mut self, store: &dyn Store, sandbox: &Sandbox) -> Result<(), StoreError> {
        let generation = store.plugin_controls_generation().await?;
        if self.generation != Some(generation) {
            sandbox.control(load(store).await?).await;
            self.generation = Some(generation);
        }
        Ok(())
    }
}
