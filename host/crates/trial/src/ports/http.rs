//! HTTP: the grant's rules are real, and what answers is the case file.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_egress::{EgressError, InjectedHeader, Networks, Policy, Rehearsal, Secret};
use chancery_sandbox::ports::{HttpClient, HttpFault, HttpPort};
use chancery_sandbox::{HttpGrant, Networks as GrantedNetworks};
use http::{Request, Response};

use super::Secrets;
use crate::stage::Stage;

pub(super) struct Http {
    pub(super) stage: Arc<Stage>,
    pub(super) secrets: Arc<Secrets>,
}

struct Granted {
    stage: Arc<Stage>,
    rules: Rehearsal,
    response_max: u64,
}

impl Http {
    /// Without certificates: there is no connection.
    fn policy(&self, grant: &HttpGrant) -> Result<Policy, String> {
        let inject = |header: &chancery_sandbox::InjectedHeader| {
            let value = Secret::new(header.value.fill(|name| self.secrets.read(name))?);
            Ok::<_, String>(InjectedHeader { host: header.host.clone(), header: header.header.clone(), value })
        };
        Ok(Policy {
            networks: match &grant.networks {
                GrantedNetworks::Public => Networks::Public,
                GrantedNetworks::Any => Networks::Any,
                GrantedNetworks::PublicAnd(blocks) => Networks::PublicAnd(blocks.clone()),
            },
            request_max: grant.request_max,
            response_max: grant.response_max,
            inject: grant.inject.iter().map(inject).collect::<Result<_, _>>()?,
            ..Policy::new(&grant.allow)
        })
    }
}

impl HttpPort for Http {
    fn open(&self, grant: &HttpGrant) -> Result<Arc<dyn HttpClient>, String> {
        let rules = Rehearsal::new(&self.policy(grant)?).map_err(|error| error.to_string())?;
        Ok(Arc::new(Granted { stage: Arc::clone(&self.stage), rules, response_max: grant.response_max }))
    }
}

#[async_trait]
impl HttpClient for Granted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpFault> {
        let asked = format!("{} {}", request.method(), request.uri());
        let admitted = self.rules.admit(request).map_err(|error| {
            self.stage.note(format!("the grant file does not let out {asked}: {error}"));
            match error {
                EgressError::RequestTooLarge { limit } => HttpFault::RequestTooLarge(limit),
                error => HttpFault::Denied(error.to_string()),
            }
        })?;
        let answer = self.stage.answer(&admitted)?;
        if u64::try_from(answer.body.len()).is_ok_and(|bytes| bytes > self.response_max) {
            self.stage.note(format!("the response to {asked} is larger than grants.http.response_max"));
            return Err(HttpFault::ResponseTooLarge(self.response_max));
        }
        let mut response = Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        response.body(answer.body.into()).map_err(|error| HttpFault::Protocol(error.to_string()))
    }
}
