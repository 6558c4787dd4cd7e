use async_trait::async_trait;

use super::{Driver, Operation, SqlStore, Statement, Verdict, Write, unavailable};
use crate::contract::{Housekeeping, StoreError};
use crate::records::Timestamp;

const CHECK: &str = "UPDATE store_check SET checks = checks + 1 WHERE slot = 1";
const CHECK_READ: &str = "SELECT checks FROM store_check WHERE slot = 1";
/// What is chosen, and how that is deleted. Chosen first and apart, because a planner that joins the two may run
/// the choice more often than once, and then delete more than the limit. Strictly before `now`: at the very
/// instant of its expiry a nonce's row may still be needed.
const DELETE_EXPIRED: [[&str; 2]; 7] = [
    [
        "SELECT issuer_id, nonce_hash FROM used_nonces WHERE expires_at < $1 ORDER BY expires_at LIMIT $2",
        "DELETE FROM used_nonces WHERE (issuer_id, nonce_hash) IN (SELECT issuer_id, nonce_hash FROM expired)",
    ],
    [
        "SELECT issuer_id, purpose, value_hash FROM used_once WHERE expires_at < $1 ORDER BY expires_at LIMIT $2",
        "DELETE FROM used_once \
         WHERE (issuer_id, purpose, value_hash) IN (SELECT issuer_id, purpose, value_hash FROM expired)",
    ],
    [
        "SELECT issuer_id, offer_id FROM offers WHERE kept_until < $1 ORDER BY kept_until LIMIT $2",
        "DELETE FROM offers WHERE (issuer_id, offer_id) IN (SELECT issuer_id, offer_id FROM expired)",
    ],
    [
        // Whoever still goes on with it was asked in time.
        "SELECT issuer_id, transaction_hash FROM deferred_transactions \
         WHERE expires_at < $1 AND (lease_until IS NULL OR lease_until <= $1) ORDER BY expires_at LIMIT $2",
        "DELETE FROM deferred_transactions \
         WHERE (issuer_id, transaction_hash) IN (SELECT issuer_id, transaction_hash FROM expired)",
    ],
    [
        "SELECT issuer_id, client_id, key_hash FROM idempotent_replies \
         WHERE expires_at < $1 ORDER BY expires_at LIMIT $2",
        "DELETE FROM idempotent_replies \
         WHERE (issuer_id, client_id, key_hash) IN (SELECT issuer_id, client_id, key_hash FROM expired)",
    ],
    [
        // A job may have more items than one statement had better delete: they go first, and a job without any then.
        "SELECT job_items.issuer_id, job_items.job_id, job_items.number FROM jobs \
         JOIN job_items ON job_items.issuer_id = jobs.issuer_id AND job_items.job_id = jobs.job_id \
         WHERE jobs.expires_at < $1 AND jobs.state IN ('finished', 'cancelled') ORDER BY jobs.expires_at LIMIT $2",
        "DELETE FROM job_items WHERE (issuer_id, job_id, number) IN (SELECT issuer_id, job_id, number FROM expired)",
    ],
    [
        "SELECT issuer_id, job_id FROM jobs WHERE expires_at < $1 AND state IN ('finished', 'cancelled') \
         AND NOT EXISTS (SELECT 1 FROM job_items \
         WHERE job_items.issuer_id = jobs.issuer_id AND job_items.job_id = jobs.job_id) ORDER BY expires_at LIMIT $2",
        "DELETE FROM jobs WHERE (issuer_id, job_id) IN (SELECT issuer_id, job_id FROM expired)",
    ],
];
// Nobody adds items to it any more. From now on it does not start either, and goes as one that has ended.
const CANCEL_ABANDONED_JOBS: &str = "UPDATE jobs SET state = 'cancelled' WHERE state = 'loading' AND (issuer_id, job_id) \
    IN (SELECT issuer_id, job_id FROM jobs WHERE state = 'loading' AND expires_at < $1 ORDER BY expires_at LIMIT $2)";

#[async_trait]
impl<DB: Driver> Housekeeping for SqlStore<DB> {
    async fn check(&self) -> Result<(), StoreError> {
        let read = self.read_first(Statement::new(CHECK_READ)).await?;
        let written = self.write(Check).await?;
        if read.is_some() && written { Ok(()) } else { Err(unavailable("the row of the check is missing")) }
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.write(DeleteExpired { now, limit }).await
    }

    async fn close(&self) {
        self.readers.close().await;
        // The writer last: SQLite's last connection folds the write-ahead log back into the file.
        self.writer.pool().close().await;
    }
}

struct Check;

impl Operation for Check {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        // Committed, because a full disk shows only then.
        Ok(Verdict::Commit(write.execute(Statement::new(CHECK)).await? == 1))
    }
}

struct DeleteExpired {
    now: Timestamp,
    limit: u32,
}

impl Operation for DeleteExpired {
    type Answer = u64;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<u64>, StoreError> {
        let cancel = Statement::new(CANCEL_ABANDONED_JOBS).time(self.now).integer(self.limit.into());
        write.execute(cancel).await?;
        let mut deleted = 0;
        for [select, delete] in DELETE_EXPIRED {
            let delete = Statement::joined(&["WITH expired AS MATERIALIZED (", select, DB::SKIP_LOCKED, ") ", delete]);
            deleted += write.execute(delete.time(self.now).integer(self.limit.into())).await?;
        }
        Ok(Verdict::Commit(deleted))
    }
}
