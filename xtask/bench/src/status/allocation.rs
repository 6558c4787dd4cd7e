//! Handing out entries of status lists, as an issuance asks for them: reserved in the database in blocks, handed out
//! from memory.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Runtime,
    task::{JoinSet, yield_now},
};

use super::host::{Database, Host, on_each_database};
use crate::{
    Result,
    measure::{Effort, Stopwatch},
    process::Process,
    report::{ALLOCATION_WORKERS, Report},
};

/// What is asked for in a row before other tasks get their turn, as they do in a host when a request waits.
const IN_A_ROW: usize = 16;

pub(super) fn measure(report: &mut Report, effort: &Effort, runtime: &Runtime, work: &Path) -> Result<()> {
    on_each_database(runtime, work, |Database { id, name }, host| {
        // The lists open before the clock runs.
        runtime.block_on(host.allocate(1))?;
        for workers in ALLOCATION_WORKERS {
            runtime.block_on(allocate(host, workers, effort.warm_up))?;
            let watch = Stopwatch::start(&Process::own())?;
            let figures = watch.stop(runtime.block_on(allocate(host, workers, effort.measure))?)?;
            let what = format!("allocate the entries of a credential ({name})");
            report.part(&format!("allocate-{id}"), &what, workers, figures);
        }
        Ok(())
    })
}

/// One after the other, by each of the workers.
async fn allocate(host: &Arc<Host>, workers: usize, time: Duration) -> Result<Vec<Duration>> {
    let until = Instant::now() + time;
    let mut working = JoinSet::new();
    for _ in 0..workers {
        let host = Arc::clone(host);
        working.spawn(async move {
            let mut times = Vec::new();
            while times.is_empty() || Instant::now() < until {
                for _ in 0..IN_A_ROW {
                    let from = Instant::now();
                    host.allocate(1).await?;
                    times.push(from.elapsed());
                }
                yield_now().await;
            }
            Result::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = working.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}
