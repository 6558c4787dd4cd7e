//! Runs the cases of a file, one after the other.

use std::time::{Duration, Instant};

use chancery_sandbox::{CallError, Kind, PluginStatus, Sandbox, Stage as Reached};
use serde::Serialize;

use crate::cases::{Call, Case, CaseFile, CaseFileError, Outcome};
use crate::diff::Difference;
use crate::error::TrialError;
use crate::judge::{Failed, Got, judge, judge_journal, judge_kv, judge_logs};
use crate::recorder::{LogLine, Recorder};
use crate::setup::Setup;
use crate::site::{LoadFailure, Site};
use crate::stage::{Played, Refused, Scene, Unanswered};

/// What came of a case file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The case file.
    pub file: String,
    /// The plugin's name.
    pub plugin: String,
    pub passed: usize,
    pub failed: usize,
    /// Those that were run.
    pub cases: Vec<CaseReport>,
}

/// What came of a case.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaseReport {
    pub name: String,
    pub passed: bool,
    /// How long the call took, in microseconds.
    pub microseconds: u64,
    /// Where what came is not what was expected.
    pub differences: Vec<Difference>,
    /// What the plugin asked and the case file has no answer to.
    pub unanswered: Vec<Unanswered>,
    /// Requests that the grant file does not let out.
    pub refused: Vec<Refused>,
    /// Exchanges of the case that did not happen.
    pub unused: Vec<String>,
    /// Why the plugin does not serve, where that is the matter.
    pub load_failure: Option<LoadFailure>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// What the plugin logged.
    pub logs: Vec<LogLine>,
}

/// Runs the cases of a file whose names hold `filter`. `tell` gets each result when it is there.
///
/// `recorder` must be the process's subscriber, or log lines are not seen.
pub async fn run(
    setup: &Setup,
    file: &CaseFile,
    filter: Option<&str>,
    recorder: &Recorder,
    mut tell: impl FnMut(&CaseReport),
) -> Result<Report, TrialError> {
    let chosen = chosen(file, filter)?;
    let mut site = Site::new(setup)?;
    let mut cases: Vec<CaseReport> = Vec::with_capacity(chosen.len());
    for case in chosen {
        recorder.take();
        let report = run_case(&mut site, file, case, recorder).await?;
        tell(&report);
        cases.push(report);
    }
    let passed = cases.iter().filter(|case| case.passed).count();
    Ok(Report {
        file: file.path.display().to_string(),
        plugin: setup.plugin.name.clone(),
        passed,
        failed: cases.len() - passed,
        cases,
    })
}

fn chosen<'a>(file: &'a CaseFile, filter: Option<&str>) -> Result<Vec<&'a Case>, TrialError> {
    let path = file.path.display();
    if file.cases.is_empty() {
        return Err(TrialError::Nothing(format!("{path} has no case. Begin with:\n{FIRST_CASE}")));
    }
    let chosen: Vec<&Case> =
        file.cases.iter().filter(|case| filter.is_none_or(|filter| case.name.contains(filter))).collect();
    if chosen.is_empty() {
        let names: Vec<String> = file.cases.iter().map(|case| format!("  {}", case.name)).collect();
        let filter = filter.unwrap_or_default();
        let names = names.join("\n");
        return Err(TrialError::NoSuchCase(format!("{path}: no case is named like {filter:?}; there are\n{names}")));
    }
    Ok(chosen)
}

const FIRST_CASE: &str = "\n[[case]]\nname = \"somebody who is registered\"\nrequest = { subject = { id = \"person-1\" } }\n\
                          expect = { claims = { given_name = \"Ada\" } }";

async fn run_case(
    site: &mut Site<'_>,
    file: &CaseFile,
    case: &Case,
    recorder: &Recorder,
) -> Result<CaseReport, TrialError> {
    let Asked { got, took, loading } = match case.call.filter(|call| call.is_lifecycle()) {
        Some(call) => probe(site, file, case, call).await?,
        None => ask(site, file, case, recorder).await?,
    };
    let journal = site.layout.journal_lines()?;
    let played = site.stage.end().after(loading);
    let mut report = told(case, &got, played, &journal, recorder.take());
    report.microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if case.expect.journal.is_some() && !site.layout.has_journal() {
        report.notes.push("the grant file has no [grants.journal]".to_owned());
    }
    Ok(report)
}

/// What came of a call.
struct Asked {
    got: Got,
    took: Duration,
    /// What was asked before it, while the plugin was loaded for it.
    loading: Played,
}

/// A case about loading: the exchanges are there while the plugin is loaded. It begins with nothing of the cases
/// before it, and leaves nothing to those that follow.
async fn probe(site: &mut Site<'_>, file: &CaseFile, case: &Case, call: Call) -> Result<Asked, TrialError> {
    let (config, secrets) = (case.config.as_ref(), &file.common.secrets);
    site.stop();
    site.layout.clear_journal()?;
    let (sandbox, took) = site.restart(config, secrets, Scene::of(case, &file.common)).await?;
    let status = site.status(&sandbox)?;
    site.stop();
    let got = probed(call, status.failed_at, LoadFailure::of(&status));
    Ok(Asked { got, took, loading: Played::default() })
}

