//! {{ title }}: gets credentials that another issuer makes and signs.
//!
//! By default every call has a fresh sandbox: the host builds an `Issuer` of the configuration,
//! calls one function and throws everything away. An operator may let calls of one issuer share a
//! sandbox (`instance = "warm"`): rely on neither. The host verifies each credential before a
//! wallet gets it.

use std::ops::RangeInclusive;
use std::time::Duration;

use chancery_plugin_sdk::{
    ConfigProblem, Credential, Description, Error, Holder, Issuance, Plugin, PollRequest, Request,
    Ticket, Value, VcIssuer, describe, export_vc_issuer,
};
use chancery_plugin_sdk::{http, json, log{{ ", secrets" if wants.secrets or wants.reveal }}{{ ", sign" if wants.sign }}};
use serde::Deserialize;

/// For one request. The whole call has 5 s, unless the grant file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(3);

/// When the host asks again, where the issuer does not say.
const RETRY_AFTER: u64 = 30;

/// The seconds that an issuer may say: a day, at most.
const RETRY_AFTER_WITHIN: RangeInclusive<u64> = 1..=86_400;

/// The operator's `[config]`. What is unknown is refused by its path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The other issuer's address, such as `https://issuer.example.org`.
    #[serde(default)]
    issuer: String,
}

#[derive(Debug)]
struct Issuer {
    base: String,
}

impl Plugin for Issuer {
    type Config = Config;

    fn description() -> Description {
        describe!("Gets credentials from another issuer.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        let base = config.issuer.trim_end_matches('/').to_owned();
        if http::Url::parse(&base).is_err() {
            let message = "must be the issuer's base URL, such as https://issuer.example.org";
            return Err(vec![ConfigProblem::new("/issuer", message)]);
        }
        Ok(Self { base })
    }
{% if wants.secrets %}

    /// The host asks before it lets the plugin serve.
    fn health(&self) -> Result<(), Error> {
        secrets::get("registry-token").map(drop)
    }
{% endif %}
}

impl VcIssuer for Issuer {
    fn issue(&self, request: &Request, holder: &Holder) -> Result<Issuance, Error> {
        let order = json!({
            "configuration": request.configuration_id,
            "format": request.format,
            "subject": request.subject.id,
            // Whom the credential is to be bound to; null where no proof was asked for.
            "holder": holder.id,
            // The same for each repetition: nothing is issued twice.
            "request_id": request.request_id,
        });
        let post = http::Request::post(self.url("/credentials")?).json(&order);
        let answer = send(post{{ ", &request.subject.id" if wants.sign }})?;
        log::info("asked for", &[("status", &answer.status)]);
        issuance(&answer, &request.format)
    }

