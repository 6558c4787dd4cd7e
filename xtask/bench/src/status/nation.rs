//! 100,000,000 credentials with two statuses each: what the lists of a nation take, in memory and on disk, and how long
//! it takes to open one of them.
//!
//! The lists are all made. The rows in the database are those of fewer credentials, recorded as issuances are.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use chancery::config::Status;
use chancery_credential::status::StatusBits;
use tokio::runtime::Runtime;

use super::{
    bits::{Chance, filled},
    host::{Host, PURPOSES},
    making::Maker,
};
use crate::{
    Result,
    measure::Effort,
    parts::store::{issuance, record},
    process::Process,
    report::{Report, Scale},
};

const CREDENTIALS: u32 = 100_000_000;
const ENTRIES: u32 = 1 << 20;
const LISTS: u32 = CREDENTIALS.div_ceil(ENTRIES);
/// Of the entries of each purpose.
const PERCENT_SET: u32 = 2;
/// Bits that are changed to see how long one takes.
const CHANGES: u32 = 1_000_000;
/// Credentials recorded with one call.
const BATCH: usize = 100;
/// About what a farmer's SD-JWT VC takes when it is kept, sealed.
const SEALED: usize = 1_700;

pub(super) fn measure_lists(report: &mut Report) -> Result<()> {
    let process = Process::own();
    let before = process.resident()?;
    let mut lists = (0..LISTS).map(|list| filled(ENTRIES, PERCENT_SET, list.into())).collect::<Result<Vec<_>>>()?;
    let resident = process.resident()?.saturating_sub(before);
    let held: usize =
        lists.iter().flat_map(|bits| PURPOSES.map(|purpose| bits.plane(purpose).map_or(0, <[u8]>::len))).sum();
    let snapshots = lists.iter().map(|bits| Ok(bits.to_snapshot()?)).collect::<Result<Vec<_>>>()?;
    let stored: usize = snapshots.iter().map(Vec::len).sum();
    let documents = documents(&lists)?;
    for (id, what, bytes) in [
        ("bits", "bits of both purposes in memory", to_f64(held)),
        ("resident", "what they add to the process", to_f64(usize::try_from(resident)?)),
        ("snapshots", "snapshots in the database", to_f64(stored)),
        ("documents", "signed documents served from memory, with gzip", documents),
    ] {
        report.scale(Scale::bytes(id, what, "list", bytes / f64::from(LISTS), LISTS));
    }
    report.scale(Scale::time("open", "open a list: from its snapshot to its bits", open(&snapshots)?, Some(LISTS)));
    report.scale(Scale::time("set", "change one bit", change(&mut lists)?, None));
    Ok(())
}

pub(super) fn measure_rows(report: &mut Report, effort: &Effort, runtime: &Runtime, dir: &Path) -> Result<()> {
    // As many as the host issues elsewhere, twice; those that are kept are larger.
    let count = effort.issuances * 2;
    for (id, what, count, sealed) in [
        ("rows", "rows in SQLite, records only", count, None),
        ("rows-kept", "rows in SQLite, credentials of 1,700 bytes kept", count / 4, Some(SEALED)),
    ] {
        let each = bytes_per_credential(runtime, &dir.join(id), count, sealed)?;
        let what = format!("{what}; measured with {} thousand of them", count / 1_000);
        report.scale(Scale::bytes(id, &what, "credential", each, CREDENTIALS));
    }
    Ok(())
}

/// Of all lists: one stands for them.
fn documents(lists: &[StatusBits]) -> Result<f64> {
    let Some(bits) = lists.first() else { return Ok(0.0) };
    let made = Maker::new()?.publication(bits)?;
    Ok(to_f64(made.bytes - bits.to_snapshot()?.len() + made.gzip) * f64::from(LISTS))
}

/// The median of all.
fn open(snapshots: &[Vec<u8>]) -> Result<Duration> {
    let mut remaining = snapshots.iter();
    super::median(snapshots.len(), || {
        let snapshot = remaining.next().ok_or("no snapshot is left")?;
        std::hint::black_box(StatusBits::from_snapshot(snapshot)?);
        Ok(())
    })
}

/// Over all lists, as changes come.
fn change(lists: &mut [StatusBits]) -> Result<Duration> {
    let mut chance = Chance(u64::MAX / 3);
    let from = Instant::now();
    for _ in 0..CHANGES {
        let list = lists.get_mut(usize::try_from(chance.below(LISTS))?).ok_or("a list is missing")?;
        let index = chance.below(ENTRIES);
        let is_set = list.get(PURPOSES[0], index).ok_or("an entry is missing")?;
        list.set(PURPOSES[0], index, !is_set)?;
    }
    Ok(from.elapsed() / CHANGES)
}

/// What the database grows by, the indexes and the audit events among it.
fn bytes_per_credential(runtime: &Runtime, dir: &Path, count: usize, sealed: Option<usize>) -> Result<f64> {
    runtime.block_on(async {
        let host = Host::open(dir, None, Status::default()).await?;
        // The lists open before the first look.
        host.allocate(1).await?;
        // The last connection folds the write-ahead log into the file.
        host.store().close().await;
        let before = size(dir)?;
        let host = Host::open(dir, None, Status::default()).await?;
        for first in (0..count).step_by(BATCH) {
            let entries = host.allocate(BATCH.min(count - first)).await?;
            let mut batches: Vec<_> =
                entries.into_iter().zip(first..).map(|(status, number)| issuance(&host, number, status)).collect();
            for batch in &mut batches {
                // A nonce does not stay: it goes after some minutes.
                batch.nonces.clear();
                batch.credentials.iter_mut().for_each(|one| one.credential = sealed.map(|bytes| vec![3; bytes]));
            }
            record(&host, &batches).await?;
        }
        host.store().close().await;
        Ok(to_f64(usize::try_from(size(dir)? - before)?) / to_f64(count))
    })
}

fn size(dir: &Path) -> Result<u64> {
    Ok(fs::metadata(Host::database_file(dir))?.len())
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^52")]
fn to_f64(number: usize) -> f64 {
    number as f64
}
