use std::sync::Arc;

use chancery_credential::data_integrity::{DataIntegrity, Prepared, ProofOptions};
use chancery_credential::vcdm::{self, DataModel, VERIFIABLE_CREDENTIAL};
use chancery_credential::verify;
use chancery_keys::Signer;
use chancery_store::{IssuanceBatch, StatusSlot, StoredCredential, Timestamp};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use url::Url;

use super::policy::Policy;
use super::{Answered, Idempotency, Issued};
use crate::audit::Actor;
use crate::issuance::configuration::{Format, Keep};
use crate::issuance::credential::Credential;
use crate::issuance::error::Error;
use crate::issuance::formats::ldp_vc::{add_entries, missing_context};
use crate::issuance::issuers::Issuer;
use crate::issuance::{Issuance, stopped};

/// What stands for a configuration in the records of credentials that were handed in: ones that are signed here, and
/// ones that were signed before. No configuration has such an id.
pub(super) const SECURED: &str = ":secured";
pub(super) const ADOPTED: &str = ":adopted";
pub(in crate::issuance) const HANDED_IN: [&str; 2] = [SECURED, ADOPTED];
/// Canonicalising a larger credential is done away from the threads that serve requests.
const LARGE: usize = 32 * 1024;
const MAX_ID: usize = 2048;
const MAX_TYPE: usize = 255;

/// A credential that the issuer's backend hands in (VCALM, 3.2.1).
#[derive(Debug)]
pub struct HandedIn {
    pub credential: Map<String, Value>,
    /// The name that it is stored under, where that is not its own id.
    pub credential_id: Option<String>,
    /// Bytes of the request.
    pub size: usize,
}

/// What a credential says of itself.
struct Told {
    credential_type: String,
    subject: Option<String>,
    issue_date: Timestamp,
    expiration_date: Option<Timestamp>,
}

impl Issuance {
    /// Signs a credential that is handed in, or takes it over where it is signed already, and stores it.
    pub async fn secure_credential(
        &self,
        issuer: &Arc<Issuer>,
        actor: &Actor,
        handed_in: HandedIn,
        idempotency: Option<&Idempotency>,
    ) -> Result<Answered<Issued>, Error> {
        let act = self.try_to_secure(issuer, actor, handed_in, idempotency);
        let result = self.once(issuer, idempotency, act).await;
        let result = self.unless_deleted(issuer, result).await;
        if let Err(error) = &result {
            let event = stopped(actor, issuer, "credential.issue", SECURED, self.clock.timestamp(), error);
            self.note_refusal(event).await;
        }
        result
    }

    async fn try_to_secure(
        &self,
        issuer: &Arc<Issuer>,
        actor: &Actor,
        handed_in: HandedIn,
        idempotency: Option<&Idempotency>,
    ) -> Result<Issued, Error> {
        let policy = self.policy(issuer);
        let HandedIn { credential, credential_id, size } = handed_in;
        let own = credential.get("id").and_then(Value::as_str).map(str::to_owned);
        if own.as_deref().is_some_and(|id| !is_id(id)) {
            return Err(Error::MalformedCredential(format!("id: must be a URL of at most {MAX_ID} bytes")));
        }
        if credential_id.as_deref().is_some_and(|id| !is_id(id)) {
            return Err(Error::InvalidRequest(format!("credentialId must be a URL of at most {MAX_ID} bytes")));
        }
        if let (Some(own), Some(other)) = (&own, &credential_id)
            && own != other
        {
            // Else one credential could be stored under many names, and a deleted one once more.
            return Err(Error::InvalidRequest("credentialId is another one than the credential's own id".to_owned()));
        }
        let chosen = credential_id.or(own);
        let id = chosen.clone().unwrap_or_else(|| issuer.new_credential_id());
        let now = self.clock.now();
        let signed_before = credential.contains_key("proof");
        let (credential, status) = if signed_before {
            (self.judge_own(issuer, &policy, credential, now).await?, Vec::new())
        } else {
            self.sign_handed_in(issuer, &policy, credential, size, now).await?
        };
        let told = Told::by(&credential, now)?;
        let credential = Credential::from(credential);
        let mut event = actor.did(&issuer.id, "credential.issue", &id, Timestamp::new(now));
        event.detail = json!({
            "configuration": if signed_before { ADOPTED } else { SECURED },
            "format": Format::LdpVc.as_str(),
            "credential_sha256": credential.sha256(),
        });
        let sealed = match policy.keep {
            Keep::Credential => Some(self.seal_credential(issuer, &id, &credential)?),
            Keep::Record => None,
        };
        let record = record(issuer, &id, told, sealed, status, signed_before, now);
        let issued = Issued {
            credential_id: id,
            credential,
            format: record.format.clone(),
            created: record.created_time,
            updated: record.updated_time,
        };
        let batch = IssuanceBatch {
            issuer_id: issuer.id.clone(),
            credentials: vec![record],
            events: vec![event],
            chosen_ids: chosen.iter().map(|id| issuer.credential_hash(id)).collect(),
            ..IssuanceBatch::default()
        };
        self.record_for_backend(issuer, batch, idempotency, &issued).await?;
        Ok(issued)
    }

