//! The trait that a data provider implements, and the values it works with.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Error, bindings::chancery};

/// Raw data about a subject, which the host turns into a credential and signs.
///
/// Every call of the host runs in a fresh sandbox: it builds the value with [`new`](Self::new),
/// calls one of the other methods, and throws everything away. The host asks in this order before
/// the plugin serves: `description`, `new`, `prepare`, `health`.
pub trait DataProvider: Sized {
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

    /// Looks up the subject of the request. Read-only and repeatable: the host may ask again.
    ///
    /// # Errors
    /// An unknown subject is [`Error::not_found`]; see [`ErrorKind`](crate::ErrorKind) for the rest.
    fn fetch(&self, request: &Request) -> Result<Data, Error>;
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
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Names this request in every log and in the answer to the client.
    pub request_id: String,
    /// The issuer that the credential will be issued by.
    pub issuer_id: String,
    /// OpenID4VCI `credential_configuration_id`.
    pub configuration_id: String,
    /// OpenID4VCI format identifier: `dc+sd-jwt`, `ldp_vc`, `mso_mdoc`, …
    pub format: String,
    /// Whom the credential is about.
    pub subject: Subject,
    /// Paths of the claims that are wanted, from the outside in; empty means all. A hint: returning
    /// more is allowed.
    pub requested_claims: Vec<Vec<String>>,
    /// BCP 47 language tags, best first; empty where the client stated none.
    pub locales: Vec<String>,
    /// The credential configuration's settings for this plugin.
    pub settings: Map<String, Value>,
    /// Everything else that the host tells. Unknown members are to be ignored.
    pub context: Map<String, Value>,
    /// Wall-clock time for this call, waiting for sources included.
    pub budget: Duration,
}

impl Request {
    /// The settings as the plugin's own type.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) when they do not fit.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_value(Value::Object(self.settings.clone())).map_err(|error| {
            Error::misconfigured("The credential configuration's plugin settings do not fit.").with_detail(error)
        })
    }
}

/// The person or thing that a credential is about, as the authorization established it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The access token's `sub`, or the subject that the credential offer named. Never empty.
    pub id: String,
    /// The token's claims, or those of the offer.
    pub claims: Map<String, Value>,
}

/// What the source knows about a subject.
#[derive(Debug)]
pub struct Data {
    claims: String,
    attachments: Vec<chancery::plugin::types::Attachment>,
    valid_until: Option<u64>,
}

impl Data {
    /// Claims that are already JSON text, for a source that answers JSON: passed on as it is. The
    /// host refuses what is not one JSON object with unique names.
    pub fn from_json_text(claims: impl Into<String>) -> Self {
        Self { claims: claims.into(), attachments: Vec::new(), valid_until: None }
    }

    /// Claims from the plugin's own type, which must serialize to an object.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when it does not serialize.
    pub fn from_serialize(claims: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string(claims)
            .map_err(|error| Error::internal("The data cannot be passed on.").with_detail(error))?;
        Ok(Self::from_json_text(text))
    }

    /// Until when the source vouches for the data, in seconds since 1970-01-01T00:00:00Z. The
    /// credential's validity does not go beyond it.
    pub fn valid_until(mut self, unix_seconds: u64) -> Self {
        self.valid_until = Some(unix_seconds);
        self
    }

    /// A value too large for JSON (a photograph, a signature), as `data.<name>` for templates.
    /// `media_type` is an IANA media type such as `image/jpeg`.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the host's limit for one call
    /// (16 MiB by default) would be exceeded.
    pub fn attach(mut self, name: impl Into<String>, media_type: &str, bytes: &[u8]) -> Result<Self, Error> {
        use chancery::host::blobs::{Blob, BlobError};

        let blob = Blob::new(media_type);
        blob.append(bytes).map_err(|BlobError::TooLarge(limit)| {
            Error::internal("The data is too large.")
                .with_detail(format!("attachments of one call may hold {limit} bytes"))
        })?;
        self.attachments.push(chancery::plugin::types::Attachment { name: name.into(), content: blob });
        Ok(self)
    }

    pub(crate) fn into_contract(self) -> crate::bindings::exports::chancery::plugin::data_provider::Data {
        crate::bindings::exports::chancery::plugin::data_provider::Data {
            claims: self.claims,
            attachments: self.attachments,
            valid_until: self.valid_until,
        }
    }
}

impl From<Map<String, Value>> for Data {
    fn from(claims: Map<String, Value>) -> Self {
        Self::from_json_text(Value::Object(claims).to_string())
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
    fn claims_keep_their_order() {
        let mut claims = Map::new();
        claims.insert("z".into(), "1".into());
        claims.insert("a".into(), "\"}".into());
        assert_eq!(Data::from(claims).claims, r#"{"z":"1","a":"\"}"}"#);
    }

    #[test]
    fn settings_that_do_not_fit_are_the_operators_matter() {
        let request = Request {
            request_id: String::new(),
            issuer_id: String::new(),
            configuration_id: String::new(),
            format: String::new(),
            subject: Subject { id: "x".into(), claims: Map::new() },
            requested_claims: Vec::new(),
            locales: Vec::new(),
            settings: Map::from_iter([("limit".to_owned(), Value::from("many"))]),
            context: Map::new(),
            budget: Duration::ZERO,
        };
        let error = request.settings::<std::collections::BTreeMap<String, u32>>().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Misconfigured);
        assert!(error.detail().unwrap().contains("many"));
    }
}
