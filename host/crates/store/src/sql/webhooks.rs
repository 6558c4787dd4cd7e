use async_trait::async_trait;
use serde_json::json;

use super::{
    Driver, MAX_EVENTS_PER_READ, Operation, Row, SqlStore, Statement, Verdict, Write, deliveries, unavailable,
};
use crate::contract::{StoreError, Webhooks};
use crate::records::{
    AuditEvent, DeadLetter, DeadLetterCount, DeliveryAdvance, DeliveryFailure, Timestamp, WebhookPause,
    webhook_delivery,
};

const OPEN: &str = "INSERT INTO audit_deliveries (plugin, delivered_sequence, lease_holder, lease_until, updated_at) \
    SELECT $1, last, NULL, NULL, $2 FROM audit_order WHERE slot = 1 ON CONFLICT (plugin) DO NOTHING";
// An event has one letter for each webhook: a second one must not hold up what comes after it.
const BURY: &str = "INSERT INTO webhook_dead_letters \
    (issuer_id, webhook, event_id, event_type, occurred_at, body, status, reason, attempts, failed_at, queued_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL) ON CONFLICT (issuer_id, webhook, event_id) DO NOTHING";
const LIST: &str = "SELECT issuer_id, webhook, event_id, event_type, occurred_at, body, status, reason, attempts, \
    failed_at, queued_at FROM webhook_dead_letters \
    WHERE issuer_id = $1 AND webhook = $2 AND event_id > $3 ORDER BY event_id LIMIT $4";
const COUNT: &str = "SELECT COUNT(*) AS letters, COUNT(queued_at) AS queued FROM webhook_dead_letters \
    WHERE issuer_id = $1 AND webhook = $2";
const QUEUE: &str = "UPDATE webhook_dead_letters SET queued_at = $3 \
    WHERE issuer_id = $1 AND webhook = $2 AND queued_at IS NULL";
const QUEUE_ONE: &str = "UPDATE webhook_dead_letters SET queued_at = $3 \
    WHERE issuer_id = $1 AND webhook = $2 AND queued_at IS NULL AND event_id = $4";
const NEXT: &str = "SELECT issuer_id, webhook, event_id, event_type, occurred_at, body, status, reason, attempts, \
    failed_at, queued_at FROM webhook_dead_letters \
    WHERE issuer_id = $1 AND webhook = $2 AND queued_at IS NOT NULL ORDER BY queued_at, event_id LIMIT 1";
const DELIVERED: &str = "DELETE FROM webhook_dead_letters WHERE issuer_id = $1 AND webhook = $2 AND event_id = $3 \
    AND queued_at = $4";
const FAILED: &str = "UPDATE webhook_dead_letters SET status = $5, reason = $6, attempts = $7, failed_at = $8, \
    queued_at = NULL WHERE issuer_id = $1 AND webhook = $2 AND event_id = $3 AND queued_at = $4";
// Chosen first, so that no more than the limit go.
const DELETE: &str = "DELETE FROM webhook_dead_letters WHERE issuer_id = $1 AND webhook = $2 AND event_id IN \
    (SELECT event_id FROM webhook_dead_letters WHERE issuer_id = $1 AND webhook = $2 AND failed_at < $3 \
    AND queued_at IS NULL ORDER BY failed_at LIMIT $4)";
const PAUSE: &str = "INSERT INTO webhook_pauses (webhook, paused_at, reason) VALUES ($1, $2, $3) \
    ON CONFLICT (webhook) DO NOTHING";
const RESUME: &str = "DELETE FROM webhook_pauses WHERE webhook = $1";
const FIND_PAUSE: &str = "SELECT webhook, paused_at, reason FROM webhook_pauses WHERE webhook = $1";
const FORGET: &str = "DELETE FROM webhook_dead_letters WHERE webhook = $1";

#[async_trait]
impl<DB: Driver> Webhooks for SqlStore<DB> {
    async fn open_webhook(&self, webhook: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(Open { delivery: webhook_delivery(webhook), now }).await
    }

