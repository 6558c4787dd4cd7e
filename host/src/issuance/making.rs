//! Mode `issuer`: get the data once, make and sign a credential for each key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::Signer;
use chancery_sandbox::{Attachment, Fetched, PluginRequest};
use chancery_store::{StoredCredential, Timestamp};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::Issuance;
use super::configuration::Recipe;
use super::credential::Credential;
use super::error::Error;
use super::formats::{Facts, IssuerIdentity, Unsigned};
use super::proof::HolderKey;
use super::subject::OfferSubject;
use super::work::{Call, Finished, Progress, Work};

/// The data of one subject, and which plugin gave it.
struct Data {
    claims: Value,
    /// Until when the source answers for it: no credential made of it is valid longer.
    valid_until: Option<DateTime<Utc>>,
    plugin_digest: Option<String>,
}

/// A credential up to its signature.
struct Draft {
    id: String,
    unsigned: Unsigned,
    valid_from: DateTime<Utc>,
    valid_until: Option<DateTime<Utc>>,
}

impl Issuance {
    pub(super) async fn make(&self, call: &Call<'_>, recipe: &Recipe, work: &Work) -> Result<Progress, Error> {
        let data = match &work.subject {
            OfferSubject::Claims(claims) => {
                Data { claims: Value::Object(claims.clone()), valid_until: None, plugin_digest: None }
            }
            OfferSubject::Subject(subject) => match self.fetch(call, work, subject).await? {
                Ok(fetched) => Data::of(fetched)?,
                Err(after) => return Ok(Progress::Waiting(after)),
            },
        };
        let signer = call.issuer.signer(recipe.securing.algorithm())?.as_ref();
        let mut finished = Vec::with_capacity(work.parts.len());
        for part in &work.parts {
            let draft = self.draft(call, recipe, &data, part.holder.as_ref(), signer.key_id())?;
            finished.push(self.sign(call, work, &data, signer, draft).await?);
        }
        Ok(Progress::Done(finished))
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
        let facts = Facts { issuer: &identity, credential_id: &id, valid_from, valid_until, holder: key, key_id };
        let variables = recipe.variables(data.claims.clone(), &facts, issuer.display.clone());
        let unsigned = recipe.prepare(&variables, &facts, self.entropy.as_ref()).map_err(|problem| {
            // The problem may quote data: it is for the operator's log only.
            Error::broken("the credential could not be made from the data", problem)
        })?;
        Ok(Draft { id, unsigned, valid_from, valid_until })
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
            offer_id: Some(work.offer_id.clone()),
            issue_date: Timestamp::new(draft.valid_from),
            expiration_date: draft.valid_until.map(Timestamp::new),
            created_time: now,
            updated_time: now,
        };
        Ok(Finished { credential, record, event })
    }
}

impl Data {
    fn of(fetched: Fetched) -> Result<Self, Error> {
        Ok(Self {
            // A time beyond the calendar is no limit.
            valid_until: fetched.valid_until.and_then(|s| DateTime::from_timestamp(i64::try_from(s).ok()?, 0)),
            claims: Value::Object(with_attachments(fetched.claims, fetched.attachments)?),
            plugin_digest: Some(fetched.plugin_sha256),
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
