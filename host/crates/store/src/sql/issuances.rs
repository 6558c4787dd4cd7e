use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{Issuances, StoreError};
use crate::records::{IssuanceBatch, IssuanceOutcome, StoredCredential, UsedNonce};

/// Rows that one INSERT takes at most.
pub(super) const MAX_ROWS_PER_INSERT: usize = 32;

const INSERT_NONCES: &str = "INSERT INTO used_nonces (issuer_id, nonce_hash, expires_at) VALUES";
const NONCE_COLUMNS: usize = 3;
const INSERT_CREDENTIALS: &str = "INSERT INTO issued_credentials (issuer_id, credential_id, credential, issue_date, \
    expiration_date, credential_type, created_time, updated_time, configuration_id, configuration_version, offer_id) \
    VALUES";
const CREDENTIAL_COLUMNS: usize = 11;
const UNLESS_THERE: &str = " ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT issuer_id, credential_id, credential, issue_date, expiration_date, credential_type, \
    created_time, updated_time, configuration_id, configuration_version, offer_id FROM issued_credentials \
    WHERE issuer_id = $1 AND credential_id = $2";

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

    /// Writes all batches, or stops at the first INSERT of which a row was there already; what was written
    /// then is to be rolled back. The refusal names the right row when `rows_per_insert` is 1.
    async fn insert(
        &mut self,
        batches: &[&IssuanceBatch],
        rows_per_insert: usize,
    ) -> Result<Option<IssuanceOutcome>, StoreError> {
        let mut nonces: Vec<_> = batches
            .iter()
            .flat_map(|batch| batch.nonces.iter().map(|nonce| (batch.issuer_id.as_str(), nonce)))
            .collect();
        let mut credentials: Vec<_> = batches.iter().flat_map(|batch| &batch.credentials).collect();
        if rows_per_insert > 1 {
            // Whoever inserts a key waits for another one that has inserted it and is not done: in one order,
            // so that no two wait for each other.
            nonces.sort_unstable_by_key(|(issuer_id, nonce)| (*issuer_id, &nonce.nonce_hash));
            credentials.sort_unstable_by_key(|credential| (&credential.issuer_id, &credential.credential_id));
        }
        for rows in row_groups(&nonces, rows_per_insert) {
            if self.execute(insert_nonces(rows)).await? != rows.len() as u64 {
                return Ok(rows.first().map(|(_, nonce)| reused(nonce)));
            }
        }
        for rows in row_groups(&credentials, rows_per_insert) {
            if self.execute(insert_credentials(rows)).await? != rows.len() as u64 {
                return Ok(rows.first().map(|credential| exists(credential)));
            }
        }
        let events: Vec<_> = batches.iter().flat_map(|batch| &batch.events).collect();
        self.append_events(&events).await?;
        Ok(None)
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
            .optional_bytes(row.credential.as_deref())
            .time(row.issue_date)
            .optional_time(row.expiration_date)
            .text(&row.credential_type)
            .time(row.created_time)
            .time(row.updated_time)
            .text(&row.configuration_id)
            .integer(row.configuration_version)
            .optional_text(row.offer_id.as_deref())
    })
}

fn reused(nonce: &UsedNonce) -> IssuanceOutcome {
    IssuanceOutcome::NonceReused { nonce_hash: nonce.nonce_hash.clone() }
}

fn exists(credential: &StoredCredential) -> IssuanceOutcome {
    IssuanceOutcome::CredentialExists { credential_id: credential.credential_id.clone() }
}

fn credential<DB: Driver>(row: &Row<DB>) -> Result<StoredCredential, StoreError> {
    Ok(StoredCredential {
        credential_id: row.text("credential_id")?,
        issuer_id: row.text("issuer_id")?,
        configuration_id: row.text("configuration_id")?,
        configuration_version: row.integer("configuration_version")?,
        credential_type: row.text("credential_type")?,
        offer_id: row.optional_text("offer_id")?,
        issue_date: row.time("issue_date")?,
        expiration_date: row.optional_time("expiration_date")?,
        credential: row.optional_bytes("credential")?,
        created_time: row.time("created_time")?,
        updated_time: row.time("updated_time")?,
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
