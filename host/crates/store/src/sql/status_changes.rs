//! What entries say, and the one place where that is changed: entry, history of its list, audit event.
//!
//! Whoever changes an entry holds first the row of its credential, then that of its list, each kind in the order of its
//! keys: so no two wait for each other, and what is decided on stays true. The list's row gives the revisions; it is
//! held until the commit, so they become visible in their order.

use std::collections::{BTreeMap, HashMap};

use super::issuances::{MAX_ROWS_PER_INSERT, row_groups};
use super::{Driver, Operation, Row, Statement, Verdict, Write, tombstones, unavailable};
use crate::contract::StoreError;
use crate::records::{AuditEvent, ExpectedEntry, StatusEntry, StatusOutcome, StatusSlot, StatusUpdate, Timestamp};

const LOCK_CREDENTIALS: &str =
    "SELECT issuer_id, credential_id FROM issued_credentials WHERE (issuer_id, credential_id) IN (VALUES";
const IN_THEIR_ORDER: &str = ") ORDER BY issuer_id, credential_id";
const ENTRIES: &str = "SELECT status_id, issuer_id, credential_id, status_purpose, list_id, status_list_credential_id, \
    status_list_index, status_value, status_timestamp FROM credential_status \
    WHERE is_current = 1 AND (issuer_id, credential_id) IN (VALUES";
const RAISE_REVISION: &str = "UPDATE status_lists SET revision = revision + $3, updated_at = $4 \
    WHERE issuer_id = $1 AND list_id = $2 RETURNING revision";
const INSERT_CHANGES: &str = "INSERT INTO status_change (issuer_id, list_id, revision, status_purpose, \
    status_list_index, status_value, changed_at, actor, reason, event_id) VALUES";
const CHANGE_COLUMNS: usize = 10;
const SET_ENTRIES: &str = "UPDATE credential_status SET status_value = entry.column2, \
    status_timestamp = entry.column3, upd_dtimes = entry.column3 FROM (VALUES";
const SET_COLUMNS: usize = 3;
const THAT_ARE_CURRENT: &str = ") AS entry WHERE credential_status.status_id = entry.column1 AND is_current = 1";

/// A credential: its issuer and its id.
pub(super) type CredentialKey = (String, String);

/// An entry of a credential whose row the transaction holds.
#[derive(Debug, Clone)]
pub(super) struct HeldEntry {
    status_id: i64,
    issuer_id: String,
    pub(super) entry: StatusEntry,
}

/// What such an entry is to say from now on. That it says something else was found by the caller.
pub(super) struct EntryChange<'a> {
    pub(super) held: HeldEntry,
    pub(super) value: bool,
    /// As the clock of whoever changes it says; see [`time`](Self::time).
    pub(super) at: Timestamp,
    pub(super) actor: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) event: &'a AuditEvent,
}

impl EntryChange<'_> {
    /// What is written: clocks of hosts differ, and step back, but nothing changes before what it changes.
    fn time(&self) -> Timestamp {
        self.at.max(self.held.entry.since)
    }
}

pub(super) struct UpdateStatuses {
    pub(super) updates: Vec<StatusUpdate>,
}

