//! A strict CSV reader (RFC 4180): what is ambiguous is refused.
//!
//! A lenient reader takes a forgotten closing quote for a long value, which puts the rows that
//! follow, other people's, into one person's record. So quotes must be opened, doubled and closed
//! exactly where they may be, and every fault names its place.

use chancery_plugin_sdk::{ReadAt, Reader};

/// The longest record, in bytes of the file. Longer ones are most likely a quote without its end.
pub(crate) const MAX_RECORD_BYTES: u32 = 1024 * 1024;

const UTF8_BOM: [u8; 3] = *b"\xef\xbb\xbf";
const UTF16_BOMS: [[u8; 2]; 2] = [*b"\xff\xfe", *b"\xfe\xff"];

/// Where a record begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// As a spreadsheet counts: the header is row 1, an empty line is a row too.
    pub(crate) row: u32,
    /// As a text editor counts; differs from the row once a value has line breaks.
    pub(crate) line: u32,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Option<Place>,
    /// Counted from 0.
    pub(crate) column: Option<usize>,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { place: None, column: None, what: what.into() }
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(crate) fn in_column(mut self, column: usize) -> Self {
        self.column = Some(column);
        self
    }

    /// For the operator: `row 7 (line 9), column 2 ("name"): …`.
    pub(crate) fn describe(&self, columns: &[String]) -> String {
        let mut parts = Vec::new();
        if let Some(place) = self.place {
            parts.push(place.to_string());
        }
        if let Some(column) = self.column {
            let name = columns.get(column).map(|name| format!(" ({})", shown(name)));
            parts.push(format!("column {}{}", column + 1, name.unwrap_or_default()));
        }
        if parts.is_empty() { self.what.clone() } else { format!("{}: {}", parts.join(", "), self.what) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}", self.row)?;
        if self.line == self.row { Ok(()) } else { write!(f, " (line {})", self.line) }
    }
}

/// A column's name as it may stand in a message: quoted, escaped, not too long.
pub(crate) fn shown(name: &str) -> String {
    const MOST: usize = 60;
    if name.chars().count() > MOST {
        format!("{:?}…", name.chars().take(MOST).collect::<String>())
    } else {
        format!("{name:?}")
    }
}

