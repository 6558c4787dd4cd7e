//! How far the sinks are, for operators.

use chancery_store::{Store, StoreError, Timestamp};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// One sink: an audit plugin, or one that was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliveryStatus {
    pub plugin: String,
    pub state: SinkState,
    /// The position of the last event that it has; 0 for none.
    pub delivered: u64,
    /// The position of the last event there is.
    pub last: u64,
    /// Events that it still has to get.
    pub lag: u64,
    /// Why the last attempt of this host failed. For operators: it may quote the plugin.
    pub last_error: Option<String>,
    /// When this host tries again, where the last attempt failed.
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub next_attempt: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkState {
    /// A host delivers.
    Delivering,
    /// This host would deliver, and waits for its next attempt.
    Retrying,
    /// No host holds the right to deliver: the plugin is gone or does not serve, or every host waits for its next
    /// attempt. Events wait for it until it is forgotten.
    Idle,
}

impl DeliveryStatus {
    pub(super) fn is_held_up(&mut self, error: &str, next_attempt: Timestamp) {
        self.state = SinkState::Retrying;
        self.last_error = Some(error.to_owned());
        self.next_attempt = Some(next_attempt);
    }
}

impl SinkState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivering => "delivering",
            Self::Retrying => "retrying",
            Self::Idle => "idle",
        }
    }
}

/// What the store knows of all sinks: without errors, which stay with the host that has them.
pub async fn sinks(store: &dyn Store, now: Timestamp) -> Result<Vec<DeliveryStatus>, StoreError> {
    let deliveries = store.deliveries().await?;
    let last = store.last_sequence().await?;
    let status = deliveries.into_iter().map(|one| DeliveryStatus {
        state: if one.lease_until.is_some_and(|until| until > now) { SinkState::Delivering } else { SinkState::Idle },
        delivered: one.delivered_sequence,
        last,
        lag: last.saturating_sub(one.delivered_sequence),
        plugin: one.plugin,
        last_error: None,
        next_attempt: None,
    });
    Ok(status.collect())
}
