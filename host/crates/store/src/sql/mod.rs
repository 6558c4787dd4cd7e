//! The one implementation of the contract, generic over the database; one file an owner of the contract.
//! SQL texts are shared by all databases; what differs stands in `driver::Dialect`.
//!
//! Every write is an `Operation` that runs in one transaction, of its own or shared with others (`group`). Its
//! first statement writes or locks, so that racing writers queue up there and nothing is decided on what another one is
//! about to change; what makes a write right stands in that statement's condition.

mod audit_order;
mod clients;
mod configurations;
mod credentials;
mod deferred;
mod deliveries;
mod driver;
#[cfg(test)]
pub(crate) mod fault;
mod group;
mod housekeeping;
mod issuances;
mod issuers;
mod job_items;
mod jobs;
mod keys;
mod offers;
mod outbox;
mod plugin_controls;
mod replacements;
mod replies;
mod search;
mod status_changes;
mod status_lists;
mod tombstones;
mod webhooks;
mod write;

use sqlx::Pool;

#[cfg(test)]
pub(crate) use credentials::OUTLIVED;
pub(crate) use driver::{Dialect, Driver, Row, Statement, StatementBuilder, unavailable};
pub use outbox::MAX_EVENTS_PER_READ;
#[cfg(test)]
pub(crate) use replacements::FIND_CURRENT;
#[cfg(test)]
pub(crate) use replies::EMPTY_OF_CREDENTIAL;
pub use search::MAX_CREDENTIALS_PER_READ;
#[cfg(test)]
pub(crate) use search::search;

use crate::contract::{Store, StoreError};
use group::GroupCommit;
use write::{Operation, Verdict, Write, Writer};

/// Groups of status changes that are written side by side, where they are apart from other writes. They would wait for
/// each other at the row of their list.
pub(crate) const STATUS_GROUPS: u32 = 1;

#[derive(Debug)]
pub(crate) struct SqlStore<DB: Driver> {
    readers: Pool<DB>,
    writer: Writer<DB>,
    group: GroupCommit<DB>,
    statuses: GroupCommit<DB>,
}

impl<DB: Driver> Store for SqlStore<DB> {}

impl<DB: Driver> SqlStore<DB> {
    /// Both pools may be one. To be called in a runtime, where the tasks of the group commit run.
    pub(crate) fn new(readers: Pool<DB>, writer: Pool<DB>) -> Self {
        let writer = Writer::new(writer);
        let group = GroupCommit::start(&writer, DB::GROUPS);
        let statuses = if DB::GROUPS_EVERY_WRITE { group.clone() } else { GroupCommit::start(&writer, STATUS_GROUPS) };
        Self { readers, writer, group, statuses }
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &Pool<DB> {
        self.writer.pool()
    }

    #[cfg(test)]
    pub(crate) fn readers(&self) -> &Pool<DB> {
        &self.readers
    }

    async fn write<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        if DB::GROUPS_EVERY_WRITE { self.group.run(operation).await } else { self.writer.run(&operation).await }
    }

    async fn read(&self, statement: Statement<'_>) -> Result<Vec<Row<DB>>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(unavailable)?;
        DB::fetch(&mut connection, statement).await
    }

    async fn read_first(&self, statement: Statement<'_>) -> Result<Option<Row<DB>>, StoreError> {
        Ok(self.read(statement).await?.into_iter().next())
    }
}
