//! Events as the plugin contract has them, and what a receipt says of them.

use std::collections::{HashMap, HashSet};

use chancery_sandbox::{AuditEvent as ContractEvent, AuditOutcome, Receipt};
use chancery_store::{AuditEvent, EventOutcome, Timestamp};
use serde_json::{Map, Value, json};

use super::Actor;

/// Bytes of text that a call may hold, unless the first event alone exceeds that; part of the contract in `wit/`.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// What a rejection is written down as. One that is rejected itself is only logged: two sinks that reject everything
/// would keep each other busy for ever.
const REJECTED: &str = "audit.rejected";

/// The events that go into one call, with their positions.
#[derive(Debug)]
pub(super) struct Batch(Vec<(u64, AuditEvent)>);

/// How far a receipt goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled<'a> {
    /// The last position before the first event that the receipt does not name.
    pub(super) to: u64,
    /// Those among them that the sink will never take, with its reasons.
    pub(super) rejected: Vec<(&'a AuditEvent, &'a str)>,
}

impl Batch {
    /// As many of the events as one call may hold, and what it is to be given.
    pub(super) fn take(mut events: Vec<(u64, AuditEvent)>) -> (Self, Vec<ContractEvent>) {
        let (mut batch, mut bytes) = (Vec::with_capacity(events.len()), 0);
        for (position, event) in &events {
            let event = to_contract(*position, event);
            bytes += size(&event);
            if bytes > MAX_BYTES && !batch.is_empty() {
                break;
            }
            batch.push(event);
        }
        events.truncate(batch.len());
        (Self(events), batch)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `None`: not even the first event is settled. An event beyond one that is not named comes again, whatever the
    /// receipt says of it.
    pub(super) fn settled<'a>(&'a self, receipt: &'a Receipt) -> Option<Settled<'a>> {
        let delivered: HashSet<&str> = receipt.delivered.iter().map(String::as_str).collect();
        let reasons: HashMap<&str, &str> =
            receipt.rejected.iter().map(|(id, reason)| (id.as_str(), reason.as_str())).collect();
        let mut settled = None;
        for (position, event) in &self.0 {
            let reason = reasons.get(event.event_id.as_str());
            if reason.is_none() && !delivered.contains(event.event_id.as_str()) {
                break;
            }
            let settled = settled.get_or_insert(Settled { to: 0, rejected: Vec::new() });
            settled.to = *position;
            settled.rejected.extend(reason.map(|reason| (event, *reason)));
        }
        settled
    }
}

impl Settled<'_> {
    /// The events that tell of the rejections, to be written when the delivery moves on.
    pub(super) fn events(&self, plugin: &str, digest: &str, now: Timestamp) -> Vec<AuditEvent> {
        let told = self.rejected.iter().filter(|(event, _)| event.action != REJECTED);
        let told = told.map(|(event, why)| AuditEvent {
            outcome: EventOutcome::Failed,
            reason: Some("rejected-by-sink".to_owned()),
            plugin_digest: Some(digest.to_owned()),
            detail: json!({"plugin": plugin, "action": event.action, "rejection": why}),
            ..Actor::system().did(&event.issuer_id, REJECTED, &event.event_id, now)
        });
        told.collect()
    }
}

