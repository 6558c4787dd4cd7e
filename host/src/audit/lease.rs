//! The right to take the events to one receiver, which one host has at a time, and how far that receiver is.

use std::sync::Arc;
use std::time::Duration;

use chancery_store::{DeliveryAdvance, DeliveryLease, Store, StoreError, Timestamp};
use chrono::TimeDelta;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::clock::Clock;

/// A host that is gone holds the events up for this long.
const LEASE: Duration = Duration::from_secs(30);
/// A lease is extended when less than this is left of it.
const RENEW_BELOW: TimeDelta = TimeDelta::seconds(20);
/// How often that is looked at while something is under way.
const RENEW: Duration = Duration::from_secs(5);
/// How often a host asks for a lease that another one has.
pub(crate) const STANDBY: Duration = Duration::from_secs(2);

/// One receiver of the events, as one host sees it: an audit plugin or a webhook.
pub(crate) struct Account {
    /// What the receiver's delivery is called in the store.
    pub(crate) name: String,
    /// Names this host in leases.
    pub(crate) holder: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The right to deliver.
pub(crate) struct Lease {
    /// The position of the last event that the receiver is done with.
    pub(crate) cursor: u64,
    until: Timestamp,
}

impl Account {
    /// The lease, extended where little is left of it; `None` when another host has it.
    pub(crate) async fn hold<'a>(&self, lease: &'a mut Option<Lease>) -> Result<Option<&'a mut Lease>, StoreError> {
        let now = self.clock.now();
        if lease.as_ref().is_none_or(|held| held.until.get() - now < RENEW_BELOW) {
            let until = Timestamp::new(now + LEASE);
            let wanted = DeliveryLease { plugin: self.name.clone(), holder: self.holder.clone(), until };
            let cursor = self.store.lease_delivery(&wanted, Timestamp::new(now)).await?;
            if cursor.is_some() && lease.is_none() {
                tracing::info!(sink = self.name, delivered = cursor, "this host delivers audit events to the sink");
            }
            *lease = cursor.map(|cursor| Lease { cursor, until });
        }
        Ok(lease.as_mut())
    }

    /// Waits for `work` and keeps the lease meanwhile; `None` when it was lost. Then whatever came of the work counts
    /// for nothing: another host delivers the same events.
    pub(crate) async fn while_held<T>(&self, held: &mut Lease, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut renewals = interval_at(tokio::time::Instant::now() + RENEW, RENEW);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                _ = renewals.tick() => {
                    if !self.renew(held).await {
                        return None;
                    }
                }
            }
        }
    }

    /// The step from where the delivery stands.
    pub(crate) fn advance(&self, held: &Lease, to: u64) -> DeliveryAdvance {
        let (plugin, holder) = (self.name.clone(), self.holder.clone());
        DeliveryAdvance { plugin, holder, from: held.cursor, to, now: self.clock.timestamp() }
    }

    /// A lease that cannot be given up runs out.
    pub(crate) async fn release(&self) {
        if let Err(error) = self.store.release_delivery(&self.name, &self.holder).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(sink = self.name, error, "the right to deliver audit events could not be given up");
        }
    }

    /// `false`: another host has the lease, or may have it by now.
    async fn renew(&self, held: &mut Lease) -> bool {
        let mut lease = Some(Lease { ..*held });
        match self.hold(&mut lease).await {
            // Had and given back by another host meanwhile: what is being delivered may be old by now.
            Ok(Some(renewed)) if renewed.cursor != held.cursor => return false,
            Ok(Some(renewed)) => held.until = renewed.until,
            Ok(None) => return false,
            Err(_) => return self.clock.now() < held.until.get(),
        }
        true
    }
}
