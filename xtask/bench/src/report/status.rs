//! What the life of credentials costs, and how far that is from the goals.

use std::time::Duration;

use serde::Serialize;

use super::{MIB, Report, System, count, goals::Goal, table::Table};
use crate::{Result, status::host::Database};

/// At once: what record and commit are measured with.
pub(crate) const DURABLE_TASKS: [usize; 3] = [1, 32, 64];
pub(crate) const ALLOCATION_WORKERS: [usize; 3] = [1, 8, 64];
/// Names the rows of a list that is read as a Token Status List.
pub(crate) const LIST_READ: &str = "list-read";

/// A nonce, a credential, its entries of two purposes, an audit event.
const ROWS_PER_ISSUANCE: f64 = 5.0;
const DURABLE_GOAL: f64 = 3_000.0;
const ALLOCATION_GOAL: f64 = 100_000.0;
const PUBLISHED_GOAL_MS: f64 = 1_000.0;
const CHANGES_GOAL: f64 = 1_000.0;
const READ_GOAL_MS: f64 = 1.0;
const KIB: f64 = 1024.0;
const GIB: f64 = 1024.0 * MIB;

#[derive(Debug, Default, Serialize)]
pub(super) struct Status {
    publications: Option<Publications>,
    makings: Vec<Making>,
    scales: Vec<Scale>,
}

/// Issuances that are recorded, beside the cheapest durable write that the store has.
#[derive(Debug, Serialize)]
pub(super) struct Durable {
    database: &'static str,
    at_once: usize,
    per_second: f64,
    rows_per_second: f64,
    /// Changes of one row, with as many at once.
    writes_per_second: f64,
    /// To as many of those at once.
    to_writes: f64,
    /// To those one after the other, each a commit of its own: above 1, issuances share commits.
    to_commits: f64,
}

/// How long changes take from their acknowledgement until verifiers can see them.
#[derive(Debug, Serialize)]
pub(crate) struct Publications {
    changes: usize,
    asked_per_second: u32,
    per_second: f64,
    /// Of all lists, as one who fetches them all the time was given them.
    versions: usize,
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
}

/// What is made of the bits of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Making {
    id: &'static str,
    what: &'static str,
    entries: u32,
    percent_set: u32,
    median_ms: f64,
    bytes: usize,
    /// The same again under gzip.
    gzip_bytes: usize,
}

/// What one takes, and many.
#[derive(Debug, Serialize)]
pub(crate) struct Scale {
    id: &'static str,
    what: String,
    #[serde(flatten)]
    each: Amount,
    /// How many there are of them.
    times: Option<u32>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Amount {
    Bytes { each: f64, of: &'static str },
    Seconds { each: f64 },
}

impl Publications {
    /// `waits` of all changes, which were made within `elapsed`.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn new(
        asked_per_second: u32,
        elapsed: Duration,
        versions: usize,
        mut waits: Vec<Duration>,
    ) -> Result<Self> {
        waits.sort_unstable();
        let changes = waits.len();
        let at = |percent: usize| waits.get((changes * percent / 100).min(changes.saturating_sub(1)));
        let (Some(p50), Some(p99), Some(worst)) = (at(50), at(99), waits.last()) else {
            return Err("no change was published".into());
        };
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        Ok(Self {
            changes,
            asked_per_second,
            per_second: changes as f64 / elapsed.as_secs_f64(),
            versions,
            p50_ms: ms(p50),
            p99_ms: ms(p99),
            worst_ms: ms(worst),
        })
    }
}

impl Making {
    pub(crate) fn new(
        id: &'static str,
        what: &'static str,
        entries: u32,
        percent_set: u32,
        median: Duration,
        bytes: usize,
        gzip_bytes: usize,
    ) -> Self {
        Self { id, what, entries, percent_set, median_ms: median.as_secs_f64() * 1e3, bytes, gzip_bytes }
    }
}

impl Scale {
    /// `of` is what takes so many bytes, and what there are so many of.
    pub(crate) fn bytes(id: &'static str, what: &str, of: &'static str, each: f64, times: u32) -> Self {
        Self { id, what: what.to_owned(), each: Amount::Bytes { each, of }, times: Some(times) }
    }

    pub(crate) fn time(id: &'static str, what: &str, each: Duration, times: Option<u32>) -> Self {
        Self { id, what: what.to_owned(), each: Amount::Seconds { each: each.as_secs_f64() }, times }
    }

