//! Events as lines, lines as few writes, and new files when it is time.

use chancery_plugin_sdk::{
    Error, Event, Receipt, clock,
    journal::{JournalError, MAX_APPEND},
};

use crate::config::Rotation;

/// The file that is written to.
pub(crate) trait Journal {
    fn append(&mut self, bytes: &[u8]) -> Result<(), JournalError>;
    fn size(&self) -> Result<u64, JournalError>;
    fn begun_at(&self) -> Result<Option<u64>, JournalError>;
    fn rotate(&mut self) -> Result<(), JournalError>;
}

/// Writes the events in order, as many in one write as fit. What cannot be written now is left out
/// of the receipt, and so delivered again; the error is told when nothing could be written.
pub(crate) fn deliver(
    batch: &[Event],
    rotation: &Rotation,
    journal: &mut impl Journal,
    now_ms: u64,
) -> Result<Receipt, Error> {
    let mut receipt = Receipt::new();
    let mut limit = rotation.max_bytes.map_or(MAX_APPEND, |bytes| usize::try_from(bytes).unwrap_or(MAX_APPEND));
    limit = limit.min(MAX_APPEND);
    let mut rest = batch;
    while let Some((first, _)) = rest.split_first() {
        let (text, count) = lines(rest, limit);
        if text.len() > MAX_APPEND {
            receipt.rejected(first, format!("the event's line has {} bytes, at most {MAX_APPEND} fit", text.len()));
            rest = &rest[1..];
            continue;
        }
        match write(&text, rotation, journal, now_ms) {
            Ok(()) => {
                receipt.delivered(&rest[..count]);
                rest = &rest[count..];
            }
            // Not even a new file takes it at once: fewer lines, down to one.
            Err(JournalError::Full(_)) if count > 1 => limit = text.len() / 2,
            Err(JournalError::Full(most)) => {
                receipt.rejected(first, format!("the event's line has {} bytes, a file may hold {most}", text.len()));
                rest = &rest[1..];
            }
            Err(error) if receipt.is_empty() => return Err(error.into()),
            Err(JournalError::Unavailable(_)) => break,
        }
    }
    Ok(receipt)
}

/// The lines of the first events, together within `limit` bytes, and how many they are; at least one.
fn lines(events: &[Event], limit: usize) -> (Vec<u8>, usize) {
    let (mut text, mut count) = (Vec::new(), 0);
    for event in events {
        // Line breaks inside of values are escaped in JSON.
        let line = event.to_json().to_string();
        if count > 0 && text.len() + line.len() + 1 > limit {
            break;
        }
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        count += 1;
    }
    (text, count)
}

fn write(text: &[u8], rotation: &Rotation, journal: &mut impl Journal, now_ms: u64) -> Result<(), JournalError> {
    if is_due(text.len() as u64, rotation, journal, now_ms)? {
        journal.rotate()?;
    }
    match journal.append(text) {
        Err(JournalError::Full(_)) => {
            journal.rotate()?;
            journal.append(text)
        }
        result => result,
    }
}

/// Whether a new file is to be begun before `added` bytes are written.
fn is_due(added: u64, rotation: &Rotation, journal: &impl Journal, now_ms: u64) -> Result<bool, JournalError> {
    if let Some(most) = rotation.max_bytes {
        let size = journal.size()?;
        if size > 0 && size.saturating_add(added) > most {
            return Ok(true);
        }
    }
    if rotation.daily {
        let begun = journal.begun_at()?;
        return Ok(begun.is_some_and(|begun| clock::day(begun) != clock::day(now_ms)));
    }
    Ok(false)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
