//! When lists are published: soon after a change; where another host recorded a change and has not published it, which
//! may have died; and before the validity of what is published ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_store::{StatusListHead, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::registry::Key;
use super::{Core, publishing};
use crate::issuance::error::Error;

/// How often the store is asked how far the lists are.
const LOOK: Duration = Duration::from_millis(500);
/// Lists that are published at once: each takes memory for its documents, and a thread that computes.
const PUBLISHED_AT_ONCE: usize = 4;
const READ_AT_ONCE: usize = 4;
/// After the first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Bits of a list that was not published for so long leave the memory; the store has them.
const IDLE: Duration = Duration::from_mins(10);

/// Lists with changes that are to be published.
#[derive(Debug)]
pub(super) struct Queue {
    interval: Duration,
    due: Mutex<HashMap<Key, Instant>>,
    bell: Notify,
}

impl Queue {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, due: Mutex::default(), bell: Notify::new() }
    }

    /// The first change since the last publication sets the time.
    pub(super) fn changed(&self, issuer_id: &str, list_id: &str) {
        self.put(Key::new(issuer_id, list_id), Instant::now() + self.interval);
        self.bell.notify_one();
    }

    /// Keeps the time that is set already.
    fn put(&self, key: Key, at: Instant) {
        self.due().entry(key).or_insert(at);
    }

    fn due(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that publishes.
pub(super) struct Publisher {
    core: Arc<Core>,
    queue: Arc<Queue>,
    stop: CancellationToken,
    /// Turns for reading what others have published: requests need the store's connections too.
    reads: Arc<Semaphore>,
    tasks: JoinSet<Result<Done, Error>>,
    running: HashMap<Id, Task>,
    next_look: Instant,
    /// How long others have before this host steps in; another time for each host, so that one is the first.
    grace: Duration,
    /// Lists that others have something to publish of: the version that this was said at, and until when they have time.
    lagging: HashMap<Key, (i64, Instant)>,
    /// Failures in a row.
    failures: HashMap<Key, u32>,
    look_fails: bool,
    /// When each list was published last.
    used: HashMap<Key, Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    Look,
    Publish(Key),
    CatchUp(Key),
}

enum Done {
    Looked(Vec<StatusListHead>),
    Published,
    CaughtUp,
}

impl Publisher {
    pub(super) fn new(core: Arc<Core>, queue: Arc<Queue>, stop: CancellationToken) -> Self {
        let mut chance = [0];
        // Without randomness hosts step in at the same time, and all but one in vain.
        let _ = core.entropy.fill(&mut chance);
        let grace = queue.interval * 2 + queue.interval * u32::from(chance[0]) / u32::from(u8::MAX);
        Self {
            core,
            queue,
            stop,
            grace,
            reads: Arc::new(Semaphore::new(READ_AT_ONCE)),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            next_look: Instant::now(),
            lagging: HashMap::new(),
            failures: HashMap::new(),
            look_fails: false,
            used: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        while !stop.is_cancelled() {
            let wake = self.begin_due(Instant::now());
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.queue.bell.notified() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.end(ended),
                () = sleep_until(wake) => {}
            }
        }
        self.finish().await;
    }

    /// What is known to be waiting is published at once. What cannot be is for other hosts, or the next start.
    async fn finish(&mut self) {
        self.queue.due().values_mut().for_each(|due| *due = Instant::now());
        self.failures.clear();
        loop {
            self.begin_publications(Instant::now());
            let Some(ended) = self.tasks.join_next_with_id().await else { return };
            self.end(ended);
        }
    }

    /// Starts what is due; answers when there is something to start again.
    fn begin_due(&mut self, now: Instant) -> Instant {
        if self.next_look <= now && !self.is_running(&Task::Look) {
            let core = Arc::clone(&self.core);
            self.begin(Task::Look, async move { core.look().await.map(Done::Looked) });
        }
        let next_publication = self.begin_publications(now);
        let next_look = if self.is_running(&Task::Look) { now + LOOK } else { self.next_look };
        next_publication.map_or(next_look, |at| at.min(next_look))
    }

    fn begin_publications(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let publications = self.running.values().filter(|work| matches!(work, Task::Publish(_))).count();
            if publications >= PUBLISHED_AT_ONCE {
                // The end of one of them wakes.
                return None;
            }
            let mut due = self.queue.due();
            let next = due.iter().filter(|(key, _)| !self.is_running(&Task::Publish((*key).clone())));
            let (key, at) = next.min_by_key(|(_, at)| **at).map(|(key, at)| (key.clone(), *at))?;
            if at > now {
                return Some(at);
            }
            // From here on a change counts for the next publication.
            due.remove(&key);
            drop(due);
            self.publish(key);
        }
    }

    fn publish(&mut self, key: Key) {
        self.lagging.remove(&key);
        self.used.insert(key.clone(), Instant::now());
        let core = Arc::clone(&self.core);
        let of = key.clone();
        self.begin(Task::Publish(key), async move {
            if core.registry.list(&of).is_none() {
                core.look().await?;
            }
            if let Some(list) = core.registry.list(&of) {
                publishing::publish(&core, &list).await?;
            }
            Ok(Done::Published)
        });
    }

    fn catch_up(&mut self, key: Key) {
        let Some(list) = self.core.registry.list(&key) else { return };
        let (core, reads) = (Arc::clone(&self.core), Arc::clone(&self.reads));
        self.begin(Task::CatchUp(key), async move {
            let _turn = reads.acquire().await;
            core.catch_up(&list).await.map(|()| Done::CaughtUp)
        });
    }

    fn begin(&mut self, work: Task, task: impl Future<Output = Result<Done, Error>> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.running.insert(id, work);
    }

    fn is_running(&self, work: &Task) -> bool {
        self.running.values().any(|running| running == work)
    }

    fn end(&mut self, ended: Result<(Id, Result<Done, Error>), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(Error::broken("a task that publishes status lists crashed", error))),
        };
        let work = self.running.remove(&id);
        if work == Some(Task::Look) {
            self.next_look = Instant::now() + LOOK;
        }
        match (work, outcome) {
            (_, Ok(Done::Looked(heads))) => {
                self.look_fails = false;
                self.take_in(&heads);
                self.forget_idle();
            }
            (Some(Task::Publish(key)), Ok(_)) => {
                if self.failures.remove(&key).is_some() {
                    tracing::info!(list = key.list_id, "a status list is published again");
                }
            }
            (Some(Task::Publish(key)), Err(error)) => self.try_again(key, &error),
            // Said once, not twice a second.
            (_, Err(error)) if !self.look_fails => {
                self.look_fails = true;
                tracing::warn!(error = &error as &dyn std::error::Error, "published status lists cannot be read");
            }
            (_, _) => {}
        }
    }

    fn try_again(&mut self, key: Key, error: &Error) {
        // Said once of each list, until it is published again.
        if !self.failures.contains_key(&key) {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                list = key.list_id,
                "a status list cannot be published; the last version is served as long as it is valid"
            );
        }
        let failures = self.failures.entry(key.clone()).or_default();
        let wait = FIRST_WAIT.saturating_mul(1 << (*failures).min(16)).min(LONGEST_WAIT);
        *failures = failures.saturating_add(1);
        // While the host stops, nobody waits for another attempt.
        if !self.stop.is_cancelled() {
            self.queue.put(key, Instant::now() + wait);
        }
    }

    /// Looks for versions of other hosts, and for what nobody has published.
    fn take_in(&mut self, heads: &[StatusListHead]) {
        let (now, wall) = (Instant::now(), self.core.clock.timestamp());
        let mut lagging = HashMap::new();
        for head in heads {
            let key = Key::new(&head.issuer_id, &head.list_id);
            let Some(list) = self.core.registry.list(&key) else { continue };
            if list.is_behind() && !self.is_running(&Task::CatchUp(key.clone())) {
                self.catch_up(key.clone());
            }
            let waits = head.version == 0 || head.revision > head.published_revision;
            if !waits && !self.must_be_renewed(head, wall) {
                continue;
            }
            let (version, until) = match self.lagging.get(&key) {
                // Whoever published meanwhile is alive, and gets his time anew.
                Some((version, until)) if *version == head.version => (*version, *until),
                _ => (head.version, now + self.grace),
            };
            if until <= now {
                self.queue.put(key, now);
            } else {
                lagging.insert(key, (version, until));
            }
        }
        self.lagging = lagging;
    }

    fn must_be_renewed(&self, head: &StatusListHead, now: Timestamp) -> bool {
        let Some(valid_until) = head.valid_until else { return true };
        let key = Key::new(&head.issuer_id, &head.list_id);
        match self.core.registry.list(&key).and_then(|list| list.published()) {
            Some(published) if published.version >= head.version => publishing::must_be_renewed(&published, now),
            // It is read before it is published anew; the next look then knows.
            _ => publishing::may_have_to_be_renewed(valid_until, now, self.core.settings.validity),
        }
    }

    fn forget_idle(&mut self) {
        let idle = |at: &Instant| at.elapsed() >= IDLE;
        for (key, _) in self.used.extract_if(|_, at| idle(at)) {
            if let Some(list) = self.core.registry.list(&key) {
                list.forget_bits();
            }
        }
    }
}
