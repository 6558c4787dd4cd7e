//! Reserving entries in the store, and opening the lists that they are in.

use std::sync::Arc;

use chancery_credential::status::Purpose;
use chancery_keys::{Permutation, SealContext};
use chancery_store::{StatusListCredential, StatusListRecord};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::allocation::Pool;
use super::list::List;
use super::{Core, publishing};
use crate::audit::Actor;
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;

/// Lists may run full, or other hosts be quicker, while a round goes on: so often it begins anew.
const MAX_TURNS: usize = 8;

/// Starts a round, apart from the request that found it to be needed: that one may be given up.
pub(super) fn start_round(core: &Arc<Core>, pool: &Arc<Pool>) {
    let round = Round { core: Arc::clone(core), pool: Arc::clone(pool), outcome: None };
    tokio::spawn(round.run());
}

/// A round that is under way. It ends for those who wait also where its task does not.
struct Round {
    core: Arc<Core>,
    pool: Arc<Pool>,
    outcome: Option<Result<(), Error>>,
}

impl Round {
    async fn run(mut self) {
        let outcome = refill(&self.core, &self.pool).await;
        if let Err(error) = &outcome {
            let error = error as &dyn std::error::Error;
            tracing::debug!(error, issuer = self.pool.issuer_id, "no status list entries could be reserved");
        }
        self.outcome = Some(outcome);
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        let lost = || Err(Error::broken("no status list entry can be given", "the task that reserves them crashed"));
        self.pool.end_round(self.outcome.take().unwrap_or_else(lost), &self.core.settings);
    }
}

async fn refill(core: &Core, pool: &Pool) -> Result<(), Error> {
    for _ in 0..MAX_TURNS {
        if pool.is_short_of_lists(core.settings.open_lists) {
            supply_lists(core, pool).await?;
        }
        let orders = pool.orders();
        if orders.is_empty() {
            return if pool.is_empty() { Err(none_opened()) } else { Ok(()) };
        }
        for (list, count) in orders {
            let now = core.clock.timestamp();
            let lease = core.store.lease_slots(&list.issuer_id, &list.id, i64::from(count), now).await?;
            pool.deliver(&list, lease)?;
        }
    }
    Ok(())
}

fn none_opened() -> Error {
    Error::Unavailable {
        public: "no status list can be opened at the moment".to_owned(),
        retry_after: Some(1),
        cause: None,
    }
}

/// Takes in lists of the store that have room, and opens more of them, until there are enough.
async fn supply_lists(core: &Core, pool: &Pool) -> Result<(), Error> {
    let issuer = core.issuers.get(&pool.issuer_id);
    let issuer = issuer.ok_or_else(|| Error::broken("the issuer is not there any more", pool.issuer_id.clone()))?;
    let names: Vec<&str> = pool.purposes.iter().map(|purpose| purpose.as_str()).collect();
    let own_place = list_url(&pool.issuer_url, "");
    let wanted = core.settings.open_lists;
    for _ in 0..MAX_TURNS.max(2 * wanted as usize) {
        let mut unusable = 0;
        for record in core.store.status_lists(&pool.issuer_id).await? {
            if record.next_slot >= record.capacity || !record.credentials.iter().map(|c| &c.purpose).eq(&names) {
                continue;
            }
            let is_here = record.credentials.iter().all(|credential| credential.url.starts_with(&own_place));
            // Those that cannot be used must not keep others from being opened.
            if !is_here || !take_in(core, pool, &record).await? {
                unusable += 1;
            }
        }
        if !pool.is_short_of_lists(wanted) {
            return Ok(());
        }
        let record = new_list(core, &issuer, &pool.purposes)?;
        // Where another host is quicker, its list is found in the next turn.
        open(core, &record, wanted + unusable, &Actor::system()).await?;
    }
    Ok(())
}

/// Lists with room that one issuer may have of the same purposes, where a client opens them.
const MOST_OPEN: u32 = 16;

