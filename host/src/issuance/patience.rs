//! What it means for a request that a plugin's source does not answer now: `on_unavailable` of the configuration. What
//! a source refuses, it refuses for good.

use std::time::Duration;

use chancery_sandbox::{CallError, LimitKind};
use tokio::time::{Instant, sleep, timeout_at};

use super::configuration::OnUnavailable;

/// When to ask again where nobody says it.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// How often one request asks at most.
const MAX_ATTEMPTS: u32 = 4;
/// Before the second attempt where the source does not say it; doubles from attempt to attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long one request waits for its plugin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    policy: OnUnavailable,
    /// From then on no further call begins: the last quarter of the request's time is for a call under way.
    until: Instant,
    /// Then whatever is under way is given up: the last tenth of the request's time is for recording and answering.
    last: Instant,
    /// The wallet polls: it goes on waiting for whatever may pass.
    polls: bool,
}

impl Patience {
    pub(super) fn of_request(policy: OnUnavailable, within: Duration) -> Self {
        let now = Instant::now();
        Self { policy, until: now + within / 4 * 3, last: now + within / 10 * 9, polls: false }
    }

    pub(super) fn of_poll(within: Duration) -> Self {
        Self { policy: OnUnavailable::Defer, polls: true, ..Self::of_request(OnUnavailable::Defer, within) }
    }

