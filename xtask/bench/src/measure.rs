//! Repeating something and counting: how often, how long each time, and at which cost of processor time.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    Result,
    process::{self, Process},
};

/// How often what is compared takes turns.
pub(crate) const TURNS: u32 = 5;

/// Something that can be done any number of times; it gets a number that is new each time.
pub(crate) type Job = Box<dyn Fn(usize) -> BoxFuture<'static, Result<()>>>;

/// How much of everything one run does.
#[derive(Debug, Clone)]
pub(crate) struct Effort {
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) start_ups: usize,
    /// Credentials that the host has issued when its memory is read the second time.
    pub(crate) issuances: usize,
    /// Plugin calls between two looks at the memory of the sandbox.
    pub(crate) calls: usize,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figures {
    pub(crate) done: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Of the process that did the work; user and system time.
    pub(crate) per_cpu_second: f64,
}

impl Figures {
    /// Microseconds of processor time that one costs.
    pub(crate) fn cpu_micros(&self) -> f64 {
        1e6 / self.per_cpu_second
    }
}

/// What was counted in one stretch of time, or in several.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    times: Vec<Duration>,
    elapsed: Duration,
    cpu: Duration,
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn figures(mut self) -> Result<Figures> {
        self.times.sort_unstable();
        let done = self.times.len();
        if done == 0 {
            return Err("nothing was done in the time given".into());
        }
        let at = |percent: usize| {
            let time = self.times.get((done * percent / 100).min(done - 1));
            time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        // What hardly computes, as waiting for a disk, may use less than can be seen.
        let cpu = self.cpu.max(process::TICK);
        Ok(Figures {
            done,
            per_second: done as f64 / self.elapsed.as_secs_f64(),
            p50_ms: at(50),
            p99_ms: at(99),
            per_cpu_second: done as f64 / cpu.as_secs_f64(),
        })
    }
}

/// Runs while something is repeated.
pub(crate) struct Stopwatch {
    process: Process,
    started: Instant,
    cpu_before: Duration,
}

impl Stopwatch {
    /// `process` does the work.
    pub(crate) fn start(process: &Process) -> Result<Self> {
        Ok(Self { cpu_before: process.cpu()?, process: process.clone(), started: Instant::now() })
    }

    /// `times` is how long each took.
    pub(crate) fn stop(self, times: Vec<Duration>) -> Result<Figures> {
        let mut tally = Tally::default();
        self.add_to(&mut tally, times)?;
        tally.figures()
    }

    /// Ends one stretch of several.
    pub(crate) fn add_to(self, tally: &mut Tally, times: Vec<Duration>) -> Result<()> {
        tally.elapsed += self.started.elapsed();
        tally.cpu += self.process.cpu()?.saturating_sub(self.cpu_before);
        tally.times.extend(times);
        Ok(())
    }
}

/// Repeats `job` on this thread.
pub(crate) fn repeat<T>(effort: &Effort, mut job: impl FnMut() -> Result<T>) -> Result<Figures> {
    let mut run = |time: Duration| -> Result<Vec<Duration>> {
        let (start, mut times) = (Instant::now(), Vec::new());
        loop {
            let from = Instant::now();
            if from - start >= time {
                return Ok(times);
            }
            std::hint::black_box(job()?);
            times.push(from.elapsed());
        }
    };
    run(effort.warm_up)?;
    let watch = Stopwatch::start(&Process::own())?;
    watch.stop(run(effort.measure)?)
}

/// Repeats `job` on `tasks` tasks at once, on a runtime like the host's. `job` gets a number that is new each time.
pub(crate) async fn repeat_tasks<F>(effort: &Effort, tasks: usize, job: impl Fn(usize) -> F) -> Result<Figures>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let next = Cell::new(0);
    run_tasks(effort.warm_up, tasks, &next, &job).await?;
    let watch = Stopwatch::start(&Process::own())?;
    watch.stop(run_tasks(effort.measure, tasks, &next, &job).await?)
}

/// Repeats several jobs, in turns: what disturbs the machine for a while disturbs all of them.
pub(crate) async fn compare(effort: &Effort, jobs: &[Job]) -> Result<Vec<Figures>> {
    let (next, mut tallies) = (Cell::new(0), Vec::new());
    for job in jobs {
        run_tasks(effort.warm_up, 1, &next, job).await?;
        tallies.push(Tally::default());
    }
    for _ in 0..TURNS {
        for (job, tally) in jobs.iter().zip(&mut tallies) {
            let watch = Stopwatch::start(&Process::own())?;
            watch.add_to(tally, run_tasks(effort.measure / TURNS, 1, &next, job).await?)?;
        }
    }
    tallies.into_iter().map(Tally::figures).collect()
}

/// For at least `time`; each task does the job once at least.
async fn run_tasks<F>(
    time: Duration,
    tasks: usize,
    next: &Cell<usize>,
    job: &impl Fn(usize) -> F,
) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let mut times = Vec::new();
    let mut running = JoinSet::new();
    let timed = || {
        let work = job(next.replace(next.get() + 1));
        async move {
            let from = Instant::now();
            work.await.map(|()| from.elapsed())
        }
    };
    for _ in 0..tasks {
        running.spawn(timed());
    }
    while let Some(done) = running.join_next().await {
        times.push(done??);
        if start.elapsed() < time {
            running.spawn(timed());
        }
    }
    Ok(times)
}
