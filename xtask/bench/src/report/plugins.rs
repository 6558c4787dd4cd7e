//! What plugins cost beyond a call, and how far that is from the goals.

use std::time::Duration;

use serde::Serialize;

use super::{CONSTANT, MIB, Report, System, goals::Goal, table::Table};
use crate::{Result, measure::Figures};

/// Of one call to a Rust plugin in a fresh sandbox, at the median.
const FRESH_GOAL_MICROS: f64 = 60.0;
/// How much longer the calls of good plugins may take beside bad ones, in 99 of 100 cases.
const NEIGHBOURS_GOAL: f64 = 2.0;

#[derive(Debug, Default, Serialize)]
pub(super) struct Plugins {
    capabilities: Vec<Capability>,
    loadings: Vec<Loading>,
    neighbours: Option<Neighbours>,
    memory: Option<CallMemory>,
}

/// What one use of a capability adds to a call.
#[derive(Debug, Serialize)]
pub(crate) struct Capability {
    id: &'static str,
    what: &'static str,
    /// In one call.
    times: usize,
    /// At the median.
    micros: f64,
    cpu_micros: f64,
    bare: Option<Beneath>,
}

/// The same work without a plugin.
#[derive(Debug, Serialize)]
struct Beneath {
    what: &'static str,
    micros: f64,
    cpu_micros: f64,
}

/// How long a plugin takes to serve.
#[derive(Debug, Serialize)]
pub(crate) struct Loading {
    id: &'static str,
    what: String,
    median_ms: f64,
    worst_ms: f64,
    goal_ms: Option<f64>,
}

/// Calls of good plugins, without and with bad ones beside them.
#[derive(Debug, Serialize)]
pub(crate) struct Neighbours {
    plugins: usize,
    alone: Latency,
    beside: Latency,
    /// Calls of the bad ones that were ended at a limit meanwhile.
    ended_at_a_limit: usize,
}

#[derive(Debug, Serialize)]
struct Latency {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Debug, Serialize)]
struct CallMemory {
    before_mib: f64,
    calls: usize,
    after_mib: f64,
}

impl Capability {
    /// `used` and `bare` did it `times`, `unused` is a call that did nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn new(
        id: &'static str,
        what: &'static str,
        times: usize,
        used: &Figures,
        unused: &Figures,
        bare: Option<(&'static str, &Figures)>,
    ) -> Self {
        let each = |micros: f64| micros / times as f64;
        let bare = bare.map(|(what, figures)| Beneath {
            what,
            micros: each(figures.p50_ms * 1e3),
            cpu_micros: each(figures.cpu_micros()),
        });
        Self {
            id,
            what,
            times,
            micros: each((used.p50_ms - unused.p50_ms) * 1e3),
            cpu_micros: each(used.cpu_micros() - unused.cpu_micros()),
            bare,
        }
    }
}

impl Loading {
    pub(crate) fn new(id: &'static str, what: &str, mut times: Vec<Duration>, goal: Option<Duration>) -> Result<Self> {
        times.sort_unstable();
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        let (Some(median), Some(worst)) = (times.get(times.len() / 2), times.last()) else {
            return Err(format!("{what}: nothing was measured").into());
        };
        let goal_ms = goal.as_ref().map(ms);
        Ok(Self { id, what: what.to_owned(), median_ms: ms(median), worst_ms: ms(worst), goal_ms })
    }
}

impl Neighbours {
    pub(crate) fn new(plugins: usize, alone: &Figures, beside: &Figures, ended_at_a_limit: usize) -> Self {
        let latency = |figures: &Figures| Latency {
            per_second: figures.per_second,
            p50_ms: figures.p50_ms,
            p99_ms: figures.p99_ms,
        };
        Self { plugins, alone: latency(alone), beside: latency(beside), ended_at_a_limit }
    }

    fn times(&self) -> f64 {
        self.beside.p99_ms / self.alone.p99_ms
    }
}

impl Report {
    pub(crate) fn capability(&mut self, capability: Capability) {
        eprintln!("{:<14} {}: {:.1} µs", "", capability.what, capability.micros);
        self.plugins.capabilities.push(capability);
    }

    pub(crate) fn loading(&mut self, loading: Loading) {
        eprintln!("{:<14} {}: {:.0} ms", "", loading.what, loading.median_ms);
        self.plugins.loadings.push(loading);
    }

    pub(crate) fn neighbours(&mut self, neighbours: Neighbours) {
        let Neighbours { plugins, .. } = neighbours;
        eprintln!("{:<14} {plugins} plugins beside bad ones: {:.2} times p99", "", neighbours.times());
        self.plugins.neighbours = Some(neighbours);
    }

    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    pub(crate) fn call_memory(&mut self, before: u64, calls: usize, after: u64) {
        self.plugins.memory =
            Some(CallMemory { before_mib: before as f64 / MIB, calls, after_mib: after as f64 / MIB });
    }

