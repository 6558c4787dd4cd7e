use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{Issuances, StoreError};
use crate::records::{IssuanceBatch, IssuanceOutcome, StatusSlot, StoredCredential, Timestamp, UsedNonce};

/// Rows that one INSERT takes at most.
pub(super) const MAX_ROWS_PER_INSERT: usize = 32;

/// What is read of a record, without the credential.
macro_rules! record_columns {
    () => {
        "issuer_id, credential_id, issue_date, expiration_date, credential_type, created_time, updated_time, \
         configuration_id, configuration_version, offer_id, format, subject_hash, superseded_by, delete_after"
    };
}
pub(super) use record_columns;

const INSERT_NONCES: &str = "INSERT INTO used_nonces (issuer_id, nonce_hash, expires_at) VALUES";
const NONCE_COLUMNS: usize = 3;
const INSERT_CREDENTIALS: &str = concat!("INSERT INTO issued_credentials (", record_columns!(), ", credential) VALUES");
const CREDENTIAL_COLUMNS: usize = 15;
const UNLESS_THERE: &str = " ON CONFLICT DO NOTHING";
const INSERT_ENTRIES: &str = "INSERT INTO credential_status (issuer_id, credential_id, status_purpose, list_id, \
    status_list_credential_id, status_list_index, status_value, is_current, status_timestamp, cr_dtimes) VALUES";
const ENTRY_COLUMNS: usize = 10;
const INSERT_ATTRIBUTES: &str = "INSERT INTO credential_attributes (issuer_id, credential_id, name, value_hash) VALUES";
const ATTRIBUTE_COLUMNS: usize = 4;
const FIND_DELETED: &str = "SELECT deleted_at FROM credential_tombstones WHERE (issuer_id, credential_hash) IN (VALUES";
const DELETED_COLUMNS: usize = 2;
const FIND: &str = concat!(
    "SELECT ",
    record_columns!(),
    ", credential FROM issued_credentials WHERE issuer_id = $1 AND credential_id = $2"
);

#[async_trait]
impl<DB: Driver> Issuances for SqlStore<DB> {
    async fn record_issuances(&self, batches: &[IssuanceBatch]) -> Result<Vec<IssuanceOutcome>, StoreError> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        self.group.record(RecordIssuances { batches: batches.to_vec() }).await
    }

    async fn find_credential(
        &self,
        issuer_id: &str,
        credential_id: &str,
    ) -> Result<Option<StoredCredential>, StoreError> {
        let row = self.read_first(Statement::new(FIND).text(issuer_id).text(credential_id)).await?;
        row.as_ref().map(credential).transpose()
    }
}

pub(super) struct RecordIssuances {
    pub(super) batches: Vec<IssuanceBatch>,
}

impl Operation for RecordIssuances {
    type Answer = Vec<IssuanceOutcome>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Self::Answer>, StoreError> {
        let batches: Vec<_> = self.batches.iter().collect();
        Ok(Verdict::Commit(write.record(&batches).await?))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// Answers one outcome a batch, in their order.
    pub(super) async fn record(&mut self, batches: &[&IssuanceBatch]) -> Result<Vec<IssuanceOutcome>, StoreError> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        // Nearly always nothing is in the way: all batches in few statements.
        let mut savepoint = self.savepoint().await?;
        if savepoint.insert(batches, MAX_ROWS_PER_INSERT).await?.is_none() {
            savepoint.commit().await?;
            return Ok(vec![IssuanceOutcome::Recorded; batches.len()]);
        }
        savepoint.roll_back().await?;
        self.record_one_by_one(batches).await
    }

