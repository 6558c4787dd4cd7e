use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write, unavailable};
use crate::contract::{Keys, StoreError};
use crate::records::{AuditEvent, KeyRecord, KeyState};

const INSERT: &str = "INSERT INTO signing_keys \
    (issuer_id, key_id, purpose, algorithm, public_jwk, sealed_private_key, state, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LIST: &str = "SELECT issuer_id, key_id, purpose, algorithm, public_jwk, sealed_private_key, state, created_at \
    FROM signing_keys WHERE issuer_id = $1 ORDER BY created_at, key_id";

#[async_trait]
impl<DB: Driver> Keys for SqlStore<DB> {
    async fn insert_key(&self, key: &KeyRecord, event: &AuditEvent) -> Result<(), StoreError> {
        self.write(InsertKey { key: key.clone(), event: event.clone() }).await
    }

    async fn keys(&self, issuer_id: &str) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(Statement::new(LIST).text(issuer_id)).await?.iter().map(key).collect()
    }
}

struct InsertKey {
    key: KeyRecord,
    event: AuditEvent,
}

impl Operation for InsertKey {
    type Answer = ();

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<()>, StoreError> {
        write.insert_key(&self.key).await?;
        write.raise_generation(&self.key.issuer_id, 1).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(()))
    }
}

impl<DB: Driver> Write<'_, DB> {
    pub(super) async fn insert_key(&mut self, key: &KeyRecord) -> Result<(), StoreError> {
        let insert = Statement::new(INSERT)
            .text(&key.issuer_id)
            .text(&key.key_id)
            .text(&key.purpose)
            .text(&key.algorithm)
            .json(&key.public_jwk)
            .bytes(&key.sealed_private_key)
            .text(state_text(key.state))
            .time(key.created_at)
            .creates("signing key");
        self.execute(insert).await?;
        Ok(())
    }
}

fn key<DB: Driver>(row: &Row<DB>) -> Result<KeyRecord, StoreError> {
    Ok(KeyRecord {
        issuer_id: row.text("issuer_id")?,
        key_id: row.text("key_id")?,
        purpose: row.text("purpose")?,
        algorithm: row.text("algorithm")?,
        public_jwk: row.json("public_jwk")?,
        sealed_private_key: row.bytes("sealed_private_key")?,
        state: parse_state(&row.text("state")?)?,
        created_at: row.time("created_at")?,
    })
}

fn state_text(state: KeyState) -> &'static str {
    match state {
        KeyState::Pending => "pending",
        KeyState::Active => "active",
        KeyState::Retired => "retired",
        KeyState::Revoked => "revoked",
    }
}

fn parse_state(text: &str) -> Result<KeyState, StoreError> {
    match text {
        "pending" => Ok(KeyState::Pending),
        "active" => Ok(KeyState::Active),
        "retired" => Ok(KeyState::Retired),
        "revoked" => Ok(KeyState::Revoked),
        other => Err(unavailable(format!("a key is in the unknown state {other}"))),
    }
}
