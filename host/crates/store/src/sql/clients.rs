use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
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
    WHERE token_hash = $1 AND redeemed_at IS NULL AND expires_at > $2 AND NOT EXISTS (SELECT 1 FROM clients)";
const USE_ONCE: &str = "INSERT INTO used_once (issuer_id, purpose, value_hash, expires_at) \
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

#[async_trait]
impl<DB: Driver> Clients for SqlStore<DB> {
    async fn insert_client(&self, client: &ClientRecord, event: &AuditEvent) -> Result<(), StoreError> {
        self.write(InsertClient { client: client.clone(), event: event.clone() }).await
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
        self.write(OfferBootstrap { token_hash: token_hash.to_owned(), created_at, expires_at }).await
    }

    async fn redeem_bootstrap(
        &self,
        token_hash: &str,
        client: &ClientRecord,
        now: Timestamp,
        event: &AuditEvent,
    ) -> Result<BootstrapRedemption, StoreError> {
        let redeem =
            RedeemBootstrap { token_hash: token_hash.to_owned(), client: client.clone(), now, event: event.clone() };
        self.write(redeem).await
    }

    async fn use_once(
        &self,
        issuer_id: &str,
        purpose: &str,
        value_hash: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let once = UseOnce {
            issuer_id: issuer_id.to_owned(),
            purpose: purpose.to_owned(),
            value_hash: value_hash.to_owned(),
            expires_at,
        };
        self.write(once).await
    }
}

struct InsertClient {
    client: ClientRecord,
    event: AuditEvent,
}

impl Operation for InsertClient {
    type Answer = ();

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<()>, StoreError> {
        write.execute(insert(INSERT, &self.client).creates("client")).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(()))
    }
}

struct OfferBootstrap {
    token_hash: String,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Operation for OfferBootstrap {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let offer = Statement::new(OFFER_BOOTSTRAP).text(&self.token_hash).time(self.created_at).time(self.expires_at);
        Ok(Verdict::Commit(write.execute(offer).await? == 1))
    }
}

struct RedeemBootstrap {
    token_hash: String,
    client: ClientRecord,
    now: Timestamp,
    event: AuditEvent,
}

impl Operation for RedeemBootstrap {
    type Answer = BootstrapRedemption;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<BootstrapRedemption>, StoreError> {
        let redeem = Statement::new(REDEEM_BOOTSTRAP).text(&self.token_hash).time(self.now);
        if write.execute(redeem).await? == 0 || write.execute(insert(INSERT_NEW, &self.client)).await? == 0 {
            return Ok(Verdict::RollBack(BootstrapRedemption::Refused));
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(BootstrapRedemption::Redeemed))
    }
}

struct UseOnce {
    issuer_id: String,
    purpose: String,
    value_hash: String,
    expires_at: Timestamp,
}

impl Operation for UseOnce {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let insert = Statement::new(USE_ONCE)
            .text(&self.issuer_id)
            .text(&self.purpose)
            .text(&self.value_hash)
            .time(self.expires_at);
        Ok(Verdict::Commit(write.execute(insert).await? == 1))
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