    async fn give_up_event(
        &self,
        advance: &DeliveryAdvance,
        letter: &DeadLetter,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        self.write(GiveUp { advance: advance.clone(), letter: letter.clone(), event: event.clone() }).await
    }

    async fn dead_letters(
        &self,
        issuer_id: &str,
        webhook: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let limit = limit.min(MAX_EVENTS_PER_READ);
        let list = Statement::new(LIST).text(issuer_id).text(webhook).text(after).integer(limit.into());
        self.read(list).await?.iter().map(letter).collect()
    }

    async fn count_dead_letters(&self, issuer_id: &str, webhook: &str) -> Result<DeadLetterCount, StoreError> {
        let count = Statement::new(COUNT).text(issuer_id).text(webhook);
        let Some(row) = self.read_first(count).await? else { return Ok(DeadLetterCount::default()) };
        let (letters, queued) = (row.position("letters")?, row.position("queued")?);
        Ok(DeadLetterCount { dead: letters.saturating_sub(queued), queued })
    }

    async fn queue_dead_letters(
        &self,
        issuer_id: &str,
        webhook: &str,
        event_ids: Option<&[String]>,
        event: &AuditEvent,
    ) -> Result<u64, StoreError> {
        let (issuer_id, webhook) = (issuer_id.to_owned(), webhook.to_owned());
        self.write(Queue { issuer_id, webhook, event_ids: event_ids.map(<[_]>::to_vec), event: event.clone() }).await
    }

    async fn next_queued_letter(&self, issuer_id: &str, webhook: &str) -> Result<Option<DeadLetter>, StoreError> {
        let row = self.read_first(Statement::new(NEXT).text(issuer_id).text(webhook)).await?;
        row.as_ref().map(letter).transpose()
    }

    async fn settle_dead_letter(
        &self,
        letter: &DeadLetter,
        failure: Option<&DeliveryFailure>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(Settle { letter: letter.clone(), failure: failure.cloned(), now }).await
    }

    async fn delete_dead_letters(
        &self,
        issuer_id: &str,
        webhook: &str,
        older_than: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let (issuer_id, webhook) = (issuer_id.to_owned(), webhook.to_owned());
        self.write(Delete { issuer_id, webhook, older_than, limit }).await
    }

    async fn pause_webhook(&self, pause: &WebhookPause, event: &AuditEvent) -> Result<bool, StoreError> {
        self.write(Pause { pause: pause.clone(), event: event.clone() }).await
    }

    async fn resume_webhook(&self, webhook: &str, event: &AuditEvent) -> Result<bool, StoreError> {
        self.write(Resume { webhook: webhook.to_owned(), event: event.clone() }).await
    }

    async fn webhook_pause(&self, webhook: &str) -> Result<Option<WebhookPause>, StoreError> {
        let row = self.read_first(Statement::new(FIND_PAUSE).text(webhook)).await?;
        row.as_ref().map(pause).transpose()
    }
}

struct Open {
    delivery: String,
    now: Timestamp,
}

impl Operation for Open {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let open = Statement::new(OPEN).text(&self.delivery).time(self.now);
        Ok(Verdict::Commit(write.execute(open).await? == 1))
    }
}

struct GiveUp {
    advance: DeliveryAdvance,
    letter: DeadLetter,
    event: AuditEvent,
}

