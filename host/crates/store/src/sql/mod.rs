//! The one implementation of the contract, generic over the database; one file an owner of the contract.
//! SQL texts are shared by all databases; what differs stands in `driver::Dialect`.
//!
//! Every write is one transaction whose first statement writes, so that racing writers queue up there and
//! nothing is decided on what another one is about to change.

mod clients;
mod configurations;
mod driver;
#[cfg(test)]
pub(crate) mod fault;
mod housekeeping;
mod issuances;
mod issuers;
mod keys;
mod offers;
mod outbox;

use sqlx::{Acquire as _, Pool, Transaction};

pub(crate) use driver::{Dialect, Driver, Row, Statement, unavailable};
pub use outbox::MAX_EVENTS_PER_READ;

use crate::contract::{Store, StoreError};

#[derive(Debug)]
pub(crate) struct SqlStore<DB: Driver> {
    readers: Pool<DB>,
    /// On SQLite a pool of one: writers queue here instead of polling the file's lock.
    writer: Pool<DB>,
}

impl<DB: Driver> Store for SqlStore<DB> {}

impl<DB: Driver> SqlStore<DB> {
    pub(crate) fn new(readers: Pool<DB>, writer: Pool<DB>) -> Self {
        Self { readers, writer }
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &Pool<DB> {
        &self.writer
    }

    #[cfg(test)]
    pub(crate) fn readers(&self) -> &Pool<DB> {
        &self.readers
    }

    async fn begin(&self) -> Result<Write<'static, DB>, StoreError> {
        let transaction = self.writer.begin_with(DB::BEGIN_WRITE).await.map_err(unavailable)?;
        Ok(Write { transaction })
    }

    async fn read(&self, statement: Statement<'_>) -> Result<Vec<Row<DB>>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(unavailable)?;
        DB::fetch(&mut connection, statement).await
    }

    async fn read_first(&self, statement: Statement<'_>) -> Result<Option<Row<DB>>, StoreError> {
        Ok(self.read(statement).await?.into_iter().next())
    }
}

/// A write transaction, or a savepoint in one. Dropped without `commit` it leaves nothing.
struct Write<'c, DB: Driver> {
    transaction: Transaction<'c, DB>,
}

impl<DB: Driver> Write<'_, DB> {
    /// Answers how many rows the statement changed.
    async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        DB::execute(&mut self.transaction, statement).await
    }

    async fn fetch(&mut self, statement: Statement<'_>) -> Result<Vec<Row<DB>>, StoreError> {
        DB::fetch(&mut self.transaction, statement).await
    }

    async fn fetch_first(&mut self, statement: Statement<'_>) -> Result<Option<Row<DB>>, StoreError> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    async fn savepoint(&mut self) -> Result<Write<'_, DB>, StoreError> {
        let transaction = self.transaction.begin().await.map_err(unavailable)?;
        Ok(Write { transaction })
    }

    async fn commit(self) -> Result<(), StoreError> {
        #[cfg(test)]
        fault::step()?;
        self.transaction.commit().await.map_err(unavailable)
    }

    async fn rollback(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(unavailable)
    }
}
