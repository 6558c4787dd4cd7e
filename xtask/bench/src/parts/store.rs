//! Recording what was issued, durably: nonce, credential, its entries in status lists and the audit event in one
//! transaction. And reading the offer that a request names.

use std::{path::Path, sync::Arc};

use chancery::audit::Actor;
use chancery_store::{
    IssuanceBatch, IssuanceOutcome, IssuerRecord, OfferRecord, StatusSlot, Store, StoreOptions, StoredCredential,
    Timestamp, UsedNonce, connect,
};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::{
    Result,
    example::{ISSUER, SD_JWT, subject},
    measure::{Effort, repeat_tasks},
    report::{DURABLE_TASKS, Report},
    status::host::{Database, Host, on_each_database},
    wallet::now,
};

pub(crate) const ISSUER_ID: &str = "default";
const OFFER: &str = "651b8476-51a5-4c94-a8c8-9b53a1c5ca49";

pub(super) fn measure(report: &mut Report, effort: &Effort, runtime: &Runtime, work: &Path) -> Result<()> {
    on_each_database(runtime, &work.join("store"), |database, host| measure_on(report, effort, runtime, database, host))
}

fn measure_on(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    Database { id, name }: Database,
    host: &Arc<Host>,
) -> Result<()> {
    runtime.block_on(put_offer(host.store()))?;
    // The lists open before the clock runs.
    runtime.block_on(issue(Arc::clone(host), 0))?;
    for tasks in DURABLE_TASKS {
        let figures = runtime.block_on(repeat_tasks(effort, tasks, |_| commit(Arc::clone(host))))?;
        report.part(&format!("commit-{id}"), &format!("change one row, durably ({name})"), tasks, figures);
        let figures = runtime.block_on(repeat_tasks(effort, tasks, |number| issue(Arc::clone(host), number)))?;
        report.part(
            &format!("record-{id}"),
            &format!("record an issuance with two entries, durably ({name})"),
            tasks,
            figures,
        );
    }
    let figures = runtime.block_on(repeat_tasks(effort, 1, |_| find_offer(Arc::clone(host))))?;
    report.part(&format!("offer-{id}"), &format!("read an offer ({name})"), 1, figures);
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
    store.put_issuer(&issuer, &Actor::cli().did(ISSUER_ID, "issuer.put", ISSUER_ID, now)).await?;
    put_offer(store.as_ref()).await?;
    Ok(store)
}

/// What one credential request writes, for a credential with these entries.
pub(crate) fn issuance(host: &Host, number: usize, status: Vec<StatusSlot>) -> IssuanceBatch {
    let (now, id) = (timestamp(), host.issuer.new_credential_id());
    let request_id = Uuid::new_v4().simple().to_string();
    let mut event = Actor::new("wallet", Some(&request_id)).did(ISSUER_ID, "credential.issue", &id, now);
    event.plugin_digest = Some("5".repeat(64));
    event.detail = json!({"configuration": SD_JWT, "version": 1, "format": "dc+sd-jwt", "key": "k", "offer": OFFER});
    let credential = StoredCredential {
        credential_id: id,
        issuer_id: ISSUER_ID.to_owned(),
        configuration_id: SD_JWT.to_owned(),
        configuration_version: 1,
        credential_type: "urn:example:farmer".to_owned(),
        format: "dc+sd-jwt".to_owned(),
        offer_id: Some(OFFER.to_owned()),
        issue_date: now,
        expiration_date: Some(now),
        credential: None,
        subject_hash: Some(host.issuer.subject_hash(&subject(number))),
        superseded_by: None,
        delete_after: None,
        created_time: now,
        updated_time: now,
        status,
        attributes: Vec::new(),
    };
    IssuanceBatch {
        issuer_id: ISSUER_ID.to_owned(),
        nonces: vec![UsedNonce { nonce_hash: Uuid::new_v4().to_string(), expires_at: now }],
        credentials: vec![credential],
        events: vec![event],
        ..IssuanceBatch::default()
    }
}

pub(crate) async fn record(host: &Host, batches: &[IssuanceBatch]) -> Result<()> {
    let outcomes = host.store().record_issuances(batches).await?;
    match outcomes.iter().find(|outcome| **outcome != IssuanceOutcome::Recorded) {
        None => Ok(()),
        Some(other) => Err(format!("an issuance was refused: {other:?}").into()),
    }
}

/// Entries for a credential, and its record.
async fn issue(host: Arc<Host>, number: usize) -> Result<()> {
    let status = host.allocate(1).await?.pop().ok_or("no entry was given")?;
    record(&host, &[issuance(&host, number, status)]).await
}

/// The cheapest durable write that the store has: one row is changed, and committed.
async fn commit(host: Arc<Host>) -> Result<()> {
    Ok(host.store().check().await?)
}

async fn find_offer(host: Arc<Host>) -> Result<()> {
    host.store().find_offer(ISSUER_ID, OFFER).await?.map(drop).ok_or_else(|| "the offer is gone".into())
}

async fn put_offer(store: &dyn Store) -> Result<()> {
    let now = timestamp();
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
    Ok(store.create_offer(&offer, &Actor::cli().did(ISSUER_ID, "offer.create", OFFER, now)).await?)
}

fn timestamp() -> Timestamp {
    Timestamp::new(DateTime::<Utc>::from_timestamp(now(), 0).unwrap_or_default())
}
