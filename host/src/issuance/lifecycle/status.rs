use std::sync::Arc;

use chancery_credential::status::Purpose;
use chancery_credential::vcdm::DataModel;
use chancery_store::{
    ExpectedEntry, Reissue, StatusChange, StatusEntry, StatusOutcome, StatusSlot, StatusUpdate, StoredCredential,
    Timestamp,
};
use chrono::SubsecRound as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::secure::{ADOPTED, add_status};
use super::{Answered, Idempotency};
use crate::audit::Actor;
use crate::issuance::configuration::{CredentialConfiguration, Making, Mode};
use crate::issuance::credential::Credential;
use crate::issuance::error::{Error, NotFound};
use crate::issuance::formats::{Facts, IssuerIdentity};
use crate::issuance::issuers::Issuer;
use crate::issuance::{Issuance, stopped};

const MAX_REASON: usize = 500;
/// How often a credential is signed again where somebody else changes it meanwhile.
const ATTEMPTS: usize = 3;

/// What is to be said of a credential from now on.
#[derive(Debug, Clone, Default)]
pub struct StatusRequest {
    pub credential_id: String,
    /// Needed where the credential has entries of several purposes.
    pub purpose: Option<String>,
    pub value: bool,
    /// The entry that the caller means, where he says so.
    pub list_url: Option<String>,
    pub index: Option<i64>,
    pub reason: Option<String>,
}

/// What is said of it now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusChanged {
    pub credential_id: String,
    pub list_url: String,
    pub index: i64,
    pub purpose: String,
    pub issue_date: Timestamp,
    pub expiration_date: Option<Timestamp>,
    pub credential_type: String,
    pub since: Timestamp,
    /// Whether it had to be signed again for that: copies that holders have do not show it.
    pub reissued: bool,
}

