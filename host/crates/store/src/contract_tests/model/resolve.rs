//! Calls of random steps: with ids that are there or were, indexes that were leased, and what a caller has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::fixtures::{
    at, credential, deletion, event, hash_of, nonce, reply, slots, status_list, status_update,
};
use super::calls::{Answer, Answered, Call};
use super::state::{Held, IssuerModel, List, Model};
use super::steps::{Batch, Entry, Expected, Issued, Key, Revision, Search, Step, Update};
use crate::{
    AuditEvent, CredentialQuery, Deletion, ExpectedEntry, IssuanceBatch, NewReply, Reissue, Replacement,
    StatusListRecord, StatusListVersion, StatusSlot, StatusUpdate, StoredCredential, UsedNonce,
};

pub(super) const PURPOSES: [&str; 3] = ["revocation", "suspension", "refresh"];
pub(super) const PERSONS: [&str; 2] = ["ann", "bob"];
pub(super) const ATTRIBUTES: [&str; 2] = ["crop", "region"];
pub(super) const CLIENTS: [&str; 2] = ["one", "other"];
pub(super) const KEYS: [&str; 3] = ["k0", "k1", "k2"];
const CONFIGURATIONS: [&str; 2] = ["farmer", "other"];
const CHOSEN_IDS: u8 = 8;
/// Purposes, not in the order of their names, and entries. The second one is soon full.
const LISTS: [(&[&str], i64); 3] =
    [(&["suspension", "revocation"], 64), (&["revocation"], 7), (&["suspension", "revocation"], 16)];
/// Seconds that a reply is kept.
const REPLY_KEPT: i64 = 10;
/// Of each list, so many leased indexes lie ready.
const STOCK: usize = 4;

/// Names that nothing had before.
pub(super) struct Names {
    issuers: [String; 2],
    next: usize,
    mentioned: BTreeSet<(String, String)>,
}

impl Names {
    pub(super) fn new(case: u32) -> Self {
        Self { issuers: ["x", "y"].map(|name| format!("{name}{case}")), next: 0, mentioned: BTreeSet::new() }
    }

    pub(super) fn issuers(&self) -> &[String; 2] {
        &self.issuers
    }

    /// Every id that a call was about, also where it was refused.
    pub(super) fn mentioned(&self, issuer_id: &str) -> Vec<&str> {
        let mentioned = self.mentioned.iter().filter(|(issuer, _)| issuer == issuer_id);
        mentioned.map(|(_, id)| id.as_str()).collect()
    }

    /// The lists that are there from the start.
    pub(super) fn first_lists(&mut self) -> Vec<Call> {
        let lists = [(0, 0), (0, 1), (1, 0)];
        lists.map(|(issuer, list)| self.open(issuer, list, u32::MAX, 0)).into()
    }

    fn issuer(&self, issuer: u8) -> String {
        self.issuers[usize::from(issuer)].clone()
    }

    fn next(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn mention(&mut self, issuer_id: &str, credential_id: &str) {
        self.mentioned.insert((issuer_id.to_owned(), credential_id.to_owned()));
    }

    fn event(&mut self, issuer_id: &str, action: &str, object: &str) -> AuditEvent {
        let event_id = format!("event {}", self.next());
        AuditEvent { event_id, object: object.to_owned(), ..event(issuer_id, action) }
    }

    fn open(&mut self, issuer: u8, list: u8, most_open: u32, seconds: i64) -> Call {
        let list = StatusListRecord { created_at: at(seconds), ..list_record(&self.issuer(issuer), list) };
        let event = self.event(&list.issuer_id, "status-list.open", &list.list_id);
        Call::Open { list, most_open, event }
    }

    fn reply(&mut self, issuer_id: &str, key: Key, seconds: i64) -> NewReply {
        NewReply {
            sealed_reply: self.next().to_string().into_bytes(),
            created_at: at(seconds),
            expires_at: at(seconds + REPLY_KEPT),
            ..reply(issuer_id, CLIENTS[usize::from(key.client)], KEYS[usize::from(key.key)])
        }
    }
}

/// Indexes that were leased and not used.
#[derive(Default)]
pub(super) struct Stock {
    free: BTreeMap<(String, String), Vec<i64>>,
    given: BTreeSet<(String, String, i64)>,
}

impl Stock {
    /// Leases that fill it up.
    pub(super) fn wanted(&self, model: &Model) -> Vec<Call> {
        let lists = model.issuers.values().flat_map(|issuer| issuer.lists.values());
        let wanted = lists.map(|list| &list.record).filter(|list| list.next_slot < list.capacity).filter(|list| {
            let free = self.free.get(&(list.issuer_id.clone(), list.list_id.clone()));
            free.is_none_or(|free| free.len() < STOCK)
        });
        let lease = |list: &StatusListRecord| Call::Lease {
            issuer_id: list.issuer_id.clone(),
            list_id: list.list_id.clone(),
            count: i64::try_from(STOCK).unwrap(),
            now: at(0),
        };
        wanted.map(lease).collect()
    }

