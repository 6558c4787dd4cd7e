//! How far a job is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use crate::jobs::{JobRecord, Step};

const REDRAW: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

pub(super) struct Progress {
    total: i64,
    done: i64,
    failed: i64,
    /// Of these, ones before this process looked.
    before: i64,
    since: Instant,
    is_terminal: bool,
    drawn: Option<Instant>,
    /// Tenths that a line was written for.
    tenths: i64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            total: 0,
            done: 0,
            failed: 0,
            before: 0,
            since: Instant::now(),
            is_terminal: stderr().is_terminal(),
            drawn: None,
            tenths: 0,
        }
    }

    /// What is known of the job, whoever works on it.
    pub(super) fn at(&mut self, job: &JobRecord) {
        if self.total == 0 {
            self.before = job.done + job.failed;
        }
        (self.total, self.done, self.failed) = (job.total, job.done, job.failed);
        self.show();
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Issued => self.done += 1,
            Step::Failed => self.failed += 1,
        }
        self.show();
    }

    /// A line of its own.
    pub(super) fn say(&mut self, text: &str) {
        self.end();
        crate::cli::eprintln_line(text);
    }

    /// The bar stays as it is, and what comes next stands below it.
    pub(super) fn end(&mut self) {
        if self.drawn.take().is_some() {
            self.draw();
            let _ = writeln!(stderr());
        }
    }

    fn show(&mut self) {
        if self.is_terminal {
            if self.drawn.is_none_or(|at| at.elapsed() >= REDRAW) {
                self.drawn = Some(Instant::now());
                self.draw();
            }
            return;
        }
        let tenths = (10 * self.ended()).checked_div(self.total).unwrap_or(0);
        if tenths > self.tenths {
            self.tenths = tenths;
            crate::cli::eprintln_line(&self.counts());
        }
    }

    fn draw(&self) {
        let filled = usize::try_from(self.ended() * 30 / self.total.max(1)).unwrap_or(0).min(WIDTH);
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(WIDTH - filled));
        // Back to the line's start, and what is left of a longer one is cleared.
        let _ = write!(stderr(), "\r[{bar}] {}\x1b[K", self.counts());
        let _ = stderr().flush();
    }

    fn counts(&self) -> String {
        let milliseconds = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX).max(1);
        let rate = (self.ended() - self.before) * 1_000 / milliseconds;
        let failed = if self.failed == 0 { String::new() } else { format!(", {} failed", self.failed) };
        format!("{} of {}{failed}, {rate} a second", self.ended(), self.total)
    }

    fn ended(&self) -> i64 {
        self.done + self.failed
    }
}
