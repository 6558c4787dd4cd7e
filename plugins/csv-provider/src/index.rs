//! The index: where in the file each key's record stands.
//!
//! ```text
//! magic      8 bytes, with the version of this layout
//! rows       u32
//! bits       u32: the directory has 2^bits buckets
//! key        u32: the key's column, counted from 0
//! names      u32: length of what follows
//! columns    the column names, a JSON array
//! directory  (2^bits + 1) × u32: the first entry of each bucket, and the end of the last
//! entries    rows × (hash u64, offset u64, length u32), sorted by hash
//! ```
//!
//! All numbers are little-endian. A key's bucket is given by the leading bits of its hash, so a
//! lookup takes five small reads, however many rows there are.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hasher},
};

use chancery_plugin_sdk::ReadAt;

use crate::records::{Fault, Place, Record, Records, shown};

/// Keeps the index within the 64 MiB that the host allows `prepare` to return.
pub(crate) const MAX_ROWS: usize = 3_000_000;
/// Every lookup reads the column names.
pub(crate) const MAX_COLUMNS: usize = 1000;

const MAGIC: &[u8; 8] = b"csvidx\0\x01";
const HEADER_BYTES: u32 = 24;
const ENTRY_BYTES: u32 = 20;
const DIRECTORY_ENTRY_BYTES: u32 = 4;
/// A bucket is read in one go: a few hundred bytes.
const ROWS_PER_BUCKET: usize = 8;
const MAX_BITS: u32 = 20;

/// A finished index, and what it is of.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<String>,
}

/// Reads the whole file once. `needed` are the columns that must exist, the first being the key's.
///
/// # Errors
/// The first fault of the file, with its row and column, as a sentence for the operator.
pub(crate) fn build<S: ReadAt + ?Sized>(source: &S, delimiter: u8, needed: &[&str]) -> Result<Built, String> {
    let mut builder = Builder { source, delimiter, columns: Vec::new(), key: 0, entries: Vec::new() };
    match builder.scan(needed).and_then(|()| builder.sort()) {
        Ok(()) => Ok(builder.finish()),
        Err(fault) => Err(fault.describe(&builder.columns)),
    }
}

/// The index of one file, opened to look a key up.
#[derive(Debug)]
pub(crate) struct Index<'a, P: ?Sized> {
    bytes: &'a P,
    rows: u32,
    bits: u32,
    key: usize,
    columns: Vec<String>,
    /// Of the directory.
    start: u64,
}

/// The index and the file do not belong together, or are not what `build` made. Says what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt(pub(crate) &'static str);

/// The cells of one row with their columns, in the file's order.
pub(crate) type Row = Vec<(String, String)>;

