//! What operators and an issuer's clients see of webhooks, and decide about them.

use std::sync::Arc;

use chancery_store::{DeadLetter, DeadLetterCount, Store, StoreError, Timestamp, webhook_delivery};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Position;

use crate::audit::status::{self, DeliveryStatus, SinkState};
use crate::audit::{Actor, Delivery};
use crate::clock::Clock;
use crate::config::webhooks::{EventType, Webhook, Webhooks};

/// Dead letters of one page.
pub const MAX_PAGE: u32 = 100;
/// Letters that one call may name.
pub const MAX_NAMED: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error("there is no webhook {0}")]
    Unknown(String),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Webhooks as this host's configuration has them. With a delivery it knows what keeps this host from sending.
pub struct Board {
    webhooks: Webhooks,
    store: Arc<dyn Store>,
    delivery: Option<Delivery>,
    clock: Arc<dyn Clock>,
}

/// One webhook.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WebhookStatus {
    pub webhook: String,
    /// Where messages go, without the query.
    pub url: String,
    pub events: Vec<EventType>,
    pub state: WebhookState,
    /// Audit events that it still has to look at; not each becomes a message.
    pub lag: u64,
    /// Why the last attempt of this host failed.
    pub last_error: Option<String>,
    /// When this host tries again, where the last attempt failed.
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub next_attempt: Option<Timestamp>,
    /// Messages that were given up.
    pub dead_letters: u64,
    /// Dead letters that are to be sent again.
    pub queued: u64,
    /// Since when it is paused.
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub paused_at: Option<Timestamp>,
    pub pause_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookState {
    /// A host delivers.
    Delivering,
    /// This host would deliver, and waits for its next attempt.
    Retrying,
    /// No host holds the right to deliver.
    Idle,
    /// The receiver is gone, and gets nothing until the webhook is resumed.
    Paused,
}

impl WebhookState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivering => "delivering",
            Self::Retrying => "retrying",
            Self::Idle => "idle",
            Self::Paused => "paused",
        }
    }
}

/// A message that was given up, as it is shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Letter {
    pub event_id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    #[schemars(with = "DateTime<Utc>")]
    pub occurred_at: Timestamp,
    /// Of the last answer; `null` when there was none.
    pub status: Option<u16>,
    pub reason: String,
    pub attempts: u32,
    #[schemars(with = "DateTime<Utc>")]
    pub failed_at: Timestamp,
    /// Since when it is to be sent again.
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub queued_at: Option<Timestamp>,
    /// What was sent.
    pub message: Value,
}

/// Which letters are to be sent again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// By the ids of their events; at most 1,000.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub event_ids: Vec<String>,
    /// Instead of naming them.
    #[serde(default)]
    pub all: bool,
}

impl Board {
    pub fn new(webhooks: Webhooks, store: Arc<dyn Store>, delivery: Option<Delivery>, clock: Arc<dyn Clock>) -> Self {
        Self { webhooks, store, delivery, clock }
    }

    /// The issuer's webhooks, or everybody's.
    pub async fn list(&self, issuer: Option<&str>) -> Result<Vec<WebhookStatus>, BoardError> {
        let known = match &self.delivery {
            Some(delivery) => delivery.sinks().await?,
            None => status::sinks(self.store.as_ref(), self.clock.timestamp()).await?,
        };
        let mut list = Vec::new();
        for (name, webhook) in &self.webhooks {
            if issuer.is_none_or(|issuer| issuer == webhook.issuer) {
                let delivery = known.iter().find(|one| one.plugin == webhook_delivery(name));
                list.push(self.status(name, webhook, delivery).await?);
            }
        }
        Ok(list)
    }

    /// Messages that were given up, after the event id given (empty for the first).
    pub async fn dead_letters(
        &self,
        issuer: Option<&str>,
        name: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Letter>, BoardError> {
        let webhook = self.find(issuer, name)?;
        let letters = self.store.dead_letters(&webhook.issuer, name, after, limit.min(MAX_PAGE)).await?;
        Ok(letters.into_iter().map(Letter::from).collect())
    }

    /// Has dead letters sent again, by whichever host delivers; how many.
    pub async fn replay(
        &self,
        issuer: Option<&str>,
        actor: &Actor,
        name: &str,
        replay: &Replay,
    ) -> Result<u64, BoardError> {
        let webhook = self.find(issuer, name)?;
        if replay.all != replay.event_ids.is_empty() {
            return Err(BoardError::Invalid("name the letters by event_ids, or say all, and not both".to_owned()));
        }
        if replay.event_ids.len() > MAX_NAMED {
            return Err(BoardError::Invalid(format!("at most {MAX_NAMED} letters can be named at once")));
        }
        let event = actor.did(&webhook.issuer, "webhook.replay", name, self.clock.timestamp());
        let ids = Some(&*replay.event_ids).filter(|_| !replay.all);
        Ok(self.store.queue_dead_letters(&webhook.issuer, name, ids, &event).await?)
    }

    /// Ends a pause; `false` when there was none.
    pub async fn resume(&self, issuer: Option<&str>, actor: &Actor, name: &str) -> Result<bool, BoardError> {
        let webhook = self.find(issuer, name)?;
        let event = actor.did(&webhook.issuer, "webhook.resume", name, self.clock.timestamp());
        Ok(self.store.resume_webhook(name, &event).await?)
    }

    fn find(&self, issuer: Option<&str>, name: &str) -> Result<&Webhook, BoardError> {
        let webhook = self.webhooks.get(name).filter(|one| issuer.is_none_or(|issuer| issuer == one.issuer));
        webhook.ok_or_else(|| BoardError::Unknown(name.to_owned()))
    }

    async fn status(
        &self,
        name: &str,
        webhook: &Webhook,
        delivery: Option<&DeliveryStatus>,
    ) -> Result<WebhookStatus, BoardError> {
        let DeadLetterCount { dead, queued } = self.store.count_dead_letters(&webhook.issuer, name).await?;
        let pause = self.store.webhook_pause(name).await?;
        let state = match (&pause, delivery.map(|one| one.state)) {
            (Some(_), _) => WebhookState::Paused,
            (None, Some(SinkState::Delivering)) => WebhookState::Delivering,
            (None, Some(SinkState::Retrying)) => WebhookState::Retrying,
            (None, Some(SinkState::Idle) | None) => WebhookState::Idle,
        };
        Ok(WebhookStatus {
            webhook: name.to_owned(),
            url: webhook.url[..Position::AfterPath].to_owned(),
            events: webhook.events.clone(),
            state,
            lag: delivery.map_or(0, |one| one.lag),
            last_error: delivery.and_then(|one| one.last_error.clone()),
            next_attempt: delivery.and_then(|one| one.next_attempt),
            dead_letters: dead,
            queued,
            paused_at: pause.as_ref().map(|pause| pause.paused_at),
            pause_reason: pause.map(|pause| pause.reason),
        })
    }
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            event_id: letter.event_id,
            event_type: letter.event_type,
            occurred_at: letter.occurred_at,
            status: letter.failure.status,
            reason: letter.failure.reason,
            attempts: letter.failure.attempts,
            failed_at: letter.failed_at,
            queued_at: letter.queued_at,
            message: serde_json::from_str(&letter.body).unwrap_or(Value::String(letter.body)),
        }
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("webhooks", &self.webhooks.keys()).finish_non_exhaustive()
    }
}
