use super::*;

type Cells = Vec<Vec<u8>>;

/// Gives only a few bytes at a time, so that everything happens across reads too.
struct Drips<'a>(&'a [u8], u32);

impl ReadAt for Drips<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, len: u32) -> Vec<u8> {
        self.0.read_at(offset, len.min(self.1))
    }
}

fn read_all<S: ReadAt + ?Sized>(source: &S) -> Result<Vec<Record>, Fault> {
    let mut records = Records::of_file(source, b',')?;
    let mut all = Vec::new();
    let mut record = Record::default();
    while records.read(&mut record)? {
        all.push(record.clone());
    }
    Ok(all)
}

fn cells(record: &Record) -> Cells {
    (0..record.cells()).map(|column| record.cell(column).to_vec()).collect()
}

fn texts(file: &str) -> Vec<Vec<String>> {
    let text = |cell: Vec<u8>| String::from_utf8(cell).unwrap();
    let records = read_all(file.as_bytes()).unwrap();
    records.iter().map(|record| cells(record).into_iter().map(text).collect()).collect()
}

fn fault(file: &str) -> String {
    read_all(file.as_bytes()).unwrap_err().describe(&["id".into(), "name".into()])
}

/// Enough chance for a test, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[test]
fn well_formed_files_are_read_as_they_are() {
    assert_eq!(texts("a,b\n1,2\n"), [["a", "b"], ["1", "2"]]);
    assert_eq!(texts("a,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
    assert_eq!(texts("a,b\r1,2\r"), [["a", "b"], ["1", "2"]]);
    assert_eq!(texts("\u{feff}a,b\n"), [["a", "b"]]);
    assert_eq!(texts("\u{feff}\"a\",b\n"), [["a", "b"]]);
    assert_eq!(texts("\"a,b\",\"c\"\"d\"\n"), [["a,b", "c\"d"]]);
    assert_eq!(texts("\"x\r\ny\n\",\"\"\n"), [["x\r\ny\n", ""]]);
    assert_eq!(texts(",\n"), [["", ""]]);
    assert_eq!(texts("1,"), [["1", ""]]);
    assert_eq!(texts("\n\r\n a , b \n\n"), [[" a ", " b "]]);
    assert_eq!(texts("አዳ,ಆದಾ,愛\n"), [["አዳ", "ಆದಾ", "愛"]]);
    assert_eq!(texts("\"\"\"\",1"), [["\"", "1"]]);
    assert!(texts("").is_empty());
    assert!(texts("\u{feff}\n\n").is_empty());
}

#[test]
fn places_are_those_of_spreadsheet_and_editor() {
    let file = "id,name\r\n1,\"two\r\nlines\"\r\n\r\n2,x\r\n";
    let places: Vec<String> =
        read_all(file.as_bytes()).unwrap().iter().map(|record| record.place.to_string()).collect();
    assert_eq!(places, ["row 1", "row 2", "row 4 (line 5)"]);
}

#[test]
fn faults_name_row_line_and_column() {
    let cases = [
        ("id,name\n1,\"x\n2,y\n", "row 2, column 2 (\"name\"): the quote that opens this value is never closed"),
        ("id,name\n1,\"x\"y\n", "row 2, column 2 (\"name\"): text follows the closing quote"),
        ("id,name\n1,\"a\nb\"\n2,5\" pipe\n", "row 3 (line 4), column 2 (\"name\"): a quote inside an unquoted value"),
        ("id,name\n1, \"x\"\n", "row 2, column 2 (\"name\"): a quote inside an unquoted value"),
        ("id,name\n1,2,\"", "row 2, column 3: the quote that opens this value is never closed"),
        ("\u{feff}\"id", "row 1, column 1 (\"id\"): the quote that opens this value is never closed"),
    ];
    for (file, expected) in cases {
        let found = fault(file);
        assert!(found.starts_with(expected), "{file:?}: {found}");
    }
}

#[test]
fn a_quote_swallows_at_most_one_record_length() {
    let file = format!("id,name\n1,\"{}", "x".repeat(3 * MAX_RECORD_BYTES as usize));
    assert_eq!(fault(&file), "row 2: the row is longer than 1 MiB: is a quote not closed?");
    let longest = "x".repeat(MAX_RECORD_BYTES as usize - 2);
    assert_eq!(texts(&format!("1,{longest}\n")), [["1", &longest]]);
}

#[test]
fn utf16_is_told_from_broken_utf8() {
    for start in [b"\xff\xfei\0d\0", b"\xfe\xff\0i\0d"] {
        assert!(read_all(&start[..]).unwrap_err().what.contains("UTF-16"));
    }
}

#[test]
fn cells_that_are_only_utf8_together_are_not() {
    let of = |file: &[u8]| read_all(file).unwrap()[0].not_utf8();
    assert_eq!(of("a,é,b".as_bytes()), None);
    assert_eq!(of(b"a,\xc3,\xa9"), Some(1));
    assert_eq!(of(b"a,b,\xff"), Some(2));
    assert_eq!(of(b"a,\xed\xa0\x80"), Some(1), "a surrogate");
}

#[test]
fn long_column_names_are_cut_and_escaped() {
    assert_eq!(shown("a\"\n"), r#""a\"\n""#);
    assert_eq!(shown(&"é".repeat(100)), format!("\"{}\"…", "é".repeat(60)));
}

/// Each record can be read again from its own bytes: what a lookup does.
fn assert_rereads(file: &[u8], record: &Record) {
    let start = usize::try_from(record.offset).unwrap();
    let piece = &file[start..start + record.len as usize];
    let mut again = Record::default();
    assert!(Records::of_piece(piece, b',').read(&mut again).unwrap());
    assert_eq!(cells(&again), cells(record), "{:?}", String::from_utf8_lossy(piece));
}

#[test]
fn what_another_writer_wrote_is_read_back() {
    let pieces = ["a", "", ",", "\"", "\n", "\r\n", "\r", " ", "é", "愛", "\u{feff}", "x y", "''", "{{", "\0"];
    let mut dice = Dice(7);
    for round in 0..500 {
        let columns = 2 + dice.below(4);
        let mut rows: Vec<Vec<String>> = Vec::new();
        for _ in 0..=dice.below(8) {
            let cell = |dice: &mut Dice| (0..dice.below(5)).map(|_| pieces[dice.below(pieces.len())]).collect();
            rows.push((0..columns).map(|_| cell(&mut dice)).collect());
        }
        let terminator = [csv::Terminator::CRLF, csv::Terminator::Any(b'\n')][dice.below(2)];
        let style = [csv::QuoteStyle::Necessary, csv::QuoteStyle::Always][dice.below(2)];
        let mut writer = csv::WriterBuilder::new().terminator(terminator).quote_style(style).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let file = writer.into_inner().unwrap();
        // A mark at the very start belongs to the file, not to the first cell.
        let starts_with_mark = file.starts_with(&UTF8_BOM);
        for step in [1, 2, 3, 7, u32::MAX] {
            let records = read_all(&Drips(&file, step)).unwrap();
            let found: Vec<Cells> = records.iter().map(cells).collect();
            let mut expected: Vec<Cells> =
                rows.iter().map(|row| row.iter().map(|cell| cell.clone().into_bytes()).collect()).collect();
            if starts_with_mark {
                expected[0][0].drain(..UTF8_BOM.len());
            }
            assert_eq!(found, expected, "round {round}, {step} bytes at a time");
            for record in &records {
                assert_rereads(&file, record);
            }
        }
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    let alphabet = b"ab,\"\"\n\r\xef\xbb\xbf\xff\0;\xc3\xa9";
    let mut dice = Dice(11);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let file: Vec<u8> = (0..dice.below(24)).map(|_| alphabet[dice.below(alphabet.len())]).collect();
        let whole = read_all(file.as_slice());
        assert_eq!(whole.is_err(), read_all(&Drips(&file, 1)).is_err(), "{file:?}");
        match whole {
            Ok(records) => {
                read += 1;
                for record in &records {
                    assert_rereads(&file, record);
                }
            }
            Err(fault) => {
                refused += 1;
                assert!(!fault.describe(&[]).is_empty());
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
