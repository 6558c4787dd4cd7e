//! Audit events: made here, written by the store in the same transaction as the action they tell of, and taken to the
//! audit plugins and to webhooks from there.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `delivery`, `supervisor`, `sink` | the delivery of one host: what is shared, the order of events, one actor a plugin |
//! | `lease` | the right to deliver, which webhooks use as well |
//! | `batch`, `backoff` | what goes into a call and what its receipt says; when and how much to try next |
//! | `required` | waiting until the required sinks have what just happened |
//! | `retention`, `status` | what is kept after delivery, and how far each sink is |

pub(crate) mod backoff;
mod batch;
mod delivery;
pub(crate) mod lease;
pub mod required;
mod retention;
mod sink;
pub mod status;
mod supervisor;

use chancery_store::{AuditEvent, EventOutcome, Timestamp};
use serde_json::{Map, Value};
use uuid::{NoContext, Uuid};

pub use delivery::{Delivery, Running};
pub use required::Accepted;
pub use retention::Keep;

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
            event_id: event_id(at),
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

/// A UUIDv7 of the event's time: ids that grow keep the store's index over them cheap.
fn event_id(at: Timestamp) -> String {
    let at = at.get();
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(NoContext, seconds, at.timestamp_subsec_nanos());
    Uuid::new_v7(time).to_string()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn ids_are_unique_and_grow_with_time() {
        let at = |millis| Timestamp::new(DateTime::from_timestamp_millis(millis).unwrap());
        let mut ids = Vec::new();
        for millis in [-1, 0, 1, 1_700_000_000_042, 1_700_000_000_043, 253_402_300_799_999] {
            let (one, other) = (event_id(at(millis)), event_id(at(millis)));
            assert_ne!(one, other);
            ids.push(one);
        }
        assert!(ids[1..].is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| Uuid::parse_str(id).unwrap().get_version_num() == 7), "{ids:?}");
    }
}
