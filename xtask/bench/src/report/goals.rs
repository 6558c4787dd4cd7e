//! What was aimed for, and how far off that is.

use serde::Serialize;

use super::{Report, table::Table};

#[derive(Debug, Serialize)]
pub(super) struct Goal {
    what: String,
    measured: f64,
    #[serde(flatten)]
    bound: Bound,
    unit: &'static str,
    /// Below 1: better than the goal.
    ratio: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    pub(super) fn at_most(what: String, measured: f64, most: f64, unit: &'static str) -> Self {
        Self { what, measured, bound: Bound::AtMost(most), unit, ratio: measured / most }
    }

    pub(super) fn at_least(what: String, measured: f64, least: f64, unit: &'static str) -> Self {
        Self { what, measured, bound: Bound::AtLeast(least), unit, ratio: least / measured }
    }
}

impl Report {
    pub(super) fn goals(&self) -> Vec<Goal> {
        let plugins = self.plugin_goals().into_iter().chain(self.language_goals());
        plugins.chain(self.status_goals()).collect()
    }
}

pub(super) fn table(goals: &[Goal]) -> Table {
    let mut table = Table::new(&["goal", "measured", "aimed for", "ratio"]);
    for Goal { what, measured, bound, unit, ratio } in goals {
        let digits = if *measured < 10.0 { 2 } else { 0 };
        let (bound, number) = match bound {
            Bound::AtMost(most) => ("at most", most),
            Bound::AtLeast(least) => ("at least", least),
        };
        table.row(vec![
            what.clone(),
            format!("{measured:.digits$} {unit}"),
            format!("{bound} {number:.0} {unit}"),
            format!("{ratio:.2}"),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_than_the_goal_is_below_one_whichever_way_is_better() {
        let goals = [
            Goal::at_most("time".to_owned(), 5.0, 10.0, "ms"),
            Goal::at_least("rate".to_owned(), 20.0, 10.0, "/s"),
            Goal::at_least("low rate".to_owned(), 5.0, 10.0, "/s"),
        ];
        for (goal, ratio) in goals.iter().zip([0.5, 0.5, 2.0]) {
            assert!((goal.ratio - ratio).abs() < 1e-9, "{goal:?}");
        }
        let json = serde_json::to_value(&goals).unwrap();
        assert_eq!((&json[0]["at_most"], &json[1]["at_least"]), (&10.0.into(), &10.0.into()));
    }
}
