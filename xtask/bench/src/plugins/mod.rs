//! What plugins cost beyond a call: the capabilities, loading and replacing, languages, neighbours that misbehave, memory.

mod bare;
mod capabilities;
pub(crate) mod guests;
mod languages;
mod loading;
mod loopback;
mod memory;
mod neighbours;

use std::path::Path;

use tokio::runtime::Builder;

use crate::{Arguments, Result, measure::Effort, report::Report};

pub(crate) fn measure(report: &mut Report, effort: &Effort, arguments: &Arguments, work: &Path) -> Result<()> {
    // As the host's.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (people, work) = (work.join("farmers.csv"), work.join("platform"));
    // First: what the others leave behind would hide what calls leave behind.
    memory::measure(report, effort, &runtime, arguments, &work.join("memory"))?;
    capabilities::measure(report, effort, &runtime, arguments, &people, &work.join("capabilities"))?;
    languages::measure(report, effort, &runtime, arguments, &work.join("languages"))?;
    loading::measure(report, effort, &runtime, arguments, &work.join("loading"))?;
    neighbours::measure(report, effort, &runtime, arguments, &people, &work.join("neighbours"))
}
