//! The peer: a reference issuer on Node.js libraries, in `xtask/peers`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    Result,
    measure::{Effort, Figures},
    site::{Server, free_address},
};

pub(crate) struct Peer {
    dir: PathBuf,
}

/// What `parts.mjs` prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Parts {
    pub(crate) sd_jwt: Part,
    pub(crate) data_integrity: Part,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    done: u32,
    seconds: f64,
    cpu_seconds: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Part {
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            done: self.done as usize,
            per_second: f64::from(self.done) / self.seconds,
            p50_ms: self.p50_ms,
            p99_ms: self.p99_ms,
            per_cpu_second: f64::from(self.done) / self.cpu_seconds,
        }
    }
}

impl Peer {
    pub(crate) fn new(root: &Path) -> Self {
        Self { dir: root.join("xtask/peers") }
    }

    /// What it takes its libraries to make and sign one credential, without a server.
    pub(crate) fn parts(&self, effort: &Effort) -> Result<Parts> {
        let seconds = effort.measure.as_secs_f64().to_string();
        let mut command = self.node("parts.mjs");
        let output = command.arg(seconds).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err("the peer's parts.mjs failed".into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts its server, which knows the people in the file `people`.
    pub(crate) fn serve(&self, people: &Path, log: &Path) -> Result<(Server, Duration)> {
        let address = free_address()?;
        let mut command = self.node("server.mjs");
        command.arg(address.port().to_string()).arg(people);
        Server::start(command, address, &format!("http://{address}"), log)
    }

    fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.dir.join(script)).env("NODE_ENV", "production").stdin(Stdio::null());
        command
    }
}