    /// Finds out which batch is refused, and for what.
    async fn record_one_by_one(&mut self, batches: &[&IssuanceBatch]) -> Result<Vec<IssuanceOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            let mut savepoint = self.savepoint().await?;
            if let Some(refusal) = savepoint.insert(&[batch], 1).await? {
                savepoint.roll_back().await?;
                outcomes.push(refusal);
            } else {
                savepoint.commit().await?;
                outcomes.push(IssuanceOutcome::Recorded);
            }
        }
        Ok(outcomes)
    }

    /// Writes all batches, or stops at the first thing that is in the way; what was written then is to be rolled back.
    /// The refusal names the right row when `rows_per_insert` is 1.
    async fn insert(
        &mut self,
        batches: &[&IssuanceBatch],
        rows_per_insert: usize,
    ) -> Result<Option<IssuanceOutcome>, StoreError> {
        // Before all else, so that a request that is made twice at once is found answered and not in its own way.
        if !self.insert_replies(batches).await? {
            return Ok(Some(IssuanceOutcome::Replied));
        }
        if let Some(reused) = self.insert_nonces(batches, rows_per_insert).await? {
            return Ok(Some(reused));
        }
        if let Some(refusal) = self.insert_credentials(batches, rows_per_insert).await? {
            return Ok(Some(refusal));
        }
        // The rows that many share come late, because they are kept from everybody until the end.
        if !self.finish_job_items(batches).await? {
            return Ok(Some(IssuanceOutcome::JobItemTaken));
        }
        let events: Vec<_> = batches.iter().flat_map(|batch| &batch.events).collect();
        self.append_events(&events).await?;
        self.replace(batches).await?;
        Ok(None)
    }

    /// `false` when one of the keys has a reply.
    async fn insert_replies(&mut self, batches: &[&IssuanceBatch]) -> Result<bool, StoreError> {
        let mut replies: Vec<_> = batches.iter().filter_map(|batch| batch.reply.as_ref()).collect();
        replies.sort_unstable_by_key(|reply| (&reply.issuer_id, &reply.client_id, &reply.key_hash));
        for reply in replies {
            if !self.insert_reply(reply).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn insert_nonces(
        &mut self,
        batches: &[&IssuanceBatch],
        rows_per_insert: usize,
    ) -> Result<Option<IssuanceOutcome>, StoreError> {
        let nonces =
            batches.iter().flat_map(|batch| batch.nonces.iter().map(|nonce| (batch.issuer_id.as_str(), nonce)));
        let mut nonces: Vec<_> = nonces.collect();
        if rows_per_insert > 1 {
            // Whoever inserts a key waits for another one that has inserted it and is not done: in one order,
            // so that no two wait for each other.
            nonces.sort_unstable_by_key(|(issuer_id, nonce)| (*issuer_id, &nonce.nonce_hash));
        }
        for rows in row_groups(&nonces, rows_per_insert) {
            if self.execute(insert_nonces(rows)).await? != rows.len() as u64 {
                return Ok(rows.first().map(|(_, nonce)| reused(nonce)));
            }
        }
        Ok(None)
    }

    /// With their entries and attributes.
    async fn insert_credentials(
        &mut self,
        batches: &[&IssuanceBatch],
        rows_per_insert: usize,
    ) -> Result<Option<IssuanceOutcome>, StoreError> {
        let mut credentials: Vec<_> = batches.iter().flat_map(|batch| &batch.credentials).collect();
        if rows_per_insert > 1 {
            // In one order, as the nonces.
            credentials.sort_unstable_by_key(|credential| (&credential.issuer_id, &credential.credential_id));
        }
        for rows in row_groups(&credentials, rows_per_insert) {
            if self.execute(insert_credentials(rows)).await? != rows.len() as u64 {
                return Ok(rows.first().map(|credential| exists(credential)));
            }
        }
        // After the credentials: an id that is being deleted keeps the INSERT waiting, and its tombstone is seen now.
        if self.is_any_deleted(batches).await? {
            return Ok(Some(IssuanceOutcome::CredentialDeleted));
        }
        let entries: Vec<_> = credentials.iter().flat_map(|credential| NewEntry::of(credential)).collect();
        self.insert_entries(&entries).await?;
        let attributes: Vec<_> = credentials
            .iter()
            .flat_map(|credential| credential.attributes.iter().map(|attribute| (*credential, attribute)))
            .collect();
        for rows in row_groups(&attributes, MAX_ROWS_PER_INSERT) {
            self.execute(insert_attributes(rows)).await?;
        }
        Ok(None)
    }

    async fn is_any_deleted(&mut self, batches: &[&IssuanceBatch]) -> Result<bool, StoreError> {
        let chosen: Vec<_> = batches
            .iter()
            .flat_map(|batch| batch.chosen_ids.iter().map(|hash| (batch.issuer_id.as_str(), hash.as_str())))
            .collect();
        for rows in row_groups(&chosen, MAX_ROWS_PER_INSERT) {
            let find = Statement::rows(FIND_DELETED, DELETED_COLUMNS, rows.len(), ") LIMIT 1");
            let find = rows.iter().fold(find, |find, (issuer_id, hash)| find.text(issuer_id).text(hash));
            if self.fetch_first(find).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `Conflict` when another credential has one of the entries: none is ever given twice, so that is a mistake.
    pub(super) async fn insert_entries(&mut self, entries: &[NewEntry<'_>]) -> Result<(), StoreError> {
        for rows in row_groups(entries, MAX_ROWS_PER_INSERT) {
            self.execute(insert_entries(rows)).await?;
        }
        Ok(())
    }
}

/// An entry that says nothing yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewEntry<'a> {
    pub(super) issuer_id: &'a str,
    pub(super) credential_id: &'a str,
    pub(super) slot: &'a StatusSlot,
    pub(super) at: Timestamp,
}

impl<'a> NewEntry<'a> {
    fn of(credential: &'a StoredCredential) -> impl Iterator<Item = Self> {
        let StoredCredential { issuer_id, credential_id, created_time: at, .. } = credential;
        credential.status.iter().map(|slot| Self { issuer_id, credential_id, slot, at: *at })
    }
}

/// Cuts rows into groups of powers of two, so that few different SQL texts are prepared.
pub(super) fn row_groups<T>(mut rows: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(most).checked_ilog2()?;
        let (group, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(group)
    })
}

fn insert_nonces<'q>(rows: &[(&'q str, &'q UsedNonce)]) -> Statement<'q> {
    let insert = Statement::rows(INSERT_NONCES, NONCE_COLUMNS, rows.len(), UNLESS_THERE);
    rows.iter().fold(insert, |insert, (issuer_id, nonce)| {
        insert.text(issuer_id).text(&nonce.nonce_hash).time(nonce.expires_at)
    })
}

fn insert_credentials<'q>(rows: &[&'q StoredCredential]) -> Statement<'q> {
    let insert = Statement::rows(INSERT_CREDENTIALS, CREDENTIAL_COLUMNS, rows.len(), UNLESS_THERE);
    rows.iter().fold(insert, |insert, row| {
        insert
            .text(&row.issuer_id)
            .text(&row.credential_id)
            .time(row.issue_date)
            .optional_time(row.expiration_date)
            .text(&row.credential_type)
            .time(row.created_time)
            .time(row.updated_time)
            .text(&row.configuration_id)
            .integer(row.configuration_version)
            .optional_text(row.offer_id.as_deref())
            .text(&row.format)
            .optional_text(row.subject_hash.as_deref())
            .optional_text(row.superseded_by.as_deref())
            .optional_time(row.delete_after)
            .optional_bytes(row.credential.as_deref())
    })
}

