use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{Issuers, StoreError};
use crate::records::{AuditEvent, IssuerRecord, KeyRecord};

// The condition keeps an unchanged issuer from counting as changed.
const PUT: &str = "INSERT INTO issuers (issuer_id, url, display, created_at, updated_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (issuer_id) DO UPDATE \
    SET url = excluded.url, display = excluded.display, updated_at = excluded.updated_at \
    WHERE issuers.url <> excluded.url OR issuers.display <> excluded.display";
const LIST: &str = "SELECT issuer_id, url, display, created_at, updated_at FROM issuers ORDER BY created_at, issuer_id";
const RAISE_GENERATION: &str = "INSERT INTO issuer_generations (issuer_id, generation) VALUES ($1, $2) \
    ON CONFLICT (issuer_id) DO UPDATE SET generation = issuer_generations.generation + excluded.generation";

const CREATE: &str = "INSERT INTO issuers (issuer_id, url, display, created_at, updated_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (issuer_id) DO NOTHING";

#[async_trait]
impl<DB: Driver> Issuers for SqlStore<DB> {
    async fn create_issuer(
        &self,
        issuer: &IssuerRecord,
        first_keys: &[KeyRecord],
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let create = CreateIssuer { issuer: issuer.clone(), first_keys: first_keys.to_vec(), event: event.clone() };
        self.write(create).await
    }

    async fn put_issuer(&self, issuer: &IssuerRecord, event: &AuditEvent) -> Result<bool, StoreError> {
        self.write(PutIssuer { issuer: issuer.clone(), event: event.clone() }).await
    }

    async fn issuers(&self) -> Result<Vec<IssuerRecord>, StoreError> {
        self.read(Statement::new(LIST)).await?.iter().map(issuer).collect()
    }
}

struct CreateIssuer {
    issuer: IssuerRecord,
    first_keys: Vec<KeyRecord>,
    event: AuditEvent,
}

impl Operation for CreateIssuer {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(bind(CREATE, &self.issuer)).await? == 0 {
            return Ok(Verdict::RollBack(false));
        }
        for key in &self.first_keys {
            write.insert_key(key).await?;
        }
        write.raise_generation(&self.issuer.issuer_id, 1).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

struct PutIssuer {
    issuer: IssuerRecord,
    event: AuditEvent,
}

impl Operation for PutIssuer {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(bind(PUT, &self.issuer)).await? == 0 {
            return Ok(Verdict::RollBack(false));
        }
        write.raise_generation(&self.issuer.issuer_id, 1).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// By 0 it only takes the issuer's row, which queues up everybody who would raise it.
    pub(super) async fn raise_generation(&mut self, issuer_id: &str, by: i64) -> Result<(), StoreError> {
        self.execute(Statement::new(RAISE_GENERATION).text(issuer_id).integer(by)).await?;
        Ok(())
    }
}

fn bind<'q>(query: &'static str, issuer: &'q IssuerRecord) -> Statement<'q> {
    Statement::new(query)
        .text(&issuer.issuer_id)
        .text(&issuer.url)
        .json(&issuer.display)
        .time(issuer.created_at)
        .time(issuer.updated_at)
        .creates("issuer url")
}

fn issuer<DB: Driver>(row: &Row<DB>) -> Result<IssuerRecord, StoreError> {
    Ok(IssuerRecord {
        issuer_id: row.text("issuer_id")?,
        url: row.text("url")?,
        display: row.json("display")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
