use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write, unavailable};
use crate::contract::{Deferred, StoreError};
use crate::records::{
    AuditEvent, DeferredLease, DeferredLeasing, DeferredRecord, DeferredState, DeferredUpdate, IssuanceBatch,
    IssuanceOutcome, MAX_PENDING_PER_OFFER, Timestamp,
};

macro_rules! columns {
    () => {
        "issuer_id, transaction_hash, offer_id, configuration_id, configuration_version, kind, sealed_state, state, \
         attempts, created_at, poll_after, expires_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO deferred_transactions (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);
const FIND: &str =
    concat!("SELECT ", columns!(), " FROM deferred_transactions WHERE issuer_id = $1 AND transaction_hash = $2");
// Changes nothing: whoever defers for the offer waits here for the one before him, and then counts his row too.
const LOCK_OFFER: &str = "UPDATE offers SET tx_attempts_left = tx_attempts_left WHERE issuer_id = $1 AND offer_id = $2";
const COUNT_PENDING: &str = "SELECT COUNT(*) AS pending FROM deferred_transactions \
    WHERE issuer_id = $1 AND offer_id = $2 AND state = 'pending' AND expires_at > $3";
const LEASE: &str = concat!(
    "UPDATE deferred_transactions SET lease_holder = $3, lease_until = $4, attempts = attempts + 1 \
     WHERE issuer_id = $1 AND transaction_hash = $2 AND state = 'pending' AND expires_at > $5 \
     AND (lease_until IS NULL OR lease_until <= $5) RETURNING ",
    columns!()
);
// What the holder of a lease writes: the condition is the same in all, and the first statement of each, so that a
// racer waits there and then finds the lease taken, given up, or the transaction ended.
const UPDATE: &str = "UPDATE deferred_transactions \
    SET kind = $4, sealed_state = $5, poll_after = $6, lease_holder = NULL, lease_until = NULL \
    WHERE issuer_id = $1 AND transaction_hash = $2 AND lease_holder = $3 AND state = 'pending'";
const RELEASE: &str = "UPDATE deferred_transactions SET lease_holder = NULL, lease_until = NULL \
    WHERE issuer_id = $1 AND transaction_hash = $2 AND lease_holder = $3 AND state = 'pending'";
const FINISH: &str = "UPDATE deferred_transactions \
    SET state = 'finished', sealed_state = $4, lease_holder = NULL, lease_until = NULL \
    WHERE issuer_id = $1 AND transaction_hash = $2 AND lease_holder = $3 AND state = 'pending'";
const FAIL: &str = "DELETE FROM deferred_transactions \
    WHERE issuer_id = $1 AND transaction_hash = $2 AND lease_holder = $3 AND state = 'pending'";

#[async_trait]
impl<DB: Driver> Deferred for SqlStore<DB> {
    async fn create_deferred(
        &self,
        deferred: &DeferredRecord,
        issuance: &IssuanceBatch,
    ) -> Result<IssuanceOutcome, StoreError> {
        self.write(Create { deferred: deferred.clone(), issuance: issuance.clone() }).await
    }

    async fn find_deferred(
        &self,
        issuer_id: &str,
        transaction_hash: &str,
    ) -> Result<Option<DeferredRecord>, StoreError> {
        let row = self.read_first(Statement::new(FIND).text(issuer_id).text(transaction_hash)).await?;
        row.as_ref().map(deferred).transpose()
    }

    async fn lease_deferred(&self, lease: &DeferredLease, now: Timestamp) -> Result<DeferredLeasing, StoreError> {
        self.write(Lease { lease: lease.clone(), now }).await
    }

    async fn update_deferred(
        &self,
        lease: &DeferredLease,
        update: &DeferredUpdate,
        issuance: &IssuanceBatch,
    ) -> Result<Option<IssuanceOutcome>, StoreError> {
        self.write(GoOn { lease: lease.clone(), update: Some(update.clone()), issuance: issuance.clone() }).await
    }

    async fn release_deferred(&self, lease: &DeferredLease) -> Result<bool, StoreError> {
        self.write(Release { lease: lease.clone() }).await
    }

    async fn finish_deferred(
        &self,
        lease: &DeferredLease,
        issuance: &IssuanceBatch,
    ) -> Result<Option<IssuanceOutcome>, StoreError> {
        self.write(GoOn { lease: lease.clone(), update: None, issuance: issuance.clone() }).await
    }

    async fn fail_deferred(&self, lease: &DeferredLease, event: &AuditEvent) -> Result<bool, StoreError> {
        self.write(Fail { lease: lease.clone(), event: event.clone() }).await
    }
}

struct Create {
    deferred: DeferredRecord,
    issuance: IssuanceBatch,
}

impl Operation for Create {
    type Answer = IssuanceOutcome;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<IssuanceOutcome>, StoreError> {
        if write.has_too_many_pending(&self.deferred).await? {
            return Ok(Verdict::RollBack(IssuanceOutcome::TooManyPending));
        }
        let outcome = write.record_one(&self.issuance).await?;
        if outcome == IssuanceOutcome::Recorded {
            write.execute(insert(&self.deferred)).await?;
        }
        // Of a refused issuance nothing is left to be taken back.
        Ok(Verdict::Commit(outcome))
    }
}

struct Lease {
    lease: DeferredLease,
    now: Timestamp,
}

impl Operation for Lease {
    type Answer = DeferredLeasing;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<DeferredLeasing>, StoreError> {
        let take = of_holder(LEASE, &self.lease).time(self.lease.until).time(self.now);
        if let Some(row) = write.fetch_first(take).await? {
            return Ok(Verdict::Commit(DeferredLeasing::Leased(Box::new(deferred(&row)?))));
        }
        let find = Statement::new(FIND).text(&self.lease.issuer_id).text(&self.lease.transaction_hash);
        let found = write.fetch_first(find).await?.as_ref().map(deferred).transpose()?;
        let alive = found.is_some_and(|found| found.state == DeferredState::Pending && found.expires_at > self.now);
        Ok(Verdict::Commit(if alive { DeferredLeasing::Busy } else { DeferredLeasing::Gone }))
    }
}

/// What came of a lease, with what it issues.
struct GoOn {
    lease: DeferredLease,
    /// `None`: the transaction is finished.
    update: Option<DeferredUpdate>,
    issuance: IssuanceBatch,
}

impl Operation for GoOn {
    type Answer = Option<IssuanceOutcome>;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Self::Answer>, StoreError> {
        let change = match &self.update {
            Some(update) => {
                of_holder(UPDATE, &self.lease).text(&update.kind).bytes(&update.sealed_state).time(update.poll_after)
            }
            None => of_holder(FINISH, &self.lease).bytes(&[]),
        };
        if write.execute(change).await? == 0 {
            return Ok(Verdict::Commit(None));
        }
        match write.record_one(&self.issuance).await? {
            IssuanceOutcome::Recorded => Ok(Verdict::Commit(Some(IssuanceOutcome::Recorded))),
            refusal => Ok(Verdict::RollBack(Some(refusal))),
        }
    }
}

struct Release {
    lease: DeferredLease,
}

impl Operation for Release {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        Ok(Verdict::Commit(write.execute(of_holder(RELEASE, &self.lease)).await? == 1))
    }
}

struct Fail {
    lease: DeferredLease,
    event: AuditEvent,
}

impl Operation for Fail {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        if write.execute(of_holder(FAIL, &self.lease)).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

impl<DB: Driver> Write<'_, DB> {
    /// Comes before all else that is locked, so that no two who defer wait for each other.
    async fn has_too_many_pending(&mut self, new: &DeferredRecord) -> Result<bool, StoreError> {
        let Some(offer_id) = &new.offer_id else { return Ok(false) };
        self.execute(Statement::new(LOCK_OFFER).text(&new.issuer_id).text(offer_id)).await?;
        let count = Statement::new(COUNT_PENDING).text(&new.issuer_id).text(offer_id).time(new.created_at);
        let pending = self.fetch_first(count).await?.map_or(Ok(0), |row| row.integer("pending"))?;
        Ok(pending >= i64::from(MAX_PENDING_PER_OFFER))
    }

    async fn record_one(&mut self, issuance: &IssuanceBatch) -> Result<IssuanceOutcome, StoreError> {
        let outcome = self.record(&[issuance]).await?.into_iter().next();
        outcome.ok_or_else(|| unavailable("an issuance has no outcome"))
    }
}

/// Binds `$1` to `$3`.
fn of_holder<'q>(sql: &'static str, lease: &'q DeferredLease) -> Statement<'q> {
    Statement::new(sql).text(&lease.issuer_id).text(&lease.transaction_hash).text(&lease.holder)
}

fn insert(deferred: &DeferredRecord) -> Statement<'_> {
    Statement::new(INSERT)
        .text(&deferred.issuer_id)
        .text(&deferred.transaction_hash)
        .optional_text(deferred.offer_id.as_deref())
        .text(&deferred.configuration_id)
        .integer(deferred.configuration_version)
        .text(&deferred.kind)
        .bytes(&deferred.sealed_state)
        .text(state_text(deferred.state))
        .integer(deferred.attempts)
        .time(deferred.created_at)
        .time(deferred.poll_after)
        .time(deferred.expires_at)
        .creates("deferred transaction")
}

fn deferred<DB: Driver>(row: &Row<DB>) -> Result<DeferredRecord, StoreError> {
    Ok(DeferredRecord {
        issuer_id: row.text("issuer_id")?,
        transaction_hash: row.text("transaction_hash")?,
        offer_id: row.optional_text("offer_id")?,
        configuration_id: row.text("configuration_id")?,
        configuration_version: row.integer("configuration_version")?,
        kind: row.text("kind")?,
        sealed_state: row.bytes("sealed_state")?,
        state: parse_state(&row.text("state")?)?,
        attempts: row.integer("attempts")?,
        created_at: row.time("created_at")?,
        poll_after: row.time("poll_after")?,
        expires_at: row.time("expires_at")?,
    })
}

fn state_text(state: DeferredState) -> &'static str {
    match state {
        DeferredState::Pending => "pending",
        DeferredState::Finished => "finished",
    }
}

fn parse_state(text: &str) -> Result<DeferredState, StoreError> {
    match text {
        "pending" => Ok(DeferredState::Pending),
        "finished" => Ok(DeferredState::Finished),
        other => Err(unavailable(format!("a deferred transaction has the unknown state {other}"))),
    }
}
