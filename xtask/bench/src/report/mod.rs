//! What was measured, and what follows from it. The tables are printed as Markdown, so that they can be put into
//! the README as they are.

mod budget;
mod goals;
mod languages;
mod plugins;
mod ratios;
mod status;
mod table;

use std::time::Duration;

use serde::Serialize;

use crate::{Result, machine::Machine, measure::Figures};
use budget::Budget;
use goals::Goal;
use languages::Languages;
use plugins::Plugins;
use ratios::Ratio;
use status::{Durable, Status};
use table::Table;

pub(crate) use languages::Language;
pub(crate) use plugins::{Capability, Loading, Neighbours};
pub(crate) use status::{ALLOCATION_WORKERS, DURABLE_TASKS, LIST_READ, Making, Publications, Scale};

/// Names the rows of a Rust plugin that only answers.
pub(crate) const CONSTANT: &str = "sandbox-constant";
const MIB: f64 = 1024.0 * 1024.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    /// In this process, with the host's crates.
    Part,
    /// The host, its database on disk.
    Chancery,
    /// The host, its database in a file system in memory.
    ChanceryInMemory,
    /// The peer: in memory.
    Node,
}

impl System {
    fn name(self) -> &'static str {
        match self {
            Self::Part => "",
            Self::Chancery => "Chancery",
            Self::ChanceryInMemory => "Chancery, database in memory",
            Self::Node => "Node",
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    what: String,
    system: System,
    /// Tasks or connections.
    at_once: usize,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Serialize)]
struct StartUp {
    /// The plugin had to be compiled.
    cold_ms: f64,
    /// The plugin came from the compile cache; median.
    warm_ms: f64,
}

#[derive(Debug, Serialize)]
struct Memory {
    idle_mib: f64,
    issuances: usize,
    after_mib: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    rows: Vec<Row>,
    start_up: Option<StartUp>,
    memory: Option<Memory>,
    plugins: Plugins,
    languages: Languages,
    status: Status,
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            rows: Vec::new(),
            start_up: None,
            memory: None,
            plugins: Plugins::default(),
            languages: Languages::default(),
            status: Status::default(),
        }
    }

    /// Something measured in this process.
    pub(crate) fn part(&mut self, id: &str, what: &str, at_once: usize, figures: Figures) {
        self.whole(id, what, System::Part, at_once, figures);
    }

    pub(crate) fn whole(&mut self, id: &str, what: &str, system: System, at_once: usize, figures: Figures) {
        eprintln!(
            "{:<14} {what}, {at_once} at once: {:.0}/s, {:.0} per CPU-second",
            system.name(),
            figures.per_second,
            figures.per_cpu_second
        );
        self.rows.push(Row { id: id.to_owned(), what: what.to_owned(), system, at_once, figures });
    }

    pub(crate) fn start_up(&mut self, cold: Duration, warm: Duration) {
        self.start_up = Some(StartUp { cold_ms: cold.as_secs_f64() * 1e3, warm_ms: warm.as_secs_f64() * 1e3 });
    }

    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    pub(crate) fn memory(&mut self, idle: u64, issuances: usize, after: u64) {
        self.memory = Some(Memory { idle_mib: idle as f64 / MIB, issuances, after_mib: after as f64 / MIB });
    }

    pub(crate) fn print(&self) {
        let Machine { date, processor, cores, memory_gib, kernel, load_before, quick } = &self.machine;
        println!(
            "\n{date}, {cores} cores of {processor}, {memory_gib} GiB, Linux {kernel}, load {load_before} before."
        );
        if *quick {
            println!("A quick run: the figures are rough.");
        }
        self.figures(|system| system == System::Part).print("Parts, in one process:");
        self.plugins.print();
        self.languages.print();
        self.print_status();
        let servers = self.figures(|system| system != System::Part);
        servers.print("Servers, from outside, the load generator on the same machine:");
        ratios::table(&self.ratios()).print("By requests per CPU-second of the server:");
        for budget in self.budgets() {
            budget.print();
        }
        if let Some(StartUp { cold_ms, warm_ms }) = &self.start_up {
            println!(
                "\nStart to /readyz with 100,000 rows: {warm_ms:.0} ms (median), {cold_ms:.0} ms with an empty compile cache."
            );
        }
        if let Some(Memory { idle_mib, issuances, after_mib }) = &self.memory {
            println!("\nResident memory: {idle_mib:.0} MiB idle, {after_mib:.0} MiB after {issuances} credentials.");
        }
        goals::table(&self.goals()).print("Goals; below 1 is better than the goal:");
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(flatten)]
            report: &'a Report,
            ratios: Vec<Ratio>,
            budgets: Vec<Budget>,
            durable: Vec<Durable>,
            goals: Vec<Goal>,
        }
        let document = Document {
            report: self,
            ratios: self.ratios(),
            budgets: self.budgets(),
            durable: self.durable(),
            goals: self.goals(),
        };
        Ok(serde_json::to_string_pretty(&document)?)
    }

    fn figures(&self, wanted: impl Fn(System) -> bool) -> Table {
        let mut table = Table::new(&["what", "at once", "per second", "p50 ms", "p99 ms", "per CPU-second", "CPU µs"]);
        for Row { what, system, at_once, figures, .. } in self.rows.iter().filter(|row| wanted(row.system)) {
            let name = system.name();
            table.row(vec![
                if name.is_empty() { what.clone() } else { format!("{what} ({name})") },
                at_once.to_string(),
                count(figures.per_second),
                format!("{:.3}", figures.p50_ms),
                format!("{:.3}", figures.p99_ms),
                count(figures.per_cpu_second),
                format!("{:.1}", figures.cpu_micros()),
            ]);
        }
        table
    }

    fn find(&self, id: &str, system: System, at_once: usize) -> Option<&Figures> {
        let row = self.rows.iter().find(|row| row.id == id && row.system == system && row.at_once == at_once);
        row.map(|row| &row.figures)
    }
}

/// A whole number with commas between its thousands.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.2, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }
}
