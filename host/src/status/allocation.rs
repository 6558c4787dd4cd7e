//! Handing out entries. A host reserves counter values in the store in blocks and hands them out from memory; the keyed
//! permutation of a value is the index. So no index is ever given twice, and none tells when it was given.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chancery_credential::status::Purpose;
use chancery_keys::Permutation;
use chancery_store::{SlotLease, StatusListCredential, StatusSlot};
use tokio::sync::watch;

use super::list::List;
use super::{Core, supply};
use crate::audit::Actor;
use crate::config;
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;

/// A block grows to so many times `status.lease` where a host hands out faster than it reserves.
const MOST_LEASES: u32 = 64;
/// And to no more than this part of a list: others have room in it too, and what a host loses is little.
const PART_OF_LIST: u32 = 8;
/// How long after a failure nobody reserves ahead; who finds nothing left asks at once.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Allocator {
    core: Arc<Core>,
    pools: Mutex<HashMap<PoolKey, Arc<Pool>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PoolKey {
    issuer_id: String,
    /// An issuer that moves opens new lists: entries must not refer to where it was.
    issuer_url: String,
    purposes: Vec<Purpose>,
}

/// The entries that this host may hand out for one set of purposes.
#[derive(Debug)]
pub(super) struct Pool {
    pub issuer_id: String,
    pub issuer_url: String,
    pub purposes: Vec<Purpose>,
    stock: Mutex<Stock>,
    /// How the last round of reserving ended; changes with each.
    rounds: watch::Sender<Option<Arc<Error>>>,
}

#[derive(Debug)]
struct Stock {
    open: Vec<OpenList>,
    /// A round is under way.
    refilling: bool,
    /// Somebody found nothing since the last round.
    ran_dry: bool,
    /// Entries to reserve at once.
    lease: u32,
    rests_until: Option<Instant>,
}

#[derive(Debug)]
struct OpenList {
    list: Arc<List>,
    permutation: Arc<Permutation>,
    /// Reserved, and not handed out yet.
    blocks: VecDeque<Range<u32>>,
    /// The store has no more of it.
    is_full: bool,
}

/// A counter value of a list.
struct Drawn {
    list: Arc<List>,
    permutation: Arc<Permutation>,
    counter: u32,
}

impl Allocator {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, pools: Mutex::default() }
    }

    pub(super) async fn allocate(
        &self,
        issuer: &Issuer,
        purposes: &[Purpose],
        count: usize,
    ) -> Result<Vec<Vec<StatusSlot>>, Error> {
        if purposes.is_empty() {
            return Ok(vec![Vec::new(); count]);
        }
        let pool = self.pool(issuer, purposes);
        let mut drawn = Vec::with_capacity(count);
        let mut chance = vec![0; count];
        self.core.entropy.fill(&mut chance)?;
        loop {
            // Before looking: a round that ends after it is then not missed.
            let mut rounds = pool.rounds.subscribe();
            if pool.draw(&chance, &mut drawn, self.core.settings.open_lists) {
                supply::start_round(&self.core, &pool);
            }
            if drawn.len() == count {
                return drawn.into_iter().map(Drawn::slots).collect();
            }
            // The pool is held here, and with it the sender.
            if rounds.changed().await.is_ok()
                && let Some(error) = rounds.borrow_and_update().clone()
            {
                return Err(failed_round(error));
            }
        }
    }

    pub(super) async fn open(
        &self,
        issuer: &Issuer,
        purposes: &[Purpose],
        actor: &Actor,
    ) -> Result<Vec<StatusListCredential>, Error> {
        let purposes = in_order(purposes);
        if purposes.is_empty() {
            return Err(Error::InvalidRequest("a status list needs a purpose".to_owned()));
        }
        supply::open_list(&self.core, issuer, &purposes, actor).await
    }

    fn pool(&self, issuer: &Issuer, purposes: &[Purpose]) -> Arc<Pool> {
        let key =
            PoolKey { issuer_id: issuer.id.clone(), issuer_url: issuer.url.clone(), purposes: in_order(purposes) };
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&key) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool::new(&key, self.core.settings.lease));
        pools.insert(key, Arc::clone(&pool));
        pool
    }
}

fn in_order(purposes: &[Purpose]) -> Vec<Purpose> {
    Purpose::ALL.into_iter().filter(|purpose| purposes.contains(purpose)).collect()
}

impl Pool {
    fn new(key: &PoolKey, lease: u32) -> Self {
        let stock = Stock { open: Vec::new(), refilling: false, ran_dry: false, lease, rests_until: None };
        Self {
            issuer_id: key.issuer_id.clone(),
            issuer_url: key.issuer_url.clone(),
            purposes: key.purposes.clone(),
            stock: Mutex::new(stock),
            rounds: watch::Sender::new(None),
        }
    }

