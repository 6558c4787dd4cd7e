use std::{cell::Cell, fmt::Write};

use super::*;

const FARMERS: &str = "\u{feff}id,name,note\r\n\
    F-1,Amina Otieno,\"two\r\nlines\"\r\n\
    \r\n\
    F-2,አበበ,\"say \"\"hi\"\", {{ x }}\"\r\n\
    फ-३,愛子,\r\n\
    ,,\r\n";

/// Counts what a lookup costs.
struct Counted<'a> {
    bytes: &'a [u8],
    reads: Cell<u32>,
    read_bytes: Cell<u64>,
}

impl<'a> Counted<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, reads: Cell::new(0), read_bytes: Cell::new(0) }
    }
}

impl ReadAt for Counted<'_> {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, offset: u64, len: u32) -> Vec<u8> {
        let bytes = self.bytes.read_at(offset, len);
        self.reads.set(self.reads.get() + 1);
        self.read_bytes.set(self.read_bytes.get() + bytes.len() as u64);
        bytes
    }
}

fn built(file: &str) -> Vec<u8> {
    build(file.as_bytes(), b',', &["id"]).unwrap().bytes
}

fn find(index: &[u8], file: &[u8], key: &str) -> Result<Option<Row>, Corrupt> {
    Index::open(index)?.find(file, b',', key)
}

fn row<const N: usize>(cells: [(&str, &str); N]) -> Row {
    cells.map(|(column, cell)| (column.to_owned(), cell.to_owned())).into()
}

#[test]
fn every_person_is_found_and_nobody_else() {
    let index = built(FARMERS);
    let find = |key| find(&index, FARMERS.as_bytes(), key).unwrap();
    assert_eq!(find("F-1").unwrap(), row([("id", "F-1"), ("name", "Amina Otieno"), ("note", "two\r\nlines")]));
    assert_eq!(find("F-2").unwrap(), row([("id", "F-2"), ("name", "አበበ"), ("note", "say \"hi\", {{ x }}")]));
    assert_eq!(find("फ-३").unwrap(), row([("id", "फ-३"), ("name", "愛子"), ("note", "")]));
    for unknown in ["", "F-3", "f-1", "F-1 ", "F-1\0", "id", "Amina Otieno", ",,", "\u{feff}id"] {
        assert_eq!(find(unknown), None, "{unknown:?}");
    }
}

#[test]
fn the_key_may_be_any_column_and_the_delimiter_any_character() {
    let file = "name;id\nAda;7\n\"Bea;x\";8\n";
    let built = build(file.as_bytes(), b';', &["id", "name"]).unwrap();
    assert_eq!((built.rows, built.columns.as_slice()), (2, ["name".to_owned(), "id".to_owned()].as_slice()));
    let index = Index::open(built.bytes.as_slice()).unwrap();
    let found = index.find(file.as_bytes(), b';', "8").unwrap().unwrap();
    assert_eq!(found, row([("name", "Bea;x"), ("id", "8")]));
}

#[test]
fn a_file_with_a_header_alone_knows_nobody() {
    let index = built("id,name\n");
    assert_eq!(Index::open(index.as_slice()).unwrap().rows(), 0);
    assert_eq!(find(&index, b"id,name\n", "1"), Ok(None));
}