impl Operation for UpdateStatuses {
    type Answer = Vec<StatusOutcome>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Self::Answer>, StoreError> {
        let updates: Vec<_> = self.updates.iter().collect();
        Ok(Verdict::Commit(write.update_statuses(&updates).await?))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// Answers one outcome an update, in their order, in which they are also decided. A refused one wrote nothing, so
    /// the others stay.
    pub(super) async fn update_statuses(
        &mut self,
        updates: &[&StatusUpdate],
    ) -> Result<Vec<StatusOutcome>, StoreError> {
        let credentials = updates.iter().map(|update| (update.issuer_id.as_str(), update.credential_id.as_str()));
        let mut held = self.hold_entries(credentials.collect()).await?;
        let (mut outcomes, mut changes) = (Vec::with_capacity(updates.len()), Vec::new());
        for update in updates {
            let key = (update.issuer_id.clone(), update.credential_id.clone());
            let entry = match held.get_mut(&key) {
                Some(entries) => wanted_entry(update, entries),
                None => Err(self.missing_credential(update).await?),
            };
            outcomes.push(match entry {
                Err(refusal) => self.unless_replied(update, refusal).await?,
                Ok(_) if !self.keep_reply(update).await? => StatusOutcome::Replied,
                Ok(held) => {
                    let changed = held.entry.value != update.value;
                    if changed {
                        held.entry.value = update.value;
                        held.entry.since = update.at.max(held.entry.since);
                        changes.push(change(update, held.clone()));
                    }
                    StatusOutcome::Set { entry: held.entry.clone(), changed }
                }
            });
        }
        self.set_entries(&changes).await?;
        Ok(outcomes)
    }

    /// Takes the rows of those credentials that are there, and answers their current entries. Until the transaction
    /// ends, nobody else changes one of these, adds one, or deletes the credential.
    pub(super) async fn hold_entries(
        &mut self,
        mut credentials: Vec<(&str, &str)>,
    ) -> Result<HashMap<CredentialKey, Vec<HeldEntry>>, StoreError> {
        credentials.sort_unstable();
        credentials.dedup();
        let mut held = HashMap::with_capacity(credentials.len());
        for rows in row_groups(&credentials, MAX_ROWS_PER_INSERT) {
            let lock = of_credentials(LOCK_CREDENTIALS, rows, IN_THEIR_ORDER).followed_by(DB::LOCK_ROWS);
            for row in self.fetch(lock).await? {
                held.insert((row.text("issuer_id")?, row.text("credential_id")?), Vec::new());
            }
        }
        for rows in row_groups(&credentials, MAX_ROWS_PER_INSERT) {
            for row in self.fetch(of_credentials(ENTRIES, rows, ")")).await? {
                if let Some(entries) = held.get_mut(&(row.text("issuer_id")?, row.text("credential_id")?)) {
                    entries.push(held_entry(&row)?);
                }
            }
        }
        Ok(held)
    }

    /// Writes changes of entries that [`hold_entries`](Self::hold_entries) answered, in their order. Takes the rows of
    /// their lists: credentials are to be held before, all that the transaction needs.
    pub(super) async fn set_entries(&mut self, changes: &[EntryChange<'_>]) -> Result<(), StoreError> {
        let mut lists: BTreeMap<(&str, &str), Vec<&EntryChange<'_>>> = BTreeMap::new();
        for change in changes {
            let list = (change.held.issuer_id.as_str(), change.held.entry.slot.list_id.as_str());
            lists.entry(list).or_default().push(change);
        }
        let mut history = Vec::with_capacity(changes.len());
        for ((issuer_id, list_id), changes) in lists {
            let first = self.raise_revision(issuer_id, list_id, &changes).await?;
            history.extend((first..).zip(changes));
        }
        for rows in row_groups(&history, MAX_ROWS_PER_INSERT) {
            self.execute(insert_changes(rows)).await?;
        }
        // Of several changes of one entry the last one counts.
        let last: BTreeMap<_, _> = changes.iter().map(|change| (change.held.status_id, change)).collect();
        let last: Vec<_> = last.into_values().collect();
        for rows in row_groups(&last, MAX_ROWS_PER_INSERT) {
            if self.execute(set_entries(rows)).await? != rows.len() as u64 {
                return Err(unavailable("an entry changed although its credential was held"));
            }
        }
        self.append_events(&changes.iter().map(|change| change.event).collect::<Vec<_>>()).await
    }

    /// Answers the first of the new revisions.
    async fn raise_revision(
        &mut self,
        issuer_id: &str,
        list_id: &str,
        changes: &[&EntryChange<'_>],
    ) -> Result<i64, StoreError> {
        let (Some(last), Ok(count)) = (changes.last(), i64::try_from(changes.len())) else {
            return Err(unavailable("a list without changes has no new revision"));
        };
        let raise = Statement::new(RAISE_REVISION).text(issuer_id).text(list_id).integer(count).time(last.time());
        let row = self.fetch_first(raise).await?.ok_or_else(|| unavailable("the list of an entry is missing"))?;
        Ok(row.integer("revision")? - count + 1)
    }

    async fn missing_credential(&mut self, update: &StatusUpdate) -> Result<StatusOutcome, StoreError> {
        let tombstone = tombstones::find(&update.issuer_id, &update.credential_hash);
        let is_deleted = self.fetch_first(tombstone).await?.is_some();
        Ok(if is_deleted { StatusOutcome::Deleted } else { StatusOutcome::UnknownCredential })
    }

    /// The same request may have come through before what it is refused for now.
    async fn unless_replied(
        &mut self,
        update: &StatusUpdate,
        refusal: StatusOutcome,
    ) -> Result<StatusOutcome, StoreError> {
        let replied = match &update.reply {
            Some(reply) => self.has_reply(reply).await?,
            None => false,
        };
        Ok(if replied { StatusOutcome::Replied } else { refusal })
    }

    /// `false`: its idempotency key has been used.
    async fn keep_reply(&mut self, update: &StatusUpdate) -> Result<bool, StoreError> {
        match &update.reply {
            Some(reply) => self.insert_reply(reply).await,
            None => Ok(true),
        }
    }
}

/// The entry that the update is about, or why there is none that it may change.
fn wanted_entry<'e>(update: &StatusUpdate, entries: &'e mut [HeldEntry]) -> Result<&'e mut HeldEntry, StatusOutcome> {
    let mut refusal = StatusOutcome::NoEntry;
    for held in entries.iter_mut().filter(|held| held.entry.slot.purpose == update.purpose) {
        if !update.expected.as_ref().is_none_or(|expected| is_expected(expected, &held.entry.slot)) {
            refusal = StatusOutcome::OtherEntry;
        } else if update.is_final && held.entry.value && !update.value {
            return Err(StatusOutcome::Final);
        } else {
            return Ok(held);
        }
    }
    Err(refusal)
}

fn is_expected(expected: &ExpectedEntry, slot: &StatusSlot) -> bool {
    expected.url.as_ref().is_none_or(|url| *url == slot.url) && expected.index.is_none_or(|index| index == slot.index)
}

fn change(update: &StatusUpdate, held: HeldEntry) -> EntryChange<'_> {
    EntryChange {
        held,
        value: update.value,
        at: update.at,
        actor: &update.actor,
        reason: update.reason.as_deref(),
        event: &update.event,
    }
}

