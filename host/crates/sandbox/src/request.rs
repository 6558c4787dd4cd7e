//! What plugins are asked.

use std::fmt;

use serde_json::Value;

/// What a data provider or a VC issuer is asked about a subject. JSON values must be objects; `Null`
/// means an empty one.
#[derive(Clone, Default)]
pub struct PluginRequest {
    /// Names this request in every log.
    pub request_id: String,
    /// The issuer of the credential.
    pub issuer_id: String,
    /// The credential configuration.
    pub configuration_id: String,
    /// OpenID4VCI format identifier.
    pub format: String,
    /// Whom the credential is about.
    pub subject_id: String,
    /// The token's claims, or the offer's.
    pub subject_claims: Value,
    /// Paths of wanted claims; empty means all.
    pub requested_claims: Vec<Vec<String>>,
    /// BCP 47 tags, best first.
    pub locales: Vec<String>,
    /// The credential configuration's settings for this plugin.
    pub settings: Value,
    /// Everything else. A text member `traceparent` is what the plugin sees as its trace context.
    pub context: Value,
}

/// Whom a VC issuer's credential is to be bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The holder's DID, where it has one.
    pub id: Option<String>,
    /// OpenID4VCI proof type; absent where no proof was asked for.
    pub proof_type: Option<String>,
    /// The holder's public key (JWK); absent where no proof was asked for.
    pub public_key_jwk: Option<Value>,
}

/// A later question about a ticket.
#[derive(Clone)]
pub struct PollRequest {
    /// Names this request in every log.
    pub request_id: String,
    /// The issuer of the original request.
    pub issuer_id: String,
    /// The credential configuration of the original request.
    pub configuration_id: String,
    /// The credential configuration's settings for this plugin.
    pub settings: Value,
    /// The token of the latest ticket.
    pub token: Vec<u8>,
    /// Everything else.
    pub context: Value,
}

/// One security-relevant action, for audit plugins. The members are those of `audit.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Unique.
    pub id: String,
    /// Position in the order of all events.
    pub sequence: u64,
    /// When.
    pub at_unix_ms: u64,
    /// The issuer it belongs to.
    pub issuer_id: Option<String>,
    /// What was done.
    pub action: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Who did it.
    pub actor: String,
    /// What it was done to.
    pub object: String,
    /// The request it belongs to; empty where there was none.
    pub request_id: String,
    /// A JSON object.
    pub detail: String,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Succeeded,
    /// It was refused.
    Denied,
    /// It was allowed and did not work.
    Failed,
}

/// Without what is personal.
impl fmt::Debug for PluginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginRequest")
            .field("request_id", &self.request_id)
            .field("issuer_id", &self.issuer_id)
            .field("configuration_id", &self.configuration_id)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Without the token, which may be a secret of the other issuer.
impl fmt::Debug for PollRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollRequest")
            .field("request_id", &self.request_id)
            .field("issuer_id", &self.issuer_id)
            .field("configuration_id", &self.configuration_id)
            .finish_non_exhaustive()
    }
}
