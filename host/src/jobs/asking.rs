use chancery_store::{JobItem, JobItemState, JobRecord, JobState, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::input::Place;
use super::{Input, Jobs};
use crate::audit::Actor;
use crate::issuance::error::{Error, NotFound};
use crate::issuance::issuers::Issuer;
use crate::issuance::lifecycle::{Answered, Idempotency, cursor, cursor_after};

/// Items of one request; the command line takes more, a piece at a time.
const MAX_ITEMS: usize = 100_000;
/// Items that are written at once.
const PIECE: usize = 500;

/// What a client asks for.
#[derive(Debug)]
pub struct NewJob {
    pub configuration_id: String,
    pub items: Vec<Input>,
}

/// What a client is answered, each time that it asks with the same key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    pub job_id: String,
    pub configuration_id: String,
    pub total: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug)]
pub struct JobPage {
    pub jobs: Vec<JobRecord>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

#[derive(Debug)]
pub struct ItemPage {
    pub items: Vec<JobItem>,
    /// The number that the next page begins after; `None` at the end.
    pub next: Option<i64>,
}

impl Jobs {
    /// Makes a job of all its items, and has hosts work on it. Nothing is made of a request that has a wrong item.
    pub async fn create(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        request: NewJob,
        idempotency: Option<&Idempotency>,
    ) -> Result<Answered<Created>, Error> {
        let NewJob { configuration_id, items } = request;
        self.issuance.check_bulk(issuer, &configuration_id)?;
        if items.is_empty() || items.len() > MAX_ITEMS {
            return Err(Error::InvalidRequest(format!("a job must have 1 to {MAX_ITEMS} items")));
        }
        for (index, item) in items.iter().enumerate() {
            self.check_input(issuer, &configuration_id, item).map_err(|error| match error {
                Error::InvalidRequest(text) => Error::InvalidRequest(format!("items[{index}]: {text}")),
                other => other,
            })?;
        }
        let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let (job, event) = self.new_job(issuer, actor, &configuration_id);
        let created = Created {
            job_id: job.job_id.clone(),
            configuration_id,
            total,
            created_at: job.created_at,
            expires_at: job.expires_at,
        };
        let event_ids = vec![event.event_id.clone()];
        let make = async {
            let reply = idempotency.map(|key| self.issuance.new_reply(issuer, key, &created, event_ids.clone()));
            let is_new = self.store.create_job(&job, reply.transpose()?.as_ref(), &event).await?;
            is_new.then(|| created.clone()).ok_or(Error::DoneBefore)
        };
        let answered = self.issuance.once(issuer, idempotency, make).await?;
        // Also where it was made before: whoever made it may have died before all of it was written.
        self.load(issuer, &answered.value.job_id, &items).await?;
        if !answered.replayed {
            self.issuance.wait_for_acceptance(&event_ids).await?;
        }
        Ok(answered)
    }

    /// Makes a job that items are added to; nobody works on it until [`begin`](Self::begin).
    pub async fn open(&self, issuer: &Issuer, actor: &Actor, configuration_id: &str) -> Result<JobRecord, Error> {
        self.issuance.check_bulk(issuer, configuration_id)?;
        let (job, event) = self.new_job(issuer, actor, configuration_id);
        self.store.create_job(&job, None, &event).await?;
        Ok(job)
    }

    /// Whether a credential may be made of this.
    pub fn check_input(&self, issuer: &Issuer, configuration_id: &str, input: &Input) -> Result<(), Error> {
        self.issuance.check_item(issuer, configuration_id, input.data.is_some(), input.subject.as_deref())
    }

    /// Adds items to a job that has `total` of them; `None` when it has not, or does not take any more.
    pub async fn add(&self, issuer: &Issuer, job_id: &str, total: i64, inputs: &[Input]) -> Result<Option<i64>, Error> {
        let mut sealed = Vec::with_capacity(inputs.len());
        for (number, input) in (total + 1..).zip(inputs) {
            let place = Place { issuer_id: &issuer.id, job_id, number };
            sealed.push((number, input.seal(place, &self.keyring, self.entropy.as_ref())?));
        }
        Ok(self.store.add_job_items(&issuer.id, job_id, &sealed, self.clock.timestamp()).await?)
    }

