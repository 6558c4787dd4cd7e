//! HTTP: the grant's rules are real, and what answers is the case file.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_egress::{EgressError, InjectedHeader, Networks, Policy, Rehearsal, Secret};
use chancery_sandbox::ports::{HttpClient, HttpFault, HttpPort};
use chancery_sandbox::{HttpGrant, Networks as GrantedNetworks};
use http::{Request, Response};

use super::Secrets;
use crate::cases::Fault;
use crate::stage::Stage;

pub(super) struct Http {
    pub(super) stage: Arc<Stage>,
    pub(super) secrets: Arc<Secrets>,
}

struct Granted {
    stage: Arc<Stage>,
    rules: Rehearsal,
    allow: Vec<String>,
    response_max: u64,
}

/// What the rules say of an origin behind its name.
const NOT_ALLOWED: &str = " is not on the allow-list";

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
        let (stage, allow) = (Arc::clone(&self.stage), grant.allow.clone());
        Ok(Arc::new(Granted { stage, rules, allow, response_max: grant.response_max }))
    }
}

#[async_trait]
impl HttpClient for Granted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpFault> {
        let admitted = self.rules.admit(request.clone()).map_err(|error| self.refused(&request, error))?;
        let answer = self.stage.answer(&admitted)?;
        if u64::try_from(answer.body.len()).is_ok_and(|bytes| bytes > self.response_max) {
            let asked = format!("{} {}", admitted.method(), admitted.uri());
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

impl Granted {
    /// A request that the grant file does not let out is a failure of the case, unless it lists that.
    fn refused(&self, request: &Request<Bytes>, error: EgressError) -> HttpFault {
        match error {
            EgressError::RequestTooLarge { limit } => {
                let reason = format!("{error} (grants.http.request_max)");
                self.stage.refuse(request, Fault::RequestTooLarge, reason, None);
                HttpFault::RequestTooLarge(limit)
            }
            EgressError::Denied { reason, .. } => {
                let grant = reason.strip_suffix(NOT_ALLOWED).map(|origin| self.allowing(origin));
                self.stage.refuse(request, Fault::Denied, reason.clone(), grant);
                HttpFault::Denied(reason)
            }
            other => HttpFault::Denied(other.to_string()),
        }
    }

    /// The line of the grant file that allows this origin too.
    fn allowing(&self, origin: &str) -> String {
        let origins = self.allow.iter().map(String::as_str).chain([origin]);
        let origins: toml::Value = origins.map(str::to_owned).collect::<Vec<_>>().into();
        format!("[grants.http]\nallow = {origins}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chancery_sandbox::check_grant;

    use super::*;
    use crate::stage::{Refused, Scene};

    fn granted(stage: &Arc<Stage>) -> Granted {
        let rules = Rehearsal::new(&Policy::new(["https://a.example"])).unwrap();
        Granted { stage: Arc::clone(stage), rules, allow: vec!["https://a.example".to_owned()], response_max: 1 }
    }

    async fn refused(request: Request<Bytes>) -> Refused {
        let stage = Arc::new(Stage::default());
        stage.set(Scene::default());
        let fault = granted(&stage).send(request).await.unwrap_err();
        assert!(matches!(fault, HttpFault::Denied(_)), "{fault:?}");
        stage.end().refused.remove(0)
    }

    #[tokio::test]
    async fn the_line_that_lets_a_request_out_is_the_grant_files() {
        let refused = refused(Request::get("https://B.example:8443/x").body(Bytes::new()).unwrap()).await;
        assert_eq!(refused.reason, "https://b.example:8443 is not on the allow-list");
        let lines = refused.grant.unwrap();
        assert_eq!(lines, "[grants.http]\nallow = [\"https://a.example\", \"https://b.example:8443\"]");
        check_grant(&lines, Path::new("/")).unwrap();
    }

    #[tokio::test]
    async fn what_no_line_lets_out_has_none() {
        let refused = refused(Request::trace("https://a.example/").body(Bytes::new()).unwrap()).await;
        assert_eq!((&*refused.reason, refused.grant), ("the method TRACE", None));
    }
}
