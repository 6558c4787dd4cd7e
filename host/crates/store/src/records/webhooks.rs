//! What the store keeps about webhooks beside how far each one is, which is a delivery as an audit plugin has it.

use super::Timestamp;

/// What the names of webhooks' deliveries begin with.
pub(crate) const DELIVERY_PREFIX: &str = "webhook:";

/// The name of a webhook's delivery, apart from those of plugins.
pub fn webhook_delivery(webhook: &str) -> String {
    format!("{DELIVERY_PREFIX}{webhook}")
}

/// A message that was given up. It is kept so that an operator can look at it and have it sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub issuer_id: String,
    pub webhook: String,
    /// Of the audit event that it tells of; the message's own id too.
    pub event_id: String,
    /// The message's type, such as `credential.issued`.
    pub event_type: String,
    /// When the event happened.
    pub occurred_at: Timestamp,
    /// The message, byte for byte.
    pub body: String,
    pub failure: DeliveryFailure,
    /// When it was given up last.
    pub failed_at: Timestamp,
    /// Since when it is to be sent again.
    pub queued_at: Option<Timestamp>,
}

/// Why a message was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// HTTP status of the last answer; `None` when there was no answer.
    pub status: Option<u16>,
    /// For operators.
    pub reason: String,
    /// How often it was sent since it was begun with, or since it was queued.
    pub attempts: u32,
}

/// How many messages of a webhook were given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeadLetterCount {
    /// Those that nobody wants sent again.
    pub dead: u64,
    /// Those that are to be sent again.
    pub queued: u64,
}

/// A webhook that gets nothing until an operator resumes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookPause {
    pub webhook: String,
    pub paused_at: Timestamp,
    /// For operators.
    pub reason: String,
}
