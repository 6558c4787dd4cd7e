use async_trait::async_trait;

use super::{Driver, Operation, SqlStore, Statement, Verdict, Write, unavailable};
use crate::contract::{Housekeeping, StoreError};
use crate::records::Timestamp;

const CHECK: &str = "UPDATE store_check SET checks = checks + 1 WHERE slot = 1";
const CHECK_READ: &str = "SELECT checks FROM store_check WHERE slot = 1";
/// What is chosen, and how that is deleted. Chosen first and apart, because a planner that joins the two may run
/// the choice more often than once, and then delete more than the limit. Strictly before `now`: at the very
/// instant of its expiry a nonce's row may still be needed.
const DELETE_EXPIRED: [[&str; 2]; 4] = [
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
];

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
        let mut deleted = 0;
        for [select, delete] in DELETE_EXPIRED {
            let delete = Statement::joined(&["WITH expired AS MATERIALIZED (", select, DB::SKIP_LOCKED, ") ", delete]);
            deleted += write.execute(delete.time(self.now).integer(self.limit.into())).await?;
        }
        Ok(Verdict::Commit(deleted))
    }
}
