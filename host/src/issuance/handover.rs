//! A wallet takes a credential that is stored already, by an offer that names it: the very bytes or, where the
//! configuration binds to a key, a fresh copy that is bound to the wallet's.

use chancery_store::StoredCredential;
use serde_json::{Map, Value, json};

use super::Issuance;
use super::configuration::{CredentialConfiguration, Recipe};
use super::credential::{Answer, Credential};
use super::error::Error;
use super::issuers::Issuer;
use super::lifecycle::HANDED_IN;
use super::work::Call;

impl Issuance {
    /// Whether an offer of these configurations can give the credential out; answers its full id.
    pub(super) async fn check_offered(
        &self,
        issuer: &Issuer,
        configuration_ids: &[String],
        name: &str,
    ) -> Result<String, Error> {
        let invalid = |text: &str| Err(Error::InvalidRequest(text.to_owned()));
        let [configuration_id] = configuration_ids else {
            return invalid("an offer of a stored credential names one credential configuration");
        };
        let configuration = issuer.configuration(configuration_id)?;
        let id = issuer.credential_id(name);
        let (record, _) = self.takeable_credential(issuer, &id).await?;
        let was_handed_in = HANDED_IN.contains(&record.configuration_id.as_str());
        let fits = record.format == configuration.format().as_str()
            && if was_handed_in {
                record.credential_type == configuration.credential_type
            } else {
                record.configuration_id == configuration.id
            };
        if !fits {
            return invalid("the stored credential is not of the credential configuration that the offer names");
        }
        if configuration.document.holder_binding.required && (was_handed_in || !configuration.document.rebind) {
            return invalid(
                "the credential configuration binds to a key, and does not allow fresh copies of stored credentials (rebind)",
            );
        }
        Ok(id)
    }

    /// Gives the stored bytes out. That it is not bound to a key was checked.
    pub(super) async fn hand_over(&self, call: &Call<'_>, id: &str) -> Result<Answer, Error> {
        let (record, credential) = self.takeable_credential(call.issuer, id).await?;
        let mut event = call.actor.did(&call.issuer.id, "credential.hand_over", id, self.clock.timestamp());
        event.detail = json!({"configuration": record.configuration_id, "credential_sha256": credential.sha256()});
        let event_ids = [event.event_id.clone()];
        self.store.append_events(&[event]).await?;
        if let Some(accepted) = &self.accepted
            && !accepted.accepted(&event_ids, call.patience.left()).await
        {
            return Err(Error::Unavailable {
                public: "the credential cannot be given out before the audit trail has it: ask again".to_owned(),
                retry_after: Some(1),
                cause: None,
            });
        }
        Ok(Answer::Issued(vec![credential]))
    }

    /// What a fresh copy is made of, and the credential that it is a copy of.
    pub(super) async fn unsecured(
        &self,
        call: &Call<'_>,
        recipe: &Recipe,
        id: &str,
    ) -> Result<(Map<String, Value>, StoredCredential), Error> {
        let (record, credential) = self.takeable_credential(call.issuer, id).await?;
        if !may_be_copied(call.configuration, &record) {
            return Err(Error::Denied(
                "this credential is given out in another way now: ask for a new offer".to_owned(),
            ));
        }
        let claims = recipe.securing.unsecured(&credential);
        let claims = claims.map_err(|problem| Error::broken("the stored credential cannot be read", problem))?;
        Ok((claims, record))
    }

    /// One that was deleted, taken the place of, revoked or suspended, or has expired, is given to nobody.
    async fn takeable_credential(&self, issuer: &Issuer, id: &str) -> Result<(StoredCredential, Credential), Error> {
        let denied = |text: &str| Error::Denied(text.to_owned());
        let record = self.store.find_credential(&issuer.id, id).await?;
        let record = record.ok_or_else(|| denied("the stored credential is not there, or was deleted"))?;
        if record.superseded_by.is_some() {
            return Err(denied("a newer credential has taken the place of the stored one"));
        }
        if record.expiration_date.is_some_and(|end| end.get() <= self.clock.now()) {
            return Err(denied("the stored credential has expired"));
        }
        let statuses = self.store.status_entries(&issuer.id, id).await?;
        if let Some(entry) = statuses.iter().find(|entry| entry.value && is_bar(&entry.slot.purpose)) {
            return Err(Error::Denied(format!("the stored credential is marked: {}", entry.slot.purpose)));
        }
        let credential = self.open_credential(issuer, &record)?;
        Ok((record, credential))
    }
}

/// `refresh` and `message` say something else than that it is not valid.
fn is_bar(purpose: &str) -> bool {
    matches!(purpose, "revocation" | "suspension")
}

/// An operator may have published the configuration anew since the offer was made.
fn may_be_copied(configuration: &CredentialConfiguration, record: &StoredCredential) -> bool {
    configuration.document.rebind && configuration.id == record.configuration_id
}
