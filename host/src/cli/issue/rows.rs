//! The file that is issued from: what each credential is made of, row by row.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use chancery_credential::{JsonLimits, parse_strict};
use serde_json::{Map, Value};

use super::csv::Records;
use crate::jobs::Input;

/// The longest line of a `.jsonl` file.
const MAX_LINE: usize = 1024 * 1024;

/// How the columns of a `.csv` file are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// The one that says whom the credential is about.
    pub subject: Option<String>,
    /// The subject is all that counts: the plugin has the data.
    pub ask_plugin: bool,
}

/// The rows of a file. Each error names its place.
pub(super) enum Rows {
    Csv(Csv),
    Lines(Lines),
}

pub(super) struct Csv {
    records: Records<BufReader<File>>,
    names: Vec<String>,
    /// Its place among the columns.
    subject: Option<usize>,
    ask_plugin: bool,
}

pub(super) struct Lines {
    input: BufReader<File>,
    line: u64,
}

/// A row with where it stands.
pub(super) struct Row {
    pub line: u64,
    pub input: Input,
}

impl Rows {
    pub(super) fn open(path: &Path, columns: &Columns) -> Result<Self, String> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let input = || File::open(path).map(BufReader::new).map_err(|e| e.to_string());
        match ending.as_str() {
            "csv" => Csv::open(input()?, columns).map(Self::Csv),
            "jsonl" | "ndjson" if columns.subject.is_some() => {
                Err("columns are a .csv file's: in JSON lines, each line may have a subject".to_owned())
            }
            "jsonl" | "ndjson" => Ok(Self::Lines(Lines { input: input()?, line: 0 })),
            _ => Err("what is in the file must be told by its name: it must end in .csv or .jsonl".to_owned()),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, String> {
        match self {
            Self::Csv(csv) => csv.next(),
            Self::Lines(lines) => lines.next(),
        }
    }
}

impl Csv {
    fn open(input: BufReader<File>, columns: &Columns) -> Result<Self, String> {
        let mut records = Records::new(input);
        let names = records.next()?.ok_or("the file is empty: its first line must name the columns")?.cells;
        for (index, name) in names.iter().enumerate() {
            if name.trim().is_empty() {
                return Err(format!("column {} has no name", index + 1));
            }
            if names.iter().take(index).any(|other| other == name) {
                return Err(format!("two columns are named {name:?}"));
            }
        }
        let subject = match &columns.subject {
            Some(wanted) => match names.iter().position(|name| name == wanted) {
                Some(index) => Some(index),
                None => return Err(format!("there is no column {wanted:?}: there are {}", names.join(", "))),
            },
            None => None,
        };
        Ok(Self { records, names, subject, ask_plugin: columns.ask_plugin })
    }

    fn next(&mut self) -> Result<Option<Row>, String> {
        let Some(record) = self.records.next()? else { return Ok(None) };
        let (line, cells) = (record.line, record.cells);
        if cells.len() != self.names.len() {
            return Err(format!("line {line}: {} columns are named, but here are {}", self.names.len(), cells.len()));
        }
        let subject = self.subject.and_then(|index| cells.get(index)).cloned();
        if subject.as_ref().is_some_and(|subject| subject.trim() != subject || subject.is_empty()) {
            return Err(format!("line {line}: the subject is empty, or has white space around it"));
        }
        let data = || self.names.iter().cloned().zip(cells.into_iter().map(Value::from)).collect::<Map<_, _>>();
        let data = (!self.ask_plugin).then(data);
        Ok(Some(Row { line, input: Input { data, subject } }))
    }
}

impl Lines {
    fn next(&mut self) -> Result<Option<Row>, String> {
        loop {
            self.line += 1;
            let line = self.line;
            let mut bytes = Vec::new();
            let most = u64::try_from(MAX_LINE + 1).unwrap_or(u64::MAX);
            let read = self.input.by_ref().take(most).read_until(b'\n', &mut bytes).map_err(|e| e.to_string())?;
            if read == 0 {
                return Ok(None);
            }
            if read > MAX_LINE {
                return Err(format!("line {line}: it is longer than {MAX_LINE} bytes"));
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| format!("line {line}: it is not UTF-8"))?.trim();
            if text.is_empty() {
                continue;
            }
            let value = parse_strict(text, &JsonLimits::default()).map_err(|e| format!("line {line}: {e}"))?;
            let Value::Object(_) = value else { return Err(format!("line {line}: it must be a JSON object")) };
            let input = serde_json::from_value(value)
                .map_err(|_| format!("line {line}: it must have `data` (an object), `subject` (a text), or both"))?;
            return Ok(Some(Row { line, input }));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn read(name: &str, text: &str, columns: &Columns) -> Result<Vec<(u64, Value)>, String> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut rows = Rows::open(&path, columns)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((row.line, serde_json::to_value(row.input).unwrap()));
        }
        Ok(all)
    }

