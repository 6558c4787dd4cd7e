//! Everything that can be read of an issuer, from a store and from the model.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fixtures::{at, hash_of};
use super::resolve::{ATTRIBUTES, CLIENTS, KEYS, PERSONS, PURPOSES};
use super::state::IssuerModel;
use crate::{
    AuditEvent, CredentialQuery, FoundCredential, StatusChange, StatusEntry, StatusListHead, StatusListRecord,
    StatusListVersion, StatusSlot, Store, StoredCredential, StoredReply, Timestamp,
};

/// When is asked what was published, and which replies there are.
const INSTANTS: [i64; 4] = [-1, 9, 25, 60];
const MANY: u32 = 10_000;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    credentials: BTreeMap<String, Option<StoredCredential>>,
    entries: BTreeMap<String, Vec<StatusEntry>>,
    /// The entries that deleted ones had.
    deleted: BTreeMap<String, Vec<StatusSlot>>,
    searches: Vec<Vec<String>>,
    outlived: BTreeSet<String>,
    lists: Vec<StatusListRecord>,
    heads: Vec<StatusListHead>,
    changes: BTreeMap<String, Vec<StatusChange>>,
    /// Of the changes of each entry.
    histories: BTreeMap<(String, i64), Vec<StatusChange>>,
    /// As whoever has nothing but the changes makes them.
    bits: BTreeMap<String, BTreeSet<(String, i64)>>,
    newest: BTreeMap<String, Option<StatusListVersion>>,
    published_at: BTreeMap<(String, i64), Option<i64>>,
    replies: BTreeMap<(&'static str, &'static str, i64), Option<StoredReply>>,
    events: BTreeMap<String, AuditEvent>,
}

impl Seen {
    pub(super) async fn of_store(store: &dyn Store, issuer_id: &str, ids: Vec<&str>) -> Self {
        let mut seen = Self::default();
        seen.read_credentials(store, issuer_id, &ids).await;
        for query in queries(issuer_id) {
            seen.searches.push(ids_of(&store.find_credentials(&query).await.unwrap()));
        }
        seen.outlived = store.outlived_credentials(issuer_id, later(), MANY).await.unwrap().into_iter().collect();
        seen.read_lists(store, issuer_id).await;
        for (client, key, now) in asked() {
            let reply = store.find_reply(issuer_id, client, &hash_of(key), at(now)).await.unwrap();
            seen.replies.insert((client, key, now), reply);
        }
        let events = store.events(issuer_id, 0, MANY).await.unwrap().into_iter().map(|(_, event)| event);
        let events = events.filter(|event| event.action != "issuer.put");
        seen.events = events.map(|event| (event.event_id.clone(), event)).collect();
        seen
    }

    pub(super) fn of_model(model: &IssuerModel, issuer_id: &str, ids: Vec<&str>) -> Self {
        let mut seen = Self::default();
        for id in ids {
            let held = model.credentials.get(id);
            // The identity of a status list is read by its own tests.
            if !model.is_list(id) {
                seen.credentials.insert(id.to_owned(), held.map(|held| held.record.clone()));
            }
            seen.entries.insert(id.to_owned(), sorted(held.map(|held| held.entries.clone()).unwrap_or_default()));
            if let Some(slots) = model.tombstones.get(&hash_of(id)) {
                seen.deleted.insert(id.to_owned(), sorted_slots(slots.clone()));
            }
        }
        seen.searches = queries(issuer_id).iter().map(|query| ids_of(&model.search(query))).collect();
        let outlived = |record: &StoredCredential| record.delete_after.is_some_and(|after| after < later());
        let outlived = model.credentials.values().map(|held| &held.record).filter(|record| outlived(record));
        seen.outlived = outlived.map(|record| record.credential_id.clone()).collect();
        seen.take_lists(model);
        for (client, key, now) in asked() {
            let reply = model.replies.get(&(client.to_owned(), hash_of(key)));
            let reply = reply.filter(|reply| reply.expires_at > at(now)).map(|reply| StoredReply {
                request_hash: reply.request_hash.clone(),
                sealed_reply: reply.sealed_reply.clone(),
            });
            seen.replies.insert((client, key, now), reply);
        }
        seen.events.clone_from(&model.events);
        seen
    }

    async fn read_credentials(&mut self, store: &dyn Store, issuer_id: &str, ids: &[&str]) {
        for id in ids {
            let credential = store.find_credential(issuer_id, id).await.unwrap();
            if credential.as_ref().is_none_or(|credential| credential.format != crate::STATUS_LIST_FORMAT) {
                self.credentials.insert((*id).to_owned(), credential);
            }
            self.entries.insert((*id).to_owned(), sorted(store.status_entries(issuer_id, id).await.unwrap()));
            let slots = store.slots_of_deleted(issuer_id, &hash_of(id)).await.unwrap();
            if store.is_deleted(issuer_id, &hash_of(id)).await.unwrap() {
                self.deleted.insert((*id).to_owned(), sorted_slots(slots));
            } else {
                assert_eq!(slots, []);
            }
        }
    }

