//! A strict CSV reader (RFC 4180). A lenient one takes a forgotten closing quote for a long value, and puts the rows that
//! follow, other people's, into one person's credential: here whatever is ambiguous is refused, with its place.

use std::io::BufRead;

/// The longest record; a longer one is most likely a quote without its end.
const MAX_RECORD: usize = 1024 * 1024;
const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const UTF16_BOMS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The records of a file, one after the other.
pub(super) struct Records<R> {
    input: R,
    /// Counted as a text editor does, from 1.
    line: u64,
    at_start: bool,
    ended: bool,
}

pub(super) struct Record {
    /// That it begins in.
    pub line: u64,
    pub cells: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first of two.
    QuoteInQuoted,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, at_start: true, ended: false }
    }

    /// The next record that is not an empty line.
    pub(super) fn next(&mut self) -> Result<Option<Record>, String> {
        while !self.ended {
            let line = self.line;
            let cells = self.read().map_err(|what| format!("line {line}: {what}"))?;
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Ok(Some(Record { line, cells }));
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Result<Vec<String>, String> {
        let (mut cells, mut cell, mut length, mut state) = (Vec::new(), Vec::new(), 0, State::CellStart);
        if std::mem::take(&mut self.at_start) {
            self.skip_mark()?;
        }
        while let Some(byte) = self.byte()? {
            length += 1;
            if length > MAX_RECORD {
                return Err(format!("the record is longer than {MAX_RECORD} bytes: is a quote not closed?"));
            }
            let column = cells.len() + 1;
            state = match (state, byte) {
                (State::Quoted, b'"') => State::QuoteInQuoted,
                (State::Quoted, _) | (State::QuoteInQuoted, b'"') => {
                    cell.push(byte);
                    State::Quoted
                }
                (_, b'\n') => {
                    cells.push(text(cell, column)?);
                    return Ok(cells);
                }
                (_, b'\r') => {
                    if self.byte()? != Some(b'\n') {
                        return Err(format!("column {column}: a carriage return without a line feed"));
                    }
                    cells.push(text(cell, column)?);
                    return Ok(cells);
                }
                (_, b',') => {
                    cells.push(text(std::mem::take(&mut cell), column)?);
                    State::CellStart
                }
                (State::CellStart, b'"') => State::Quoted,
                (State::QuoteInQuoted, _) => {
                    return Err(format!(
                        "column {column}: text follows the closing quote: a quote inside a quoted value is written twice"
                    ));
                }
                (_, b'"') => {
                    return Err(format!(
                        "column {column}: a quote inside an unquoted value: put the whole value in quotes and write the \
                         inner quote twice"
                    ));
                }
                _ => {
                    cell.push(byte);
                    State::Plain
                }
            };
        }
        self.ended = true;
        if state == State::Quoted {
            return Err(format!("column {}: the quote that opens this value is never closed", cells.len() + 1));
        }
        let column = cells.len() + 1;
        cells.push(text(cell, column)?);
        Ok(cells)
    }

    fn byte(&mut self) -> Result<Option<u8>, String> {
        let buffer = self.input.fill_buf().map_err(|e| e.to_string())?;
        let Some(byte) = buffer.first().copied() else { return Ok(None) };
        self.input.consume(1);
        self.line += u64::from(byte == b'\n');
        Ok(Some(byte))
    }

    fn skip_mark(&mut self) -> Result<(), String> {
        let start = self.input.fill_buf().map_err(|e| e.to_string())?;
        if UTF16_BOMS.iter().any(|mark| start.starts_with(mark)) {
            return Err("the file is UTF-16: save it as UTF-8".to_owned());
        }
        if start.starts_with(UTF8_BOM) {
            self.input.consume(UTF8_BOM.len());
        }
        Ok(())
    }
}

fn text(cell: Vec<u8>, column: usize) -> Result<String, String> {
    String::from_utf8(cell).map_err(|_| format!("column {column}: the value is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: impl AsRef<[u8]>) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut records = Records::new(text.as_ref());
        let mut all = Vec::new();
        while let Some(record) = records.next()? {
            all.push((record.line, record.cells));
        }
        Ok(all)
    }

    fn cells(text: &str) -> Vec<Vec<String>> {
        all(text).unwrap().into_iter().map(|(_, cells)| cells).collect()
    }

    #[test]
    fn records_are_read_as_they_are_written() {
        assert_eq!(cells("a,b\n1,2\n"), [["a", "b"], ["1", "2"]]);
        assert_eq!(cells("a,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(cells("\u{feff}a,\"b\"\n"), [["a", "b"]]);
        assert_eq!(cells("\"x, \"\"y\"\"\nz\",\"\",é\n"), [["x, \"y\"\nz", "", "é"]]);
        assert_eq!(cells("a,\n,b\n"), [["a", ""], ["", "b"]]);
        assert_eq!(cells(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn lines_are_counted_and_empty_ones_left_out() {
        let lines: Vec<u64> = all("a\n\n\"b\nb\"\n,\n\nc\n\n").unwrap().into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 3, 7]);
    }

    #[test]
    fn whatever_is_ambiguous_is_refused_with_its_place() {
        for (text, hint) in [
            ("a,b\n1,\"2\n3,4\n", "line 2: column 2: the quote that opens this value is never closed"),
            ("a\n\"x\"y\n", "line 2: column 1: text follows the closing quote"),
            ("a\nx\"y\n", "line 2: column 1: a quote inside an unquoted value"),
            ("a\rb\n", "line 1: column 1: a carriage return"),
        ] {
            let error = all(text).unwrap_err();
            assert!(error.starts_with(hint), "{text:?}: {error}");
        }
        assert!(all(b"a\n\xff\n").unwrap_err().contains("line 2: column 1: the value is not UTF-8"));
        assert!(all(b"\xff\xfea\0").unwrap_err().contains("UTF-16"));
        // A character that two cells would have to share.
        assert!(all(b"\xc3,\xa9\n").unwrap_err().contains("not UTF-8"));
        let long = format!("a\n\"{}", "x".repeat(MAX_RECORD));
        assert!(all(long).unwrap_err().contains("is a quote not closed"));
    }
}
