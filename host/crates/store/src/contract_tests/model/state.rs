//! The model: what a store holds, in maps, and what a call does to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::calls::{Answer, Answered, Call, Failure};
use crate::{
    AuditEvent, CredentialQuery, Deletion, DeletionOutcome, FoundCredential, MAX_CREDENTIALS_PER_READ, NewReply,
    Reissue, SlotLease, StatusChange, StatusEntry, StatusListHead, StatusListRecord, StatusListVersion, StatusOutcome,
    StatusSlot, StatusUpdate, StoredCredential, Timestamp,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) issuers: BTreeMap<String, IssuerModel>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct IssuerModel {
    pub(super) credentials: BTreeMap<String, Held>,
    /// By hash.
    pub(super) tombstones: BTreeMap<String, Vec<StatusSlot>>,
    pub(super) lists: BTreeMap<String, List>,
    pub(super) nonces: BTreeMap<String, Timestamp>,
    /// By client and key.
    pub(super) replies: BTreeMap<(String, String), NewReply>,
    pub(super) events: BTreeMap<String, AuditEvent>,
}

/// A credential that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// As it is read: without entries and attributes.
    pub(super) record: StoredCredential,
    pub(super) entries: Vec<StatusEntry>,
    pub(super) attributes: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) record: StatusListRecord,
    pub(super) head: StatusListHead,
    pub(super) changes: Vec<StatusChange>,
    /// Purposes and indexes of the bits that are set: kept beside the changes, not made of them.
    pub(super) bits: BTreeSet<(String, i64)>,
    pub(super) versions: Vec<StatusListVersion>,
}

/// What a change says beside its entry.
#[derive(Clone, Copy)]
pub(super) struct Because<'a> {
    pub(super) at: Timestamp,
    pub(super) actor: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) event: &'a AuditEvent,
}

impl Model {
    pub(super) fn new(issuers: &[String]) -> Self {
        Self { issuers: issuers.iter().map(|id| (id.clone(), IssuerModel::default())).collect() }
    }

    pub(super) fn issuer(&self, issuer_id: &str) -> &IssuerModel {
        &self.issuers[issuer_id]
    }

    /// Answers as the store is to answer.
    pub(super) fn apply(&mut self, call: &Call) -> Answered {
        match call {
            Call::Record(batches) => self.record(batches).map(Answer::Recorded),
            Call::Update(updates) => {
                let outcomes = updates.iter().map(|update| self.of(&update.issuer_id).update(update));
                Ok(Answer::Updated(outcomes.collect()))
            }
            Call::Delete(deletion) => Ok(Answer::Deleted(self.of(&deletion.issuer_id).delete(deletion))),
            Call::SignAgain(reissue) => self.of(&reissue.issuer_id).sign_again(reissue).map(Answer::Done),
            Call::Lease { issuer_id, list_id, count, .. } => {
                let list = self.of(issuer_id).lists.get_mut(list_id);
                Ok(Answer::Leased(list.and_then(|list| list.lease(*count))))
            }
            Call::Publish { version, window, keep_from } => {
                let list = self.of(&version.issuer_id).lists.get_mut(&version.list_id);
                Ok(Answer::Done(list.is_some_and(|list| list.publish(version, *window, *keep_from))))
            }
            Call::Open { list, most_open, event } => {
                self.of(&list.issuer_id).open(list, *most_open, event).map(Answer::Done)
            }
            Call::Search(query) => Ok(Answer::Found(self.issuer(&query.issuer_id).search(query))),
            Call::Expire(now) => {
                for issuer in self.issuers.values_mut() {
                    issuer.nonces.retain(|_, expires_at| *expires_at >= *now);
                    issuer.replies.retain(|_, reply| reply.expires_at >= *now);
                }
                Ok(Answer::Expired)
            }
        }
    }

    pub(super) fn of(&mut self, issuer_id: &str) -> &mut IssuerModel {
        self.issuers.get_mut(issuer_id).unwrap()
    }
}

impl IssuerModel {
    pub(super) fn search(&self, query: &CredentialQuery) -> Vec<FoundCredential> {
        let fits = |held: &&Held| {
            let record = &held.record;
            query.configuration_id.as_ref().is_none_or(|id| *id == record.configuration_id)
                && query.subject_hash.as_ref().is_none_or(|hash| record.subject_hash.as_ref() == Some(hash))
                && query.attributes.iter().all(|attribute| held.attributes.contains(attribute))
                && query.created_from.is_none_or(|from| record.created_time >= from)
                && query.created_until.is_none_or(|until| record.created_time < until)
                && query
                    .statuses
                    .iter()
                    .all(|purpose| held.entries.iter().any(|entry| entry.slot.purpose == *purpose && entry.value))
                && query.after.as_ref().is_none_or(|(time, id)| {
                    (record.created_time, record.credential_id.as_str()) < (*time, id.as_str())
                })
        };
        let mut found: Vec<FoundCredential> =
            self.credentials.values().filter(fits).map(|held| held.record.clone().into()).collect();
        found.sort_by(|one, other| {
            (other.created_time, &other.credential_id).cmp(&(one.created_time, &one.credential_id))
        });
        found.truncate(query.limit.min(MAX_CREDENTIALS_PER_READ).try_into().unwrap());
        found
    }

