//! The delivery to one plugin: takes the lease, hands over batch after batch, moves the cursor on.

use std::sync::Arc;
use std::time::Duration;

use chancery_sandbox::{AuditEvent as ContractEvent, CallError, Receipt};
use chancery_store::{DeliveryAdvance, DeliveryLease, StoreError, Timestamp};
use chrono::TimeDelta;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::Pace;
use super::batch::{Batch, MAX_BYTES, Settled};
use super::delivery::{LOOK, Shared};
use crate::issuance::error::with_causes;

/// A host that is gone holds the events up for this long.
const LEASE: Duration = Duration::from_secs(30);
/// A lease is extended when less than this is left of it.
const RENEW_BELOW: TimeDelta = TimeDelta::seconds(20);
/// How often that is looked at during a call.
const RENEW: Duration = Duration::from_secs(5);
/// How often a host asks for a lease that another one has.
const STANDBY: Duration = Duration::from_secs(2);
/// Rejections of one batch that are logged one by one.
const MAX_LOGGED: usize = 10;

/// One audit plugin on this host.
pub(super) struct Sink {
    pub(super) plugin: String,
    pub(super) shared: Arc<Shared>,
    /// Names this host's supervisor in leases.
    pub(super) holder: String,
    pub(super) stop: CancellationToken,
    /// The plugin has a new generation: trying again may help.
    pub(super) again: Arc<Notify>,
}

/// The right to deliver.
struct Lease {
    /// The position of the last event that the plugin accepted.
    cursor: u64,
    until: Timestamp,
}

enum Step {
    Delivered,
    /// There is nothing to deliver.
    Idle,
    /// Another host delivers.
    Elsewhere,
}

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{error}")]
    Call { error: CallError, events: usize },
    #[error("the plugin settled none of {0} events")]
    Nothing(usize),
}

impl Sink {
    /// Delivers until it is told to stop; then it finishes the batch under way and gives the lease up. Also returns
    /// when the plugin is no audit plugin any more.
    pub(super) async fn run(self) {
        let (mut lease, mut pace) = (None, Pace::default());
        let mut sequenced = self.shared.sequenced.subscribe();
        while !self.stop.is_cancelled() {
            sequenced.mark_unchanged();
            match self.step(&mut lease, &pace).await {
                Ok(Step::Delivered) => {
                    pace.worked();
                    self.shared.report(&self.plugin, None);
                }
                Ok(Step::Idle) => self.pause(LOOK, &mut pace, Some(&mut sequenced)).await,
                Ok(Step::Elsewhere) => {
                    lease = None;
                    self.shared.report(&self.plugin, None);
                    self.pause(STANDBY, &mut pace, None).await;
                }
                Err(Trouble::Call { error: CallError::WrongKind { .. } | CallError::Unknown { .. }, .. }) => break,
                Err(trouble) => {
                    let wait = trouble.wait(&mut pace);
                    self.complain(&trouble, wait);
                    self.pause(wait, &mut pace, None).await;
                }
            }
        }
        self.shared.forget_report(&self.plugin);
        if lease.is_some() {
            self.shared.release(&self.plugin, &self.holder).await;
        }
    }

    async fn step(&self, lease: &mut Option<Lease>, pace: &Pace) -> Result<Step, Trouble> {
        let Some(held) = self.hold(lease).await? else { return Ok(Step::Elsewhere) };
        let events = self.shared.store.events_from(held.cursor, pace.events(), MAX_BYTES).await?;
        if events.is_empty() {
            return Ok(Step::Idle);
        }
        let (batch, given) = Batch::take(events);
        let Some(receipt) = self.deliver(held, &batch, given).await? else { return Ok(Step::Elsewhere) };
        let settled = batch.settled(&receipt).ok_or(Trouble::Nothing(batch.len()))?;
        if self.advance(held, &settled, &receipt).await? { Ok(Step::Delivered) } else { Ok(Step::Elsewhere) }
    }

