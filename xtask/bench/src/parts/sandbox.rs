//! A data provider asked about one of 100,000 people: a fresh sandbox each time.

use std::{fs, path::Path};

use chancery_sandbox::{CompileMode, FetchRequest, Sandbox, SandboxOptions};
use serde_json::json;
use tokio::runtime::Runtime;

use super::TASKS;
use crate::{
    Arguments, Result,
    example::{SD_JWT, subject},
    measure::{Effort, repeat_tasks},
    report::Report,
};

const PLUGIN: &str = "csv-provider";
/// Guards the compile cache of this run alone.
const CACHE_KEY: [u8; 32] = [7; 32];

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    let plugins = work.join("plugins");
    fs::create_dir(&plugins)?;
    fs::copy(&arguments.plugin, plugins.join("csv-provider.wasm"))?;
    fs::copy(arguments.root.join("examples/farmer/plugins/csv-provider.toml"), plugins.join("csv-provider.toml"))?;
    fs::copy(work.join("farmers.csv"), plugins.join("farmers.csv"))?;
    let options = SandboxOptions::new(&plugins, work.join("cache"), CACHE_KEY, CompileMode::InProcess);
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    if let Some(status) = sandbox.plugins().iter().find(|status| !status.is_serving()) {
        return Err(format!("{} does not serve: {:?}", status.name, status.reason).into());
    }
    for tasks in TASKS {
        let job = |number| {
            let sandbox = sandbox.clone();
            async move {
                let fetched = sandbox.fetch(PLUGIN, request(number)).await?;
                if fetched.claims["farmer_id"] == json!(subject(number)) {
                    Ok(())
                } else {
                    Err("a wrong answer".into())
                }
            }
        };
        let figures = runtime.block_on(repeat_tasks(effort, tasks, job))?;
        report.part("sandbox", "csv-provider in a fresh sandbox, 100,000 rows", tasks, figures);
    }
    runtime.block_on(sandbox.shutdown());
    Ok(())
}

fn request(number: usize) -> FetchRequest {
    FetchRequest {
        request_id: format!("bench-{number}"),
        issuer_id: "default".to_owned(),
        configuration_id: SD_JWT.to_owned(),
        format: "dc+sd-jwt".to_owned(),
        subject_id: subject(number),
        ..FetchRequest::default()
    }
}
