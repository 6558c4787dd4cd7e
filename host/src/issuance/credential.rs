//! Issuing to a wallet: check the key proofs, get the data once, make and sign a credential for each key, record
//! all of it, and only then answer.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{SealContext, Signer};
use chancery_sandbox::{Attachment, FetchRequest};
use chancery_store::{AuditEvent, IssuanceBatch, IssuanceOutcome, OfferRecord, StoredCredential, Timestamp, UsedNonce};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Issuance;
use super::configuration::{CredentialConfiguration, Keep};
use super::error::Error;
use super::formats::{Facts, IssuerIdentity, Unsigned};
use super::issuers::Issuer;
use super::proof::{HolderKey, ProofPolicy, check_proofs};
use super::subject::OfferSubject;
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

/// The data of one subject, and which plugin gave it.
struct Data {
    claims: Value,
    /// Until when the source answers for it: no credential made of it is valid longer.
    valid_until: Option<DateTime<Utc>>,
    plugin_digest: Option<String>,
}

/// What one request issues with.
struct Work<'a> {
    issuer: &'a Issuer,
    actor: &'a Actor,
    configuration: &'a CredentialConfiguration,
    offer: &'a OfferRecord,
    data: &'a Data,
    signer: &'a dyn Signer,
    now: DateTime<Utc>,
}

/// One credential, signed but not yet recorded.
struct Signed {
    credential: Value,
    record: StoredCredential,
    event: AuditEvent,
}

