//! Gets credentials from another issuer through its VC API (`POST /credentials/issue`).
//!
//! What is to be issued is a template in the credential configuration's settings. An issuer that is
//! not ready answers 202 and says where to ask again.

mod answer;
mod config;
mod credential;
mod exchange;

use std::time::{Duration, SystemTime};

use chancery_plugin_sdk::{
    ConfigProblem, Description, Error, Holder, Issuance, Plugin, PollRequest, Request, VcIssuer, clock, describe,
    export_vc_issuer,
    http::{self, HttpError, Response},
    trace,
};

use crate::{
    config::{Config, Settings},
    exchange::Outside,
};

#[derive(Debug)]
struct VcApiIssuer {
    settings: Settings,
}

impl Plugin for VcApiIssuer {
    type Config = Config;

    fn description() -> Description {
        describe!("Gets credentials from another issuer through its VC API.").with_config_schema(config::schema())
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { settings: config.check()? })
    }
}

impl VcIssuer for VcApiIssuer {
    fn issue(&self, request: &Request, holder: &Holder) -> Result<Issuance, Error> {
        exchange::issue(request, holder, &self.settings, &mut Host)
    }

    fn poll(&self, request: &PollRequest) -> Result<Issuance, Error> {
        exchange::poll(request, &self.settings, &mut Host)
    }
}

export_vc_issuer!(VcApiIssuer);

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
}
