//! What the store keeps about plugins: how far audit events were delivered, and what operators decided.

use super::Timestamp;

/// The right to deliver to an audit plugin, which one host has at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLease {
    pub plugin: String,
    /// Names the host: a value of its own in each process.
    pub holder: String,
    /// From then on another host may take it. Until one does, it is still the holder's.
    pub until: Timestamp,
}

/// A step of a delivery: what the plugin has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAdvance {
    pub plugin: String,
    pub holder: String,
    /// Where the delivery stood.
    pub from: u64,
    /// The position of the last event that the plugin accepted or rejected.
    pub to: u64,
    pub now: Timestamp,
}

/// How far an audit plugin has accepted the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryState {
    pub plugin: String,
    /// The position of the last event that it has; 0 for none.
    pub delivered_sequence: u64,
    pub lease_holder: Option<String>,
    pub lease_until: Option<Timestamp>,
    pub updated_at: Timestamp,
}

/// What an operator decided about a plugin beyond its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginControl {
    pub plugin: String,
    /// It is not to run.
    pub disabled: bool,
    /// Rolled back: the digest of the generation that is to serve instead of the one in the folder.
    pub held_generation: Option<String>,
    /// The digest that stood in the folder when it was rolled back: another one ends the hold.
    pub held_from: Option<String>,
    pub changed_at: Timestamp,
    pub changed_by: String,
}
