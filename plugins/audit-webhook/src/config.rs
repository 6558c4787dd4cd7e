//! The operator's `[config]`.

use std::time::Duration;

use chancery_plugin_sdk::{
    ConfigProblem, Value,
    http::Url,
    json,
    quantity::{SPAN_PATTERN, Span},
};
use serde::Deserialize;

const DEFAULT_KEY: &str = "webhook";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_REQUESTS: u32 = 32;
/// Enough to find a bad event among 1,000 by halves: with fewer, a call could settle nothing at all.
const LEAST_REQUESTS: u32 = 12;
/// The host's ceiling for `http_requests`.
const MOST_REQUESTS: u32 = 64;

/// As the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    key: Option<String>,
    timeout: Option<Span>,
    requests: Option<u32>,
}

/// As the plugin uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) url: Url,
    /// Which key of the grant signs.
    pub(crate) key: String,
    /// For one request.
    pub(crate) timeout: Duration,
    /// In one call.
    pub(crate) requests: u32,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let key = self.key.unwrap_or_else(|| DEFAULT_KEY.to_owned());
        if key.is_empty() {
            problems.push(ConfigProblem::new("/key", "must name a key of [grants.sign.keys]"));
        }
        let timeout = self.timeout.map_or(DEFAULT_TIMEOUT, |span| span.0);
        if timeout.is_zero() {
            problems.push(ConfigProblem::new("/timeout", "must be longer than nothing"));
        }
        let requests = self.requests.unwrap_or(DEFAULT_REQUESTS);
        if !(LEAST_REQUESTS..=MOST_REQUESTS).contains(&requests) {
            let message = format!("must be from {LEAST_REQUESTS} to {MOST_REQUESTS}");
            problems.push(ConfigProblem::new("/requests", message));
        }
        match Url::parse(&self.url) {
            Ok(url) if problems.is_empty() => Ok(Settings { url, key, timeout, requests }),
            Ok(_) => Err(problems),
            Err(message) => {
                problems.insert(0, ConfigProblem::new("/url", message));
                Err(problems)
            }
        }
    }
}

/// A JSON Schema of [`Config`].
pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string", "format": "uri", "description": "where batches are posted" },
            "key": {
                "type": "string",
                "minLength": 1,
                "default": DEFAULT_KEY,
                "description": "a key of [grants.sign.keys] with purpose mac",
            },
            "timeout": { "type": "string", "pattern": SPAN_PATTERN, "default": "5s", "description": "for one request" },
            "requests": {
                "type": "integer",
                "minimum": LEAST_REQUESTS,
                "maximum": MOST_REQUESTS,
                "default": DEFAULT_REQUESTS,
                "description": "in one call; http_requests of [limits] has to allow as many",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: Value) -> Result<Settings, Vec<String>> {
        let problems = |problems: Vec<ConfigProblem>| problems.into_iter().map(|problem| problem.path).collect();
        serde_json::from_value::<Config>(config).unwrap().check().map_err(problems)
    }

    #[test]
    fn an_address_is_enough() {
        let settings = check(json!({ "url": "https://siem.example/in?source=chancery" })).unwrap();
        assert_eq!((settings.key.as_str(), settings.requests), ("webhook", 32));
        assert_eq!(settings.url.to_string(), "https://siem.example/in?source=chancery");
    }

    #[test]
    fn all_faults_are_reported_at_once_by_path() {
        let config = json!({ "url": "siem.example", "key": "", "timeout": "0s", "requests": 11 });
        assert_eq!(check(config).unwrap_err(), ["/url", "/key", "/timeout", "/requests"]);
        assert_eq!(check(json!({ "url": "https://h/", "requests": 65 })).unwrap_err(), ["/requests"]);
        assert_eq!(check(json!({ "url": "https://user:password@h/" })).unwrap_err(), ["/url"]);
    }

    #[test]
    fn the_schema_names_what_the_type_knows() {
        let schema = schema();
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(known, ["url", "key", "timeout", "requests"]);
        let unknown = serde_json::from_value::<Config>(json!({ "uri": "x" })).unwrap_err().to_string();
        assert!(known.iter().all(|name| unknown.contains(name.as_str())), "{unknown}");
    }

    #[test]
    fn the_example_is_one() {
        let example: toml::Table = toml::from_str(include_str!("../example.toml")).unwrap();
        let config: Value = example["config"].clone().try_into().unwrap();
        let settings = check(config).unwrap();
        assert_eq!(example["limits"]["http_requests"].as_integer(), Some(i64::from(settings.requests)));
        assert_eq!(example["grants"]["http"]["allow"][0].as_str(), Some(settings.url.origin().as_str()));
        assert_eq!(example["grants"]["sign"]["keys"][&settings.key]["purpose"].as_str(), Some("mac"));
    }
}