    fn one(&self) -> String {
        match self.each {
            Amount::Bytes { each, of } => format!("{} a {of}", bytes(each)),
            Amount::Seconds { each } => seconds(each),
        }
    }

    fn all(&self) -> String {
        let Some(times) = self.times else { return "–".to_owned() };
        match self.each {
            Amount::Bytes { each, .. } => bytes(each * f64::from(times)),
            Amount::Seconds { each } => seconds(each * f64::from(times)),
        }
    }
}

impl Report {
    pub(crate) fn publications(&mut self, publications: Publications) {
        let Publications { per_second, p50_ms, p99_ms, .. } = publications;
        eprintln!("{:<14} published after {p50_ms:.0} ms, p99 {p99_ms:.0} ms, at {per_second:.0}/s", "");
        self.status.publications = Some(publications);
    }

    pub(crate) fn making(&mut self, making: Making) {
        let Making { what, entries, percent_set, median_ms, .. } = making;
        eprintln!("{:<14} {what}, {entries} entries, {percent_set} % set: {median_ms:.2} ms", "");
        self.status.makings.push(making);
    }

    pub(crate) fn scale(&mut self, scale: Scale) {
        eprintln!("{:<14} {}: {}, {} in all", "", scale.what, scale.one(), scale.all());
        self.status.scales.push(scale);
    }

    /// Where both were measured.
    pub(super) fn durable(&self) -> Vec<Durable> {
        let all = [Database::SQLITE, Database::POSTGRESQL].into_iter();
        let all = all.flat_map(|database| DURABLE_TASKS.map(|at_once| (database, at_once)));
        all.filter_map(|(Database { id, name }, at_once)| {
            let issued = self.find(&format!("record-{id}"), System::Part, at_once)?;
            let written = self.find(&format!("commit-{id}"), System::Part, at_once)?;
            let alone = self.find(&format!("commit-{id}"), System::Part, 1)?;
            Some(Durable {
                database: name,
                at_once,
                per_second: issued.per_second,
                rows_per_second: issued.per_second * ROWS_PER_ISSUANCE,
                writes_per_second: written.per_second,
                to_writes: issued.per_second / written.per_second,
                to_commits: issued.per_second / alone.per_second,
            })
        })
        .collect()
    }

    pub(super) fn status_goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        let last_durable = DURABLE_TASKS.last().copied();
        for Durable { database, at_once, per_second, .. } in self.durable() {
            if last_durable == Some(at_once) {
                let what = format!("durable issuances, {database}, {at_once} at once");
                goals.push(Goal::at_least(what, per_second, DURABLE_GOAL, "/s"));
            }
        }
        for Database { id, name } in [Database::SQLITE, Database::POSTGRESQL] {
            for workers in ALLOCATION_WORKERS {
                if let Some(figures) = self.find(&format!("allocate-{id}"), System::Part, workers) {
                    let what = format!("entries allocated, {name}, {workers} at once");
                    goals.push(Goal::at_least(what, figures.per_second, ALLOCATION_GOAL, "/s"));
                }
            }
        }
        if let Some(Publications { per_second, p99_ms, .. }) = &self.status.publications {
            goals.push(Goal::at_least("status changes over HTTP".to_owned(), *per_second, CHANGES_GOAL, "/s"));
            let what = "from a change's acknowledgement to the published list, p99".to_owned();
            goals.push(Goal::at_most(what, *p99_ms, PUBLISHED_GOAL_MS, "ms"));
        }
        if let Some(figures) = self.find(LIST_READ, System::Chancery, 1) {
            goals.push(Goal::at_most("a list read over HTTP, p99".to_owned(), figures.p99_ms, READ_GOAL_MS, "ms"));
        }
        goals
    }

    pub(super) fn print_status(&self) {
        durable_table(&self.durable()).print(
            "Durable issuances (nonce, credential, two entries, audit event) beside the store's cheapest durable write: \
             one row is changed. One after the other, each of those is a commit of its own. At once they share commits \
             on SQLite, and wait for each other on PostgreSQL, since it is the same row:",
        );
        self.status.print();
    }
}

impl Status {
    fn print(&self) {
        self.makings().print("What is made of a status list's bits, and how large it is:");
        self.scales().print("100,000,000 credentials with two statuses each, in 96 lists:");
        if let Some(publications) = &self.publications {
            let heading = "From the acknowledgement of a status change to a list that shows it, over HTTP:";
            publications.table().print(heading);
        }
    }

