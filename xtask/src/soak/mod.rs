//! `cargo xtask soak`: kills the host under load, again and again, and checks from outside that nothing which was
//! acknowledged is lost, that what works once works once, and that nothing is done by half.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `wallets` | the load, and the attempts to use again what was used |
//! | `history` | what the wallets know |
//! | `check` | compares that with what the host recorded; pure |
//! | `backends` | the load beside them: issue, status, deletion, jobs |
//! | `aftermath` | what backends do after a restart |
//! | `answers` | what stands in the answers to them |
//! | `lives` | what the backends know |
//! | `check_lives` | compares that with what the host recorded and published; pure |
//! | `lists` | status lists, as verifiers fetch them |
//! | `site` | the issuer under test and its process |
//! | `database` | the database's own tools |

mod aftermath;
mod answers;
mod backends;
mod check;
mod check_lives;
#[cfg(test)]
mod check_lives_tests;
#[cfg(test)]
mod check_tests;
mod client;
mod database;
mod history;
mod http;
mod lists;
mod lives;
mod random;
mod site;
mod wallets;

use std::{
    error::Error,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chancery_keys::{Entropy as _, SystemEntropy};
use clap::Args;
use serde_json::Value;

pub(crate) use database::Databases;

use self::{
    backends::Backend,
    check::Event,
    check_lives::{Bits, Watch},
    database::Database,
    history::History,
    http::Http,
    lives::{Known, Place},
    random::Random,
    site::{Host, Issuer, Site, TX_CODE_ATTEMPTS},
    wallets::Wallet,
};
use crate::{
    guests, paths,
    run::{build_host, heading},
};

/// Kills of the run that belongs to `cargo xtask test`, on each database.
pub(crate) const KILLS_IN_TESTS: u32 = 5;
const MAX_KILLS: i64 = 100_000;
/// After a kill, one start in so many is killed as well, before the host is ready.
const KILL_WHILE_STARTING: u64 = 5;
/// One backend for so many wallets.
const WALLETS_PER_BACKEND: u16 = 4;
/// After a restart, what was acknowledged before is published within this time.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(10);
/// Violations that are shown; the first ones say most.
const MAX_SHOWN: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How often the host is killed, on each database
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MAX_KILLS))]
    kills: u32,
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// Milliseconds of load before each kill, on average
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    millis_between: u64,
    /// Decides when the host is killed and what each wallet does; by default another one each time
    #[arg(long)]
    seed: Option<u64>,
    /// Wallets at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
}

impl Options {
    pub(crate) fn in_tests() -> Self {
        Self { kills: KILLS_IN_TESTS, database: Databases::Both, millis_between: 800, seed: None, connections: 16 }
    }
}

/// Builds everything, and soaks.
pub(crate) fn build_and_run(options: &Options) -> Result<(), Box<dyn Error>> {
    heading("Building the plugins");
    guests::run()?;
    run(options)
}

/// Takes the plugins as they are built.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let program = build_host()?;
    let seed = options.seed.map_or_else(new_seed, Ok)?;
    for kind in options.database.each() {
        heading(&format!("Killing the host on {}: {} times, seed {seed}", kind.name(), options.kills));
        let dir = paths::target().join("soak").join(kind.name());
        let database = Database::start(*kind, &dir)?;
        let site = Arc::new(Site::prepare(dir.clone(), program.clone(), database.url())?);
        let soak = Soak::start(options, Arc::clone(&site), database, Random::new(seed));
        if let Err(error) = soak.and_then(|mut soak| soak.run(options).inspect_err(|_| site.keep_events())) {
            let hint = format!("serve.log, events.jsonl and data/ are in {}", dir.display());
            return Err(format!("{error}\nseed {seed}; {hint}").into());
        }
    }
    Ok(())
}

struct Soak {
    site: Arc<Site>,
    database: Database,
    random: Random,
    host: Host,
    wallets: Vec<Wallet>,
    backends: Vec<Backend>,
    issuer: Arc<Issuer>,
    http: Http,
    watch: Watch,
    published: Vec<Value>,
    history: History,
    events: Vec<Event>,
    slowest_start: Duration,
    /// Of the host before it was ready, beside those that were asked for.
    kills_while_starting: u32,
}