    /// Takes in what a lease gave.
    pub(super) fn add(&mut self, call: &Call, answer: &Answered) -> Result<(), String> {
        let (Call::Lease { issuer_id, list_id, .. }, Ok(Answer::Leased(Some(lease)))) = (call, answer) else {
            return Ok(());
        };
        for index in lease.first..lease.first + lease.count {
            if !self.given.insert((issuer_id.clone(), list_id.clone(), index)) {
                return Err(format!("index {index} of {list_id} of {issuer_id} is given twice"));
            }
            self.free.entry((issuer_id.clone(), list_id.clone())).or_default().push(index);
        }
        Ok(())
    }

    fn take(&mut self, list: &StatusListRecord) -> Option<i64> {
        self.free.get_mut(&(list.issuer_id.clone(), list.list_id.clone()))?.pop()
    }
}

pub(super) fn resolve(step: &Step, model: &Model, names: &mut Names, stock: &mut Stock) -> Call {
    let mut resolver = Resolver { model, names, stock };
    match step {
        Step::Record(batches) => Call::Record(resolver.batches(batches)),
        Step::Update(updates) => Call::Update(updates.iter().map(|update| resolver.update(update)).collect()),
        Step::Delete { issuer, target, revoke, at } => Call::Delete(resolver.deletion(*issuer, *target, *revoke, *at)),
        Step::SignAgain { issuer, target, is_stale, entry, at } => {
            Call::SignAgain(resolver.reissue(*issuer, *target, *is_stale, *entry, *at))
        }
        Step::Lease { issuer, list, count, at: seconds } => Call::Lease {
            issuer_id: resolver.names.issuer(*issuer),
            list_id: list_id(*list),
            count: *count,
            now: at(*seconds),
        },
        Step::Publish { issuer, list, ahead, revision, at: seconds, window, keep_from } => Call::Publish {
            version: resolver.version(*issuer, *list, *ahead, *revision, *seconds),
            window: Duration::from_secs(*window),
            keep_from: at(*keep_from),
        },
        Step::Open { issuer, list, most_open, at } => resolver.names.open(*issuer, *list, *most_open, *at),
        Step::Search(search) => Call::Search(resolver.query(search)),
        Step::Expire { at: seconds } => Call::Expire(at(*seconds)),
    }
}

struct Resolver<'a> {
    model: &'a Model,
    names: &'a mut Names,
    stock: &'a mut Stock,
}