fn to_contract(position: u64, event: &AuditEvent) -> ContractEvent {
    let mut detail = match &event.detail {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    for (name, value) in [("reason", &event.reason), ("plugin_digest", &event.plugin_digest)] {
        if let Some(value) = value {
            detail.insert(name.to_owned(), value.as_str().into());
        }
    }
    ContractEvent {
        id: event.event_id.clone(),
        sequence: position,
        at_unix_ms: u64::try_from(event.at.get().timestamp_millis()).unwrap_or(0),
        issuer_id: Some(event.issuer_id.clone()).filter(|id| !id.is_empty()),
        action: event.action.clone(),
        outcome: match event.outcome {
            EventOutcome::Succeeded => AuditOutcome::Succeeded,
            EventOutcome::Refused => AuditOutcome::Denied,
            EventOutcome::Failed => AuditOutcome::Failed,
        },
        actor: event.actor.clone(),
        object: event.object.clone(),
        request_id: event.request_id.clone().unwrap_or_default(),
        detail: Value::Object(detail).to_string(),
    }
}

fn size(event: &ContractEvent) -> usize {
    let issuer = event.issuer_id.as_deref().unwrap_or_default();
    let texts = [&event.id, issuer, &event.action, &event.actor, &event.object, &event.request_id, &event.detail];
    texts.into_iter().map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::new(chrono::DateTime::from_timestamp_millis(1_700_000_000_042).unwrap())
    }

    fn event(id: &str, action: &str) -> AuditEvent {
        AuditEvent { event_id: id.to_owned(), ..Actor::system().did("default", action, "o", now()) }
    }

    fn batch(ids: &[&str]) -> Batch {
        Batch((11..).zip(ids).map(|(position, id)| (position, event(id, "offer.create"))).collect())
    }

    fn receipt(delivered: &[&str], rejected: &[&str]) -> Receipt {
        Receipt {
            delivered: delivered.iter().map(|id| (*id).to_owned()).collect(),
            rejected: rejected.iter().map(|id| ((*id).to_owned(), format!("no {id}"))).collect(),
            plugin_sha256: "d".to_owned(),
        }
    }

    #[test]
    fn only_what_is_settled_without_a_gap_counts() {
        let batch = batch(&["a", "b", "c", "d"]);
        for (delivered, rejected, expected) in [
            (&[][..], &[][..], None),
            (&["b", "c", "d"], &[], None),
            (&["b"], &["c"], None),
            (&["a"], &[], Some((11, vec![]))),
            (&["c", "a"], &["d"], Some((11, vec![]))),
            (&["a", "c"], &["b"], Some((13, vec!["b"]))),
            (&["d", "c", "b", "a"], &[], Some((14, vec![]))),
            (&[], &["a", "b", "c", "d"], Some((14, vec!["a", "b", "c", "d"]))),
        ] {
            let receipt = receipt(delivered, rejected);
            let settled = batch.settled(&receipt).map(|settled| {
                (settled.to, settled.rejected.iter().map(|(event, _)| event.event_id.as_str()).collect::<Vec<_>>())
            });
            assert_eq!(settled, expected, "{delivered:?} {rejected:?}");
        }
    }

    #[test]
    fn a_rejection_is_told_once_and_its_own_rejection_is_not() {
        let batch = Batch(vec![(1, event("a", "offer.create")), (2, event("b", REJECTED))]);
        let receipt = receipt(&[], &["a", "b"]);
        let events = batch.settled(&receipt).unwrap().events("sink", "digest", now());
        let [told] = &events[..] else { panic!("{events:?}") };
        assert_eq!((told.action.as_str(), told.object.as_str()), (REJECTED, "a"));
        assert_eq!((told.outcome, told.plugin_digest.as_deref()), (EventOutcome::Failed, Some("digest")));
        assert_eq!(told.detail, json!({"plugin": "sink", "action": "offer.create", "rejection": "no a"}));
    }

    #[test]
    fn an_event_keeps_what_it_tells() {
        let told = AuditEvent {
            outcome: EventOutcome::Refused,
            reason: Some("code-already-used".to_owned()),
            request_id: Some("r".to_owned()),
            plugin_digest: Some("d".to_owned()),
            detail: json!({"offer": "o1", "reason": "overruled"}),
            ..event("a", "offer.redeem")
        };
        let contract = to_contract(7, &told);
        assert_eq!((contract.sequence, contract.at_unix_ms), (7, 1_700_000_000_042));
        assert_eq!((contract.outcome, contract.request_id.as_str()), (AuditOutcome::Denied, "r"));
        assert_eq!(contract.issuer_id.as_deref(), Some("default"));
        let detail: Value = serde_json::from_str(&contract.detail).unwrap();
        assert_eq!(detail, json!({"offer": "o1", "reason": "code-already-used", "plugin_digest": "d"}));
        let bare = to_contract(8, &AuditEvent { issuer_id: String::new(), ..event("b", "x.y") });
        assert_eq!((bare.issuer_id, bare.request_id.as_str(), bare.detail.as_str()), (None, "", "{}"));
    }

    #[test]
    fn a_batch_holds_a_mebibyte_or_one_event() {
        let large = |id, bytes| AuditEvent { object: "x".repeat(bytes), ..event(id, "x.y") };
        let taken = |events: Vec<AuditEvent>| {
            let (batch, given) = Batch::take((1..).zip(events).collect());
            assert_eq!(batch.len(), given.len());
            given.iter().map(|event| event.id.clone()).collect::<Vec<_>>()
        };
        let half = MAX_BYTES / 2 - 100;
        assert_eq!(taken(vec![large("a", half), large("b", half), large("c", 200)]), ["a", "b"]);
        assert_eq!(taken(vec![large("a", MAX_BYTES * 2), large("b", 1)]), ["a"]);
        assert_eq!(taken(vec![large("a", 1), large("b", MAX_BYTES), large("c", 1)]), ["a"]);
    }
}
