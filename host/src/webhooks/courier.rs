//! The delivery to one webhook: takes the lease, sends message after message, moves the cursor on. What was given up and
//! is to be sent again goes beside that, in a lane of its own.

use std::sync::Arc;
use std::time::Duration;

use chancery_keys::Entropy;
use chancery_store::{
    AuditEvent, DeadLetter, DeliveryFailure, EventOutcome, MAX_EVENTS_PER_READ, StoreError, Timestamp, WebhookPause,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::lane::Lane;
use super::message::Message;
use super::sender::{Sender, Verdict};
use crate::audit::lease::{Account, Lease, STANDBY};
use crate::audit::{Actor, Delivery};
use crate::config::webhooks::Webhook;
use crate::issuance::error::with_causes;

/// How often somebody looks for what nobody announces: letters to send again, a pause that has ended.
const LOOK: Duration = Duration::from_secs(1);
/// Text of events that are read at once.
const MAX_BYTES: usize = 1 << 20;
/// Messages that are taken before that is written down: so many come again when a host is killed.
const MAX_UNSAVED: usize = 50;
const SWEEP: Duration = Duration::from_mins(1);
const SWEEP_ROWS: u32 = 1_000;

/// One webhook on this host.
pub(super) struct Courier {
    pub(super) name: String,
    pub(super) webhook: Webhook,
    pub(super) account: Account,
    pub(super) delivery: Delivery,
    pub(super) sender: Sender,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) stop: CancellationToken,
}

/// What is sent, and when to go on with it.
struct Lanes {
    events: Lane,
    letters: Lane,
    swept: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There may be more to do at once.
    More,
    /// There is nothing to do, or nothing that could be done now.
    Wait,
    /// Another host delivers.
    Elsewhere,
}

impl Courier {
    /// Delivers until it is told to stop; then it finishes the message under way and gives the lease up.
    pub(super) async fn run(self) {
        let longest = self.webhook.max_backoff;
        let mut lanes = Lanes { events: Lane::new(longest), letters: Lane::new(longest), swept: None };
        let (mut lease, mut sequenced) = (None, self.delivery.sequenced());
        while !self.stop.is_cancelled() {
            sequenced.mark_unchanged();
            match self.round(&mut lease, &mut lanes).await {
                Ok(Step::More) => {}
                Ok(Step::Wait) => self.pause(&lanes, &mut sequenced).await,
                Ok(Step::Elsewhere) => {
                    lease = None;
                    self.delivery.report(&self.account.name, None);
                    tokio::select! { () = self.stop.cancelled() => {}, () = sleep(STANDBY) => {} }
                }
                Err(error) => {
                    let reason = with_causes(&error);
                    tracing::warn!(webhook = self.name, error = reason, "the store does not let messages go on");
                    self.delivery.report(&self.account.name, Some((reason, LOOK)));
                    tokio::select! { () = self.stop.cancelled() => {}, () = sleep(LOOK) => {} }
                }
            }
        }
        if lease.is_some() {
            self.account.release().await;
        }
    }

    async fn round(&self, lease: &mut Option<Lease>, lanes: &mut Lanes) -> Result<Step, StoreError> {
        let Some(held) = self.account.hold(lease).await? else { return Ok(Step::Elsewhere) };
        self.sweep(lanes).await?;
        if self.account.store.webhook_pause(&self.name).await?.is_some() {
            return Ok(Step::Wait);
        }
        let mut step = Step::Wait;
        if lanes.events.is_due() {
            step = self.go_on(held, &mut lanes.events).await?;
        }
        if step != Step::Elsewhere && lanes.letters.is_due() {
            match self.send_again(held, &mut lanes.letters).await? {
                Step::Wait => {}
                other => step = other,
            }
        }
        Ok(step)
    }

