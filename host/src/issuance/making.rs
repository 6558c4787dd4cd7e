//! Mode `issuer`: get the data once, make and sign a credential for each key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_credential::status::Purpose;
use chancery_keys::Signer;
use chancery_sandbox::{Attachment, Fetched, PluginRequest};
use chancery_store::{Replacement, StatusSlot, StoredCredential, Timestamp};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::Issuance;
use super::configuration::{CredentialConfiguration, OnReissue, Recipe};
use super::credential::Credential;
use super::error::Error;
use super::formats::{Facts, IssuerIdentity, Unsigned};
use super::issuers::Issuer;
use super::proof::HolderKey;
use super::subject::OfferSubject;
use super::work::{Call, Finished, Progress, Work};

/// The data of one subject, and which plugin gave it.
#[derive(Default)]
struct Data {
    claims: Value,
    /// Until when the source answers for it: no credential made of it is valid longer.
    valid_until: Option<DateTime<Utc>>,
    plugin_digest: Option<String>,
    /// Whether who asks for the credential sent the data along.
    is_callers: bool,
    /// Set where the claims are those of a stored credential, which is issued once more.
    copied: Option<StoredCredential>,
}

/// A credential up to its signature.
struct Draft {
    id: String,
    unsigned: Unsigned,
    status: Vec<StatusSlot>,
    valid_from: DateTime<Utc>,
    valid_until: Option<DateTime<Utc>>,
}

impl Issuance {
    pub(super) async fn make(&self, call: &Call<'_>, recipe: &Recipe, work: &Work) -> Result<Progress, Error> {
        let data = match &work.subject {
            OfferSubject::Claims(claims) => {
                let is_callers = work.offer_id.is_none();
                Data { claims: Value::Object(claims.clone()), is_callers, ..Data::default() }
            }
            OfferSubject::Stored(id) => {
                let (claims, of) = self.unsecured(call, recipe, id).await?;
                let valid_until = of.expiration_date.map(Timestamp::get);
                Data { claims: Value::Object(claims), valid_until, copied: Some(of), ..Data::default() }
            }
            OfferSubject::Subject(subject) => match self.fetch(call, work, subject).await? {
                Ok(fetched) => Data::of(fetched)?,
                Err(after) => return Ok(Progress::Waiting(after)),
            },
        };
        let signer = call.issuer.signer(recipe.securing.algorithm())?.as_ref();
        let entries = self.entries(call, &data, work.parts.len()).await?;
        let mut finished = Vec::with_capacity(work.parts.len());
        for (part, entries) in work.parts.iter().zip(entries) {
            let draft = self.draft(call, recipe, &data, part.holder.as_ref(), signer.key_id(), entries)?;
            finished.push(self.sign(call, work, &data, signer, draft).await?);
        }
        Ok(Progress::Done(finished))
    }

    /// New entries for each credential. A copy has its original's: what is said of the one holds for the other.
    async fn entries(&self, call: &Call<'_>, data: &Data, count: usize) -> Result<Vec<Vec<StatusSlot>>, Error> {
        if let Some(of) = &data.copied {
            let mut entries = self.store.status_entries(&call.issuer.id, &of.credential_id).await?;
            entries.sort_by_key(|entry| Purpose::from_name(&entry.slot.purpose));
            let shared: Vec<StatusSlot> = entries.into_iter().map(|entry| entry.slot).collect();
            if !shared.is_empty() {
                return Ok(vec![shared; count]);
            }
        }
        self.status_slots(call.issuer, &call.configuration.status, count).await
    }

    /// Asked once, however many credentials are made of it; or when to ask again.
    async fn fetch(
        &self,
        call: &Call<'_>,
        work: &Work,
        subject: &str,
    ) -> Result<Result<Fetched, std::time::Duration>, Error> {
        let configuration = call.configuration;
        let (Some(plugin), Some(sandbox)) = (&configuration.document.plugin, &self.sandbox) else {
            return Err(Error::broken(
                "the data source could not answer",
                format!("{} has no data provider to ask for a subject", configuration.id),
            ));
        };
        let request = PluginRequest {
            request_id: work.request_id.clone(),
            issuer_id: call.issuer.id.clone(),
            configuration_id: configuration.id.clone(),
            format: configuration.format().as_str().to_owned(),
            subject_id: subject.to_owned(),
            subject_claims: json!({}),
            requested_claims: Vec::new(),
            locales: Vec::new(),
            settings: Value::Object(plugin.settings.clone()),
            context: json!({}),
        };
        match call.patience.ask(&plugin.name, || sandbox.fetch(&plugin.name, request.clone())).await {
            Ok(fetched) => Ok(Ok(fetched)),
            Err(error) => call.patience.defers(&error).map(Err).ok_or_else(|| error.into()),
        }
    }

