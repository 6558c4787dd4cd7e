//! What came of cases, in words.

use std::fmt::Write as _;

use chancery_sandbox::printable;

use crate::diff::Difference;
use crate::run::{CaseReport, Report};
use crate::stage::Refused;

/// How much of one value is shown.
const MAX_VALUE: usize = 600;

/// Column in which the time stands.
const NAME_WIDTH: usize = 56;

/// Whether escape sequences for colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    On,
    Off,
}

impl Colour {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Off => text.to_owned(),
        }
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// A case in one line, and below it why it failed. Ends with a line end.
pub fn case_text(case: &CaseReport, colour: Colour) -> String {
    let word = if case.passed { colour.good("ok    ") } else { colour.bad("FAILED") };
    let time = colour.faint(&duration(case.microseconds));
    let mut text = format!("{word}  {:<NAME_WIDTH$}  {time}\n", escaped(&case.name));
    if case.passed {
        return text;
    }
    for difference in &case.differences {
        push_difference(&mut text, difference, colour);
    }
    if let Some(failure) = &case.load_failure {
        push(&mut text, 8, &format!("the plugin does not load; it did not become {}:", failure.stage));
        push(&mut text, 10, &failure.reason);
        if let Some(lines) = &failure.missing_grants {
            push(&mut text, 8, "add to the grant file:");
            push(&mut text, 10, lines);
        }
    }
    for unanswered in &case.unanswered {
        push(&mut text, 8, &format!("the plugin asked for {}: {}", unanswered.asked, unanswered.reason));
        push(&mut text, 8, "to answer it, add:");
        push(&mut text, 10, &unanswered.lines);
    }
    for refused in &case.refused {
        push_refused(&mut text, refused);
    }
    for unused in &case.unused {
        push(&mut text, 8, &format!("{unused}, and the case lists it"));
    }
    for note in &case.notes {
        push(&mut text, 8, &format!("note: {note}"));
    }
    for line in &case.logs {
        let by = if line.by_host { "host" } else { "log" };
        push(&mut text, 8, &colour.faint(&format!("{by}: {:<5} {}", line.level, escaped(&line.text()))));
    }
    text
}

/// The last line.
pub fn summary_text(report: &Report, colour: Colour) -> String {
    let cases = |count: usize| if count == 1 { "1 case".to_owned() } else { format!("{count} cases") };
    let of = format!("{} of {}", report.plugin, report.file);
    match report.failed {
        0 => colour.good(&format!("{} passed", cases(report.passed))) + &format!(": {of}"),
        failed => colour.bad(&format!("{} failed", cases(failed))) + &format!(", {} passed: {of}", report.passed),
    }
}

fn push_difference(text: &mut String, difference: &Difference, colour: Colour) {
    push(text, 8, &escaped(&difference.at));
    let nothing = || "nothing".to_owned();
    let expected = difference.expected.as_deref().map_or_else(nothing, shortened);
    let got = difference.got.as_deref().map_or_else(nothing, shortened);
    let _ = writeln!(text, "          expected  {}", colour.good(&expected));
    let _ = writeln!(text, "          got       {}", colour.bad(&got));
}

fn push_refused(text: &mut String, refused: &Refused) {
    push(text, 8, &format!("the grant file does not let out {}: {}", refused.asked, refused.reason));
    if let Some(lines) = &refused.grant {
        push(text, 8, "to let it out, write into the grant file:");
        push(text, 10, lines);
    }
    push(text, 8, "if it must be refused, add:");
    push(text, 10, &refused.lines);
}

/// Lines, indented. What steers a terminal is taken out before.
fn push(text: &mut String, indent: usize, lines: &str) {
    for line in lines.lines() {
        text.push_str(format!("{}{line}", " ".repeat(indent)).trim_end());
        text.push('\n');
    }
}

fn shortened(text: &str) -> String {
    let text = escaped(text);
    let end = text.floor_char_boundary(MAX_VALUE);
    if end == text.len() { text } else { format!("{}… ({} bytes)", &text[..end], text.len()) }
}

/// A plugin's words must not steer the terminal.
fn escaped(text: &str) -> String {
    printable(text, usize::MAX)
}

/// A duration as people read it.
pub(crate) fn duration(microseconds: u64) -> String {
    match microseconds {
        0..1_000 => format!("{microseconds} µs"),
        1_000..10_000 => format!("{}.{} ms", microseconds / 1_000, microseconds % 1_000 / 100),
        10_000..1_000_000 => format!("{} ms", microseconds / 1_000),
        _ => format!("{}.{} s", microseconds / 1_000_000, microseconds % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
