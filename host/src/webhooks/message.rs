//! What an event is told as.

use chancery_store::{AuditEvent, DeadLetter, EventOutcome, Timestamp};
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use crate::config::webhooks::{EventType, Webhook};

/// Which actions are told, with which outcomes, and as what. What does not stand here is not told.
const TOLD: &[(&str, &[EventOutcome], EventType)] = {
    use EventOutcome::{Failed, Refused, Succeeded};
    &[
        ("credential.issue", &[Succeeded], EventType::CredentialIssued),
        ("credential.issue", &[Refused, Failed], EventType::CredentialFailed),
        ("credential.status", &[Succeeded], EventType::CredentialStatusChanged),
        (SUPERSEDE, &[Succeeded], EventType::CredentialStatusChanged),
        ("credential.delete", &[Succeeded], EventType::CredentialDeleted),
        ("credential.erase", &[Succeeded], EventType::CredentialDeleted),
        ("credential.outlive", &[Succeeded], EventType::CredentialDeleted),
        ("offer.redeem", &[Succeeded], EventType::OfferUsed),
    ]
};

/// A newer credential takes the place of a former one. Only where that revokes it, its status has changed.
const SUPERSEDE: &str = "credential.supersede";

/// A message, as it is sent and sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Of the event, and so the same whenever it is sent.
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) occurred_at: Timestamp,
    pub(super) body: String,
}

impl Message {
    /// `None`: this webhook is not told.
    pub(super) fn of(event: &AuditEvent, webhook: &Webhook) -> Option<Self> {
        if event.issuer_id != webhook.issuer {
            return None;
        }
        let told =
            TOLD.iter().find(|(action, outcomes, _)| *action == event.action && outcomes.contains(&event.outcome));
        let event_type = told.map(|(_, _, event_type)| *event_type).filter(|told| webhook.events.contains(told))?;
        if event.action == SUPERSEDE && event.detail["revoked"] != true {
            return None;
        }
        let body = json!({
            "type": event_type.as_str(),
            "timestamp": event.at.get().to_rfc3339_opts(SecondsFormat::Micros, true),
            "data": data(event, event_type),
        });
        Some(Self {
            event_id: event.event_id.clone(),
            event_type: event_type.as_str().to_owned(),
            occurred_at: event.at,
            body: body.to_string(),
        })
    }
}

impl From<&DeadLetter> for Message {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            event_id: letter.event_id.clone(),
            event_type: letter.event_type.clone(),
            occurred_at: letter.occurred_at,
            body: letter.body.clone(),
        }
    }
}