    fn draft(
        &self,
        call: &Call<'_>,
        recipe: &Recipe,
        data: &Data,
        key: Option<&HolderKey>,
        key_id: &str,
        status: Vec<StatusSlot>,
    ) -> Result<Draft, Error> {
        let issuer = call.issuer;
        // Whole seconds: finer ones would tell credentials of one batch apart.
        let valid_from = call.now.trunc_subsecs(0);
        let configured = recipe.validity.map(|validity| valid_from + validity);
        let valid_until = [configured, data.valid_until].into_iter().flatten().min();
        if valid_until.is_some_and(|until| until <= valid_from) {
            return Err(Error::broken("the data source could not answer", "its data is valid no more"));
        }
        let id = issuer.new_credential_id();
        let identity = IssuerIdentity { url: issuer.url.clone(), did: issuer.did.clone() };
        let facts = Facts {
            issuer: &identity,
            credential_id: &id,
            valid_from,
            valid_until,
            holder: key,
            key_id,
            status: &status,
        };
        let prepared = if data.copied.is_some() {
            recipe.prepare_copy(data.claims.clone(), &facts, self.entropy.as_ref())
        } else {
            let variables = recipe.variables(data.claims.clone(), &facts, issuer.display.clone());
            recipe.prepare(&variables, &facts, self.entropy.as_ref())
        };
        let unsigned = prepared.map_err(|problem| {
            const PUBLIC: &str = "the credential could not be made from the data";
            // The problem may quote data: it is for the operator's log only.
            if data.is_callers {
                tracing::warn!(error = &problem as &dyn std::error::Error, "the data of a client does not fit");
                return Error::InvalidRequest(format!("{PUBLIC}: it does not fit the configuration's template"));
            }
            Error::broken(PUBLIC, problem)
        })?;
        Ok(Draft { id, unsigned, status, valid_from, valid_until })
    }

    async fn sign(
        &self,
        call: &Call<'_>,
        work: &Work,
        data: &Data,
        signer: &dyn Signer,
        draft: Draft,
    ) -> Result<Finished, Error> {
        let (issuer, configuration) = (call.issuer, call.configuration);
        let signature = signer.sign(draft.unsigned.signing_input()).await;
        let signature = signature.map_err(|e| Error::broken("the credential could not be signed", e.detail))?;
        let credential = Credential::from(draft.unsigned.finish(&signature));

        let now = Timestamp::new(call.now);
        let mut event = call.actor.did(&issuer.id, "credential.issue", &draft.id, now);
        event.plugin_digest.clone_from(&data.plugin_digest);
        event.detail = json!({
            "configuration": configuration.id,
            "version": configuration.version,
            "format": configuration.format().as_str(),
            "key": signer.key_id(),
            "offer": work.offer_id,
            "copy_of": data.copied.as_ref().map(|of| &of.credential_id),
            // Whoever has the credential finds its event; the event tells nobody what is in it.
            "credential_sha256": credential.sha256(),
        });
        let record = StoredCredential {
            credential: self.sealed_copy(call, &draft.id, &credential)?,
            credential_id: draft.id,
            issuer_id: issuer.id.clone(),
            configuration_id: configuration.id.clone(),
            configuration_version: configuration.version,
            credential_type: configuration.credential_type.clone(),
            format: configuration.format().as_str().to_owned(),
            subject_hash: match &data.copied {
                Some(of) => of.subject_hash.clone(),
                None => work.person().map(|person| issuer.subject_hash(person)),
            },
            superseded_by: None,
            delete_after: configuration.retention.map(|kept| Timestamp::new(call.now + kept)),
            // An entry is its original's alone.
            status: if data.copied.is_some() { Vec::new() } else { draft.status },
            attributes: match &data.copied {
                Some(_) => Vec::new(),
                None => attributes(issuer, configuration, &data.claims),
            },
            offer_id: work.offer_id.clone(),
            issue_date: Timestamp::new(draft.valid_from),
            expiration_date: draft.valid_until.map(Timestamp::new),
            created_time: now,
            updated_time: now,
        };
        // A copy takes nobody's place.
        let replacement = replacement(call, &record).filter(|_| data.copied.is_none());
        Ok(Finished { credential, record, event, replacement })
    }
}

/// What a credential can be found by: keyed hashes of the data that the configuration names.
fn attributes(issuer: &Issuer, configuration: &CredentialConfiguration, data: &Value) -> Vec<(String, String)> {
    let named = configuration.document.indexed.iter().filter_map(|name| Some((name, data.get(name)?)));
    named.map(|(name, value)| (name.clone(), issuer.attribute_hash(name, value))).collect()
}

/// What becomes of the person's former credentials.
pub(super) fn replacement(call: &Call<'_>, record: &StoredCredential) -> Option<Replacement> {
    let on_reissue = call.configuration.document.on_reissue;
    let subject_hash = record.subject_hash.clone().filter(|_| on_reissue != OnReissue::Keep)?;
    let at = Timestamp::new(call.now);
    let mut event = call.actor.did(&call.issuer.id, "credential.supersede", "", at);
    event.detail = json!({"by": record.credential_id, "revoked": on_reissue == OnReissue::Revoke});
    Some(Replacement {
        configuration_id: record.configuration_id.clone(),
        subject_hash,
        by: record.credential_id.clone(),
        revoke: on_reissue == OnReissue::Revoke,
        at,
        actor: call.actor.name.clone(),
        event,
    })
}

impl Data {
    fn of(fetched: Fetched) -> Result<Self, Error> {
        Ok(Self {
            // A time beyond the calendar is no limit.
            valid_until: fetched.valid_until.and_then(|s| DateTime::from_timestamp(i64::try_from(s).ok()?, 0)),
            claims: Value::Object(with_attachments(fetched.claims, fetched.attachments)?),
            plugin_digest: Some(fetched.plugin_sha256),
            is_callers: false,
            copied: None,
        })
    }
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
