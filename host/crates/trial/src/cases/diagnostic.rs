//! What is wrong with a case file, where, and what would be right.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A name that differs from a known one in so many letters is taken for a slip; in long names, in a third of them.
const SLIP: usize = 2;

/// How much of a line is shown.
const MAX_LINE: usize = 120;

/// Why a case file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseFileError {
    /// The file is not there, or is no text.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Something in it is not as it should be. Carries the whole message: file, line, case, key, what would be right.
    #[error("{0}")]
    Wrong(String),
}

impl CaseFileError {
    /// A fault at `span` of `text`.
    pub(super) fn at(path: &Path, text: &str, span: Option<Range<usize>>, message: &str) -> Self {
        let message = explained(message);
        let Some(span) = span else { return Self::Wrong(format!("{}: {message}", path.display())) };
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let number = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let line = text[line_start..].lines().next().unwrap_or_default();
        let shown = &line[..line.floor_char_boundary(MAX_LINE)];
        let end = text.floor_char_boundary(span.end.min(line_start + shown.len()));
        let width = text.get(start..end).map_or(1, |marked| marked.chars().count().max(1));
        let gutter = " ".repeat(number.to_string().len());
        let mut whole = format!("{}:{number}:{column}: {}{message}\n", path.display(), case_at(text, start));
        let _ = writeln!(whole, "  {number} | {shown}");
        let _ = write!(whole, "  {gutter} | {}{}", " ".repeat(column - 1), "^".repeat(width));
        Self::Wrong(whole)
    }
}

/// `case 2 "nobody": ` for a place within a case.
fn case_at(text: &str, offset: usize) -> String {
    // The header that holds the place may begin there.
    let until = text[offset..].find('\n').map_or(text.len(), |newline| offset + newline);
    let is_case = |line: &&str| {
        let line = line.trim_start();
        line.strip_prefix("[[").is_some_and(|rest| rest.trim_start().starts_with("case") && line.contains("case]]"))
    };
    let number = text[..until].lines().filter(is_case).count();
    if number == 0 {
        return String::new();
    }
    // The name may stand below the place.
    let section = text.split_inclusive('\n').scan(0, |seen, line| {
        *seen += usize::from(is_case(&line));
        Some((*seen, line))
    });
    let lines = section.filter(|(seen, _)| *seen == number).map(|(_, line)| line);
    let mut own = lines.skip(1).take_while(|line| !line.trim_start().starts_with('['));
    let name = own.find_map(|line| line.trim_start().strip_prefix("name")?.trim_start().strip_prefix('='));
    match name.map(|name| name.split('#').next().unwrap_or_default().trim()).filter(|name| !name.is_empty()) {
        Some(name) => format!("case {number} {name}: "),
        None => format!("case {number}: "),
    }
}

/// The reader's words in those of case files.
fn explained(message: &str) -> String {
    let message = message.trim();
    for (kind, what) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        let Some((name, known)) = message.strip_prefix(kind).and_then(|rest| rest.split_once('`')) else { continue };
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        let slip = known.iter().map(|known| (distance(name, known), *known)).min();
        return match slip {
            Some((distance, meant)) if distance <= SLIP.max(name.len() / 3) && distance < name.chars().count() => {
                format!("unknown {what} `{name}`; did you mean `{meant}`?")
            }
            Some(_) => format!("unknown {what} `{name}`; there are {}", known.join(", ")),
            None => format!("unknown {what} `{name}`"),
        };
    }
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("the key `{name}` is missing");
    }
    message.replace('\n', " ")
}

/// Levenshtein distance, in letters.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
