use std::time::Duration;

use async_trait::async_trait;

use super::status_changes::{UpdateStatuses, entry};
use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write, tombstones};
use crate::contract::{StatusLists, StoreError};
use crate::records::{
    AuditEvent, STATUS_LIST_FORMAT, SlotLease, StatusChange, StatusEntry, StatusListCredential, StatusListHead,
    StatusListRecord, StatusListVersion, StatusOutcome, StatusSlot, StatusUpdate, Timestamp,
};

/// The type of a status list credential in its main spelling.
const CREDENTIAL_TYPE: &str = "BitstringStatusListCredential";
/// Status list credentials come of no configuration.
const CONFIGURATION: &str = "";
const CONFIGURATION_VERSION: i64 = 0;

// Changes nothing: whoever opens a list of the issuer waits here for the one before him, and then counts his list too.
const LOCK_ISSUER: &str = "UPDATE issuers SET updated_at = updated_at WHERE issuer_id = $1";
const COUNT_OPEN: &str = "SELECT COUNT(*) AS open FROM status_lists \
    WHERE issuer_id = $1 AND purposes = $2 AND next_slot < capacity";
const INSERT_LIST: &str = "INSERT INTO status_lists (issuer_id, list_id, purposes, capacity, sealed_permutation_key, \
    next_slot, revision, version, published_revision, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $7)";
const INSERT_IDENTITY: &str = "INSERT INTO issued_credentials (issuer_id, credential_id, issue_date, credential_type, \
    created_time, updated_time, configuration_id, configuration_version, format) \
    VALUES ($1, $2, $3, $4, $3, $3, $5, $6, $7)";
const INSERT_CREDENTIAL: &str = "INSERT INTO status_list_credential (issuer_id, id, list_id, credential_id, \
    credential_type, status_purpose, capacity, credential_status, cr_dtimes) \
    VALUES ($1, $2, $3, $2, $4, $5, $6, 'available', $7)";
const LISTS: &str = "SELECT l.issuer_id, l.list_id, l.purposes, l.capacity, l.next_slot, l.sealed_permutation_key, \
    l.created_at, c.status_purpose, c.id FROM status_lists AS l \
    JOIN status_list_credential AS c ON c.issuer_id = l.issuer_id AND c.list_id = l.list_id \
    WHERE l.issuer_id = $1 ORDER BY l.created_at, l.list_id";
const NEXT_SLOT: &str = "SELECT next_slot, capacity FROM status_lists \
    WHERE issuer_id = $1 AND list_id = $2 AND next_slot < capacity";
const LEASE: &str = "UPDATE status_lists SET next_slot = next_slot + $3, updated_at = $4 \
    WHERE issuer_id = $1 AND list_id = $2";
const MARK_FULL: &str = "UPDATE status_list_credential SET credential_status = 'full', upd_dtimes = $3 \
    WHERE issuer_id = $1 AND list_id = $2";
const ENTRIES: &str = "SELECT status_purpose, list_id, status_list_credential_id, status_list_index, status_value, \
    status_timestamp FROM credential_status WHERE issuer_id = $1 AND credential_id = $2 AND is_current = 1";
const HISTORY: &str = "SELECT revision, status_purpose, status_list_index, status_value, changed_at, actor, reason, \
    event_id FROM status_change WHERE issuer_id = $1 AND list_id = $2 AND status_list_index = $3 ORDER BY revision";
const CHANGES: &str = "SELECT revision, status_purpose, status_list_index, status_value, changed_at, actor, reason, \
    event_id FROM status_change WHERE issuer_id = $1 AND list_id = $2 AND revision > $3 ORDER BY revision LIMIT $4";
const HEADS: &str = "SELECT issuer_id, list_id, revision, version, published_revision, valid_until, \
    capacity - next_slot AS room FROM status_lists";
// Of many who have built the same version one finds the list as he has seen it.
const PUBLISH: &str = "UPDATE status_lists SET version = $3, published_revision = $4, valid_until = $5, updated_at = $6 \
    WHERE issuer_id = $1 AND list_id = $2 AND version = $3 - 1 AND published_revision <= $4 AND revision >= $4";
