//! Measures a plugin: its size, loading, and the time of its calls.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use chancery_sandbox::{Kind, PluginStatus, Sandbox};
use serde::Serialize;

use crate::cases::{Call, Case, CaseFile};
use crate::error::TrialError;
use crate::judge::{Got, judge};
use crate::report::duration;
use crate::run::{call_plugin, fitting_call};
use crate::setup::{Cache, Setup};
use crate::site::{LoadFailure, Site};
use crate::stage::Scene;

/// Calls that are made before anything is counted.
const WARM_UP: usize = 20;

/// How often the course is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Calls of each way of instantiating.
    pub calls: usize,
    /// It ends earlier when this is over.
    pub time: Duration,
}

/// What was measured. Times are in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub plugin: String,
    pub kind: Option<Kind>,
    pub version: Option<String>,
    /// The component.
    pub bytes: u64,
    /// From the file to a plugin that serves, nothing being cached.
    pub first_load: u64,
    /// The same with its native code from the cache, as at every later start.
    pub load: u64,
    /// The case whose call is measured.
    pub case: String,
    /// Every call in a sandbox of its own.
    pub fresh: Times,
    /// Calls that may find a sandbox of an earlier one, where the grant file says so (`instance = "warm"`).
    pub warm: Option<Times>,
}

/// The times of many calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    pub calls: usize,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub worst: u64,
}

/// Measures. `tell` is told of each hundredth of a second's work: what is measured, how many of how many calls.
pub async fn bench(
    setup: &Setup,
    file: &CaseFile,
    filter: Option<&str>,
    effort: Effort,
    mut tell: impl FnMut(&str, usize, usize),
) -> Result<Measured, TrialError> {
    let bytes = std::fs::metadata(&setup.plugin.component)
        .map_err(|source| TrialError::File { path: setup.plugin.component.clone(), source })?
        .len();
    tell("compiling", 0, 1);
    let empty = tempfile::tempdir().map_err(|source| TrialError::File { path: std::env::temp_dir(), source })?;
    let setup = Setup { cache: Cache::open(empty.path(), empty.path())?, ..setup.clone() };
    let secrets = &file.common.secrets;
    let mut site = Site::new(&setup)?;
    let (_, first_load) = site.restart(None, secrets, Scene::loading(&file.common)).await?;
    let (sandbox, load) = site.restart(None, secrets, Scene::loading(&file.common)).await?;
    let status = site.status(&sandbox)?;
    if let Some(failure) = LoadFailure::of(&status) {
        let missing =
            failure.missing_grants.map(|lines| format!("\nadd to the grant file:\n{lines}")).unwrap_or_default();
        return Err(TrialError::Nothing(format!("{} does not load: {}{missing}", status.name, failure.reason)));
    }
    let (case, call) = measurable(&site, &sandbox, &status, file, filter).await?;
    let measured = Course { case, call, file, effort };
    let fresh = measured.times(&site, &sandbox, &status.name, &mut |done| tell("fresh", done, effort.calls)).await?;
    let warm = warm(&setup, &measured, &status.name, &mut |done| tell("warm", done, effort.calls)).await?;
    Ok(Measured {
        kind: status.kind,
        version: status.version,
        bytes,
        first_load: micros(first_load),
        load: micros(load),
        case: case.name.clone(),
        fresh,
        warm,
        plugin: status.name,
    })
}

struct Course<'a> {
    case: &'a Case,
    call: Call,
    file: &'a CaseFile,
    effort: Effort,
}

