//! Version 0.0.1 of the contract: data providers only, with `log` and `config`.

use serde_json::json;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use self::bindings::chancery::host::{config, log};
use self::bindings::chancery::plugin::types as old;
pub(super) use self::bindings::{DataProviderPlugin as Plugin, DataProviderPluginPre as PluginPre};
use crate::bindings::data_provider::exports::chancery::plugin::data_provider::Data;
use crate::bindings::host;
use crate::bindings::lifecycle::exports::chancery::plugin::lifecycle::ConfigProblem;
use crate::bindings::types::{Error, Problem, Request, Retry};
use crate::guest::Guest;

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../../wit/frozen/0.0.1/host", "../../../wit/frozen/0.0.1/plugin"],
        world: "chancery:plugin/data-provider-plugin",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// What the holder reads where the plugin has words for the operator only.
const FAILED: &str = "The data source failed to answer.";

pub(super) fn add_base_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    config::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl Plugin {
    pub(super) async fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<String> {
        let description = self.chancery_plugin_lifecycle().call_describe(store).await?;
        Ok(json!({ "version": description.version, "summary": description.summary }).to_string())
    }

    pub(super) async fn validate_config(
        &self,
        store: &mut Store<Guest>,
        config: &str,
    ) -> wasmtime::Result<Result<(), Vec<ConfigProblem>>> {
        let answer = self.chancery_plugin_lifecycle().call_validate_config(store, config).await?;
        Ok(answer.map_err(|message| vec![ConfigProblem { path: String::new(), message }]))
    }

    pub(super) async fn health(&self, store: &mut Store<Guest>) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.chancery_plugin_lifecycle().call_health(store).await?.map_err(Error::from))
    }

    pub(super) async fn fetch(
        &self,
        store: &mut Store<Guest>,
        request: Request,
    ) -> wasmtime::Result<Result<Data, Error>> {
        let answer = self.chancery_plugin_data_provider().call_fetch(store, &request.into()).await?;
        let data = |claims| Data { claims, attachments: Vec::new(), valid_until: None };
        Ok(answer.map(data).map_err(Error::from))
    }
}

/// There is no place for `locales`, `settings` and `context`.
impl From<Request> for old::Request {
    fn from(request: Request) -> Self {
        Self {
            request_id: request.request_id,
            issuer_id: request.issuer_id,
            configuration_id: request.configuration_id,
            format: request.format,
            subject_id: request.subject.id,
            subject_claims: request.subject.claims,
            requested_claims: request.requested_claims,
            budget_ms: request.budget_ms,
        }
    }
}

impl From<old::Error> for Error {
    fn from(error: old::Error) -> Self {
        let public = |message| Problem { message, detail: None };
        match error {
            old::Error::NotFound(message) => Self::NotFound(public(message)),
            old::Error::InvalidRequest(message) => Self::InvalidRequest(public(message)),
            old::Error::Unavailable(message) => Self::Unavailable(Retry { problem: public(message), after_ms: None }),
            old::Error::Failed(detail) => Self::Internal(Problem { message: FAILED.to_owned(), detail: Some(detail) }),
        }
    }
}

impl log::Host for Guest {
    fn line(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => host::log::Level::Debug,
            log::Level::Info => host::log::Level::Info,
            log::Level::Warn => host::log::Level::Warn,
            log::Level::Error => host::log::Level::Error,
        };
        host::log::Host::write(self, level, message, Vec::new())
    }
}

impl config::Host for Guest {
    fn all(&mut self) -> wasmtime::Result<String> {
        host::config::Host::all(self)
    }
}
