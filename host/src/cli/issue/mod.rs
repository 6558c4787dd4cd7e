//! `chancery issue`: a credential for each row of a file.

mod csv;
mod progress;
mod rows;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chancery_store::JobState;
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Failure, eprintln_line, print_json, print_line, refused};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuer};
use crate::jobs::{End, Input, JobItemState, JobRecord, item_state_name, rest, state_name};
use progress::Progress;
use rows::{Columns, Rows};

/// Rows that are added to the job at once.
const PIECE: usize = 500;
/// How often a job that another process works on is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// What failures are shown of; all of them stand in `--output`.
const SHOWN_FAILURES: u32 = 20;
const ITEMS_PER_READ: u32 = 1_000;

pub(super) const HELP: &str = "\
A .csv file names its columns in the first line; every value is a text. A .jsonl file has an object a line, with `data`,
`subject` or both. The whole file is checked before anything is issued; a row that no credential can be made of fails
alone. The credentials are issued as a job: one that is stopped half way (Ctrl-C) is finished by `chancery serve`, or by
--resume. Nothing is issued twice. The exit code is 1 where a row has failed.

Examples:
  chancery issue --from people.csv --configuration Membership --subject-column id
  chancery issue --from people.jsonl --configuration Membership --output results.csv
  chancery issue --from ids.csv --configuration FarmerCard --subject-column id --ask-plugin
  chancery issue --resume 0b0f6c7e-6a0c-4b8e-9a55-3a1c7f0f6c11";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The rows: FILE.csv or FILE.jsonl.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    from: Option<PathBuf>,
    /// The credential configuration.
    #[arg(long, required_unless_present = "resume")]
    configuration: Option<String>,
    /// The column that says whom a credential is about: records are found by it.
    #[arg(long, value_name = "COLUMN", requires = "from")]
    subject_column: Option<String>,
    /// Ask the configuration's plugin for each subject, and leave the other columns alone.
    #[arg(long, requires = "subject_column")]
    ask_plugin: bool,
    /// Go on with a job. Where not all of its rows were read, with the same --from.
    #[arg(long, value_name = "JOB", conflicts_with = "configuration")]
    resume: Option<String>,
    /// Write what became of each row to this CSV file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Config, arguments: Arguments) -> Result<(), Failure> {
    let source = Source::of(&arguments)?;
    let app = App::open(config, Migrate::Check, Plugins::Run).await?;
    let issuer = app.issuers.get(&arguments.issuer);
    let issuer = issuer.ok_or_else(|| Failure::Usage(format!("there is no issuer {}", arguments.issuer)))?;
    let stop = stop_on_signal()?;
    let published = CancellationToken::new();
    // A new credential may revoke the person's former one.
    let publishing = app.status.start(published.clone());
    let command = Command { app: &app, issuer, stop };
    let ended = command.issue(&arguments, source).await;
    published.cancel();
    let _ = publishing.await;
    let told = match &ended {
        Ok(job) => command.tell(job, &arguments).await,
        Err(_) => Ok(()),
    };
    if let Some(sandbox) = &app.sandbox {
        sandbox.shutdown().await;
    }
    app.store.close().await;
    let job = ended?;
    told?;
    match (job.state, job.failed) {
        (JobState::Finished, 0) => Ok(()),
        (JobState::Finished, failed) => Err(Failure::Failed(format!("{failed} of {} failed", job.total))),
        (state, _) => Err(Failure::Failed(format!("the job is {}", state_name(state)))),
    }
}

/// A file that was read once from end to end.
struct Source {
    path: PathBuf,
    columns: Columns,
    rows: i64,
}

impl Source {
    fn of(arguments: &Arguments) -> Result<Option<Self>, Failure> {
        let Some(path) = arguments.from.clone() else { return Ok(None) };
        let columns = Columns { subject: arguments.subject_column.clone(), ask_plugin: arguments.ask_plugin };
        let mut source = Self { path, columns, rows: 0 };
        let mut rows = source.open()?;
        while rows.next().map_err(|e| source.wrong(&e))?.is_some() {
            source.rows += 1;
        }
        if source.rows == 0 {
            return Err(source.wrong("there are no rows"));
        }
        Ok(Some(source))
    }

    fn open(&self) -> Result<Rows, Failure> {
        Rows::open(&self.path, &self.columns).map_err(|e| self.wrong(&e))
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Usage(format!("{}: {what}", self.path.display()))
    }
}

struct Command<'a> {
    app: &'a App,
    issuer: Arc<Issuer>,
    stop: CancellationToken,
}

