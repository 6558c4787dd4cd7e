//! A breaker for each generation: a plugin that keeps failing is not asked for a while, and one that
//! keeps opening its breaker is put aside.
//!
//! Closed: calls go through. Open: calls are refused until a time. Half open: one call goes through,
//! and its outcome decides. Quarantined: refused for long, after too many openings.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

/// So many failures in a row within [`WINDOW`] open the breaker.
const FAILURES: usize = 5;
const WINDOW: Duration = Duration::from_secs(10);

/// How long it stays open: the first time, and at most. It doubles from time to time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// So many openings within [`OPENINGS_WINDOW`] without a success in between put the plugin into quarantine.
const OPENINGS: usize = 6;
const OPENINGS_WINDOW: Duration = Duration::from_mins(10);
const QUARANTINE: Duration = Duration::from_mins(10);

/// The breaker of one generation.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: State,
    failures: VecDeque<Instant>,
    openings: VecDeque<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    Open {
        until: Instant,
        pause: Duration,
    },
    /// One call is on its way; should it never report, the next one goes at this time.
    HalfOpen {
        until: Instant,
        pause: Duration,
    },
    Quarantined {
        until: Instant,
    },
}

/// What the outside is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Calls go through.
    #[default]
    Closed,
    /// Calls are refused for a while.
    Open,
    /// One call goes through and decides.
    HalfOpen,
    /// Calls are refused for long.
    Quarantined,
}

/// How a call ended, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The plugin works.
    Worked,
    /// It trapped, ran out of a limit, gave nonsense, or its source does not answer.
    Failed,
    /// It was not asked: tells nothing.
    Nothing,
}

impl Breaker {
    /// Lets a call through, or says how long to wait.
    pub(crate) fn admit(&self, now: Instant, longest_call: Duration) -> Result<(), Duration> {
        let mut inner = self.inner();
        match inner.state {
            State::Closed => Ok(()),
            State::Open { until, .. } | State::HalfOpen { until, .. } | State::Quarantined { until } if now < until => {
                Err(until - now)
            }
            State::Open { pause, .. } | State::HalfOpen { pause, .. } => {
                inner.state = State::HalfOpen { until: now + longest_call, pause };
                Ok(())
            }
            State::Quarantined { .. } => {
                inner.state = State::HalfOpen { until: now + longest_call, pause: LONGEST_PAUSE };
                Ok(())
            }
        }
    }

    /// Takes note of how a call ended that was let through. Answers the new state where it changed.
    pub(crate) fn note(&self, outcome: Outcome, now: Instant) -> Option<BreakerState> {
        let mut inner = self.inner();
        let before = inner.shown();
        match (outcome, inner.state) {
            (Outcome::Nothing, State::HalfOpen { pause, .. }) => inner.state = State::Open { until: now, pause },
            (Outcome::Nothing, _) | (_, State::Open { .. } | State::Quarantined { .. }) => {}
            (Outcome::Worked, _) => *inner = Inner::default(),
            (Outcome::Failed, State::HalfOpen { pause, .. }) => inner.open(now, (pause * 2).min(LONGEST_PAUSE)),
            (Outcome::Failed, State::Closed) => inner.fail(now),
        }
        let after = inner.shown();
        (before != after).then_some(after)
    }

    /// What the outside is told: the state, and how long calls are still refused.
    pub(crate) fn state(&self, now: Instant) -> (BreakerState, Option<Duration>) {
        let inner = self.inner();
        let wait = match inner.state {
            State::Closed => None,
            State::Open { until, .. } | State::HalfOpen { until, .. } | State::Quarantined { until } => {
                Some(until.saturating_duration_since(now))
            }
        };
        (inner.shown(), wait)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fail(&mut self, now: Instant) {
        push_within(&mut self.failures, now, WINDOW);
        if self.failures.len() >= FAILURES {
            self.failures.clear();
            self.open(now, FIRST_PAUSE);
        }
    }

    fn open(&mut self, now: Instant, pause: Duration) {
        push_within(&mut self.openings, now, OPENINGS_WINDOW);
        self.state = if self.openings.len() >= OPENINGS {
            self.openings.clear();
            State::Quarantined { until: now + QUARANTINE }
        } else {
            State::Open { until: now + pause, pause }
        };
    }

    fn shown(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
            State::Quarantined { .. } => BreakerState::Quarantined,
        }
    }
}

fn push_within(times: &mut VecDeque<Instant>, now: Instant, window: Duration) {
    times.push_back(now);
    while times.front().is_some_and(|first| now.saturating_duration_since(*first) > window) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Duration = Duration::from_secs(5);

    fn fail_until_open(breaker: &Breaker, now: Instant) {
        for _ in 0..FAILURES {
            breaker.admit(now, CALL).unwrap();
            breaker.note(Outcome::Failed, now);
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_call_closes_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        fail_until_open(&breaker, start);
        assert_eq!(breaker.admit(start, CALL), Err(FIRST_PAUSE));
        let later = start + FIRST_PAUSE;
        breaker.admit(later, CALL).unwrap();
        assert_eq!(breaker.admit(later, CALL), Err(CALL), "one call only");
        assert_eq!(breaker.note(Outcome::Worked, later), Some(BreakerState::Closed));
        breaker.admit(later, CALL).unwrap();
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            breaker.note(Outcome::Failed, now);
            breaker.note(Outcome::Failed, now);
            breaker.note(Outcome::Worked, now);
        }
        assert_eq!(breaker.state(now).0, BreakerState::Closed);
    }

    #[test]
    fn failures_far_apart_do_not_open_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for minute in 0..100 {
            breaker.note(Outcome::Failed, start + Duration::from_mins(minute));
        }
        assert_eq!(breaker.state(start).0, BreakerState::Closed);
    }

    #[test]
    fn the_pause_doubles_up_to_quarantine() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        fail_until_open(&breaker, now);
        let mut pauses = Vec::new();
        while let (BreakerState::Open, Some(pause)) = breaker.state(now) {
            pauses.push(pause.as_secs());
            now += pause;
            breaker.admit(now, CALL).unwrap();
            breaker.note(Outcome::Failed, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        assert_eq!(breaker.state(now), (BreakerState::Quarantined, Some(QUARANTINE)));
        breaker.admit(now + QUARANTINE, CALL).unwrap();
        assert_eq!(breaker.state(now + QUARANTINE).0, BreakerState::HalfOpen);
    }

    #[test]
    fn a_probe_that_was_never_made_gives_its_turn_back() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail_until_open(&breaker, now);
        let later = now + FIRST_PAUSE;
        breaker.admit(later, CALL).unwrap();
        breaker.note(Outcome::Nothing, later);
        breaker.admit(later, CALL).unwrap();
        // One that reports nothing at all blocks for as long as a call may take.
        assert_eq!(breaker.admit(later + CALL / 2, CALL), Err(CALL / 2));
        breaker.admit(later + CALL, CALL).unwrap();
    }

    #[test]
    fn late_reports_change_nothing_while_it_is_open() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail_until_open(&breaker, now);
        assert_eq!(breaker.note(Outcome::Worked, now), None);
        assert_eq!(breaker.note(Outcome::Failed, now), None);
        assert_eq!(breaker.state(now).0, BreakerState::Open);
    }
}
