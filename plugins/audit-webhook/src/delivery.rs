//! Batches as signed requests, and what the answers mean for the events in them.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use chancery_plugin_sdk::{
    Error, Event, Receipt, clock,
    http::{HttpError, HttpErrorKind, Request, Response},
};

use crate::config::Settings;

/// What the host signs at once (1 MiB), less room for id and time.
const MAX_BODY: usize = (1024 - 1) * 1024;

/// Kept of a call's time, to hand the receipt back before the host ends the call.
const RESERVE: Duration = Duration::from_millis(250);

/// What delivering needs from outside of this module.
pub(crate) trait Outside {
    fn mac(&mut self, message: &[u8]) -> Result<Vec<u8>, Error>;
    fn send(&mut self, request: Request, timeout: Duration) -> Result<Response, HttpError>;
    fn now(&self) -> SystemTime;
    fn remaining(&self) -> Duration;
}

/// What became of the events of one request.
enum Verdict {
    Taken,
    /// Something in it is not to the endpoint's liking. Why.
    Refused(String),
    /// 400: it may be about an event. Gateways answer it to everything that comes in a wrong way.
    Doubted(String),
}

/// Posts the events in order. A batch that the endpoint refuses is halved until the events that it
/// dislikes stand alone. What the call has no time or requests left for is delivered again.
pub(crate) fn deliver(batch: &[Event], settings: &Settings, outside: &mut impl Outside) -> Result<Receipt, Error> {
    let mut receipt = Receipt::new();
    let mut requests = settings.requests;
    // Single events that were answered 400 while the endpoint took nothing yet, each with the reason.
    let mut doubted: Vec<(&Event, String)> = Vec::new();
    let mut took = false;
    // The next part is the last: halves are pushed in reverse.
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        let Some(first) = part.first() else { continue };
        let Some(timeout) = time(settings, &receipt, outside).filter(|_| requests > 0) else {
            return settled(receipt, &doubted);
        };
        let body = body(part);
        let verdict = if body.len() > MAX_BODY {
            Ok(Verdict::Refused(format!("the body has {} bytes, at most {MAX_BODY} are sent", body.len())))
        } else {
            requests -= 1;
            post(part, body, settings, timeout, outside)
        };
        match verdict {
            Ok(Verdict::Taken) => {
                took = true;
                doubted.drain(..).for_each(|(event, reason)| receipt.rejected(event, reason));
                receipt.delivered(part);
            }
            Ok(Verdict::Refused(_) | Verdict::Doubted(_)) if part.len() > 1 => {
                let (front, back) = part.split_at(part.len() / 2);
                parts.extend([back, front]);
            }
            Ok(Verdict::Doubted(reason)) if !took => doubted.push((first, reason)),
            Ok(Verdict::Refused(reason) | Verdict::Doubted(reason)) => receipt.rejected(first, reason),
            Err(error) if receipt.is_empty() => return Err(error),
            // It comes again with the next call, and is told then.
            Err(_) => return Ok(receipt),
        }
    }
    if batch.is_empty() { Ok(receipt) } else { settled(receipt, &doubted) }
}

/// How long the next request may take. `None` where the call has too little time: once something is
/// settled, it is not put at risk for a request that may be cut short.
fn time(settings: &Settings, receipt: &Receipt, outside: &impl Outside) -> Option<Duration> {
    let left = outside.remaining().saturating_sub(RESERVE);
    let enough = if receipt.is_empty() { !left.is_zero() } else { left >= settings.timeout };
    enough.then(|| left.min(settings.timeout))
}

/// The receipt, or why there is nothing to put into one.
fn settled(receipt: Receipt, doubted: &[(&Event, String)]) -> Result<Receipt, Error> {
    if !receipt.is_empty() {
        return Ok(receipt);
    }
    Err(if doubted.is_empty() {
        Error::unavailable("The audit endpoint does not answer at the moment.")
            .with_detail("the call has no time or requests left")
    } else {
        // Were it about the events, all of them would be lost: it is about how they come.
        Error::misconfigured("The audit endpoint cannot be used.").with_detail("it answers 400 to every event")
    })
}

fn body(events: &[Event]) -> Vec<u8> {
    let mut body = br#"{"events":["#.to_vec();
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(event.to_json().to_string().as_bytes());
    }
    body.extend_from_slice(b"]}");
    body
}

fn post(
    events: &[Event],
    body: Vec<u8>,
    settings: &Settings,
    timeout: Duration,
    outside: &mut impl Outside,
) -> Result<Verdict, Error> {
    let id = message_id(events);
    let timestamp = (clock::unix_ms(outside.now()) / 1000).to_string();
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(&body);
    let signature = format!("v1,{}", STANDARD.encode(outside.mac(&signed)?));
    let request = Request::post(settings.url.clone())
        .header("content-type", "application/json")
        .header("user-agent", concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(body);
    match outside.send(request, timeout) {
        Ok(response) => verdict(&response, outside.now()),
        Err(error) if error.kind() == HttpErrorKind::RequestTooLarge => Ok(Verdict::Refused(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Names the message: the same for the same events, so that a repetition is known by it. The id
/// of the first event is unique, and no other batch begins there, ends there and is as long.
fn message_id(events: &[Event]) -> String {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return String::new();
    };
    // The parts of what is signed are divided by dots.
    let plain: String = first.id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    format!("msg_{plain}_{}_{}", last.sequence, events.len())
}

fn verdict(response: &Response, now: SystemTime) -> Result<Verdict, Error> {
    let status = response.status;
    let answered = format!("the endpoint answered {status}");
    match status {
        200..=299 => Ok(Verdict::Taken),
        400 => Ok(Verdict::Doubted(answered)),
        413 | 422 => Ok(Verdict::Refused(answered)),
        408 | 425 | 429 | 500..=599 => {
            let error = Error::unavailable("The audit endpoint does not answer at the moment.").with_detail(answered);
            Err(match response.retry_after(now) {
                Some(after) => error.retry_after(after),
                None => error,
            })
        }
        300..=399 => Err(Error::misconfigured("The audit endpoint cannot be used.")
            .with_detail(format!("{answered}: redirects are not followed, give the address itself"))),
        _ => Err(Error::misconfigured("The audit endpoint cannot be used.").with_detail(answered)),
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