const PUBLISHED_AT: &str =
    "SELECT published_at FROM status_list_version WHERE issuer_id = $1 AND list_id = $2 AND version = $3";
const DELETE_VERSION: &str = "DELETE FROM status_list_version WHERE issuer_id = $1 AND list_id = $2 AND version = $3";
const DELETE_FORMER: &str = "DELETE FROM status_list_version \
    WHERE issuer_id = $1 AND list_id = $2 AND version < $3 AND published_at < $4";
const INSERT_VERSION: &str = "INSERT INTO status_list_version (issuer_id, list_id, version, revision, published_at, \
    valid_until, bits, documents) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const NEWEST: &str = "SELECT issuer_id, list_id, version, revision, published_at, valid_until, bits, documents \
    FROM status_list_version WHERE issuer_id = $1 AND list_id = $2 ORDER BY version DESC LIMIT 1";
// By version and not by time: a clock may have stepped back between two of them.
const NEWEST_AT: &str = "SELECT issuer_id, list_id, version, revision, published_at, valid_until, bits, documents \
    FROM status_list_version WHERE issuer_id = $1 AND list_id = $2 AND published_at <= $3 \
    ORDER BY version DESC LIMIT 1";

#[async_trait]
impl<DB: Driver> StatusLists for SqlStore<DB> {
    async fn open_status_list(
        &self,
        list: &StatusListRecord,
        most_open: u32,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        self.write(OpenList { list: list.clone(), most_open, event: event.clone() }).await
    }

    async fn status_lists(&self, issuer_id: &str) -> Result<Vec<StatusListRecord>, StoreError> {
        lists(&self.read(Statement::new(LISTS).text(issuer_id)).await?)
    }

    async fn lease_slots(
        &self,
        issuer_id: &str,
        list_id: &str,
        count: i64,
        now: Timestamp,
    ) -> Result<Option<SlotLease>, StoreError> {
        if count < 1 {
            return Ok(None);
        }
        self.write(Lease { issuer_id: issuer_id.to_owned(), list_id: list_id.to_owned(), count, now }).await
    }

    async fn status_entries(&self, issuer_id: &str, credential_id: &str) -> Result<Vec<StatusEntry>, StoreError> {
        self.read(Statement::new(ENTRIES).text(issuer_id).text(credential_id)).await?.iter().map(entry).collect()
    }

    async fn update_statuses(&self, updates: &[StatusUpdate]) -> Result<Vec<StatusOutcome>, StoreError> {
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        self.statuses.update(UpdateStatuses { updates: updates.to_vec() }).await
    }

    async fn status_history(
        &self,
        issuer_id: &str,
        list_id: &str,
        index: i64,
    ) -> Result<Vec<StatusChange>, StoreError> {
        let history = Statement::new(HISTORY).text(issuer_id).text(list_id).integer(index);
        self.read(history).await?.iter().map(change).collect()
    }

    async fn slots_of_deleted(&self, issuer_id: &str, credential_hash: &str) -> Result<Vec<StatusSlot>, StoreError> {
        let tombstone = self.read_first(tombstones::find(issuer_id, credential_hash)).await?;
        tombstone.as_ref().map_or_else(|| Ok(Vec::new()), tombstones::slots)
    }

