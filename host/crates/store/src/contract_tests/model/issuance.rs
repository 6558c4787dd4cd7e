//! The model's part for issuance.

use std::collections::BTreeSet;

use super::calls::Failure;
use super::state::{Because, Held, IssuerModel, Model, is_unrevoked};
use crate::{AuditEvent, IssuanceBatch, IssuanceOutcome, Replacement, StoredCredential};

impl Model {
    /// Each batch in full or not at all, one after the other; a failure takes all of them back.
    pub(super) fn record(&mut self, batches: &[IssuanceBatch]) -> Result<Vec<IssuanceOutcome>, Failure> {
        let mut after = self.clone();
        let mut outcomes = Vec::new();
        for batch in batches {
            let before = after.clone();
            let outcome = after.of(&batch.issuer_id).record_one(batch)?;
            if outcome != IssuanceOutcome::Recorded {
                after = before;
            }
            outcomes.push(outcome);
        }
        *self = after;
        Ok(outcomes)
    }
}

impl IssuerModel {
    /// What is written where it is refused is to be taken back.
    fn record_one(&mut self, batch: &IssuanceBatch) -> Result<IssuanceOutcome, Failure> {
        if !batch.reply.as_ref().is_none_or(|reply| self.keep_reply(reply)) {
            return Ok(IssuanceOutcome::Replied);
        }
        for nonce in &batch.nonces {
            if self.nonces.insert(nonce.nonce_hash.clone(), nonce.expires_at).is_some() {
                return Ok(IssuanceOutcome::NonceReused { nonce_hash: nonce.nonce_hash.clone() });
            }
        }
        for credential in &batch.credentials {
            let credential_id = credential.credential_id.clone();
            if self.is_list(&credential_id) || self.insert(credential) {
                return Ok(IssuanceOutcome::CredentialExists { credential_id });
            }
        }
        if batch.chosen_ids.iter().any(|hash| self.tombstones.contains_key(hash)) {
            return Ok(IssuanceOutcome::CredentialDeleted);
        }
        for credential in &batch.credentials {
            self.give(&credential.credential_id, &credential.status, credential.created_time)?;
        }
        batch.events.iter().for_each(|event| self.write(event));
        let new: BTreeSet<_> = batch.credentials.iter().map(|credential| credential.credential_id.as_str()).collect();
        batch.replacements.iter().for_each(|replacement| self.replace(replacement, &new));
        Ok(IssuanceOutcome::Recorded)
    }

    /// Without its entries. `true`: there was one of that id.
    fn insert(&mut self, credential: &StoredCredential) -> bool {
        let record = StoredCredential { status: Vec::new(), attributes: Vec::new(), ..credential.clone() };
        let held = Held { record, entries: Vec::new(), attributes: credential.attributes.clone() };
        self.credentials.insert(credential.credential_id.clone(), held).is_some()
    }

    fn replace(&mut self, replacement: &Replacement, new: &BTreeSet<&str>) {
        let formers = self.credentials.iter().filter(|(id, held)| {
            let record = &held.record;
            record.subject_hash.as_ref() == Some(&replacement.subject_hash)
                && record.configuration_id == replacement.configuration_id
                && record.superseded_by.is_none()
                && !new.contains(id.as_str())
        });
        let formers: Vec<_> = formers.map(|(id, _)| id.clone()).collect();
        for (number, id) in (1..).zip(formers) {
            let event_id = format!("{}/{number}", replacement.event.event_id);
            let event = AuditEvent { event_id, object: id.clone(), ..replacement.event.clone() };
            let held = self.credentials.get_mut(&id).unwrap();
            held.record.superseded_by = Some(replacement.by.clone());
            held.record.updated_time = replacement.at.max(held.record.updated_time);
            if replacement.revoke && held.entries.iter().any(is_unrevoked) {
                let (at, actor, reason) = (replacement.at, &*replacement.actor, event.reason.as_deref());
                self.set(&id, "revocation", true, Because { at, actor, reason, event: &event });
            } else {
                self.write(&event);
            }
        }
    }
}
