use async_trait::async_trait;

use super::job_items::{AddItems, FailItem, item};
use super::{Driver, Operation, Row, SqlStore, Statement, StatementBuilder, Verdict, Write, unavailable};
use crate::contract::{Jobs, StoreError};
use crate::records::{AuditEvent, JobItem, JobItemState, JobLease, JobRecord, JobState, NewReply, Timestamp};

macro_rules! columns {
    () => {
        "issuer_id, job_id, configuration_id, state, total, done, failed, actor, created_at, updated_at, expires_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO jobs (", columns!(), ") VALUES ($1, $2, $3, 'loading', 0, 0, 0, $4, $5, $6, $7)");
const FIND: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE issuer_id = $1 AND job_id = $2");
const LIST: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE issuer_id = ");
const IDLE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs WHERE state = 'running' AND (lease_until IS NULL OR lease_until <= $1) ORDER BY created_at LIMIT $2"
);
const START: &str = "UPDATE jobs SET state = CASE WHEN total = 0 THEN 'finished' ELSE 'running' END, updated_at = $3 \
    WHERE issuer_id = $1 AND job_id = $2 AND state = 'loading'";
const LEASE: &str = "UPDATE jobs SET lease_holder = $3, lease_until = $4 \
    WHERE issuer_id = $1 AND job_id = $2 AND state = 'running' \
    AND (lease_holder = $3 OR lease_until IS NULL OR lease_until <= $5)";
const RELEASE: &str = "UPDATE jobs SET lease_holder = NULL, lease_until = NULL \
    WHERE issuer_id = $1 AND job_id = $2 AND lease_holder = $3";
const ITEMS: &str = "SELECT number, state, sealed_input, credential_id, error FROM job_items WHERE issuer_id = ";
// The counters stand in the row itself: they are true when it is written, whatever was counted meanwhile.
const END: &str = "UPDATE jobs SET lease_holder = NULL, lease_until = NULL, updated_at = $3, \
    state = CASE WHEN state = 'running' AND done + failed = total THEN 'finished' ELSE 'cancelled' END \
    WHERE issuer_id = $1 AND job_id = $2 AND ((state = 'running' AND (done + failed = total OR $4 = 1)) \
    OR (state = 'loading' AND $4 = 1))";
const HOLD_PENDING: [&str; 2] = [
    "SELECT COUNT(*) AS pending FROM (SELECT number FROM job_items \
     WHERE issuer_id = $1 AND job_id = $2 AND state = 'pending' ORDER BY number",
    ") AS held",
];
const EMPTY_PENDING: &str =
    "UPDATE job_items SET sealed_input = $3 WHERE issuer_id = $1 AND job_id = $2 AND state = 'pending'";

#[async_trait]
impl<DB: Driver> Jobs for SqlStore<DB> {
    async fn create_job(
        &self,
        job: &JobRecord,
        reply: Option<&NewReply>,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        self.write(Create { job: job.clone(), reply: reply.cloned(), event: event.clone() }).await
    }

    async fn add_job_items(
        &self,
        issuer_id: &str,
        job_id: &str,
        sealed_inputs: &[(i64, Vec<u8>)],
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let job = JobKey::new(issuer_id, job_id);
        self.write(AddItems { job, sealed_inputs: sealed_inputs.to_vec(), at }).await
    }

    async fn start_job(&self, issuer_id: &str, job_id: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.write(Start { job: JobKey::new(issuer_id, job_id), at }).await
    }

    async fn find_job(&self, issuer_id: &str, job_id: &str) -> Result<Option<JobRecord>, StoreError> {
        let row = self.read_first(Statement::new(FIND).text(issuer_id).text(job_id)).await?;
        row.as_ref().map(job).transpose()
    }

    async fn jobs(
        &self,
        issuer_id: &str,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let mut list = StatementBuilder::new(LIST).text(issuer_id);
        if let Some((created_at, job_id)) = &after {
            list = list.sql(" AND (created_at, job_id) < (").time(*created_at).sql(", ").text(job_id).sql(")");
        }
        let list = list.sql(" ORDER BY created_at DESC, job_id DESC LIMIT ").integer(limit.into()).build();
        self.read(list).await?.iter().map(job).collect()
    }

    async fn idle_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<JobRecord>, StoreError> {
        self.read(Statement::new(IDLE).time(now).integer(limit.into())).await?.iter().map(job).collect()
    }

    async fn lease_job(&self, lease: &JobLease, now: Timestamp) -> Result<bool, StoreError> {
        self.write(Lease { lease: lease.clone(), now }).await
    }

    async fn release_job(&self, lease: &JobLease) -> Result<bool, StoreError> {
        self.write(Release { lease: lease.clone() }).await
    }

