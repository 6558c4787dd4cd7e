//! Resident memory of this process before and after many calls, each in a fresh sandbox.

use std::path::Path;

use chancery_sandbox::{CompileMode, Sandbox, SandboxOptions};
use tokio::{runtime::Runtime, task::JoinSet};

use super::guests::{CACHE_KEY, Directory, HOSTILE, built, request, require_serving};
use crate::{Arguments, Result, measure::Effort, process::Process, report::Report};

const TASKS: usize = 32;
/// One part of the calls comes before the first look: pools and arenas get their size.
const WARM_UP_PART: usize = 10;

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    let plugins = Directory::new(work.join("plugins"))?;
    plugins.put(HOSTILE, &built(arguments, HOSTILE)?, "")?;
    let options = SandboxOptions::new(&plugins.path, work.join("cache"), CACHE_KEY, CompileMode::InProcess);
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    require_serving(&sandbox)?;
    let process = Process::own();
    runtime.block_on(call(&sandbox, effort.calls / WARM_UP_PART))?;
    let before = process.resident()?;
    runtime.block_on(call(&sandbox, effort.calls))?;
    report.call_memory(before, effort.calls, process.resident()?);
    runtime.block_on(sandbox.shutdown());
    Ok(())
}

/// Keeps nothing of what it did: its own memory would be measured.
async fn call(sandbox: &Sandbox, calls: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let sandbox = sandbox.clone();
        tasks.spawn(async move {
            for number in (task..calls).step_by(TASKS) {
                sandbox.fetch(HOSTILE, request(number)).await?;
            }
            Result::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
