//! Asking for a credential, and asking again.

use std::time::{Duration, SystemTime};

use chancery_plugin_sdk::{
    Error, ErrorKind, Holder, Issuance, PollRequest, Request, Ticket,
    http::{self, HttpError, Response, Url},
};
use serde::{Deserialize, Serialize};

use crate::{answer, config::Settings, credential};

/// Longer addresses are refused by many servers, and a ticket may not hold much more.
const MAX_LOCATION: usize = 8 * 1024;
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What asking needs from outside of this plugin.
pub(crate) trait Outside {
    fn send(&mut self, request: http::Request, timeout: Duration) -> Result<Response, HttpError>;
    fn now(&self) -> SystemTime;
    /// Until the host ends the call.
    fn remaining(&self) -> Duration;
}

/// What a ticket remembers.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Token {
    /// Path and query at the other issuer: the server is the operator's choice, now as then.
    location: String,
    /// OpenID4VCI format of the credential.
    format: String,
}

pub(crate) fn issue(
    request: &Request,
    holder: &Holder,
    settings: &Settings,
    outside: &mut impl Outside,
) -> Result<Issuance, Error> {
    // Before anything is issued that could not be passed on.
    answer::shape(&request.format)?;
    let post = http::Request::post(settings.issue.clone())
        .header("accept", "application/json")
        // A repetition, of whatever kind, must not issue twice.
        .header("idempotency-key", request.request_id.as_str())
        .json(&credential::body(request, holder)?);
    let response = outside.send(post, settings.timeout.min(outside.remaining()))?;
    match response.status {
        200 | 201 => answer::credential(&response, &request.format).map(Issuance::Issued),
        202 => pending(&response, &settings.issue, None, &request.format, settings, outside.now()),
        400 | 422 => Err(failure(ErrorKind::InvalidRequest, &response, outside.now())),
        _ => Err(failure(kind(response.status), &response, outside.now())),
    }
}

pub(crate) fn poll(request: &PollRequest, settings: &Settings, outside: &mut impl Outside) -> Result<Issuance, Error> {
    let strange = |detail: String| Error::internal("The ticket cannot be read.").with_detail(detail);
    let token: Token = serde_json::from_slice(&request.token).map_err(|error| strange(error.to_string()))?;
    if !token.location.starts_with('/') {
        return Err(strange("its location is no path".to_owned()));
    }
    let url = Url::parse(&format!("{}{}", settings.issue.origin(), token.location)).map_err(strange)?;
    let get = http::Request::get(url.clone()).header("accept", "application/json");
    let response = outside.send(get, settings.timeout.min(outside.remaining()))?;
    match response.status {
        200 | 201 => answer::credential(&response, &token.format).map(Issuance::Issued),
        202 => pending(&response, &url, Some(&token.location), &token.format, settings, outside.now()),
        // A gateway answers 404 too while a service is replaced, and "not found" would be final.
        404 => Err(failure(ErrorKind::Unavailable, &response, outside.now())),
        410 => Err(failure(ErrorKind::NotFound, &response, outside.now())),
        _ => Err(failure(kind(response.status), &response, outside.now())),
    }
}

/// 202 with `Location` and `Retry-After`. A later answer may leave `Location` out: `former` stays.
fn pending(
    response: &Response,
    asked: &Url,
    former: Option<&str>,
    format: &str,
    settings: &Settings,
    now: SystemTime,
) -> Result<Issuance, Error> {
    let location = match (response.header("location"), former) {
        (Some(reference), _) => {
            let url = asked.join(reference).map_err(|fault| unusable(&format!("its Location: {fault}")))?;
            // Whoever is asked next gets the headers that the host injects.
            if url.origin() != asked.origin() {
                return Err(unusable(&format!("its Location is at another server, {}", url.origin())));
            }
            url.path_and_query()
        }
        (None, Some(former)) => former.to_owned(),
        (None, None) => return Err(unusable("202 without a Location to ask again at")),
    };
    if location.len() > MAX_LOCATION {
        return Err(unusable("its Location is too long"));
    }
    let token = Token { location, format: format.to_owned() };
    let token = serde_json::to_vec(&token)
        .map_err(|error| Error::internal("The ticket cannot be written.").with_detail(error))?;
    let wait = response.retry_after(now).unwrap_or(settings.retry_after);
    Ok(Issuance::Pending(Ticket { token, retry_after: wait.clamp(SHORTEST_WAIT, LONGEST_WAIT) }))
}

fn kind(status: u16) -> ErrorKind {
    match status {
        // 409: a request with this idempotency key is still at work.
        408 | 409 | 425 | 429 | 500.. => ErrorKind::Unavailable,
        // 401, 403 and 404 too: the credentials or the address are wrong, not the request.
        _ => ErrorKind::Misconfigured,
    }
}

/// What the body of a failure says is told to nobody: it may be about a person.
fn failure(kind: ErrorKind, response: &Response, now: SystemTime) -> Error {
    let message = match kind {
        ErrorKind::InvalidRequest => "The issuer does not issue this credential.",
        ErrorKind::NotFound => "The issuer does not know this issuance any more.",
        ErrorKind::Unavailable => "The issuer does not answer at the moment.",
        _ => "The issuer cannot be used.",
    };
    let hint = if (300..400).contains(&response.status) { ": redirects are not followed" } else { "" };
    let error = Error::new(kind, message).with_detail(format!("the issuer answered {}{hint}", response.status));
    match response.retry_after(now) {
        Some(after) => error.retry_after(after),
        None => error,
    }
}

fn unusable(detail: &str) -> Error {
    Error::misconfigured("The issuer's answer cannot be used.").with_detail(format!("the issuer's answer: {detail}"))
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
