//! The load beside the wallets: backends that have credentials issued, change their status, delete them and run jobs.

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    answers::{entries, issued, path_of, says, sha256},
    check_lives::Watch,
    client::Signing,
    history::Outcome,
    http::{Answer, Http, Once, problem},
    lists,
    lives::{Change, Job, Known, Life, REVOCATION, Request, SUSPENSION, Seen},
    random::Random,
    site::{BACKEND_CONFIGURATION, Issuer},
};

pub(super) const ISSUE: &str = "/credentials/issue";
pub(super) const STATUS: &str = "/credentials/status";
pub(super) const JOBS: &str = "/admin/v1/jobs";
/// Credentials of one thread between two kills, so that a long pause between kills stays bounded.
const MAX_LIVES: usize = 2_000;
const MAX_ITEMS: u64 = 12;

/// What a backend may do, by numbers (see `act`), and what it does first, so that even a short load has some of all.
const WHATS: u64 = 20;
const FIRST: [u64; 5] = [0, 0, 9, 15, 16];

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// One thread's backend.
pub(super) struct Backend {
    name: usize,
    issuer: Arc<Issuer>,
    http: Http,
    signing: Signing,
    random: Random,
    token: String,
    /// Of assertions, keys and ids: no two are the same.
    made: u64,
    pub(super) known: Known,
    /// Credentials that something was asked about since the last restart.
    pub(super) touched: BTreeSet<usize>,
    watch: Watch,
}

/// A request was not answered: under load that is the kill, afterwards it is an error.
pub(super) enum Stop {
    Cut(String),
    Failed(String),
}