impl<'a, P: ReadAt + ?Sized> Index<'a, P> {
    pub(crate) fn open(bytes: &'a P) -> Result<Self, Corrupt> {
        let header = bytes.read_exact_at(0, HEADER_BYTES).ok_or(Corrupt("the index is missing or too short"))?;
        if !header.starts_with(MAGIC) {
            return Err(Corrupt("the index is of another version"));
        }
        let [rows, bits, key, names] = [8, 12, 16, 20].map(|at| u32_at(&header, at).unwrap_or_default());
        let names = bytes.read_exact_at(HEADER_BYTES.into(), names).ok_or(Corrupt("the column names are cut off"))?;
        let start = u64::from(HEADER_BYTES) + names.len() as u64;
        let columns: Vec<String> =
            serde_json::from_slice(&names).map_err(|_| Corrupt("the column names are unreadable"))?;
        if bits > MAX_BITS || key as usize >= columns.len() {
            return Err(Corrupt("the index's header is out of range"));
        }
        Ok(Self { bytes, rows, bits, key: key as usize, columns, start })
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// The row whose key is exactly `key`, read from the file that the index was built from.
    pub(crate) fn find<S: ReadAt + ?Sized>(
        &self,
        source: &S,
        delimiter: u8,
        key: &str,
    ) -> Result<Option<Row>, Corrupt> {
        let hash = hash(key.as_bytes());
        let bucket = self.bucket(hash)?;
        let (entries, _) = bucket.as_chunks::<{ ENTRY_BYTES as usize }>();
        let first = entries.partition_point(|entry| Entry::hash_of(entry) < hash);
        for entry in entries[first..].iter().take_while(|entry| Entry::hash_of(entry) == hash) {
            let record = read_record(source, delimiter, &Entry::decode(entry))
                .filter(|record| record.cells() == self.columns.len())
                .ok_or(Corrupt("the file has no row where the index says"))?;
            // Two keys may share a hash; only the file tells.
            if record.cell(self.key) == key.as_bytes() {
                return self.row(&record).map(Some);
            }
        }
        Ok(None)
    }

    /// The entries whose hashes begin like this one.
    fn bucket(&self, hash: u64) -> Result<Vec<u8>, Corrupt> {
        const CUT: Corrupt = Corrupt("the index is cut off");
        let number = bucket_of(hash, self.bits) as u64;
        let at = self.start + number * u64::from(DIRECTORY_ENTRY_BYTES);
        let bounds = self.bytes.read_exact_at(at, 2 * DIRECTORY_ENTRY_BYTES).ok_or(CUT)?;
        let (Some(first), Some(end)) = (u32_at(&bounds, 0), u32_at(&bounds, 4)) else {
            return Err(CUT);
        };
        if end > self.rows {
            return Err(CUT);
        }
        let len = end.checked_sub(first).and_then(|rows| rows.checked_mul(ENTRY_BYTES)).ok_or(CUT)?;
        let entries = self.start + ((1_u64 << self.bits) + 1) * u64::from(DIRECTORY_ENTRY_BYTES);
        self.bytes.read_exact_at(entries + u64::from(first) * u64::from(ENTRY_BYTES), len).ok_or(CUT)
    }

    fn row(&self, record: &Record) -> Result<Row, Corrupt> {
        let cell = |column| {
            let text = std::str::from_utf8(record.cell(column)).ok()?;
            Some((self.columns.get(column)?.clone(), text.to_owned()))
        };
        (0..record.cells()).map(cell).collect::<Option<Row>>().ok_or(Corrupt("the file's row is not UTF-8"))
    }
}

/// One row of the file.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    offset: u64,
    len: u32,
    /// For messages; not in the finished index.
    place: Place,
}

impl Entry {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.hash.to_le_bytes());
        into.extend_from_slice(&self.offset.to_le_bytes());
        into.extend_from_slice(&self.len.to_le_bytes());
    }

    fn decode(bytes: &[u8; ENTRY_BYTES as usize]) -> Self {
        Self {
            hash: u64_at(bytes, 0),
            offset: u64_at(bytes, 8),
            len: u32_at(bytes, 16).unwrap_or_default(),
            place: Place::default(),
        }
    }

    fn hash_of(bytes: &[u8; ENTRY_BYTES as usize]) -> u64 {
        u64_at(bytes, 0)
    }
}

struct Builder<'a, S: ?Sized> {
    source: &'a S,
    delimiter: u8,
    columns: Vec<String>,
    key: usize,
    entries: Vec<Entry>,
}

