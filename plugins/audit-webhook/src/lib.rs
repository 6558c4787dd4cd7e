//! Posts audit events to a web address, in signed batches.

mod config;
mod delivery;

use std::time::{Duration, SystemTime};

use chancery_plugin_sdk::{
    AuditSink, ConfigProblem, Description, Error, Event, Plugin, Receipt, clock, describe, export_audit_sink,
    http::{self, HttpError, Response},
    sign, trace,
};

use crate::{
    config::{Config, Settings},
    delivery::Outside,
};

#[derive(Debug)]
struct AuditWebhook {
    settings: Settings,
}

impl Plugin for AuditWebhook {
    type Config = Config;

    fn description() -> Description {
        describe!("Posts audit events to a web address, in signed batches.").with_config_schema(config::schema())
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { settings: config.check()? })
    }

    /// The endpoint itself is not asked: an event that nobody did would be the only way.
    fn health(&self) -> Result<(), Error> {
        sign::mac(&self.settings.key, b"health")?;
        Ok(())
    }
}

impl AuditSink for AuditWebhook {
    fn deliver(&self, batch: &[Event]) -> Result<Receipt, Error> {
        delivery::deliver(batch, &self.settings, &mut Host { key: &self.settings.key })
    }
}

export_audit_sink!(AuditWebhook);

struct Host<'a> {
    key: &'a str,
}

impl Outside for Host<'_> {
    fn mac(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(sign::mac(self.key, message)?)
    }

    fn send(&mut self, request: http::Request, timeout: Duration) -> Result<Response, HttpError> {
        request.send(timeout)
    }

    fn now(&self) -> SystemTime {
        clock::now()
    }

    fn remaining(&self) -> Duration {
        trace::remaining()
    }
}
