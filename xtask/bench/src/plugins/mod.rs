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

use crate::{Arguments, Result, measure::Effort, report::Report, section::Section};

pub(crate) fn measure(report: &mut Report, effort: &Effort, arguments: &Arguments, work: &Path) -> Result<()> {
    // As the host's.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (people, work) = (work.join("farmers.csv"), work.join("platform"));
    // First: what the others leave behind would hide what calls leave behind.
    if arguments.wants(Section::Memory) {
        memory::measure(report, effort, &runtime, arguments, &work.join("memory"))?;
    }
    if arguments.wants(Section::Capabilities) {
        capabilities::measure(report, effort, &runtime, arguments, &people, &work.join("capabilities"))?;
    }
    if arguments.wants(Section::Languages) {
        languages::measure(report, effort, &runtime, arguments, &work.join("languages"))?;
    }
    if arguments.wants(Section::Loading) {
        loading::measure(report, effort, &runtime, arguments, &work.join("loading"))?;
    }
    if arguments.wants(Section::Neighbours) {
        neighbours::measure(report, effort, &runtime, arguments, &people, &work.join("neighbours"))?;
    }
    Ok(())
}