fn insert_entries<'q>(rows: &[NewEntry<'q>]) -> Statement<'q> {
    let insert = Statement::rows(INSERT_ENTRIES, ENTRY_COLUMNS, rows.len(), "").creates("status list entry");
    rows.iter().fold(insert, |insert, row| {
        insert
            .text(row.issuer_id)
            .text(row.credential_id)
            .text(&row.slot.purpose)
            .text(&row.slot.list_id)
            .text(&row.slot.url)
            .integer(row.slot.index)
            .integer(0)
            .integer(1)
            .time(row.at)
            .time(row.at)
    })
}

fn insert_attributes<'q>(rows: &[(&'q StoredCredential, &'q (String, String))]) -> Statement<'q> {
    let insert = Statement::rows(INSERT_ATTRIBUTES, ATTRIBUTE_COLUMNS, rows.len(), "").creates("attribute");
    rows.iter().fold(insert, |insert, (credential, (name, value_hash))| {
        insert.text(&credential.issuer_id).text(&credential.credential_id).text(name).text(value_hash)
    })
}

fn reused(nonce: &UsedNonce) -> IssuanceOutcome {
    IssuanceOutcome::NonceReused { nonce_hash: nonce.nonce_hash.clone() }
}

fn exists(credential: &StoredCredential) -> IssuanceOutcome {
    IssuanceOutcome::CredentialExists { credential_id: credential.credential_id.clone() }
}

pub(super) fn credential<DB: Driver>(row: &Row<DB>) -> Result<StoredCredential, StoreError> {
    Ok(StoredCredential {
        credential_id: row.text("credential_id")?,
        issuer_id: row.text("issuer_id")?,
        configuration_id: row.text("configuration_id")?,
        configuration_version: row.integer("configuration_version")?,
        credential_type: row.text("credential_type")?,
        format: row.text("format")?,
        offer_id: row.optional_text("offer_id")?,
        issue_date: row.time("issue_date")?,
        expiration_date: row.optional_time("expiration_date")?,
        credential: row.optional_bytes("credential")?,
        subject_hash: row.optional_text("subject_hash")?,
        superseded_by: row.optional_text("superseded_by")?,
        delete_after: row.optional_time("delete_after")?,
        created_time: row.time("created_time")?,
        updated_time: row.time("updated_time")?,
        status: Vec::new(),
        attributes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_groups_are_powers_of_two_and_lose_nothing() {
        for (rows, most, expected) in [
            (0, 32, vec![]),
            (1, 32, vec![1]),
            (7, 32, vec![4, 2, 1]),
            (70, 32, vec![32, 32, 4, 2]),
            (3, 1, vec![1, 1, 1]),
        ] {
            let all: Vec<usize> = (0..rows).collect();
            let groups: Vec<_> = row_groups(&all, most).collect();
            assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), expected);
            assert_eq!(groups.concat(), all);
        }
    }
}