    async fn sign_handed_in(
        &self,
        issuer: &Arc<Issuer>,
        policy: &Policy,
        credential: Map<String, Value>,
        size: usize,
        now: DateTime<Utc>,
    ) -> Result<(Value, Vec<StatusSlot>), Error> {
        let (model, mut credential) = self.checked(credential, size).await?;
        if named_issuer(&credential) != Some(&issuer.did) {
            return Err(Error::MalformedCredential(format!("issuer: must be {}", issuer.did)));
        }
        let entries = self.status_slots(issuer, &policy.status, 1).await?.pop().unwrap_or_default();
        add_status(&mut credential, model, &entries, None)?;
        let signer = issuer.signer(policy.algorithm)?;
        let prepared = self.prepare(issuer, policy, signer.as_ref(), credential, size, now).await?;
        let signature = signer.sign(prepared.signing_input()).await;
        let signature = signature.map_err(|e| Error::broken("the credential could not be signed", e.detail))?;
        Ok((prepared.finish(&signature), entries))
    }

    async fn checked(
        &self,
        credential: Map<String, Value>,
        size: usize,
    ) -> Result<(DataModel, Map<String, Value>), Error> {
        let check = move || vcdm::check(&credential).map(|model| (model, credential)).map_err(malformed);
        if size <= LARGE {
            return check();
        }
        self.apart(check).await
    }

    /// Work that a large credential may make long.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let broken = |cause: String| Error::broken("the credential could not be dealt with", cause);
        let _turn = self.judging.acquire().await.map_err(|e| broken(e.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| broken(e.to_string()))?
    }

    /// Lays out what is to be signed.
    async fn prepare(
        &self,
        issuer: &Arc<Issuer>,
        policy: &Policy,
        signer: &dyn Signer,
        credential: Map<String, Value>,
        size: usize,
        now: DateTime<Utc>,
    ) -> Result<Prepared, Error> {
        let (issuer, cryptosuite) = (Arc::clone(issuer), policy.cryptosuite);
        let method = format!("{}#{}-multikey", issuer.did, signer.key_id());
        let prepare = move || {
            let options = ProofOptions { cryptosuite, created: now, verification_method: &method };
            DataIntegrity::prepare(credential, &options, &issuer.contexts).map_err(malformed)
        };
        if size <= LARGE {
            return prepare();
        }
        self.apart(prepare).await
    }

