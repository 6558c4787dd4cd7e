use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{Deliveries, StoreError};
use crate::records::{AuditEvent, DELIVERY_PREFIX, DeliveryAdvance, DeliveryLease, DeliveryState, Timestamp};

const LEASE: &str = "INSERT INTO audit_deliveries (plugin, delivered_sequence, lease_holder, lease_until, updated_at) \
    VALUES ($1, 0, $2, $3, $4) ON CONFLICT (plugin) DO UPDATE \
    SET lease_holder = excluded.lease_holder, lease_until = excluded.lease_until, updated_at = excluded.updated_at \
    WHERE audit_deliveries.lease_until IS NULL OR audit_deliveries.lease_until <= excluded.updated_at \
    OR audit_deliveries.lease_holder = excluded.lease_holder RETURNING delivered_sequence";
// A position that was not given yet would let events pass undelivered.
const ADVANCE: &str = "UPDATE audit_deliveries SET delivered_sequence = $4, updated_at = $5 \
    WHERE plugin = $1 AND lease_holder = $2 AND delivered_sequence = $3 AND $4 > $3 \
    AND $4 <= (SELECT last FROM audit_order WHERE slot = 1)";
const RELEASE: &str = "UPDATE audit_deliveries SET lease_holder = NULL, lease_until = NULL \
    WHERE plugin = $1 AND lease_holder = $2";
const LIST: &str = "SELECT plugin, delivered_sequence, lease_holder, lease_until, updated_at FROM audit_deliveries \
    ORDER BY plugin";
const FORGET: &str = "DELETE FROM audit_deliveries WHERE plugin = $1 AND (lease_until IS NULL OR lease_until <= $2)";

#[async_trait]
impl<DB: Driver> Deliveries for SqlStore<DB> {
    async fn lease_delivery(&self, lease: &DeliveryLease, now: Timestamp) -> Result<Option<u64>, StoreError> {
        self.write(Lease { lease: lease.clone(), now }).await
    }

    async fn advance_delivery(&self, advance: &DeliveryAdvance, events: &[AuditEvent]) -> Result<bool, StoreError> {
        self.write(Advance { advance: advance.clone(), events: events.to_vec() }).await
    }

    async fn release_delivery(&self, plugin: &str, holder: &str) -> Result<bool, StoreError> {
        self.write(Release { plugin: plugin.to_owned(), holder: holder.to_owned() }).await
    }

    async fn deliveries(&self) -> Result<Vec<DeliveryState>, StoreError> {
        self.read(Statement::new(LIST)).await?.iter().map(delivery).collect()
    }

    async fn forget_delivery(&self, plugin: &str, event: &AuditEvent) -> Result<bool, StoreError> {
        self.write(Forget { plugin: plugin.to_owned(), event: event.clone() }).await
    }
}

struct Lease {
    lease: DeliveryLease,
    now: Timestamp,
}

impl Operation for Lease {
    type Answer = Option<u64>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Option<u64>>, StoreError> {
        let DeliveryLease { plugin, holder, until } = &self.lease;
        let lease = Statement::new(LEASE).text(plugin).text(holder).time(*until).time(self.now);
        let row = write.fetch_first(lease).await?;
        Ok(Verdict::Commit(row.map(|row| row.position("delivered_sequence")).transpose()?))
    }
}

struct Advance {
    advance: DeliveryAdvance,
    events: Vec<AuditEvent>,
}

impl Operation for Advance {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(advance(&self.advance)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        write.append_events(&self.events.iter().collect::<Vec<_>>()).await?;
        Ok(Verdict::Commit(true))
    }
}

struct Release {
    plugin: String,
    holder: String,
}

impl Operation for Release {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let release = Statement::new(RELEASE).text(&self.plugin).text(&self.holder);
        Ok(Verdict::Commit(write.execute(release).await? == 1))
    }
}

struct Forget {
    plugin: String,
    event: AuditEvent,
}

impl Operation for Forget {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(Statement::new(FORGET).text(&self.plugin).time(self.event.at)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        if let Some(webhook) = self.plugin.strip_prefix(DELIVERY_PREFIX) {
            write.forget_webhook(webhook).await?;
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

/// Changes one row where the delivery may move on, and none elsewhere.
pub(super) fn advance(advance: &DeliveryAdvance) -> Statement<'_> {
    let DeliveryAdvance { plugin, holder, from, to, now } = advance;
    Statement::new(ADVANCE).text(plugin).text(holder).position(*from).position(*to).time(*now)
}

fn delivery<DB: Driver>(row: &Row<DB>) -> Result<DeliveryState, StoreError> {
    Ok(DeliveryState {
        plugin: row.text("plugin")?,
        delivered_sequence: row.position("delivered_sequence")?,
        lease_holder: row.optional_text("lease_holder")?,
        lease_until: row.optional_time("lease_until")?,
        updated_at: row.time("updated_at")?,
    })
}
