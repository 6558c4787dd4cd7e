//! Items of jobs: added, and brought to their end together with what counts them.

use std::collections::BTreeMap;

use super::issuances::{MAX_ROWS_PER_INSERT, row_groups};
use super::jobs::JobKey;
use super::{Driver, Operation, Row, Statement, Verdict, Write, unavailable};
use crate::contract::StoreError;
use crate::records::{AuditEvent, IssuanceBatch, JobItem, JobItemDone, JobItemState, Timestamp};

// The rows that are added next belong to whoever comes through here: another one finds another total.
const EXTEND: &str = "UPDATE jobs SET total = total + $3, updated_at = $4 \
    WHERE issuer_id = $1 AND job_id = $2 AND state = 'loading' AND total = $5 RETURNING total";
const INSERT_ITEMS: &str = "INSERT INTO job_items (issuer_id, job_id, number, sealed_input, state) VALUES";
const ITEM_COLUMNS: usize = 5;
const FINISH_ITEMS: &str = "WITH finished (issuer_id, job_id, number, credential_id, sealed_input) AS (VALUES";
const FINISH_ITEMS_TAIL: &str = ") UPDATE job_items SET state = 'done', credential_id = finished.credential_id, \
    sealed_input = finished.sealed_input FROM finished WHERE job_items.issuer_id = finished.issuer_id \
    AND job_items.job_id = finished.job_id AND job_items.number = finished.number AND job_items.state = 'pending'";
const FINISHED_COLUMNS: usize = 5;
const FAIL_ITEM: &str = "UPDATE job_items SET state = 'failed', error = $4, sealed_input = $5 \
    WHERE issuer_id = $1 AND job_id = $2 AND number = $3 AND state = 'pending'";
// After its items, because all that work on a job share its row. One that does not run any more takes its items back.
const COUNT: &str = "UPDATE jobs SET done = done + $3, failed = failed + $4, updated_at = $5 \
    WHERE issuer_id = $1 AND job_id = $2 AND state = 'running'";

pub(super) struct AddItems {
    pub(super) job: JobKey,
    pub(super) sealed_inputs: Vec<(i64, Vec<u8>)>,
    pub(super) at: Timestamp,
}

impl AddItems {
    /// How many items there must be before, if the numbers go on without a gap.
    fn former_total(&self) -> Option<i64> {
        let goes_on = |one: &(i64, Vec<u8>), next: &(i64, Vec<u8>)| one.0.checked_add(1) == Some(next.0);
        let first = self.sealed_inputs.is_sorted_by(goes_on).then_some(self.sealed_inputs.first()?)?;
        first.0.checked_sub(1)
    }
}

impl Operation for AddItems {
    type Answer = Option<i64>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Self::Answer>, StoreError> {
        let Some(former_total) = self.former_total() else { return Ok(Verdict::Commit(None)) };
        let count = i64::try_from(self.sealed_inputs.len()).map_err(unavailable)?;
        let extend = self.job.of(EXTEND).integer(count).time(self.at).integer(former_total);
        let Some(extended) = write.fetch_first(extend).await? else { return Ok(Verdict::Commit(None)) };
        for rows in row_groups(&self.sealed_inputs, MAX_ROWS_PER_INSERT) {
            write.execute(insert_items(&self.job, rows)).await?;
        }
        Ok(Verdict::Commit(Some(extended.integer("total")?)))
    }
}

pub(super) struct FailItem {
    pub(super) job: JobKey,
    pub(super) number: i64,
    pub(super) error: String,
    pub(super) event: AuditEvent,
}

impl Operation for FailItem {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let fail = self.job.of(FAIL_ITEM).integer(self.number).text(&self.error).bytes(&[]);
        if write.execute(fail).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        let count = self.job.of(COUNT).integer(0).integer(1).time(self.event.at);
        if write.execute(count).await? == 0 {
            return Ok(Verdict::RollBack(false));
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

/// What the items of one job add to it.
struct Progress {
    done: i64,
    at: Timestamp,
}

impl<DB: Driver> Write<'_, DB> {
    /// `false` when an item is not pending any more or its job does not run; what was written then is to be rolled
    /// back.
    pub(super) async fn finish_job_items(&mut self, batches: &[&IssuanceBatch]) -> Result<bool, StoreError> {
        let mut items: Vec<_> = batches
            .iter()
            .flat_map(|batch| batch.job_items.iter().map(|item| (batch.issuer_id.as_str(), item)))
            .collect();
        items.sort_unstable_by_key(|(issuer_id, item)| (*issuer_id, &item.job_id, item.number));
        for rows in row_groups(&items, MAX_ROWS_PER_INSERT) {
            if self.execute(finish_items(rows)).await? != rows.len() as u64 {
                return Ok(false);
            }
        }
        // In the order of the jobs, so that no two who finish items of several wait for each other.
        let mut jobs = BTreeMap::new();
        for (issuer_id, item) in items {
            let job: &mut Progress = jobs.entry((issuer_id, &item.job_id)).or_insert(Progress { done: 0, at: item.at });
            job.done += 1;
            job.at = job.at.max(item.at);
        }
        for ((issuer_id, job_id), progress) in jobs {
            let count = Statement::new(COUNT).text(issuer_id).text(job_id);
            if self.execute(count.integer(progress.done).integer(0).time(progress.at)).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn insert_items<'q>(job: &'q JobKey, rows: &'q [(i64, Vec<u8>)]) -> Statement<'q> {
    rows.iter().fold(Statement::rows(INSERT_ITEMS, ITEM_COLUMNS, rows.len(), ""), |insert, (number, sealed_input)| {
        let insert = insert.text(&job.issuer_id).text(&job.job_id).integer(*number).bytes(sealed_input);
        insert.text("pending")
    })
}

fn finish_items<'q>(rows: &[(&'q str, &'q JobItemDone)]) -> Statement<'q> {
    let finish = Statement::rows(FINISH_ITEMS, FINISHED_COLUMNS, rows.len(), FINISH_ITEMS_TAIL);
    rows.iter().fold(finish, |finish, (issuer_id, item)| {
        let finish = finish.text(issuer_id).text(&item.job_id).integer(item.number);
        finish.text(&item.credential_id).bytes(&[])
    })
}

pub(super) fn item<DB: Driver>(row: &Row<DB>) -> Result<JobItem, StoreError> {
    Ok(JobItem {
        number: row.integer("number")?,
        state: parse_item_state(&row.text("state")?)?,
        sealed_input: row.bytes("sealed_input")?,
        credential_id: row.optional_text("credential_id")?,
        error: row.optional_text("error")?,
    })
}

fn parse_item_state(text: &str) -> Result<JobItemState, StoreError> {
    match text {
        "pending" => Ok(JobItemState::Pending),
        "done" => Ok(JobItemState::Done),
        "failed" => Ok(JobItemState::Failed),
        other => Err(unavailable(format!("an item of a job has the unknown state {other}"))),
    }
}