    /// All items are there: from now on hosts work on it.
    pub async fn begin(&self, issuer: &Issuer, job_id: &str) -> Result<bool, Error> {
        let begun = self.store.start_job(&issuer.id, job_id, self.clock.timestamp()).await?;
        self.bell.notify_one();
        Ok(begun)
    }

    pub async fn find(&self, issuer: &Issuer, job_id: &str) -> Result<JobRecord, Error> {
        // Nothing else is asked of the store: no database takes every text.
        let found = match Uuid::try_parse(job_id) {
            Ok(_) => self.store.find_job(&issuer.id, job_id).await?,
            Err(_) => None,
        };
        found.ok_or(Error::NotFound(NotFound::Job))
    }

    /// The newest first, a page at a time.
    pub async fn list(&self, issuer: &Issuer, after: Option<&str>, limit: u32) -> Result<JobPage, Error> {
        let after = after.map(cursor).transpose()?;
        if after.as_ref().is_some_and(|(_, job_id)| Uuid::try_parse(job_id).is_err()) {
            return Err(Error::InvalidRequest("after must be the next of a former page".to_owned()));
        }
        let mut jobs = self.store.jobs(&issuer.id, after, limit.saturating_add(1)).await?;
        let more = cut(&mut jobs, limit);
        let next = jobs.last().filter(|_| more).map(|job| cursor_after(job.created_at, &job.job_id));
        Ok(JobPage { jobs, next })
    }

    /// Items in the order of their numbers, of one state or of any, a page at a time.
    pub async fn items(
        &self,
        issuer: &Issuer,
        job_id: &str,
        state: Option<JobItemState>,
        after: i64,
        limit: u32,
    ) -> Result<ItemPage, Error> {
        self.find(issuer, job_id).await?;
        let mut items = self.store.job_items(&issuer.id, job_id, state, after, limit.saturating_add(1)).await?;
        let more = cut(&mut items, limit);
        let next = items.last().filter(|_| more).map(|item| item.number);
        Ok(ItemPage { items, next })
    }

    /// Nothing more is issued for it; what was issued stays.
    pub async fn cancel(&self, issuer: &Issuer, actor: &Actor, job_id: &str) -> Result<JobRecord, Error> {
        let job = self.find(issuer, job_id).await?;
        let mut event = actor.did(&issuer.id, "job.cancel", job_id, self.clock.timestamp());
        event.detail = json!({"configuration": job.configuration_id});
        if !self.store.end_job(&issuer.id, job_id, true, &event).await? {
            return Err(Error::State { code: "job-has-ended", text: "the job has ended already" });
        }
        self.find(issuer, job_id).await
    }

    /// Adds what is missing of the items, and has hosts work on the job.
    async fn load(&self, issuer: &Issuer, job_id: &str, items: &[Input]) -> Result<(), Error> {
        loop {
            let job = self.store.find_job(&issuer.id, job_id).await?;
            let Some(job) = job.filter(|job| job.state == JobState::Loading) else { return Ok(()) };
            let missing = usize::try_from(job.total).ok().and_then(|total| items.get(total..)).unwrap_or_default();
            let Some(piece) = missing.chunks(PIECE).next() else {
                self.begin(issuer, job_id).await?;
                return Ok(());
            };
            // Where the same request adds them elsewhere, the next turn sees it.
            self.add(issuer, job_id, job.total, piece).await?;
        }
    }

    fn new_job(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        configuration_id: &str,
    ) -> (JobRecord, chancery_store::AuditEvent) {
        let now = self.clock.timestamp();
        let job = JobRecord {
            issuer_id: issuer.id.clone(),
            job_id: Uuid::new_v4().to_string(),
            configuration_id: configuration_id.to_owned(),
            state: JobState::Loading,
            total: 0,
            done: 0,
            failed: 0,
            actor: actor.name.clone(),
            created_at: now,
            updated_at: now,
            expires_at: Timestamp::new(now.get() + self.settings.keep),
        };
        let mut event = actor.did(&issuer.id, "job.create", &job.job_id, now);
        event.detail = json!({"configuration": configuration_id});
        (job, event)
    }
}

/// Whether there was more than a page.
fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}
