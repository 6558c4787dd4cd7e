//! How long a sink is left alone after a failure, and how much it gets at once.

use std::time::Duration;

/// After the first failure; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// However long a receiver wants to be left alone.
const LONGEST_ASKED: Duration = Duration::from_mins(10);

/// Events that a call may hold; part of the contract in `wit/`.
pub(super) const MAX_EVENTS: u32 = 1_000;
/// A batch that broke the plugin shrinks fast, to be down at one event before its breaker gives it up, and grows
/// slowly again.
const SHRINK: u32 = 4;
const GROW: u32 = 2;

/// How long a receiver is left alone after each failure in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

/// The pace of one sink.
#[derive(Debug)]
pub(super) struct Pace {
    backoff: Backoff,
    events: u32,
}

impl Backoff {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { next: FIRST.min(longest), longest }
    }

    /// The next failure is the first one again.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST.min(self.longest);
    }

    /// How long to wait now; at least as long as the receiver asked for.
    pub(crate) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.next.max(asked.unwrap_or_default().min(LONGEST_ASKED));
        self.next = (self.next * 2).min(self.longest);
        wait
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { backoff: Backoff::new(LONGEST), events: MAX_EVENTS }
    }
}

impl Pace {
    /// How many events the next batch may hold.
    pub(super) fn events(&self) -> u32 {
        self.events
    }

    pub(super) fn worked(&mut self) {
        self.backoff.reset();
        self.events = (self.events * GROW).min(MAX_EVENTS);
    }

    /// Something else than the sink's state: the next attempt may work at once.
    pub(super) fn changed(&mut self) {
        self.backoff.reset();
    }

    /// How long to wait now; at least as long as the sink asked for.
    pub(super) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        self.backoff.failed(asked)
    }

    /// The plugin broke over a batch of so many events: the next one is smaller, so that one event which it cannot
    /// bear holds up only those after it. The wait stays short while that goes on.
    pub(super) fn broke(&mut self, events: usize) -> Duration {
        let events = u32::try_from(events).unwrap_or(MAX_EVENTS);
        if events <= 1 {
            return self.failed(None);
        }
        self.events = (events / SHRINK).max(1);
        FIRST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(duration: Duration) -> u64 {
        duration.as_secs()
    }

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew_after_a_success() {
        let mut pace = Pace::default();
        let waits: Vec<u64> = (0..9).map(|_| seconds(pace.failed(None))).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        pace.worked();
        assert_eq!(seconds(pace.failed(None)), 1);
    }

    #[test]
    fn a_sink_may_ask_for_more_time_but_not_for_less_and_not_for_ever() {
        let mut pace = Pace::default();
        assert_eq!(seconds(pace.failed(Some(Duration::ZERO))), 1);
        assert_eq!(seconds(pace.failed(Some(Duration::from_secs(90)))), 90);
        assert_eq!(seconds(pace.failed(Some(Duration::from_hours(24)))), 600);
        assert_eq!(seconds(pace.failed(Some(Duration::from_secs(1)))), 8);
    }

    #[test]
    fn a_batch_that_breaks_the_plugin_shrinks_to_one_event_and_grows_again() {
        let mut pace = Pace::default();
        let mut sizes = vec![pace.events()];
        while pace.events() > 1 {
            assert_eq!(seconds(pace.broke(pace.events() as usize)), 1);
            sizes.push(pace.events());
        }
        assert_eq!(sizes, [1000, 250, 62, 15, 3, 1]);
        let waits: Vec<u64> = (0..3).map(|_| seconds(pace.broke(1))).collect();
        assert_eq!((waits, pace.events()), (vec![1, 2, 4], 1));
        pace.worked();
        assert_eq!(pace.events(), 2);
        for _ in 0..20 {
            pace.worked();
        }
        assert_eq!(pace.events(), MAX_EVENTS);
    }

    #[test]
    fn a_small_batch_shrinks_by_its_own_size() {
        let mut pace = Pace::default();
        pace.broke(8);
        assert_eq!(pace.events(), 2);
    }
}
