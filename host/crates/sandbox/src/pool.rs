//! How many sandboxes there are: those of running calls, and those that wait for their next call where
//! an operator asked for that (`instance = "warm"`).
//!
//! What waits takes room in the engine and holds nothing else: a call that needs the room gets it, from
//! whoever waited longest. A sandbox is only ever given to a call of the generation and the issuer that
//! it worked for before.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::grant::Warm;

/// How often [`sweep`] looks for sandboxes that waited too long.
const SWEEP: Duration = Duration::from_secs(1);

/// All sandboxes of one engine; `T` is one that waits.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    room: usize,
    seed: u64,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    running: usize,
    /// The one that has waited longest is the first.
    waiting: VecDeque<Waiting<T>>,
    generations: u64,
    lots: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    generation: u64,
    issuer: String,
    uses_left: u32,
    until: Instant,
    sandbox: T,
}

/// What the pool is to one generation. Nothing of it waits any longer once this is dropped.
#[derive(Debug)]
pub(crate) struct Share<T> {
    pool: Arc<Pool<T>>,
    generation: u64,
    /// Absent where every call has a fresh sandbox.
    warm: Option<Warm>,
    /// Read and written while the pool is locked.
    closed: AtomicBool,
}

/// Room for the sandbox of one running call, which must be gone before this is.
#[derive(Debug)]
pub(crate) struct Seat<T> {
    pool: Arc<Pool<T>>,
    issuer: String,
    /// Calls that the sandbox in it may answer after this one.
    uses_left: u32,
}

impl<T> Pool<T> {
    /// For as many sandboxes as `room`. Whoever takes a seat has a permit for it, of which there are as many.
    pub(crate) fn new(room: usize, seed: u64) -> Arc<Self> {
        let state = State { running: 0, waiting: VecDeque::new(), generations: 0, lots: 0 };
        Arc::new(Self { room, seed, state: Mutex::new(state) })
    }

    /// The share of a new generation.
    pub(crate) fn share(self: &Arc<Self>, warm: Option<Warm>) -> Share<T> {
        let mut state = self.state();
        state.generations += 1;
        Share { pool: self.clone(), generation: state.generations, warm, closed: AtomicBool::new(false) }
    }

