//! `[jobs]`: bulk issuance.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// Credentials that a host works on at once for all jobs, beside those that wallets ask for.
    pub at_once: usize,
    /// Of these, ones that a plugin is asked for: the others leave it to wallets.
    pub asking_at_once: usize,
    /// How long a job waits for its host after that one's last sign of life.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// How long a job's results can be asked for, from its creation.
    #[serde(with = "duration")]
    pub keep: Duration,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { at_once: 32, asking_at_once: 8, lease: Duration::from_secs(30), keep: Duration::from_hours(30 * 24) }
    }
}

impl Jobs {
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value) in [("jobs.at_once", self.at_once), ("jobs.asking_at_once", self.asking_at_once)] {
            if !(1..=1_000).contains(&value) {
                return Err(format!("{key} must be 1 to 1000, but is {value}"));
            }
        }
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        for (key, value, least, most) in
            [("jobs.lease", self.lease, second, hour), ("jobs.keep", self.keep, 24 * hour, 3_650 * 24 * hour)]
        {
            if !(least..=most).contains(&value) {
                let [least, most, value] = [least, most, value].map(duration::format);
                return Err(format!("{key} must be {least} to {most}, but is {value}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_and_every_value_has_its_bounds() {
        let default = Jobs::default();
        default.check().unwrap();
        for (wrong, key) in [
            (Jobs { at_once: 0, ..default.clone() }, "jobs.at_once"),
            (Jobs { at_once: 1_001, ..default.clone() }, "jobs.at_once"),
            (Jobs { asking_at_once: 0, ..default.clone() }, "jobs.asking_at_once"),
            (Jobs { lease: Duration::from_millis(999), ..default.clone() }, "jobs.lease must be 1s"),
            (Jobs { keep: Duration::from_hours(23), ..default.clone() }, "jobs.keep"),
        ] {
            assert!(wrong.check().unwrap_err().contains(key), "{wrong:?}");
        }
    }
}