impl Operation for GiveUp {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(deliveries::advance(&self.advance)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        let DeadLetter { issuer_id, webhook, event_id, event_type, occurred_at, body, failure, failed_at, .. } =
            &self.letter;
        let bury = Statement::new(BURY)
            .text(issuer_id)
            .text(webhook)
            .text(event_id)
            .text(event_type)
            .time(*occurred_at)
            .text(body)
            .integer(status_number(failure.status))
            .text(&failure.reason)
            .integer(failure.attempts.into())
            .time(*failed_at);
        write.execute(bury).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

struct Queue {
    issuer_id: String,
    webhook: String,
    /// `None`: all of them.
    event_ids: Option<Vec<String>>,
    event: AuditEvent,
}

impl Operation for Queue {
    type Answer = u64;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<u64>, StoreError> {
        let queue = |sql| Statement::new(sql).text(&self.issuer_id).text(&self.webhook).time(self.event.at);
        let mut queued = 0;
        match &self.event_ids {
            None => queued += write.execute(queue(QUEUE)).await?,
            Some(ids) => {
                for id in ids {
                    queued += write.execute(queue(QUEUE_ONE).text(id)).await?;
                }
            }
        }
        if queued > 0 {
            let detail = json!({"letters": queued});
            write.append_events(&[&AuditEvent { detail, ..self.event.clone() }]).await?;
        }
        Ok(Verdict::Commit(queued))
    }
}

struct Settle {
    letter: DeadLetter,
    failure: Option<DeliveryFailure>,
    now: Timestamp,
}

impl Operation for Settle {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let DeadLetter { issuer_id, webhook, event_id, queued_at, .. } = &self.letter;
        let of_letter =
            |sql| Statement::new(sql).text(issuer_id).text(webhook).text(event_id).optional_time(*queued_at);
        let settle = match &self.failure {
            None => of_letter(DELIVERED),
            Some(DeliveryFailure { status, reason, attempts }) => of_letter(FAILED)
                .integer(status_number(*status))
                .text(reason)
                .integer((*attempts).into())
                .time(self.now),
        };
        Ok(Verdict::Commit(write.execute(settle).await? == 1))
    }
}

struct Delete {
    issuer_id: String,
    webhook: String,
    older_than: Timestamp,
    limit: u32,
}

impl Operation for Delete {
    type Answer = u64;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<u64>, StoreError> {
        let delete = Statement::new(DELETE).text(&self.issuer_id).text(&self.webhook);
        let deleted = write.execute(delete.time(self.older_than).integer(self.limit.into())).await?;
        Ok(Verdict::Commit(deleted))
    }
}

struct Pause {
    pause: WebhookPause,
    event: AuditEvent,
}

impl Operation for Pause {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let WebhookPause { webhook, paused_at, reason } = &self.pause;
        if write.execute(Statement::new(PAUSE).text(webhook).time(*paused_at).text(reason)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

struct Resume {
    webhook: String,
    event: AuditEvent,
}

impl Operation for Resume {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(Statement::new(RESUME).text(&self.webhook)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// A webhook that is gone for good leaves neither letters nor a pause.
    pub(super) async fn forget_webhook(&mut self, webhook: &str) -> Result<(), StoreError> {
        self.execute(Statement::new(FORGET).text(webhook)).await?;
        self.execute(Statement::new(RESUME).text(webhook)).await?;
        Ok(())
    }
}

fn letter<DB: Driver>(row: &Row<DB>) -> Result<DeadLetter, StoreError> {
    let status = u16::try_from(row.integer("status")?).map_err(unavailable)?;
    Ok(DeadLetter {
        issuer_id: row.text("issuer_id")?,
        webhook: row.text("webhook")?,
        event_id: row.text("event_id")?,
        event_type: row.text("event_type")?,
        occurred_at: row.time("occurred_at")?,
        body: row.text("body")?,
        failure: DeliveryFailure {
            status: Some(status).filter(|status| *status != 0),
            reason: row.text("reason")?,
            attempts: u32::try_from(row.integer("attempts")?).map_err(unavailable)?,
        },
        failed_at: row.time("failed_at")?,
        queued_at: row.optional_time("queued_at")?,
    })
}

/// 0: nobody answered.
fn status_number(status: Option<u16>) -> i64 {
    status.map_or(0, i64::from)
}

fn pause<DB: Driver>(row: &Row<DB>) -> Result<WebhookPause, StoreError> {
    Ok(WebhookPause { webhook: row.text("webhook")?, paused_at: row.time("paused_at")?, reason: row.text("reason")? })
}
