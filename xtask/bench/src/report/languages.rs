//! Plugins by the language that they are written in.

use std::time::Duration;

use serde::Serialize;

use super::{MIB, Report, goals::Goal, table::Table};
use crate::{Result, measure::Figures};

#[derive(Debug, Default, Serialize)]
pub(super) struct Languages {
    measured: Vec<Language>,
    skipped: Vec<Skipped>,
}

/// The same plugin in one of the languages.
#[derive(Debug, Serialize)]
pub(crate) struct Language {
    name: &'static str,
    bytes: usize,
    /// From a component on the disk to one that serves, at the median.
    compile_ms: f64,
    load_ms: f64,
    fresh: Figures,
    warm: Figures,
    goal_micros: f64,
}

#[derive(Debug, Serialize)]
struct Skipped {
    name: &'static str,
    reason: String,
}

impl Language {
    /// `compiled` and `cached` are how long loading took, `fresh` and `warm` calls one after the other.
    pub(crate) fn new(
        name: &'static str,
        bytes: usize,
        [compiled, cached]: [Vec<Duration>; 2],
        [fresh, warm]: [Figures; 2],
        goal: Duration,
    ) -> Result<Self> {
        let goal_micros = goal.as_secs_f64() * 1e6;
        Ok(Self {
            name,
            bytes,
            compile_ms: median_ms(compiled)?,
            load_ms: median_ms(cached)?,
            fresh,
            warm,
            goal_micros,
        })
    }
}

impl Report {
    pub(crate) fn language(&mut self, language: Language) {
        let (fresh, warm) = (language.fresh.p50_ms * 1e3, language.warm.p50_ms * 1e3);
        eprintln!("{:<14} {}: {fresh:.0} µs in a fresh sandbox, {warm:.0} µs in a warm one", "", language.name);
        self.languages.measured.push(language);
    }

    pub(crate) fn skipped_language(&mut self, name: &'static str, reason: &str) {
        eprintln!("{:<14} {name}: skipped: {reason}", "");
        self.languages.skipped.push(Skipped { name, reason: reason.to_owned() });
    }

    pub(super) fn language_goals(&self) -> Vec<Goal> {
        let goal = |language: &Language| {
            let what = format!("fresh call of a plugin in {}, median", language.name);
            Goal::at_most(what, language.fresh.p50_ms * 1e3, language.goal_micros, "µs")
        };
        self.languages.measured.iter().map(goal).collect()
    }
}

impl Languages {
    pub(super) fn print(&self) {
        self.table().print(
            "The same plugin by language: a call with two SQL statements that are answered at once, in a fresh sandbox \
             and in a warm one:",
        );
        for Skipped { name, reason } in &self.skipped {
            println!("\n{name} is skipped: {reason}.");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    fn table(&self) -> Table {
        let head = [
            "language",
            "fresh p50 µs",
            "fresh p99 µs",
            "warm p50 µs",
            "warm p99 µs",
            "compile ms",
            "load from cache ms",
            "size MiB",
        ];
        let mut table = Table::new(&head);
        for Language { name, bytes, compile_ms, load_ms, fresh, warm, .. } in &self.measured {
            let calls = [fresh.p50_ms, fresh.p99_ms, warm.p50_ms, warm.p99_ms];
            let mut row = vec![(*name).to_owned()];
            row.extend(calls.map(|ms| format!("{:.0}", ms * 1e3)));
            row.extend([compile_ms, load_ms].map(|ms| format!("{ms:.0}")));
            row.push(format!("{:.2}", *bytes as f64 / MIB));
            table.row(row);
        }
        table
    }
}

fn median_ms(mut times: Vec<Duration>) -> Result<f64> {
    times.sort_unstable();
    let median = times.get(times.len() / 2).ok_or("nothing was loaded")?;
    Ok(median.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_for_a_fresh_call() {
        let figures = |p50_ms| Figures { done: 1, per_second: 1.0, p50_ms, p99_ms: p50_ms, per_cpu_second: 1.0 };
        let loading = [3, 1, 2].map(Duration::from_millis).to_vec();
        let goal = Duration::from_micros(200);
        let language =
            Language::new("C", 1 << 20, [loading.clone(), loading], [figures(0.1), figures(0.01)], goal).unwrap();
        assert!((language.compile_ms - 2.0).abs() < 1e-9 && (language.goal_micros - 200.0).abs() < 1e-9);
        assert!(Language::new("C", 1, [Vec::new(), Vec::new()], [figures(0.1), figures(0.1)], goal).is_err());
    }
}
