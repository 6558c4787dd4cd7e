//! Issuing to a wallet: check the key proofs, get a credential for each key (of our making, or another issuer's),
//! record all of it, and only then answer. What is not ready is deferred.

use std::time::Duration;

use chancery_keys::SealContext;
use chancery_store::{IssuanceBatch, IssuanceOutcome, OfferRecord, UsedNonce};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::configuration::{CredentialConfiguration, Keep, Making};
use super::error::Error;
use super::issuers::Issuer;
use super::patience::Patience;
use super::proof::{HolderKey, ProofPolicy, check_proofs};
use super::subject::OfferSubject;
use super::work::{Call, Finished, Part, Progress, Stage, Work};
use super::{Issuance, stopped};
use crate::audit::Actor;

/// What an access token allows.
#[derive(Debug, Clone)]
pub struct WalletGrant {
    pub offer_id: String,
    /// Set where the token answered `authorization_details`: then a wallet asks by `credential_identifier`.
    pub credential_identifiers: Option<Vec<String>>,
}

/// A credential request (OpenID4VCI 1.0, 8.2) after parsing.
#[derive(Debug)]
pub struct CredentialRequest {
    pub selector: Selector,
    /// `None`: the request had no `proofs`.
    pub proofs: Option<Vec<String>>,
}

#[derive(Debug)]
pub enum Selector {
    Configuration(String),
    Identifier(String),
}

/// What a wallet is answered (OpenID4VCI 1.0, 8.3).
#[derive(Debug)]
pub enum Answer {
    /// One for each proof, in their order.
    Issued(Vec<Credential>),
    /// Not ready: to be asked for under this id, after `interval` at the earliest.
    Deferred { transaction_id: String, interval: Duration },
}

/// A credential as a wallet gets it. Another issuer's goes on byte for byte.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credential {
    /// A JWT or SD-JWT: to be put into JSON as a string.
    Text(String),
    /// A JSON object, as text.
    Json(String),
}

impl Credential {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Json(text) => text,
        }
    }

    /// Of its text, in hex.
    pub(super) fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(self.as_str()))
    }
}

impl From<Value> for Credential {
    fn from(credential: Value) -> Self {
        match credential {
            Value::String(text) => Self::Text(text),
            object => Self::Json(object.to_string()),
        }
    }
}

/// Without what is personal.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({} bytes)", self.as_str().len())
    }
}

impl Issuance {
    /// `within` is how long the wallet's request may take.
    pub async fn issue_credentials(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        grant: &WalletGrant,
        request: CredentialRequest,
        within: Duration,
    ) -> Result<Answer, Error> {
        let result = self.try_issue(issuer, actor, grant, request, within).await;
        if let Err(error) = &result {
            let now = self.clock.timestamp();
            let mut event = stopped(actor, issuer, "credential.issue", &grant.offer_id, now, error);
            event.detail = json!({"offer": grant.offer_id});
            self.note_refusal(event).await;
        }
        result
    }

    async fn try_issue(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        grant: &WalletGrant,
        request: CredentialRequest,
        within: Duration,
    ) -> Result<Answer, Error> {
        let offer = self.store.find_offer(&issuer.id, &grant.offer_id).await?;
        let offer = offer.ok_or_else(|| Error::Denied("the offer of this access token is gone".to_owned()))?;
        let configuration = select(issuer, grant, &offer, &request.selector)?;
        let now = self.clock.now();
        let (holders, nonces) = self.holders(issuer, configuration, request.proofs.as_deref(), now)?;
        let subject = OfferSubject::open(&self.keyring, &issuer.id, &offer.offer_id, &offer.sealed_subject)?;
        let mut work = Work {
            request_id: actor.request_id.clone().unwrap_or_default(),
            offer_id: Some(offer.offer_id),
            about: None,
            plugin: configuration.document.plugin.as_ref().map(|plugin| plugin.name.clone()),
            subject,
            parts: holders.into_iter().map(|holder| Part { holder, stage: Stage::Open }).collect(),
        };
        let patience = Patience::of_request(configuration.document.on_unavailable, within);
        let call = Call { issuer, actor, configuration, now, patience, keep: Keep::Record };
        if let (OfferSubject::Stored(id), false) = (&work.subject, configuration.document.holder_binding.required) {
            return self.hand_over(&call, id).await;
        }
        match self.go_on(&call, &mut work).await? {
            Progress::Waiting(after) => self.defer(&call, nonces, &work, after).await,
            Progress::Done(finished) if self.accepted.is_some() => {
                self.record_and_hold(&call, &grant.offer_id, nonces, finished).await
            }
            Progress::Done(finished) => {
                let (batch, credentials) = batch(issuer, nonces, finished);
                let revokes = revokes(&batch);
                let outcomes = self.store.record_issuances(&[batch]).await?;
                recorded(outcomes.into_iter().next())?;
                self.announce(revokes).await;
                Ok(Answer::Issued(credentials))
            }
        }
    }

    /// Gets what work is about as far as it can be got now.
    pub(super) async fn go_on(&self, call: &Call<'_>, work: &mut Work) -> Result<Progress, Error> {
        match &call.configuration.making {
            Making::Issuer(recipe) => self.make(call, recipe, work).await,
            Making::Proxy(upstream) => self.pass_on(call, upstream, work).await,
        }
    }

