//! Replies under idempotency keys.

use super::{Driver, Statement, Write};
use crate::contract::StoreError;
use crate::records::{NewReply, Timestamp};

// One that has expired and is still there does not count, and makes room.
const INSERT: &str = "INSERT INTO idempotent_replies \
    (issuer_id, client_id, key_hash, request_hash, sealed_reply, credential_hash, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (issuer_id, client_id, key_hash) DO UPDATE SET \
    request_hash = excluded.request_hash, sealed_reply = excluded.sealed_reply, \
    credential_hash = excluded.credential_hash, created_at = excluded.created_at, expires_at = excluded.expires_at \
    WHERE idempotent_replies.expires_at <= excluded.created_at";
const FIND: &str = "SELECT request_hash, sealed_reply FROM idempotent_replies \
    WHERE issuer_id = $1 AND client_id = $2 AND key_hash = $3 AND expires_at > $4";
// The row stays: the key was used, and must not issue once more.
pub(crate) const EMPTY_OF_CREDENTIAL: &str =
    "UPDATE idempotent_replies SET sealed_reply = $3 WHERE issuer_id = $1 AND credential_hash = $2";

/// Finds the reply of a key, unless it has expired.
pub(super) fn find<'q>(issuer_id: &'q str, client_id: &'q str, key_hash: &'q str, now: Timestamp) -> Statement<'q> {
    Statement::new(FIND).text(issuer_id).text(client_id).text(key_hash).time(now)
}

impl<DB: Driver> Write<'_, DB> {
    /// `false`: the key has a reply. Whoever writes one with other things does so first: then of two equal requests the
    /// second one waits here, and finds that it has been answered before it finds what the first one did.
    pub(super) async fn insert_reply(&mut self, reply: &NewReply) -> Result<bool, StoreError> {
        let insert = Statement::new(INSERT)
            .text(&reply.issuer_id)
            .text(&reply.client_id)
            .text(&reply.key_hash)
            .text(&reply.request_hash)
            .bytes(&reply.sealed_reply)
            .optional_text(reply.credential_hash.as_deref())
            .time(reply.created_at)
            .time(reply.expires_at);
        Ok(self.execute(insert).await? == 1)
    }

    /// Empties the replies that hold the credential. Whoever does so has its row: a reply is there as soon as that is.
    pub(super) async fn empty_replies(&mut self, issuer_id: &str, credential_hash: &str) -> Result<(), StoreError> {
        let empty = Statement::new(EMPTY_OF_CREDENTIAL).text(issuer_id).text(credential_hash).bytes(&[]);
        self.execute(empty).await.map(drop)
    }

    /// Whether [`insert_reply`](Self::insert_reply) would answer `false`.
    pub(super) async fn has_reply(&mut self, reply: &NewReply) -> Result<bool, StoreError> {
        let find = find(&reply.issuer_id, &reply.client_id, &reply.key_hash, reply.created_at);
        Ok(self.fetch_first(find).await?.is_some())
    }
}
