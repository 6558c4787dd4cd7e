use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chancery_store::{JobItem, JobItemState, JobLease, JobRecord, JobState, Timestamp};
use serde_json::json;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;

use super::input::Place;
use super::{Input, Jobs};
use crate::audit::Actor;
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;
use crate::issuance::lifecycle::{DirectRequest, Item};

/// Items that are read at once. Each is held in memory with what it is made of.
const PAGE: u32 = 64;
/// How long one item may take.
const ITEM_TIME: Duration = Duration::from_secs(30);
/// Failures of one stretch of work that are logged with their causes; every one stands in its item and in the audit trail.
const LOGGED_FAILURES: u32 = 10;

/// How a stretch of work on a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every item is issued or cannot be.
    Finished,
    /// Another host works on it, or it does not run any more.
    NotOurs,
    /// Asked to stop.
    Stopped,
    /// What is left cannot be issued now, and may be after that time at the earliest, if that is known.
    Waits { after: Option<Duration>, progressed: bool },
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Issued,
    Failed,
}

enum ItemEnd {
    Issued,
    Failed(Error),
    /// It is not pending any more, or its job does not run.
    NotOurs,
    /// It may work when it is tried again.
    Later(Error),
}

impl Jobs {
    /// Works through a job's pending items, unless another host does. `holder` names who works here; `report` is told of
    /// every item.
    pub async fn work(
        self: &Arc<Self>,
        job: &JobRecord,
        holder: &str,
        stop: &CancellationToken,
        report: impl FnMut(Step) + Send,
    ) -> Result<End, Error> {
        if !self.lease(job, holder).await? {
            return Ok(End::NotOurs);
        }
        let mut work = Work::new(Arc::clone(self), job.clone(), holder, report);
        let end = work.run(stop).await;
        // Also after an error: others need not wait for the lease to end. Where it is not ours this does nothing.
        if !matches!(end, Ok(End::Finished)) {
            let given_up = self.store.release_job(&self.lease_of(job, holder)).await;
            if let Err(error) = given_up {
                tracing::debug!(error = &error as &dyn std::error::Error, job = job.job_id, "the lease ends by itself");
            }
        }
        end
    }

    async fn lease(&self, job: &JobRecord, holder: &str) -> Result<bool, Error> {
        let lease = self.lease_of(job, holder);
        Ok(self.store.lease_job(&lease, self.clock.timestamp()).await?)
    }

    fn lease_of(&self, job: &JobRecord, holder: &str) -> JobLease {
        JobLease {
            issuer_id: job.issuer_id.clone(),
            job_id: job.job_id.clone(),
            holder: holder.to_owned(),
            until: Timestamp::new(self.clock.now() + self.settings.lease),
        }
    }

    async fn issue(&self, issuer: &Issuer, job: &JobRecord, item: &JobItem) -> ItemEnd {
        let named = Item { job_id: job.job_id.clone(), number: item.number };
        // An attempt that is repeated has the same id: another issuer knows by it what it was asked before.
        let actor = Actor::new(&job.actor, Some(&format!("{}-{}", job.job_id, item.number)));
        let error = match self.try_to_issue(issuer, &actor, job, item, &named).await {
            Ok(()) => return ItemEnd::Issued,
            Err(Error::DoneBefore) => return ItemEnd::NotOurs,
            Err(error @ Error::Unavailable { .. }) => return ItemEnd::Later(error),
            Err(error) => error,
        };
        match self.issuance.fail_item(issuer, &actor, &job.configuration_id, &named, &error).await {
            Ok(true) => ItemEnd::Failed(error),
            Ok(false) => ItemEnd::NotOurs,
            Err(error) => ItemEnd::Later(error),
        }
    }

    async fn try_to_issue(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        job: &JobRecord,
        item: &JobItem,
        named: &Item,
    ) -> Result<(), Error> {
        let closed = |e| Error::broken("the credential could not be issued", e);
        let _turn = self.turns.acquire().await.map_err(closed)?;
        let place = Place { issuer_id: &issuer.id, job_id: &job.job_id, number: item.number };
        let Input { data, subject } = Input::open(place, &item.sealed_input, &self.keyring)?;
        let _asks = match data {
            None => Some(self.asking.acquire().await.map_err(closed)?),
            Some(_) => None,
        };
        let request = DirectRequest { configuration_id: job.configuration_id.clone(), data, subject, proof: None };
        self.issuance.issue_item(issuer, actor, request, named.clone(), ITEM_TIME).await
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    /// No further item is begun.
    WindingDown,
    /// The job is not this host's any more.
    Lost,
}

/// One pass over the pending items of a job.
struct Work<R> {
    jobs: Arc<Jobs>,
    job: Arc<JobRecord>,
    holder: String,
    report: R,
    tasks: JoinSet<ItemEnd>,
    /// Read, and not begun yet.
    page: VecDeque<JobItem>,
    /// `None`: there are no more to read.
    read_to: Option<i64>,
    course: Course,
    progressed: bool,
    /// Items that could not be issued now: all, and in a row.
    later: usize,
    later_in_a_row: usize,
    wait: Option<Duration>,
    failures: u32,
}

impl<R: FnMut(Step) + Send> Work<R> {
    fn new(jobs: Arc<Jobs>, job: JobRecord, holder: &str, report: R) -> Self {
        Self {
            jobs,
            job: Arc::new(job),
            holder: holder.to_owned(),
            report,
            tasks: JoinSet::new(),
            page: VecDeque::new(),
            read_to: Some(0),
            course: Course::On,
            progressed: false,
            later: 0,
            later_in_a_row: 0,
            wait: None,
            failures: 0,
        }
    }

