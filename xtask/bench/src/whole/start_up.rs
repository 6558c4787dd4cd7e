//! From starting the program to `/readyz` answering 200, with the plugins compiled before.

use std::{path::Path, time::Duration};

use crate::{
    Arguments, Result,
    measure::Effort,
    report::{Loading, Report},
    site::Site,
};

const PLUGINS: usize = 10;
const PLUGINS_GOAL: Duration = Duration::from_millis(300);

pub(super) fn measure(report: &mut Report, effort: &Effort, site: &Site) -> Result<()> {
    // The first start fills the compile cache.
    let (_, cold) = site.serve()?;
    let mut warm = warm(effort, site)?;
    warm.sort_unstable();
    let median = warm.get(warm.len() / 2).copied().ok_or("no start was measured")?;
    report.start_up(cold, median);
    Ok(())
}

/// A host with ten plugins, each with the few rows of the example.
pub(super) fn measure_plugins(report: &mut Report, effort: &Effort, arguments: &Arguments, dir: &Path) -> Result<()> {
    let example = arguments.root.join("examples/farmer");
    let people = example.join("plugins/farmers.csv");
    let site = Site::new(dir, &arguments.chancery, &example, &arguments.plugin, &people)?;
    site.multiply(&arguments.plugin, PLUGINS)?;
    site.serve()?;
    let what = format!("host with {PLUGINS} cached plugins, from its start to /readyz");
    report.loading(Loading::new("start-plugins", &what, warm(effort, &site)?, Some(PLUGINS_GOAL))?);
    Ok(())
}

fn warm(effort: &Effort, site: &Site) -> Result<Vec<Duration>> {
    (0..effort.start_ups).map(|_| Ok(site.serve()?.1)).collect()
}