impl Command<'_> {
    /// Makes the job, or finds it, and works on it until it has ended.
    async fn issue(&self, arguments: &Arguments, source: Option<Source>) -> Result<JobRecord, Failure> {
        let jobs = &self.app.jobs;
        let job = match (&arguments.resume, &arguments.configuration) {
            (Some(job_id), _) => jobs.find(&self.issuer, job_id).await.map_err(refused)?,
            (None, configuration) => {
                let id = configuration.as_deref().unwrap_or_default();
                if let Some(source) = &source {
                    self.check(id, source)?;
                }
                jobs.open(&self.issuer, &Actor::cli(), id).await.map_err(refused)?
            }
        };
        match (job.state, source) {
            (JobState::Loading, Some(source)) => {
                eprintln_line(&format!("job {}: {} rows", job.job_id, source.rows));
                self.load(&job, &source).await?;
            }
            (JobState::Loading, None) => {
                let text = format!("not all rows of job {} were read: say --from again", job.job_id);
                return Err(Failure::Usage(text));
            }
            _ => eprintln_line(&format!("job {}: {} rows", job.job_id, job.total)),
        }
        self.follow(&job.job_id).await
    }

    /// What is wrong with a row's shape is said before there is a job.
    fn check(&self, configuration_id: &str, source: &Source) -> Result<(), Failure> {
        let mut rows = source.open()?;
        while let Some(row) = rows.next().map_err(|e| source.wrong(&e))? {
            let checked = self.app.jobs.check_input(&self.issuer, configuration_id, &row.input);
            checked.map_err(|error| match refused(error) {
                Failure::Usage(text) => source.wrong(&format!("line {}: {text}", row.line)),
                other => other,
            })?;
        }
        Ok(())
    }

    /// Adds the rows that the job does not have yet, and has it begun.
    async fn load(&self, job: &JobRecord, source: &Source) -> Result<(), Failure> {
        let (mut rows, mut total) = (source.open()?, job.total);
        for _ in 0..total {
            rows.next().map_err(|e| source.wrong(&e))?;
        }
        loop {
            let mut piece: Vec<Input> = Vec::with_capacity(PIECE);
            while piece.len() < PIECE
                && let Some(row) = rows.next().map_err(|e| source.wrong(&e))?
            {
                piece.push(row.input);
            }
            if piece.is_empty() {
                break;
            }
            if self.stop.is_cancelled() {
                let text = format!(
                    "stopped before all rows were read, and nothing is issued: go on with chancery issue --resume {} \
                     --from {}",
                    job.job_id,
                    source.path.display(),
                );
                return Err(Failure::Failed(text));
            }
            let added = self.app.jobs.add(&self.issuer, &job.job_id, total, &piece).await.map_err(refused)?;
            total = added
                .ok_or_else(|| Failure::Failed("another process adds rows, or the job was cancelled".to_owned()))?;
        }
        self.app.jobs.begin(&self.issuer, &job.job_id).await.map_err(refused).map(drop)
    }

    /// Works on the job unless another process does, until it has ended.
    async fn follow(&self, job_id: &str) -> Result<JobRecord, Failure> {
        let (holder, mut progress, mut failures) = (Uuid::new_v4().to_string(), Progress::new(), 0);
        loop {
            let job = self.app.jobs.find(&self.issuer, job_id).await.map_err(refused)?;
            progress.at(&job);
            if job.state != JobState::Running {
                progress.end();
                return Ok(job);
            }
            if self.stop.is_cancelled() {
                progress.end();
                let text = format!("stopped: chancery serve goes on with the job, or chancery issue --resume {job_id}");
                return Err(Failure::Failed(text));
            }
            let worked = self.app.jobs.work(&job, &holder, &self.stop, |step| progress.step(step)).await;
            let pause = match worked {
                Ok(End::Finished | End::Stopped) => continue,
                Ok(End::NotOurs) => LOOK,
                Ok(End::Waits { after, progressed }) => {
                    failures = if progressed { 0 } else { failures + 1 };
                    rest(failures, after)
                }
                Err(error) => {
                    failures += 1;
                    progress.say(&format!("the job cannot go on now: {}", super::with_causes(&error)));
                    rest(failures, None)
                }
            };
            tokio::select! { () = self.stop.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
        }
    }

    /// What became of it.
    async fn tell(&self, job: &JobRecord, arguments: &Arguments) -> Result<(), Failure> {
        if let Some(path) = &arguments.output {
            self.write_results(job, path).await?;
        }
        let failed = Some(JobItemState::Failed);
        let failures = self.app.jobs.items(&self.issuer, &job.job_id, failed, 0, SHOWN_FAILURES).await;
        let failures = failures.map_err(refused)?;
        let reason = |error: &Option<String>| error.clone().unwrap_or_default();
        for item in failures.items.iter().filter(|_| !arguments.json) {
            eprintln_line(&format!("row {}: {}", item.number, reason(&item.error)));
        }
        if !arguments.json {
            if failures.next.is_some() {
                eprintln_line("and more: --output FILE has all of them");
            }
            print_line(&format!("job {}: {}, {} of {} issued", job.job_id, state_name(job.state), job.done, job.total));
            return Ok(());
        }
        let shown = failures.items.iter().map(|item| json!({"row": item.number, "error": reason(&item.error)}));
        print_json(&json!({
            "job_id": job.job_id,
            "state": state_name(job.state),
            "total": job.total,
            "done": job.done,
            "failed": job.failed,
            "failures": shown.collect::<Vec<_>>(),
        }))
    }

    async fn write_results(&self, job: &JobRecord, path: &Path) -> Result<(), Failure> {
        let failed = |e: std::io::Error| Failure::Failed(format!("{} cannot be written: {e}", path.display()));
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        writeln!(file, "row,state,credential_id,error").map_err(failed)?;
        let mut after = Some(0);
        while let Some(from) = after {
            let page = self.app.jobs.items(&self.issuer, &job.job_id, None, from, ITEMS_PER_READ).await;
            let page = page.map_err(refused)?;
            for item in page.items {
                let (id, error) = (item.credential_id.unwrap_or_default(), item.error.unwrap_or_default());
                let [id, error] = [id, error].map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
                let state = item_state_name(item.state);
                writeln!(file, "{},{state},{id},{error}", item.number).map_err(failed)?;
            }
            after = page.next;
        }
        file.flush().map_err(failed)
    }
}

/// SIGTERM or Ctrl-C has the items under way finished; a second one ends the process at once.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let watch = |kind| signal(kind).map_err(|e| Failure::Failed(format!("cannot watch for signals: {e}")));
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for attempt in 0.. {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if attempt > 0 {
                std::process::exit(130);
            }
            token.cancel();
        }
    });
    Ok(stop)
}
