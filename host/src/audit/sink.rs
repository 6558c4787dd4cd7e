//! The delivery to one plugin: takes the lease, hands over batch after batch, moves the cursor on.

use std::sync::Arc;
use std::time::Duration;

use chancery_sandbox::{CallError, Receipt};
use chancery_store::StoreError;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::Pace;
use super::batch::{Batch, MAX_BYTES, Settled};
use super::delivery::{LOOK, Shared};
use super::lease::{Account, Lease, STANDBY};
use crate::issuance::error::with_causes;

/// Rejections of one batch that are logged one by one.
const MAX_LOGGED: usize = 10;

/// One audit plugin on this host.
pub(super) struct Sink {
    /// Its name is the plugin's.
    pub(super) account: Account,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: CancellationToken,
    /// The plugin has a new generation: trying again may help.
    pub(super) again: Arc<Notify>,
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
                    self.shared.report(&self.account.name, None);
                }
                Ok(Step::Idle) => self.pause(LOOK, &mut pace, Some(&mut sequenced)).await,
                Ok(Step::Elsewhere) => {
                    lease = None;
                    self.shared.report(&self.account.name, None);
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
        self.shared.forget_report(&self.account.name);
        if lease.is_some() {
            self.account.release().await;
        }
    }

    async fn step(&self, lease: &mut Option<Lease>, pace: &Pace) -> Result<Step, Trouble> {
        let Some(held) = self.account.hold(lease).await? else { return Ok(Step::Elsewhere) };
        self.shared.reached(&self.account.name, held.cursor);
        let events = self.shared.store.events_from(held.cursor, pace.events(), MAX_BYTES).await?;
        if events.is_empty() {
            return Ok(Step::Idle);
        }
        let (batch, given) = Batch::take(events);
        let call = Box::pin(self.shared.sandbox.deliver(&self.account.name, given));
        let Some(answer) = self.account.while_held(held, call).await else { return Ok(Step::Elsewhere) };
        let receipt = answer.map_err(|error| Trouble::Call { error, events: batch.len() })?;
        let settled = batch.settled(&receipt).ok_or(Trouble::Nothing(batch.len()))?;
        if self.advance(held, &settled, &receipt).await? { Ok(Step::Delivered) } else { Ok(Step::Elsewhere) }
    }

    /// `false`: the lease was lost.
    async fn advance(&self, held: &mut Lease, settled: &Settled<'_>, receipt: &Receipt) -> Result<bool, StoreError> {
        let advance = self.account.advance(held, settled.to);
        let rejections = settled.events(&self.account.name, &receipt.plugin_sha256, advance.now);
        if !self.shared.store.advance_delivery(&advance, &rejections).await? {
            return Ok(false);
        }
        for (event, reason) in settled.rejected.iter().take(MAX_LOGGED) {
            let (id, action) = (&event.event_id, &event.action);
            tracing::warn!(
                plugin = self.account.name,
                event = id,
                action,
                reason,
                "the plugin rejected an audit event"
            );
        }
        if settled.rejected.len() > MAX_LOGGED {
            let rejected = settled.rejected.len();
            tracing::warn!(
                plugin = self.account.name,
                rejected,
                "the plugin rejected more audit events of the same batch"
            );
        }
        held.cursor = settled.to;
        self.shared.reached(&self.account.name, settled.to);
        Ok(true)
    }

    fn complain(&self, trouble: &Trouble, wait: Duration) {
        let error = with_causes(trouble);
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            plugin = self.account.name,
            error,
            milliseconds,
            "audit events were not delivered; trying again"
        );
        self.shared.report(&self.account.name, Some((error, wait)));
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
