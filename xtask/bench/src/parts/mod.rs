//! The parts of an issuance, measured in this process with the crates that the host is made of.

mod checks;
mod data_integrity;
mod sandbox;
mod sd_jwt;
mod signature;
pub(crate) mod store;
mod template;

use std::path::Path;

use tokio::runtime::{Builder, Runtime};

use crate::{Arguments, Result, example::Example, measure::Effort, report::Report};

/// Tasks at once where a part can serve several.
const TASKS: [usize; 2] = [1, 32];

pub(crate) fn measure(
    report: &mut Report,
    effort: &Effort,
    example: &Example,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    signature::measure(report, effort)?;
    checks::measure(report, effort)?;
    template::measure(report, effort, example)?;
    sd_jwt::measure(report, effort, example)?;
    data_integrity::measure(report, effort, example)?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    sandbox::measure(report, effort, &runtime, arguments, work)?;
    store::measure(report, effort, &runtime, work)
}

/// Signers are asynchronous, and the software ones never wait: one thread is enough.
fn one_thread() -> Result<Runtime> {
    Ok(Builder::new_current_thread().build()?)
}
