//! From a component on the disk to its first answer.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use chancery::plugins::COMPILE_WORKER;
use chancery_sandbox::{CompileMode, Sandbox, SandboxOptions};
use tokio::{runtime::Runtime, time::sleep};

use super::guests::{CACHE_KEY, CSV_PROVIDER, Directory, built, numbered, of_size, request, require_serving};
use crate::{
    Arguments, Result,
    measure::Effort,
    report::{Loading, Report},
};

const MIB: usize = 1 << 20;
const REPLACED: &str = "replaced";
const REPLACED_GOAL: Duration = Duration::from_secs(2);
/// Between two looks whether a new component serves: what the time is exact to.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    compiled(report, effort, runtime, arguments, &work.join("compiled"))?;
    replaced(report, effort, runtime, arguments, &work.join("replaced"))
}

fn options(arguments: &Arguments, work: &Path) -> Result<SandboxOptions> {
    let program = fs::canonicalize(&arguments.chancery)?;
    let compile = CompileMode::Child { program, args: vec![COMPILE_WORKER.into()] };
    Ok(SandboxOptions::new(work.join("plugins"), work.join("cache"), CACHE_KEY, compile))
}

/// One plugin in a new sandbox: with an empty compile cache, and with a filled one.
fn compiled(report: &mut Report, effort: &Effort, runtime: &Runtime, arguments: &Arguments, work: &Path) -> Result<()> {
    let plugins = Directory::new(work.join("plugins"))?;
    let example = arguments.root.join("examples/farmer/plugins");
    let grant = fs::read_to_string(example.join("csv-provider.toml"))?;
    plugins.put(CSV_PROVIDER, &built(arguments, CSV_PROVIDER)?, &grant)?;
    fs::copy(example.join("farmers.csv"), plugins.path.join("farmers.csv"))?;
    // Waiting for files to settle is no part of loading.
    let options = SandboxOptions { debounce: Duration::ZERO, ..options(arguments, work)? };
    let load = || {
        let started = Instant::now();
        let sandbox = runtime.block_on(Sandbox::start(options.clone()))?;
        let took = started.elapsed();
        require_serving(&sandbox)?;
        runtime.block_on(sandbox.shutdown());
        Ok(took)
    };
    let cold = || {
        if fs::exists(&options.cache_dir)? {
            fs::remove_dir_all(&options.cache_dir)?;
        }
        load()
    };
    let times = (0..effort.start_ups).map(|_| cold()).collect::<Result<Vec<_>>>()?;
    report.loading(Loading::new("load-cold", "csv-provider, compiled in a child process", times, None)?);
    let times = (0..effort.start_ups).map(|_| load()).collect::<Result<Vec<_>>>()?;
    report.loading(Loading::new("load-cached", "csv-provider, from the compile cache", times, None)?);
    Ok(())
}

/// A plugin of one mebibyte is replaced by another that was never compiled, while it serves.
fn replaced(report: &mut Report, effort: &Effort, runtime: &Runtime, arguments: &Arguments, work: &Path) -> Result<()> {
    let plugins = Directory::new(work.join("plugins"))?;
    let wasm = of_size(MIB)?;
    plugins.put(REPLACED, &wasm, "")?;
    let sandbox = runtime.block_on(Sandbox::start(options(arguments, work)?))?;
    require_serving(&sandbox)?;
    let times = (0..effort.start_ups).map(|number| {
        plugins.stage(REPLACED, &numbered(&wasm, number))?;
        let before = serving(&sandbox);
        let renamed = Instant::now();
        plugins.rename(REPLACED)?;
        runtime.block_on(first_answer(&sandbox, before, renamed))
    });
    let times = times.collect::<Result<Vec<_>>>()?;
    let what = format!("{:.1} MB plugin, from its rename to the first answer", mb(wasm.len()));
    report.loading(Loading::new("replaced", &what, times, Some(REPLACED_GOAL))?);
    runtime.block_on(sandbox.shutdown());
    Ok(())
}

async fn first_answer(sandbox: &Sandbox, before: Option<String>, renamed: Instant) -> Result<Duration> {
    while serving(sandbox) == before {
        if renamed.elapsed() > PATIENCE {
            let reason = sandbox.plugin(REPLACED).and_then(|status| status.reason);
            return Err(format!("a replaced plugin does not serve: {}", reason.unwrap_or_default()).into());
        }
        sleep(LOOK).await;
    }
    sandbox.fetch(REPLACED, request(0)).await?;
    Ok(renamed.elapsed())
}

/// The digest of the component that answers.
fn serving(sandbox: &Sandbox) -> Option<String> {
    Some(sandbox.plugin(REPLACED)?.serving?.sha256)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