    pub(super) fn plugin_goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        let mut compare = |what, measured, at_most, unit| goals.push(Goal::at_most(what, measured, at_most, unit));
        if let Some(figures) = self.find(CONSTANT, System::Part, 1) {
            let what = "fresh call of a Rust plugin, median".to_owned();
            compare(what, figures.p50_ms * 1e3, FRESH_GOAL_MICROS, "µs");
        }
        for loading in &self.plugins.loadings {
            if let Some(goal) = loading.goal_ms {
                compare(format!("{}, median", loading.what), loading.median_ms, goal, "ms");
            }
        }
        if let Some(neighbours) = &self.plugins.neighbours {
            let what = "p99 of good plugins beside bad ones, to p99 without".to_owned();
            compare(what, neighbours.times(), NEIGHBOURS_GOAL, "times");
        }
        goals
    }
}

impl Plugins {
    pub(super) fn print(&self) {
        self.capabilities().print("What one use of a capability adds to a call, and the same without a plugin:");
        self.loadings().print("From a component on the disk to a plugin that serves:");
        if let Some(neighbours) = &self.neighbours {
            let Neighbours { plugins, ended_at_a_limit, .. } = neighbours;
            neighbours.table().print(&format!(
                "{plugins} plugins with a caller each, beside one that spins and one that sleeps ({ended_at_a_limit} of \
                 their calls ended at a limit):"
            ));
        }
        if let Some(CallMemory { before_mib, calls, after_mib }) = &self.memory {
            println!("\nResident memory of this process: {before_mib:.0} MiB, {after_mib:.0} MiB after {calls} calls.");
        }
    }

    fn capabilities(&self) -> Table {
        let mut table = Table::new(&["capability", "µs", "CPU µs", "bare µs", "bare CPU µs", "times", "bare is"]);
        for Capability { what, micros, cpu_micros, bare, .. } in &self.capabilities {
            let number = |number: f64| format!("{number:.1}");
            let mut row = vec![(*what).to_owned(), number(*micros), number(*cpu_micros)];
            match bare {
                Some(bare) => {
                    let times = format!("{:.2}", micros / bare.micros);
                    row.extend([number(bare.micros), number(bare.cpu_micros), times, bare.what.to_owned()]);
                }
                None => row.extend(["–"; 4].map(str::to_owned)),
            }
            table.row(row);
        }
        table
    }

    fn loadings(&self) -> Table {
        let mut table = Table::new(&["what", "median ms", "worst ms"]);
        for Loading { what, median_ms, worst_ms, .. } in &self.loadings {
            table.row(vec![what.clone(), format!("{median_ms:.0}"), format!("{worst_ms:.0}")]);
        }
        table
    }
}

impl Neighbours {
    fn table(&self) -> Table {
        let mut table = Table::new(&["good plugins", "per second", "p50 ms", "p99 ms"]);
        for (what, latency) in [("alone", &self.alone), ("beside the bad ones", &self.beside)] {
            let Latency { per_second, p50_ms, p99_ms } = latency;
            let cells = [what.to_owned(), format!("{per_second:.0}"), format!("{p50_ms:.3}"), format!("{p99_ms:.3}")];
            table.row(cells.to_vec());
        }
        let times = |of: fn(&Latency) -> f64| format!("{:.2}", of(&self.beside) / of(&self.alone));
        let cells = ["times".to_owned(), times(|it| it.per_second), times(|it| it.p50_ms), times(|it| it.p99_ms)];
        table.row(cells.to_vec());
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(p50_ms: f64, cpu_micros: f64) -> Figures {
        Figures { done: 1, per_second: 1.0, p50_ms, p99_ms: p50_ms, per_cpu_second: 1e6 / cpu_micros }
    }

    #[test]
    fn a_capability_costs_what_its_uses_add() {
        let (used, unused, bare) = (figures(0.5, 400.0), figures(0.1, 80.0), figures(0.2, 160.0));
        let capability = Capability::new("id", "what", 10, &used, &unused, Some(("bare", &bare)));
        assert!((capability.micros - 40.0).abs() < 1e-9);
        assert!((capability.cpu_micros - 32.0).abs() < 1e-9);
        let bare = capability.bare.unwrap();
        assert!((bare.micros - 20.0).abs() < 1e-9 && (bare.cpu_micros - 16.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_is_shown_beside_the_worst() {
        let times = [30, 10, 20].map(Duration::from_millis).to_vec();
        let loading = Loading::new("id", "what", times, None).unwrap();
        assert!((loading.median_ms - 20.0).abs() < 1e-9 && (loading.worst_ms - 30.0).abs() < 1e-9);
        assert!(Loading::new("id", "what", Vec::new(), None).is_err());
    }
}
