//! One answer: sending, trying again, and what a status means.

use std::time::{Duration, SystemTime};

use chancery_plugin_sdk::{
    Error, ErrorKind,
    http::{HttpError, HttpErrorKind, Method, Request, Response},
};

use crate::config::Settings;

/// The longest pause between two attempts that the operator's `backoff` grows to.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// What asking needs from outside of this plugin.
pub(crate) trait Outside {
    fn send(&mut self, request: Request, timeout: Duration) -> Result<Response, HttpError>;
    fn now(&self) -> SystemTime;
    /// Until the host ends the call.
    fn remaining(&self) -> Duration;
    fn sleep(&mut self, time: Duration);
    fn cached(&mut self, key: &str) -> Option<Vec<u8>>;
    fn keep(&mut self, key: &str, value: &[u8], ttl: Duration);
}

/// Sends until there is an answer, or trying again makes no sense. Only a GET is tried again:
/// nobody knows what a POST has done.
pub(crate) fn ask(request: &Request, settings: &Settings, outside: &mut impl Outside) -> Result<Response, Error> {
    let attempts = if request.method == Method::Get { settings.attempts } else { 1 };
    let mut backoff = settings.backoff;
    let mut attempt = 1;
    loop {
        let timeout = settings.timeout.min(outside.remaining());
        let result = outside.send(request.clone(), timeout);
        let (again, asked_for) = match &result {
            Ok(response) => (is_passing(response.status), response.retry_after(outside.now())),
            Err(error) => (is_early(error), None),
        };
        let pause = asked_for.unwrap_or(Duration::ZERO).max(backoff);
        // An attempt that the call has no time for would only hide the reason behind a timeout.
        if !again || attempt >= attempts || pause >= outside.remaining() {
            return judge(result?, settings, outside.now());
        }
        outside.sleep(pause);
        backoff = backoff.saturating_mul(2).min(MAX_BACKOFF);
        attempt += 1;
    }
}

/// Statuses of servers that are busy or starting.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// Whether the request did not reach the server.
fn is_early(error: &HttpError) -> bool {
    matches!(error.kind(), HttpErrorKind::Dns | HttpErrorKind::Connection | HttpErrorKind::ConnectionTimeout)
}

/// The answer, or what its status means for the call. What the body of a failure says is told to
/// nobody: it may be about a person.
fn judge(response: Response, settings: &Settings, now: SystemTime) -> Result<Response, Error> {
    let status = response.status;
    let kind = match settings.statuses.get(&status) {
        Some(kind) => *kind,
        None => match status {
            204 | 404 | 410 => ErrorKind::NotFound,
            200..=299 => return Ok(response),
            401 | 403 | 407 | 100..=199 | 300..=399 => ErrorKind::Misconfigured,
            408 | 425 | 429 => ErrorKind::Unavailable,
            400..=499 => ErrorKind::InvalidRequest,
            _ => ErrorKind::Unavailable,
        },
    };
    let message = match kind {
        ErrorKind::NotFound => "The data source does not know this subject.",
        ErrorKind::Denied => "The data source gives nothing about this subject.",
        ErrorKind::InvalidRequest => "The data source cannot be asked about this subject.",
        ErrorKind::Unavailable => "The data source does not answer at the moment.",
        ErrorKind::Misconfigured | ErrorKind::Internal => "The data source cannot be used.",
    };
    let hint = if (300..400).contains(&status) { ": redirects are not followed" } else { "" };
    let error = Error::new(kind, message).with_detail(format!("the data source answered {status}{hint}"));
    Err(match response.retry_after(now) {
        Some(after) => error.retry_after(after),
        None => error,
    })
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
