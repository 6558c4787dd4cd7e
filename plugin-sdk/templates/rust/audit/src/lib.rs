{% set config = wants.http %}
//! {{ title }}: takes audit events to {{ "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" }}.
//!
//! By default every batch has a fresh sandbox: the host builds a `Sink` of the configuration, calls
//! `deliver` and throws everything away. An operator may let batches share a sandbox
//! (`instance = "warm"`): rely on neither. Events come in order, each at least once.

{% if wants.http %}
use std::time::Duration;

{% endif %}
use chancery_plugin_sdk::{
    AuditSink, ConfigProblem, Description, Error, Event, Plugin, Receipt,{{ " Value," if wants.http }} describe,
    export_audit_sink,
};
{% if wants.http and wants.journal %}
use chancery_plugin_sdk::{http, journal, log};
{% elif wants.http %}
use chancery_plugin_sdk::{http, log};
{% else %}
use chancery_plugin_sdk::{journal, log};
{% endif %}
{% if wants.http %}
use serde::Deserialize;

/// For one request. The whole call has 5 s, unless the grant file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The operator's `[config]`. What is unknown is refused by its path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where events go, such as `https://collector.example.org/events`.
    #[serde(default)]
    collector: String,
}

#[derive(Debug)]
struct Sink {
    collector: http::Url,
}

impl Plugin for Sink {
    type Config = Config;

    fn description() -> Description {
        describe!("Takes audit events to {{ "a file and to a collector" if wants.journal else "a collector" }}.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        match http::Url::parse(&config.collector) {
            Ok(collector) => Ok(Self { collector }),
            Err(_) => Err(vec![ConfigProblem::new(
                "/collector",
                "must be the collector's URL, such as https://collector.example.org/events",
            )]),
        }
    }
{% else %}

#[derive(Debug)]
struct Sink;

impl Plugin for Sink {
    /// There is nothing to configure: what stands in `[config]` is refused.
    type Config = ();

    fn description() -> Description {
        describe!("Takes audit events to a file.")
    }

    fn new((): ()) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self)
    }
{% endif %}
{% if wants.journal %}

    /// The host asks before it lets the plugin serve.
    fn health(&self) -> Result<(), Error> {
        journal::size().map(drop).map_err(Error::from)
    }
{% endif %}
}

impl AuditSink for Sink {
    fn deliver(&self, batch: &[Event]) -> Result<Receipt, Error> {
{% if wants.journal and wants.http %}
        // After an error the whole batch comes again, to the file too: readers know events by `id`.
        append(&lines(batch))?;
        let answer = self.post(batch)?;
        log::info("sent", &[("status", &answer.status)]);
        receipt(&answer, batch)
{% elif wants.http %}
        let answer = self.post(batch)?;
        log::info("sent", &[("status", &answer.status)]);
        receipt(&answer, batch)
{% else %}
        append(&lines(batch))?;
        log::info("written", &[("events", &batch.len())]);
        // What the receipt does not name, and everything after an error, is delivered again.
        let mut receipt = Receipt::new();
        receipt.delivered(batch);
        Ok(receipt)
{% endif %}
    }
}

export_audit_sink!(Sink);
{% if wants.http %}

impl Sink {
    /// The events as a JSON array.
    fn post(&self, batch: &[Event]) -> Result<http::Response, Error> {
        let events = Value::Array(batch.iter().map(Event::to_json).collect());
        let post = http::Request::post(self.collector.clone()).json(&events);
        Ok(post.send(TIMEOUT)?)
    }
}
{% endif %}
{% if wants.journal %}

/// One JSON object a line: line breaks inside of values are escaped in JSON.
fn lines(batch: &[Event]) -> String {
    let line = |event: &Event| format!("{}\n", event.to_json());
    batch.iter().map(line).collect()
}

/// Writes all lines or none. They are on disk when this returns.
fn append(lines: &str) -> Result<(), Error> {
    match journal::append(lines.as_bytes()) {
        // The file has its full size: the next one begins.
        Err(journal::JournalError::Full(_)) => {
            journal::rotate()?;
            Ok(journal::append(lines.as_bytes())?)
        }
        result => Ok(result?),
    }
}
{% endif %}
{% if wants.http %}

/// What the collector's answer means for the events.
fn receipt(answer: &http::Response, batch: &[Event]) -> Result<Receipt, Error> {
    let answered = format!("the collector answered {}", answer.status);
    let mut receipt = Receipt::new();
    match answer.status {
        200..=299 => receipt.delivered(batch),
        // Never taken, however often they come: the operator reads why.
        400..=428 | 430..=499 => {
            for event in batch {
                receipt.rejected(event, answered.as_str());
            }
        }
        // The whole batch is delivered again.
        _ => {
            let message = "The collector does not answer at the moment.";
            return Err(Error::unavailable(message).with_detail(answered));
        }
    }
    Ok(receipt)
}
{% endif %}

/// `cargo test` runs these on this machine, where there is no host: they call what needs none.
/// `chancery plugin test` runs cases.toml in the real sandbox.
#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::Outcome;

    use super::*;

    fn event(id: &str) -> Event {
        Event {
            id: id.to_owned(),
            sequence: 1,
            at_unix_ms: 0,
            issuer_id: None,
            action: "credential.issue".to_owned(),
            outcome: Outcome::Succeeded,
            actor: "a\nb".to_owned(),
            object: "person-1".to_owned(),
            request_id: String::new(),
            detail: chancery_plugin_sdk::Map::new(),
        }
    }
{% if wants.journal %}

    #[test]
    fn each_event_is_one_line() {
        let text = lines(&[event("e1"), event("e2")]);
        let starts: Vec<&str> = text.lines().map(|line| &line[..10]).collect();
        assert_eq!(starts, [r#"{"id":"e1""#, r#"{"id":"e2""#]);
    }
{% endif %}
{% if wants.http %}

    #[test]
    fn the_answer_decides_what_becomes_of_the_events() {
        let batch = [event("e1")];
        let receipt = |status| receipt(&http::Response::new(status), &batch);
        assert_eq!(receipt(204).unwrap().delivered_ids(), ["e1"]);
        assert_eq!(receipt(400).unwrap().rejections()[0].0, "e1");
        receipt(429).unwrap_err();
        receipt(503).unwrap_err();
    }
{% endif %}
}
