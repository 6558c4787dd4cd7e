//! What the life of credentials costs: status lists, from an entry that is handed out to a change that every verifier
//! can see, and what a nation's worth of them takes. Recording an issuance, with its entries, is one of the `parts`.

mod allocation;
mod bits;
mod changes;
pub(crate) mod host;
mod making;
mod nation;
mod publication;
mod reading;
mod token;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::runtime::Builder;

use crate::{Arguments, Result, measure::Effort, report::Report};

/// What the lists of a nation take in this process.
pub(crate) fn measure_memory(report: &mut Report) -> Result<()> {
    nation::measure_lists(report)
}

pub(crate) fn measure(report: &mut Report, effort: &Effort, arguments: &Arguments, work: &Path) -> Result<()> {
    // As the host's.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let people = work.join("farmers.csv");
    let work = work.join("status");
    allocation::measure(report, effort, &runtime, &work.join("allocation"))?;
    making::measure(report, effort)?;
    nation::measure_rows(report, effort, &runtime, &work.join("nation"))?;
    publication::measure(report, effort, &runtime, &work.join("publication"))?;
    drop(runtime);
    changes::measure(report, effort, arguments, &people, &work.join("site"))
}

/// Of doing it so many times.
fn median(times: usize, mut job: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let from = Instant::now();
        job()?;
        took.push(from.elapsed());
    }
    took.sort_unstable();
    took.get(took.len() / 2).copied().ok_or_else(|| "nothing was measured".into())
}