impl Issuance {
    /// Answers the credentials, one for each proof, in their order.
    pub async fn issue_credentials(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        grant: &WalletGrant,
        request: CredentialRequest,
    ) -> Result<Vec<Value>, Error> {
        let result = self.try_issue(issuer, actor, grant, request).await;
        if let Err(error) = &result {
            let now = self.clock.timestamp();
            let event = actor.was_refused(&issuer.id, "credential.issue", &grant.offer_id, now, error.code());
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
    ) -> Result<Vec<Value>, Error> {
        let offer = self.store.find_offer(&issuer.id, &grant.offer_id).await?;
        let offer = offer.ok_or_else(|| Error::Denied("the offer of this access token is gone".to_owned()))?;
        let configuration = select(issuer, grant, &offer, &request.selector)?;
        let now = self.clock.now();
        let (keys, nonces) = self.holders(issuer, configuration, request.proofs.as_deref(), now)?;
        let data = self.data(issuer, actor, configuration, &offer).await?;

        let signer = issuer.signer(configuration.securing.algorithm())?.as_ref();
        let work = Work { issuer, actor, configuration, offer: &offer, data: &data, signer, now };
        let mut signed = Vec::with_capacity(keys.len());
        for key in &keys {
            signed.push(self.sign(&work, self.draft(&work, key.as_ref())?).await?);
        }
        self.record(issuer, nonces, signed).await
    }

    /// The keys to bind to: one credential each, or a single unbound one.
    fn holders(
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

    /// From the offer, or from the data provider: asked once, however many credentials are made of it.
    async fn data(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        configuration: &CredentialConfiguration,
        offer: &OfferRecord,
    ) -> Result<Data, Error> {
        let subject = match OfferSubject::open(&self.keyring, &issuer.id, &offer.offer_id, &offer.sealed_subject)? {
            OfferSubject::Claims(claims) => {
                return Ok(Data { claims: Value::Object(claims), valid_until: None, plugin_digest: None });
            }
            OfferSubject::Subject(subject) => subject,
        };
        let (Some(plugin), Some(sandbox)) = (&configuration.document.plugin, &self.sandbox) else {
            return Err(Error::broken(
                "the data source could not answer",
                format!("{} has no data provider to ask for a subject", configuration.id),
            ));
        };
        let request = FetchRequest {
            request_id: actor.request_id.clone().unwrap_or_default(),
            issuer_id: issuer.id.clone(),
            configuration_id: configuration.id.clone(),
            format: configuration.format().as_str().to_owned(),
            subject_id: subject,
            subject_claims: json!({}),
            requested_claims: Vec::new(),
            locales: Vec::new(),
            settings: Value::Object(plugin.settings.clone()),
            context: json!({}),
        };
        let fetched = sandbox.fetch(&plugin.name, request).await?;
        // A time beyond the calendar is no limit.
        let valid_until = fetched.valid_until.and_then(|s| DateTime::from_timestamp(i64::try_from(s).ok()?, 0));
        let plugin_digest = Some(fetched.plugin_sha256);
        Ok(Data {
            claims: Value::Object(with_attachments(fetched.claims, fetched.attachments)?),
            valid_until,
            plugin_digest,
        })
    }

    /// The credential for one holder, up to its signature.
    fn draft(&self, work: &Work<'_>, key: Option<&HolderKey>) -> Result<Draft, Error> {
        let Work { issuer, configuration, data, .. } = work;
        // Whole seconds: finer ones would tell credentials of one batch apart.
        let valid_from = work.now.trunc_subsecs(0);
        let configured = configuration.validity.map(|validity| valid_from + validity);
        let valid_until = [configured, data.valid_until].into_iter().flatten().min();
        if valid_until.is_some_and(|until| until <= valid_from) {
            return Err(Error::broken("the data source could not answer", "its data is valid no more"));
        }
        let key_id = work.signer.key_id();
        let id = format!("{}/credentials/{}", issuer.url, Uuid::new_v4());
        let identity = IssuerIdentity { url: issuer.url.clone(), did: issuer.did.clone() };
        let facts = Facts { issuer: &identity, credential_id: &id, valid_from, valid_until, holder: key, key_id };
        let variables = configuration.variables(data.claims.clone(), &facts, issuer.display.clone());
        let unsigned = configuration.prepare(&variables, &facts, self.entropy.as_ref()).map_err(|problem| {
            // The problem may quote data: it is for the operator's log only.
            Error::broken("the credential could not be made from the data", problem)
        })?;
        Ok(Draft { id, unsigned, valid_from, valid_until })
    }

    async fn sign(&self, work: &Work<'_>, draft: Draft) -> Result<Signed, Error> {
        let Work { issuer, configuration, offer, signer, .. } = work;
        let signature = signer.sign(draft.unsigned.signing_input()).await;
        let signature = signature.map_err(|e| Error::broken("the credential could not be signed", e.detail))?;
        let credential = draft.unsigned.finish(&signature);

        let now = Timestamp::new(work.now);
        let mut event = work.actor.did(&issuer.id, "credential.issue", &draft.id, now);
        event.plugin_digest.clone_from(&work.data.plugin_digest);
        event.detail = json!({
            "configuration": configuration.id,
            "version": configuration.version,
            "format": configuration.format().as_str(),
            "key": signer.key_id(),
            "offer": offer.offer_id,
            // Whoever has the credential finds its event; the event tells nobody what is in it.
            "credential_sha256": sha256(&text(&credential)),
        });
        let record = StoredCredential {
            credential: self.sealed_copy(issuer, configuration, &draft.id, &credential)?,
            credential_id: draft.id,
            issuer_id: issuer.id.clone(),
            configuration_id: configuration.id.clone(),
            configuration_version: configuration.version,
            credential_type: configuration.credential_type.clone(),
            offer_id: Some(offer.offer_id.clone()),
            issue_date: Timestamp::new(draft.valid_from),
            expiration_date: draft.valid_until.map(Timestamp::new),
            created_time: now,
            updated_time: now,
        };
        Ok(Signed { credential, record, event })
    }

    fn sealed_copy(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        id: &str,
        credential: &Value,
    ) -> Result<Option<Vec<u8>>, Error> {
        if configuration.document.keep == Keep::Record {
            return Ok(None);
        }
        let context = SealContext { issuer: &issuer.id, table: "issued_credentials", column: "credential", row: id };
        let sealed = self.keyring.seal(&context, text(credential).as_bytes(), self.entropy.as_ref());
        sealed.map(Some).map_err(|e| Error::broken("the credential could not be stored", e))
    }

    async fn record(&self, issuer: &Issuer, nonces: Vec<UsedNonce>, signed: Vec<Signed>) -> Result<Vec<Value>, Error> {
        let (mut issued, mut records, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for Signed { credential, record, event } in signed {
            issued.push(credential);
            records.push(record);
            events.push(event);
        }
        let batch = IssuanceBatch { issuer_id: issuer.id.clone(), nonces, credentials: records, events };
        let outcomes = self.store.record_issuances(&[batch]).await?;
        match outcomes.into_iter().next() {
            Some(IssuanceOutcome::Recorded) => Ok(issued),
            Some(IssuanceOutcome::NonceReused { .. }) => Err(Error::InvalidNonce(
                "the key proof's nonce was used before: get a new one from the nonce endpoint".to_owned(),
            )),
            Some(IssuanceOutcome::CredentialExists { credential_id }) => Err(Error::Conflict(credential_id)),
            None => Err(Error::broken("the issuance was not recorded", "the store gave no outcome")),
        }
    }
}

struct Draft {
    id: String,
    unsigned: Unsigned,
    valid_from: DateTime<Utc>,
    valid_until: Option<DateTime<Utc>>,
}

/// A template takes an attachment as `data.NAME`: a data URL (RFC 2397).
fn with_attachments(mut claims: Map<String, Value>, attachments: Vec<Attachment>) -> Result<Map<String, Value>, Error> {
    for Attachment { name, media_type, content } in attachments {
        let url = format!("data:{media_type};base64,{}", STANDARD.encode(content));
        if claims.insert(name.clone(), Value::String(url)).is_some() {
            let cause = format!("the attachment {name} has the name of a claim or of another attachment");
            return Err(Error::broken("the data source could not answer", cause));
        }
    }
    Ok(claims)
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

/// The credential as a text: a JWT as it is, JSON in its compact form.
fn text(credential: &Value) -> Cow<'_, str> {
    credential.as_str().map_or_else(|| Cow::Owned(credential.to_string()), Cow::Borrowed)
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}
