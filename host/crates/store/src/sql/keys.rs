use async_trait::async_trait;

use super::{Driver, Row, SqlStore, Statement, unavailable};
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
        let mut write = self.begin().await?;
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
        write.execute(insert).await?;
        write.raise_generation(&key.issuer_id, 1).await?;
        write.append_events(&[event]).await?;
        write.commit().await
    }

    async fn keys(&self, issuer_id: &str) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(Statement::new(LIST).text(issuer_id)).await?.iter().map(key).collect()
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
