//! Clients for tests, and a resolver that says what a test wants.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_egress::{
    Client, Egress, EgressError, EgressOptions, Networks, Policy, ResolveError, Resolver, TrustRoots,
};
use http::{Request, Response};

/// Long enough for a busy machine: no test waits for it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Answers in turn for each name; the last answer stays.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    by_name: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Answers {
    pub(crate) fn new(name: &str, answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
        let this = Self::default();
        this.by_name.lock().unwrap().insert(name.to_owned(), answers.iter().map(parse).collect());
        Arc::new(this)
    }

    /// The names that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolver for Answers {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut by_name = self.by_name.lock().unwrap();
        let answers = by_name.get_mut(name).ok_or_else(|| ResolveError(format!("{name}: no such name")))?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

pub(crate) fn egress(resolver: Arc<dyn Resolver>) -> Egress {
    Egress::new(&EgressOptions::default(), resolver, TrustRoots::none())
}

/// `registry.test` at 127.0.0.1.
pub(crate) fn local() -> Egress {
    egress(Answers::new("registry.test", &[&["127.0.0.1"]]))
}

/// A policy for origins on this machine, with more time than any test needs.
pub(crate) fn policy(allow: &[String]) -> Policy {
    let mut policy = Policy::new(allow.iter().cloned());
    policy.networks = Networks::PublicAnd(vec!["127.0.0.0/8".to_owned()]);
    policy.connect_timeout = LONG;
    policy.timeout = LONG;
    policy.queue_wait = LONG;
    policy.idle_timeout = LONG;
    policy
}

pub(crate) fn client(policy: &Policy) -> Client {
    Client::new(policy, &local()).unwrap()
}

pub(crate) fn request(method: &str, url: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(url).body(Bytes::new()).unwrap()
}

pub(crate) async fn get(client: &Client, url: &str) -> Result<Response<Bytes>, EgressError> {
    client.send(request("GET", url)).await
}

/// The variant of an error.
pub(crate) fn kind(error: &EgressError) -> &'static str {
    match error {
        EgressError::Denied { .. } => "denied",
        EgressError::Dns { .. } => "dns",
        EgressError::Connect { .. } => "connect",
        EgressError::ConnectTimeout { .. } => "connect timeout",
        EgressError::Timeout { .. } => "timeout",
        EgressError::Tls { .. } => "tls",
        EgressError::RequestTooLarge { .. } => "request too large",
        EgressError::ResponseTooLarge { .. } => "response too large",
        EgressError::Protocol { .. } => "protocol",
        EgressError::Busy { .. } => "busy",
    }
}