    /// The keys to bind to: one credential each, or a single unbound one.
    pub(super) fn holders(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        proofs: Option<&[String]>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Option<HolderKey>>, Vec<UsedNonce>), Error> {
        if !configuration.document.holder_binding.required {
            if proofs.is_some() {
                return Err(Error::InvalidRequest("this credential is not bound to a key: send no proofs".to_owned()));
            }
            return Ok((vec![None], Vec::new()));
        }
        let policy = ProofPolicy {
            max_age: self.limits.proof_max_age,
            clock_skew: self.limits.clock_skew,
            nonce_lifetime: self.limits.nonce_lifetime,
            batch_size: self.limits.batch_size,
        };
        let (keys, nonces) = check_proofs(issuer, configuration, proofs.unwrap_or_default(), &policy, now)?;
        Ok((keys.into_iter().map(Some).collect(), nonces))
    }

    /// Has published what an issuance has revoked; else another look of the publisher would find it later.
    pub(super) async fn announce(&self, revoked: bool) {
        if let Some(lists) = self.status_lists.as_ref().filter(|_| revoked)
            && let Err(error) = lists.changed_somewhere().await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "a revocation is published a little later");
        }
    }

    /// The credential for the record, where the configuration keeps it.
    pub(super) fn sealed_copy(
        &self,
        call: &Call<'_>,
        id: &str,
        credential: &Credential,
    ) -> Result<Option<Vec<u8>>, Error> {
        if call.configuration.document.keep.unwrap_or(call.keep) == Keep::Record {
            return Ok(None);
        }
        self.seal_credential(call.issuer, id, credential).map(Some)
    }

    pub(super) fn seal_credential(&self, issuer: &Issuer, id: &str, credential: &Credential) -> Result<Vec<u8>, Error> {
        let sealed = self.keyring.seal(&kept(issuer, id), credential.as_str().as_bytes(), self.entropy.as_ref());
        sealed.map_err(|e| Error::broken("the credential could not be stored", e))
    }
}

/// What a kept credential is sealed under.
pub(super) fn kept<'a>(issuer: &'a Issuer, id: &'a str) -> SealContext<'a> {
    SealContext { issuer: &issuer.id, table: "issued_credentials", column: "credential", row: id }
}

/// Whether former credentials are revoked with it.
pub(super) fn revokes(batch: &IssuanceBatch) -> bool {
    batch.replacements.iter().any(|replacement| replacement.revoke)
}

/// What the store records, and what the wallet gets once it has.
pub(super) fn batch(
    issuer: &Issuer,
    nonces: Vec<UsedNonce>,
    finished: Vec<Finished>,
) -> (IssuanceBatch, Vec<Credential>) {
    let mut batch = IssuanceBatch { issuer_id: issuer.id.clone(), nonces, ..IssuanceBatch::default() };
    let mut issued = Vec::with_capacity(finished.len());
    for Finished { credential, record, event, replacement } in finished {
        issued.push(credential);
        batch.credentials.push(record);
        batch.events.push(event);
        batch.replacements.extend(replacement);
    }
    (batch, issued)
}

pub(super) fn recorded(outcome: Option<IssuanceOutcome>) -> Result<(), Error> {
    match outcome {
        Some(IssuanceOutcome::Recorded) => Ok(()),
        Some(IssuanceOutcome::NonceReused { .. }) => Err(Error::InvalidNonce(
            "the key proof's nonce was used before: get a new one from the nonce endpoint".to_owned(),
        )),
        Some(IssuanceOutcome::TooManyPending) => {
            Err(Error::Denied("too many requests of this offer wait already".to_owned()))
        }
        Some(IssuanceOutcome::CredentialExists { credential_id }) => Err(Error::Conflict(credential_id)),
        Some(IssuanceOutcome::CredentialDeleted) => Err(Error::State {
            code: "credential-deleted",
            text: "a credential of this id was deleted: the id is not given again",
        }),
        Some(IssuanceOutcome::Replied | IssuanceOutcome::JobItemTaken) => Err(Error::DoneBefore),
        None => Err(Error::broken("the issuance was not recorded", "the store gave no outcome")),
    }
}

/// OpenID4VCI 1.0, 8.2: by identifier where the token answer had identifiers, else by configuration id.
fn select<'a>(
    issuer: &'a Issuer,
    grant: &WalletGrant,
    offer: &OfferRecord,
    selector: &Selector,
) -> Result<&'a CredentialConfiguration, Error> {
    let id = match (selector, &grant.credential_identifiers) {
        (Selector::Identifier(id), Some(allowed)) if allowed.contains(id) => id,
        (Selector::Identifier(id), _) => return Err(Error::UnknownCredentialIdentifier(id.clone())),
        (Selector::Configuration(_), Some(_)) => {
            return Err(Error::InvalidRequest(
                "the token answer had credential_identifiers: ask by credential_identifier".to_owned(),
            ));
        }
        (Selector::Configuration(id), None) => id,
    };
    let configuration = issuer.configuration(id)?;
    if !offer.configuration_ids.contains(id) {
        return Err(Error::ConfigurationNotGranted(id.clone()));
    }
    Ok(configuration)
}
