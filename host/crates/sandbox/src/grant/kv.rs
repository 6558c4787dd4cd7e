//! `[grants.kv]`: a small cache that outlives a call.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::within;
use crate::quantity::{KIB, MIB, Size, Span, show_duration, show_size};

const DEFAULT_VALUE: u64 = 64 * KIB;
const MAX_VALUE: u64 = MIB;
const DEFAULT_TTL: Duration = Duration::from_hours(1);
const MAX_TTL: Duration = Duration::from_hours(24);
const DEFAULT_ENTRIES: u32 = 1_000;
const MAX_ENTRIES: u32 = 100_000;

/// How much a plugin may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvGrant {
    /// Bytes of one value.
    pub value_max: u64,
    /// The longest that a value is kept.
    pub ttl_max: Duration,
    /// Values at once, for one issuer.
    pub entries: u32,
}

impl KvGrant {
    pub(crate) fn summary(&self) -> String {
        let (value, ttl) = (show_size(self.value_max), show_duration(self.ttl_max));
        format!("kv: {} values of {value} for {ttl}", self.entries)
    }
}

/// A key-value cache that outlives a call (`chancery:host/kv`), in a space of its own for each pair
/// of issuer and plugin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct KvSection {
    /// Bytes of one value. Default 64KiB, at most 1MiB.
    value_max: Option<Size>,
    /// The longest that a value is kept. Default 60m, at most 1440m.
    ttl_max: Option<Span>,
    /// Values at once, for one issuer. Default 1000, at most 100000.
    entries: Option<u32>,
}

impl KvSection {
    pub(super) fn checked(self) -> Result<KvGrant, String> {
        let value = self.value_max.map_or(DEFAULT_VALUE, |size| size.0);
        let ttl = self.ttl_max.map_or(DEFAULT_TTL, |span| span.0);
        let entries = self.entries.unwrap_or(DEFAULT_ENTRIES);
        Ok(KvGrant {
            value_max: within("grants.kv.value_max", value, 1, MAX_VALUE, show_size)?,
            ttl_max: within("grants.kv.ttl_max", ttl, Duration::from_millis(1), MAX_TTL, show_duration)?,
            entries: within("grants.kv.entries", entries, 1, MAX_ENTRIES, |n| n.to_string())?,
        })
    }
}
