//! The sandbox that runs a plugin, over the plugin directory made for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery_sandbox::{BreakerState, PluginStatus, Sandbox, Stage as Reached};
use serde::Serialize;
use toml::Table;

use crate::error::TrialError;
use crate::layout::Layout;
use crate::ports::virtual_ports;
use crate::setup::Setup;
use crate::stage::{Scene, Stage};

/// Log lines a second: cases come faster than wallets do, and this limit is about all calls together.
const LOG_RATE: i64 = 10_000;

/// Values of secrets by name.
pub(crate) type Secrets = BTreeMap<String, String>;

/// Why a plugin does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadFailure {
    /// The stage that was not reached.
    pub stage: String,
    /// The sandbox's own words.
    pub reason: String,
    /// The lines that the grant file lacks.
    pub missing_grants: Option<String>,
}

/// One plugin in a sandbox, and the stage around it. Every call has a sandbox of its own, as no result may hang on the
/// calls before it.
pub(crate) struct Site<'a> {
    setup: &'a Setup,
    pub(crate) layout: Layout,
    pub(crate) stage: Arc<Stage>,
    running: Option<Running>,
}

struct Running {
    sandbox: Sandbox,
    config: Option<Table>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(setup: &'a Setup) -> Result<Self, TrialError> {
        let mut site = Self::as_granted(setup)?;
        site.layout.make_fresh();
        Ok(site)
    }

    /// One in which calls share sandboxes where the grant file says so.
    pub(crate) fn as_granted(setup: &'a Setup) -> Result<Self, TrialError> {
        let mut layout = Layout::new(&setup.plugin)?;
        layout.set("limits", "log_rate", LOG_RATE.into());
        Ok(Self { setup, layout, stage: Arc::new(Stage::default()), running: None })
    }

    /// A sandbox that serves the plugin, with `config` in place of its own where there is one. The sandbox of the
    /// former case goes on where nothing speaks against it; `scene` is there while a new one loads the plugin.
    pub(crate) async fn serving(
        &mut self,
        config: Option<&Table>,
        secrets: &Secrets,
        scene: impl FnOnce() -> Scene,
    ) -> Result<(Sandbox, PluginStatus), TrialError> {
        if let Some(running) = self.running.as_ref().filter(|running| running.config.as_ref() == config) {
            let status = self.status(&running.sandbox)?;
            // Failures that cases ask for must not keep the next one from its call.
            if status.stage == Reached::Active && status.breaker == BreakerState::Closed {
                return Ok((running.sandbox.clone(), status));
            }
        }
        let (sandbox, _) = self.restart(config, secrets, scene()).await?;
        let status = self.status(&sandbox)?;
        Ok((sandbox, status))
    }

    /// Loads the plugin anew. Answers how long that took.
    pub(crate) async fn restart(
        &mut self,
        config: Option<&Table>,
        secrets: &Secrets,
        scene: Scene,
    ) -> Result<(Sandbox, Duration), TrialError> {
        self.stop();
        self.layout.write_grant(config)?;
        self.stage.set(scene);
        let mut options = self.layout.options(self.setup);
        options.ports = virtual_ports(&self.stage, secrets, self.layout.statements());
        let begun = Instant::now();
        let sandbox = Sandbox::start(options).await?;
        let took = begun.elapsed();
        self.running = Some(Running { sandbox: sandbox.clone(), config: config.cloned() });
        Ok((sandbox, took))
    }

    /// Ends the sandbox, so that nothing of it is there in a later case.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Where the plugin stands.
    pub(crate) fn status(&self, sandbox: &Sandbox) -> Result<PluginStatus, TrialError> {
        let name = &self.setup.plugin.name;
        let status = sandbox.plugin(name);
        let mut status = status.ok_or_else(|| TrialError::Nothing(format!("{name:?} is not a component's name")))?;
        status.reason = status.reason.map(|reason| self.layout.as_written(&reason));
        Ok(status)
    }
}

impl LoadFailure {
    /// Why a plugin does not serve; `None` where it does.
    pub(crate) fn of(status: &PluginStatus) -> Option<Self> {
        if status.stage == Reached::Active {
            return None;
        }
        // What is pending lacks grants to be linked.
        let pending = if status.stage == Reached::Pending { Reached::Linked } else { status.stage };
        Some(Self {
            stage: status.failed_at.unwrap_or(pending).to_string(),
            reason: status.reason.clone().unwrap_or_default(),
            missing_grants: status.missing_grants.clone(),
        })
    }
}

impl fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("layout", &self.layout).finish_non_exhaustive()
    }
}