/// Opens a list beside those that open by themselves.
pub(super) async fn open_list(
    core: &Core,
    issuer: &Issuer,
    purposes: &[Purpose],
    actor: &Actor,
) -> Result<Vec<StatusListCredential>, Error> {
    let record = new_list(core, issuer, purposes)?;
    if !open(core, &record, MOST_OPEN, actor).await? {
        return Err(Error::State {
            code: "enough-status-lists",
            text: "there are enough status lists of this purpose that have room",
        });
    }
    if let Some(list) = core.know(&record) {
        publishing::publish(core, &list).await?;
    }
    Ok(record.credentials)
}

/// Adds the list to those that entries are given out of; `false` where this host cannot do that.
async fn take_in(core: &Core, pool: &Pool, record: &StatusListRecord) -> Result<bool, Error> {
    let Some(list) = core.know(record) else { return Ok(false) };
    if pool.has(&list) {
        return Ok(true);
    }
    let permutation = match permutation(core, record, &list) {
        Ok(permutation) => permutation,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, list = record.list_id, "entries of a status list cannot be given out");
            return Ok(false);
        }
    };
    // An entry must not refer to a list that nobody can read. Whoever opened it may have died before publishing it.
    if core.newest(&list).await?.is_none() {
        publishing::publish(core, &list).await?;
    }
    pool.add_list(list, permutation);
    Ok(true)
}

fn new_list(core: &Core, issuer: &Issuer, purposes: &[Purpose]) -> Result<StatusListRecord, Error> {
    let list_id = Uuid::new_v4().to_string();
    let key = Permutation::generate_key(core.entropy.as_ref())?;
    let sealed = core.keyring.seal(&key_context(&issuer.id, &list_id), key.as_ref(), core.entropy.as_ref());
    let credential = |purpose: &Purpose| StatusListCredential {
        purpose: purpose.as_str().to_owned(),
        url: list_url(&issuer.url, &Uuid::new_v4().to_string()),
    };
    Ok(StatusListRecord {
        issuer_id: issuer.id.clone(),
        credentials: purposes.iter().map(credential).collect(),
        capacity: i64::from(core.settings.capacity),
        next_slot: 0,
        sealed_permutation_key: sealed.map_err(|e| Error::broken("a status list's key cannot be sealed", e))?,
        created_at: core.clock.timestamp(),
        list_id,
    })
}

async fn open(core: &Core, record: &StatusListRecord, most_open: u32, actor: &Actor) -> Result<bool, Error> {
    let primary = record.credentials.first().map_or("", |credential| credential.url.as_str());
    let mut event = actor.did(&record.issuer_id, "status_list.open", primary, record.created_at);
    let credentials = record.credentials.iter().map(|c| json!({"purpose": c.purpose, "url": c.url}));
    event.detail = json!({"capacity": record.capacity, "credentials": credentials.collect::<Vec<_>>()});
    Ok(core.store.open_status_list(record, most_open, &event).await?)
}

fn permutation(core: &Core, record: &StatusListRecord, list: &List) -> Result<Permutation, Error> {
    let unusable = |cause: String| Error::broken("a status list's key cannot be opened", cause);
    let context = key_context(&record.issuer_id, &record.list_id);
    let opened = core.keyring.open(&context, &record.sealed_permutation_key).map_err(|e| unusable(e.to_string()))?;
    let key: &[u8; Permutation::KEY_LEN] =
        opened.as_slice().try_into().map_err(|_| unusable(format!("list {}", record.list_id)))?;
    Ok(Permutation::new(&Zeroizing::new(*key), list.capacity))
}

fn key_context<'a>(issuer: &'a str, list_id: &'a str) -> SealContext<'a> {
    SealContext { issuer, table: "status_lists", column: "sealed_permutation_key", row: list_id }
}

/// Where a status list credential is published.
fn list_url(issuer_url: &str, url_id: &str) -> String {
    format!("{issuer_url}/credentials/status-list/{url_id}")
}
