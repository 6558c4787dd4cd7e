//! A data provider that misbehaves on request, for tests of the host. The subject's id chooses what
//! goes wrong in a call, the configuration what goes wrong before the first one.

mod behaviour;
mod kept;

use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Plugin, Request, config, describe, export_data_provider,
};
use serde::Deserialize;

/// What the host asks before the first call.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Step {
    Describe,
    ValidateConfig,
    Prepare,
    Health,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The step that fails. `describe` has no error to give, so it panics.
    fail_in: Option<Step>,
    /// The step that never ends.
    spin_in: Option<Step>,
    /// The step that crashes.
    panic_in: Option<Step>,
    /// What `prepare` returns, for the behaviour `prepared` to read back.
    prepared: String,
}

#[derive(Debug)]
struct Hostile {
    config: Config,
}

impl Hostile {
    fn step(&self, step: Step) -> Result<(), Error> {
        if self.config.spin_in == Some(step) {
            behaviour::spin();
        }
        assert!(self.config.panic_in != Some(step), "{step:?} crashed on request");
        if self.config.fail_in == Some(step) {
            return Err(Error::misconfigured("Failed on request.").with_detail(format!("{step:?}")));
        }
        Ok(())
    }
}

impl Plugin for Hostile {
    type Config = Config;

    fn description() -> Description {
        // A description must not depend on configuration; this one does, to be able to fail.
        let asked = |key| config::get(key).as_deref() == Some("describe");
        if asked("spin_in") {
            behaviour::spin();
        }
        assert!(!asked("fail_in"), "describe failed on request");
        describe!("Misbehaves on request, for tests.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        if config.spin_in == Some(Step::ValidateConfig) {
            behaviour::spin();
        }
        assert!(config.panic_in != Some(Step::ValidateConfig), "ValidateConfig crashed on request");
        if config.fail_in == Some(Step::ValidateConfig) {
            return Err(vec![ConfigProblem::new("/fail_in", "failed on request")]);
        }
        Ok(Self { config })
    }

    fn prepare(&self) -> Result<Vec<u8>, Error> {
        self.step(Step::Prepare)?;
        Ok(self.config.prepared.clone().into_bytes())
    }

    fn health(&self) -> Result<(), Error> {
        self.step(Step::Health)
    }
}

impl DataProvider for Hostile {
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        behaviour::fetch(request)
    }
}

export_data_provider!(Hostile);
