use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chancery_store::JobRecord;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Jobs;
use super::worker::End;
use crate::issuance::error::Error;

/// How often the store is asked for jobs that nobody works on.
const LOOK: Duration = Duration::from_secs(1);
/// Jobs that a host works on side by side, so that a small one need not wait for a large one.
const JOBS_AT_ONCE: usize = 4;
/// Before a job that could not go on is tried again; doubles with each time in a row.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// The task that works on jobs.
pub(super) struct Runner {
    jobs: Arc<Jobs>,
    /// Names this host in leases.
    holder: String,
    stop: CancellationToken,
    tasks: JoinSet<Result<End, Error>>,
    running: HashMap<Id, Key>,
    resting: HashMap<Key, Rest>,
    look_fails: bool,
}

/// Issuer and job.
type Key = (String, String);

/// A job that could not go on.
#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    /// Attempts in a row that came to nothing.
    failures: u32,
}

impl Runner {
    pub(super) fn new(jobs: Arc<Jobs>, stop: CancellationToken) -> Self {
        Self {
            jobs,
            holder: Uuid::new_v4().to_string(),
            stop,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            resting: HashMap::new(),
            look_fails: false,
        }
    }

    /// Returns when the items under way have ended.
    pub(super) async fn run(mut self) {
        let (jobs, stop) = (Arc::clone(&self.jobs), self.stop.clone());
        while !stop.is_cancelled() {
            self.begin().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = jobs.bell.notified() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.end(ended),
                () = sleep(LOOK) => {}
            }
        }
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.end(ended);
        }
    }

    /// Takes up jobs that nobody works on, as long as this host may work on more.
    async fn begin(&mut self) {
        let free = JOBS_AT_ONCE.saturating_sub(self.tasks.len());
        if free == 0 {
            return;
        }
        let now = Instant::now();
        // Counted on long after the rest: whoever goes on after it and fails again rests longer.
        self.resting.retain(|_, rest| rest.until + 2 * LONGEST_REST > now);
        let limit = u32::try_from(JOBS_AT_ONCE + self.resting.len()).unwrap_or(u32::MAX);
        let idle = match self.jobs.store.idle_jobs(self.jobs.clock.timestamp(), limit).await {
            Ok(idle) => idle,
            Err(error) => {
                if !std::mem::replace(&mut self.look_fails, true) {
                    tracing::warn!(error = &error as &dyn std::error::Error, "jobs cannot be looked for");
                }
                return;
            }
        };
        self.look_fails = false;
        let rests = |key: &Key| self.resting.get(key).is_some_and(|rest| rest.until > now);
        let (running, mut begun) = (&self.running, Vec::with_capacity(free));
        for job in idle {
            let key = (job.issuer_id.clone(), job.job_id.clone());
            if begun.len() < free && !rests(&key) && !running.values().any(|other| *other == key) {
                begun.push((key, job));
            }
        }
        for (key, job) in begun {
            self.work(key, job);
        }
    }

    fn work(&mut self, key: Key, job: JobRecord) {
        let (jobs, holder, stop) = (Arc::clone(&self.jobs), self.holder.clone(), self.stop.clone());
        let task = self.tasks.spawn(async move { jobs.work(&job, &holder, &stop, |_| {}).await });
        self.running.insert(task.id(), key);
    }

    fn end(&mut self, ended: Result<(Id, Result<End, Error>), JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(key) = self.running.remove(&task) else { return };
        let job = &key.1;
        let (after, progressed) = match ended {
            Ok((_, Ok(End::Finished))) => {
                tracing::info!(job, "finished");
                self.resting.remove(&key);
                return;
            }
            Ok((_, Ok(End::NotOurs | End::Stopped))) => return,
            Ok((_, Ok(End::Waits { after, progressed }))) => (after, progressed),
            Ok((_, Err(error))) => {
                tracing::warn!(error = &error as &dyn std::error::Error, job, "the job cannot go on now");
                (None, false)
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, job, "the work on a job crashed");
                (None, false)
            }
        };
        let former = self.resting.get(&key).filter(|_| !progressed).map_or(0, |rest| rest.failures);
        let rest = rest(former, after);
        self.resting.insert(key, Rest { until: Instant::now() + rest, failures: former + 1 });
    }
}

/// How long a job rests after that many failures in a row, and what its source says.
pub(crate) fn rest(failures: u32, hint: Option<Duration>) -> Duration {
    let rest = FIRST_REST.saturating_mul(1 << failures.min(6));
    rest.max(hint.unwrap_or_default()).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_a_limit_and_heed_the_source() {
        let seconds = |failures, hint: Option<u64>| rest(failures, hint.map(Duration::from_secs)).as_secs();
        assert_eq!([0, 1, 2, 5, 6, 7, u32::MAX].map(|failures| seconds(failures, None)), [1, 2, 4, 32, 60, 60, 60]);
        assert_eq!((seconds(0, Some(5)), seconds(4, Some(5)), seconds(0, Some(600))), (5, 16, 60));
    }
}