fn of_credentials<'q>(start: &'static str, rows: &[(&'q str, &'q str)], end: &'static str) -> Statement<'q> {
    rows.iter().fold(Statement::rows(start, 2, rows.len(), end), |statement, (issuer_id, credential_id)| {
        statement.text(issuer_id).text(credential_id)
    })
}

fn insert_changes<'q>(rows: &[(i64, &'q EntryChange<'q>)]) -> Statement<'q> {
    let insert = Statement::rows(INSERT_CHANGES, CHANGE_COLUMNS, rows.len(), "");
    rows.iter().fold(insert, |insert, (revision, change)| {
        let slot = &change.held.entry.slot;
        insert
            .text(&change.held.issuer_id)
            .text(&slot.list_id)
            .integer(*revision)
            .text(&slot.purpose)
            .integer(slot.index)
            .integer(change.value.into())
            .time(change.time())
            .text(change.actor)
            .optional_text(change.reason)
            .text(&change.event.event_id)
    })
}

fn set_entries<'q>(rows: &[&'q EntryChange<'q>]) -> Statement<'q> {
    rows.iter().fold(Statement::rows(SET_ENTRIES, SET_COLUMNS, rows.len(), THAT_ARE_CURRENT), |set, change| {
        set.integer(change.held.status_id).integer(change.value.into()).time(change.time())
    })
}

fn held_entry<DB: Driver>(row: &Row<DB>) -> Result<HeldEntry, StoreError> {
    Ok(HeldEntry { status_id: row.integer("status_id")?, issuer_id: row.text("issuer_id")?, entry: entry(row)? })
}

pub(super) fn entry<DB: Driver>(row: &Row<DB>) -> Result<StatusEntry, StoreError> {
    Ok(StatusEntry {
        slot: StatusSlot {
            list_id: row.text("list_id")?,
            purpose: row.text("status_purpose")?,
            url: row.text("status_list_credential_id")?,
            index: row.integer("status_list_index")?,
        },
        value: row.integer("status_value")? == 1,
        since: row.time("status_timestamp")?,
    })
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor as _, Row as _};

    use super::*;
    use crate::contract_tests::TestDatabase as _;
    use crate::sqlite_tests::SqliteFile;

    /// However many credentials there are: a change of one reads no table as a whole.
    #[tokio::test]
    async fn credentials_and_entries_are_found_by_an_index() {
        let database = SqliteFile::new();
        database.open().await.close().await;
        let mut connection = database.raw().await;
        for (query, table, index) in [
            (format!("{LOCK_CREDENTIALS} ($1, $2), ($3, $4){IN_THEIR_ORDER}"), "issued_credentials", "autoindex"),
            (format!("{ENTRIES} ($1, $2), ($3, $4))"), "credential_status", "credential_status_credential"),
            (format!("{SET_ENTRIES} ($1, $2, $3), ($4, $5, $6){THAT_ARE_CURRENT}"), "credential_status", "PRIMARY KEY"),
        ] {
            let steps = connection.fetch_all(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"))).await.unwrap();
            let plan: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            let on_table: Vec<_> = plan.iter().filter(|step| step.contains(&format!(" {table} "))).collect();
            assert!(!on_table.is_empty(), "{query}: {plan:?}");
            assert!(on_table.iter().all(|step| step.contains("SEARCH") && step.contains(index)), "{query}: {plan:?}");
        }
    }
}