    /// Draws until there are as many as there is chance for, or nothing is left. Answers whether the caller must start
    /// a round, which counts as begun then.
    fn draw(&self, chance: &[u8], drawn: &mut Vec<Drawn>, open_lists: u32) -> bool {
        let mut stock = self.stock();
        for chance in chance.get(drawn.len()..).unwrap_or_default() {
            let Some(one) = stock.draw(*chance) else { break };
            drawn.push(one);
        }
        let is_dry = drawn.len() < chance.len();
        stock.ran_dry |= is_dry;
        let rests = stock.rests_until.is_some_and(|until| Instant::now() < until);
        let is_low = || stock.is_short_of_lists(open_lists) || stock.open.iter().any(|list| list.is_low(stock.lease));
        let starts = !stock.refilling && (is_dry || (!rests && is_low()));
        stock.refilling |= starts;
        starts
    }

    /// How many lists are missing among those with room.
    pub(super) fn is_short_of_lists(&self, open_lists: u32) -> bool {
        self.stock().is_short_of_lists(open_lists)
    }

    /// Whether there is no list at all to give entries out of.
    pub(super) fn is_empty(&self) -> bool {
        self.stock().open.is_empty()
    }

    pub(super) fn has(&self, list: &List) -> bool {
        self.stock().find(list).is_some()
    }

    pub(super) fn add_list(&self, list: Arc<List>, permutation: Permutation) {
        let mut stock = self.stock();
        if stock.find(&list).is_none() {
            let permutation = Arc::new(permutation);
            stock.open.push(OpenList { list, permutation, blocks: VecDeque::new(), is_full: false });
        }
    }

    /// Where more is to be reserved, and how much.
    pub(super) fn orders(&self) -> Vec<(Arc<List>, u32)> {
        let stock = self.stock();
        let low = stock.open.iter().filter(|list| list.is_low(stock.lease));
        low.map(|list| (Arc::clone(&list.list), stock.lease)).collect()
    }

    /// Adds what was reserved; `None` where the list has no more.
    pub(super) fn deliver(&self, list: &List, lease: Option<SlotLease>) -> Result<(), Error> {
        let range = lease.map(|lease| {
            let first = u32::try_from(lease.first).ok()?;
            Some(first..first.checked_add(u32::try_from(lease.count).ok()?)?)
        });
        let range = match range {
            Some(None) => return Err(Error::broken("no status list entry can be given", "a lease is out of range")),
            Some(Some(range)) => Some(range),
            None => None,
        };
        let mut stock = self.stock();
        if let Some(open) = stock.find(list) {
            open.is_full = range.as_ref().is_none_or(|range| range.end >= list.capacity);
            open.blocks.extend(range.filter(|range| !range.is_empty()));
        }
        stock.open.retain(|open| !(open.is_full && open.blocks.is_empty()));
        Ok(())
    }

    /// Ends the round that `draw` has begun.
    pub(super) fn end_round(&self, outcome: Result<(), Error>, settings: &config::Status) {
        let mut stock = self.stock();
        stock.refilling = false;
        let most = settings.lease.saturating_mul(MOST_LEASES).min(settings.capacity / PART_OF_LIST);
        let next = if std::mem::take(&mut stock.ran_dry) { stock.lease.saturating_mul(2) } else { stock.lease / 2 };
        stock.lease = next.min(most).max(settings.lease);
        let unmet = outcome.is_err() || stock.is_short_of_lists(settings.open_lists);
        stock.rests_until = unmet.then(|| Instant::now() + REST);
        drop(stock);
        self.rounds.send_replace(outcome.err().map(Arc::new));
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stock {
    /// From one of the lists that have something left, by chance.
    fn draw(&mut self, chance: u8) -> Option<Drawn> {
        let left = self.open.iter().filter(|open| !open.blocks.is_empty()).count();
        let at = usize::from(chance).checked_rem(left)?;
        let open = self.open.iter_mut().filter(|open| !open.blocks.is_empty()).nth(at)?;
        let block = open.blocks.front_mut()?;
        let counter = block.start;
        block.start += 1;
        if Range::is_empty(block) {
            open.blocks.pop_front();
        }
        Some(Drawn { list: Arc::clone(&open.list), permutation: Arc::clone(&open.permutation), counter })
    }

    fn is_short_of_lists(&self, open_lists: u32) -> bool {
        self.open.iter().filter(|open| !open.is_full).count() < open_lists as usize
    }

    fn find(&mut self, list: &List) -> Option<&mut OpenList> {
        self.open.iter_mut().find(|open| open.list.id == list.id)
    }
}

impl OpenList {
    fn is_low(&self, lease: u32) -> bool {
        !self.is_full && self.blocks.iter().map(|block| block.end - block.start).sum::<u32>() <= lease / 2
    }
}

impl Drawn {
    fn slots(self) -> Result<Vec<StatusSlot>, Error> {
        let index = self.permutation.index(self.counter);
        let broken = || Error::broken("no status list entry can be given", "a lease beyond the list's capacity");
        Ok(self.list.slots(index.ok_or_else(broken)?))
    }
}

/// One failure, told to all who waited.
fn failed_round(error: Arc<Error>) -> Error {
    let public = error.to_string();
    match *error {
        Error::Unavailable { retry_after, .. } => {
            Error::Unavailable { public, retry_after, cause: Some(Box::new(Shared(error))) }
        }
        _ => Error::Broken { public, cause: Box::new(Shared(error)) },
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no status list entries could be reserved")]
struct Shared(#[source] Arc<Error>);