/// The first case that gives what it expects, with the plugin's own configuration.
async fn measurable<'a>(
    site: &Site<'_>,
    sandbox: &Sandbox,
    status: &PluginStatus,
    file: &'a CaseFile,
    filter: Option<&str>,
) -> Result<(&'a Case, Call), TrialError> {
    let fits = |case: &&Case| {
        let named = filter.is_none_or(|filter| case.name.contains(filter));
        named && case.config.is_none() && !case.call.is_some_and(Call::is_lifecycle)
    };
    for case in file.cases.iter().filter(fits) {
        let call = fitting_call(file, case, status)?;
        site.stage.set(Scene::repeated(case, &file.common));
        let Ok(got) = call_plugin(sandbox, &status.name, case, call).await else { continue };
        if !matches!(got, Got::Failed(_)) && judge(&case.expect, &got).is_empty() {
            return Ok((case, call));
        }
    }
    Err(TrialError::Nothing(format!(
        "{}: no case gives a result that it expects, so there is nothing to measure: `chancery plugin test` says why",
        file.path.display()
    )))
}

/// `None` where the grant file gives every call a sandbox of its own.
async fn warm(
    setup: &Setup,
    course: &Course<'_>,
    plugin: &str,
    tell: &mut impl FnMut(usize),
) -> Result<Option<Times>, TrialError> {
    let mut site = Site::as_granted(setup)?;
    if !site.layout.is_warm() {
        return Ok(None);
    }
    let common = &course.file.common;
    let (sandbox, _) = site.restart(None, &common.secrets, Scene::loading(common)).await?;
    course.times(&site, &sandbox, plugin, tell).await.map(Some)
}

impl Course<'_> {
    async fn times(
        &self,
        site: &Site<'_>,
        sandbox: &Sandbox,
        plugin: &str,
        tell: &mut impl FnMut(usize),
    ) -> Result<Times, TrialError> {
        let mut taken = Vec::with_capacity(self.effort.calls);
        let (begun, mut told) = (Instant::now(), Instant::now());
        for number in 0..WARM_UP.saturating_add(self.effort.calls) {
            // As it is at the beginning of the case: what the call before cached is not there.
            site.stage.set(Scene::repeated(self.case, &self.file.common));
            site.layout.clear_journal()?;
            let start = Instant::now();
            let answer = call_plugin(sandbox, plugin, self.case, self.call).await;
            let took = start.elapsed();
            answer.map_err(|error| TrialError::Nothing(format!("call {number} failed: {error}")))?;
            if number >= WARM_UP {
                taken.push(micros(took));
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(taken.len());
            }
            if begun.elapsed() >= self.effort.time && !taken.is_empty() {
                break;
            }
        }
        Ok(Times::of(taken))
    }
}

impl Times {
    fn of(mut taken: Vec<u64>) -> Self {
        taken.sort_unstable();
        let at = |percent: usize| {
            let rank = (taken.len() * percent).div_ceil(100).max(1) - 1;
            taken.get(rank).copied().unwrap_or_default()
        };
        Self { calls: taken.len(), p50: at(50), p90: at(90), p99: at(99), worst: at(100) }
    }
}

/// What was measured, in words.
pub fn measured_text(measured: &Measured) -> String {
    let mut text = String::new();
    let kind = measured.kind.map(|kind| kind.to_string()).unwrap_or_default();
    let version = measured.version.as_deref().unwrap_or("without a version");
    let _ = writeln!(text, "{} {version}, {kind}, {} KiB", measured.plugin, measured.bytes.div_ceil(1024));
    let (first, later) = (duration(measured.first_load), duration(measured.load));
    let _ = writeln!(text, "loading      {first} the first time (compiled), {later} from the cache");
    let _ = writeln!(text, "case         {}", measured.case);
    let mut push = |name: &str, times: &Times| {
        let [p50, p90, p99, worst] = [times.p50, times.p90, times.p99, times.worst].map(duration);
        let _ = writeln!(text, "{name:<12} p50 {p50}, p90 {p90}, p99 {p99}, worst {worst} ({} calls)", times.calls);
    };
    push("fresh call", &measured.fresh);
    if let Some(warm) = &measured.warm {
        push("warm call", warm);
    }
    text
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = Times::of((1..=200).rev().collect());
        assert_eq!(times, Times { calls: 200, p50: 100, p90: 180, p99: 198, worst: 200 });
        assert_eq!(Times::of(vec![7]), Times { calls: 1, p50: 7, p90: 7, p99: 7, worst: 7 });
    }
}
