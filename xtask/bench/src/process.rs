//! What Linux says about a process.

use std::{fs, path::PathBuf, time::Duration};

use crate::Result;

/// `USER_HZ`: Linux shows times in /proc in hundredths of a second whatever its own clock does.
pub(crate) const TICK: Duration = Duration::from_millis(10);
const KIB: u64 = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Process {
    directory: PathBuf,
}

impl Process {
    pub(crate) fn own() -> Self {
        Self { directory: "/proc/self".into() }
    }

    pub(crate) fn of(pid: u32) -> Self {
        Self { directory: format!("/proc/{pid}").into() }
    }

    /// User and system time of all its threads so far; not of its children.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let text = fs::read_to_string(self.directory.join("stat"))?;
        // The name, in parentheses, may hold blanks; utime and stime are fields 14 and 15, counted from 1.
        let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let ticks =
            |index: usize| -> Result<u32> { Ok(fields.get(index).ok_or("/proc/PID/stat is too short")?.parse()?) };
        Ok(TICK * (ticks(11)? + ticks(12)?))
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let text = fs::read_to_string(self.directory.join("status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number =
            line.and_then(|line| line.split_ascii_whitespace().next()).ok_or("no VmRSS in /proc/PID/status")?;
        Ok(number.parse::<u64>()? * KIB)
    }
}
