//! Recording what was issued, durably: nonce, credential and audit event in one transaction. And reading the offer
//! that a request names.

use std::{path::Path, sync::Arc};

use chancery_store::{
    AuditEvent, EventOutcome, IssuanceBatch, IssuanceOutcome, IssuerRecord, OfferRecord, Store, StoreOptions,
    StoredCredential, Timestamp, UsedNonce, connect,
    test_util::{PostgresServer, TestServerError},
};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::TASKS;
use crate::{
    Result,
    example::{ISSUER, SD_JWT},
    measure::{Effort, repeat_tasks},
    report::Report,
    wallet::now,
};

pub(crate) const ISSUER_ID: &str = "default";
const OFFER: &str = "651b8476-51a5-4c94-a8c8-9b53a1c5ca49";

pub(super) fn measure(report: &mut Report, effort: &Effort, runtime: &Runtime, work: &Path) -> Result<()> {
    let sqlite = format!("sqlite:{}", work.join("store.db").display());
    database(report, effort, runtime, "sqlite", "SQLite", &sqlite)?;
    match PostgresServer::start() {
        Ok(server) => database(report, effort, runtime, "postgres", "PostgreSQL", &server.create_database()?),
        Err(TestServerError::NotInstalled) => {
            eprintln!("PostgreSQL is not installed: the store is measured on SQLite alone");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn database(report: &mut Report, effort: &Effort, runtime: &Runtime, id: &str, name: &str, url: &str) -> Result<()> {
    let store = runtime.block_on(open(url))?;
    for tasks in TASKS {
        let job = |_| record(Arc::clone(&store));
        let figures = runtime.block_on(repeat_tasks(effort, tasks, job))?;
        report.part(&format!("record-{id}"), &format!("record an issuance, durably ({name})"), tasks, figures);
    }
    let job = |_| find_offer(Arc::clone(&store));
    let figures = runtime.block_on(repeat_tasks(effort, 1, job))?;
    report.part(&format!("offer-{id}"), &format!("read an offer ({name})"), 1, figures);
    runtime.block_on(store.close());
    Ok(())
}

/// A store with one issuer and one offer.
pub(crate) async fn open(url: &str) -> Result<Arc<dyn Store>> {
    let store = connect(url, &StoreOptions::default()).await?;
    let now = timestamp();
    let issuer = IssuerRecord {
        issuer_id: ISSUER_ID.to_owned(),
        url: ISSUER.to_owned(),
        display: json!([]),
        created_at: now,
        updated_at: now,
    };
    store.put_issuer(&issuer, &event("issuer.put", ISSUER_ID)).await?;
    let offer = OfferRecord {
        issuer_id: ISSUER_ID.to_owned(),
        offer_id: OFFER.to_owned(),
        configuration_ids: vec![SD_JWT.to_owned()],
        sealed_subject: vec![1; 80],
        code_hash: "code".to_owned(),
        sealed_code: vec![2; 96],
        tx_code_mac: None,
        tx_code_hint: None,
        tx_attempts_left: 5,
        created_at: now,
        expires_at: now,
        redeemed_at: None,
    };
    store.create_offer(&offer, &event("offer.create", OFFER)).await?;
    Ok(store)
}

async fn record(store: Arc<dyn Store>) -> Result<()> {
    let (now, id) = (timestamp(), format!("{ISSUER}/credentials/{}", Uuid::new_v4()));
    let mut event = event("credential.issue", &id);
    event.plugin_digest = Some("5".repeat(64));
    event.detail = json!({"configuration": SD_JWT, "version": 1, "format": "dc+sd-jwt", "key": "k", "offer": OFFER});
    let credential = StoredCredential {
        credential_id: id,
        issuer_id: ISSUER_ID.to_owned(),
        configuration_id: SD_JWT.to_owned(),
        configuration_version: 1,
        credential_type: "urn:example:farmer".to_owned(),
        offer_id: Some(OFFER.to_owned()),
        issue_date: now,
        expiration_date: Some(now),
        credential: None,
        created_time: now,
        updated_time: now,
    };
    let batch = IssuanceBatch {
        issuer_id: ISSUER_ID.to_owned(),
        nonces: vec![UsedNonce { nonce_hash: Uuid::new_v4().to_string(), expires_at: now }],
        credentials: vec![credential],
        events: vec![event],
    };
    match store.record_issuances(&[batch]).await?.as_slice() {
        [IssuanceOutcome::Recorded] => Ok(()),
        other => Err(format!("an issuance was refused: {other:?}").into()),
    }
}

async fn find_offer(store: Arc<dyn Store>) -> Result<()> {
    store.find_offer(ISSUER_ID, OFFER).await?.map(drop).ok_or_else(|| "the offer is gone".into())
}

fn event(action: &str, object: &str) -> AuditEvent {
    AuditEvent {
        event_id: Uuid::new_v4().to_string(),
        issuer_id: ISSUER_ID.to_owned(),
        at: timestamp(),
        actor: "wallet".to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        outcome: EventOutcome::Succeeded,
        reason: None,
        request_id: Some(Uuid::new_v4().simple().to_string()),
        plugin_digest: None,
        detail: json!({}),
    }
}

fn timestamp() -> Timestamp {
    Timestamp::new(DateTime::<Utc>::from_timestamp(now(), 0).unwrap_or_default())
}
