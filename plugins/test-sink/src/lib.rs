//! An audit sink that does what its configuration says, for tests of the delivery. Whatever it does,
//! it first writes down what it got: one line a call, `{"events": [{"id", "sequence", "action"}], …}`.

use std::time::Duration;

use chancery_plugin_sdk::{
    AuditSink, ConfigProblem, Description, Error, Event, Plugin, Receipt, Value, describe, export_audit_sink, journal,
    json,
};
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// Takes every event.
    #[default]
    Accept,
    /// Takes the first `count` events of a call and names no other.
    AcceptFirst,
    /// Takes every event but the first `count`, which it does not name.
    SkipFirst,
    /// Rejects the events of `action`, or all, and takes the others.
    Reject,
    /// Fails for a reason that may pass.
    Unavailable,
    /// Crashes when a call holds an event of `action`.
    Trap,
    /// Takes every event, and one that it never got.
    Foreign,
    /// Takes every event after `sleep_ms`.
    Sleep,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    behaviour: Behaviour,
    count: usize,
    action: Option<String>,
    sleep_ms: u64,
    /// For `unavailable`: when another attempt makes sense.
    retry_after_ms: Option<u32>,
    /// Takes every event from the call on that finds so many bytes in its journal; 0 for never.
    accept_from: u64,
}

#[derive(Debug)]
struct TestSink {
    config: Config,
}

impl Plugin for TestSink {
    type Config = Config;

    fn description() -> Description {
        describe!("Does what its configuration says, for tests.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { config })
    }
}

impl AuditSink for TestSink {
    fn deliver(&self, batch: &[Event]) -> Result<Receipt, Error> {
        let accepts = self.config.accept_from > 0 && journal::size()? >= self.config.accept_from;
        let behaviour = if accepts { Behaviour::Accept } else { self.config.behaviour };
        write_down(batch)?;
        let mut receipt = Receipt::new();
        match behaviour {
            Behaviour::Accept => receipt.delivered(batch),
            Behaviour::AcceptFirst => receipt.delivered(&batch[..self.config.count.min(batch.len())]),
            Behaviour::SkipFirst => receipt.delivered(&batch[self.config.count.min(batch.len())..]),
            Behaviour::Reject => {
                for event in batch {
                    if self.concerns(event) {
                        receipt.rejected(event, "rejected on request");
                    } else {
                        receipt.delivered(std::slice::from_ref(event));
                    }
                }
            }
            Behaviour::Unavailable => return Err(self.unavailable()),
            Behaviour::Trap => {
                assert!(!batch.iter().any(|event| self.concerns(event)), "crashed on request");
                receipt.delivered(batch);
            }
            Behaviour::Foreign => {
                receipt.delivered(batch);
                receipt.delivered(&[Event { id: "not-in-the-batch".to_owned(), ..batch[0].clone() }]);
            }
            Behaviour::Sleep => {
                std::thread::sleep(Duration::from_millis(self.config.sleep_ms));
                receipt.delivered(batch);
            }
        }
        Ok(receipt)
    }
}

impl TestSink {
    fn concerns(&self, event: &Event) -> bool {
        self.config.action.as_ref().is_none_or(|action| event.action == *action)
    }

    fn unavailable(&self) -> Error {
        let error = Error::unavailable("The sink is closed.");
        match self.config.retry_after_ms {
            Some(ms) => error.retry_after(Duration::from_millis(ms.into())),
            None => error,
        }
    }
}

fn write_down(batch: &[Event]) -> Result<(), Error> {
    let short = |event: &Event| {
        json!({
            "id": event.id,
            "sequence": event.sequence,
            "action": event.action,
            "object": event.object,
            "outcome": event.outcome.as_str(),
            "detail": Value::Object(event.detail.clone()),
        })
    };
    let events: Vec<Value> = batch.iter().map(short).collect();
    Ok(journal::append(format!("{}\n", json!({ "events": events })).as_bytes())?)
}

export_audit_sink!(TestSink);