    async fn run(&mut self, stop: &CancellationToken) -> Result<End, Error> {
        let issuer = self.jobs.issuers.get(&self.job.issuer_id);
        let issuer = issuer.ok_or_else(|| Error::broken("the issuer cannot be used", self.job.issuer_id.clone()))?;
        // What is wrong with all of it is no fault of any item's.
        self.jobs.issuance.check_bulk(&issuer, &self.job.configuration_id)?;
        let third = self.jobs.settings.lease / 3;
        let mut renewal = interval_at(Instant::now() + third, third);
        loop {
            if self.course == Course::On && !stop.is_cancelled() {
                self.fill(&issuer).await?;
            }
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => self.take(ended),
                    None => break,
                },
                _ = renewal.tick() => self.renew().await,
                () = stop.cancelled(), if self.course == Course::On => self.course = Course::WindingDown,
            }
            if self.course == Course::Lost {
                // What is under way is done whole or not at all.
                return Ok(End::NotOurs);
            }
        }
        if self.later > 0 {
            return Ok(End::Waits { after: self.wait, progressed: self.progressed });
        }
        if stop.is_cancelled() && !self.is_through() { Ok(End::Stopped) } else { self.finish().await }
    }

    /// Begins as many items as may be worked on at once.
    async fn fill(&mut self, issuer: &Arc<Issuer>) -> Result<(), Error> {
        while self.tasks.len() < self.jobs.settings.at_once {
            let Some(item) = self.next().await? else { return Ok(()) };
            let (jobs, job, issuer) = (Arc::clone(&self.jobs), Arc::clone(&self.job), Arc::clone(issuer));
            self.tasks.spawn(async move { jobs.issue(&issuer, &job, &item).await });
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<JobItem>, Error> {
        if let Some(read_to) = self.read_to.filter(|_| self.page.is_empty()) {
            let JobRecord { issuer_id, job_id, .. } = &*self.job;
            let pending = Some(JobItemState::Pending);
            let page = self.jobs.store.job_items(issuer_id, job_id, pending, read_to, PAGE).await?;
            self.read_to = page.last().filter(|_| page.len() == PAGE as usize).map(|item| item.number);
            self.page = page.into();
        }
        Ok(self.page.pop_front())
    }

    fn take(&mut self, ended: Result<ItemEnd, JoinError>) {
        let later = match ended {
            Ok(ItemEnd::Issued) => {
                self.progressed = true;
                self.later_in_a_row = 0;
                return (self.report)(Step::Issued);
            }
            Ok(ItemEnd::Failed(error)) => {
                self.progressed = true;
                self.later_in_a_row = 0;
                self.log_failure(&error);
                return (self.report)(Step::Failed);
            }
            Ok(ItemEnd::NotOurs) => return self.course = Course::Lost,
            Ok(ItemEnd::Later(error)) => error,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a task of a job crashed");
                Error::broken("the credential could not be issued", error)
            }
        };
        if let Error::Unavailable { retry_after: Some(seconds), .. } = &later {
            self.wait = self.wait.max(Some(Duration::from_secs((*seconds).into())));
        }
        if self.later == 0 {
            let error = &later as &dyn std::error::Error;
            tracing::warn!(error, job = self.job.job_id, "items of the job cannot be issued now");
        }
        self.later += 1;
        self.later_in_a_row += 1;
        // One item that nobody can answer for must not hold up the others; where all of them fail, so would the rest.
        if self.later_in_a_row >= self.jobs.settings.at_once {
            self.course = Course::WindingDown;
        }
    }

    fn log_failure(&mut self, error: &Error) {
        self.failures += 1;
        if self.failures <= LOGGED_FAILURES {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, job = self.job.job_id, "an item of the job cannot be issued");
        }
    }

    /// A store that does not answer ends nothing: what others do to the job is seen by every item.
    async fn renew(&mut self) {
        match self.jobs.lease(&self.job, &self.holder).await {
            Ok(true) => {}
            Ok(false) => self.course = Course::Lost,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, job = self.job.job_id, "the lease could not be renewed");
            }
        }
    }

    fn is_through(&self) -> bool {
        self.read_to.is_none() && self.page.is_empty()
    }

    async fn finish(&self) -> Result<End, Error> {
        let (store, job) = (&self.jobs.store, &self.job);
        // Without pending items nothing changes these counts any more.
        let counted = store.find_job(&job.issuer_id, &job.job_id).await?;
        let Some(counted) = counted.filter(|job| job.state == JobState::Running) else { return Ok(End::NotOurs) };
        let actor = Actor::new(&job.actor, None);
        let mut event = actor.did(&job.issuer_id, "job.finish", &job.job_id, self.jobs.clock.timestamp());
        event.detail = json!({
            "configuration": job.configuration_id,
            "total": counted.total,
            "done": counted.done,
            "failed": counted.failed,
        });
        let has_ended = store.end_job(&job.issuer_id, &job.job_id, false, &event).await?;
        Ok(if has_ended { End::Finished } else { End::NotOurs })
    }
}
