//! A data provider asked about somebody: a fresh sandbox each time.

use std::fs;
use std::path::Path;

use chancery_sandbox::{CompileMode, Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::TASKS;
use crate::{
    Arguments, Result,
    example::subject,
    measure::{Effort, repeat_tasks},
    plugins::guests::{CACHE_KEY, CSV_PROVIDER, Directory, HOSTILE, built, minimal, request, require_serving},
    report::{CONSTANT, Report},
};

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    let plugins = Directory::new(work.join("plugins"))?;
    plugins.put("minimal", &minimal("")?, "")?;
    // Asked about an ordinary person, it gives a constant answer.
    plugins.put(HOSTILE, &built(arguments, HOSTILE)?, "")?;
    let grant = fs::read_to_string(arguments.root.join("examples/farmer/plugins/csv-provider.toml"))?;
    plugins.put(CSV_PROVIDER, &built(arguments, CSV_PROVIDER)?, &grant)?;
    fs::copy(work.join("farmers.csv"), plugins.path.join("farmers.csv"))?;
    let options = SandboxOptions::new(&plugins.path, work.join("cache"), CACHE_KEY, CompileMode::InProcess);
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    require_serving(&sandbox)?;
    let mut measure =
        |id: &str, what: &str, plugin: &'static str, claim: &'static str, expected: fn(usize) -> Value| {
            for tasks in TASKS {
                let job = |number| {
                    let sandbox = sandbox.clone();
                    async move {
                        let fetched = sandbox.fetch(plugin, request(number)).await?;
                        if fetched.claims[claim] == expected(number) { Ok(()) } else { Err("a wrong answer".into()) }
                    }
                };
                let figures = runtime.block_on(repeat_tasks(effort, tasks, job))?;
                report.part(id, what, tasks, figures);
            }
            Result::Ok(())
        };
    measure("sandbox-minimal", "hand-written plugin in a fresh sandbox", "minimal", "name", |_| json!("Ada"))?;
    measure(CONSTANT, "Rust plugin, constant answer, in a fresh sandbox", HOSTILE, "name", |_| json!("Ada"))?;
    let what = "csv-provider in a fresh sandbox, 100,000 rows";
    measure("sandbox", what, CSV_PROVIDER, "farmer_id", |number| json!(subject(number)))?;
    runtime.block_on(sandbox.shutdown());
    Ok(())
}
