//! What every kind of plugin has in common.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::Error;

/// A plugin of any kind. What it does is another trait beside this one:
/// [`DataProvider`](crate::DataProvider), [`VcIssuer`](crate::VcIssuer) or [`AuditSink`](crate::AuditSink).
///
/// Every call of the host builds the value with [`new`](Self::new), calls one other method, and drops
/// the value. By default every call also has a fresh sandbox; an operator may let calls of one issuer
/// share one (`instance = "warm"`), so a static may or may not be what an earlier call left. The host
/// asks in this order before the plugin serves: `description`, `new`, `prepare`, `health`.
pub trait Plugin: Sized {
    /// The operator's `[config]`. `()` where the plugin takes none; an unknown or missing member is
    /// reported to the operator by its path.
    type Config: DeserializeOwned;

    /// Who this plugin is. Constant: it must not depend on configuration. See [`describe!`](crate::describe).
    fn description() -> Description;

    /// Checks the configuration. Reports all faults at once, at least one when it fails. Quick: it
    /// runs before each call.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    fn new(config: Self::Config) -> Result<Self, Vec<ConfigProblem>>;

    /// Builds what every later call may read through [`Prepared`](crate::prepared::Prepared), once
    /// a generation. By default it has 10 s of CPU time and 256 MiB; the result may hold 64 MiB.
    ///
    /// # Errors
    /// The new generation is rejected with this error; the former one goes on serving.
    fn prepare(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    /// Whether the plugin could serve now. Runs before a generation becomes active.
    ///
    /// # Errors
    /// The new generation is rejected with this error; the former one goes on serving.
    fn health(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Who a plugin is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    name: &'static str,
    version: &'static str,
    summary: &'static str,
    config_schema: Option<Value>,
}

impl Description {
    /// `version` is a semantic version, `summary` one sentence. [`describe!`](crate::describe)
    /// takes the first two from the plugin's Cargo.toml.
    pub fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self { name, version, summary, config_schema: None }
    }

    /// A JSON Schema for `[config]`.
    pub fn with_config_schema(mut self, schema: Value) -> Self {
        self.config_schema = Some(schema);
        self
    }
}

/// A [`Description`] with the name and version of the calling crate.
#[macro_export]
macro_rules! describe {
    ($summary:expr) => {
        $crate::Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), $summary)
    };
}

/// One fault in the operator's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where, as a JSON pointer into the configuration (`/mapping/dob`); empty for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl ConfigProblem {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// A fault of the member of this name, at the top of the configuration.
    pub fn of_member(name: &str, message: impl Into<String>) -> Self {
        Self::new(format!("/{}", name.replace('~', "~0").replace('/', "~1")), message)
    }

    /// The same fault, seen from a table that holds the faulty one under `prefix` (`/lookups/0`).
    pub fn under(mut self, prefix: &str) -> Self {
        self.path.insert_str(0, prefix);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_what_the_contract_says() {
        let description = describe!("Does a thing.").with_config_schema(serde_json::json!({}));
        assert_eq!(
            serde_json::to_value(description).unwrap(),
            serde_json::json!({
                "name": "chancery-plugin-sdk",
                "version": env!("CARGO_PKG_VERSION"),
                "summary": "Does a thing.",
                "config_schema": {},
            })
        );
    }

    #[test]
    fn a_problem_is_placed_in_the_whole() {
        assert_eq!(ConfigProblem::new("/url", "x").under("/lookups/0").path, "/lookups/0/url");
        assert_eq!(ConfigProblem::of_member("a/b~", "x").path, "/a~1b~0");
    }
}