    /// Sends what has happened, in its order, up to the first message that is not taken.
    async fn go_on(&self, held: &mut Lease, lane: &mut Lane) -> Result<Step, StoreError> {
        let events = self.account.store.events_from(held.cursor, MAX_EVENTS_PER_READ, MAX_BYTES).await?;
        let (mut settled, mut unsaved) = (held.cursor, 0);
        for (position, event) in &events {
            let Some(message) = Message::of(event, &self.webhook) else {
                settled = *position;
                continue;
            };
            if self.stop.is_cancelled() {
                break;
            }
            let answer = self.account.while_held(held, self.sender.send(&message)).await;
            let Some(verdict) = answer else { return Ok(Step::Elsewhere) };
            if verdict != Verdict::Taken {
                if !self.advance(held, settled).await? {
                    return Ok(Step::Elsewhere);
                }
                return self.not_taken(held, lane, *position, &message, verdict).await;
            }
            self.taken(lane);
            (settled, unsaved) = (*position, unsaved + 1);
            if unsaved >= MAX_UNSAVED {
                if !self.advance(held, settled).await? {
                    return Ok(Step::Elsewhere);
                }
                unsaved = 0;
            }
        }
        if !self.advance(held, settled).await? {
            return Ok(Step::Elsewhere);
        }
        Ok(if events.is_empty() { Step::Wait } else { Step::More })
    }

    async fn not_taken(
        &self,
        held: &mut Lease,
        lane: &mut Lane,
        position: u64,
        message: &Message,
        verdict: Verdict,
    ) -> Result<Step, StoreError> {
        let Some(failure) = self.given_up(lane, verdict).await? else { return Ok(Step::Wait) };
        let advance = self.account.advance(held, position);
        let letter = DeadLetter {
            issuer_id: self.webhook.issuer.clone(),
            webhook: self.name.clone(),
            event_id: message.event_id.clone(),
            event_type: message.event_type.clone(),
            occurred_at: message.occurred_at,
            body: message.body.clone(),
            failure,
            failed_at: advance.now,
            queued_at: None,
        };
        let told = self.tells("webhook.give_up", &letter.event_id, &letter.failure, advance.now);
        if !self.account.store.give_up_event(&advance, &letter, &told).await? {
            return Ok(Step::Elsewhere);
        }
        held.cursor = position;
        let DeliveryFailure { reason, attempts, .. } = &letter.failure;
        tracing::warn!(
            webhook = self.name,
            event = letter.event_id,
            reason,
            attempts,
            "a message is a dead letter now"
        );
        Ok(Step::More)
    }

    /// Sends the dead letter that waits longest for it.
    async fn send_again(&self, held: &mut Lease, lane: &mut Lane) -> Result<Step, StoreError> {
        let store = &self.account.store;
        let Some(letter) = store.next_queued_letter(&self.webhook.issuer, &self.name).await? else {
            return Ok(Step::Wait);
        };
        let message = Message::from(&letter);
        let answer = self.account.while_held(held, self.sender.send(&message)).await;
        let Some(verdict) = answer else { return Ok(Step::Elsewhere) };
        let failure = if verdict == Verdict::Taken {
            self.taken(lane);
            None
        } else {
            let Some(failure) = self.given_up(lane, verdict).await? else { return Ok(Step::Wait) };
            let (reason, attempts) = (&failure.reason, failure.attempts);
            tracing::warn!(
                webhook = self.name,
                event = letter.event_id,
                reason,
                attempts,
                "a dead letter failed again"
            );
            Some(failure)
        };
        store.settle_dead_letter(&letter, failure.as_ref(), self.account.clock.timestamp()).await?;
        Ok(Step::More)
    }

    fn taken(&self, lane: &mut Lane) {
        lane.worked();
        self.delivery.report(&self.account.name, None);
    }