    /// The lease, extended where little is left of it; `None` when another host has it.
    async fn hold<'a>(&self, lease: &'a mut Option<Lease>) -> Result<Option<&'a mut Lease>, StoreError> {
        let now = self.shared.clock.now();
        if lease.as_ref().is_none_or(|held| held.until.get() - now < RENEW_BELOW) {
            let until = Timestamp::new(now + LEASE);
            let wanted = DeliveryLease { plugin: self.plugin.clone(), holder: self.holder.clone(), until };
            let cursor = self.shared.store.lease_delivery(&wanted, Timestamp::new(now)).await?;
            if cursor.is_some() && lease.is_none() {
                tracing::info!(
                    plugin = self.plugin,
                    delivered = cursor,
                    "this host delivers audit events to the plugin"
                );
            }
            *lease = cursor.map(|cursor| Lease { cursor, until });
            if let Some(cursor) = cursor {
                self.shared.reached(&self.plugin, cursor);
            }
        }
        Ok(lease.as_mut())
    }

    /// Calls the plugin, and keeps the lease meanwhile; `None` when it was lost. Then the answer counts for nothing:
    /// another host delivers the same events.
    async fn deliver(
        &self,
        held: &mut Lease,
        batch: &Batch,
        given: Vec<ContractEvent>,
    ) -> Result<Option<Receipt>, Trouble> {
        let mut call = Box::pin(self.shared.sandbox.deliver(&self.plugin, given));
        let mut renewals = interval_at(tokio::time::Instant::now() + RENEW, RENEW);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                answer = &mut call => {
                    return answer.map(Some).map_err(|error| Trouble::Call { error, events: batch.len() });
                }
                _ = renewals.tick() => {
                    if !self.renew(held).await {
                        return Ok(None);
                    }
                }
            }
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
            Err(_) => return self.shared.clock.now() < held.until.get(),
        }
        true
    }

    /// `false`: the lease was lost.
    async fn advance(&self, held: &mut Lease, settled: &Settled<'_>, receipt: &Receipt) -> Result<bool, StoreError> {
        let now = self.shared.clock.timestamp();
        let (plugin, holder) = (self.plugin.clone(), self.holder.clone());
        let advance = DeliveryAdvance { plugin, holder, from: held.cursor, to: settled.to, now };
        let rejections = settled.events(&self.plugin, &receipt.plugin_sha256, now);
        if !self.shared.store.advance_delivery(&advance, &rejections).await? {
            return Ok(false);
        }
        for (event, reason) in settled.rejected.iter().take(MAX_LOGGED) {
            let (id, action) = (&event.event_id, &event.action);
            tracing::warn!(plugin = self.plugin, event = id, action, reason, "the plugin rejected an audit event");
        }
        if settled.rejected.len() > MAX_LOGGED {
            let rejected = settled.rejected.len();
            tracing::warn!(plugin = self.plugin, rejected, "the plugin rejected more audit events of the same batch");
        }
        held.cursor = settled.to;
        self.shared.reached(&self.plugin, settled.to);
        Ok(true)
    }

    fn complain(&self, trouble: &Trouble, wait: Duration) {
        let error = with_causes(trouble);
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(plugin = self.plugin, error, milliseconds, "audit events were not delivered; trying again");
        self.shared.report(&self.plugin, Some((error, wait)));
    }

    /// Ends early when there is a reason to go on.
    async fn pause(&self, time: Duration, pace: &mut Pace, sequenced: Option<&mut watch::Receiver<u64>>) {
        let more = async {
            match sequenced {
                // The sender lives as long as `shared`.
                Some(sequenced) => drop(sequenced.changed().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.again.notified() => pace.changed(),
            () = more => {}
            () = sleep(time) => {}
        }
    }
}

impl Trouble {
    fn wait(&self, pace: &mut Pace) -> Duration {
        match self {
            Self::Call { error, events } => match error {
                CallError::Limit { .. }
                | CallError::Trapped { .. }
                | CallError::InvalidOutput { .. }
                | CallError::Internal(_) => pace.broke(*events),
                CallError::Unavailable { retry_after, .. } => pace.failed(*retry_after),
                CallError::Paused { retry_after, .. } | CallError::Busy { retry_after, .. } => {
                    pace.failed(Some(*retry_after))
                }
                _ => pace.failed(None),
            },
            Self::Store(_) | Self::Nothing(_) => pace.failed(None),
        }
    }
}