/// One record: its cells without quotes, and the bytes of the file it stands in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) place: Place,
    /// Of its first byte in the file.
    pub(crate) offset: u64,
    /// Without the line break.
    pub(crate) len: u32,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    pub(crate) fn cells(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a cell; empty beyond the last.
    pub(crate) fn cell(&self, column: usize) -> &[u8] {
        let start = if column == 0 { 0 } else { self.ends.get(column - 1).copied().unwrap_or_default() };
        self.ends.get(column).map_or(&[], |end| &self.text[start..*end])
    }

    /// Whether no cell holds anything: the rows that spreadsheets like to leave at the end.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// The first cell that is not UTF-8.
    pub(crate) fn not_utf8(&self) -> Option<usize> {
        let whole = std::str::from_utf8(&self.text);
        if whole.is_ok_and(|text| self.ends.iter().all(|end| text.is_char_boundary(*end))) {
            return None;
        }
        (0..self.cells()).find(|column| std::str::from_utf8(self.cell(*column)).is_err())
    }

    fn push(&mut self, byte: u8, next: State) -> State {
        self.text.push(byte);
        next
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    /// `end` is the offset after the record's last byte.
    fn set_end(&mut self, end: u64) -> Result<(), Fault> {
        match u32::try_from(end - self.offset) {
            Ok(len) if len <= MAX_RECORD_BYTES => {
                self.len = len;
                Ok(())
            }
            _ => Err(Fault::new("the row is longer than 1 MiB: is a quote not closed?").at(self.place)),
        }
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::new(what).at(self.place).in_column(self.ends.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a record, where line breaks are empty lines.
    Between,
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first of two.
    QuoteInQuoted,
    Done,
}

/// Where the next byte stands.
#[derive(Debug)]
struct Position {
    offset: u64,
    place: Place,
    after_cr: bool,
}

impl Position {
    fn pass(&mut self, byte: u8, quoted: bool) {
        self.offset += 1;
        // CR LF is one line break; CR alone is one too.
        if byte == b'\r' || (byte == b'\n' && !self.after_cr) {
            self.place.line += 1;
            self.place.row += u32::from(!quoted);
        }
        self.after_cr = byte == b'\r';
    }
}

/// Reads the records of a file, or of a piece of it, one after the other.
#[derive(Debug)]
pub(crate) struct Records<'a, S: ?Sized> {
    reader: Reader<'a, S>,
    delimiter: u8,
    position: Position,
}

impl<'a, S: ReadAt + ?Sized> Records<'a, S> {
    /// The records of a whole file. Skips a byte order mark.
    pub(crate) fn of_file(source: &'a S, delimiter: u8) -> Result<Self, Fault> {
        if source.read_exact_at(0, 2).is_some_and(|start| UTF16_BOMS.iter().any(|bom| start == bom)) {
            return Err(Fault::new("the file is UTF-16: save it as UTF-8"));
        }
        let marked = source.read_exact_at(0, 3).is_some_and(|start| start == UTF8_BOM);
        Ok(Self::from_offset(source, delimiter, if marked { 3 } else { 0 }))
    }

    /// The records of a piece of a file, every byte of which counts.
    pub(crate) fn of_piece(source: &'a S, delimiter: u8) -> Self {
        Self::from_offset(source, delimiter, 0)
    }

    fn from_offset(source: &'a S, delimiter: u8, offset: u64) -> Self {
        let position = Position { offset, place: Place { row: 1, line: 1 }, after_cr: false };
        Self { reader: source.reader_at(offset), delimiter, position }
    }

    /// Reads the next record into `record`; false when there is none.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, Fault> {
        record.text.clear();
        record.ends.clear();
        let mut state = State::Between;
        while state != State::Done {
            let chunk = self.reader.peek();
            if chunk.is_empty() {
                return self.end_of_file(state, record);
            }
            let mut used = 0;
            for &byte in chunk {
                if state == State::Between && !is_break(byte) {
                    record.place = self.position.place;
                    record.offset = self.position.offset;
                    state = State::CellStart;
                }
                state = step(state, byte, self.delimiter, record)?;
                self.position.pass(byte, state == State::Quoted);
                used += 1;
                if state == State::Done {
                    break;
                }
            }
            self.reader.advance(used);
            if state != State::Between {
                // Once done, the first byte of the line break was read too.
                record.set_end(self.position.offset - u64::from(state == State::Done))?;
            }
        }
        Ok(true)
    }

    fn end_of_file(&self, state: State, record: &mut Record) -> Result<bool, Fault> {
        match state {
            State::Between => return Ok(false),
            State::Quoted => return Err(record.fault("the quote that opens this value is never closed")),
            _ => record.end_cell(),
        }
        record.set_end(self.position.offset)?;
        Ok(true)
    }
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn step(state: State, byte: u8, delimiter: u8, record: &mut Record) -> Result<State, Fault> {
    Ok(match (state, byte) {
        (State::Quoted, b'"') => State::QuoteInQuoted,
        (State::Quoted, _) | (State::QuoteInQuoted, b'"') => record.push(byte, State::Quoted),
        (State::Between, _) => State::Between,
        (_, b'\r' | b'\n') => {
            record.end_cell();
            State::Done
        }
        (_, _) if byte == delimiter => {
            record.end_cell();
            State::CellStart
        }
        (State::CellStart, b'"') => State::Quoted,
        (State::QuoteInQuoted, _) => {
            return Err(record.fault("text follows the closing quote: a quote inside a quoted value is written twice"));
        }
        (_, b'"') => {
            return Err(record.fault(
                "a quote inside an unquoted value: put the whole value in quotes and write the inner quote twice",
            ));
        }
        _ => record.push(byte, State::Plain),
    })
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
