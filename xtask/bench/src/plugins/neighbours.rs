//! Fourteen plugins at work, alone and beside one that spins and one that sleeps.
//!
//! The calls come from threads outside the runtime, as requests do, and with pauses between them: on a machine that
//! is not busy, what the bad ones take away shows as latency. Every second call of a bad plugin is an ordinary one, so
//! that its breaker stays closed: the worst that a plugin can do for long.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use chancery_sandbox::{CallError, CompileMode, PluginRequest, Sandbox, SandboxOptions};
use tokio::runtime::Runtime;

use super::guests::{CACHE_KEY, CSV_PROVIDER, Directory, HOSTILE, built, request, require_serving};
use crate::{
    Arguments, Error, Result,
    measure::{Effort, Stopwatch, TURNS, Tally},
    process::Process,
    report::{Neighbours, Report},
};

const GOOD: usize = 14;
/// Plugin, what its calls are about, and its limits.
const BAD: [(&str, &str, &str); 2] =
    [("spins", "spin", ""), ("sleeps", "slow-host-call", "[limits]\nwall = \"300ms\"")];
/// Of each caller, between two calls.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    people: &Path,
    work: &Path,
) -> Result<()> {
    let plugins = plugins(arguments, people, work)?;
    let options = SandboxOptions::new(&plugins.path, work.join("cache"), CACHE_KEY, CompileMode::InProcess);
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    require_serving(&sandbox)?;
    let load = Load { runtime, sandbox, stop: AtomicBool::new(false), bad_calls: AtomicUsize::new(0) };
    load.good(effort.warm_up)?;
    let (mut alone, mut beside) = (Tally::default(), Tally::default());
    for _ in 0..TURNS {
        load.measured(effort, &mut alone)?;
        load.beside_bad(effort, &mut beside)?;
    }
    let bad_calls = load.bad_calls.load(Ordering::Relaxed);
    report.neighbours(Neighbours::new(GOOD, &alone.figures()?, &beside.figures()?, bad_calls));
    runtime.block_on(load.sandbox.shutdown());
    Ok(())
}

/// Half of the good ones look somebody up, half of them give a constant answer.
fn plugins(arguments: &Arguments, people: &Path, work: &Path) -> Result<Directory> {
    let plugins = Directory::new(work.join("plugins"))?;
    let example = arguments.root.join("examples/farmer/plugins");
    let grant = fs::read_to_string(example.join("csv-provider.toml"))?;
    fs::copy(people, plugins.path.join("farmers.csv"))?;
    let (csv, constant) = (built(arguments, CSV_PROVIDER)?, built(arguments, HOSTILE)?);
    for number in 0..GOOD {
        let (wasm, grant) = if number % 2 == 0 { (&csv, grant.as_str()) } else { (&constant, "") };
        plugins.put(&good(number), wasm, grant)?;
    }
    for (name, _, limits) in BAD {
        plugins.put(name, &constant, limits)?;
    }
    Ok(plugins)
}

fn good(number: usize) -> String {
    format!("good-{number}")
}

struct Load<'a> {
    runtime: &'a Runtime,
    sandbox: Sandbox,
    stop: AtomicBool,
    /// Calls of bad plugins that ended at a limit.
    bad_calls: AtomicUsize,
}

impl Load<'_> {
    fn measured(&self, effort: &Effort, tally: &mut Tally) -> Result<()> {
        let watch = Stopwatch::start(&Process::own())?;
        watch.add_to(tally, self.good(effort.measure / TURNS)?)
    }

    fn beside_bad(&self, effort: &Effort, tally: &mut Tally) -> Result<()> {
        self.stop.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            let misbehave = |(name, asks, _)| scope.spawn(move || self.misbehave(name, asks));
            let bad: Vec<_> = BAD.into_iter().map(misbehave).collect();
            let measured = self.measured(effort, tally);
            self.stop.store(true, Ordering::Relaxed);
            for caller in bad {
                caller.join().map_err(|_| "a caller of a bad plugin crashed")??;
            }
            measured
        })
    }

    /// How long each call of the good plugins took, every one with a caller of its own.
    fn good(&self, time: Duration) -> Result<Vec<Duration>> {
        let started = Instant::now();
        let work = |plugin: usize| -> Result<Vec<Duration>> {
            let (name, mut times, mut number) = (good(plugin), Vec::new(), plugin);
            while started.elapsed() < time {
                let from = Instant::now();
                self.call(&name, request(number))?;
                times.push(from.elapsed());
                number += GOOD;
                thread::sleep(PAUSE);
            }
            Ok(times)
        };
        thread::scope(|scope| {
            let callers: Vec<_> = (0..GOOD).map(|plugin| scope.spawn(move || work(plugin))).collect();
            let times = callers.into_iter().map(|caller| caller.join().map_err(|_| "a caller crashed")?);
            Ok(times.collect::<Result<Vec<_>>>()?.concat())
        })
    }

    fn misbehave(&self, plugin: &str, asks: &str) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            match self.call(plugin, PluginRequest { subject_id: asks.to_owned(), ..request(0) }) {
                Err(CallError::Limit { .. }) => self.bad_calls.fetch_add(1, Ordering::Relaxed),
                Err(error) => return Err(error.into()),
                Ok(()) => return Err(Error::from(format!("{plugin} did not misbehave"))),
            };
            self.call(plugin, request(0))?;
        }
        Ok(())
    }

    /// Spawned, as a server does with a request.
    fn call(&self, plugin: &str, request: PluginRequest) -> std::result::Result<(), CallError> {
        let (sandbox, name) = (self.sandbox.clone(), plugin.to_owned());
        let call = self.runtime.spawn(async move { sandbox.fetch(&name, request).await.map(drop) });
        let lost =
            |error: tokio::task::JoinError| CallError::Trapped { plugin: plugin.to_owned(), detail: error.to_string() };
        self.runtime.block_on(call).unwrap_or_else(|error| Err(lost(error)))
    }
}