/// Audit events hold no personal data, so neither does this.
fn data(event: &AuditEvent, event_type: EventType) -> Value {
    let mut detail = event.detail.as_object().cloned().unwrap_or_default();
    if event.action == SUPERSEDE {
        // As every change of a status is told.
        detail.extend([("purpose".to_owned(), "revocation".into()), ("value".to_owned(), true.into())]);
    }
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            data.insert(name.to_owned(), value);
        }
    };
    put("event_id", Some(event.event_id.as_str().into()));
    put("issuer", Some(event.issuer_id.as_str().into()));
    let object = || Some(Value::from(event.object.as_str()));
    let offer = detail.shift_remove("offer");
    match event_type {
        EventType::CredentialIssued | EventType::CredentialStatusChanged | EventType::CredentialDeleted => {
            put("credential_id", object());
            put("offer_id", offer);
        }
        // There is no credential. Without an offer somebody has asked for a configuration, or handed a credential in.
        EventType::CredentialFailed => match offer {
            Some(Value::String(offer)) => put("offer_id", Some(offer.into())),
            _ => put("object", object()),
        },
        EventType::OfferUsed => put("offer_id", object()),
    }
    put("configuration", detail.shift_remove("configuration"));
    put("outcome", serde_json::to_value(event.outcome).ok());
    put("reason", event.reason.as_deref().map(Value::from));
    put("request_id", event.request_id.as_deref().map(Value::from));
    put("detail", Some(Value::Object(detail)));
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::audit::Actor;

    fn webhook(more: &str) -> Webhook {
        toml::from_str(&format!("url = \"https://b.example\"\nsecret_file = \"k\"\n{more}\n")).unwrap()
    }

    fn event(action: &str, outcome: EventOutcome) -> AuditEvent {
        let at = Timestamp::new(DateTime::from_timestamp_millis(1_800_000_000_042).unwrap());
        let event = Actor::new("wallet", Some("r1")).did("default", action, "o1", at);
        let detail = json!({"configuration": "Farmer", "offer": "of1", "version": 2});
        AuditEvent { event_id: "e1".to_owned(), outcome, detail, ..event }
    }

    fn told(event: &AuditEvent, webhook: &Webhook) -> Value {
        serde_json::from_str(&Message::of(event, webhook).unwrap().body).unwrap()
    }

    #[test]
    fn each_event_is_told_with_its_ids() {
        let (webhook, succeeded) = (webhook(""), EventOutcome::Succeeded);
        let data = json!({
            "event_id": "e1", "issuer": "default", "credential_id": "o1", "offer_id": "of1", "configuration": "Farmer",
            "outcome": "succeeded", "request_id": "r1", "detail": {"version": 2},
        });
        let issued = told(&event("credential.issue", succeeded), &webhook);
        let expected = json!({"type": "credential.issued", "timestamp": "2027-01-15T08:00:00.042000Z", "data": data});
        assert_eq!(issued, expected);
        for (action, event_type) in [
            ("credential.status", "credential.status_changed"),
            ("credential.delete", "credential.deleted"),
            ("credential.erase", "credential.deleted"),
            ("credential.outlive", "credential.deleted"),
        ] {
            let told = told(&event(action, succeeded), &webhook);
            assert_eq!((&told["type"], &told["data"]["credential_id"]), (&json!(event_type), &json!("o1")));
        }
        let used = AuditEvent { detail: json!({}), ..event("offer.redeem", succeeded) };
        let used = told(&used, &webhook);
        assert_eq!((&used["type"], &used["data"]["offer_id"]), (&json!("offer.used"), &json!("o1")));
        assert!(used["data"].get("credential_id").is_none() && used["data"].get("configuration").is_none());
        for outcome in [EventOutcome::Refused, EventOutcome::Failed] {
            let failed = AuditEvent { reason: Some("denied".to_owned()), ..event("credential.issue", outcome) };
            let failed = told(&failed, &webhook);
            assert_eq!(failed["type"], "credential.failed");
            assert_eq!((&failed["data"]["reason"], &failed["data"]["offer_id"]), (&json!("denied"), &json!("of1")));
            assert!(failed["data"].get("credential_id").is_none());
        }
    }

    #[test]
    fn a_credential_that_gives_way_is_told_when_that_revokes_it() {
        let superseded = |revoked: bool| AuditEvent {
            detail: json!({"by": "o2", "revoked": revoked}),
            ..event("credential.supersede", EventOutcome::Succeeded)
        };
        assert_eq!(Message::of(&superseded(false), &webhook("")), None);
        let told = told(&superseded(true), &webhook(""));
        assert_eq!(
            (&told["type"], &told["data"]["credential_id"]),
            (&json!("credential.status_changed"), &json!("o1"))
        );
        let detail = json!({"by": "o2", "revoked": true, "purpose": "revocation", "value": true});
        assert_eq!(told["data"]["detail"], detail);
    }

    #[test]
    fn what_failed_without_an_offer_is_told_by_what_was_asked_for() {
        let failed = AuditEvent {
            detail: json!({"job": "j", "offer": null}),
            ..event("credential.issue", EventOutcome::Failed)
        };
        let data = told(&failed, &webhook(""))["data"].clone();
        assert_eq!(
            (&data["object"], &data["detail"], data.get("offer_id")),
            (&json!("o1"), &json!({"job": "j"}), None)
        );
    }

    #[test]
    fn what_is_not_asked_for_is_not_told() {
        let all = webhook("");
        for (action, outcome) in [
            ("credential.status", EventOutcome::Refused),
            ("credential.delete", EventOutcome::Failed),
            ("offer.redeem", EventOutcome::Refused),
            ("offer.create", EventOutcome::Succeeded),
            ("webhook.give_up", EventOutcome::Failed),
            ("credential", EventOutcome::Succeeded),
        ] {
            assert_eq!(Message::of(&event(action, outcome), &all), None, "{action}");
        }
        let issued = event("credential.issue", EventOutcome::Succeeded);
        assert_eq!(Message::of(&issued, &webhook("events = [\"credential.failed\", \"offer.used\"]")), None);
        assert!(Message::of(&issued, &webhook("events = [\"credential.issued\"]")).is_some());
        assert_eq!(Message::of(&issued, &webhook("issuer = \"ministry\"")), None, "another issuer's");
    }

    #[test]
    fn every_event_type_has_an_action_and_is_written_as_it_is_read() {
        for event_type in webhook("").events {
            assert!(TOLD.iter().any(|(_, _, told)| *told == event_type), "{event_type:?}");
            assert_eq!(serde_json::to_value(event_type).unwrap(), event_type.as_str());
        }
    }
}