    async fn job_items(
        &self,
        issuer_id: &str,
        job_id: &str,
        state: Option<JobItemState>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JobItem>, StoreError> {
        let list = StatementBuilder::new(ITEMS).text(issuer_id).sql(" AND job_id = ").text(job_id);
        // Not a value: the index over pending items is found by the word itself.
        let list = list.sql(match state {
            None => "",
            Some(JobItemState::Pending) => " AND state = 'pending'",
            Some(JobItemState::Done) => " AND state = 'done'",
            Some(JobItemState::Failed) => " AND state = 'failed'",
        });
        let list = list.sql(" AND number > ").integer(after).sql(" ORDER BY number LIMIT ").integer(limit.into());
        self.read(list.build()).await?.iter().map(item).collect()
    }

    async fn fail_job_item(
        &self,
        issuer_id: &str,
        job_id: &str,
        number: i64,
        error: &str,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let job = JobKey::new(issuer_id, job_id);
        self.write(FailItem { job, number, error: error.to_owned(), event: event.clone() }).await
    }

    async fn end_job(
        &self,
        issuer_id: &str,
        job_id: &str,
        cancel: bool,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        self.write(End { job: JobKey::new(issuer_id, job_id), cancel, event: event.clone() }).await
    }
}

pub(super) struct JobKey {
    pub(super) issuer_id: String,
    pub(super) job_id: String,
}

impl JobKey {
    fn new(issuer_id: &str, job_id: &str) -> Self {
        Self { issuer_id: issuer_id.to_owned(), job_id: job_id.to_owned() }
    }

    /// Binds `$1` and `$2`.
    pub(super) fn of(&self, sql: &'static str) -> Statement<'_> {
        Statement::new(sql).text(&self.issuer_id).text(&self.job_id)
    }
}

struct Create {
    job: JobRecord,
    reply: Option<NewReply>,
    event: AuditEvent,
}

impl Operation for Create {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if let Some(reply) = &self.reply
            && !write.insert_reply(reply).await?
        {
            return Ok(Verdict::Commit(false));
        }
        write.execute(insert(&self.job)).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

struct Start {
    job: JobKey,
    at: Timestamp,
}

impl Operation for Start {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        Ok(Verdict::Commit(write.execute(self.job.of(START).time(self.at)).await? == 1))
    }
}

struct Lease {
    lease: JobLease,
    now: Timestamp,
}

impl Operation for Lease {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let take = of_holder(LEASE, &self.lease).time(self.lease.until).time(self.now);
        Ok(Verdict::Commit(write.execute(take).await? == 1))
    }
}

struct Release {
    lease: JobLease,
}

impl Operation for Release {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        Ok(Verdict::Commit(write.execute(of_holder(RELEASE, &self.lease)).await? == 1))
    }
}

struct End {
    job: JobKey,
    cancel: bool,
    event: AuditEvent,
}

impl Operation for End {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if self.cancel {
            // Items before their job, and in their order, as whoever finishes them takes them.
            let [select, end] = HOLD_PENDING;
            let hold = Statement::joined(&[select, DB::LOCK_ROWS, end]);
            write.fetch(hold.text(&self.job.issuer_id).text(&self.job.job_id)).await?;
        }
        let end = self.job.of(END).time(self.event.at).integer(self.cancel.into());
        if write.execute(end).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        if self.cancel {
            // Also of items that were added meanwhile: none is from now on.
            write.execute(self.job.of(EMPTY_PENDING).bytes(&[])).await?;
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

/// Binds `$1` to `$3`.
fn of_holder<'q>(sql: &'static str, lease: &'q JobLease) -> Statement<'q> {
    Statement::new(sql).text(&lease.issuer_id).text(&lease.job_id).text(&lease.holder)
}

fn insert(job: &JobRecord) -> Statement<'_> {
    Statement::new(INSERT)
        .text(&job.issuer_id)
        .text(&job.job_id)
        .text(&job.configuration_id)
        .text(&job.actor)
        .time(job.created_at)
        .time(job.updated_at)
        .time(job.expires_at)
        .creates("job")
}

fn job<DB: Driver>(row: &Row<DB>) -> Result<JobRecord, StoreError> {
    Ok(JobRecord {
        issuer_id: row.text("issuer_id")?,
        job_id: row.text("job_id")?,
        configuration_id: row.text("configuration_id")?,
        state: parse_state(&row.text("state")?)?,
        total: row.integer("total")?,
        done: row.integer("done")?,
        failed: row.integer("failed")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        expires_at: row.time("expires_at")?,
    })
}

fn parse_state(text: &str) -> Result<JobState, StoreError> {
    match text {
        "loading" => Ok(JobState::Loading),
        "running" => Ok(JobState::Running),
        "finished" => Ok(JobState::Finished),
        "cancelled" => Ok(JobState::Cancelled),
        other => Err(unavailable(format!("a job has the unknown state {other}"))),
    }
}