impl From<Box<dyn Error>> for Stop {
    fn from(error: Box<dyn Error>) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Backend {
    pub(super) fn new(name: usize, issuer: Arc<Issuer>, random: Random) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            name,
            http: Http::new(issuer.port),
            issuer,
            signing: Signing::new()?,
            random,
            token: String::new(),
            made: 0,
            known: Known::default(),
            touched: BTreeSet::new(),
            watch: Watch::default(),
        })
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Asks for one thing after the other until the host stops answering, or `stop`.
    pub(super) fn load(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let most = self.known.lives.len() + MAX_LIVES;
        let mut done = self.sign_in();
        let mut first = FIRST.iter();
        while done.is_ok() && !stop.load(Ordering::Relaxed) && self.known.lives.len() < most {
            let what = first.next().copied().unwrap_or_else(|| self.random.below(WHATS));
            done = self.act(what);
        }
        match done {
            Ok(()) | Err(Stop::Cut(_)) => Ok(()),
            Err(Stop::Failed(why)) => Err(why.into()),
        }
    }

    fn act(&mut self, what: u64) -> Result<(), Stop> {
        match what {
            0..9 => self.issue(),
            9..15 => self.on_any_life(Self::change),
            15 => self.on_any_life(Self::delete),
            16 => self.job(),
            17 => self.look_at_a_list(),
            _ => self.on_any_life(Self::read_entries),
        }
    }

    fn issue(&mut self) -> Result<(), Stop> {
        let number = self.next();
        let chosen = self.random.one_in(2).then(|| format!("https://backend.example/{}/{number}", self.name));
        let is_w3c = chosen.is_some() || self.random.one_in(2);
        let body = if is_w3c {
            let mut credential = json!({
                "@context": ["https://www.w3.org/ns/credentials/v2"],
                "type": ["VerifiableCredential"],
                "issuer": self.issuer.did,
                "name": format!("Number {number}"),
                "credentialSubject": {"id": format!("did:example:{}-{number}", self.name)},
            });
            if let Some(id) = &chosen {
                credential["id"] = json!(id);
            }
            json!({"credential": credential})
        } else {
            json!({"credential_configuration_id": BACKEND_CONFIGURATION, "data": {"name": format!("Person {number}")}})
        };
        let life = Life {
            request: self.request(body),
            chosen,
            issues: Vec::new(),
            entries: Vec::new(),
            changes: Vec::new(),
            deletions: Vec::new(),
            seen: None,
        };
        self.known.lives.push(life);
        self.with_life(self.known.lives.len() - 1, Self::send_issue)
    }

    fn change(&mut self, life: &mut Life) -> Result<(), Stop> {
        if life.is_deleted() {
            return Ok(());
        }
        let says = life.says();
        let is_on = |purpose| says.get(purpose) == Some(&true);
        let (purpose, value) = match self.random.below(4) {
            0 if !is_on(REVOCATION) => (REVOCATION, true),
            // What is so already is said again.
            1 => (SUSPENSION, is_on(SUSPENSION)),
            _ => (SUSPENSION, !is_on(SUSPENSION)),
        };
        let mut entry = json!({"statusPurpose": purpose});
        if let Some(own) = life.entries.iter().find(|entry| entry.purpose == purpose) {
            entry["statusListCredential"] = json!(own.list);
            entry["statusListIndex"] = json!(own.index.to_string());
        }
        let body = json!({"credentialId": id(life), "credentialStatus": entry, "status": value});
        life.changes.push(Change { purpose, value, request: self.request(body), outcomes: Vec::new() });
        self.send_change(life)
    }

    fn delete(&mut self, life: &mut Life) -> Result<(), Stop> {
        if life.is_deleted() {
            return Ok(());
        }
        // Afterwards nobody could tell which entries it had.
        self.read_entries(life)?;
        self.send_deletion(life)
    }

    fn job(&mut self) -> Result<(), Stop> {
        let count = 1 + self.random.below(MAX_ITEMS);
        let person = |number| json!({"data": {"name": format!("Person {number}")}});
        let items: Vec<Value> = (0..count).map(person).collect();
        let body = json!({"credential_configuration_id": BACKEND_CONFIGURATION, "items": items});
        let mut job = Job { request: self.request(body), items: items.len(), creations: Vec::new(), issued: None };
        let sent = self.send_job(&mut job);
        self.known.jobs.push(job);
        sent
    }

    fn look_at_a_list(&mut self) -> Result<(), Stop> {
        let all: BTreeSet<_> =
            self.known.lives.iter().flat_map(|life| &life.entries).map(|entry| &entry.list).collect();
        let Some(list) = all.iter().nth(self.random.index(all.len().max(1))).map(|list| (*list).clone()) else {
            return Ok(());
        };
        let look = match lists::fetch(&self.http, &self.issuer.url, &list) {
            Ok(look) => look,
            Err(lists::NoList::Lost(why)) => return Err(Stop::Cut(why)),
            Err(lists::NoList::Refused(why)) => return Err(Stop::Failed(why)),
        };
        self.known.violations.extend(self.watch.look(&list, &look));
        Ok(())
    }

    pub(super) fn send_issue(&mut self, life: &mut Life) -> Result<(), Stop> {
        let (outcome, sent) = match self.post(ISSUE, &life.request) {
            Ok((201, body, once)) => (issued(&body, once), Ok(())),
            Ok((status, body, _)) => (Outcome::Refused(problem(status, &body)), Ok(())),
            Err(stop) => (Outcome::Lost, Err(stop)),
        };
        life.issues.push(outcome);
        sent
    }

    pub(super) fn send_change(&mut self, life: &mut Life) -> Result<(), Stop> {
        let Some(change) = life.changes.last_mut() else { return Ok(()) };
        let (outcome, sent) = match self.post(STATUS, &change.request) {
            Ok((200, ..)) => (Outcome::Accepted(()), Ok(())),
            Ok((status, body, _)) => (Outcome::Refused(problem(status, &body)), Ok(())),
            Err(stop) => (Outcome::Lost, Err(stop)),
        };
        change.outcomes.push(outcome);
        sent
    }

    pub(super) fn send_deletion(&mut self, life: &mut Life) -> Result<(), Stop> {
        let (outcome, sent) = match self.http.delete(&path_of(id(life)), &self.token) {
            Answer::Received { status: 200, .. } => (Outcome::Accepted(()), Ok(())),
            Answer::Received { status, body } => (Outcome::Refused(problem(status, &body)), Ok(())),
            Answer::Lost(why) => (Outcome::Lost, Err(Stop::Cut(why))),
        };
        life.deletions.push(outcome);
        sent
    }

    pub(super) fn send_job(&mut self, job: &mut Job) -> Result<(), Stop> {
        let (outcome, sent) = match self.post(JOBS, &job.request) {
            Ok((202, body, _)) => (Outcome::Accepted(body["job_id"].as_str().unwrap_or_default().to_owned()), Ok(())),
            Ok((status, body, _)) => (Outcome::Refused(problem(status, &body)), Ok(())),
            Err(stop) => (Outcome::Lost, Err(stop)),
        };
        job.creations.push(outcome);
        sent
    }

    fn read_entries(&mut self, life: &mut Life) -> Result<(), Stop> {
        if life.entries.is_empty() { self.read(life) } else { Ok(()) }
    }

    pub(super) fn read(&mut self, life: &mut Life) -> Result<(), Stop> {
        let (status, body) = self.get(&path_of(id(life)))?;
        life.seen = Some(match status {
            200 => {
                let entries = entries(&body);
                if life.entries.is_empty() {
                    life.entries.clone_from(&entries);
                } else if life.entries != entries {
                    self.known.violations.push(format!("credential {}: its entries are others than before", id(life)));
                }
                Seen::There { sha256: sha256(&body["credential"]), says: says(&body) }
            }
            410 => Seen::Gone,
            _ => Seen::Refused(problem(status, &body)),
        });
        Ok(())
    }

    /// One of those whose requests all have an answer.
    pub(super) fn on_any_life(&mut self, act: impl Fn(&mut Self, &mut Life) -> Result<(), Stop>) -> Result<(), Stop> {
        let Some(index) = self.any_life() else { return Ok(()) };
        if self.known.lives[index].is_settled() { self.with_life(index, act) } else { Ok(()) }
    }

    pub(super) fn any_life(&mut self) -> Option<usize> {
        let count = self.known.lives.len();
        (count > 0).then(|| self.random.index(count))
    }

    pub(super) fn with_life(
        &mut self,
        index: usize,
        act: impl Fn(&mut Self, &mut Life) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.touched.insert(index);
        let mut life = self.known.lives[index].clone();
        let done = act(self, &mut life);
        self.known.lives[index] = life;
        done
    }

    pub(super) fn sign_in(&mut self) -> Result<(), Stop> {
        let number = self.next();
        let jti = format!("backend-{}-{number}", self.name);
        let assertion = self.signing.assertion(&self.issuer.client_key, &self.issuer.url, &jti)?;
        match self.http.sign_in(&assertion) {
            Answer::Received { status: 200, body } => {
                body["access_token"].as_str().unwrap_or_default().clone_into(&mut self.token);
                Ok(())
            }
            Answer::Received { status, body } => {
                Err(Stop::Failed(format!("a backend cannot sign in: {status} {body}")))
            }
            Answer::Lost(why) => Err(Stop::Cut(why)),
        }
    }

    pub(super) fn request(&mut self, body: Value) -> Request {
        let number = self.next();
        Request { key: format!("{}-{number}", self.name), body }
    }

    pub(super) fn post(&self, path: &str, request: &Request) -> Result<(u16, Value, Once), Stop> {
        match self.http.post_once(path, &self.token, &request.key, &request.body) {
            (Answer::Received { status, body }, once) => Ok((status, body, once)),
            (Answer::Lost(why), _) => Err(Stop::Cut(why)),
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<(u16, Value), Stop> {
        match self.http.get_as(path, &self.token) {
            Answer::Received { status, body } => Ok((status, body)),
            Answer::Lost(why) => Err(Stop::Cut(why)),
        }
    }

    fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

pub(super) fn id(life: &Life) -> &str {
    life.issued().map_or("https://never.invalid", |issued| &issued.id)
}
