//! Audit events: made here, written by the store in the same transaction as the action they tell of.

use chancery_store::{AuditEvent, EventOutcome, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Who acts, in which request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `client:ID`, `wallet`, `cli`, `bootstrap token` or `system`.
    pub name: String,
    pub request_id: Option<String>,
}

impl Actor {
    pub fn new(name: &str, request_id: Option<&str>) -> Self {
        Self { name: name.to_owned(), request_id: request_id.map(str::to_owned) }
    }

    /// A service client. The prefix keeps a client named `wallet` from passing for one.
    pub fn client(client_id: &str, request_id: Option<&str>) -> Self {
        Self::new(&format!("client:{client_id}"), request_id)
    }

    pub fn system() -> Self {
        Self::new("system", None)
    }

    pub fn cli() -> Self {
        Self::new("cli", None)
    }

    /// A finished action on `object`; the rest is added by the caller.
    pub fn did(&self, issuer_id: &str, action: &str, object: &str, at: Timestamp) -> AuditEvent {
        AuditEvent {
            event_id: Uuid::new_v4().to_string(),
            issuer_id: issuer_id.to_owned(),
            at,
            actor: self.name.clone(),
            action: action.to_owned(),
            object: object.to_owned(),
            outcome: EventOutcome::Succeeded,
            reason: None,
            request_id: self.request_id.clone(),
            plugin_digest: None,
            detail: Value::Object(Map::new()),
        }
    }

    pub fn was_refused(&self, issuer_id: &str, action: &str, object: &str, at: Timestamp, reason: &str) -> AuditEvent {
        AuditEvent {
            outcome: EventOutcome::Refused,
            reason: Some(reason.to_owned()),
            ..self.did(issuer_id, action, object, at)
        }
    }
}