impl Issuance {
    /// Changes what a status list says of a credential.
    pub async fn set_status(
        &self,
        issuer: &Arc<Issuer>,
        actor: &Actor,
        request: StatusRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<Answered<StatusChanged>, Error> {
        let id = issuer.credential_id(&request.credential_id);
        let act = self.try_to_set_status(issuer, actor, &id, &request, idempotency);
        let result = self.once(issuer, idempotency, act).await;
        if let Err(error) = &result
            && !matches!(error, Error::NotFound(_) | Error::InvalidRequest(_))
        {
            let event = stopped(actor, issuer, "credential.status", &id, self.clock.timestamp(), error);
            self.note_refusal(event).await;
        }
        result
    }

    /// Every change of the credential's entries, list by list, oldest first; also of one that was deleted.
    pub async fn status_history(&self, issuer: &Issuer, name: &str) -> Result<Vec<StatusChange>, Error> {
        let id = issuer.credential_id(name);
        let entries = self.store.status_entries(&issuer.id, &id).await?;
        let mut slots: Vec<StatusSlot> = entries.into_iter().map(|entry| entry.slot).collect();
        if slots.is_empty() && self.store.find_credential(&issuer.id, &id).await?.is_none() {
            let hash = issuer.credential_hash(&id);
            if !self.store.is_deleted(&issuer.id, &hash).await? {
                return Err(Error::NotFound(NotFound::Credential));
            }
            slots = self.store.slots_of_deleted(&issuer.id, &hash).await?;
        }
        let mut entries: Vec<(String, i64)> = slots.into_iter().map(|slot| (slot.list_id, slot.index)).collect();
        entries.sort();
        entries.dedup();
        let mut history = Vec::new();
        for (list_id, index) in entries {
            history.extend(self.store.status_history(&issuer.id, &list_id, index).await?);
        }
        Ok(history)
    }

    /// Says that something in the list changed, so that it is published soon.
    pub(super) fn status_changed(&self, issuer: &Issuer, list_id: &str) {
        if let Some(lists) = &self.status_lists {
            lists.changed(&issuer.id, list_id);
        }
    }

    async fn try_to_set_status(
        &self,
        issuer: &Arc<Issuer>,
        actor: &Actor,
        id: &str,
        request: &StatusRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<StatusChanged, Error> {
        let is_plain = |reason: &String| reason.chars().count() <= MAX_REASON && !reason.contains('\0');
        if !request.reason.as_ref().is_none_or(is_plain) {
            return Err(Error::InvalidRequest(format!("reason must be text of at most {MAX_REASON} characters")));
        }
        let record = self.record_of(issuer, id).await?;
        let mut entries = self.store.status_entries(&issuer.id, id).await?;
        let mut reissued = false;
        if entries.is_empty() {
            // It may have been deleted since it was read.
            let record = self.record_of(issuer, id).await?;
            entries = self.add_entries(issuer, actor, record, request).await?;
            reissued = true;
        }
        let (purpose, entry) = choose(request, &entries)?;
        self.check_list(issuer, request, entry).await?;
        let changed = StatusChanged {
            credential_id: id.to_owned(),
            list_url: entry.slot.url.clone(),
            index: entry.slot.index,
            purpose: purpose.as_str().to_owned(),
            issue_date: record.issue_date,
            expiration_date: record.expiration_date,
            credential_type: record.credential_type,
            // Times of an entry do not go back, whatever the clock does.
            since: if entry.value == request.value { entry.since } else { self.clock.timestamp().max(entry.since) },
            reissued,
        };
        let is_new = entry.value != request.value;
        let update = self.status_update(issuer, actor, request, &changed, is_new, idempotency)?;
        let event_id = update.event.event_id.clone();
        let outcome = self.store.update_statuses(&[update]).await?.into_iter().next();
        let (entry, is_new) = set(outcome)?;
        if is_new {
            self.status_changed(issuer, &entry.slot.list_id);
            self.wait_for_acceptance(&[event_id]).await?;
        }
        Ok(StatusChanged { since: entry.since, ..changed })
    }

    fn status_update(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        request: &StatusRequest,
        changed: &StatusChanged,
        is_new: bool,
        idempotency: Option<&Idempotency>,
    ) -> Result<StatusUpdate, Error> {
        let (id, at) = (&changed.credential_id, changed.since);
        let mut event = actor.did(&issuer.id, "credential.status", id, self.clock.timestamp());
        event.detail = json!({
            "purpose": changed.purpose,
            "value": request.value,
            "reason": request.reason,
            "status_list": changed.list_url,
            "index": changed.index,
        });
        // What changes nothing is no event, and so nobody waits for one.
        let event_ids = if is_new { vec![event.event_id.clone()] } else { Vec::new() };
        let reply = idempotency.map(|key| self.new_reply(issuer, key, changed, event_ids)).transpose()?;
        Ok(StatusUpdate {
            issuer_id: issuer.id.clone(),
            credential_id: id.clone(),
            credential_hash: issuer.credential_hash(id),
            purpose: changed.purpose.clone(),
            value: request.value,
            is_final: !Purpose::from_name(&changed.purpose).is_some_and(Purpose::is_reversible),
            expected: Some(ExpectedEntry { url: request.list_url.clone(), index: request.index }),
            at,
            actor: actor.name.clone(),
            reason: request.reason.clone(),
            event,
            reply,
        })
    }

    /// A list that is not there is told from one that is another credential's.
    async fn check_list(&self, issuer: &Issuer, request: &StatusRequest, entry: &StatusEntry) -> Result<(), Error> {
        let Some(url) = request.list_url.as_ref().filter(|url| **url != entry.slot.url) else { return Ok(()) };
        let lists = self.store.status_lists(&issuer.id).await?;
        let is_known = lists.iter().flat_map(|list| &list.credentials).any(|credential| credential.url == *url);
        Err(if is_known { OTHER_ENTRY } else { Error::NotFound(NotFound::StatusList) })
    }

    /// Signs a credential again that has no entries, where its configuration wants that.
    async fn add_entries(
        &self,
        issuer: &Arc<Issuer>,
        actor: &Actor,
        mut record: StoredCredential,
        request: &StatusRequest,
    ) -> Result<Vec<StatusEntry>, Error> {
        let configuration = issuer.configurations.get(&record.configuration_id);
        let is_foreign = record.configuration_id == ADOPTED
            || configuration.is_some_and(|configuration| configuration.document.mode == Mode::Proxy);
        if is_foreign {
            return Err(Error::State {
                code: "foreign-credential",
                text: "another issuer signed this credential: only that one can say what has become of it",
            });
        }
        let wanted = configuration.filter(|configuration| configuration.document.reissue_on_status);
        let Some(configuration) = wanted.filter(|_| record.credential.is_some()) else {
            return Err(Error::State {
                code: "no-status-entry",
                text: "the credential was issued without a status entry: copies that holders have cannot be reached",
            });
        };
        let purposes = &configuration.status;
        // What would be refused, or changes nothing, must not sign anything again.
        check_new_entry(request, purposes)?;
        for _ in 0..ATTEMPTS {
            let entries = self.store.status_entries(&issuer.id, &record.credential_id).await?;
            if !entries.is_empty() {
                return Ok(entries);
            }
            let slots = self.status_slots(issuer, purposes, 1).await?.pop().unwrap_or_default();
            let credential = self.sign_again(issuer, configuration, &record, &slots).await?;
            let at = self.clock.timestamp().max(record.updated_time);
            let mut event = actor.did(&issuer.id, "credential.reissue", &record.credential_id, at);
            event.detail = json!({"credential_sha256": credential.sha256()});
            let reissue = Reissue {
                issuer_id: issuer.id.clone(),
                credential_id: record.credential_id.clone(),
                seen: record.updated_time,
                credential: self.seal_credential(issuer, &record.credential_id, &credential)?,
                status: slots,
                at,
                event,
            };
            self.store.reissue_credential(&reissue).await?;
            record = self.record_of(issuer, &record.credential_id).await?;
        }
        Ok(self.store.status_entries(&issuer.id, &record.credential_id).await?)
    }

    /// As its configuration has it made, with the key that signs now.
    async fn sign_again(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        record: &StoredCredential,
        slots: &[StatusSlot],
    ) -> Result<Credential, Error> {
        let unreadable = |cause: String| Error::broken("the stored credential cannot be signed again", cause);
        let Making::Issuer(recipe) = &configuration.making else {
            return Err(unreadable("it is another issuer's".to_owned()));
        };
        let text = self.open_credential(issuer, record)?;
        let mut credential: Map<String, Value> =
            serde_json::from_str(text.as_str()).map_err(|e| unreadable(e.to_string()))?;
        credential.shift_remove("proof");
        let model = DataModel::of(&credential).map_err(|e| unreadable(e.to_string()))?;
        add_status(&mut credential, model, slots, configuration.document.status_messages.as_ref())?;
        let signer = issuer.signer(recipe.securing.algorithm())?;
        let facts = Facts {
            issuer: &IssuerIdentity { url: issuer.url.clone(), did: issuer.did.clone() },
            credential_id: &record.credential_id,
            valid_from: self.clock.now().trunc_subsecs(0),
            valid_until: None,
            holder: None,
            key_id: signer.key_id(),
            status: slots,
        };
        let prepared = recipe.securing.prepare(Value::Object(credential), &facts, self.entropy.as_ref());
        let prepared = prepared.map_err(|problem| unreadable(problem.to_string()))?;
        let signature = signer.sign(prepared.signing_input()).await;
        let signature = signature.map_err(|e| Error::broken("the credential could not be signed", e.detail))?;
        Ok(Credential::from(prepared.finish(&signature)))
    }
}

/// What can be said of a credential that has no entry yet: of a purpose that its configuration has, and nothing of an
/// entry that it would have.
fn check_new_entry(request: &StatusRequest, purposes: &[Purpose]) -> Result<(), Error> {
    if let Some(purpose) = &request.purpose {
        let purpose = known_purpose(purpose)?;
        if !purposes.contains(&purpose) {
            return Err(NO_ENTRY);
        }
    } else if purposes.len() != 1 {
        return Err(Error::InvalidRequest(SEVERAL_PURPOSES.to_owned()));
    }
    if request.list_url.is_some() || request.index.is_some() {
        return Err(OTHER_ENTRY);
    }
    if request.value { Ok(()) } else { Err(NO_ENTRY) }
}

fn known_purpose(name: &str) -> Result<Purpose, Error> {
    if matches!(name, "expired" | "expiry" | "expiration") {
        return Err(Error::ExpiryIsValidity);
    }
    Purpose::from_name(name)
        .ok_or_else(|| Error::InvalidRequest("statusPurpose is not one that is known here".to_owned()))
}

const SEVERAL_PURPOSES: &str = "the credential has entries of several purposes: name the statusPurpose";
const NO_ENTRY: Error = Error::State { code: "no-status-entry", text: "the credential has no entry of this purpose" };
const OTHER_ENTRY: Error = Error::State {
    code: "other-status-entry",
    text: "the credential has an entry of this purpose, but not the one that is named",
};

/// The entry that is meant.
fn choose<'a>(request: &StatusRequest, entries: &'a [StatusEntry]) -> Result<(Purpose, &'a StatusEntry), Error> {
    let entry = match &request.purpose {
        Some(purpose) => {
            let purpose = known_purpose(purpose)?;
            entries.iter().find(|entry| entry.slot.purpose == purpose.as_str()).ok_or(NO_ENTRY)?
        }
        None if entries.len() == 1 => &entries[0],
        None => return Err(Error::InvalidRequest(SEVERAL_PURPOSES.to_owned())),
    };
    let purpose = Purpose::from_name(&entry.slot.purpose)
        .ok_or_else(|| Error::broken("the status cannot be changed", "the store has an unknown purpose"))?;
    Ok((purpose, entry))
}

fn set(outcome: Option<StatusOutcome>) -> Result<(StatusEntry, bool), Error> {
    match outcome {
        Some(StatusOutcome::Set { entry, changed }) => Ok((entry, changed)),
        Some(StatusOutcome::OtherEntry) => Err(OTHER_ENTRY),
        Some(StatusOutcome::NoEntry) => Err(NO_ENTRY),
        Some(StatusOutcome::Final) => {
            Err(Error::State { code: "status-is-final", text: "what has this status keeps it: a revocation is final" })
        }
        Some(StatusOutcome::UnknownCredential) => Err(Error::NotFound(NotFound::Credential)),
        Some(StatusOutcome::Deleted) => Err(Error::Deleted),
        Some(StatusOutcome::Replied) => Err(Error::DoneBefore),
        None => Err(Error::broken("the status was not changed", "the store gave no outcome")),
    }
}
