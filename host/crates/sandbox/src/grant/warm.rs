//! `[warm]`: sandboxes that answer more than one call.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::within;
use crate::quantity::{Span, show_duration};
use crate::status::Instance;

const DEFAULT_IDLE_SANDBOXES: u32 = 4;
const MAX_IDLE_SANDBOXES: u32 = 64;
const DEFAULT_USES: [u32; 2] = [64, 128];
const MAX_USES: u32 = 10_000;
const DEFAULT_IDLE: Duration = Duration::from_secs(30);
const LEAST_IDLE: Duration = Duration::from_secs(1);
const MAX_IDLE: Duration = Duration::from_mins(10);

/// How sandboxes are reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warm {
    /// How many may wait for a call.
    pub(crate) max_idle: usize,
    /// Calls that one answers: at least one, and at most.
    pub(crate) least_uses: u32,
    pub(crate) most_uses: u32,
    /// How long one may wait.
    pub(crate) idle: Duration,
}

impl Warm {
    /// How many calls the next sandbox answers. They should not all end at the same time.
    pub(crate) fn uses(&self, lot: u64) -> u32 {
        let span = u64::from(self.most_uses - self.least_uses) + 1;
        self.least_uses + u32::try_from(lot % span).unwrap_or(0)
    }
}

/// How sandboxes are reused; only with `plugin.instance = "warm"`. One that ended a call badly, by a crash, a
/// limit or an error of its own, is never used again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub(super) struct WarmSection {
    /// Sandboxes that may wait for a call, over all issuers. They take memory, and give way where calls of any
    /// plugin need room. Default 4, at most 64.
    max_idle: Option<u32>,
    /// How many calls one sandbox answers: a number between these two, drawn for each. Default `[64, 128]`,
    /// at most 10000.
    max_uses: Option<[u32; 2]>,
    /// How long one may wait for a call. Default 30s, at most 10m.
    idle: Option<Span>,
}

/// What both keys together say.
pub(super) fn checked(instance: Instance, section: Option<WarmSection>) -> Result<Option<Warm>, String> {
    match (instance, section) {
        (Instance::Warm, section) => section.unwrap_or_default().checked().map(Some),
        (Instance::Fresh, Some(_)) => Err("[warm] has a meaning only with plugin.instance = \"warm\"".to_owned()),
        (Instance::Fresh, None) => Ok(None),
    }
}

impl WarmSection {
    fn checked(self) -> Result<Warm, String> {
        let number = |n: u32| n.to_string();
        let max_idle = self.max_idle.unwrap_or(DEFAULT_IDLE_SANDBOXES);
        let max_idle = within("warm.max_idle", max_idle, 1, MAX_IDLE_SANDBOXES, number)?;
        let [least, most] = self.max_uses.unwrap_or(DEFAULT_USES);
        within("warm.max_uses", most, 1, MAX_USES, number)?;
        let idle = self.idle.map_or(DEFAULT_IDLE, |span| span.0);
        Ok(Warm {
            max_idle: usize::try_from(max_idle).unwrap_or(1),
            least_uses: within("warm.max_uses", least, 1, most, number)?,
            most_uses: most,
            idle: within("warm.idle", idle, LEAST_IDLE, MAX_IDLE, show_duration)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Warm, String> {
        toml::from_str::<WarmSection>(text).map_err(|error| error.to_string())?.checked()
    }

    #[test]
    fn the_defaults() {
        let warm = Warm { max_idle: 4, least_uses: 64, most_uses: 128, idle: Duration::from_secs(30) };
        assert_eq!(checked("").unwrap(), warm);
    }

    #[test]
    fn values_keep_their_bounds() {
        assert_eq!(checked("max_uses = [1, 1]").unwrap().uses(u64::MAX), 1);
        assert_eq!(checked("max_uses = [1, 10000]\nmax_idle = 64\nidle = \"10m\"").unwrap().most_uses, 10_000);
        for (text, part) in [
            ("max_idle = 0", "warm.max_idle = 0 is not within 1 and 64"),
            ("max_idle = 65", "warm.max_idle = 65"),
            ("max_uses = [0, 5]", "warm.max_uses = 0 is not within 1 and 5"),
            ("max_uses = [6, 5]", "warm.max_uses = 6"),
            ("max_uses = [1, 10001]", "warm.max_uses = 10001 is not within 1 and 10000"),
            ("max_uses = 5", "invalid type"),
            ("idle = \"999ms\"", "warm.idle = 999ms is not within 1s and 10m"),
            ("idle = \"11m\"", "warm.idle = 11m"),
            ("min_idle = 1", "unknown field `min_idle`"),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn every_number_of_uses_comes_up() {
        let warm = checked("max_uses = [2, 4]").unwrap();
        let uses: Vec<u32> = (0..6).map(|lot| warm.uses(lot)).collect();
        assert_eq!(uses, [2, 3, 4, 2, 3, 4]);
    }
}