    /// Drops what has waited for too long.
    fn expire(&self, now: Instant) {
        let late = self.state().take_all(|waiting| waiting.until <= now);
        // Outside of the lock: dropping a sandbox takes as long as a short call.
        drop(late);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what has waited for too long, until it is aborted.
pub(crate) async fn sweep<T>(pool: Arc<Pool<T>>) {
    let mut looks = tokio::time::interval(SWEEP);
    loop {
        looks.tick().await;
        pool.expire(Instant::now());
    }
}

impl<T> State<T> {
    fn take_all(&mut self, unwanted: impl Fn(&Waiting<T>) -> bool) -> Vec<Waiting<T>> {
        let (gone, stay) = self.waiting.drain(..).partition(unwanted);
        self.waiting = stay;
        Vec::from(gone)
    }

    /// A number that two sandboxes seldom share (splitmix64).
    fn lot(&mut self, seed: u64) -> u64 {
        self.lots += 1;
        let mut lot = seed.wrapping_add(self.lots.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        lot = (lot ^ (lot >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        lot = (lot ^ (lot >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        lot ^ (lot >> 31)
    }
}

impl<T> Share<T> {
    /// Room for a call, and a sandbox that answered this issuer's calls before, where one waits.
    pub(crate) fn take(&self, issuer: &str, now: Instant) -> (Seat<T>, Option<T>) {
        let mut state = self.pool.state();
        let fits = |w: &Waiting<T>| w.generation == self.generation && w.issuer == issuer && w.until > now;
        // The one that waited least: its memory is most likely still in the processor's caches.
        let found = self.warm.as_ref().and_then(|_| state.waiting.iter().rposition(fits));
        let found = found.and_then(|position| state.waiting.remove(position));
        state.running += 1;
        let in_the_way = (state.running + state.waiting.len()).saturating_sub(self.pool.room);
        let in_the_way = in_the_way.min(state.waiting.len());
        let evicted: Vec<_> = state.waiting.drain(..in_the_way).collect();
        let (uses_left, sandbox) = match (found, &self.warm) {
            (Some(found), _) => (found.uses_left, Some(found.sandbox)),
            (None, Some(warm)) => (warm.uses(state.lot(self.pool.seed)), None),
            (None, None) => (1, None),
        };
        drop(state);
        // Before the caller makes a sandbox in its place.
        drop(evicted);
        let issuer = if self.warm.is_some() { issuer.to_owned() } else { String::new() };
        (Seat { pool: self.pool.clone(), issuer, uses_left: uses_left - 1 }, sandbox)
    }

    /// Lets a sandbox wait for the next call, if it may have one. It holds nothing of the last call.
    pub(crate) fn give_back(&self, seat: Seat<T>, sandbox: T, now: Instant) {
        let Some(warm) = self.warm.as_ref().filter(|_| seat.uses_left > 0) else { return };
        let mut state = self.pool.state();
        let mut unwanted = Vec::new();
        let waiting = Waiting {
            generation: self.generation,
            issuer: seat.issuer.clone(),
            uses_left: seat.uses_left,
            until: now + warm.idle,
            sandbox,
        };
        if self.closed.load(Ordering::Relaxed) {
            unwanted.push(waiting);
        } else {
            if self.waiting_in(&state) >= warm.max_idle {
                let oldest = state.waiting.iter().position(|waiting| waiting.generation == self.generation);
                unwanted.extend(oldest.and_then(|position| state.waiting.remove(position)));
            }
            state.waiting.push_back(waiting);
        }
        drop(state);
        drop(unwanted);
    }

    /// The generation serves no more: nothing of it waits, from now on.
    pub(crate) fn close(&self) {
        let mut state = self.pool.state();
        self.closed.store(true, Ordering::Relaxed);
        let gone = state.take_all(|waiting| waiting.generation == self.generation);
        drop(state);
        drop(gone);
    }

    /// Whether sandboxes may answer more than one call.
    pub(crate) fn is_warm(&self) -> bool {
        self.warm.is_some()
    }

    /// How many wait now.
    pub(crate) fn idle(&self) -> usize {
        self.waiting_in(&self.pool.state())
    }

    fn waiting_in(&self, state: &State<T>) -> usize {
        state.waiting.iter().filter(|waiting| waiting.generation == self.generation).count()
    }
}

impl<T> Drop for Share<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.running = state.running.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    /// Says when it is gone.
    #[derive(Debug)]
    struct Probe(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Drop for Probe {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    struct Bench {
        pool: Arc<Pool<Probe>>,
        gone: Arc<Mutex<Vec<&'static str>>>,
        now: Instant,
    }

    impl Bench {
        fn new(room: usize) -> Self {
            Self { pool: Pool::new(room, 7), gone: Arc::default(), now: Instant::now() }
        }

        fn share(&self, max_idle: usize, uses: (u32, u32)) -> Share<Probe> {
            self.pool.share(Some(Warm { max_idle, least_uses: uses.0, most_uses: uses.1, idle: IDLE }))
        }

        fn probe(&self, name: &'static str) -> Probe {
            Probe(name, self.gone.clone())
        }

        /// One call, which makes a sandbox called `name` where none waits. Answers the one that it had.
        fn call(&self, share: &Share<Probe>, issuer: &str, name: &'static str) -> &'static str {
            let (seat, waited) = share.take(issuer, self.now);
            let sandbox = waited.unwrap_or_else(|| self.probe(name));
            let used = sandbox.0;
            share.give_back(seat, sandbox, self.now);
            used
        }

        /// What is gone since the last question.
        fn gone(&self) -> Vec<&'static str> {
            std::mem::take(&mut self.gone.lock().unwrap())
        }
    }

    #[test]
    fn a_sandbox_waits_for_its_own_generation_and_issuer() {
        let bench = Bench::new(10);
        let (one, two) = (bench.share(4, (9, 9)), bench.share(4, (9, 9)));
        assert_eq!(bench.call(&one, "a", "1"), "1");
        assert_eq!(bench.call(&one, "b", "2"), "2");
        assert_eq!(bench.call(&two, "a", "3"), "3");
        assert_eq!(bench.call(&one, "a", "4"), "1");
        assert_eq!(bench.call(&one, "b", "5"), "2");
        assert_eq!(bench.call(&two, "a", "6"), "3");
        assert_eq!(bench.call(&one, "", "7"), "7");
        assert_eq!((one.idle(), two.idle(), bench.gone().len()), (3, 1, 0));
    }

    #[test]
    fn nothing_waits_where_every_call_is_fresh() {
        let bench = Bench::new(10);
        let share = bench.pool.share(None);
        assert_eq!(bench.call(&share, "a", "1"), "1");
        assert_eq!(bench.call(&share, "a", "2"), "2");
        assert_eq!((share.idle(), bench.gone()), (0, vec!["1", "2"]));
    }

    #[test]
    fn a_sandbox_ends_with_its_last_use() {
        let bench = Bench::new(10);
        let share = bench.share(4, (3, 3));
        let used: Vec<_> = ["1", "2", "3", "4"].map(|name| bench.call(&share, "a", name)).into();
        assert_eq!(used, ["1", "1", "1", "4"]);
        assert_eq!(bench.gone(), ["1"]);
    }

    #[test]
    fn uses_are_drawn_between_the_two_numbers() {
        let bench = Bench::new(1_000);
        let share = bench.share(1, (64, 128));
        let uses: Vec<u32> = (0..500).map(|_| share.take("a", bench.now).0.uses_left + 1).collect();
        assert!(uses.iter().all(|uses| (64..=128).contains(uses)), "{uses:?}");
        let distinct: std::collections::BTreeSet<_> = uses.iter().collect();
        assert!(distinct.len() > 50, "{distinct:?}");
    }

    #[test]
    fn no_more_wait_than_the_grant_says_and_the_oldest_goes() {
        let bench = Bench::new(10);
        let share = bench.share(2, (9, 9));
        let running: Vec<_> = ["1", "2", "3"].map(|name| (share.take("a", bench.now).0, name)).into();
        for (seat, name) in running {
            share.give_back(seat, bench.probe(name), bench.now);
        }
        assert_eq!((share.idle(), bench.gone()), (2, vec!["1"]));
        assert_eq!(bench.call(&share, "a", "4"), "3");
    }

    #[test]
    fn who_needs_room_gets_it_from_who_waited_longest() {
        let bench = Bench::new(3);
        let (warm, fresh) = (bench.share(4, (9, 9)), bench.pool.share(None));
        for (issuer, name) in [("a", "1"), ("b", "2"), ("c", "3")] {
            bench.call(&warm, issuer, name);
        }
        let (first, _) = fresh.take("a", bench.now);
        assert_eq!(bench.gone(), ["1"]);
        // One that waited makes no new room necessary.
        let (second, waited) = warm.take("b", bench.now);
        assert_eq!((waited.map(|probe| probe.0), bench.gone()), (Some("2"), vec!["2"]));
        let (third, _) = fresh.take("a", bench.now);
        assert_eq!((warm.idle(), bench.gone()), (0, vec!["3"]));
        drop((first, second, third));
        assert_eq!(bench.pool.state().running, 0);
    }

    #[test]
    fn what_waits_too_long_is_not_used_and_goes() {
        let mut bench = Bench::new(10);
        let share = bench.share(4, (9, 9));
        bench.call(&share, "a", "1");
        bench.now += IDLE / 2;
        bench.call(&share, "b", "2");
        bench.now += IDLE / 2;
        assert_eq!(bench.call(&share, "a", "3"), "3");
        bench.pool.expire(bench.now);
        assert_eq!((share.idle(), bench.gone()), (2, vec!["1"]));
    }

    #[test]
    fn nothing_of_a_closed_generation_waits() {
        let bench = Bench::new(10);
        let (share, other) = (bench.share(4, (9, 9)), bench.share(4, (9, 9)));
        bench.call(&share, "a", "1");
        bench.call(&other, "a", "2");
        let (running, _) = share.take("b", bench.now);
        share.close();
        assert_eq!(bench.gone(), ["1"]);
        share.give_back(running, bench.probe("3"), bench.now);
        assert_eq!((share.idle(), other.idle(), bench.gone()), (0, 1, vec!["3"]));
        drop(other);
        assert_eq!(bench.gone(), ["2"]);
    }
}