    /// `false`: it has a reply.
    pub(super) fn keep_reply(&mut self, reply: &NewReply) -> bool {
        if self.has_reply(reply) {
            return false;
        }
        self.replies.insert((reply.client_id.clone(), reply.key_hash.clone()), reply.clone());
        true
    }

    pub(super) fn write(&mut self, event: &AuditEvent) {
        assert!(self.events.insert(event.event_id.clone(), event.clone()).is_none());
    }

    /// Adds entries; none that another credential has.
    pub(super) fn give(&mut self, id: &str, slots: &[StatusSlot], since: Timestamp) -> Result<(), Failure> {
        let given = |slot: &StatusSlot| {
            let mut entries = self.credentials.values().flat_map(|held| &held.entries);
            entries.any(|entry| (&entry.slot.url, entry.slot.index) == (&slot.url, slot.index))
        };
        if slots.iter().any(given) {
            return Err(Failure::Conflict("status list entry"));
        }
        let new = slots.iter().map(|slot| StatusEntry { slot: slot.clone(), value: false, since });
        self.credentials.get_mut(id).unwrap().entries.extend(new);
        Ok(())
    }

    /// Changes an entry: what it says, the bit of its list, the history. Its time does not go back.
    pub(super) fn set(&mut self, id: &str, purpose: &str, value: bool, because: Because<'_>) -> StatusEntry {
        let held = self.credentials.get_mut(id).unwrap();
        let entry = held.entries.iter_mut().find(|entry| entry.slot.purpose == purpose).unwrap();
        (entry.value, entry.since) = (value, because.at.max(entry.since));
        let entry = entry.clone();
        let list = self.lists.get_mut(&entry.slot.list_id).unwrap();
        let bit = (purpose.to_owned(), entry.slot.index);
        if value {
            list.bits.insert(bit);
        } else {
            list.bits.remove(&bit);
        }
        list.head.revision += 1;
        list.changes.push(StatusChange {
            revision: list.head.revision,
            purpose: purpose.to_owned(),
            index: entry.slot.index,
            value,
            at: entry.since,
            actor: because.actor.to_owned(),
            reason: because.reason.map(str::to_owned),
            event_id: because.event.event_id.clone(),
        });
        self.write(because.event);
        entry
    }

    pub(super) fn is_list(&self, id: &str) -> bool {
        self.lists.values().any(|list| list.record.credentials.iter().any(|credential| credential.url == id))
    }

    fn has_reply(&self, reply: &NewReply) -> bool {
        let former = self.replies.get(&(reply.client_id.clone(), reply.key_hash.clone()));
        former.is_some_and(|former| former.expires_at > reply.created_at)
    }

    fn update(&mut self, update: &StatusUpdate) -> StatusOutcome {
        let (id, purpose) = (&update.credential_id, &update.purpose);
        let entries = self.credentials.get(id).map(|held| held.entries.as_slice());
        let refusal = match entries {
            None if self.is_list(id) => StatusOutcome::NoEntry,
            None if self.tombstones.contains_key(&update.credential_hash) => StatusOutcome::Deleted,
            None => StatusOutcome::UnknownCredential,
            Some(entries) => match entries.iter().find(|entry| entry.slot.purpose == *purpose) {
                None => StatusOutcome::NoEntry,
                Some(entry) if !is_meant(update, &entry.slot) => StatusOutcome::OtherEntry,
                Some(entry) if update.is_final && entry.value && !update.value => StatusOutcome::Final,
                Some(entry) => return self.set_unless_replied(update, entry.clone()),
            },
        };
        let replied = update.reply.as_ref().is_some_and(|reply| self.has_reply(reply));
        if replied { StatusOutcome::Replied } else { refusal }
    }

    fn set_unless_replied(&mut self, update: &StatusUpdate, entry: StatusEntry) -> StatusOutcome {
        if !update.reply.as_ref().is_none_or(|reply| self.keep_reply(reply)) {
            return StatusOutcome::Replied;
        }
        if entry.value == update.value {
            return StatusOutcome::Set { entry, changed: false };
        }
        let StatusUpdate { at, actor, reason, event, .. } = update;
        let because = Because { at: *at, actor, reason: reason.as_deref(), event };
        let entry = self.set(&update.credential_id, &update.purpose, update.value, because);
        StatusOutcome::Set { entry, changed: true }
    }