    /// Asks the plugin, and asks again where that is the policy and time is left. A call that the request cannot wait
    /// for any longer has taken too long, whatever the plugin itself may take.
    pub(super) async fn ask<T, F>(&self, plugin: &str, call: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut attempt = 1;
        loop {
            let error = match timeout_at(self.last, call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => out_of_time(plugin),
            };
            let Some(pause) = self.pause(&error, attempt, Instant::now()) else { return Err(error) };
            tracing::info!(plugin, attempt, error = &error as &dyn std::error::Error, "the plugin is asked again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// After what time to go on, where the wallet is to come back for it.
    pub(super) fn defers(&self, error: &CallError) -> Option<Duration> {
        let may_pass = is_slow(error) || (self.polls && is_out_of_service(error));
        (self.policy == OnUnavailable::Defer && may_pass).then(|| hint(error).unwrap_or(PAUSE))
    }

    /// How long the request may still wait for something.
    pub(super) fn left(&self) -> Duration {
        self.last.saturating_duration_since(Instant::now())
    }

    /// Whether no time is left for another call.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Before the next attempt, where there is to be one.
    fn pause(&self, error: &CallError, attempt: u32, now: Instant) -> Option<Duration> {
        if self.policy != OnUnavailable::Retry || attempt >= MAX_ATTEMPTS || !is_slow(error) {
            return None;
        }
        let pause = hint(error).unwrap_or(FIRST_PAUSE * 2_u32.pow(attempt - 1));
        (now + pause < self.until).then_some(pause)
    }
}

fn out_of_time(plugin: &str) -> CallError {
    let detail = "the call took longer than the wallet's request may".to_owned();
    CallError::Limit { plugin: plugin.to_owned(), which: LimitKind::Wall, detail }
}

/// It did not answer, and may when it is asked again.
fn is_slow(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Unavailable { .. }
            | CallError::Busy { .. }
            | CallError::Paused { .. }
            | CallError::Limit { which: LimitKind::Wall | LimitKind::Cpu, .. }
    )
}

/// An operator may put it into service while somebody waits.
fn is_out_of_service(error: &CallError) -> bool {
    matches!(error, CallError::NotActive { .. } | CallError::Unknown { .. })
}

fn hint(error: &CallError) -> Option<Duration> {
    match error {
        CallError::Unavailable { retry_after, .. } => *retry_after,
        CallError::Busy { retry_after, .. } | CallError::Paused { retry_after, .. } => Some(*retry_after),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use chancery_sandbox::Message;

    use super::*;

    fn message() -> Message {
        Message { plugin: "p".to_owned(), public: String::new(), detail: None }
    }

    fn unavailable(retry_after: Option<Duration>) -> CallError {
        CallError::Unavailable { message: message(), retry_after }
    }

    fn limit(which: LimitKind) -> CallError {
        CallError::Limit { plugin: "p".to_owned(), which, detail: String::new() }
    }

    /// How long is paused before each further attempt, where every one fails at once.
    fn pauses(policy: OnUnavailable, within: Duration, error: &CallError) -> Vec<Duration> {
        let mut now = Instant::now();
        let patience = Patience { policy, until: now + within, last: now + within, polls: false };
        let mut pauses = Vec::new();
        while let Some(pause) = patience.pause(error, u32::try_from(pauses.len()).unwrap() + 1, now) {
            pauses.push(pause);
            now += pause;
        }
        pauses
    }

    #[test]
    fn retrying_is_bounded_and_waits_as_the_source_says() {
        let (long, second) = (Duration::from_mins(1), Duration::from_secs(1));
        let retry = OnUnavailable::Retry;
        assert_eq!(pauses(retry, long, &unavailable(Some(second))), [second; 3]);
        assert_eq!(pauses(retry, long, &unavailable(None)), [250, 500, 1_000].map(Duration::from_millis));
        assert_eq!(pauses(retry, long, &limit(LimitKind::Wall)).len(), 3);
        assert_eq!(pauses(retry, long, &limit(LimitKind::Cpu)).len(), 3);
        assert_eq!(pauses(retry, 3 * second, &unavailable(Some(2 * second))), [2 * second]);
        assert_eq!(pauses(retry, 3 * second, &unavailable(Some(long))), [], "no time for it");
        for other in [OnUnavailable::Error, OnUnavailable::Defer] {
            assert_eq!(pauses(other, long, &unavailable(None)), []);
        }
    }

    #[tokio::test]
    async fn it_asks_until_it_is_answered_or_loses_patience() {
        let patience = Patience::of_request(OnUnavailable::Retry, Duration::from_mins(10));
        let error = unavailable(Some(Duration::from_millis(1)));
        for (failures, asked, answered) in [(0, 1, true), (3, 4, true), (4, 4, false)] {
            let calls = AtomicU32::new(0);
            let answer = patience.ask("p", || {
                let fails = calls.fetch_add(1, Ordering::Relaxed) < failures;
                std::future::ready(if fails { Err(error.clone()) } else { Ok(()) })
            });
            assert_eq!((answer.await.is_ok(), calls.into_inner()), (answered, asked));
        }
    }

    #[tokio::test]
    async fn a_call_that_outlasts_the_request_is_given_up_and_may_be_waited_for() {
        for (policy, defers) in
            [(OnUnavailable::Error, None), (OnUnavailable::Retry, None), (OnUnavailable::Defer, Some(PAUSE))]
        {
            let patience = Patience::of_request(policy, Duration::from_millis(20));
            let error = patience.ask("p", std::future::pending::<Result<(), CallError>>).await.unwrap_err();
            assert!(
                matches!(&error, CallError::Limit { plugin, which: LimitKind::Wall, .. } if plugin == "p"),
                "{error:?}"
            );
            assert_eq!(patience.defers(&error), defers, "{policy:?}");
            assert_eq!(patience.left(), Duration::ZERO);
        }
        let patience = Patience::of_poll(Duration::from_mins(10));
        assert!(patience.left() > Duration::from_mins(8));
        assert!(patience.left() <= Duration::from_mins(9), "something is left to record and to answer");
    }

    #[test]
    fn what_is_final_is_neither_asked_again_nor_waited_for() {
        let refusals = [
            CallError::NotFound(message()),
            CallError::Denied(message()),
            CallError::InvalidRequest(message()),
            CallError::Misconfigured(message()),
            CallError::Internal(message()),
            CallError::Trapped { plugin: "p".to_owned(), detail: String::new() },
            CallError::InvalidOutput { plugin: "p".to_owned(), detail: String::new() },
            limit(LimitKind::Memory),
        ];
        let within = Duration::from_mins(1);
        for refusal in refusals {
            assert_eq!(Patience::of_poll(within).defers(&refusal), None, "{refusal}");
            assert_eq!(pauses(OnUnavailable::Retry, within, &refusal), []);
        }
    }

    #[test]
    fn who_polls_waits_for_a_plugin_that_is_out_of_service_too() {
        let within = Duration::from_secs(4);
        let request = Patience::of_request(OnUnavailable::Defer, within);
        let gone = CallError::Unknown { plugin: "p".to_owned() };
        assert_eq!(request.defers(&gone), None);
        assert_eq!(Patience::of_poll(within).defers(&gone), Some(PAUSE));
        assert_eq!(request.defers(&unavailable(Some(within))), Some(within));
        assert_eq!(Patience::of_request(OnUnavailable::Error, within).defers(&unavailable(None)), None);
        assert!(Patience::of_request(OnUnavailable::Error, Duration::ZERO).is_over());
    }
}