    fn makings(&self) -> Table {
        let mut table = Table::new(&["what", "entries", "set", "median ms", "size", "and under gzip"]);
        for Making { what, entries, percent_set, median_ms, bytes: size, gzip_bytes, .. } in &self.makings {
            table.row(vec![
                (*what).to_owned(),
                count(f64::from(*entries)),
                format!("{percent_set} %"),
                format!("{median_ms:.2}"),
                bytes(to_f64(*size)),
                if *gzip_bytes == 0 { "–".to_owned() } else { bytes(to_f64(*gzip_bytes)) },
            ]);
        }
        table
    }

    fn scales(&self) -> Table {
        let mut table = Table::new(&["what", "one", "all"]);
        for scale in &self.scales {
            table.row(vec![scale.what.clone(), scale.one(), scale.all()]);
        }
        table
    }
}

impl Publications {
    fn table(&self) -> Table {
        let Self { changes, asked_per_second, per_second, versions, p50_ms, p99_ms, worst_ms } = self;
        let head =
            ["changes", "asked for per second", "made per second", "versions seen", "p50 ms", "p99 ms", "worst ms"];
        let mut table = Table::new(&head);
        table.row(vec![
            changes.to_string(),
            asked_per_second.to_string(),
            count(*per_second),
            versions.to_string(),
            format!("{p50_ms:.0}"),
            format!("{p99_ms:.0}"),
            format!("{worst_ms:.0}"),
        ]);
        table
    }
}

fn durable_table(durable: &[Durable]) -> Table {
    let head = [
        "database",
        "at once",
        "issuances per second",
        "rows per second",
        "changes per second",
        "issuances to changes",
        "to commits one by one",
    ];
    let mut table = Table::new(&head);
    for durable in durable {
        let Durable { database, at_once, per_second, rows_per_second, writes_per_second, .. } = durable;
        table.row(vec![
            (*database).to_owned(),
            at_once.to_string(),
            count(*per_second),
            count(*rows_per_second),
            count(*writes_per_second),
            format!("{:.2}", durable.to_writes),
            format!("{:.2}", durable.to_commits),
        ]);
    }
    table
}

fn bytes(number: f64) -> String {
    match number {
        number if number < 10.0 * KIB => format!("{} B", count(number)),
        number if number < 10.0 * MIB => format!("{} KiB", count(number / KIB)),
        number if number < 10.0 * GIB => format!("{} MiB", count(number / MIB)),
        number => format!("{} GiB", count(number / GIB)),
    }
}

fn seconds(number: f64) -> String {
    match number {
        number if number < 1e-5 => format!("{:.0} ns", number * 1e9),
        number if number < 1e-2 => format!("{:.0} µs", number * 1e6),
        number if number < 10.0 => format!("{:.0} ms", number * 1e3),
        number => format!("{number:.0} s"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn to_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_unit_that_fits() {
        for (number, text) in [(0.4, "0 B"), (10_239.0, "10,239 B"), (262_144.0, "256 KiB"), (25_165_824.0, "24 MiB")] {
            assert_eq!(bytes(number), text);
        }
        assert_eq!(bytes(150.0 * GIB), "150 GiB");
        for (number, text) in [(9e-9, "9 ns"), (2.5e-4, "250 µs"), (0.25, "250 ms"), (12.0, "12 s")] {
            assert_eq!(seconds(number), text);
        }
    }

    #[test]
    fn what_one_takes_is_multiplied() {
        let scale = Scale::bytes("bits", "bits", "list", 262_144.0, 96);
        assert_eq!((scale.one(), scale.all()), ("256 KiB a list".to_owned(), "24 MiB".to_owned()));
        let scale = Scale::time("set", "one bit", Duration::from_nanos(9), None);
        assert_eq!((scale.one(), scale.all()), ("9 ns".to_owned(), "–".to_owned()));
    }

    #[test]
    fn waits_are_put_in_order_and_none_is_no_result() {
        let waits = [300, 100, 200].map(Duration::from_millis).to_vec();
        let publications = Publications::new(1_000, Duration::from_millis(3), 4, waits).unwrap();
        assert!((publications.per_second - 1_000.0).abs() < 1e-6);
        assert!((publications.p50_ms - 200.0).abs() < 1e-9 && (publications.worst_ms - 300.0).abs() < 1e-9);
        assert!(Publications::new(1_000, Duration::from_secs(1), 0, Vec::new()).is_err());
    }
}
