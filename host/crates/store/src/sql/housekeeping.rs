use async_trait::async_trait;

use super::{Driver, SqlStore, Statement, unavailable};
use crate::contract::{Housekeeping, StoreError};
use crate::records::Timestamp;

const CHECK: &str = "UPDATE store_check SET checks = checks + 1 WHERE slot = 1";
const CHECK_READ: &str = "SELECT checks FROM store_check WHERE slot = 1";
// Strictly before `now`: at the very instant of its expiry a nonce's row may still be needed.
const DELETE_EXPIRED: [&str; 3] = [
    "DELETE FROM used_nonces WHERE (issuer_id, nonce_hash) IN \
        (SELECT issuer_id, nonce_hash FROM used_nonces WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
    "DELETE FROM used_once WHERE (issuer_id, purpose, value_hash) IN \
        (SELECT issuer_id, purpose, value_hash FROM used_once WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
    "DELETE FROM offers WHERE (issuer_id, offer_id) IN \
        (SELECT issuer_id, offer_id FROM offers WHERE kept_until < $1 ORDER BY kept_until LIMIT $2)",
];

#[async_trait]
impl<DB: Driver> Housekeeping for SqlStore<DB> {
    async fn check(&self) -> Result<(), StoreError> {
        let read = self.read_first(Statement::new(CHECK_READ)).await?;
        let mut write = self.begin().await?;
        let written = write.execute(Statement::new(CHECK)).await?;
        // Committed, because a full disk shows only then.
        write.commit().await?;
        if read.is_some() && written == 1 { Ok(()) } else { Err(unavailable("the row of the check is missing")) }
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut write = self.begin().await?;
        let mut deleted = 0;
        for sql in DELETE_EXPIRED {
            deleted += write.execute(Statement::new(sql).time(now).integer(limit.into())).await?;
        }
        write.commit().await?;
        Ok(deleted)
    }

    async fn close(&self) {
        self.readers.close().await;
        // The writer last: SQLite's last connection folds the write-ahead log back into the file.
        self.writer.close().await;
    }
}
