//! From starting the program to `/readyz` answering 200, with the plugin compiled before.

use std::time::Duration;

use crate::{Result, measure::Effort, report::Report, site::Site};

pub(super) fn measure(report: &mut Report, effort: &Effort, site: &Site) -> Result<()> {
    // The first start fills the compile cache.
    let (_, cold) = site.serve()?;
    let mut warm = (0..effort.start_ups).map(|_| Ok(site.serve()?.1)).collect::<Result<Vec<Duration>>>()?;
    warm.sort_unstable();
    let median = warm.get(warm.len() / 2).copied().ok_or("no start was measured")?;
    report.start_up(cold, median);
    Ok(())
}
