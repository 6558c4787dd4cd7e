use std::sync::Arc;

use chancery_credential::status::Purpose;
use chancery_store::{CredentialQuery, Deletion, DeletionOutcome};
use serde_json::json;

use crate::audit::Actor;
use crate::issuance::Issuance;
use crate::issuance::error::{Error, NotFound};
use crate::issuance::issuers::Issuer;

/// Records that one round of erasure or retention takes.
const PER_ROUND: u32 = 100;

/// Whether a deletion revokes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoke {
    Yes,
    No,
    /// It would be revoked, and the caller may not do that.
    Forbidden,
}

/// What several deletions came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deletions {
    pub deleted: usize,
    /// Whether there may be more that another round deletes.
    pub more: bool,
}

impl Issuance {
    /// Deletes a credential for good and answers its id. Its entries stay taken.
    pub async fn delete_credential(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        name: &str,
        revoke: Revoke,
    ) -> Result<String, Error> {
        let id = issuer.credential_id(name);
        if revoke == Revoke::Forbidden && self.has_standing_revocation(issuer, &id).await? {
            return Err(Error::Forbidden("credentials:status"));
        }
        let mut list = None;
        if revoke == Revoke::Yes {
            let entries = self.store.status_entries(&issuer.id, &id).await?;
            let entry = entries.into_iter().find(|entry| entry.slot.purpose == Purpose::Revocation.as_str());
            list = entry.map(|entry| entry.slot.list_id);
        }
        let deletion = self.deletion(issuer, actor, &id, revoke == Revoke::Yes, "credential.delete");
        let event_ids = [deletion.event.event_id.clone()];
        match self.store.delete_credential(&deletion).await? {
            DeletionOutcome::Deleted { revoked } => {
                if let (true, Some(list)) = (revoked, list) {
                    self.status_changed(issuer, &list);
                }
                self.wait_for_acceptance(&event_ids).await?;
                Ok(id)
            }
            DeletionOutcome::UnknownCredential => Err(Error::NotFound(NotFound::Credential)),
            DeletionOutcome::Gone => Err(Error::Deleted),
            DeletionOutcome::Protected => Err(Error::State {
                code: "status-list-protected",
                text: "it is a status list: credentials refer to it",
            }),
        }
    }

    /// Deletes every record of a person, as far as records are known to be about the subject. What status lists say stays
    /// as it is.
    pub async fn erase_subject(&self, issuer: &Issuer, actor: &Actor, subject: &str) -> Result<Deletions, Error> {
        let query = CredentialQuery {
            issuer_id: issuer.id.clone(),
            subject_hash: Some(issuer.subject_hash(subject)),
            limit: PER_ROUND,
            ..CredentialQuery::default()
        };
        let mut deletions = Deletions::default();
        loop {
            let found = self.store.find_credentials(&query).await?;
            for record in &found {
                let deletion = self.deletion(issuer, actor, &record.credential_id, false, "credential.erase");
                let outcome = self.store.delete_credential(&deletion).await?;
                deletions.deleted += usize::from(matches!(outcome, DeletionOutcome::Deleted { .. }));
            }
            if found.is_empty() {
                return Ok(deletions);
            }
        }
    }

    /// Deletes records whose time is over: of each issuer at most a round of them. One that cannot be deleted holds up no
    /// other.
    pub async fn delete_outlived(&self, issuers: &[Arc<Issuer>]) -> Result<Deletions, Error> {
        let mut deletions = Deletions::default();
        for issuer in issuers {
            let outlived = self.store.outlived_credentials(&issuer.id, self.clock.timestamp(), PER_ROUND).await?;
            let mut gone = 0;
            for id in &outlived {
                let deletion = self.deletion(issuer, &Actor::system(), id, false, "credential.outlive");
                match self.store.delete_credential(&deletion).await {
                    Ok(outcome) => gone += usize::from(matches!(outcome, DeletionOutcome::Deleted { .. })),
                    Err(error) => {
                        let (error, issuer) = (&error as &dyn std::error::Error, &issuer.id);
                        tracing::warn!(error, issuer, id, "a record whose retention is over could not be deleted");
                    }
                }
            }
            deletions.deleted += gone;
            // A round of which nothing can be deleted would be found again, as often as it is asked for.
            deletions.more |= gone > 0 && outlived.len() == PER_ROUND as usize;
        }
        Ok(deletions)
    }

    async fn has_standing_revocation(&self, issuer: &Issuer, id: &str) -> Result<bool, Error> {
        let entries = self.store.status_entries(&issuer.id, id).await?;
        Ok(entries.iter().any(|entry| entry.slot.purpose == Purpose::Revocation.as_str() && !entry.value))
    }

    fn deletion(&self, issuer: &Issuer, actor: &Actor, id: &str, revoke: bool, action: &str) -> Deletion {
        let at = self.clock.timestamp();
        let mut revocation_event = actor.did(&issuer.id, "credential.status", id, at);
        revocation_event.detail = json!({"purpose": "revocation", "value": true, "reason": "deleted"});
        Deletion {
            issuer_id: issuer.id.clone(),
            credential_id: id.to_owned(),
            credential_hash: issuer.credential_hash(id),
            revoke,
            at,
            actor: actor.name.clone(),
            reason: Some("deleted".to_owned()),
            event: actor.did(&issuer.id, action, id, at),
            revocation_event,
        }
    }
}
