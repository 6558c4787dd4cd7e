//! One list: from the changes in the store to its next version.

use std::sync::Arc;
use std::time::Duration;

use chancery_credential::status::{Purpose, StatusBits};
use chancery_store::{StatusChange, StatusListVersion, Timestamp};
use chrono::{DurationRound as _, TimeDelta};

use super::Core;
use super::list::{Applied, List, Published, Work};
use super::signing::Draft;
use crate::issuance::error::Error;

/// How often another host may be quicker before this one leaves the list to it.
const MAX_RACES: usize = 8;
/// Changes that are read at once.
const CHANGES_PER_READ: u32 = 10_000;
/// How far the clocks of hosts may be apart before what another one published counts as from the future.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Publishes what has changed, or what must be signed again, and nothing where the newest version says all. Afterwards
/// the newest version is the one that is served.
pub(super) async fn publish(core: &Core, list: &Arc<List>) -> Result<(), Error> {
    let issuer = core.issuers.get(&list.issuer_id);
    let issuer = issuer.ok_or_else(|| Error::broken("the issuer of a status list is not usable", list.id.clone()))?;
    let mut turn = list.turn().await;
    for _ in 0..MAX_RACES {
        let newest = newest(core, list, &mut turn).await?;
        let applied = apply_changes(core, list, &mut turn).await?;
        let now = core.clock.timestamp();
        if newest.as_ref().is_some_and(|newest| newest.revision >= applied.revision && !must_be_renewed(newest, now)) {
            return Ok(());
        }
        let number = newest.map_or(0, |newest| newest.version) + 1;
        // Whole seconds: what the documents say of it.
        let valid_from = now.get().duration_trunc(TimeDelta::seconds(1)).unwrap_or(now.get());
        let settings = &core.settings;
        let draft = Draft {
            issuer: Arc::clone(&issuer),
            list: Arc::clone(list),
            bits: applied.bits,
            valid_from,
            valid_until: valid_from + settings.validity,
            ttl: settings.ttl,
        };
        let valid_until = Timestamp::new(draft.valid_until);
        let signed = draft.sign().await?;
        let version = StatusListVersion {
            issuer_id: list.issuer_id.clone(),
            list_id: list.id.clone(),
            version: number,
            revision: applied.revision,
            published_at: now,
            valid_until,
            bits: signed.bits,
            documents: signed.documents,
        };
        let keep_from = Timestamp::new(now.get() - settings.keep_versions);
        if core.store.publish_status_list(&version, settings.ttl, keep_from).await? {
            tracing::debug!(list = list.id, version = number, revision = version.revision, "published");
            let published = Published::read(list, version).await?;
            list.install(&mut turn, published);
            return Ok(());
        }
        // Another host was quicker: what it has published is what comes next.
        list.hear(number);
    }
    Err(Error::Unavailable {
        public: "the status list is published by other hosts".to_owned(),
        retry_after: Some(1),
        cause: None,
    })
}

/// Whether a version must be signed again although nothing has changed: half of its time is over, it cannot be read, or
/// it was published by a clock that went ahead.
pub(super) fn must_be_renewed(published: &Published, now: Timestamp) -> bool {
    let (from, until, now) = (published.at.get(), published.valid_until.get(), now.get());
    now >= from + (until - from) / 2 || from > now + SKEW || !published.is_readable
}

/// How long before its end a version may have to be renewed, whatever the settings of the host that published it.
pub(super) fn may_have_to_be_renewed(valid_until: Timestamp, now: Timestamp, validity: Duration) -> bool {
    let (left, validity) = (valid_until.get() - now.get(), TimeDelta::from_std(validity).unwrap_or(TimeDelta::MAX));
    left <= validity / 2 || left > validity + SKEW
}

/// The newest version, and bits to go on from.
async fn newest(core: &Core, list: &Arc<List>, turn: &mut Work) -> Result<Option<Arc<Published>>, Error> {
    if let Some(newest) = list.published().filter(|_| turn.applied.is_some() && !list.is_behind()) {
        return Ok(Some(newest));
    }
    let mut version = core.store.status_list_version(&list.issuer_id, &list.id).await?;
    if turn.applied.is_none() {
        let snapshot = version.as_mut().map(|version| (std::mem::take(&mut version.bits), version.revision));
        turn.applied = Some(restore(list, snapshot)?);
    }
    match version {
        Some(version) => {
            let published = Published::read(list, version).await?;
            Ok(Some(list.install(turn, published)))
        }
        None => Ok(None),
    }
}

/// The bits of a snapshot, or of an empty list, where there is none that can be read: the changes have it all.
fn restore(list: &List, snapshot: Option<(Vec<u8>, i64)>) -> Result<Applied, Error> {
    let purposes = list.purposes();
    if let Some((snapshot, revision)) = snapshot {
        match StatusBits::from_snapshot(&snapshot) {
            Ok(bits) if bits.capacity() == list.capacity && bits.purposes().eq(purposes.iter().copied()) => {
                return Ok(Applied { bits: Arc::new(bits), revision });
            }
            Ok(_) => tracing::error!(list = list.id, "the bits of a status list are another list's"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, list = list.id, "the bits of a status list cannot be read");
            }
        }
    }
    let bits = StatusBits::new(&purposes, list.capacity);
    let bits = bits.map_err(|e| Error::broken("the status list cannot be made", e))?;
    Ok(Applied { bits: Arc::new(bits), revision: 0 })
}

/// All changes up to now, however many there are.
async fn apply_changes(core: &Core, list: &List, turn: &mut Work) -> Result<Applied, Error> {
    let missing = || Error::broken("the status list cannot be made", "there are no bits to go on from");
    let applied = turn.applied.as_mut().ok_or_else(missing)?;
    loop {
        let after = applied.revision;
        let changes = core.store.status_changes(&list.issuer_id, &list.id, after, CHANGES_PER_READ).await?;
        if let Some(last) = changes.last() {
            let bits = Arc::make_mut(&mut applied.bits);
            for change in &changes {
                apply(bits, change).map_err(|e| Error::broken("a change of a status list cannot be applied", e))?;
            }
            applied.revision = last.revision;
        }
        if changes.len() < CHANGES_PER_READ as usize {
            return Ok(applied.clone());
        }
    }
}

fn apply(bits: &mut StatusBits, change: &StatusChange) -> Result<(), String> {
    let purpose = Purpose::from_name(&change.purpose).ok_or("its purpose is not known")?;
    let index = u32::try_from(change.index).map_err(|_| "its index is out of range")?;
    bits.set(purpose, index, change.value).map(drop).map_err(|e| e.to_string())
}
