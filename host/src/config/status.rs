//! `[status]`: status lists, how they are allocated, published and kept.

use std::time::Duration;

use chancery_credential::status::{MAX_ENTRIES, MIN_ENTRIES};
use serde::{Deserialize, Serialize};

use crate::duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// Entries of a new list: a power of two. More of them hide a credential better, and make a longer document.
    pub capacity: u32,
    /// Lists of an issuer and its purposes that give out entries side by side: each credential gets one of them by
    /// chance.
    pub open_lists: u32,
    /// Entries that a host reserves with one write. Those that it has left when it stops are not used any more.
    pub lease: u32,
    /// How long a change may wait for others to be published with it.
    #[serde(with = "duration")]
    pub publish_interval: Duration,
    /// How long verifiers may keep a list. Also: of the versions published within such a time, the last one is kept.
    #[serde(with = "duration")]
    pub ttl: Duration,
    /// How long a published list is valid. It is signed again when half of that has passed.
    #[serde(with = "duration")]
    pub validity: Duration,
    /// How long former versions can be asked for by `timestamp`.
    #[serde(with = "duration")]
    pub keep_versions: Duration,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            capacity: 1 << 20,
            open_lists: 2,
            lease: 256,
            publish_interval: Duration::from_millis(250),
            ttl: Duration::from_mins(5),
            validity: Duration::from_hours(24),
            keep_versions: Duration::from_hours(30 * 24),
        }
    }
}

impl Status {
    pub(super) fn check(&self) -> Result<(), String> {
        let capacity = self.capacity;
        if !capacity.is_power_of_two() || !(MIN_ENTRIES..=MAX_ENTRIES).contains(&capacity) {
            return Err(format!(
                "status.capacity must be a power of two from {MIN_ENTRIES} to {MAX_ENTRIES}, but is {capacity}"
            ));
        }
        for (key, value, most) in [("status.open_lists", self.open_lists, 64), ("status.lease", self.lease, 16_384)] {
            if !(1..=most).contains(&value) {
                return Err(format!("{key} must be 1 to {most}, but is {value}"));
            }
        }
        let (second, minute, day) = (Duration::from_secs(1), Duration::from_mins(1), Duration::from_hours(24));
        for (key, value, least, most) in [
            ("status.publish_interval", self.publish_interval, second / 100, minute),
            ("status.ttl", self.ttl, second, 30 * day),
            ("status.validity", self.validity, minute, 365 * day),
            ("status.keep_versions", self.keep_versions, Duration::ZERO, 3_650 * day),
        ] {
            if !(least..=most).contains(&value) {
                let [least, most, value] = [least, most, value].map(duration::format);
                return Err(format!("{key} must be {least} to {most}, but is {value}"));
            }
        }
        // What a verifier keeps for the ttl must be valid all that time, also where it was fetched just before the
        // list was signed again.
        if self.ttl > self.validity / 2 {
            return Err("status.ttl is longer than half of status.validity".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Status)) -> String {
        let mut status = Status::default();
        change(&mut status);
        status.check().unwrap_err()
    }

    #[test]
    fn the_defaults_pass() {
        Status::default().check().unwrap();
    }

    #[test]
    fn lists_that_are_too_small_too_large_or_crooked_are_refused() {
        for capacity in [0, 1, 1 << 16, (1 << 20) + 8, 1 << 25, u32::MAX] {
            assert!(
                refused(|s| s.capacity = capacity).contains("status.capacity must be a power of two"),
                "{capacity}"
            );
        }
    }

    #[test]
    fn every_number_has_its_bounds() {
        assert!(refused(|s| s.open_lists = 0).contains("status.open_lists must be 1 to 64"));
        assert!(refused(|s| s.lease = 1 << 15).contains("status.lease must be 1 to 16384"));
        assert!(refused(|s| s.publish_interval = Duration::ZERO).contains("status.publish_interval must be 10ms"));
        assert!(refused(|s| s.validity = Duration::from_secs(1)).contains("status.validity must be 1m"));
        assert!(refused(|s| s.keep_versions = Duration::MAX).contains("status.keep_versions"));
    }

    #[test]
    fn what_verifiers_keep_must_be_valid_as_long_as_they_keep_it() {
        let refusal = refused(|s| {
            s.validity = Duration::from_mins(10);
            s.ttl = Duration::from_mins(6);
        });
        assert!(refusal.contains("half of status.validity"), "{refusal}");
    }
}
