//! How many sandboxes there are: those of running calls, and those that wait for their next call where
//! an operator asked for that (`instance = "warm"`).
//!
//! What waits takes room in the engine and holds nothing else: a call that needs the room gets it, from
//! whoever waited longest. A sandbox is only ever given to a call of the generation and the issuer that
//! it worked for before.
//!
//! Room is what the engine has: one that is thrown out takes it until it is gone, and to go takes as long as a
//! short call. That happens outside of the lock, and whoever needs the very room waits for it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
    /// Told of each one that was thrown out and is gone.
    gone: Condvar,
}

#[derive(Debug)]
struct State<T> {
    running: usize,
    /// Thrown out, and not gone yet.
    leaving: usize,
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
    /// Whether it is counted as running.
    is_taken: bool,
}

/// A sandbox that is thrown out. Fields are dropped in their order: the room is free once the sandbox is gone.
struct Leaving<'a, T> {
    _sandbox: T,
    _room: LastRoom<'a, T>,
}

/// The room of a sandbox that is thrown out.
struct LastRoom<'a, T>(&'a Pool<T>);

impl<T> Pool<T> {
    /// For as many sandboxes as `room`. Whoever takes a seat has a permit for it, of which there are as many.
    pub(crate) fn new(room: usize, seed: u64) -> Arc<Self> {
        let state = State { running: 0, leaving: 0, waiting: VecDeque::new(), generations: 0, lots: 0 };
        Arc::new(Self { room, seed, state: Mutex::new(state), gone: Condvar::new() })
    }

    /// The share of a new generation.
    pub(crate) fn share(self: &Arc<Self>, warm: Option<Warm>) -> Share<T> {
        let mut state = self.state();
        state.generations += 1;
        Share { pool: self.clone(), generation: state.generations, warm, closed: AtomicBool::new(false) }
    }

    /// Drops what has waited for too long.
    fn expire(&self, now: Instant) {
        drop(self.throw_out(self.state(), |waiting| waiting.until <= now));
    }

    /// Unlocks the pool: what waits no longer is dropped outside of the lock.
    fn throw_out(
        &self,
        mut state: MutexGuard<'_, State<T>>,
        unwanted: impl Fn(&Waiting<T>) -> bool,
    ) -> Vec<Leaving<'_, T>> {
        let (thrown_out, stay): (VecDeque<_>, _) = state.waiting.drain(..).partition(unwanted);
        state.waiting = stay;
        state.leaving += thrown_out.len();
        thrown_out.into_iter().map(|waiting| self.leaving(waiting)).collect()
    }

    /// One that is counted as leaving, until this is dropped.
    fn leaving(&self, waiting: Waiting<T>) -> Leaving<'_, T> {
        Leaving { _sandbox: waiting.sandbox, _room: LastRoom(self) }
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
        // Who was thrown out by somebody else may still be in the way of a new one.
        let crowded = |state: &mut State<T>| {
            let needs_room = sandbox.is_none() && state.leaving > 0;
            needs_room && state.running + state.waiting.len() + state.leaving > self.pool.room
        };
        drop(self.pool.gone.wait_while(state, crowded));
        // Before the caller makes a sandbox in its place.
        drop(evicted);
        let issuer = if self.warm.is_some() { issuer.to_owned() } else { String::new() };
        (Seat { pool: self.pool.clone(), issuer, uses_left: uses_left - 1, is_taken: true }, sandbox)
    }

    /// Lets a sandbox wait for the next call, if it may have one. It holds nothing of the last call.
    pub(crate) fn give_back(&self, mut seat: Seat<T>, sandbox: T, now: Instant) {
        let Some(warm) = self.warm.as_ref().filter(|_| seat.uses_left > 0) else { return };
        let mut state = self.pool.state();
        // Counted twice, for however short a time, it would throw others out.
        seat.leave(&mut state);
        let mut unwanted = None;
        let waiting = Waiting {
            generation: self.generation,
            issuer: seat.issuer.clone(),
            uses_left: seat.uses_left,
            until: now + warm.idle,
            sandbox,
        };
        if self.closed.load(Ordering::Relaxed) {
            unwanted = Some(waiting);
        } else {
            if self.waiting_in(&state) >= warm.max_idle {
                let oldest = state.waiting.iter().position(|waiting| waiting.generation == self.generation);
                unwanted = oldest.and_then(|position| state.waiting.remove(position));
            }
            state.waiting.push_back(waiting);
        }
        state.leaving += usize::from(unwanted.is_some());
        drop(state);
        drop(unwanted.map(|waiting| self.pool.leaving(waiting)));
    }

    /// The generation serves no more: nothing of it waits, from now on.
    pub(crate) fn close(&self) {
        let state = self.pool.state();
        self.closed.store(true, Ordering::Relaxed);
        drop(self.pool.throw_out(state, |waiting| waiting.generation == self.generation));
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

impl<T> Drop for LastRoom<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.leaving = state.leaving.saturating_sub(1);
        drop(state);
        self.0.gone.notify_all();
    }
}

