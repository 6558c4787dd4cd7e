//! Repeating something and counting: how often, how long each time, and at which cost of processor time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{Result, process::Process};

/// How much of everything one run does.
#[derive(Debug, Clone)]
pub(crate) struct Effort {
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) start_ups: usize,
    /// Credentials that the host has issued when its memory is read the second time.
    pub(crate) issuances: usize,
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
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn stop(self, mut times: Vec<Duration>) -> Result<Figures> {
        let elapsed = self.started.elapsed();
        let cpu = self.process.cpu()?.saturating_sub(self.cpu_before);
        times.sort_unstable();
        let done = times.len();
        if done == 0 || cpu.is_zero() {
            return Err("nothing was done in the time given".into());
        }
        let at = |percent: usize| {
            let time = times.get((done * percent / 100).min(done - 1));
            time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        Ok(Figures {
            done,
            per_second: done as f64 / elapsed.as_secs_f64(),
            p50_ms: at(50),
            p99_ms: at(99),
            per_cpu_second: done as f64 / cpu.as_secs_f64(),
        })
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
    let job = &job;
    let next = Arc::new(AtomicUsize::new(0));
    let run = async |time: Duration| -> Result<Vec<Duration>> {
        let start = Instant::now();
        let mut times = Vec::new();
        let mut running = tokio::task::JoinSet::new();
        let timed = |number: usize| {
            let work = job(number);
            async move {
                let from = Instant::now();
                work.await.map(|()| from.elapsed())
            }
        };
        for _ in 0..tasks {
            running.spawn(timed(next.fetch_add(1, Ordering::Relaxed)));
        }
        while let Some(done) = running.join_next().await {
            times.push(done??);
            if start.elapsed() < time {
                running.spawn(timed(next.fetch_add(1, Ordering::Relaxed)));
            }
        }
        Ok(times)
    };
    run(effort.warm_up).await?;
    let watch = Stopwatch::start(&Process::own())?;
    watch.stop(run(effort.measure).await?)
}