    /// Runs in another sandbox than `issue`: what it has to know stands in the token.
    fn poll(&self, request: &PollRequest) -> Result<Issuance, Error> {
        let (format, ticket) = read_token(&request.token)?;
        let url = self.url(&format!("/credentials/{}", http::encode(ticket)))?;
        let answer = send(http::Request::get(url){{ ", ticket" if wants.sign }})?;
        log::info("asked again", &[("status", &answer.status)]);
        issuance(&answer, format)
    }
}

export_vc_issuer!(Issuer);

impl Issuer {
    fn url(&self, path: &str) -> Result<http::Url, Error> {
        http::Url::parse(&format!("{}{path}", self.base))
            .map_err(|fault| Error::internal("The issuer cannot be asked.").with_detail(fault))
    }
}

{% if wants.sign %}
fn send(request: http::Request, about: &str) -> Result<http::Response, Error> {
{% else %}
fn send(request: http::Request) -> Result<http::Response, Error> {
{% endif %}
    let request = request.traced();
{% if wants.sign %}
    // The key stays in the host.
    let assertion = sign::jwt("registry", &json!({ "sub": about }))?;
    let request = request.header("authorization", format!("Bearer {assertion}"));
{% endif %}
{% if wants.reveal %}
    // The value is in the plugin now: never log it, never answer with it.
    let token = secrets::get("registry-token")?.reveal();
    let request = request.header("x-api-key", token.expose_text()?);
{% endif %}
    Ok(request.send(TIMEOUT)?)
}

/// What the other issuer's answer means.
fn issuance(answer: &http::Response, format: &str) -> Result<Issuance, Error> {
    match answer.status {
        200 | 201 if answer.body.is_empty() => {
            Err(unavailable("it answered without a credential".to_owned()))
        }
        200 | 201 => {
            let credential = Credential::new(format, answer.body.clone());
            Ok(Issuance::Issued(credential))
        }
        202 => not_ready(&answer.json()?, format),
        404 => Err(Error::not_found("This person is not registered.")),
        429 => Err(unavailable("it answered 429".to_owned())),
        status @ 400..=499 => Err(Error::denied("The issuer does not issue this credential.")
            .with_detail(format!("it answered {status}"))),
        status => Err(unavailable(format!("it answered {status}"))),
    }
}

/// A ticket is a text that is not empty. A time that is no whole number of seconds, or one out of
/// bounds, counts as if it were not there.
fn not_ready(answer: &Value, format: &str) -> Result<Issuance, Error> {
    let ticket = answer["ticket"].as_str().unwrap_or_default();
    if ticket.is_empty() {
        return Err(unavailable("its 202 has no ticket".to_owned()));
    }
    let seconds = match answer["retry_after"].as_u64() {
        Some(said) if RETRY_AFTER_WITHIN.contains(&said) => said,
        _ => RETRY_AFTER,
    };
    let token = write_token(format, ticket);
    let retry_after = Duration::from_secs(seconds);
    Ok(Issuance::Pending(Ticket { token, retry_after }))
}

fn unavailable(detail: String) -> Error {
    Error::unavailable("The issuer does not answer at the moment.").with_detail(detail)
}

/// The host keeps the token sealed and hands it to `poll`, which is not told the format.
fn write_token(format: &str, ticket: &str) -> Vec<u8> {
    format!("{format} {ticket}").into_bytes()
}

fn read_token(token: &[u8]) -> Result<(&str, &str), Error> {
    let token = std::str::from_utf8(token).ok();
    match token.and_then(|token| token.split_once(' ')) {
        Some((format, ticket)) if !ticket.is_empty() => Ok((format, ticket)),
        _ => Err(Error::internal("The ticket cannot be read.")),
    }
}

/// `cargo test` runs these on this machine, where there is no host: they call what needs none.
/// `chancery plugin test` runs cases.toml in the real sandbox.
#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::ErrorKind;

    use super::*;

    fn answer(status: u16, body: &Value) -> Result<Issuance, Error> {
        issuance(&http::Response::new(status).with_json(body), "ldp_vc")
    }

    #[test]
    fn a_credential_is_passed_on_as_it_is() {
        let issued = Issuance::Issued(Credential::new("ldp_vc", r#"{"a":1}"#));
        assert_eq!(answer(201, &json!({ "a": 1 })), Ok(issued));
    }

    #[test]
    fn a_ticket_comes_back_with_its_format() {
        let body = json!({ "ticket": "t-1", "retry_after": 5 });
        let Ok(Issuance::Pending(ticket)) = answer(202, &body) else {
            panic!("not pending");
        };
        assert_eq!(ticket.retry_after, Duration::from_secs(5));
        assert_eq!(read_token(&ticket.token), Ok(("ldp_vc", "t-1")));
    }

    #[test]
    fn what_cannot_be_asked_for_is_no_ticket() {
        for ticket in [json!(null), json!(""), json!(7)] {
            let error = answer(202, &json!({ "ticket": ticket })).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{ticket}");
        }
        for token in ["", "t-1", "ldp_vc "] {
            let error = read_token(token.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal, "{token:?}");
        }
    }

    #[test]
    fn refusals_are_told_from_failures() {
        let kind = |status| answer(status, &json!({})).unwrap_err().kind();
        assert_eq!(kind(404), ErrorKind::NotFound);
        assert_eq!(kind(403), ErrorKind::Denied);
        assert_eq!([kind(429), kind(500)], [ErrorKind::Unavailable; 2]);
    }
}