    fn delete(&mut self, deletion: &Deletion) -> DeletionOutcome {
        let Deletion { credential_id: id, at, actor, reason, .. } = deletion;
        if self.is_list(id) {
            return DeletionOutcome::Protected;
        }
        let Some(held) = self.credentials.get(id) else {
            let is_gone = self.tombstones.contains_key(&deletion.credential_hash);
            return if is_gone { DeletionOutcome::Gone } else { DeletionOutcome::UnknownCredential };
        };
        let revoked = deletion.revoke && held.entries.iter().any(is_unrevoked);
        if revoked {
            let because = Because { at: *at, actor, reason: reason.as_deref(), event: &deletion.revocation_event };
            self.set(id, "revocation", true, because);
        }
        let entries = self.credentials.remove(id).unwrap().entries;
        let slots = entries.into_iter().map(|entry| entry.slot).collect();
        assert!(self.tombstones.insert(deletion.credential_hash.clone(), slots).is_none());
        let holds_it = |reply: &&mut NewReply| reply.credential_hash.as_ref() == Some(&deletion.credential_hash);
        self.replies.values_mut().filter(holds_it).for_each(|reply| reply.sealed_reply.clear());
        self.write(&deletion.event);
        DeletionOutcome::Deleted { revoked }
    }

    fn sign_again(&mut self, reissue: &Reissue) -> Result<bool, Failure> {
        let id = &reissue.credential_id;
        let held = self.credentials.get(id);
        if held.is_none_or(|held| !held.entries.is_empty() || held.record.updated_time != reissue.seen) {
            return Ok(false);
        }
        let at = reissue.at.max(reissue.seen);
        self.give(id, &reissue.status, at)?;
        let record = &mut self.credentials.get_mut(id).unwrap().record;
        (record.credential, record.updated_time) = (Some(reissue.credential.clone()), at);
        self.write(&reissue.event);
        Ok(true)
    }

    fn open(&mut self, list: &StatusListRecord, most_open: u32, event: &AuditEvent) -> Result<bool, Failure> {
        let purposes = |list: &StatusListRecord| list.credentials.iter().map(|one| one.purpose.clone()).collect();
        let wanted: Vec<String> = purposes(list);
        let open = self.lists.values().filter(|former| former.head.has_room && purposes(&former.record) == wanted);
        if open.count() >= usize::try_from(most_open).unwrap() {
            return Ok(false);
        }
        if self.lists.contains_key(&list.list_id) {
            return Err(Failure::Conflict("status list"));
        }
        self.lists.insert(list.list_id.clone(), List::new(list));
        self.write(event);
        Ok(true)
    }
}

impl List {
    pub(super) fn new(record: &StatusListRecord) -> Self {
        let head = StatusListHead {
            issuer_id: record.issuer_id.clone(),
            list_id: record.list_id.clone(),
            revision: 0,
            version: 0,
            published_revision: 0,
            valid_until: None,
            has_room: true,
        };
        let (changes, bits, versions) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { record: record.clone(), head, changes, bits, versions }
    }

    fn lease(&mut self, count: i64) -> Option<SlotLease> {
        let first = self.record.next_slot;
        let count = count.min(self.record.capacity - first);
        if count < 1 {
            return None;
        }
        self.record.next_slot += count;
        self.head.has_room = self.record.next_slot < self.record.capacity;
        Some(SlotLease { first, count })
    }

    fn publish(&mut self, version: &StatusListVersion, window: Duration, keep_from: Timestamp) -> bool {
        let head = &mut self.head;
        if version.version != head.version + 1 || !(head.published_revision..=head.revision).contains(&version.revision)
        {
            return false;
        }
        (head.version, head.published_revision) = (version.version, version.revision);
        head.valid_until = Some(version.valid_until);
        let window = i64::try_from(window.as_micros()).unwrap();
        let number = |at: Timestamp| at.get().timestamp_micros().checked_div_euclid(window);
        let former = self.versions.last().filter(|former| former.version == version.version - 1);
        let is_same =
            former.is_some_and(|former| window > 0 && number(former.published_at) == number(version.published_at));
        if is_same {
            self.versions.pop();
        } else {
            self.versions.retain(|former| former.published_at >= keep_from);
        }
        self.versions.push(version.clone());
        true
    }
}

/// Whether it is a revocation entry that is not set.
pub(super) fn is_unrevoked(entry: &StatusEntry) -> bool {
    entry.slot.purpose == "revocation" && !entry.value
}

fn is_meant(update: &StatusUpdate, slot: &StatusSlot) -> bool {
    update.expected.as_ref().is_none_or(|expected| {
        expected.url.as_ref().is_none_or(|url| *url == slot.url)
            && expected.index.is_none_or(|index| index == slot.index)
    })
}
