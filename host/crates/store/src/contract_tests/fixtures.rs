//! Records to test with. Times count from one fixed instant.

use chrono::{DateTime, Duration};
use serde_json::json;

use crate::{
    AuditEvent, ClientRecord, ConfigurationDraft, DeadLetter, DeferredLease, DeferredRecord, DeferredState,
    DeferredUpdate, Deletion, DeliveryAdvance, DeliveryFailure, DeliveryLease, EventOutcome, IssuanceBatch,
    IssuerRecord, JobRecord, JobState, KeyRecord, KeyState, NewReply, OfferRecord, PluginControl, RedeemOffer,
    StatusListCredential, StatusListRecord, StatusSlot, StatusUpdate, Store, StoredCredential, Timestamp, UsedNonce,
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
        format: "ldp_vc".into(),
        credential: Some(vec![9, 0, 8]),
        subject_hash: None,
        superseded_by: None,
        delete_after: None,
        created_time: at(7),
        updated_time: at(8),
        status: Vec::new(),
        attributes: Vec::new(),
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
        ..IssuanceBatch::default()
    }
}

/// Of 2^17 entries. Its status list credentials are named after it and their purposes.
pub(crate) fn status_list(issuer_id: &str, list_id: &str, purposes: &[&str]) -> StatusListRecord {
    let credential = |purpose: &&str| StatusListCredential {
        purpose: (*purpose).into(),
        url: format!("https://{issuer_id}.example/{list_id}/{purpose}"),
    };
    StatusListRecord {
        issuer_id: issuer_id.into(),
        list_id: list_id.into(),
        credentials: purposes.iter().map(credential).collect(),
        capacity: 1 << 17,
        next_slot: 0,
        sealed_permutation_key: vec![3, 0, 255],
        created_at: at(0),
    }
}

/// The entry of that index in each bitmap of the list.
pub(crate) fn slots(list: &StatusListRecord, index: i64) -> Vec<StatusSlot> {
    let slot = |credential: &StatusListCredential| StatusSlot {
        list_id: list.list_id.clone(),
        purpose: credential.purpose.clone(),
        url: credential.url.clone(),
        index,
    };
    list.credentials.iter().map(slot).collect()
}

pub(crate) async fn open_list(store: &dyn Store, list: &StatusListRecord) {
    let event = event(&list.issuer_id, "status-list.open");
    assert!(store.open_status_list(list, u32::MAX, &event).await.unwrap());
}

/// At `at(20)`. Revocation is final.
pub(crate) fn status_update(issuer_id: &str, credential_id: &str, purpose: &str, value: bool) -> StatusUpdate {
    StatusUpdate {
        issuer_id: issuer_id.into(),
        credential_id: credential_id.into(),
        credential_hash: hash_of(credential_id),
        purpose: purpose.into(),
        value,
        is_final: purpose == "revocation",
        expected: None,
        at: at(20),
        actor: "client:admin".into(),
        reason: Some("lost".into()),
        event: AuditEvent { object: credential_id.into(), ..event(issuer_id, "credential.status") },
        reply: None,
    }
}

/// What stands for the keyed hash of an id.
pub(crate) fn hash_of(credential_id: &str) -> String {
    format!("hash-{credential_id}")
}

/// Revokes, at `at(30)`.
pub(crate) fn deletion(issuer_id: &str, credential_id: &str) -> Deletion {
    let event = |action| AuditEvent { object: credential_id.into(), ..event(issuer_id, action) };
    Deletion {
        issuer_id: issuer_id.into(),
        credential_id: credential_id.into(),
        credential_hash: hash_of(credential_id),
        revoke: true,
        at: at(30),
        actor: "client:admin".into(),
        reason: Some("asked for".into()),
        event: event("credential.delete"),
        revocation_event: event("credential.revoke"),
    }
}

/// From `at(10)` to `at(110)`.
pub(crate) fn reply(issuer_id: &str, client_id: &str, key: &str) -> NewReply {
    NewReply {
        issuer_id: issuer_id.into(),
        client_id: client_id.into(),
        key_hash: hash_of(key),
        request_hash: "request".into(),
        sealed_reply: vec![7, 0, 7],
        credential_hash: None,
        created_at: at(10),
        expires_at: at(110),
    }
}

/// Kept until `at(100)`.
pub(crate) fn job(issuer_id: &str, job_id: &str) -> JobRecord {
    JobRecord {
        issuer_id: issuer_id.into(),
        job_id: job_id.into(),
        configuration_id: "farmer".into(),
        state: JobState::Loading,
        total: 0,
        done: 0,
        failed: 0,
        actor: "client:admin".into(),
        created_at: at(0),
        updated_at: at(0),
        expires_at: at(100),
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

/// Given up at `at(9)`.
pub(crate) fn dead_letter(webhook: &str, event_id: &str) -> DeadLetter {
    DeadLetter {
        issuer_id: "a".into(),
        webhook: webhook.into(),
        event_id: event_id.into(),
        event_type: "credential.issued".into(),
        occurred_at: at(1),
        body: "{\"type\":\"credential.issued\",\"x\":\"\\u0000 é\"}".into(),
        failure: DeliveryFailure { status: Some(422), reason: "it answered 422".into(), attempts: 1 },
        failed_at: at(9),
        queued_at: None,
    }
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
