//! What is sent after each other, and when to go on after a failure.

use std::time::Duration;

use chancery_keys::Entropy;
use tokio::time::Instant;

use crate::audit::backoff::Backoff;

/// One queue of messages: a failure holds up what comes after it, and nothing else.
#[derive(Debug)]
pub(super) struct Lane {
    backoff: Backoff,
    /// How often the message at the head has failed.
    failures: u32,
    not_before: Option<Instant>,
}

impl Lane {
    pub(super) fn new(longest: Duration) -> Self {
        Self { backoff: Backoff::new(longest), failures: 0, not_before: None }
    }

    pub(super) fn is_due(&self) -> bool {
        self.waits_for().is_none()
    }

    /// How long it is still to be left alone.
    pub(super) fn waits_for(&self) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(Instant::now());
        Some(left).filter(|left| !left.is_zero())
    }

    /// The message at the head was taken.
    pub(super) fn worked(&mut self) {
        self.backoff.reset();
        self.moved_on();
    }

    /// The message at the head is done with in another way: the receiver may still be in trouble.
    pub(super) fn moved_on(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    /// Counts a failure of the message at the head; how often it has failed by now.
    pub(super) fn count(&mut self) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// How long to wait now: at least as long as the receiver asked for, and up to a quarter more, so that those who
    /// failed together do not all come back together.
    pub(super) fn put_off(&mut self, asked: Option<Duration>, entropy: &dyn Entropy) -> Duration {
        let wait = self.backoff.failed(asked);
        let mut random = [0; 1];
        // Without randomness nothing is lost but the spread.
        let spread = entropy.fill(&mut random).map_or(Duration::ZERO, |()| wait / 4 * u32::from(random[0]) / 256);
        let wait = wait + spread;
        self.not_before = Some(Instant::now() + wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use chancery_keys::SeededEntropy;

    use super::*;

    #[test]
    fn waits_double_are_spread_and_end() {
        let (mut lane, entropy) = (Lane::new(Duration::from_secs(8)), SeededEntropy::new(1));
        assert!(lane.is_due());
        let mut spread = false;
        for least in [1, 2, 4, 8, 8, 8] {
            let (wait, least) = (lane.put_off(None, &entropy), Duration::from_secs(least));
            assert!((least..least * 5 / 4).contains(&wait), "{wait:?}");
            spread |= wait > least;
            assert!(!lane.is_due() && lane.waits_for().unwrap() <= wait);
        }
        assert!(spread);
        let asked = Duration::from_secs(90);
        assert!((asked..asked * 5 / 4).contains(&lane.put_off(Some(asked), &entropy)), "the receiver's word counts");
        lane.moved_on();
        assert!(lane.is_due());
        assert!(lane.put_off(None, &entropy) >= Duration::from_secs(8), "it goes on where it was");
        lane.worked();
        assert!(lane.put_off(None, &entropy) < Duration::from_secs(2), "it begins anew");
    }

    #[test]
    fn failures_are_counted_for_each_message() {
        let mut lane = Lane::new(Duration::from_secs(1));
        assert_eq!([lane.count(), lane.count()], [1, 2]);
        lane.moved_on();
        assert_eq!(lane.count(), 1);
        lane.worked();
        assert_eq!(lane.count(), 1);
    }
}
