use async_trait::async_trait;

use super::{Driver, Row, SqlStore, Statement};
use crate::contract::{Clients, StoreError};
use crate::records::{AuditEvent, BootstrapRedemption, ClientRecord, Timestamp};

const INSERT: &str = "INSERT INTO clients (client_id, issuer_id, jwks, scopes, created_at) VALUES ($1, $2, $3, $4, $5)";
const INSERT_NEW: &str = "INSERT INTO clients (client_id, issuer_id, jwks, scopes, created_at) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id) DO NOTHING";
const FIND: &str = "SELECT client_id, issuer_id, jwks, scopes, created_at FROM clients WHERE client_id = $1";
// A token that expired unused may be replaced: else an operator who was too slow would be locked out for good.
const OFFER_BOOTSTRAP: &str = "INSERT INTO bootstrap_token (slot, token_hash, created_at, expires_at) \
    SELECT 1, $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM clients) \
    ON CONFLICT (slot) DO UPDATE \
    SET token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at \
    WHERE bootstrap_token.redeemed_at IS NULL AND bootstrap_token.expires_at <= excluded.created_at";
const REDEEM_BOOTSTRAP: &str = "UPDATE bootstrap_token SET redeemed_at = $2 \
    WHERE token_hash = $1 AND redeemed_at IS NULL AND expires_at > $2";
const USE_ONCE: &str = "INSERT INTO used_once (issuer_id, purpose, value_hash, expires_at) \
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

#[async_trait]
impl<DB: Driver> Clients for SqlStore<DB> {
    async fn insert_client(&self, client: &ClientRecord, event: &AuditEvent) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write.execute(insert(INSERT, client).creates("client")).await?;
        write.append_events(&[event]).await?;
        write.commit().await
    }

    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
        let row = self.read_first(Statement::new(FIND).text(client_id)).await?;
        row.as_ref().map(client).transpose()
    }

    async fn offer_bootstrap(
        &self,
        token_hash: &str,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let offer = Statement::new(OFFER_BOOTSTRAP).text(token_hash).time(created_at).time(expires_at);
        let set = write.execute(offer).await? == 1;
        write.commit().await?;
        Ok(set)
    }

    async fn redeem_bootstrap(
        &self,
        token_hash: &str,
        client: &ClientRecord,
        now: Timestamp,
        event: &AuditEvent,
    ) -> Result<BootstrapRedemption, StoreError> {
        let mut write = self.begin().await?;
        if write.execute(Statement::new(REDEEM_BOOTSTRAP).text(token_hash).time(now)).await? == 0 {
            write.rollback().await?;
            return Ok(BootstrapRedemption::Refused);
        }
        if write.execute(insert(INSERT_NEW, client)).await? == 0 {
            write.rollback().await?;
            return Ok(BootstrapRedemption::ClientExists);
        }
        write.append_events(&[event]).await?;
        write.commit().await?;
        Ok(BootstrapRedemption::Redeemed)
    }

    async fn use_once(
        &self,
        issuer_id: &str,
        purpose: &str,
        value_hash: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let insert = Statement::new(USE_ONCE).text(issuer_id).text(purpose).text(value_hash).time(expires_at);
        let fresh = write.execute(insert).await? == 1;
        write.commit().await?;
        Ok(fresh)
    }
}

fn insert<'q>(sql: &'static str, client: &'q ClientRecord) -> Statement<'q> {
    Statement::new(sql)
        .text(&client.client_id)
        .text(&client.issuer_id)
        .json(&client.jwks)
        .texts(&client.scopes)
        .time(client.created_at)
}

fn client<DB: Driver>(row: &Row<DB>) -> Result<ClientRecord, StoreError> {
    Ok(ClientRecord {
        client_id: row.text("client_id")?,
        issuer_id: row.text("issuer_id")?,
        jwks: row.json("jwks")?,
        scopes: row.texts("scopes")?,
        created_at: row.time("created_at")?,
    })
}