    /// Takes a credential over whose proof is that of an issuer who is believed.
    async fn judge_own(
        &self,
        issuer: &Arc<Issuer>,
        policy: &Policy,
        credential: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Value, Error> {
        if named_issuer(&credential) == Some(&issuer.did) {
            // Its entries, and whether it was revoked or deleted, would be lost.
            return Err(Error::NotAccepted("it is this issuer's own, and was stored when it was issued".to_owned()));
        }
        let believed = Arc::clone(&policy.believed);
        let credential = Value::Object(credential);
        let (issuer, text, skew) = (Arc::clone(issuer), credential.to_string(), self.limits.clock_skew);
        let judge = move || {
            let expected = verify::Expected {
                format: verify::Format::LdpVc,
                types: &[VERIFIABLE_CREDENTIAL.to_owned()],
                issuers: believed.as_ref(),
                holder: None,
                contexts: &issuer.contexts,
                context_list: None,
                now,
                clock_skew: skew,
                max_bytes: verify::MAX_CREDENTIAL_BYTES,
            };
            verify::verify(text.as_bytes(), &expected).map_err(|error| Error::NotAccepted(error.to_string()))
        };
        self.apart(judge).await.map(|_| credential)
    }
}

/// Adds entries, and the context that they need where the data model knows none.
pub(super) fn add_status(
    credential: &mut Map<String, Value>,
    model: DataModel,
    entries: &[StatusSlot],
    messages: Option<&[String; 2]>,
) -> Result<(), Error> {
    if let Some(context) = missing_context(credential, model, entries)
        && let Some(Value::Array(contexts)) = credential.get_mut("@context")
    {
        contexts.push(json!(context));
    }
    add_entries(credential, entries, messages).map_err(malformed)
}

pub(super) fn malformed(error: impl ToString) -> Error {
    Error::MalformedCredential(error.to_string())
}

/// Absolute, and text that every database takes.
fn is_id(id: &str) -> bool {
    id.len() <= MAX_ID && !id.contains('\0') && Url::parse(id).is_ok()
}

fn named_issuer(credential: &Map<String, Value>) -> Option<&str> {
    match credential.get("issuer")? {
        Value::Object(issuer) => issuer.get("id")?.as_str(),
        issuer => issuer.as_str(),
    }
}

fn record(
    issuer: &Issuer,
    id: &str,
    told: Told,
    sealed: Option<Vec<u8>>,
    status: Vec<StatusSlot>,
    signed_before: bool,
    now: DateTime<Utc>,
) -> StoredCredential {
    let now = Timestamp::new(now);
    StoredCredential {
        credential_id: id.to_owned(),
        issuer_id: issuer.id.clone(),
        configuration_id: if signed_before { ADOPTED } else { SECURED }.to_owned(),
        configuration_version: 0,
        credential_type: told.credential_type,
        format: Format::LdpVc.as_str().to_owned(),
        offer_id: None,
        issue_date: told.issue_date,
        expiration_date: told.expiration_date,
        credential: sealed,
        subject_hash: told.subject.map(|subject| issuer.subject_hash(&subject)),
        superseded_by: None,
        delete_after: None,
        created_time: now,
        updated_time: now,
        status,
        attributes: Vec::new(),
    }
}

impl Told {
    /// Of a credential that was checked. What one says about itself beyond that is taken as it is.
    fn by(credential: &Value, now: DateTime<Utc>) -> Result<Self, Error> {
        let time = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| credential[*name].as_str())?;
            Some(Timestamp::new(DateTime::parse_from_rfc3339(text).ok()?.to_utc()))
        };
        let types = match &credential["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        };
        let own = types.iter().rev().find(|name| **name != VERIFIABLE_CREDENTIAL);
        let credential_type = *own.unwrap_or(&VERIFIABLE_CREDENTIAL);
        if credential_type.len() > MAX_TYPE {
            return Err(Error::MalformedCredential(format!("type: must not be longer than {MAX_TYPE} bytes")));
        }
        let subjects = match &credential["credentialSubject"] {
            Value::Array(subjects) => subjects.iter().filter_map(|subject| subject["id"].as_str()).collect(),
            one => one["id"].as_str().into_iter().collect::<Vec<_>>(),
        };
        let subject = subjects.first().map(|subject| (*subject).to_owned());
        if subjects.iter().any(|other| Some(*other) != subject.as_deref()) {
            // Else one of them could be found and erased, and the others not.
            return Err(Error::MalformedCredential("credentialSubject: must be about one subject".to_owned()));
        }
        Ok(Self {
            credential_type: credential_type.to_owned(),
            subject,
            issue_date: time(["validFrom", "issuanceDate"]).unwrap_or(Timestamp::new(now)),
            expiration_date: time(["validUntil", "expirationDate"]),
        })
    }
}