impl<S: ReadAt + ?Sized> Builder<'_, S> {
    fn scan(&mut self, needed: &[&str]) -> Result<(), Fault> {
        let mut records = Records::of_file(self.source, self.delimiter)?;
        let mut record = Record::default();
        if !records.read(&mut record)? {
            return Err(Fault::new("the file is empty: the first row must name the columns"));
        }
        self.header(&record)?;
        self.key = self.require(needed, &record)?;
        while records.read(&mut record)? {
            // Spreadsheets like to leave such rows at the end.
            if record.is_blank() {
                continue;
            }
            if self.entries.len() == MAX_ROWS {
                return Err(Fault::new(format!("the file has more than {MAX_ROWS} rows")).at(record.place));
            }
            let key = self.checked_key(&record)?;
            let entry = Entry { hash: hash(key), offset: record.offset, len: record.len, place: record.place };
            self.entries.push(entry);
        }
        Ok(())
    }

    fn header(&mut self, record: &Record) -> Result<(), Fault> {
        if record.cells() > MAX_COLUMNS {
            return Err(Fault::new(format!("the file has more than {MAX_COLUMNS} columns")).at(record.place));
        }
        for column in 0..record.cells() {
            let fault = |what: String| Fault::new(what).at(record.place).in_column(column);
            let name = std::str::from_utf8(record.cell(column)).map_err(|_| fault(NOT_UTF8.to_owned()))?;
            if name.trim().is_empty() {
                return Err(fault("the column has no name".to_owned()));
            }
            if let Some(first) = self.columns.iter().position(|known| known == name) {
                return Err(fault(format!("the name {} is that of column {} too", shown(name), first + 1)));
            }
            self.columns.push(name.to_owned());
        }
        Ok(())
    }

    /// The position of the first of `needed`, all of which must exist.
    fn require(&self, needed: &[&str], header: &Record) -> Result<usize, Fault> {
        let position = |name: &&str| {
            self.columns.iter().position(|column| column == name).ok_or_else(|| {
                let known: Vec<String> = self.columns.iter().take(COLUMNS_SHOWN).map(|column| shown(column)).collect();
                let hint = if known.len() == 1 { "; is the delimiter right?" } else { "" };
                let what = format!("there is no column {}, only {}{hint}", shown(name), known.join(", "));
                Fault::new(what).at(header.place)
            })
        };
        let positions: Vec<usize> = needed.iter().map(position).collect::<Result<_, _>>()?;
        Ok(positions.first().copied().unwrap_or_default())
    }

    fn checked_key<'r>(&self, record: &'r Record) -> Result<&'r [u8], Fault> {
        let (found, expected) = (record.cells(), self.columns.len());
        if found != expected {
            let what = format!("the row has {found} cells, the header has {expected}");
            return Err(Fault::new(what).at(record.place).in_column(found.min(expected)));
        }
        if let Some(column) = record.not_utf8() {
            return Err(Fault::new(NOT_UTF8).at(record.place).in_column(column));
        }
        let key = record.cell(self.key);
        let fault = |what: &str| Err(Fault::new(what).at(record.place).in_column(self.key));
        match std::str::from_utf8(key) {
            Ok("") => fault("the key is empty"),
            Ok(text) if text.trim() != text => fault("there is white space around the key"),
            Ok(text) if text.starts_with('\u{feff}') => fault("there is a byte order mark before the key"),
            _ => Ok(key),
        }
    }

    /// Sorts by hash and refuses keys that occur twice.
    fn sort(&mut self) -> Result<(), Fault> {
        self.entries.sort_unstable_by_key(|entry| (entry.hash, entry.offset));
        for same in self.entries.chunk_by(|a, b| a.hash == b.hash).filter(|same| same.len() > 1) {
            let mut seen: BTreeMap<Vec<u8>, Place> = BTreeMap::new();
            for entry in same {
                let record = read_record(self.source, self.delimiter, entry)
                    .ok_or_else(|| Fault::new("the file changed while it was read").at(entry.place))?;
                if let Some(first) = seen.insert(record.cell(self.key).to_vec(), entry.place) {
                    let what = format!("the key is that of {first} too");
                    return Err(Fault::new(what).at(entry.place).in_column(self.key));
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Built {
        let bits = (self.entries.len() / ROWS_PER_BUCKET).max(1).ilog2().min(MAX_BITS);
        let names = serde_json::Value::from(self.columns.clone()).to_string();
        let mut bytes = MAGIC.to_vec();
        for number in [self.entries.len(), bits as usize, self.key, names.len()] {
            bytes.extend_from_slice(&to_u32(number).to_le_bytes());
        }
        bytes.extend_from_slice(names.as_bytes());
        let mut first = 0;
        for bucket in 0..=1_usize << bits {
            first += self.entries[first..].partition_point(|entry| bucket_of(entry.hash, bits) < bucket);
            bytes.extend_from_slice(&to_u32(first).to_le_bytes());
        }
        bytes.reserve_exact(self.entries.len() * ENTRY_BYTES as usize);
        for entry in &self.entries {
            entry.encode(&mut bytes);
        }
        Built { bytes, rows: self.entries.len(), columns: self.columns }
    }
}

/// In the message that a column is missing.
const COLUMNS_SHOWN: usize = 12;
const NOT_UTF8: &str = "the value is not UTF-8: save the file as UTF-8";

fn read_record<S: ReadAt + ?Sized>(source: &S, delimiter: u8, entry: &Entry) -> Option<Record> {
    let bytes = source.read_exact_at(entry.offset, entry.len)?;
    let mut record = Record::default();
    let found = Records::of_piece(bytes.as_slice(), delimiter).read(&mut record).ok()?;
    found.then_some(record)
}

/// Keyed by nothing: the same in every call of the same component, which is all that is needed.
fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

fn bucket_of(hash: u64, bits: u32) -> usize {
    // A shift by all 64 bits would overflow.
    let leading = hash.checked_shr(u64::BITS - bits).unwrap_or_default();
    usize::try_from(leading).unwrap_or_default()
}

/// Of counts that [`MAX_ROWS`] and the longest record keep small.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

fn u64_at(bytes: &[u8; ENTRY_BYTES as usize], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