#[test]
fn what_is_ambiguous_is_refused_with_its_place() {
    let cases: [(&[u8], &str); 19] = [
        (b"", "the file is empty: the first row must name the columns"),
        (b"\n\n", "the file is empty: the first row must name the columns"),
        (b"id,,x\n", "row 1, column 2: the column has no name"),
        (b"id, ,x\n", "row 1, column 2: the column has no name"),
        (b"id,a,a\n", "row 1, column 3: the name \"a\" is that of column 2 too"),
        (b"id,\xff\n", "row 1, column 2: the value is not UTF-8: save the file as UTF-8"),
        (b"ID,name\n1,x\n", "row 1: there is no column \"id\", only \"ID\", \"name\""),
        (b"id;name\n1;x\n", "row 1: there is no column \"id\", only \"id;name\"; is the delimiter right?"),
        (b"id,name\n1,x\n2\n", "row 3, column 2 (\"name\"): the row has 1 cells, the header has 2"),
        (b"id,name\n1,x,y\n", "row 2, column 3: the row has 3 cells, the header has 2"),
        (b"id,name\n,x\n", "row 2, column 1 (\"id\"): the key is empty"),
        (b"id,name\n 1,x\n", "row 2, column 1 (\"id\"): there is white space around the key"),
        (b"id,name\n1\t,x\n", "row 2, column 1 (\"id\"): there is white space around the key"),
        (b"id,name\n\xef\xbb\xbf1,x\n", "row 2, column 1 (\"id\"): there is a byte order mark before the key"),
        (b"id,name\n1,x\xe9\n", "row 2, column 2 (\"name\"): the value is not UTF-8: save the file as UTF-8"),
        (b"id,name\n1,x\n2,y\n1,z\n", "row 4, column 1 (\"id\"): the key is that of row 2 too"),
        (b"id,name\n1,\"a\nb\"\n\n1,z\n", "row 4 (line 5), column 1 (\"id\"): the key is that of row 2 too"),
        (b"id,name\n1,\"x\n", "row 2, column 2 (\"name\"): the quote that opens this value is never closed"),
        (b"\xff\xfei\0d\0", "the file is UTF-16: save it as UTF-8"),
    ];
    for (file, expected) in cases {
        let fault = build(file, b',', &["id"]).unwrap_err();
        assert_eq!(fault, expected, "{:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn a_missing_claim_column_is_named() {
    let fault = build(b"id,name\n".as_slice(), b',', &["id", "name", "born"]).unwrap_err();
    assert_eq!(fault, "row 1: there is no column \"born\", only \"id\", \"name\"");
}

#[test]
fn too_many_columns_are_refused() {
    let header: Vec<String> = (0..=MAX_COLUMNS).map(|column| format!("c{column}")).collect();
    let fault = build(header.join(",").as_bytes(), b',', &["c0"]).unwrap_err();
    assert_eq!(fault, "row 1: the file has more than 1000 columns");
}

#[test]
fn a_hundred_thousand_rows_cost_a_lookup_five_small_reads() {
    const ROWS: usize = 100_000;
    let mut file = "id,name,village,crops,born\n".to_owned();
    for number in 0..ROWS {
        writeln!(file, "F-{number:06},\"Farmer, {number}\",ਪਿੰਡ {number},maize; beans,1980-01-01").unwrap();
    }
    let index = built(&file);
    assert!(index.len() < ROWS * 21, "{} bytes", index.len());
    for number in (0..ROWS).step_by(97).chain([ROWS - 1]) {
        let (index, rows) = (Counted::new(&index), Counted::new(file.as_bytes()));
        let found = Index::open(&index).unwrap().find(&rows, b',', &format!("F-{number:06}")).unwrap().unwrap();
        assert_eq!(found[1].1, format!("Farmer, {number}"));
        assert_eq!((index.reads.get(), rows.reads.get()), (4, 1));
        assert!(index.read_bytes.get() + rows.read_bytes.get() < 2048, "{} bytes", index.read_bytes.get());
    }
    assert_eq!(find(&index, file.as_bytes(), "F-100000"), Ok(None));
}

#[test]
fn one_key_twice_among_many_is_found() {
    let mut file = "id,name\n".to_owned();
    for number in 0..5000 {
        writeln!(file, "{number},x").unwrap();
    }
    file.push_str("4321,y\n");
    let fault = build(file.as_bytes(), b',', &["id"]).unwrap_err();
    assert_eq!(fault, "row 5002, column 1 (\"id\"): the key is that of row 4323 too");
}

#[test]
fn keys_that_share_a_hash_are_told_apart_by_the_file() {
    let file = "id,name\na,1\nb,2\nc,3\n";
    let mut builder =
        Builder { source: file.as_bytes(), delimiter: b',', columns: Vec::new(), key: 0, entries: Vec::new() };
    builder.scan(&["id"]).unwrap();
    for entry in &mut builder.entries {
        entry.hash = hash(b"b");
    }
    builder.sort().unwrap();
    let index = builder.finish().bytes;
    assert_eq!(find(&index, file.as_bytes(), "b").unwrap().unwrap()[1].1, "2");
    assert_eq!(find(&index, file.as_bytes(), "a"), Ok(None), "its own hash is another");
}

#[test]
fn a_damaged_index_never_gives_another_person() {
    let index = built(FARMERS);
    for cut in 0..index.len() {
        let found = find(&index[..cut], FARMERS.as_bytes(), "F-1");
        assert!(found.is_err(), "{cut} bytes: {found:?}");
    }
    for at in 0..index.len() {
        for bit in 0..8 {
            let mut damaged = index.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(Some(row)) = find(&damaged, FARMERS.as_bytes(), "F-1") {
                assert!(row.iter().any(|(_, cell)| cell == "F-1"), "byte {at}, bit {bit}: {row:?}");
            }
        }
    }
}

#[test]
fn an_index_of_another_file_gives_nobody() {
    let index = built("id,name\nF-1,Ada\nF-2,Bea\n");
    for file in ["", "id,name\n", "id,name\nF-9,Ada\nF-2,Bea\n", "id,name\n\"F-1,A\"\nF-2,Bea\n"] {
        let found = find(&index, file.as_bytes(), "F-1");
        assert!(matches!(found, Err(_) | Ok(None)), "{file:?}: {found:?}");
    }
}
