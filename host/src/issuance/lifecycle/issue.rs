use std::time::Duration;

use chancery_store::{IssuanceBatch, JobItemDone, NewReply, Timestamp, UsedNonce};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Answered, Idempotency};
use crate::audit::Actor;
use crate::issuance::configuration::{CredentialConfiguration, Keep, Making};
use crate::issuance::credential::{Credential, batch, recorded, revokes};
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;
use crate::issuance::patience::{PAUSE, Patience};
use crate::issuance::proof::HolderKey;
use crate::issuance::subject::OfferSubject;
use crate::issuance::work::{Call, Finished, Part, Progress, Stage, Work};
use crate::issuance::{Issuance, stopped};

const MAX_SUBJECT: usize = 1024;

/// One credential of a published configuration.
#[derive(Debug)]
pub struct DirectRequest {
    pub configuration_id: String,
    /// The data; without it the configuration's plugin is asked.
    pub data: Option<Map<String, Value>>,
    /// Whom it is about: the plugin is asked for it, and records are found by it.
    pub subject: Option<String>,
    /// A key proof, as a wallet sends it.
    pub proof: Option<String>,
}

/// A credential that is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issued {
    pub credential_id: String,
    pub credential: Credential,
    pub format: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// An item of a job, to be finished with its credential.
#[derive(Debug, Clone)]
pub struct Item {
    pub job_id: String,
    pub number: i64,
}

impl Issuance {
    /// Issues a credential to the issuer's backend. `within` is how long its request may take.
    pub async fn issue_directly(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        request: DirectRequest,
        idempotency: Option<&Idempotency>,
        within: Duration,
    ) -> Result<Answered<Issued>, Error> {
        // What a client makes up stands in no event.
        let known = issuer.configurations.contains_key(&request.configuration_id);
        let object = if known { request.configuration_id.clone() } else { "-".to_owned() };
        let act = Box::pin(self.try_to_issue(issuer, actor, request, idempotency, None, within));
        let result = self.once(issuer, idempotency, act).await;
        let result = self.unless_deleted(issuer, result).await;
        if let Err(error) = &result {
            let event = stopped(actor, issuer, "credential.issue", &object, self.clock.timestamp(), error);
            self.note_refusal(event).await;
        }
        result
    }

    pub(in crate::issuance) async fn try_to_issue(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        request: DirectRequest,
        idempotency: Option<&Idempotency>,
        item: Option<Item>,
        within: Duration,
    ) -> Result<Issued, Error> {
        let configuration = issuer.configuration(&request.configuration_id)?;
        let now = self.clock.now();
        let (holder, nonces) = self.holder(issuer, configuration, request.proof.as_deref(), now)?;
        let subject = subject(configuration, &request)?;
        let mut work = Work {
            // The same for a request that is repeated: so another issuer knows it again.
            request_id: idempotency
                .map_or_else(|| actor.request_id.clone().unwrap_or_default(), Idempotency::request_id),
            offer_id: None,
            about: request.subject,
            plugin: configuration.document.plugin.as_ref().map(|plugin| plugin.name.clone()),
            subject,
            parts: vec![Part { holder, stage: Stage::Open }],
        };
        let patience = Patience::of_request(configuration.document.on_unavailable, within);
        let call = Call { issuer, actor, configuration, now, patience, keep: Keep::Credential };
        match self.go_on(&call, &mut work).await? {
            Progress::Done(finished) => self.record(issuer, nonces, finished, idempotency, item).await,
            // A backend comes again by itself: nothing is deferred for it.
            Progress::Waiting(after) => Err(Error::Unavailable {
                public: "the source of the credential needs more time: ask again".to_owned(),
                retry_after: u32::try_from(after.max(PAUSE).as_secs()).ok(),
                cause: None,
            }),
        }
    }

