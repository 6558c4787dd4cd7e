//! Writes as values, and the transactions that they run in.

use std::future::Future;

use sqlx::{Acquire as _, Pool, Transaction};

#[cfg(test)]
use super::fault;
use super::{Driver, Row, Statement, unavailable};
use crate::contract::StoreError;

/// How often a write is run before a deadlock or a serialization failure is the caller's.
const MAX_ATTEMPTS: u32 = 5;

/// A write as a value: it owns what it writes, so that it can be run again, by another task, and beside others
/// in one transaction.
pub(crate) trait Operation: Send + Sync + 'static {
    type Answer: Send + 'static;

    fn run<DB: Driver>(
        &self,
        write: &mut Write<'_, DB>,
    ) -> impl Future<Output = Result<Verdict<Self::Answer>, StoreError>> + Send;
}

/// What becomes of the rows that an operation wrote.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    Commit(T),
    RollBack(T),
}

/// The connections that write.
#[derive(Debug)]
pub(super) struct Writer<DB: Driver> {
    pool: Pool<DB>,
}

impl<DB: Driver> Clone for Writer<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<DB: Driver> Writer<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Self {
        Self { pool }
    }

    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Runs the operation in a transaction of its own.
    pub(super) async fn run<O: Operation>(&self, operation: &O) -> Result<O::Answer, StoreError> {
        for _ in 1..MAX_ATTEMPTS {
            match self.attempt(operation).await {
                Err(error) if DB::is_transient(&error) => tracing::debug!(?error, "runs a write again"),
                done => return done,
            }
        }
        self.attempt(operation).await
    }

    async fn attempt<O: Operation>(&self, operation: &O) -> Result<O::Answer, StoreError> {
        let mut write = self.begin().await?;
        match operation.run(&mut write).await? {
            Verdict::Commit(answer) => write.commit().await.map(|()| answer),
            Verdict::RollBack(answer) => write.roll_back().await.map(|()| answer),
        }
    }

    pub(super) async fn begin(&self) -> Result<Write<'static, DB>, StoreError> {
        let transaction = self.pool.begin_with(DB::BEGIN_WRITE).await.map_err(unavailable)?;
        Ok(Write { transaction })
    }
}

/// A write transaction, or a savepoint in one. Dropped without `commit` it leaves nothing.
pub(crate) struct Write<'c, DB: Driver> {
    transaction: Transaction<'c, DB>,
}

impl<DB: Driver> Write<'_, DB> {
    /// Answers how many rows the statement changed.
    pub(super) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        DB::execute(&mut self.transaction, statement).await
    }

    pub(super) async fn fetch(&mut self, statement: Statement<'_>) -> Result<Vec<Row<DB>>, StoreError> {
        DB::fetch(&mut self.transaction, statement).await
    }

    pub(super) async fn fetch_first(&mut self, statement: Statement<'_>) -> Result<Option<Row<DB>>, StoreError> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    pub(super) async fn savepoint(&mut self) -> Result<Write<'_, DB>, StoreError> {
        let transaction = self.transaction.begin().await.map_err(unavailable)?;
        Ok(Write { transaction })
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        #[cfg(test)]
        fault::step()?;
        self.transaction.commit().await.map_err(unavailable)
    }

    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(unavailable)
    }
}