impl Soak {
    fn start(
        options: &Options,
        site: Arc<Site>,
        database: Database,
        mut random: Random,
    ) -> Result<Self, Box<dyn Error>> {
        let mut host = site.start()?;
        let slowest_start = site.until_ready(&mut host)?;
        let issuer = Arc::new(site.issuer()?);
        println!("  {} at {}: {}", site.dir.display(), issuer.url, issuer.configurations.join(", "));
        if let Some(what) = database.skipped() {
            println!("  Skipped: {what}");
        }
        let wallets = (0..options.connections).map(|name| Wallet::new(name.into(), Arc::clone(&issuer), random.fork()));
        let wallets = wallets.collect::<Result<_, _>>()?;
        let backends = 0..options.connections.div_ceil(WALLETS_PER_BACKEND);
        let backends = backends.map(|name| Backend::new(name.into(), Arc::clone(&issuer), random.fork()));
        Ok(Self {
            wallets,
            backends: backends.collect::<Result<_, _>>()?,
            http: Http::new(issuer.port),
            issuer,
            watch: Watch::default(),
            published: site.published()?,
            events: site.events(0)?,
            history: History::default(),
            kills_while_starting: 0,
            site,
            database,
            random,
            host,
            slowest_start,
        })
    }

    fn run(&mut self, options: &Options) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        for kill in 1..=options.kills {
            let mean = Duration::from_millis(options.millis_between);
            let time = mean / 4 + self.random.time_below(mean * 3 / 2);
            let mut histories = self.load_and_kill(time)?;
            let cut = histories.iter().flat_map(|history| &history.flows).filter(|flow| !flow.is_finished()).count();
            let ready = self.restart()?;
            self.settle(&mut histories)?;
            let mut now = History::default();
            for history in histories {
                now.merge(history);
            }
            let acknowledged = now.acknowledged();
            self.check(now)?;
            println!(
                "  kill {kill}/{} after {} ms of load: {cut} flows cut off, {acknowledged} credentials acknowledged; \
                 ready again in {} ms; {} credentials in all, and {} to backends",
                options.kills,
                time.as_millis(),
                ready.as_millis(),
                self.history.acknowledged(),
                self.known().acknowledged()[0],
            );
        }
        self.check_everything()?;
        self.summarise(options, started.elapsed());
        Ok(())
    }

    /// All wallets and backends at work, until the host is killed.
    fn load_and_kill(&mut self, time: Duration) -> Result<Vec<History>, Box<dyn Error>> {
        let stop = AtomicBool::new(false);
        let (host, wallets, stop) = (&mut self.host, &mut self.wallets, &stop);
        let backends = &mut self.backends;
        thread::scope(|scope| {
            let threads: Vec<_> = wallets.iter_mut().map(|wallet| scope.spawn(move || wallet.load(stop))).collect();
            let beside: Vec<_> = backends.iter_mut().map(|backend| scope.spawn(move || backend.load(stop))).collect();
            thread::sleep(time);
            let killed = host.kill();
            stop.store(true, Ordering::Relaxed);
            let histories: Vec<_> = threads.into_iter().map(joined).collect::<Result<_, _>>()?;
            beside.into_iter().try_for_each(joined)?;
            killed.map(|()| histories)
        })
    }

    /// Starts the host; now and then a start is killed too. Answers how long the last one took.
    fn restart(&mut self) -> Result<Duration, Box<dyn Error>> {
        while self.random.one_in(KILL_WHILE_STARTING) {
            self.host = self.site.start()?;
            thread::sleep(self.random.time_below(self.slowest_start));
            self.host.kill()?;
            self.kills_while_starting += 1;
        }
        self.host = self.site.start()?;
        let ready = self.site.until_ready(&mut self.host)?;
        self.slowest_start = self.slowest_start.max(ready);
        Ok(ready)
    }

    fn settle(&mut self, histories: &mut [History]) -> Result<(), Box<dyn Error>> {
        let work = self.wallets.iter_mut().zip(histories);
        let backends = &mut self.backends;
        thread::scope(|scope| {
            let mut threads: Vec<_> =
                work.map(|(wallet, history)| scope.spawn(move || wallet.settle(history))).collect();
            threads.extend(backends.iter_mut().map(|backend| scope.spawn(move || backend.settle())));
            threads.into_iter().try_for_each(joined)
        })
    }

    fn known(&self) -> Known {
        let mut known = Known::default();
        self.backends.iter().for_each(|backend| known.merge(backend.known().clone()));
        known
    }

    /// What was done since the last check.
    fn check(&mut self, now: History) -> Result<(), Box<dyn Error>> {
        let after = self.events.last().map_or(0, |event| event.number);
        let new = self.site.events(after)?;
        let mut wrong = check::check(&now, &new, TX_CODE_ATTEMPTS);
        self.history.merge(now);
        wrong.extend(self.check_records(&new)?);
        if self.site.published()? != self.published {
            wrong.push("metadata or keys are others than before".to_owned());
        }
        self.events.extend(new);
        wrong.extend(self.check_lives()?);
        wrong.extend(self.look_into_the_database()?);
        conclude(&wrong)
    }

    /// Once more, over the whole run: nothing that was right after a restart has got lost since.
    fn check_everything(&mut self) -> Result<(), Box<dyn Error>> {
        let events = self.site.events(0)?;
        let mut wrong = check::check_kept(&self.events, &events);
        wrong.extend(check::check(&self.history, &events, TX_CODE_ATTEMPTS));
        wrong.extend(self.check_records(&events)?);
        wrong.extend(complaints(&self.site.log())?);
        if self.history.acknowledged() == 0 {
            wrong.push("no credential was ever acknowledged: nothing was tested".to_owned());
        }
        if self.known().acknowledged().contains(&0) {
            wrong.push("no job, or no change or deletion of a credential was ever acknowledged".to_owned());
        }
        self.events = events;
        wrong.extend(self.check_lives()?);
        wrong.extend(self.look_into_the_database()?);
        conclude(&wrong)
    }

    fn check_records(&self, events: &[Event]) -> Result<Vec<String>, Box<dyn Error>> {
        let issued = events.iter().filter(|event| event.is_issuance());
        Ok(check::check_records(events, &self.site.records(issued.map(|event| event.object.as_str()))?))
    }

    /// Over the whole run each time: what was acknowledged once stays so.
    fn check_lives(&mut self) -> Result<Vec<String>, Box<dyn Error>> {
        let known = self.known();
        let wallets: Vec<Place> = self.history.flows.iter().flat_map(|flow| flow.entries.clone()).collect();
        let mut wrong = check_lives::check_lives(&known, &self.events);
        wrong.extend(check_lives::check_indexes(&known, &wallets));
        let expected = check_lives::expected_bits(&known);
        let since = Instant::now();
        loop {
            let published = self.published_bits(&expected, &mut wrong)?;
            let missing = check_lives::check_published(&expected, &published);
            if missing.is_empty() || since.elapsed() > PUBLISHED_WITHIN {
                wrong.extend(missing);
                return Ok(wrong);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn published_bits(&mut self, lists: &Bits, wrong: &mut Vec<String>) -> Result<Bits, Box<dyn Error>> {
        let mut bits = Bits::new();
        for list in lists.keys() {
            let look = lists::fetch(&self.http, &self.issuer.url, list)?;
            wrong.extend(self.watch.look(list, &look));
            bits.insert(list.clone(), look.bits);
        }
        Ok(bits)
    }

    fn look_into_the_database(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let look = self.database.look()?;
        let mut wrong = look.problems;
        let issued = self.events.iter().filter(|event| event.is_issuance()).count();
        let deleted = self.events.iter().filter(|event| event.is_deletion()).count();
        if let Some(rows) = look.credentials.filter(|rows| rows + deleted != issued) {
            wrong.push(format!("{rows} credentials are stored, {issued} events tell of one, and {deleted} of its end"));
        }
        Ok(wrong)
    }

    fn summarise(&self, options: &Options, took: Duration) {
        println!(
            "  {} kills under load and {} while starting: {} offers, {} credentials acknowledged, each recorded once; \
             no code, nonce or client assertion worked twice; nothing by half",
            options.kills,
            self.kills_while_starting,
            self.history.flows.len(),
            self.history.acknowledged(),
        );
        let [issued, changes, deletions, jobs] = self.known().acknowledged();
        println!(
            "  Backends: {issued} credentials, {changes} changes of a status, {deletions} deletions and {jobs} jobs \
             acknowledged; each is recorded once and published; no request acted twice; no entry was given twice"
        );
        let (lost, done) = self.history.lost_requests();
        println!("  {lost} requests for tokens and credentials got no answer; {done} of them had been carried out");
        let (slowest, seconds) = (self.slowest_start.as_millis(), took.as_secs());
        println!("  ready again within {slowest} ms each time; {} audit events; {seconds} s", self.events.len());
    }
}

fn conclude(wrong: &[String]) -> Result<(), Box<dyn Error>> {
    if wrong.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} violations:", wrong.len());
    for what in wrong.iter().take(MAX_SHOWN) {
        text.push_str("\n  ");
        text.push_str(what);
    }
    Err(text.into())
}

/// What the host itself calls an error, panics included.
fn complaints(log: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(log)?;
    let lines = text.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked"));
    Ok(lines.map(|line| format!("serve.log: {line}")).collect())
}

fn joined<T>(
    thread: thread::ScopedJoinHandle<'_, Result<T, Box<dyn Error + Send + Sync>>>,
) -> Result<T, Box<dyn Error>> {
    match thread.join() {
        Ok(result) => result.map_err(|error| -> Box<dyn Error> { error }),
        Err(_) => Err("a wallet's thread panicked".into()),
    }
}

fn new_seed() -> Result<u64, Box<dyn Error>> {
    let mut bytes = [0; 8];
    SystemEntropy::new().fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
