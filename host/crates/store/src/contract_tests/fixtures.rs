//! Records to test with. Times count from one fixed instant.

use chrono::{DateTime, Duration};
use serde_json::json;

use crate::{
    AuditEvent, ClientRecord, ConfigurationDraft, DeferredLease, DeferredRecord, DeferredState, DeferredUpdate,
    DeliveryAdvance, DeliveryLease, EventOutcome, IssuanceBatch, IssuerRecord, KeyRecord, KeyState, OfferRecord,
    PluginControl, RedeemOffer, Store, StoredCredential, Timestamp, UsedNonce,
};

/// Seconds after 2027-01-15T08:00:00.123456Z.
pub(crate) fn at(seconds: i64) -> Timestamp {
    micros(seconds * 1_000_000)
}

pub(crate) fn micros(microseconds: i64) -> Timestamp {
    let start = DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap();
    Timestamp::new(start + Duration::microseconds(microseconds))
}

pub(crate) fn issuer(id: &str) -> IssuerRecord {
    IssuerRecord {
        issuer_id: id.into(),
        url: format!("https://{id}.example"),
        display: json!([{"name": "Issuer \u{1F33E}", "locale": "en"}]),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) async fn put_issuer(store: &dyn Store, id: &str) {
    assert!(store.put_issuer(&issuer(id), &event(id, "issuer.put")).await.unwrap());
}

pub(crate) fn event(issuer_id: &str, action: &str) -> AuditEvent {
    AuditEvent {
        event_id: format!("event-{action}"),
        issuer_id: issuer_id.into(),
        at: at(1),
        actor: "cli".into(),
        action: action.into(),
        object: "unset".into(),
        outcome: EventOutcome::Succeeded,
        reason: None,
        request_id: Some("request".into()),
        plugin_digest: None,
        detail: json!({"b": 1, "a": [null, "\u{0}\"'"]}),
    }
}

pub(crate) fn refusal(issuer_id: &str, action: &str) -> AuditEvent {
    AuditEvent { outcome: EventOutcome::Refused, ..event(issuer_id, action) }
}

/// All events of an issuer, as `action object outcome reason`.
pub(crate) async fn trail(store: &dyn Store, issuer_id: &str) -> Vec<String> {
    let events = store.events(issuer_id, 0, 1000).await.unwrap();
    let line = |event: &AuditEvent| {
        let outcome = format!("{:?}", event.outcome).to_lowercase();
        let reason = event.reason.clone().unwrap_or_default();
        format!("{} {} {outcome} {reason}", event.action, event.object).trim_end().to_owned()
    };
    events.iter().map(|(_, event)| line(event)).collect()
}

pub(crate) fn draft(id: &str, content: serde_json::Value) -> ConfigurationDraft {
    ConfigurationDraft { configuration_id: id.into(), content, created_at: at(2) }
}

pub(crate) fn key(issuer_id: &str, key_id: &str, created: i64) -> KeyRecord {
    KeyRecord {
        issuer_id: issuer_id.into(),
        key_id: key_id.into(),
        purpose: "credential".into(),
        algorithm: "ES256".into(),
        public_jwk: json!({"kty": "EC", "crv": "P-256"}),
        sealed_private_key: vec![0, 255, 1, 0],
        state: KeyState::Active,
        created_at: at(created),
    }
}

pub(crate) fn client(issuer_id: &str, client_id: &str) -> ClientRecord {
    ClientRecord {
        client_id: client_id.into(),
        issuer_id: issuer_id.into(),
        jwks: json!({"keys": [{"kty": "OKP"}]}),
        scopes: vec!["offers:write".into(), "credentials:issue".into()],
        created_at: at(3),
    }
}

/// Expires at `at(100)`.
pub(crate) fn offer(issuer_id: &str, offer_id: &str, code: &str) -> OfferRecord {
    OfferRecord {
        issuer_id: issuer_id.into(),
        offer_id: offer_id.into(),
        configuration_ids: vec!["farmer".into(), "na\u{ef}ve \"id\"".into()],
        sealed_subject: vec![1, 2, 0, 3],
        code_hash: format!("hash-{code}"),
        sealed_code: code.as_bytes().to_vec(),
        tx_code_mac: None,
        tx_code_hint: None,
        tx_attempts_left: 3,
        created_at: at(0),
        expires_at: at(100),
        redeemed_at: None,
    }
}

pub(crate) fn offer_with_tx_code(issuer_id: &str, offer_id: &str, code: &str) -> OfferRecord {
    OfferRecord {
        tx_code_mac: Some("mac-right".into()),
        tx_code_hint: Some(json!({"input_mode": "numeric", "length": 6})),
        ..offer(issuer_id, offer_id, code)
    }
}

/// At `at(10)`, for an access token that ends at `at(310)`.
pub(crate) fn redeem(issuer_id: &str, code: &str, tx_code: Option<&str>) -> RedeemOffer {
    RedeemOffer {
        issuer_id: issuer_id.into(),
        code_hash: format!("hash-{code}"),
        tx_code_mac: tx_code.map(|tx_code| format!("mac-{tx_code}")),
        wanted: None,
        now: at(10),
        access_until: at(310),
    }
}

pub(crate) fn nonce(hash: &str) -> UsedNonce {
    UsedNonce { nonce_hash: hash.into(), expires_at: at(50) }
}

pub(crate) fn credential(issuer_id: &str, credential_id: &str) -> StoredCredential {
    StoredCredential {
        credential_id: credential_id.into(),
        issuer_id: issuer_id.into(),
        configuration_id: "farmer".into(),
        configuration_version: 7,
        credential_type: "https://example.org/farmer".into(),
        offer_id: Some("offer".into()),
        issue_date: at(5),
        expiration_date: Some(at(6)),
        credential: Some(vec![9, 0, 8]),
        created_time: at(7),
        updated_time: at(8),
    }
}

/// One event a credential.
pub(crate) fn batch(issuer_id: &str, nonces: &[&str], credentials: &[&str]) -> IssuanceBatch {
    let issued = |id: &&str| AuditEvent {
        event_id: format!("event-{id}"),
        object: (*id).into(),
        ..event(issuer_id, "credential.issue")
    };
    IssuanceBatch {
        issuer_id: issuer_id.into(),
        nonces: nonces.iter().map(|hash| nonce(hash)).collect(),
        credentials: credentials.iter().map(|id| credential(issuer_id, id)).collect(),
        events: credentials.iter().map(issued).collect(),
    }
}

/// Pending, until `at(100)`.
pub(crate) fn deferred(issuer_id: &str, hash: &str) -> DeferredRecord {
    DeferredRecord {
        issuer_id: issuer_id.into(),
        transaction_hash: hash.into(),
        offer_id: Some("offer".into()),
        configuration_id: "farmer".into(),
        configuration_version: 7,
        kind: "issuer".into(),
        sealed_state: vec![4, 0, 5],
        state: DeferredState::Pending,
        attempts: 0,
        created_at: at(0),
        poll_after: at(5),
        expires_at: at(100),
    }
}

/// Until `at(20)`.
pub(crate) fn deferred_lease(issuer_id: &str, hash: &str, holder: &str) -> DeferredLease {
    DeferredLease { issuer_id: issuer_id.into(), transaction_hash: hash.into(), holder: holder.into(), until: at(20) }
}

pub(crate) fn deferred_update() -> DeferredUpdate {
    DeferredUpdate { kind: "audit".into(), sealed_state: vec![6, 0], poll_after: at(30) }
}

/// Until `at(20)`.
pub(crate) fn delivery_lease(plugin: &str, holder: &str) -> DeliveryLease {
    DeliveryLease { plugin: plugin.into(), holder: holder.into(), until: at(20) }
}

/// At `at(15)`.
pub(crate) fn delivery_advance(plugin: &str, holder: &str, from: u64, to: u64) -> DeliveryAdvance {
    DeliveryAdvance { plugin: plugin.into(), holder: holder.into(), from, to, now: at(15) }
}

/// Decides nothing.
pub(crate) fn control(plugin: &str) -> PluginControl {
    PluginControl {
        plugin: plugin.into(),
        disabled: false,
        held_generation: None,
        held_from: None,
        changed_at: at(4),
        changed_by: "client:admin".into(),
    }
}