    #[test]
    fn columns_become_data_and_one_of_them_the_subject() {
        let text = "id,name\n1,Ada\n\n2,\n";
        let plain = read("a.csv", text, &Columns::default()).unwrap();
        assert_eq!(plain[0], (2, json!({"data": {"id": "1", "name": "Ada"}})));
        assert_eq!(plain[1], (4, json!({"data": {"id": "2", "name": ""}})));
        let columns = Columns { subject: Some("id".to_owned()), ask_plugin: false };
        let with_subject = read("a.CSV", text, &columns).unwrap();
        assert_eq!(with_subject[0].1, json!({"data": {"id": "1", "name": "Ada"}, "subject": "1"}));
        let asked = read("a.csv", text, &Columns { ask_plugin: true, ..columns }).unwrap();
        assert_eq!(asked[1].1, json!({"subject": "2"}));
    }

    #[test]
    fn tables_that_are_wrong_are_refused() {
        let subject = |name: &str| Columns { subject: Some(name.to_owned()), ask_plugin: false };
        for (text, columns, hint) in [
            ("", Columns::default(), "the file is empty"),
            ("a,,b\n", Columns::default(), "column 2 has no name"),
            ("a,b,a\n", Columns::default(), "two columns are named \"a\""),
            ("a,b\n1\n", Columns::default(), "line 2: 2 columns are named, but here are 1"),
            ("a,b\n1,2,3\n", Columns::default(), "line 2: 2 columns are named, but here are 3"),
            ("a,b\n1,2\n", subject("id"), "there is no column \"id\": there are a, b"),
            ("id,b\n,2\n", subject("id"), "line 2: the subject is empty"),
            ("id,b\n 1,2\n", subject("id"), "line 2: the subject is empty, or has white space"),
        ] {
            let error = read("a.csv", text, &columns).unwrap_err();
            assert!(error.starts_with(hint), "{text:?}: {error}");
        }
        assert!(read("a.txt", "", &Columns::default()).unwrap_err().contains(".csv or .jsonl"));
        assert!(read("a.jsonl", "", &subject("id")).unwrap_err().contains("columns are a .csv file's"));
    }

    #[test]
    fn lines_are_json_objects_of_known_members() {
        let text = "{\"data\": {\"n\": 1, \"l\": [true]}}\n\n{\"subject\": \"2\"}";
        let rows = read("a.jsonl", text, &Columns::default()).unwrap();
        assert_eq!(rows, [(1, json!({"data": {"n": 1, "l": [true]}})), (3, json!({"subject": "2"}))]);
        for (text, hint) in [
            ("[]", "line 1: it must be a JSON object"),
            ("{}\n{\"data\": 1}", "line 2: it must have `data`"),
            ("{\"name\": \"Ada\"}", "line 1: it must have `data`"),
            ("{\"subject\": \"1\", \"subject\": \"2\"}", "line 1:"),
            ("{\"data\": {}", "line 1:"),
        ] {
            let error = read("a.ndjson", text, &Columns::default()).unwrap_err();
            assert!(error.starts_with(hint) && !error.contains("Ada"), "{text:?}: {error}");
        }
        let long = format!("{{\"data\": {{\"a\": \"{}\"}}}}", "x".repeat(MAX_LINE));
        assert!(read("a.jsonl", &long, &Columns::default()).unwrap_err().contains("longer than"));
    }
}
