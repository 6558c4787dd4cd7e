//! Measures Chancery: each part of an issuance by itself, the running host from outside, and a peer in the same
//! run. Started by `cargo xtask bench`, which builds what it needs.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `measure`, `process`, `machine` | figures, processor time and memory of a process, what this machine is |
//! | `example` | the farmer's configurations and data, with 100,000 rows |
//! | `parts` | one file a part of an issuance, measured in this process |
//! | `plugins` | what plugins cost beyond that: capabilities, loading, bad neighbours, memory |
//! | `status` | the life of credentials: status lists, from an entry to a change that verifiers see, and many of them |
//! | `http`, `load`, `wallet` | the load generator: keep-alive connections, key proofs |
//! | `site`, `peer` | the two servers that are put under load |
//! | `whole` | one file a question that is put to them |
//! | `section` | the names of what can be measured by itself |
//! | `report` | the tables, the ratios, the goals, the budget of one request, the JSON |

mod example;
mod http;
mod load;
mod machine;
mod measure;
mod parts;
mod peer;
mod plugins;
mod process;
mod report;
mod section;
mod site;
mod status;
mod wallet;
mod whole;

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use machine::Machine;
use measure::Effort;
use report::Report;
use section::Section;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measures Chancery, part by part and as a whole, beside a peer")]
struct Arguments {
    /// The built `chancery`
    #[arg(long)]
    chancery: PathBuf,
    /// The built csv-provider.wasm; the guests of the sandbox's tests are beside it
    #[arg(long)]
    plugin: PathBuf,
    /// The repository's root
    #[arg(long)]
    root: PathBuf,
    /// Databases are made below this directory: it should be on a disk
    #[arg(long)]
    work: PathBuf,
    /// Seconds instead of minutes: shows that everything runs, its figures are rough
    #[arg(long)]
    quick: bool,
    /// Measure these alone, separated by commas
    #[arg(long, value_name = "SECTION", value_delimiter = ',')]
    only: Vec<Section>,
    /// Leave the peer out
    #[arg(long)]
    no_peers: bool,
    /// Write every figure to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Arguments {
    fn wants(&self, section: Section) -> bool {
        section.is_in(&self.only)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let effort = if arguments.quick { QUICK } else { FULL };
    fs::create_dir_all(&arguments.work)?;
    let work = tempfile::tempdir_in(&arguments.work)?;
    let example = example::Example::read(&arguments.root.join("examples/farmer"))?;
    let people = work.path().join("farmers.csv");
    example::write_people(&people)?;

    let mut report = Report::new(Machine::here(arguments.quick)?);
    // First: what others leave behind would hide what the lists take.
    if arguments.wants(Section::StatusMemory) {
        status::measure_memory(&mut report)?;
    }
    if arguments.wants(Section::Parts) {
        parts::measure(&mut report, &effort, &example, arguments, work.path())?;
    }
    plugins::measure(&mut report, &effort, arguments, work.path())?;
    if arguments.wants(Section::Status) {
        status::measure(&mut report, &effort, arguments, work.path())?;
    }
    if arguments.wants(Section::Whole) {
        whole::measure(&mut report, &effort, arguments, work.path())?;
    }
    report.print();
    if let Some(path) = &arguments.json {
        fs::write(path, report.to_json()?)?;
    }
    Ok(())
}

const FULL: Effort = Effort {
    warm_up: Duration::from_secs(2),
    measure: Duration::from_secs(5),
    start_ups: 11,
    issuances: 100_000,
    calls: 1_000_000,
};
const QUICK: Effort = Effort {
    warm_up: Duration::from_millis(100),
    measure: Duration::from_millis(400),
    start_ups: 3,
    issuances: 2_000,
    calls: 50_000,
};
