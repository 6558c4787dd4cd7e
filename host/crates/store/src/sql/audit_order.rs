use async_trait::async_trait;

use super::outbox::event;
use super::{Driver, MAX_EVENTS_PER_READ, Operation, SqlStore, Statement, Verdict, Write, unavailable};
use crate::contract::{AuditOrder, StoreError};
use crate::records::{AuditEvent, Timestamp};

const UNSEQUENCED: &str = "SELECT number FROM outbox WHERE sequence IS NULL ORDER BY number LIMIT 1";
// Takes the row that all who give positions take. Whoever waited for it sees, in his next statement, every position
// that was given meanwhile.
const LOCK: &str = "UPDATE audit_order SET last = last WHERE slot = 1 RETURNING last";
const SEQUENCE: &str = "WITH next AS MATERIALIZED \
    (SELECT number FROM outbox WHERE sequence IS NULL ORDER BY number LIMIT $2), \
    ordered AS MATERIALIZED (SELECT number, $1 + ROW_NUMBER() OVER (ORDER BY number) AS position FROM next) \
    UPDATE outbox SET sequence = ordered.position FROM ordered WHERE outbox.number = ordered.number";
const RAISE: &str = "UPDATE audit_order SET last = last + $1 WHERE slot = 1";
const LAST: &str = "SELECT last FROM audit_order WHERE slot = 1";
const LIST: &str = "SELECT sequence, event_id, issuer_id, occurred_at, actor, action, object, outcome, reason, \
    request_id, plugin_digest, detail FROM outbox WHERE sequence > $1 ORDER BY sequence LIMIT $2";
// Without ORDER BY, which could make a planner walk all positions instead of looking the id up.
const FIND: &str = "SELECT sequence FROM outbox WHERE event_id = $1 AND sequence IS NOT NULL";
// The oldest ones are chosen by position alone, so that the search ends after `limit` rows, however many delivered
// events are kept for their age. MIN of no row is NULL, below which there is nothing.
const OLDEST: &str = "SELECT number, occurred_at FROM outbox \
    WHERE sequence <= (SELECT MIN(delivered_sequence) FROM audit_deliveries) ORDER BY sequence LIMIT $2";
const DELETE: &str = "DELETE FROM outbox WHERE number IN (SELECT number FROM oldest WHERE occurred_at < $1)";

#[async_trait]
impl<DB: Driver> AuditOrder for SqlStore<DB> {
    async fn sequence_events(&self, limit: u32) -> Result<u64, StoreError> {
        let limit = limit.min(MAX_EVENTS_PER_READ);
        // Asked often, and mostly in vain: a write transaction would be a durable write on SQLite.
        if limit == 0 || self.read_first(Statement::new(UNSEQUENCED)).await?.is_none() {
            return Ok(0);
        }
        self.write(Sequence { limit }).await
    }

    async fn last_sequence(&self) -> Result<u64, StoreError> {
        self.read_first(Statement::new(LAST)).await?.ok_or_else(no_order)?.position("last")
    }

    async fn events_from(
        &self,
        after: u64,
        limit: u32,
        max_bytes: usize,
    ) -> Result<Vec<(u64, AuditEvent)>, StoreError> {
        let limit = limit.min(MAX_EVENTS_PER_READ);
        let rows = self.read(Statement::new(LIST).position(after).integer(limit.into())).await?;
        let (mut events, mut bytes) = (Vec::with_capacity(rows.len()), 0_usize);
        for row in &rows {
            let (event, detail) = (event(row)?, row.text("detail")?);
            bytes = bytes.saturating_add(size(&event, &detail));
            if bytes > max_bytes && !events.is_empty() {
                break;
            }
            events.push((row.position("sequence")?, event));
        }
        Ok(events)
    }

    async fn event_sequence(&self, event_id: &str) -> Result<Option<u64>, StoreError> {
        let row = self.read_first(Statement::new(FIND).text(event_id)).await?;
        row.map(|row| row.position("sequence")).transpose()
    }

    async fn delete_delivered_events(&self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.write(DeleteDelivered { older_than, limit }).await
    }
}

struct Sequence {
    limit: u32,
}

impl Operation for Sequence {
    type Answer = u64;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<u64>, StoreError> {
        let last = write.fetch_first(Statement::new(LOCK)).await?.ok_or_else(no_order)?.integer("last")?;
        let sequence = Statement::new(SEQUENCE).integer(last).integer(self.limit.into());
        let sequenced = write.execute(sequence).await?;
        if sequenced > 0 {
            write.execute(Statement::new(RAISE).position(sequenced)).await?;
        }
        Ok(Verdict::Commit(sequenced))
    }
}

struct DeleteDelivered {
    older_than: Timestamp,
    limit: u32,
}

impl Operation for DeleteDelivered {
    type Answer = u64;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<u64>, StoreError> {
        let delete = Statement::joined(&["WITH oldest AS MATERIALIZED (", OLDEST, DB::SKIP_LOCKED, ") ", DELETE]);
        Ok(Verdict::Commit(write.execute(delete.time(self.older_than).integer(self.limit.into())).await?))
    }
}

fn size(event: &AuditEvent, detail: &str) -> usize {
    let texts = [&event.event_id, &event.issuer_id, &event.actor, &event.action, &event.object];
    let optional = [&event.reason, &event.request_id, &event.plugin_digest];
    let texts: usize = texts.into_iter().chain(optional.into_iter().flatten()).map(String::len).sum();
    texts + detail.len()
}

fn no_order() -> StoreError {
    unavailable("the row of the order of events is missing")
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor as _, Row as _};

    use super::*;
    use crate::contract_tests::TestDatabase as _;
    use crate::sqlite_tests::SqliteFile;

    /// However many events are kept: what hosts ask again and again reads no table as a whole.
    #[tokio::test]
    async fn events_and_positions_are_found_by_an_index() {
        let database = SqliteFile::new();
        database.open().await.close().await;
        let mut connection = database.raw().await;
        for (query, index) in [
            (UNSEQUENCED, "outbox_unsequenced"),
            (SEQUENCE, "outbox_unsequenced"),
            (LIST, "outbox_sequence"),
            (FIND, "outbox_event"),
            (OLDEST, "outbox_sequence"),
        ] {
            let steps = connection.fetch_all(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"))).await.unwrap();
            let plan: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            let on_outbox: Vec<_> = plan.iter().filter(|step| step.contains(" outbox")).collect();
            assert!(on_outbox.iter().any(|step| step.contains(index)), "{query}: {plan:?}");
            assert!(on_outbox.iter().all(|step| step.contains("USING")), "{query}: {plan:?}");
        }
    }
}
