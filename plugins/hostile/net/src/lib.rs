//! A data provider that reaches for the network as a test tells it. The request's settings are the
//! script; each claim of the answer is what came of one step.

mod outgoing;
mod sockets;

use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Map, Plugin, Request, Value, describe, export_data_provider,
};
use serde::Deserialize;

use outgoing::Outgoing;

#[derive(Debug)]
struct HostileNet;

/// What a call does.
#[derive(Debug, Deserialize)]
struct Script {
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
enum Step {
    /// Sends requests one after the other.
    Send {
        #[serde(default = "once")]
        times: u32,
        #[serde(flatten)]
        request: Outgoing,
    },
    /// Sends requests and waits for none of them.
    Flood {
        times: u32,
        #[serde(flatten)]
        request: Outgoing,
    },
    /// Sends a request, and keeps for ever what would tell of its response.
    Abandon {
        #[serde(flatten)]
        request: Outgoing,
    },
    /// Waits for a response, and keeps it for ever without reading it.
    Hoard {
        #[serde(flatten)]
        request: Outgoing,
    },
    /// Everything that the standard library offers besides.
    Sockets,
}

fn once() -> u32 {
    1
}

impl Step {
    fn run(&self) -> Vec<String> {
        match self {
            Self::Send { times, request } => (0..*times).map(|_| request.send()).collect(),
            Self::Flood { times, request } => {
                let begun: Vec<_> = (0..*times).map(|_| request.begin()).collect();
                begun.iter().map(|sent| if sent.is_ok() { "begun" } else { "refused" }.to_owned()).collect()
            }
            Self::Abandon { request } => vec![request.abandon()],
            Self::Hoard { request } => vec![request.hoard()],
            Self::Sockets => sockets::try_all(),
        }
    }
}

impl Plugin for HostileNet {
    type Config = ();

    fn description() -> Description {
        describe!("Misuses the network, for tests.")
    }

    fn new((): ()) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self)
    }
}

impl DataProvider for HostileNet {
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        let script: Script = request.settings()?;
        let said: Vec<Value> = script.steps.iter().map(|step| step.run().into()).collect();
        Ok(Data::from(Map::from_iter([("said".to_owned(), Value::from(said))])))
    }
}

export_data_provider!(HostileNet);
