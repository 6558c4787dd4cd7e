//! Where a run took place.

use std::{fs, thread::available_parallelism};

use serde::Serialize;

use crate::Result;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Processes that wanted to run, over the minute before: above one or two, others disturbed the run.
    pub(crate) load_before: String,
    pub(crate) quick: bool,
}

impl Machine {
    pub(crate) fn here(quick: bool) -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let processor = value(&cpuinfo, "model name").unwrap_or("unknown processor").to_owned();
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let memory = value(&meminfo, "MemTotal").and_then(|text| text.split(' ').next()).unwrap_or("0");
        let load = fs::read_to_string("/proc/loadavg")?;
        #[expect(clippy::disallowed_methods, reason = "a benchmark has no clock but the system's")]
        let date = chrono::Utc::now().format("%Y-%m-%d").to_string();
        Ok(Self {
            date,
            processor,
            cores: available_parallelism()?.get(),
            memory_gib: memory.parse::<u64>()?.div_ceil(1024 * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_before: load.split(' ').next().unwrap_or_default().to_owned(),
            quick,
        })
    }
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}