impl Resolver<'_> {
    fn issuer(&self, issuer: u8) -> (String, &IssuerModel) {
        let issuer_id = self.names.issuer(issuer);
        let model = self.model.issuer(&issuer_id);
        (issuer_id, model)
    }

    /// Mostly a credential that is there, else an id that may have been deleted or never was, or a status list's.
    fn target(&mut self, issuer: u8, target: u8) -> (String, String) {
        let (issuer_id, model) = self.issuer(issuer);
        let (kind, which) = (target % 8, usize::from(target / 8));
        let chosen = format!("c{}", which % usize::from(CHOSEN_IDS));
        let id = match kind {
            0..6 if !model.credentials.is_empty() => {
                model.credentials.keys().nth(which % model.credentials.len()).cloned().unwrap_or(chosen)
            }
            6 if which % 4 == 0 => model.lists["l0"].record.credentials[0].url.clone(),
            _ => chosen,
        };
        self.names.mention(&issuer_id, &id);
        (issuer_id, id)
    }

    fn batches(&mut self, batches: &[Batch]) -> Vec<IssuanceBatch> {
        // One that replaces: of several in one call the history has another order than of several calls.
        let replaces = batches.iter().position(|batch| batch.replaces.is_some());
        let numbered = batches.iter().enumerate();
        numbered.map(|(number, batch)| self.batch(batch, batch.replaces.filter(|_| replaces == Some(number)))).collect()
    }

    fn batch(&mut self, batch: &Batch, replaces: Option<bool>) -> IssuanceBatch {
        let issuer_id = self.names.issuer(batch.issuer);
        let seconds = batch.credentials.first().map_or(0, |first| first.at);
        let credentials: Vec<_> =
            batch.credentials.iter().map(|issued| self.credential(batch.issuer, issued)).collect();
        let chosen = batch.credentials.iter().zip(&credentials).filter(|(issued, _)| issued.chosen.is_some());
        let chosen_ids = chosen.map(|(_, credential)| hash_of(&credential.credential_id)).collect();
        let issued =
            |credential: &StoredCredential| self.names.event(&issuer_id, "credential.issue", &credential.credential_id);
        let events = credentials.iter().map(issued).collect();
        let replacement = replaces.zip(credentials.first()).and_then(|(revoke, first)| {
            Some(Replacement {
                configuration_id: first.configuration_id.clone(),
                subject_hash: first.subject_hash.clone()?,
                by: first.credential_id.clone(),
                revoke,
                at: at(seconds),
                actor: "system".to_owned(),
                event: self.names.event(&issuer_id, "credential.supersede", ""),
            })
        });
        let credential_hash = credentials.first().map(|first| hash_of(&first.credential_id));
        let reply = batch.reply.map(|key| NewReply { credential_hash, ..self.names.reply(&issuer_id, key, seconds) });
        let used = |number: &u8| UsedNonce { expires_at: at(i64::from(*number) * 8), ..nonce(&format!("n{number}")) };
        IssuanceBatch {
            nonces: batch.nonces.iter().map(used).collect(),
            credentials,
            events,
            chosen_ids,
            replacements: replacement.into_iter().collect(),
            reply,
            issuer_id,
            ..IssuanceBatch::default()
        }
    }

    fn credential(&mut self, issuer: u8, issued: &Issued) -> StoredCredential {
        let issuer_id = self.names.issuer(issuer);
        let id = issued.chosen.map_or_else(|| format!("u{}", self.names.next()), |chosen| format!("c{chosen}"));
        self.names.mention(&issuer_id, &id);
        StoredCredential {
            configuration_id: CONFIGURATIONS[usize::from(issued.configuration)].to_owned(),
            credential: issued.is_kept.then(|| self.names.next().to_string().into_bytes()),
            subject_hash: issued.person.map(|person| hash_of(PERSONS[usize::from(person)])),
            delete_after: issued.retention.map(at),
            created_time: at(issued.at),
            updated_time: at(issued.at),
            status: self.slots(issuer, issued.entry),
            attributes: attributes(issued.attributes),
            ..credential(&issuer_id, &id)
        }
    }

    fn slots(&mut self, issuer: u8, entry: Entry) -> Vec<StatusSlot> {
        let issuer_id = self.names.issuer(issuer);
        let model = self.model.issuer(&issuer_id);
        match entry {
            Entry::None => Vec::new(),
            Entry::New(list) => {
                let list = model.lists.get(&list_id(list)).map(|list| &list.record);
                list.and_then(|list| Some(slots(list, self.stock.take(list)?))).unwrap_or_default()
            }
            Entry::Taken(target) => {
                let taken: Vec<_> = model.credentials.values().filter(|held| !held.entries.is_empty()).collect();
                let slots = |held: &&Held| held.entries.iter().map(|entry| entry.slot.clone()).collect();
                nth(&taken, target).map_or_else(Vec::new, slots)
            }
        }
    }

    fn update(&mut self, update: &Update) -> StatusUpdate {
        let (issuer_id, id) = self.target(update.issuer, update.target);
        let purpose = PURPOSES[usize::from(update.purpose)];
        let expected = self.expected(&issuer_id, &id, purpose, update.expected);
        StatusUpdate {
            expected,
            at: at(update.at),
            reason: update.value.then(|| format!("because {}", self.names.next())),
            event: self.names.event(&issuer_id, "credential.status", &id),
            reply: update.reply.map(|key| self.names.reply(&issuer_id, key, update.at)),
            ..status_update(&issuer_id, &id, purpose, update.value)
        }
    }

    fn expected(&self, issuer_id: &str, id: &str, purpose: &str, expected: Expected) -> Option<ExpectedEntry> {
        let model = self.model.issuer(issuer_id);
        let entry = |held: &Held| held.entries.iter().find(|entry| entry.slot.purpose == purpose).cloned();
        let own = model.credentials.get(id).and_then(entry)?.slot;
        match expected {
            Expected::Any => None,
            Expected::Right => Some(ExpectedEntry { url: Some(own.url), index: Some(own.index) }),
            Expected::WrongUrl => Some(ExpectedEntry { url: Some(format!("{}x", own.url)), index: None }),
            Expected::WrongIndex => Some(ExpectedEntry { url: None, index: Some(own.index + 1) }),
            Expected::Foreign(target) => {
                let others: Vec<_> = model.credentials.values().filter_map(entry).collect();
                nth(&others, target)
                    .map(|other| ExpectedEntry { url: Some(other.slot.url.clone()), index: Some(other.slot.index) })
            }
        }
    }

    fn deletion(&mut self, issuer: u8, target: u8, revoke: bool, seconds: i64) -> Deletion {
        let (issuer_id, id) = self.target(issuer, target);
        Deletion {
            revoke,
            at: at(seconds),
            event: self.names.event(&issuer_id, "credential.delete", &id),
            revocation_event: self.names.event(&issuer_id, "credential.revoke", &id),
            ..deletion(&issuer_id, &id)
        }
    }

    fn reissue(&mut self, issuer: u8, target: u8, is_stale: bool, entry: Entry, seconds: i64) -> Reissue {
        let (issuer_id, mut id) = self.target(issuer, target);
        // Nobody signs a status list so.
        if id.starts_with("https:") {
            id = "c0".to_owned();
        }
        self.names.mention(&issuer_id, &id);
        let seen = self.model.issuer(&issuer_id).credentials.get(&id).map_or(at(0), |held| held.record.updated_time);
        Reissue {
            seen: if is_stale { at(-1) } else { seen },
            credential: format!("again {}", self.names.next()).into_bytes(),
            status: self.slots(issuer, entry),
            at: at(seconds),
            event: self.names.event(&issuer_id, "credential.reissue", &id),
            credential_id: id,
            issuer_id,
        }
    }

    fn version(&mut self, issuer: u8, list: u8, ahead: i64, revision: Revision, seconds: i64) -> StatusListVersion {
        let number = self.names.next();
        let (issuer_id, model) = self.issuer(issuer);
        let unopened = || List::new(&list_record(&issuer_id, list));
        let list = model.lists.get(&list_id(list)).cloned().unwrap_or_else(unopened);
        let newest = i64::try_from(list.changes.len()).unwrap();
        let revision = match revision {
            Revision::Newest => newest,
            Revision::Published => list.head.published_revision,
            Revision::Beyond => newest + 1,
            Revision::Before => list.head.published_revision - 1,
        };
        StatusListVersion {
            issuer_id,
            list_id: list.record.list_id.clone(),
            version: list.head.version + ahead,
            revision,
            published_at: at(seconds),
            valid_until: at(seconds + 100),
            bits: format!("{:?}", list.bits).into_bytes(),
            documents: format!("documents {number}").into_bytes(),
        }
    }

    fn query(&mut self, search: &Search) -> CredentialQuery {
        let (issuer_id, model) = self.issuer(search.issuer);
        let living: Vec<_> = model.credentials.values().collect();
        let after = search.after.and_then(|target| nth(&living, target));
        let purposes = PURPOSES.iter().zip(search.purposes).filter(|(_, wanted)| *wanted);
        CredentialQuery {
            credential_type: None,
            configuration_id: search.configuration.map(|number| CONFIGURATIONS[usize::from(number)].to_owned()),
            subject_hash: search.person.map(|person| hash_of(PERSONS[usize::from(person)])),
            attributes: attributes(search.attributes),
            created_from: search.from.map(at),
            created_until: search.until.map(at),
            statuses: purposes.map(|(purpose, _)| (*purpose).to_owned()).collect(),
            after: after.map(|held| (held.record.created_time, held.record.credential_id.clone())),
            limit: search.limit,
            issuer_id,
        }
    }
}

fn list_id(list: u8) -> String {
    format!("l{list}")
}

fn list_record(issuer_id: &str, list: u8) -> StatusListRecord {
    let (purposes, capacity) = LISTS[usize::from(list)];
    StatusListRecord { capacity, ..status_list(issuer_id, &list_id(list), purposes) }
}

fn attributes(values: [Option<u8>; 2]) -> Vec<(String, String)> {
    let named = ATTRIBUTES.iter().zip(values);
    named.filter_map(|(name, value)| Some(((*name).to_owned(), format!("v{}", value?)))).collect()
}

fn nth<T>(all: &[T], target: u8) -> Option<&T> {
    all.get(usize::from(target).checked_rem(all.len())?)
}