    async fn status_changes(
        &self,
        issuer_id: &str,
        list_id: &str,
        revision: i64,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StoreError> {
        let changes = Statement::new(CHANGES).text(issuer_id).text(list_id).integer(revision).integer(limit.into());
        self.read(changes).await?.iter().map(change).collect()
    }

    async fn status_list_heads(&self) -> Result<Vec<StatusListHead>, StoreError> {
        self.read(Statement::new(HEADS)).await?.iter().map(head).collect()
    }

    async fn publish_status_list(
        &self,
        version: &StatusListVersion,
        window: Duration,
        keep_from: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(Publish { version: version.clone(), window, keep_from }).await
    }

    async fn status_list_version(
        &self,
        issuer_id: &str,
        list_id: &str,
    ) -> Result<Option<StatusListVersion>, StoreError> {
        let row = self.read_first(Statement::new(NEWEST).text(issuer_id).text(list_id)).await?;
        row.as_ref().map(version).transpose()
    }

    async fn status_list_version_at(
        &self,
        issuer_id: &str,
        list_id: &str,
        at: Timestamp,
    ) -> Result<Option<StatusListVersion>, StoreError> {
        let row = self.read_first(Statement::new(NEWEST_AT).text(issuer_id).text(list_id).time(at)).await?;
        row.as_ref().map(version).transpose()
    }
}

struct OpenList {
    list: StatusListRecord,
    most_open: u32,
    event: AuditEvent,
}

impl Operation for OpenList {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let list = &self.list;
        if write.execute(Statement::new(LOCK_ISSUER).text(&list.issuer_id)).await? == 0 {
            return Err(StoreError::UnknownIssuer);
        }
        let purposes: Vec<_> = list.credentials.iter().map(|credential| credential.purpose.clone()).collect();
        let count = Statement::new(COUNT_OPEN).text(&list.issuer_id).texts(&purposes);
        let open = write.fetch_first(count).await?.map_or(Ok(0), |row| row.integer("open"))?;
        if open >= i64::from(self.most_open) {
            return Ok(Verdict::Commit(false));
        }
        write.execute(insert_list(list, &purposes)).await?;
        for credential in &list.credentials {
            write.execute(insert_identity(list, credential)).await?;
            write.execute(insert_credential(list, credential)).await?;
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

struct Lease {
    issuer_id: String,
    list_id: String,
    count: i64,
    now: Timestamp,
}

impl Operation for Lease {
    type Answer = Option<SlotLease>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Self::Answer>, StoreError> {
        let (issuer_id, list_id) = (&self.issuer_id, &self.list_id);
        // Takes the row: what stands in it now is for the one who leases alone.
        let next = Statement::joined(&[NEXT_SLOT, DB::LOCK_ROWS]).text(issuer_id).text(list_id);
        let Some(row) = write.fetch_first(next).await? else { return Ok(Verdict::Commit(None)) };
        let first = row.integer("next_slot")?;
        let room = row.integer("capacity")? - first;
        let count = self.count.min(room);
        write.execute(Statement::new(LEASE).text(issuer_id).text(list_id).integer(count).time(self.now)).await?;
        if count == room {
            write.execute(Statement::new(MARK_FULL).text(issuer_id).text(list_id).time(self.now)).await?;
        }
        Ok(Verdict::Commit(Some(SlotLease { first, count })))
    }
}

struct Publish {
    version: StatusListVersion,
    window: Duration,
    keep_from: Timestamp,
}

impl Operation for Publish {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(publish(&self.version)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        let StatusListVersion { issuer_id, list_id, version, .. } = &self.version;
        let former = version - 1;
        let published_at = Statement::new(PUBLISHED_AT).text(issuer_id).text(list_id).integer(former);
        let published_at = write.fetch_first(published_at).await?.map(|row| row.time("published_at")).transpose()?;
        // What is kept grows with a new window only, and only then it needs to shrink.
        let shrink = if published_at.is_some_and(|former| self.is_same_window(former)) {
            Statement::new(DELETE_VERSION).text(issuer_id).text(list_id).integer(former)
        } else {
            Statement::new(DELETE_FORMER).text(issuer_id).text(list_id).integer(*version).time(self.keep_from)
        };
        write.execute(shrink).await?;
        write.execute(insert_version(&self.version)).await?;
        Ok(Verdict::Commit(true))
    }
}

impl Publish {
    fn is_same_window(&self, former: Timestamp) -> bool {
        let Ok(window @ 1..) = i64::try_from(self.window.as_micros()) else { return false };
        let number = |at: Timestamp| at.get().timestamp_micros().div_euclid(window);
        number(former) == number(self.version.published_at)
    }
}

fn insert_list<'q>(list: &'q StatusListRecord, purposes: &[String]) -> Statement<'q> {
    Statement::new(INSERT_LIST)
        .text(&list.issuer_id)
        .text(&list.list_id)
        .texts(purposes)
        .integer(list.capacity)
        .bytes(&list.sealed_permutation_key)
        .integer(list.next_slot)
        .time(list.created_at)
        .creates("status list")
}

fn insert_identity<'q>(list: &'q StatusListRecord, credential: &'q StatusListCredential) -> Statement<'q> {
    Statement::new(INSERT_IDENTITY)
        .text(&list.issuer_id)
        .text(&credential.url)
        .time(list.created_at)
        .text(CREDENTIAL_TYPE)
        .text(CONFIGURATION)
        .integer(CONFIGURATION_VERSION)
        .text(STATUS_LIST_FORMAT)
        .creates("status list credential")
}

fn insert_credential<'q>(list: &'q StatusListRecord, credential: &'q StatusListCredential) -> Statement<'q> {
    Statement::new(INSERT_CREDENTIAL)
        .text(&list.issuer_id)
        .text(&credential.url)
        .text(&list.list_id)
        .text(CREDENTIAL_TYPE)
        .text(&credential.purpose)
        .integer(list.capacity)
        .time(list.created_at)
        .creates("status list credential")
}

fn publish(version: &StatusListVersion) -> Statement<'_> {
    Statement::new(PUBLISH)
        .text(&version.issuer_id)
        .text(&version.list_id)
        .integer(version.version)
        .integer(version.revision)
        .time(version.valid_until)
        .time(version.published_at)
}

