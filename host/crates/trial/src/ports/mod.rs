//! The sandbox's ports with nothing real behind them: what answers is the stage.

mod http;
mod kv;
mod sign;
mod sql;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use chancery_sandbox::ports::{ClockPort, Ports, Reader, SecretPort};

use crate::stage::Stage;

/// The texts of the grant file's statements, by name.
pub(crate) type Statements = BTreeMap<String, Statement>;

/// A statement of the grant file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) database: String,
    pub(crate) text: String,
}

/// All ports on one stage.
pub(crate) fn virtual_ports(stage: &Arc<Stage>, secrets: &BTreeMap<String, String>, statements: Statements) -> Ports {
    let secrets = Arc::new(Secrets(secrets.clone()));
    Ports {
        http: Arc::new(http::Http { stage: Arc::clone(stage), secrets: Arc::clone(&secrets) }),
        sql: Arc::new(sql::Sql { stage: Arc::clone(stage), statements }),
        kv: Arc::new(kv::Cache(Arc::clone(stage))),
        sign: Arc::new(sign::Keys { stage: Arc::clone(stage), secrets: Arc::clone(&secrets) }),
        secrets,
        clock: Arc::new(Clock(Arc::clone(stage))),
    }
}

/// The secrets of the case file. They are examples, and nothing is wiped.
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(String::as_bytes)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.get(name).map(<[u8]>::to_vec).ok_or_else(|| {
            format!("the case file has no secret {name}: add to its [secrets]: {name} = \"an example value\"")
        })
    }
}

#[async_trait]
impl SecretPort for Secrets {
    fn open(&self, name: &str) -> Result<(), String> {
        self.read(name).map(drop)
    }

    async fn reveal(&self, name: &str, _: &Reader) -> Result<Vec<u8>, String> {
        self.read(name)
    }
}

/// The case's time, which stands still: what a plugin makes of it is the same in every run.
struct Clock(Arc<Stage>);

impl ClockPort for Clock {
    fn now(&self) -> SystemTime {
        self.0.clock().into()
    }

    /// A journal that a case writes is begun in the case's time.
    fn made(&self, _: SystemTime) -> SystemTime {
        self.now()
    }
}
