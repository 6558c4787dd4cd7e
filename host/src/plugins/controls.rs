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

    /// Decides, and puts the decision into force on this host. Other hosts follow within their refresh interval. Answers
    /// what the plugin is then, where this process runs plugins.
    pub async fn act(&self, actor: &Actor, plugin: &str, action: Action) -> Result<Option<PluginStatus>, ControlError> {
        let unknown = || ControlError::Unknown(plugin.to_owned());
        let event = actor.did(DEFAULT_ISSUER, action.name(), plugin, self.clock.timestamp());
        let Some(sandbox) = &self.sandbox else {
            let control = self.control(actor, plugin, action, None);
            self.store.set_plugin_control(&control, &event).await?;
            return Ok(None);
        };
        let status = sandbox.plugin(plugin).ok_or_else(unknown)?;
        if action == Action::Reload {
            self.store.append_events(&[event]).await?;
            sandbox.reload(plugin).await;
        } else {
            let held = if action == Action::Rollback { Some(former(&status)?) } else { None };
            let control = self.control(actor, plugin, action, held);
            let event = AuditEvent { detail: json!({"release": control.held_generation}), ..event };
            self.store.set_plugin_control(&control, &event).await?;
            sandbox.control(load(self.store.as_ref()).await?).await;
        }
        sandbox.plugin(plugin).ok_or_else(unknown).map(Some)
    }

    /// `held`: the release to go back to, and the one that it stands in for.
    fn control(&self, actor: &Actor, plugin: &str, action: Action, held: Option<(String, String)>) -> PluginControl {
        let (held_generation, held_from) = held.unzip();
        PluginControl {
            plugin: plugin.to_owned(),
            disabled: action == Action::Disable,
            held_generation,
            held_from,
            changed_at: self.clock.timestamp(),
            changed_by: actor.name.clone(),
        }
    }
}

/// The release before the one that serves, and the one in the plugin directory.
fn former(status: &PluginStatus) -> Result<(String, String), ControlError> {
    let nothing = || ControlError::NothingToGoBackTo(status.name.clone());
    // What stands in the directory: the newest release, or the one that an earlier rollback stands in for.
    let newest = status.instead_of.as_ref().or(status.release.as_ref()).ok_or_else(nothing)?;
    let serving = status.serving.as_ref().map(|serving| &serving.release);
    let former = status.former.iter().find(|release| Some(*release) != serving && *release != newest);
    Ok((former.ok_or_else(nothing)?.clone(), newest.clone()))
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