/// What came of a function that is called while a plugin is loaded. The sandbox names the one that failed.
fn probed(call: Call, failed_at: Option<Reached>, failure: Option<LoadFailure>) -> Got {
    let Some(failure) = failure else { return Got::Done };
    let said = |call: Call| failure.reason.strip_prefix(call.name())?.strip_prefix(": ").map(Failed::of_lifecycle);
    let got = match (call, failed_at) {
        (Call::ValidateConfig, Some(Reached::Configured)) => match problems(&failure.reason) {
            Some(problems) => Some(Got::Problems(problems)),
            None => said(call).map(Got::Failed),
        },
        (Call::Prepare | Call::Health, Some(Reached::Probed)) if said(call).is_some() => said(call).map(Got::Failed),
        // What comes before `health` is right whether or not the source is there now.
        (Call::ValidateConfig | Call::Prepare, Some(Reached::Probed)) => said(Call::Health).map(|_| Got::Done),
        _ => None,
    };
    got.unwrap_or(Got::NotLoaded(failure))
}

/// `[config] PATH: MESSAGE`, one a line.
fn problems(reason: &str) -> Option<Vec<(String, String)>> {
    if reason == "the plugin refuses its configuration without a reason" {
        return Some(Vec::new());
    }
    let problem = |line: &str| {
        let (path, message) = line.strip_prefix("[config] ")?.split_once(": ")?;
        Some((path.to_owned(), message.to_owned()))
    };
    reason.lines().map(problem).collect()
}

/// A case about a call to a plugin that serves.
async fn ask(site: &mut Site<'_>, file: &CaseFile, case: &Case, recorder: &Recorder) -> Result<Asked, TrialError> {
    let common = &file.common;
    let (sandbox, status) = site.serving(case.config.as_ref(), &common.secrets, || Scene::loading(common)).await?;
    // Nothing where the sandbox of a former case goes on.
    let loading = site.stage.end();
    if let Some(failure) = LoadFailure::of(&status) {
        return Ok(Asked { got: Got::NotLoaded(failure), took: Duration::ZERO, loading });
    }
    let call = fitting_call(file, case, &status)?;
    site.stage.set(Scene::of(case, common));
    site.layout.clear_journal()?;
    recorder.take();
    let begun = Instant::now();
    let answer = call_plugin(&sandbox, &status.name, case, call).await;
    let took = begun.elapsed();
    Ok(Asked { got: answer.unwrap_or_else(|error| Got::Failed(error.into())), took, loading })
}

/// What is called: what the case says, or what fits the plugin's kind.
pub(crate) fn fitting_call(file: &CaseFile, case: &Case, status: &PluginStatus) -> Result<Call, TrialError> {
    let (fitting, all): (Call, &[Call]) = match status.kind {
        Some(Kind::DataProvider) | None => (Call::Fetch, &[Call::Fetch]),
        Some(Kind::VcIssuance) => (Call::Issue, &[Call::Issue, Call::Poll]),
        Some(Kind::Audit) => (Call::Deliver, &[Call::Deliver]),
    };
    let call = case.call.unwrap_or(fitting);
    let kind = status.kind.map(|kind| kind.to_string()).unwrap_or_default();
    let wrong = |what: String| {
        let names: Vec<&str> = all.iter().map(|call| call.name()).collect();
        TrialError::Cases(CaseFileError::Wrong(format!(
            "{}: case {:?}: {what}, and {} is a {kind} plugin: its calls are {}, validate-config, prepare and \
             health",
            file.path.display(),
            case.name,
            status.name,
            names.join(", ")
        )))
    };
    if !all.contains(&call) {
        return Err(wrong(format!("call = {:?}", call.name())));
    }
    let outcome = &case.expect.outcome;
    let fits = match outcome {
        Outcome::Claims { .. } => call == Call::Fetch,
        Outcome::Issued { .. } | Outcome::Pending { .. } => matches!(call, Call::Issue | Call::Poll),
        Outcome::Receipt { .. } => call == Call::Deliver,
        Outcome::Error { .. } | Outcome::Problems(_) | Outcome::Done => true,
    };
    if fits { Ok(call) } else { Err(wrong(format!("it expects {}", outcome.key()))) }
}

pub(crate) async fn call_plugin(sandbox: &Sandbox, plugin: &str, case: &Case, call: Call) -> Result<Got, CallError> {
    Ok(match call {
        Call::Issue => Got::Issuance(sandbox.issue(plugin, case.request.to_plugin(), case.holder.to_plugin()).await?),
        Call::Poll => Got::Issuance(sandbox.poll(plugin, case.request.to_poll(case.ticket.clone())).await?),
        Call::Deliver => {
            let events = (1..).zip(&case.events).map(|(position, event)| event.to_plugin(position, case.clock));
            Got::Receipt(sandbox.deliver(plugin, events.collect()).await?)
        }
        Call::Fetch | Call::ValidateConfig | Call::Prepare | Call::Health => {
            Got::Fetched(sandbox.fetch(plugin, case.request.to_plugin()).await?)
        }
    })
}

fn told(case: &Case, got: &Got, played: Played, journal: &[String], logs: Vec<LogLine>) -> CaseReport {
    let Played { unanswered, refused, unused, kv, notes } = played;
    let mut report = CaseReport { name: case.name.clone(), unanswered, refused, notes, logs, ..CaseReport::default() };
    let expect = &case.expect;
    if let Got::NotLoaded(failure) = got {
        // Nothing of the case has happened: what it lists cannot have been used.
        report.load_failure = Some(failure.clone());
        return report;
    }
    report.unused = unused;
    report.differences = judge(expect, got);
    report.differences.extend(judge_logs(&expect.logs, &report.logs));
    report.differences.extend(expect.journal.iter().flat_map(|expected| judge_journal(expected, journal)));
    report.differences.extend(expect.kv.iter().flat_map(|expected| judge_kv(expected, &kv)));
    report.passed = report.differences.is_empty()
        && report.unanswered.is_empty()
        && report.refused.is_empty()
        && report.unused.is_empty();
    report
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
