use async_trait::async_trait;

use super::issuances::NewEntry;
use super::search::{found, search};
use super::status_changes::{EntryChange, HeldEntry};
use super::{Driver, Operation, SqlStore, Statement, Verdict, Write, replies, tombstones};
use crate::contract::{Credentials, StoreError};
use crate::records::{
    CredentialQuery, Deletion, DeletionOutcome, FoundCredential, Reissue, StatusSlot, StoredReply, Timestamp,
};

/// The purpose of the entry that a deletion and a replacement set.
pub(super) const REVOCATION: &str = "revocation";

const IS_STATUS_LIST: &str = "SELECT id FROM status_list_credential WHERE issuer_id = $1 AND credential_id = $2";
const DELETE: &str = "DELETE FROM issued_credentials WHERE issuer_id = $1 AND credential_id = $2";
const REISSUE: &str = "UPDATE issued_credentials SET credential = $3, updated_time = $4 \
    WHERE issuer_id = $1 AND credential_id = $2 AND updated_time = $5";
pub(crate) const OUTLIVED: &str = "SELECT credential_id FROM issued_credentials \
    WHERE issuer_id = $1 AND delete_after < $2 ORDER BY delete_after LIMIT $3";

#[async_trait]
impl<DB: Driver> Credentials for SqlStore<DB> {
    async fn find_credentials(&self, query: &CredentialQuery) -> Result<Vec<FoundCredential>, StoreError> {
        let found: Result<Vec<_>, _> = self.read(search(query)).await?.iter().map(found).collect();
        let mut found = found?;
        // One with several entries of a purpose is found by each.
        found.dedup_by(|one, former| one.credential_id == former.credential_id);
        Ok(found)
    }

    async fn is_deleted(&self, issuer_id: &str, credential_hash: &str) -> Result<bool, StoreError> {
        Ok(self.read_first(tombstones::find(issuer_id, credential_hash)).await?.is_some())
    }

    async fn delete_credential(&self, deletion: &Deletion) -> Result<DeletionOutcome, StoreError> {
        self.write(Delete { deletion: deletion.clone() }).await
    }

    async fn reissue_credential(&self, reissue: &Reissue) -> Result<bool, StoreError> {
        self.write(SignAgain { reissue: reissue.clone() }).await
    }

    async fn outlived_credentials(
        &self,
        issuer_id: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let outlived = Statement::new(OUTLIVED).text(issuer_id).time(now).integer(limit.into());
        self.read(outlived).await?.iter().map(|row| row.text("credential_id")).collect()
    }

    async fn find_reply(
        &self,
        issuer_id: &str,
        client_id: &str,
        key_hash: &str,
        now: Timestamp,
    ) -> Result<Option<StoredReply>, StoreError> {
        let row = self.read_first(replies::find(issuer_id, client_id, key_hash, now)).await?;
        row.map(|row| {
            Ok(StoredReply { request_hash: row.text("request_hash")?, sealed_reply: row.bytes("sealed_reply")? })
        })
        .transpose()
    }
}

struct Delete {
    deletion: Deletion,
}

impl Operation for Delete {
    type Answer = DeletionOutcome;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<DeletionOutcome>, StoreError> {
        let deletion = &self.deletion;
        let Some(entries) = write.hold_credential(&deletion.issuer_id, &deletion.credential_id).await? else {
            let tombstone = tombstones::find(&deletion.issuer_id, &deletion.credential_hash);
            let is_gone = write.fetch_first(tombstone).await?.is_some();
            return Ok(Verdict::Commit(if is_gone {
                DeletionOutcome::Gone
            } else {
                DeletionOutcome::UnknownCredential
            }));
        };
        let lists = Statement::new(IS_STATUS_LIST).text(&deletion.issuer_id).text(&deletion.credential_id);
        if write.fetch_first(lists).await?.is_some() {
            return Ok(Verdict::Commit(DeletionOutcome::Protected));
        }
        let revocations: Vec<_> =
            entries.iter().filter(|_| deletion.revoke).filter_map(|held| self.revoke(held)).collect();
        write.set_entries(&revocations).await?;
        let slots: Vec<StatusSlot> = entries.iter().map(|held| held.entry.slot.clone()).collect();
        write.insert_tombstone(deletion, &slots).await?;
        write.execute(Statement::new(DELETE).text(&deletion.issuer_id).text(&deletion.credential_id)).await?;
        write.empty_replies(&deletion.issuer_id, &deletion.credential_hash).await?;
        write.append_events(&[&deletion.event]).await?;
        Ok(Verdict::Commit(DeletionOutcome::Deleted { revoked: !revocations.is_empty() }))
    }
}

impl Delete {
    /// `None`: the entry is another one, or says so already.
    fn revoke(&self, held: &HeldEntry) -> Option<EntryChange<'_>> {
        let Deletion { at, actor, reason, revocation_event, .. } = &self.deletion;
        is_unrevoked(held).then(|| EntryChange {
            held: held.clone(),
            value: true,
            at: *at,
            actor,
            reason: reason.as_deref(),
            event: revocation_event,
        })
    }
}

/// Whether it is a revocation entry that is not set.
pub(super) fn is_unrevoked(held: &HeldEntry) -> bool {
    held.entry.slot.purpose == REVOCATION && !held.entry.value
}

struct SignAgain {
    reissue: Reissue,
}

impl Operation for SignAgain {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let Reissue { issuer_id, credential_id, seen, credential, status, at, event } = &self.reissue;
        if write.hold_credential(issuer_id, credential_id).await?.is_none_or(|entries| !entries.is_empty()) {
            return Ok(Verdict::Commit(false));
        }
        // Clocks of hosts differ, and step back.
        let at = (*at).max(*seen);
        let replace = Statement::new(REISSUE).text(issuer_id).text(credential_id);
        if write.execute(replace.bytes(credential).time(at).time(*seen)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        let entries: Vec<_> = status.iter().map(|slot| NewEntry { issuer_id, credential_id, slot, at }).collect();
        write.insert_entries(&entries).await?;
        write.append_events(&[event]).await?;
        Ok(Verdict::Commit(true))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// As `hold_entries`, of one credential; `None` when it is not there.
    async fn hold_credential(
        &mut self,
        issuer_id: &str,
        credential_id: &str,
    ) -> Result<Option<Vec<HeldEntry>>, StoreError> {
        Ok(self.hold_entries(vec![(issuer_id, credential_id)]).await?.into_values().next())
    }
}
