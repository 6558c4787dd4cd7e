//! What a call is about.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, bindings::chancery::plugin::types};

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
    /// A request about a subject with everything else empty, for tests of plugins.
    pub fn about(subject_id: impl Into<String>) -> Self {
        Self {
            request_id: String::new(),
            issuer_id: String::new(),
            configuration_id: String::new(),
            format: String::new(),
            subject: Subject { id: subject_id.into(), claims: Map::new() },
            requested_claims: Vec::new(),
            locales: Vec::new(),
            settings: Map::new(),
            context: Map::new(),
            budget: Duration::ZERO,
        }
    }

    /// The settings as the plugin's own type.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) when they do not fit.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse_settings(&self.settings)
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

impl TryFrom<types::Request> for Request {
    type Error = Error;

    fn try_from(request: types::Request) -> Result<Self, Error> {
        Ok(Self {
            request_id: request.request_id,
            issuer_id: request.issuer_id,
            configuration_id: request.configuration_id,
            format: request.format,
            subject: Subject { id: request.subject.id, claims: object("subject.claims", &request.subject.claims)? },
            requested_claims: request.requested_claims,
            locales: request.locales,
            settings: object("settings", &request.settings)?,
            context: object("context", &request.context)?,
            budget: Duration::from_millis(request.budget_ms.into()),
        })
    }
}

pub(crate) fn parse_settings<T: DeserializeOwned>(settings: &Map<String, Value>) -> Result<T, Error> {
    serde_json::from_value(Value::Object(settings.clone())).map_err(|error| {
        Error::misconfigured("The credential configuration's plugin settings do not fit.").with_detail(error)
    })
}

/// A member that the contract says holds a JSON object.
pub(crate) fn object(member: &str, text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal("The request cannot be read.").with_detail(format!("{member}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_are_the_operators_matter() {
        let mut request = Request::about("x");
        request.settings.insert("limit".to_owned(), Value::from("many"));
        let error = request.settings::<std::collections::BTreeMap<String, u32>>().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Misconfigured);
        assert!(error.detail().unwrap().contains("many"));
    }

    #[test]
    fn a_request_that_is_not_json_is_refused_by_name() {
        let error = object("settings", "[]").unwrap_err();
        assert!(error.detail().unwrap().starts_with("settings: "), "{error:?}");
    }
}
