//! What a plugin is asked.

use chancery_sandbox::{AuditEvent, AuditOutcome, PluginRequest, PollRequest};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::scalars::{Json, Timestamp};

/// What a case says nothing about.
const DEFAULT_REQUEST_ID: &str = "request-1";
const DEFAULT_ISSUER: &str = "default";
const DEFAULT_FORMAT: &str = "dc+sd-jwt";
const DEFAULT_CONFIGURATION: &str = "Credential";
const DEFAULT_SUBJECT: &str = "subject-1";

/// What data providers and VC issuers are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub request_id: String,
    pub issuer: String,
    pub configuration: String,
    pub format: String,
    pub subject_id: String,
    pub subject_claims: Value,
    pub requested_claims: Vec<Vec<String>>,
    pub locales: Vec<String>,
    pub settings: Value,
    pub context: Value,
}

/// `request`: of the whole file, or what a case changes of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRequest {
    request_id: Option<String>,
    issuer: Option<String>,
    configuration: Option<String>,
    format: Option<String>,
    subject: RawSubject,
    requested_claims: Option<Vec<Vec<String>>>,
    locales: Option<Vec<String>>,
    settings: Option<JsonObject>,
    context: Option<JsonObject>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSubject {
    id: Option<String>,
    claims: Option<JsonObject>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Json")]
pub(super) struct JsonObject(pub(super) Map<String, Value>);

impl TryFrom<Json> for JsonObject {
    type Error = String;

    fn try_from(Json(value): Json) -> Result<Self, String> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err("a table is wanted here, or a text that holds a JSON object".to_owned()),
        }
    }
}

impl RawRequest {
    /// With what a case states in place of what the file states.
    pub(super) fn overridden(&self, own: Self) -> Request {
        let common = self.clone();
        let text = |own: Option<String>, common: Option<String>, default: &str| {
            own.or(common).unwrap_or_else(|| default.to_owned())
        };
        let object = |own: Option<JsonObject>, common: Option<JsonObject>| {
            own.or(common).map_or_else(|| Value::Object(Map::new()), |JsonObject(members)| Value::Object(members))
        };
        Request {
            request_id: text(own.request_id, common.request_id, DEFAULT_REQUEST_ID),
            issuer: text(own.issuer, common.issuer, DEFAULT_ISSUER),
            configuration: text(own.configuration, common.configuration, DEFAULT_CONFIGURATION),
            format: text(own.format, common.format, DEFAULT_FORMAT),
            subject_id: text(own.subject.id, common.subject.id, DEFAULT_SUBJECT),
            subject_claims: object(own.subject.claims, common.subject.claims),
            requested_claims: own.requested_claims.or(common.requested_claims).unwrap_or_default(),
            locales: own.locales.or(common.locales).unwrap_or_default(),
            settings: object(own.settings, common.settings),
            context: object(own.context, common.context),
        }
    }
}

impl Request {
    /// As the sandbox takes it.
    pub fn to_plugin(&self) -> PluginRequest {
        let own = self.clone();
        PluginRequest {
            request_id: own.request_id,
            issuer_id: own.issuer,
            configuration_id: own.configuration,
            format: own.format,
            subject_id: own.subject_id,
            subject_claims: own.subject_claims,
            requested_claims: own.requested_claims,
            locales: own.locales,
            settings: own.settings,
            context: own.context,
        }
    }

    /// A later question about a ticket.
    pub fn to_poll(&self, token: Vec<u8>) -> PollRequest {
        let own = self.clone();
        PollRequest {
            request_id: own.request_id,
            issuer_id: own.issuer,
            configuration_id: own.configuration,
            settings: own.settings,
            token,
            context: own.context,
        }
    }
}

/// Whom a VC issuer's credential is to be bound to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Holder {
    pub id: Option<String>,
    pub proof_type: Option<String>,
    pub public_key_jwk: Option<Json>,
}

impl Holder {
    /// As the sandbox takes it.
    pub fn to_plugin(&self) -> chancery_sandbox::Holder {
        chancery_sandbox::Holder {
            id: self.id.clone(),
            proof_type: self.proof_type.clone(),
            public_key_jwk: self.public_key_jwk.clone().map(|Json(jwk)| jwk),
        }
    }
}

/// An audit event. What is left out is something sensible.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Event {
    id: Option<String>,
    sequence: Option<u64>,
    at: Option<Timestamp>,
    issuer: Option<String>,
    action: Option<String>,
    outcome: EventOutcome,
    actor: Option<String>,
    object: Option<String>,
    request_id: Option<String>,
    detail: Option<JsonObject>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EventOutcome {
    #[default]
    Succeeded,
    Denied,
    Failed,
}

impl Event {
    /// As the sandbox takes it: number `position` of its batch, from 1 on.
    pub fn to_plugin(&self, position: u64, clock: DateTime<Utc>) -> AuditEvent {
        let own = self.clone();
        let at = own.at.map_or(clock, |Timestamp(at)| at);
        let text = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        AuditEvent {
            id: own.id.unwrap_or_else(|| format!("event-{position}")),
            sequence: own.sequence.unwrap_or(position),
            at_unix_ms: u64::try_from(at.timestamp_millis()).unwrap_or_default(),
            // "" is an action of the whole server.
            issuer_id: Some(text(own.issuer, DEFAULT_ISSUER)).filter(|issuer| !issuer.is_empty()),
            action: text(own.action, "credential.issue"),
            outcome: match own.outcome {
                EventOutcome::Succeeded => AuditOutcome::Succeeded,
                EventOutcome::Denied => AuditOutcome::Denied,
                EventOutcome::Failed => AuditOutcome::Failed,
            },
            actor: text(own.actor, "wallet"),
            object: text(own.object, "object-1"),
            request_id: text(own.request_id, DEFAULT_REQUEST_ID),
            detail: own
                .detail
                .map_or_else(|| "{}".to_owned(), |JsonObject(members)| Value::Object(members).to_string()),
        }
    }
}
