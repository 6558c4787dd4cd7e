//! Proxy mode: finished credentials of another issuer.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Error, Plugin, Request, bindings::vc_issuance::exports::chancery::plugin::vc_issuance as contract, request,
};

/// Gets credentials that another issuer makes and signs. The host verifies them and passes them on.
pub trait VcIssuer: Plugin {
    /// Starts an issuance. The host never repeats it with the same request id after an answer.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    fn issue(&self, request: &Request, holder: &Holder) -> Result<Issuance, Error>;

    /// Continues a pending issuance. May be repeated: the same ticket must not issue twice.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    fn poll(&self, request: &PollRequest) -> Result<Issuance, Error>;
}

/// Whom the credential is to be bound to, from a key proof that the host checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holder {
    /// The holder's DID URL where the proof used one.
    pub id: Option<String>,
    /// OpenID4VCI proof type; absent where no proof was asked for.
    pub proof_type: Option<String>,
    /// The holder's public key as a JWK; absent where no proof was asked for.
    pub public_key_jwk: Option<Map<String, Value>>,
}

/// Where an issuance stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Issuance {
    /// Done.
    Issued(Credential),
    /// Not yet: the host calls [`VcIssuer::poll`] later.
    Pending(Ticket),
}

/// A signed credential.
#[derive(Clone, PartialEq)]
pub struct Credential {
    format: String,
    body: Vec<u8>,
    external_id: Option<String>,
    metadata: Map<String, Value>,
}

impl Credential {
    /// `body` goes to the wallet byte for byte; at most 8 MiB. `format` is the one asked for.
    pub fn new(format: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { format: format.into(), body: body.into(), external_id: None, metadata: Map::new() }
    }

    /// The other issuer's name for it, for later status questions.
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// For the host's record: `issuer`, `valid_from`, `valid_until`.
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl std::fmt::Debug for Credential {
    /// Without the credential: it is about a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("format", &self.format)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A promise of a credential that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whatever the plugin needs to go on; opaque to the host, which keeps it sealed. At most 16 KiB.
    pub token: Vec<u8>,
    /// When to ask again.
    pub retry_after: Duration,
}

/// A later question about a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct PollRequest {
    /// Names this request in every log.
    pub request_id: String,
    /// The issuer of the original request.
    pub issuer_id: String,
    /// The credential configuration of the original request.
    pub configuration_id: String,
    /// That configuration's settings for this plugin.
    pub settings: Map<String, Value>,
    /// The token of the latest ticket.
    pub token: Vec<u8>,
    /// Everything else that the host tells. Unknown members are to be ignored.
    pub context: Map<String, Value>,
    /// Wall-clock time for this call.
    pub budget: Duration,
}

impl PollRequest {
    /// The settings as the plugin's own type.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) when they do not fit.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        request::parse_settings(&self.settings)
    }
}

impl TryFrom<contract::Holder> for Holder {
    type Error = Error;

    fn try_from(holder: contract::Holder) -> Result<Self, Error> {
        let key = holder.public_key_jwk.map(|jwk| request::object("holder.public-key-jwk", &jwk)).transpose()?;
        Ok(Self { id: holder.id, proof_type: holder.proof_type, public_key_jwk: key })
    }
}

impl TryFrom<contract::PollRequest> for PollRequest {
    type Error = Error;

    fn try_from(request: contract::PollRequest) -> Result<Self, Error> {
        Ok(Self {
            request_id: request.request_id,
            issuer_id: request.issuer_id,
            configuration_id: request.configuration_id,
            settings: request::object("settings", &request.settings)?,
            token: request.token,
            context: request::object("context", &request.context)?,
            budget: Duration::from_millis(request.budget_ms.into()),
        })
    }
}

impl From<Issuance> for contract::Issuance {
    fn from(issuance: Issuance) -> Self {
        match issuance {
            Issuance::Issued(credential) => Self::Issued(contract::Credential {
                format: credential.format,
                body: credential.body,
                external_id: credential.external_id,
                metadata: Value::Object(credential.metadata).to_string(),
            }),
            Issuance::Pending(ticket) => Self::Pending(contract::Ticket {
                token: ticket.token,
                retry_after_ms: u32::try_from(ticket.retry_after.as_millis()).unwrap_or(u32::MAX),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_keeps_the_credential_to_itself() {
        let shown = format!("{:?}", Credential::new("ldp_vc", "Amina"));
        assert_eq!(shown, r#"Credential { format: "ldp_vc", bytes: 5, .. }"#);
    }

    #[test]
    fn a_long_wait_is_cut_to_what_the_contract_can_say() {
        let ticket = Ticket { token: b"t".to_vec(), retry_after: Duration::MAX };
        let contract::Issuance::Pending(ticket) = Issuance::Pending(ticket).into() else {
            panic!("not pending");
        };
        assert_eq!((ticket.token, ticket.retry_after_ms), (b"t".to_vec(), u32::MAX));
    }

    #[test]
    fn a_key_that_is_not_an_object_is_refused_by_name() {
        let holder = contract::Holder { id: None, proof_type: None, public_key_jwk: Some("7".into()) };
        assert!(Holder::try_from(holder).unwrap_err().detail().unwrap().starts_with("holder.public-key-jwk"));
    }
}
