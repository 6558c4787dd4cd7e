//! How long events are kept after every sink has them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chancery_store::{MAX_EVENTS_PER_READ, StoreError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::delivery::Shared;
use crate::duration;

const FOREVER: &str = "forever";
/// Wallets that wait for a required sink ask again; what they wait for must still be found.
const SHORTEST: Duration = Duration::from_hours(1);
const EVERY: Duration = Duration::from_mins(1);
/// Statements of one run, with a pause after each: deleting is never in a hurry.
const MAX_STATEMENTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(100);

/// `forever`, or a duration from an hour on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep(Option<Duration>);

impl Keep {
    pub fn forever() -> Self {
        Self(None)
    }

    pub fn at_least(time: Duration) -> Result<Self, String> {
        if time < SHORTEST {
            return Err(format!("must be {FOREVER:?} or at least \"1h\", but is {:?}", duration::format(time)));
        }
        Ok(Self(Some(time)))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str(FOREVER),
            Some(time) => f.write_str(&duration::format(time)),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == FOREVER {
            return Ok(Self::forever());
        }
        duration::parse(&text).and_then(Self::at_least).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Deletes now and then what every known sink has and what is old enough. Any host may do it.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let Some(keep) = shared.keep.0 else { return };
    loop {
        tokio::select! { () = stop.cancelled() => return, () = prune(&shared, keep) => {} }
        tokio::select! { () = stop.cancelled() => return, () = sleep(EVERY) => {} }
    }
}

async fn prune(shared: &Shared, keep: Duration) {
    // A required sink or a webhook that was never delivered to has no account yet that holds its events back.
    match shared.store.deliveries().await {
        Ok(known) if shared.awaited.iter().all(|name| known.iter().any(|one| one.plugin == *name)) => {}
        Ok(_) => return,
        Err(error) => return not_deleted(&error),
    }
    for _ in 0..MAX_STATEMENTS {
        let older_than = chancery_store::Timestamp::new(shared.clock.now() - keep);
        match shared.store.delete_delivered_events(older_than, MAX_EVENTS_PER_READ).await {
            Ok(0) => return,
            Ok(events) => tracing::debug!(events, "deleted audit events that every sink has"),
            Err(error) => return not_deleted(&error),
        }
        sleep(PAUSE).await;
    }
}

fn not_deleted(error: &StoreError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "audit events that every sink has could not be deleted");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_is_forever_or_a_time() {
        let parse = |text: &str| serde_json::from_value::<Keep>(text.into());
        assert_eq!(parse("forever").unwrap(), Keep::default());
        for text in ["forever", "1h", "365d"] {
            assert_eq!(serde_json::to_value(parse(text).unwrap()).unwrap(), text);
        }
        for (text, hint) in [("59m", "at least"), ("0s", "at least"), ("never", "expected a duration")] {
            assert!(parse(text).unwrap_err().to_string().contains(hint), "{text}");
        }
    }
}