fn insert_version(version: &StatusListVersion) -> Statement<'_> {
    Statement::new(INSERT_VERSION)
        .text(&version.issuer_id)
        .text(&version.list_id)
        .integer(version.version)
        .integer(version.revision)
        .time(version.published_at)
        .time(version.valid_until)
        .bytes(&version.bits)
        .bytes(&version.documents)
}

/// Of one row for each credential of a list, the rows of a list next to each other.
fn lists<DB: Driver>(rows: &[Row<DB>]) -> Result<Vec<StatusListRecord>, StoreError> {
    let mut lists: Vec<StatusListRecord> = Vec::new();
    for row in rows {
        let credential = StatusListCredential { purpose: row.text("status_purpose")?, url: row.text("id")? };
        let list_id = row.text("list_id")?;
        match lists.last_mut() {
            Some(list) if list.list_id == list_id => list.credentials.push(credential),
            _ => lists.push(list(row, credential)?),
        }
        // The order of the purposes is the list's.
        let purposes = row.texts("purposes")?;
        if let Some(list) = lists.last_mut() {
            list.credentials.sort_by_key(|one| purposes.iter().position(|purpose| *purpose == one.purpose));
        }
    }
    Ok(lists)
}

fn list<DB: Driver>(row: &Row<DB>, first: StatusListCredential) -> Result<StatusListRecord, StoreError> {
    Ok(StatusListRecord {
        issuer_id: row.text("issuer_id")?,
        list_id: row.text("list_id")?,
        credentials: vec![first],
        capacity: row.integer("capacity")?,
        next_slot: row.integer("next_slot")?,
        sealed_permutation_key: row.bytes("sealed_permutation_key")?,
        created_at: row.time("created_at")?,
    })
}

fn head<DB: Driver>(row: &Row<DB>) -> Result<StatusListHead, StoreError> {
    Ok(StatusListHead {
        issuer_id: row.text("issuer_id")?,
        list_id: row.text("list_id")?,
        revision: row.integer("revision")?,
        version: row.integer("version")?,
        published_revision: row.integer("published_revision")?,
        valid_until: row.optional_time("valid_until")?,
        has_room: row.integer("room")? > 0,
    })
}

fn change<DB: Driver>(row: &Row<DB>) -> Result<StatusChange, StoreError> {
    Ok(StatusChange {
        revision: row.integer("revision")?,
        purpose: row.text("status_purpose")?,
        index: row.integer("status_list_index")?,
        value: row.integer("status_value")? == 1,
        at: row.time("changed_at")?,
        actor: row.text("actor")?,
        reason: row.optional_text("reason")?,
        event_id: row.text("event_id")?,
    })
}

fn version<DB: Driver>(row: &Row<DB>) -> Result<StatusListVersion, StoreError> {
    Ok(StatusListVersion {
        issuer_id: row.text("issuer_id")?,
        list_id: row.text("list_id")?,
        version: row.integer("version")?,
        revision: row.integer("revision")?,
        published_at: row.time("published_at")?,
        valid_until: row.time("valid_until")?,
        bits: row.bytes("bits")?,
        documents: row.bytes("documents")?,
    })
}
