use async_trait::async_trait;

use super::issuances::{MAX_ROWS_PER_INSERT, row_groups};
use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write, unavailable};
use crate::contract::{Outbox, StoreError};
use crate::records::{AuditEvent, EventOutcome};

/// Events that one call of `Outbox::events` answers at most.
pub const MAX_EVENTS_PER_READ: u32 = 1000;

const INSERT: &str = "INSERT INTO outbox (event_id, issuer_id, occurred_at, actor, action, object, outcome, reason, \
    request_id, plugin_digest, detail) VALUES";
const COLUMNS: usize = 11;
const LIST: &str = "SELECT number, event_id, issuer_id, occurred_at, actor, action, object, outcome, reason, request_id, \
    plugin_digest, detail FROM outbox WHERE issuer_id = $1 AND number > $2 ORDER BY number LIMIT $3";

#[async_trait]
impl<DB: Driver> Outbox for SqlStore<DB> {
    async fn append_events(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.write(Append { events: events.to_vec() }).await
    }

    async fn events(&self, issuer_id: &str, after: i64, limit: u32) -> Result<Vec<(i64, AuditEvent)>, StoreError> {
        let limit = limit.min(MAX_EVENTS_PER_READ);
        let list = Statement::new(LIST).text(issuer_id).integer(after).integer(limit.into());
        self.read(list).await?.iter().map(|row| Ok((row.integer("number")?, event(row)?))).collect()
    }
}

struct Append {
    events: Vec<AuditEvent>,
}

impl Operation for Append {
    type Answer = ();

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<()>, StoreError> {
        write.append_events(&self.events.iter().collect::<Vec<_>>()).await?;
        Ok(Verdict::Commit(()))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// Every action that leaves a trace calls this in its own transaction.
    pub(super) async fn append_events(&mut self, events: &[&AuditEvent]) -> Result<(), StoreError> {
        for rows in row_groups(events, MAX_ROWS_PER_INSERT) {
            self.execute(insert(rows)).await?;
        }
        Ok(())
    }
}

fn insert<'q>(rows: &[&'q AuditEvent]) -> Statement<'q> {
    rows.iter().fold(Statement::rows(INSERT, COLUMNS, rows.len(), ""), |insert, event| {
        insert
            .text(&event.event_id)
            .text(&event.issuer_id)
            .time(event.at)
            .text(&event.actor)
            .text(&event.action)
            .text(&event.object)
            .text(outcome_text(event.outcome))
            .optional_text(event.reason.as_deref())
            .optional_text(event.request_id.as_deref())
            .optional_text(event.plugin_digest.as_deref())
            .json(&event.detail)
    })
}

pub(super) fn event<DB: Driver>(row: &Row<DB>) -> Result<AuditEvent, StoreError> {
    Ok(AuditEvent {
        event_id: row.text("event_id")?,
        issuer_id: row.text("issuer_id")?,
        at: row.time("occurred_at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        object: row.text("object")?,
        outcome: parse_outcome(&row.text("outcome")?)?,
        reason: row.optional_text("reason")?,
        request_id: row.optional_text("request_id")?,
        plugin_digest: row.optional_text("plugin_digest")?,
        detail: row.json("detail")?,
    })
}

fn outcome_text(outcome: EventOutcome) -> &'static str {
    match outcome {
        EventOutcome::Succeeded => "succeeded",
        EventOutcome::Refused => "refused",
        EventOutcome::Failed => "failed",
    }
}

fn parse_outcome(text: &str) -> Result<EventOutcome, StoreError> {
    match text {
        "succeeded" => Ok(EventOutcome::Succeeded),
        "refused" => Ok(EventOutcome::Refused),
        "failed" => Ok(EventOutcome::Failed),
        other => Err(unavailable(format!("an event has the unknown outcome {other}"))),
    }
}