    async fn read_lists(&mut self, store: &dyn Store, issuer_id: &str) {
        self.lists = store.status_lists(issuer_id).await.unwrap();
        let heads = store.status_list_heads().await.unwrap();
        self.heads = heads.into_iter().filter(|head| head.issuer_id == issuer_id).collect();
        self.heads.sort_by(|one, other| one.list_id.cmp(&other.list_id));
        for list_id in self.lists.iter().map(|list| list.list_id.clone()) {
            let changes = store.status_changes(issuer_id, &list_id, 0, MANY).await.unwrap();
            for index in changes.iter().map(|change| change.index) {
                let history = store.status_history(issuer_id, &list_id, index).await.unwrap();
                self.histories.insert((list_id.clone(), index), history);
            }
            self.bits.insert(list_id.clone(), bits_of(&changes));
            self.changes.insert(list_id.clone(), changes);
            let newest = store.status_list_version(issuer_id, &list_id).await.unwrap();
            self.newest.insert(list_id.clone(), newest);
            for instant in INSTANTS {
                let version = store.status_list_version_at(issuer_id, &list_id, at(instant)).await.unwrap();
                self.published_at.insert((list_id.clone(), instant), version.map(|version| version.version));
            }
        }
    }

    fn take_lists(&mut self, model: &IssuerModel) {
        self.lists = model.lists.values().map(|list| list.record.clone()).collect();
        self.lists.sort_by(|one, other| (one.created_at, &one.list_id).cmp(&(other.created_at, &other.list_id)));
        self.heads = model.lists.values().map(|list| list.head.clone()).collect();
        for (list_id, list) in &model.lists {
            for change in &list.changes {
                let history = self.histories.entry((list_id.clone(), change.index)).or_default();
                history.push(change.clone());
            }
            self.bits.insert(list_id.clone(), list.bits.clone());
            self.changes.insert(list_id.clone(), list.changes.clone());
            self.newest.insert(list_id.clone(), list.versions.last().cloned());
            for instant in INSTANTS {
                let mut former = list.versions.iter().filter(|version| version.published_at <= at(instant));
                let version = former.next_back().map(|version| version.version);
                self.published_at.insert((list_id.clone(), instant), version);
            }
        }
    }

    /// What is not as expected, by what it is.
    pub(super) fn differences(expected: &[Self], seen: &[Self]) -> Vec<String> {
        let mut differences = Vec::new();
        for (expected, seen) in expected.iter().zip(seen) {
            macro_rules! compare {
                ($($what:ident),*) => {$(
                    if expected.$what != seen.$what {
                        let (what, expected, seen) = (stringify!($what), &expected.$what, &seen.$what);
                        differences.push(format!("{what}: {seen:#?}\nand not {expected:#?}"));
                    }
                )*};
            }
            compare!(credentials, entries, deleted, searches, outlived, lists, heads, changes, histories, bits);
            compare!(newest, published_at, replies, events);
        }
        differences
    }
}

/// Searches by each thing alone.
fn queries(issuer_id: &str) -> Vec<CredentialQuery> {
    let all = || CredentialQuery { issuer_id: issuer_id.to_owned(), limit: MANY, ..CredentialQuery::default() };
    let mut queries = vec![all()];
    for purpose in PURPOSES {
        queries.push(CredentialQuery { statuses: vec![purpose.to_owned()], ..all() });
    }
    for name in ATTRIBUTES {
        let values = ["v0", "v1"].map(|value| vec![(name.to_owned(), value.to_owned())]);
        queries.extend(values.map(|attributes| CredentialQuery { attributes, ..all() }));
    }
    queries.extend(PERSONS.map(|person| CredentialQuery { subject_hash: Some(hash_of(person)), ..all() }));
    queries
}

fn asked() -> impl Iterator<Item = (&'static str, &'static str, i64)> {
    CLIENTS.into_iter().flat_map(|client| KEYS.into_iter().flat_map(move |key| INSTANTS.map(|now| (client, key, now))))
}

/// Past some of the retentions.
fn later() -> Timestamp {
    at(25)
}

fn bits_of(changes: &[StatusChange]) -> BTreeSet<(String, i64)> {
    let mut bits = BTreeSet::new();
    for change in changes {
        let bit = (change.purpose.clone(), change.index);
        if change.value {
            bits.insert(bit);
        } else {
            bits.remove(&bit);
        }
    }
    bits
}

fn ids_of(credentials: &[FoundCredential]) -> Vec<String> {
    credentials.iter().map(|credential| credential.credential_id.clone()).collect()
}

fn sorted(mut entries: Vec<StatusEntry>) -> Vec<StatusEntry> {
    entries.sort_by(|one, other| (&one.slot.url, one.slot.index).cmp(&(&other.slot.url, other.slot.index)));
    entries
}

fn sorted_slots(mut slots: Vec<StatusSlot>) -> Vec<StatusSlot> {
    slots.sort_by(|one, other| (&one.url, one.index).cmp(&(&other.url, other.index)));
    slots
}