impl<T> Seat<T> {
    fn leave(&mut self, state: &mut State<T>) {
        state.running = state.running.saturating_sub(usize::from(self.is_taken));
        self.is_taken = false;
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        self.leave(&mut pool.state());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

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

    /// A sandbox that takes its time to go, and looks whether somebody sits down in its place meanwhile.
    #[derive(Default)]
    struct Slow(Arc<Scene>);

    struct Scene {
        going: Barrier,
        seated: AtomicBool,
        seated_too_early: AtomicBool,
    }

    impl Default for Scene {
        fn default() -> Self {
            Self { going: Barrier::new(2), seated: AtomicBool::default(), seated_too_early: AtomicBool::default() }
        }
    }

    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.going.wait();
            for _ in 0..1_000 {
                thread::yield_now();
                if self.0.seated.load(Ordering::SeqCst) {
                    self.0.seated_too_early.store(true, Ordering::SeqCst);
                }
            }
        }
    }

    /// What throws out must not let go of the room before the sandbox has: the engine has no other.
    #[test]
    fn room_is_free_once_a_sandbox_is_gone() {
        let now = Instant::now();
        for round in 0..40 {
            let pool = Pool::new(1, 7);
            let share = pool.share(Some(Warm { max_idle: 1, least_uses: 9, most_uses: 9, idle: IDLE }));
            let (seat, _) = share.take("a", now);
            let sandbox = Slow::default();
            let scene = sandbox.0.clone();
            share.give_back(seat, sandbox, now);
            thread::scope(|scope| {
                scope.spawn(|| if round % 2 == 0 { pool.expire(now + IDLE) } else { share.close() });
                scene.going.wait();
                let (_seat, waited) = pool.share(None).take("b", now);
                scene.seated.store(true, Ordering::SeqCst);
                assert!(waited.is_none());
            });
            assert!(!scene.seated_too_early.load(Ordering::SeqCst), "round {round}");
            let state = pool.state();
            assert_eq!((state.running, state.leaving), (0, 0));
        }
    }

    /// While one too many goes, what came back takes one place: it is not thrown out for the next call.
    #[test]
    fn what_comes_back_is_counted_once() {
        let now = Instant::now();
        for _ in 0..40 {
            let pool = Pool::new(2, 7);
            let share = pool.share(Some(Warm { max_idle: 1, least_uses: 9, most_uses: 9, idle: IDLE }));
            let [(former, _), (seat, _)] = [share.take("a", now), share.take("a", now)];
            let gone = Slow::default();
            let scene = gone.0.clone();
            share.give_back(former, gone, now);
            let kept = Slow::default();
            let kept_scene = kept.0.clone();
            thread::scope(|scope| {
                scope.spawn(|| share.give_back(seat, kept, now));
                scene.going.wait();
                let _seat = pool.share(None).take("b", now);
                assert_eq!(share.idle(), 1);
            });
            thread::scope(|scope| {
                scope.spawn(|| kept_scene.going.wait());
                share.close();
            });
        }
    }

    #[test]
    fn nobody_waits_for_room_that_is_not_needed() {
        let bench = Bench::new(2);
        let share = bench.share(4, (9, 9));
        bench.call(&share, "a", "1");
        let leaving = bench.pool.throw_out(bench.pool.state(), |_| true);
        let (_seat, waited) = share.take("a", bench.now);
        assert!(waited.is_none());
        assert_eq!((leaving.len(), bench.gone().len()), (1, 0));
        drop(leaving);
        assert_eq!((bench.gone(), bench.pool.state().leaving), (vec!["1"], 0));
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
