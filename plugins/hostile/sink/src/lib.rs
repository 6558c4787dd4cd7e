//! An audit sink whose receipts break the contract. The action of a batch's first event chooses how.

use chancery_plugin_sdk::{
    Adapter, ConfigProblem, Description, Plugin,
    bindings::{
        audit::exports::chancery::plugin::audit::{Event, Guest, Receipt, Rejection},
        chancery::plugin::types::{Error, Problem, Retry},
    },
    describe,
};

#[derive(Debug)]
struct HostileSink;

impl Plugin for HostileSink {
    type Config = ();

    fn description() -> Description {
        describe!("Acknowledges what it likes, for tests.")
    }

    fn new((): ()) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self)
    }
}

/// The contract's own types: those of the SDK could not say most of this.
#[derive(Debug)]
pub struct Component;

impl Guest for Component {
    fn deliver(batch: Vec<Event>) -> Result<Receipt, Error> {
        let ids: Vec<String> = batch.iter().map(|event| event.id.clone()).collect();
        let behaviour = batch.first().map_or("", |event| event.action.as_str());
        Ok(match behaviour {
            "foreign" => delivered(["e-0".to_owned()]),
            "foreign-rejection" => rejected("e-0", "never seen"),
            "twice" => delivered(ids.iter().chain(&ids).cloned()),
            "both-ways" => Receipt { rejected: rejected(&ids[0], "and yet").rejected, ..delivered(ids) },
            "nasty-reason" => rejected(&ids[0], &"\u{1b}[31m no\r\n".repeat(1000)),
            "endless" => delivered((0..100_000).map(|number| format!("e-{number}"))),
            "nothing" => delivered([]),
            "unavailable" => {
                let problem = Problem { message: "Full.".to_owned(), detail: Some("disk".to_owned()) };
                return Err(Error::Unavailable(Retry { problem, after_ms: Some(250) }));
            }
            _ => delivered(ids),
        })
    }
}

fn delivered(ids: impl IntoIterator<Item = String>) -> Receipt {
    Receipt { delivered: ids.into_iter().collect(), rejected: Vec::new() }
}

fn rejected(id: &str, reason: &str) -> Receipt {
    let rejection = Rejection { id: id.to_owned(), reason: reason.to_owned() };
    Receipt { delivered: Vec::new(), rejected: vec![rejection] }
}

#[cfg(target_family = "wasm")]
const _: () = {
    type Lifecycle = Adapter<HostileSink>;
    chancery_plugin_sdk::bindings::export_lifecycle_component!(Lifecycle with_types_in chancery_plugin_sdk::bindings);
    chancery_plugin_sdk::bindings::audit::export_audit_component!(
        Component with_types_in chancery_plugin_sdk::bindings::audit
    );
};

/// Native builds are for the linter, which wants the type used.
#[cfg(not(target_family = "wasm"))]
const _: Option<Adapter<HostileSink>> = None;
