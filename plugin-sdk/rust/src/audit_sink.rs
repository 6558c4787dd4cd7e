//! Audit events, on their way to where they are kept.

use serde_json::{Map, Value};

use crate::{Error, Plugin, bindings::audit::exports::chancery::plugin::audit as contract, request};

/// Takes audit events to where they are kept.
pub trait AuditSink: Plugin {
    /// Delivers events in order, each at least once: [`Event::id`] lets whoever reads them drop
    /// repetitions. The next batch follows after this one was answered. At most 1,000 events.
    ///
    /// # Errors
    /// The whole batch is delivered again. See [`ErrorKind`](crate::ErrorKind).
    fn deliver(&self, batch: &[Event]) -> Result<Receipt, Error>;
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Succeeded,
    /// It was refused by a rule or by lack of permission.
    Denied,
    /// It was allowed and did not work.
    Failed,
}

impl Outcome {
    /// The name that documents use: `succeeded`, `denied`, `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// One security-relevant action.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique; the same event keeps its id however often it is delivered.
    pub id: String,
    /// Position in the sealed order of all events.
    pub sequence: u64,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_unix_ms: u64,
    /// The issuer it belongs to; absent for actions of the whole server.
    pub issuer_id: Option<String>,
    /// What was done, such as `credential.issue`.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did it: a client id, an administrator's id, `system`.
    pub actor: String,
    /// What it was done to: an id. Subjects appear only as a keyed hash.
    pub object: String,
    /// The request it belongs to; empty where there was none.
    pub request_id: String,
    /// Reason, plugin digest and the rest.
    pub detail: Map<String, Value>,
}

impl Event {
    /// The event as the JSON object that sinks write, its members always in this order: `id`,
    /// `sequence`, `time` (RFC 3339, UTC, milliseconds), `issuer_id` (null for actions of the whole
    /// server), `action`, `outcome`, `actor`, `object`, `request_id` (null where there was none),
    /// `detail`.
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| json.insert(name.to_owned(), value);
        put("id", Value::from(self.id.as_str()));
        put("sequence", Value::from(self.sequence));
        put("time", Value::from(crate::clock::rfc3339(self.at_unix_ms)));
        put("issuer_id", Value::from(self.issuer_id.as_deref()));
        put("action", Value::from(self.action.as_str()));
        put("outcome", Value::from(self.outcome.as_str()));
        put("actor", Value::from(self.actor.as_str()));
        put("object", Value::from(self.object.as_str()));
        put("request_id", Value::from(Some(self.request_id.as_str()).filter(|id| !id.is_empty())));
        put("detail", Value::Object(self.detail.clone()));
        Value::Object(json)
    }
}

/// What became of a batch. What it does not name is delivered again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    delivered: Vec<String>,
    rejected: Vec<(String, String)>,
}

impl Receipt {
    /// Nothing is settled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These events are kept safely now.
    pub fn delivered(&mut self, events: &[Event]) {
        self.delivered.extend(events.iter().map(|event| event.id.clone()));
    }

    /// The sink will never take this event; the operator reads why.
    pub fn rejected(&mut self, event: &Event, reason: impl Into<String>) {
        self.rejected.push((event.id.clone(), reason.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.delivered.is_empty() && self.rejected.is_empty()
    }

    /// Ids of the delivered events, in the order of delivery.
    pub fn delivered_ids(&self) -> &[String] {
        &self.delivered
    }

    /// Ids of the rejected events, each with the reason.
    pub fn rejections(&self) -> &[(String, String)] {
        &self.rejected
    }
}

impl TryFrom<contract::Event> for Event {
    type Error = Error;

    fn try_from(event: contract::Event) -> Result<Self, Error> {
        Ok(Self {
            id: event.id,
            sequence: event.sequence,
            at_unix_ms: event.at_unix_ms,
            issuer_id: event.issuer_id,
            action: event.action,
            outcome: match event.outcome {
                contract::Outcome::Succeeded => Outcome::Succeeded,
                contract::Outcome::Denied => Outcome::Denied,
                contract::Outcome::Failed => Outcome::Failed,
            },
            actor: event.actor,
            object: event.object,
            request_id: event.request_id,
            detail: request::object("event.detail", &event.detail)?,
        })
    }
}

impl From<Receipt> for contract::Receipt {
    fn from(receipt: Receipt) -> Self {
        let rejection = |(id, reason)| contract::Rejection { id, reason };
        Self { delivered: receipt.delivered, rejected: receipt.rejected.into_iter().map(rejection).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> contract::Event {
        contract::Event {
            id: "e1".into(),
            sequence: 7,
            at_unix_ms: 1_700_000_000_042,
            issuer_id: None,
            action: "credential.issue".into(),
            outcome: contract::Outcome::Denied,
            actor: "a\nb".into(),
            object: "o".into(),
            request_id: String::new(),
            detail: r#"{"reason":"\"x\""}"#.into(),
        }
    }

    #[test]
    fn an_event_has_one_form_in_one_order() {
        let json = Event::try_from(event()).unwrap().to_json().to_string();
        assert_eq!(
            json,
            concat!(
                r#"{"id":"e1","sequence":7,"time":"2023-11-14T22:13:20.042Z","issuer_id":null,"#,
                r#""action":"credential.issue","outcome":"denied","actor":"a\nb","object":"o","#,
                r#""request_id":null,"detail":{"reason":"\"x\""}}"#,
            )
        );
    }

    #[test]
    fn an_event_whose_detail_is_no_object_is_refused_by_name() {
        let broken = contract::Event { detail: "[]".into(), ..event() };
        assert!(Event::try_from(broken).unwrap_err().detail().unwrap().starts_with("event.detail"));
    }

    #[test]
    fn a_receipt_names_what_became_of_each_event() {
        let first = Event::try_from(event()).unwrap();
        let second = Event { id: "e2".into(), ..first.clone() };
        let mut receipt = Receipt::new();
        assert!(receipt.is_empty());
        receipt.delivered(std::slice::from_ref(&first));
        receipt.rejected(&second, "no");
        let contract = contract::Receipt::from(receipt);
        assert_eq!(contract.delivered, ["e1"]);
        assert_eq!((contract.rejected[0].id.as_str(), contract.rejected[0].reason.as_str()), ("e2", "no"));
    }
}
