//! The operator's `[config]`.

use chancery_plugin_sdk::{
    ConfigProblem, Value, json,
    quantity::{SIZE_PATTERN, Size},
};
use serde::Deserialize;

/// A file that holds less than the events of one busy second would only be a nuisance.
const LEAST_BYTES: u64 = 4096;

/// As the operator writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    max_bytes: Option<Size>,
    daily: bool,
}

/// When a new file is begun. The grant's own `max_file` holds in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Before the file would hold more than that.
    pub(crate) max_bytes: Option<u64>,
    /// Before the first events of another day (UTC).
    pub(crate) daily: bool,
}

impl Config {
    pub(crate) fn check(self) -> Result<Rotation, Vec<ConfigProblem>> {
        match self.max_bytes {
            Some(Size(bytes)) if bytes < LEAST_BYTES => {
                Err(vec![ConfigProblem::new("/max_bytes", "must be at least \"4KiB\"")])
            }
            max_bytes => Ok(Rotation { max_bytes: max_bytes.map(|size| size.0), daily: self.daily }),
        }
    }
}

/// A JSON Schema of [`Config`].
pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "max_bytes": {
                "type": "string",
                "pattern": SIZE_PATTERN,
                "description": "begin a new file before this one would hold more; at least 4KiB",
            },
            "daily": { "type": "boolean", "default": false, "description": "begin a new file every day (UTC)" },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: Value) -> Result<Rotation, Vec<ConfigProblem>> {
        serde_json::from_value::<Config>(config).unwrap().check()
    }

    #[test]
    fn everything_may_be_left_out() {
        assert_eq!(check(json!({})).unwrap(), Rotation { max_bytes: None, daily: false });
        let both = check(json!({ "max_bytes": "4KiB", "daily": true })).unwrap();
        assert_eq!(both, Rotation { max_bytes: Some(4096), daily: true });
    }

    #[test]
    fn files_too_small_to_be_useful_are_refused() {
        assert_eq!(check(json!({ "max_bytes": "4095B" })).unwrap_err()[0].path, "/max_bytes");
        for config in
            [json!({ "max_bytes": 4096 }), json!({ "max_bytes": "4 MB" }), json!({ "daily": 1 }), json!({ "x": 1 })]
        {
            assert!(serde_json::from_value::<Config>(config.clone()).is_err(), "{config}");
        }
    }

    #[test]
    fn the_schema_names_what_the_type_knows() {
        let schema = schema();
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(known, ["max_bytes", "daily"]);
    }

    #[test]
    fn the_example_is_one() {
        let example: toml::Table = toml::from_str(include_str!("../example.toml")).unwrap();
        let config: Value = example["config"].clone().try_into().unwrap();
        check(config).unwrap();
        assert!(example["grants"].get("journal").is_some());
    }
}
