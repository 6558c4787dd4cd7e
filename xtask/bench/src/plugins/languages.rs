//! The same plugin in every language: `examples/registry-lookup`. Its database answers at once, so that what is
//! measured is the plugin and the sandbox.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chancery::plugins::COMPILE_WORKER;
use chancery_sandbox::{
    CompileMode, Sandbox, SandboxOptions, StatementGrant,
    ports::{Ports, Rows, SqlError, SqlPort, SqlStatement, SqlValue},
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::guests::{CACHE_KEY, Directory, request, require_serving};
use crate::{
    Arguments, Result,
    measure::{Effort, Figures, repeat_tasks},
    report::{Language, Report},
};

const EXAMPLE: &str = "examples/registry-lookup";
const PLUGIN: &str = "registry-lookup";
const WARM: &str = "[plugin]\ninstance = \"warm\"\n";
/// The largest take ten seconds to compile.
const COMPILATIONS: usize = 3;

/// Name, folder of the project, and what a fresh call may take at the median.
const LANGUAGES: [(&str, &str, Duration); 4] = [
    ("Rust", "rust", Duration::from_micros(60)),
    ("C", "c", Duration::from_micros(60)),
    // JavaScript is the same once it is built.
    ("TypeScript (QuickJS)", "typescript", Duration::from_micros(200)),
    ("Python", "python", Duration::from_micros(1500)),
];

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    let example = arguments.root.join(EXAMPLE);
    let grant = fs::read_to_string(example.join(format!("{PLUGIN}.toml")))?;
    for (name, folder, goal) in LANGUAGES {
        let component = example.join(folder).join("build").join(format!("{PLUGIN}.wasm"));
        if !component.is_file() {
            report.skipped_language(name, &format!("`chancery plugin build {EXAMPLE}/{folder}` did not make it"));
            continue;
        }
        let bench = Bench { runtime, effort, wasm: fs::read(component)?, grant: &grant, work: &work.join(folder) };
        report.language(bench.measure(name, goal, arguments)?);
    }
    Ok(())
}

/// One component and where it is tried.
struct Bench<'a> {
    runtime: &'a Runtime,
    effort: &'a Effort,
    wasm: Vec<u8>,
    grant: &'a str,
    work: &'a Path,
}

impl Bench<'_> {
    fn measure(&self, name: &'static str, goal: Duration, arguments: &Arguments) -> Result<Language> {
        let program = fs::canonicalize(&arguments.chancery)?;
        let plugins = Directory::new(self.work.join("plugins"))?;
        plugins.put(PLUGIN, &self.wasm, self.grant)?;
        let compile = CompileMode::Child { program, args: vec![COMPILE_WORKER.into()] };
        let mut options = SandboxOptions::new(&plugins.path, self.work.join("cache"), CACHE_KEY, compile);
        // Waiting for files to settle is no part of loading.
        options.debounce = Duration::ZERO;
        options.ports = Ports { sql: Arc::new(Registry), ..Ports::none() };

        let compiled = (0..COMPILATIONS.min(self.effort.start_ups)).map(|_| self.compiled(&options));
        let compiled = compiled.collect::<Result<Vec<_>>>()?;
        let cached = (0..self.effort.start_ups).map(|_| self.loaded(&options));
        let cached = cached.collect::<Result<Vec<_>>>()?;
        let fresh = self.calls(&options)?;
        plugins.put(PLUGIN, &self.wasm, &format!("{WARM}{}", self.grant))?;
        let warm = self.calls(&options)?;
        Language::new(name, self.wasm.len(), [compiled, cached], [fresh, warm], goal)
    }

    /// From a component that was never compiled to one that serves.
    fn compiled(&self, options: &SandboxOptions) -> Result<Duration> {
        if fs::exists(&options.cache_dir)? {
            fs::remove_dir_all(&options.cache_dir)?;
        }
        self.loaded(options)
    }

    fn loaded(&self, options: &SandboxOptions) -> Result<Duration> {
        let started = Instant::now();
        let sandbox = self.runtime.block_on(Sandbox::start(options.clone()))?;
        let took = started.elapsed();
        require_serving(&sandbox)?;
        self.runtime.block_on(sandbox.shutdown());
        Ok(took)
    }

    fn calls(&self, options: &SandboxOptions) -> Result<Figures> {
        let sandbox = self.runtime.block_on(Sandbox::start(options.clone()))?;
        require_serving(&sandbox)?;
        let job = |number| {
            let sandbox = sandbox.clone();
            async move {
                let data = sandbox.fetch(PLUGIN, request(number)).await?;
                let right = data.claims["given_name"] == json!("Asha") && data.attachments.len() == 1;
                if right { Ok(()) } else { Err("a wrong answer".into()) }
            }
        };
        let figures = self.runtime.block_on(repeat_tasks(self.effort, 1, job))?;
        self.runtime.block_on(sandbox.shutdown());
        Ok(figures)
    }
}

/// A database that knows one person, and needs no time.
struct Registry;

struct Answer {
    parcels: bool,
}

#[async_trait]
impl SqlPort for Registry {
    async fn open(&self, grant: &StatementGrant) -> std::result::Result<Arc<dyn SqlStatement>, String> {
        Ok(Arc::new(Answer { parcels: grant.text.contains("from parcel") }))
    }
}

#[async_trait]
impl SqlStatement for Answer {
    async fn run(&self, _: Vec<SqlValue>, _: Duration) -> std::result::Result<Rows, SqlError> {
        let text = |text: &str| SqlValue::Text(text.to_owned());
        let parcel =
            |number, hectares: &str, water| vec![text(number), SqlValue::Numeric(hectares.to_owned()), text(water)];
        let (columns, rows) = if self.parcels {
            let rows = vec![parcel("17/2", "1.60", "irrigated"), parcel("41", "0.80", "rain-fed")];
            (["number", "hectares", "water"].as_slice(), rows)
        } else {
            let person = vec![
                text("Asha"),
                text("Devi"),
                SqlValue::Date("1984-03-12".to_owned()),
                text("Rampur"),
                text("active"),
                SqlValue::Bytes(b"\x89PNG\r\n\x1a\n".to_vec()),
                SqlValue::Int(1_893_456_000),
            ];
            let columns =
                ["given_name", "family_name", "birth_date", "village", "status", "photo", "valid_until"].as_slice();
            (columns, vec![person])
        };
        Ok(Rows { columns: columns.iter().map(|&column| column.to_owned()).collect(), rows, truncated: false })
    }
}
