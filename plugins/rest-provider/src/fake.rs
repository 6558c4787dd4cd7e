//! A data source and a host for tests.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chancery_plugin_sdk::{
    Value,
    http::{HttpError, Request, Response},
};

use crate::{
    config::{Config, Settings},
    exchange::Outside,
};

/// Settings from the operator's configuration; the URL may be left out.
pub(crate) fn settings(mut config: Value) -> Settings {
    if config.get("url").is_none() {
        config["url"] = "https://registry.example/people/{subject.id}".into();
    }
    serde_json::from_value::<Config>(config).unwrap().check().unwrap()
}

/// Gives its answers one after the other. Time passes only by sleeping.
pub(crate) struct Source {
    pub(crate) answers: VecDeque<Result<Response, HttpError>>,
    pub(crate) requests: Vec<Request>,
    pub(crate) timeouts: Vec<Duration>,
    pub(crate) sleeps: Vec<Duration>,
    pub(crate) remaining: Duration,
    pub(crate) cache: BTreeMap<String, Vec<u8>>,
}

impl Source {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Response, HttpError>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            requests: Vec::new(),
            timeouts: Vec::new(),
            sleeps: Vec::new(),
            remaining: Duration::from_secs(5),
            cache: BTreeMap::new(),
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.requests.iter().map(|request| request.url.to_string()).collect()
    }
}

impl Outside for Source {
    fn send(&mut self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        self.requests.push(request);
        self.timeouts.push(timeout);
        self.answers.pop_front().expect("a request too many")
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    fn remaining(&self) -> Duration {
        self.remaining
    }

    fn sleep(&mut self, time: Duration) {
        self.sleeps.push(time);
        self.remaining = self.remaining.saturating_sub(time);
    }

    fn cached(&mut self, key: &str) -> Option<Vec<u8>> {
        self.cache.get(key).cloned()
    }

    fn keep(&mut self, key: &str, value: &[u8], _: Duration) {
        self.cache.insert(key.to_owned(), value.to_vec());
    }
}
