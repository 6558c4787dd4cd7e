//! Asks a JSON API about a person.
//!
//! The address is a template of the operator's, the answer is mapped to claims by JSON pointers,
//! lists may come in pages, and what fails for a moment is tried again.

mod cache;
mod config;
mod exchange;
mod mapping;
mod pages;
mod url_template;

use std::time::{Duration, SystemTime};

use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Plugin, Request, clock, describe, export_data_provider,
    http::{self, HttpError, Response},
    kv, log,
    template::Scope,
    trace,
};

use crate::{
    config::{Config, Settings},
    exchange::Outside,
};

#[derive(Debug)]
struct RestProvider {
    settings: Settings,
}

impl Plugin for RestProvider {
    type Config = Config;

    fn description() -> Description {
        describe!("Asks a JSON API about a person.").with_config_schema(config::schema())
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { settings: config.check()? })
    }
}

impl DataProvider for RestProvider {
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        let pages = cache::pages(&self.settings, &Scope::of(request), &mut Host)?;
        Ok(mapping::claims(&self.settings, pages)?.into())
    }
}

export_data_provider!(RestProvider);

struct Host;

impl Outside for Host {
    fn send(&mut self, request: http::Request, timeout: Duration) -> Result<Response, HttpError> {
        request.traced().send(timeout)
    }

    fn now(&self) -> SystemTime {
        clock::now()
    }

    fn remaining(&self) -> Duration {
        trace::remaining()
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn cached(&mut self, key: &str) -> Option<Vec<u8>> {
        kv::get(key).unwrap_or_else(|error| {
            log::debug("the cache does not answer", &[("reason", &error)]);
            None
        })
    }

    fn keep(&mut self, key: &str, value: &[u8], ttl: Duration) {
        if let Err(error) = kv::put(key, value, Some(ttl)) {
            log::debug("the answer is not kept", &[("reason", &error)]);
        }
    }
}

#[cfg(test)]
mod fake;
