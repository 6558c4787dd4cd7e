use std::collections::HashSet;

use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{Configurations, StoreError};
use crate::records::{AuditEvent, ConfigurationDraft, ConfigurationRecord, Published, Timestamp};

const PUBLISHED: &str = "SELECT configuration_id, version, content, created_at FROM credential_configurations \
    WHERE issuer_id = $1 AND state = 'published' ORDER BY configuration_id";
const NEWEST: &str = "SELECT version, state, content FROM credential_configurations \
    WHERE issuer_id = $1 AND configuration_id = $2 ORDER BY version DESC LIMIT 1";
const RETIRE: &str = "UPDATE credential_configurations SET state = 'retired', retired_at = $3 \
    WHERE issuer_id = $1 AND configuration_id = $2 AND state = 'published'";
const INSERT: &str = "INSERT INTO credential_configurations \
    (issuer_id, configuration_id, version, state, content, created_at) VALUES ($1, $2, $3, 'published', $4, $5)";
const GENERATION: &str = "SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT) AS generation FROM issuer_generations";

#[async_trait]
impl<DB: Driver> Configurations for SqlStore<DB> {
    async fn publish_configurations(
        &self,
        issuer_id: &str,
        drafts: &[ConfigurationDraft],
        event: &AuditEvent,
    ) -> Result<Vec<Published>, StoreError> {
        let mut ids = HashSet::new();
        if !drafts.iter().all(|draft| ids.insert(draft.configuration_id.as_str())) {
            return Err(StoreError::Conflict("credential configuration"));
        }
        self.write(Publish { issuer_id: issuer_id.to_owned(), drafts: drafts.to_vec(), event: event.clone() }).await
    }

    async fn published_configurations(&self, issuer_id: &str) -> Result<Vec<ConfigurationRecord>, StoreError> {
        self.read(Statement::new(PUBLISHED).text(issuer_id)).await?.iter().map(configuration).collect()
    }

    async fn generation(&self) -> Result<i64, StoreError> {
        let row = self.read_first(Statement::new(GENERATION)).await?;
        row.map_or(Ok(0), |row| row.integer("generation"))
    }
}

struct Publish {
    issuer_id: String,
    drafts: Vec<ConfigurationDraft>,
    event: AuditEvent,
}

impl Operation for Publish {
    type Answer = Vec<Published>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Vec<Published>>, StoreError> {
        // Takes the issuer's row before anything is read: two publishers must not both see version n.
        write.raise_generation(&self.issuer_id, 0).await?;
        let mut published = Vec::with_capacity(self.drafts.len());
        for draft in &self.drafts {
            published.push(write.publish(&self.issuer_id, draft, &self.event).await?);
        }
        if !published.iter().any(|one| one.changed) {
            return Ok(Verdict::RollBack(published));
        }
        write.raise_generation(&self.issuer_id, 1).await?;
        Ok(Verdict::Commit(published))
    }
}

impl<DB: Driver> Write<'_, DB> {
    async fn publish(
        &mut self,
        issuer_id: &str,
        draft: &ConfigurationDraft,
        event: &AuditEvent,
    ) -> Result<Published, StoreError> {
        let id = &draft.configuration_id;
        let newest = self.newest(issuer_id, id).await?;
        // As text: the order of members counts, and comparing values would not see it.
        let content = draft.content.to_string();
        if let Some(newest) = newest.as_ref().filter(|newest| newest.published)
            && newest.content == content
        {
            return Ok(Published { configuration_id: id.clone(), version: newest.version, changed: false });
        }
        let version = newest.map_or(1, |newest| newest.version + 1);
        self.insert_version(issuer_id, draft, version, draft.created_at).await?;
        let object = format!("{id}@{version}");
        let event_id = format!("{}/{object}", event.event_id);
        self.append_events(&[&AuditEvent { event_id, object, ..event.clone() }]).await?;
        Ok(Published { configuration_id: id.clone(), version, changed: true })
    }

    async fn newest(&mut self, issuer_id: &str, id: &str) -> Result<Option<Newest>, StoreError> {
        let row = self.fetch_first(Statement::new(NEWEST).text(issuer_id).text(id)).await?;
        let newest = row.map(|row| {
            Ok(Newest {
                version: row.integer("version")?,
                published: row.text("state")? == "published",
                content: row.text("content")?,
            })
        });
        newest.transpose()
    }

    async fn insert_version(
        &mut self,
        issuer_id: &str,
        draft: &ConfigurationDraft,
        version: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = &draft.configuration_id;
        self.execute(Statement::new(RETIRE).text(issuer_id).text(id).time(now)).await?;
        let insert = Statement::new(INSERT)
            .text(issuer_id)
            .text(id)
            .integer(version)
            .json(&draft.content)
            .time(draft.created_at);
        self.execute(insert.creates("credential configuration")).await?;
        Ok(())
    }
}

struct Newest {
    version: i64,
    published: bool,
    content: String,
}

fn configuration<DB: Driver>(row: &Row<DB>) -> Result<ConfigurationRecord, StoreError> {
    Ok(ConfigurationRecord {
        configuration_id: row.text("configuration_id")?,
        version: row.integer("version")?,
        content: row.json("content")?,
        created_at: row.time("created_at")?,
    })
}
