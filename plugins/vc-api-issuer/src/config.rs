//! The operator's `[config]`.

use std::time::Duration;

use chancery_plugin_sdk::{
    ConfigProblem, Value,
    http::Url,
    json,
    quantity::{SPAN_PATTERN, Span},
};
use serde::Deserialize;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Where the VC API issues, below its base.
const ISSUE: &str = "credentials/issue";

/// As the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    timeout: Option<Span>,
    retry_after: Option<Span>,
}

/// As the plugin uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where credentials are issued.
    pub(crate) issue: Url,
    /// For one request.
    pub(crate) timeout: Duration,
    /// When to ask again, if the other issuer does not say.
    pub(crate) retry_after: Duration,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        for (path, time) in [("/timeout", self.timeout), ("/retry_after", self.retry_after)] {
            if time.is_some_and(|time| time.0.is_zero()) {
                problems.push(ConfigProblem::new(path, "must be longer than nothing"));
            }
        }
        match issue_url(&self.url) {
            Ok(issue) if problems.is_empty() => Ok(Settings {
                issue,
                timeout: self.timeout.map_or(DEFAULT_TIMEOUT, |time| time.0),
                retry_after: self.retry_after.map_or(DEFAULT_RETRY_AFTER, |time| time.0),
            }),
            Ok(_) => Err(problems),
            Err(message) => {
                problems.insert(0, ConfigProblem::new("/url", message));
                Err(problems)
            }
        }
    }
}

fn issue_url(base: &str) -> Result<Url, String> {
    if base.contains('?') {
        return Err("the URL must have no query: it is the base of the VC API".to_owned());
    }
    Url::parse(base)?;
    Url::parse(&format!("{}/{ISSUE}", base.trim_end_matches('/')))
}

/// A JSON Schema of [`Config`].
pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string", "format": "uri", "description": "the base of the VC API, without /credentials/issue" },
            "timeout": { "type": "string", "pattern": SPAN_PATTERN, "default": "10s", "description": "for one request" },
            "retry_after": {
                "type": "string",
                "pattern": SPAN_PATTERN,
                "default": "30s",
                "description": "when to ask again, if the other issuer does not say",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: Value) -> Result<Settings, Vec<String>> {
        let paths = |problems: Vec<ConfigProblem>| problems.into_iter().map(|problem| problem.path).collect();
        serde_json::from_value::<Config>(config).unwrap().check().map_err(paths)
    }

    #[test]
    fn the_base_may_end_with_a_slash() {
        for (base, issue) in [
            ("https://h", "https://h/credentials/issue"),
            ("https://h/", "https://h/credentials/issue"),
            ("https://h:81/api/v1", "https://h:81/api/v1/credentials/issue"),
            ("https://h/api/", "https://h/api/credentials/issue"),
        ] {
            assert_eq!(check(json!({ "url": base })).unwrap().issue.to_string(), issue);
        }
    }

    #[test]
    fn all_faults_are_reported_at_once_by_path() {
        let config = json!({ "url": "h", "timeout": "0ms", "retry_after": "0s" });
        assert_eq!(check(config).unwrap_err(), ["/url", "/timeout", "/retry_after"]);
        for url in ["https://h?x=1", "https://u:p@h/", "https:///", "https://h/#a", "ftp://h/", ""] {
            assert_eq!(check(json!({ "url": url })).unwrap_err(), ["/url"], "{url}");
        }
    }

    #[test]
    fn the_schema_names_what_the_type_knows() {
        let schema = schema();
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let unknown = serde_json::from_value::<Config>(json!({ "uri": "x" })).unwrap_err().to_string();
        assert!(known.iter().all(|name| unknown.contains(&format!("`{name}`"))), "{unknown}");
        assert_eq!(unknown.matches('`').count() / 2 - 1, known.len(), "{unknown}");
    }

    #[test]
    fn the_example_is_one() {
        let example: toml::Table = toml::from_str(include_str!("../example.toml")).unwrap();
        let config: Value = example["config"].clone().try_into().unwrap();
        let settings = check(config).unwrap();
        assert_eq!(example["grants"]["http"]["allow"][0].as_str(), Some(settings.issue.origin().as_str()));
    }
}