    async fn record(
        &self,
        issuer: &Issuer,
        nonces: Vec<UsedNonce>,
        finished: Vec<Finished>,
        idempotency: Option<&Idempotency>,
        item: Option<Item>,
    ) -> Result<Issued, Error> {
        let (mut batch, mut credentials) = batch(issuer, nonces, finished);
        let (Some(record), Some(credential)) = (batch.credentials.first(), credentials.pop()) else {
            return Err(Error::broken("nothing was issued", "no credential came out of the request"));
        };
        let issued = Issued {
            credential_id: record.credential_id.clone(),
            credential,
            format: record.format.clone(),
            created: record.created_time,
            updated: record.updated_time,
        };
        batch.job_items.extend(item.map(|item| JobItemDone {
            job_id: item.job_id,
            number: item.number,
            credential_id: issued.credential_id.clone(),
            at: issued.created,
        }));
        self.record_for_backend(issuer, batch, idempotency, &issued).await?;
        Ok(issued)
    }

    /// A former answer is not given again where the credential was deleted since.
    pub(super) async fn unless_deleted(
        &self,
        issuer: &Issuer,
        result: Result<Answered<Issued>, Error>,
    ) -> Result<Answered<Issued>, Error> {
        if let Ok(Answered { value, replayed: true }) = &result {
            self.record_of(issuer, &value.credential_id).await?;
        }
        result
    }

    /// Records what was issued together with its answer, and waits for required audit plugins.
    pub(super) async fn record_for_backend(
        &self,
        issuer: &Issuer,
        mut batch: IssuanceBatch,
        idempotency: Option<&Idempotency>,
        answer: &Issued,
    ) -> Result<(), Error> {
        let event_ids: Vec<String> = batch.events.iter().map(|event| event.event_id.clone()).collect();
        if let Some(key) = idempotency {
            let reply = self.new_reply(issuer, key, answer, event_ids.clone())?;
            // It holds the credential, and goes with it.
            let credential_hash = Some(issuer.credential_hash(&answer.credential_id));
            batch.reply = Some(NewReply { credential_hash, ..reply });
        }
        let in_a_job = !batch.job_items.is_empty();
        let revokes = revokes(&batch);
        recorded(self.store.record_issuances(&[batch]).await?.into_iter().next())?;
        self.announce(revokes).await;
        // A job goes on: its items are given out later, if at all.
        if in_a_job { Ok(()) } else { self.wait_for_acceptance(&event_ids).await }
    }

    /// The key to bind to, where there is one.
    fn holder(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        proof: Option<&str>,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<(Option<HolderKey>, Vec<UsedNonce>), Error> {
        if proof.is_none() && configuration.document.rebind {
            return Ok((None, Vec::new()));
        }
        let proofs = proof.map(|proof| [proof.to_owned()]);
        let (mut holders, nonces) =
            self.holders(issuer, configuration, proofs.as_ref().map(<[String; 1]>::as_slice), now)?;
        Ok((holders.pop().flatten(), nonces))
    }
}

fn subject(configuration: &CredentialConfiguration, request: &DirectRequest) -> Result<OfferSubject, Error> {
    check_source(configuration, request.data.is_some(), request.subject.as_deref())?;
    Ok(match (&request.data, &request.subject) {
        (Some(data), _) => OfferSubject::Claims(data.clone()),
        (None, subject) => OfferSubject::Subject(subject.clone().unwrap_or_default()),
    })
}

/// Whether a credential can be made of what is given: of data, or of a subject where somebody can be asked for it.
pub(super) fn check_source(
    configuration: &CredentialConfiguration,
    has_data: bool,
    subject: Option<&str>,
) -> Result<(), Error> {
    let invalid = |text: String| Err(Error::InvalidRequest(text));
    if subject.is_some_and(|subject| subject.is_empty() || subject.len() > MAX_SUBJECT) {
        return invalid(format!("subject must be 1 to {MAX_SUBJECT} bytes"));
    }
    let asks = configuration.document.plugin.is_some() || matches!(configuration.making, Making::Proxy(_));
    match (has_data, subject) {
        (false, Some(_)) if !asks => invalid(format!("{} has no data provider plugin: give data", configuration.id)),
        (false, None) => invalid("give data, or the subject that the data provider is asked for".to_owned()),
        (true, _) | (false, Some(_)) => Ok(()),
    }
}
