//! Looks a person up with the operator's SQL statements.
//!
//! The statements stand in the grant file and are run by the host, which also fills the parameters
//! that say whom a call is about.

mod config;
mod lookup;
mod values;

use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Plugin, Request, describe, export_data_provider, sql,
    template::Scope,
};

use crate::config::{Config, Settings};

#[derive(Debug)]
struct SqlProvider {
    settings: Settings,
}

impl Plugin for SqlProvider {
    type Config = Config;

    fn description() -> Description {
        describe!("Looks a person up with the operator's SQL statements.").with_config_schema(config::schema())
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { settings: config.check()? })
    }
}

impl DataProvider for SqlProvider {
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        let found = lookup::fetch(&self.settings, &Scope::of(request), &mut sql::run)?;
        let data = Data::from(found.claims);
        found
            .attachments
            .iter()
            .try_fold(data, |data, (name, media_type, bytes)| data.attach(name.as_str(), media_type, bytes))
    }
}

export_data_provider!(SqlProvider);
