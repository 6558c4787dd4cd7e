//! A VC issuer that does what the subject's id says, for tests of proxy mode. The credentials are
//! the test's: `[config.credentials.NAME]` has them by the `x` of the holder's key, `*` for any
//! other, or none. Each call is first written down, in a line of `LINE_BYTES`.
//!
//! | subject | what comes of it |
//! | --- | --- |
//! | `issue:NAME` | the credential |
//! | `format:NAME` | the credential, under a format that nobody asked for |
//! | `pending:N:NAME` | a ticket, which has the credential after N polls |
//! | `forever` | tickets only |
//! | `failing:N:NAME` | fails for a reason that may pass, up to the Nth call of all |
//! | `ticket-failing:N:NAME` | a ticket, whose polls fail like that |
//! | `ticket-denied`, `ticket-broken` | a ticket that is refused later, or finds the plugin set up wrongly |
//! | `denied` | refused at once |

use std::time::Duration;

use chancery_plugin_sdk::{
    ConfigProblem, Credential, Description, Error, Holder, Issuance, Map, Plugin, PollRequest, Request, Ticket, Value,
    VcIssuer, describe, export_vc_issuer, journal,
};
use serde::Deserialize;

/// So that the journal's size tells how many calls there were.
const LINE_BYTES: usize = 256;
/// Until a failed call may be repeated.
const RETRY_AFTER: Duration = Duration::from_millis(20);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    format: String,
    /// When to poll.
    #[serde(default)]
    retry_after_ms: u64,
    #[serde(default)]
    credentials: Map<String, Value>,
}

#[derive(Debug)]
struct TestIssuer {
    config: Config,
}

impl TestIssuer {
    /// `script` is the subject's id, or what is left of it in a ticket; `key` the holder's.
    fn answer(&self, script: &str, key: &str) -> Result<Issuance, Error> {
        let (verb, rest) = script.split_once(':').unwrap_or((script, ""));
        match verb {
            "issue" => self.issue_now(&self.config.format, rest, key),
            "format" => self.issue_now("mso_mdoc", rest, key),
            "pending" => {
                let (left, name) = counted(rest)?;
                if left == 0 {
                    self.answer(&format!("issue:{name}"), key)
                } else {
                    Ok(self.ticket(&format!("pending:{}:{name}", left - 1), key))
                }
            }
            "forever" => Ok(self.ticket(script, key)),
            "failing" => {
                let (until, name) = counted(rest)?;
                if calls()? <= until {
                    return Err(Error::unavailable("The other issuer is resting.").retry_after(RETRY_AFTER));
                }
                self.answer(&format!("issue:{name}"), key)
            }
            "ticket-failing" => Ok(self.ticket(&format!("failing:{rest}"), key)),
            "ticket-denied" => Ok(self.ticket("denied", key)),
            "ticket-broken" => Ok(self.ticket("broken", key)),
            "denied" => Err(Error::denied("The other issuer refuses.")),
            _ => Err(Error::misconfigured("The other issuer cannot be reached.").with_detail(verb)),
        }
    }

    fn issue_now(&self, format: &str, name: &str, key: &str) -> Result<Issuance, Error> {
        let by_key = self.config.credentials.get(name).and_then(Value::as_object);
        let body = by_key.and_then(|by_key| by_key.get(key).or_else(|| by_key.get("*")));
        let body = body.and_then(Value::as_str).ok_or_else(|| Error::not_found("There is no such credential."))?;
        Ok(Issuance::Issued(Credential::new(format, body).external_id(format!("upstream-{name}"))))
    }

    fn ticket(&self, script: &str, key: &str) -> Issuance {
        let retry_after = Duration::from_millis(self.config.retry_after_ms);
        Issuance::Pending(Ticket { token: format!("{key} {script}").into_bytes(), retry_after })
    }
}

impl Plugin for TestIssuer {
    type Config = Config;

    fn description() -> Description {
        describe!("Does what the subject says, for tests.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { config })
    }
}

impl VcIssuer for TestIssuer {
    fn issue(&self, request: &Request, holder: &Holder) -> Result<Issuance, Error> {
        let key = holder.public_key_jwk.as_ref().and_then(|jwk| jwk.get("x")?.as_str()).unwrap_or_default();
        write_down(&format!("issue {} {} {key}", request.request_id, request.subject.id))?;
        // An offer that carries claims has the script among them.
        let script = request.subject.claims.get("script").and_then(Value::as_str);
        self.answer(script.unwrap_or(&request.subject.id), key)
    }

    fn poll(&self, request: &PollRequest) -> Result<Issuance, Error> {
        let token = String::from_utf8_lossy(&request.token);
        let (key, script) = token.split_once(' ').ok_or_else(|| Error::internal("That is no ticket of mine."))?;
        write_down(&format!("poll {} {script}", request.request_id))?;
        self.answer(script, key)
    }
}

fn counted(text: &str) -> Result<(u64, &str), Error> {
    let (count, name) = text.split_once(':').unwrap_or((text, ""));
    let count = count.parse().map_err(|_| Error::invalid_request("The subject names no number."))?;
    Ok((count, name))
}

/// How many there were, this one included.
fn calls() -> Result<u64, Error> {
    Ok(journal::size()? / LINE_BYTES as u64)
}

fn write_down(line: &str) -> Result<(), Error> {
    journal::append(format!("{line:<width$.width$}\n", width = LINE_BYTES - 1).as_bytes())?;
    Ok(())
}

export_vc_issuer!(TestIssuer);
