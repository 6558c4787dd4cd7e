//! Requests to the host under test: an answer counts when all of it is there.

use std::{error::Error, time::Duration};

use serde_json::Value;
use ureq::{Agent, Body, http::Response};

/// Longer than any request takes: a host that does not answer at all must not hold the run up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) enum Answer {
    Received {
        status: u16,
        body: Value,
    },
    /// None, half of one, or 503.
    Lost(String),
}

/// What the header of an answer says.
pub(super) struct Once {
    /// The same request was answered before.
    pub replayed: bool,
    pub location: Option<String>,
}

pub(super) struct Http {
    agent: Agent,
    base: String,
}

impl Http {
    /// One client; its connections stay open between requests.
    pub(super) fn new(port: u16) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(ANSWER_TIMEOUT))
            .build();
        Self { agent: agent.into(), base: format!("http://127.0.0.1:{port}") }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        read(self.agent.get(self.url(path)).call())
    }

    pub(super) fn post(&self, path: &str) -> Answer {
        read(self.agent.post(self.url(path)).send_empty())
    }

    pub(super) fn get_as(&self, path: &str, token: &str) -> Answer {
        read(self.agent.get(self.url(path)).header("authorization", bearer(token)).call())
    }

    pub(super) fn delete(&self, path: &str, token: &str) -> Answer {
        read(self.agent.delete(self.url(path)).header("authorization", bearer(token)).call())
    }

    pub(super) fn post_form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        read(self.agent.post(self.url(path)).send_form(pairs.iter().copied()))
    }

    pub(super) fn post_json(&self, path: &str, token: &str, body: &Value) -> Answer {
        read(self.agent.post(self.url(path)).header("authorization", bearer(token)).send_json(body))
    }

    /// Under an idempotency key.
    pub(super) fn post_once(&self, path: &str, token: &str, key: &str, body: &Value) -> (Answer, Once) {
        let request = self.agent.post(self.url(path)).header("authorization", bearer(token));
        let answer = request.header("idempotency-key", key).send_json(body);
        let header = |name| answer.as_ref().ok()?.headers().get(name)?.to_str().ok().map(str::to_owned);
        let once = Once { replayed: header("idempotent-replayed").is_some(), location: header("location") };
        (read(answer), once)
    }

    /// A service client's request for an access token.
    pub(super) fn sign_in(&self, assertion: &str) -> Answer {
        self.post_form(
            "/oauth/token",
            &[
                ("grant_type", "client_credentials"),
                ("client_assertion_type", CLIENT_ASSERTION),
                ("client_assertion", assertion),
            ],
        )
    }

    /// The body of a 200, where nothing is to go wrong.
    pub(super) fn must_get(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        match self.get(path) {
            Answer::Received { status: 200, body } => Ok(body),
            Answer::Received { status, body } => Err(format!("{path} answered {status}: {body}").into()),
            Answer::Lost(why) => Err(format!("{path} was not answered: {why}").into()),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// The type of the problem that an answer tells of, or the answer itself.
pub(super) fn problem(status: u16, body: &Value) -> String {
    body["type"].as_str().map_or_else(|| format!("{status} {body}"), str::to_owned)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn read(answer: Result<Response<Body>, ureq::Error>) -> Answer {
    let read = answer.and_then(|mut answer| {
        let status = answer.status().as_u16();
        answer.body_mut().read_to_string().map(|text| (status, text))
    });
    match read {
        Ok((503, text)) => Answer::Lost(format!("503: {text}")),
        Ok((status, text)) => Answer::Received { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) },
        Err(error) => Answer::Lost(error.to_string()),
    }
}