    /// What is to be written of the message at the lane's head when it is given up; `None`: it is not, and comes again.
    async fn given_up(&self, lane: &mut Lane, verdict: Verdict) -> Result<Option<DeliveryFailure>, StoreError> {
        let (reason, retry_after) = match verdict {
            Verdict::Refused { status, reason } => {
                let attempts = lane.count();
                lane.moved_on();
                return Ok(Some(DeliveryFailure { status: Some(status), reason, attempts }));
            }
            Verdict::Failed { status, reason, retry_after } => {
                let attempts = lane.count();
                if attempts >= self.webhook.attempts {
                    lane.moved_on();
                    return Ok(Some(DeliveryFailure { status, reason, attempts }));
                }
                (reason, retry_after)
            }
            Verdict::Unsendable { reason } => (reason, None),
            Verdict::Gone => {
                self.stop_sending().await?;
                return Ok(None);
            }
            // The caller has looked.
            Verdict::Taken => return Ok(None),
        };
        let wait = lane.put_off(retry_after, self.entropy.as_ref());
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(webhook = self.name, reason, milliseconds, "a message was not delivered; trying again");
        self.delivery.report(&self.account.name, Some((reason, wait)));
        Ok(None)
    }

    /// The receiver says that it is gone: it gets nothing until an operator resumes it.
    async fn stop_sending(&self) -> Result<(), StoreError> {
        let now = self.account.clock.timestamp();
        let reason = "the receiver answered 410: it is gone".to_owned();
        let failure = DeliveryFailure { status: Some(410), reason: reason.clone(), attempts: 1 };
        let told = self.tells("webhook.pause", &self.name, &failure, now);
        let pause = WebhookPause { webhook: self.name.clone(), paused_at: now, reason };
        if self.account.store.pause_webhook(&pause, &told).await? {
            tracing::warn!(webhook = self.name, reason = pause.reason, "the webhook is paused until it is resumed");
        }
        self.delivery.report(&self.account.name, None);
        Ok(())
    }

    fn tells(&self, action: &str, object: &str, failure: &DeliveryFailure, now: Timestamp) -> AuditEvent {
        let DeliveryFailure { status, attempts, .. } = failure;
        AuditEvent {
            outcome: EventOutcome::Failed,
            reason: Some(if status.is_some() { "refused-by-receiver" } else { "no-answer" }.to_owned()),
            detail: json!({"webhook": self.name, "status": status, "attempts": attempts}),
            ..Actor::system().did(&self.webhook.issuer, action, object, now)
        }
    }

    /// `false`: the lease was lost.
    async fn advance(&self, held: &mut Lease, to: u64) -> Result<bool, StoreError> {
        if to == held.cursor {
            return Ok(true);
        }
        if !self.account.store.advance_delivery(&self.account.advance(held, to), &[]).await? {
            return Ok(false);
        }
        held.cursor = to;
        Ok(true)
    }

    /// Deletes now and then the letters that nobody wanted for long enough.
    async fn sweep(&self, lanes: &mut Lanes) -> Result<(), StoreError> {
        if lanes.swept.is_some_and(|at| at.elapsed() < SWEEP) {
            return Ok(());
        }
        let older_than = Timestamp::new(self.account.clock.now() - self.webhook.keep);
        let (issuer, store) = (&self.webhook.issuer, &self.account.store);
        let letters = store.delete_dead_letters(issuer, &self.name, older_than, SWEEP_ROWS).await?;
        if letters > 0 {
            tracing::info!(webhook = self.name, letters, "deleted dead letters that were too old");
        }
        lanes.swept = Some(Instant::now());
        Ok(())
    }

    /// Ends early when there is a reason to go on.
    async fn pause(&self, lanes: &Lanes, sequenced: &mut watch::Receiver<u64>) {
        let (events, letters) = (lanes.events.waits_for(), lanes.letters.waits_for());
        let time = [events, letters].into_iter().flatten().fold(LOOK, Duration::min);
        let more = async {
            match events {
                // The sender lives as long as the delivery.
                None => drop(sequenced.changed().await),
                Some(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = more => {}
            () = sleep(time) => {}
        }
    }
}
