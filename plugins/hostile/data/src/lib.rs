//! A data provider that does with the host's data capabilities whatever a test tells it. The
//! request's settings are the script; each claim of the answer is what came of one step.

mod step;

use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Map, Plugin, Request, Value, describe, export_data_provider,
};
use serde::Deserialize;

use step::Step;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// What `health` does, where no subject is at hand. It fails with what came of it, if asked to.
    health: Vec<Step>,
}

#[derive(Debug)]
struct HostileData {
    config: Config,
}

/// What a call does.
#[derive(Debug, Deserialize)]
struct Script {
    steps: Vec<Step>,
}

impl Plugin for HostileData {
    type Config = Config;

    fn description() -> Description {
        describe!("Misuses the data capabilities, for tests.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { config })
    }

    fn health(&self) -> Result<(), Error> {
        if self.config.health.is_empty() {
            return Ok(());
        }
        let said: Vec<String> = self.config.health.iter().flat_map(Step::run).collect();
        Err(Error::misconfigured("Told what came of it.").with_detail(said.join("; ")))
    }
}

impl DataProvider for HostileData {
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        let script: Script = request.settings()?;
        let said: Vec<Value> = script.steps.iter().map(|step| step.run().into()).collect();
        Ok(Data::from(Map::from_iter([("said".to_owned(), Value::from(said))])))
    }
}

export_data_provider!(HostileData);
