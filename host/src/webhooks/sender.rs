//! One message, one request, and what its answer means.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_egress::{Client, Egress, EgressError, HostTls, Networks as Admitted, Policy};
use chrono::{DateTime, Utc};
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};

use super::message::Message;
use super::secrets::Secrets;
use crate::clock::Clock;
use crate::config::webhooks::{NamedNetworks, Networks, Webhook};

/// Of an answer only the status counts; what a receiver says beyond this is not read.
const MAX_ANSWER: u64 = 1 << 20;
const AGENT: &str = concat!("chancery/", env!("CARGO_PKG_VERSION"));

/// Sends one webhook's messages, to its own origin and nowhere else.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    url: String,
    secret_file: PathBuf,
    clock: Arc<dyn Clock>,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    /// The receiver will never take this one.
    Refused {
        status: u16,
        reason: String,
    },
    /// Sending it again may help.
    Failed {
        status: Option<u16>,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// 410: the receiver wants no messages any more.
    Gone,
    /// It was not sent, for a reason of this host: an operator must act, and the message waits.
    Unsendable {
        reason: String,
    },
}

impl Sender {
    /// Reads what it needs once, so that a wrong set-up is told at the start. The error is for the operator.
    pub(super) fn new(webhook: &Webhook, egress: &Egress, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Secrets::read(&webhook.secret_file).map_err(|error| error.to_string())?;
        let client = Client::new(&policy(webhook)?, egress).map_err(|error| error.to_string())?;
        Ok(Self { client, url: webhook.url.to_string(), secret_file: webhook.secret_file.clone(), clock })
    }

    pub(super) async fn send(&self, message: &Message) -> Verdict {
        let request = match self.request(message).await {
            Ok(request) => request,
            Err(reason) => return Verdict::Unsendable { reason },
        };
        match self.client.send(request).await {
            Ok(response) => judge(&response, self.clock.now()),
            Err(error) => {
                let (reason, detail) = (error.to_string(), error.detail());
                tracing::debug!(reason, detail, event = message.event_id, "a webhook's message was not answered");
                match error {
                    EgressError::Denied { .. } | EgressError::Busy { .. } => Verdict::Unsendable { reason },
                    _ => Verdict::Failed { status: None, reason, retry_after: None },
                }
            }
        }
    }

    /// Signed by the secrets that the file holds now: a new one needs no restart.
    async fn request(&self, message: &Message) -> Result<Request<Bytes>, String> {
        let file = self.secret_file.clone();
        let secrets = tokio::task::spawn_blocking(move || Secrets::read(&file)).await;
        let secrets = secrets.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let (id, time) = (&message.event_id, self.clock.now().timestamp());
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", id)
            .header("webhook-timestamp", time)
            .header("webhook-signature", secrets.sign(id, time, &message.body));
        request.body(Bytes::from(message.body.clone())).map_err(|error| error.to_string())
    }
}

fn policy(webhook: &Webhook) -> Result<Policy, String> {
    let ca = webhook
        .ca_file
        .as_ref()
        .map(|file| std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display())));
    let authority = webhook.url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    let tls = ca.transpose()?.map(|ca| HostTls { host: authority, ca: Some(ca), identity: None });
    Ok(Policy {
        networks: match &webhook.networks {
            Networks::Named(NamedNetworks::Public) => Admitted::Public,
            Networks::Named(NamedNetworks::Any) => Admitted::Any,
            Networks::PublicAnd(blocks) => Admitted::PublicAnd(blocks.clone()),
        },
        timeout: webhook.timeout,
        connect_timeout: webhook.timeout,
        response_max: MAX_ANSWER,
        tls: tls.into_iter().collect(),
        ..Policy::new([webhook.url.origin().ascii_serialization()])
    })
}

fn judge(response: &Response<Bytes>, now: DateTime<Utc>) -> Verdict {
    let status = response.status();
    let (number, reason) = (status.as_u16(), format!("the receiver answered {}", status.as_u16()));
    match status {
        _ if status.is_success() => Verdict::Taken,
        StatusCode::GONE => Verdict::Gone,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Verdict::Failed { status: Some(number), reason, retry_after: retry_after(response.headers(), now) }
        }
        _ if status.is_client_error() => Verdict::Refused { status: number, reason },
        _ if status.is_redirection() => {
            let reason = format!("{reason}: redirects are not followed, the URL itself must be given");
            Verdict::Failed { status: Some(number), reason, retry_after: None }
        }
        _ => Verdict::Failed { status: Some(number), reason, retry_after: retry_after(response.headers(), now) },
    }
}

/// Seconds or a date (RFC 9110, 10.2.3); nothing where it cannot be understood or is past.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    (date.to_utc() - now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(784_111_777, 0).unwrap()
    }

    fn answered(status: u16, retry: Option<&str>) -> Verdict {
        let mut response = Response::builder().status(status);
        if let Some(retry) = retry {
            response = response.header(RETRY_AFTER, retry);
        }
        judge(&response.body(Bytes::new()).unwrap(), now())
    }

    #[test]
    fn answers_are_judged_by_their_status() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answered(status, None), Verdict::Taken);
        }
        for status in [400, 401, 403, 404, 405, 409, 413, 422, 451, 499] {
            assert!(matches!(answered(status, Some("9")), Verdict::Refused { status: told, .. } if told == status));
        }
        assert_eq!(answered(410, None), Verdict::Gone);
        for status in [300, 301, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599, 600, 999] {
            let Verdict::Failed { status: told, reason, .. } = answered(status, None) else { panic!("{status}") };
            assert!(told == Some(status) && reason.contains(&status.to_string()), "{status}: {reason}");
        }
    }

    #[test]
    fn a_receiver_says_when_to_come_again() {
        let wait = |retry: &str| match answered(503, Some(retry)) {
            Verdict::Failed { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        for nothing in ["Sun, 06 Nov 1994 08:49:36 GMT", "-1", "soon", ""] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
    }
}
