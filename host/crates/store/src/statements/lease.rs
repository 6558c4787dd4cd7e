//! A connection that is used for one run. It goes back to its pool only when the run said that it is clean: after a
//! timeout, a limit or a dropped run nobody knows what is still on the wire, and the database may still be working.

use std::time::Duration;

use sqlx::Pool;
use sqlx::pool::PoolConnection;

use super::backend::Dialect;

/// How long the database may take to end what is not wanted any more, before its connection is closed all the same.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Dropped without `give_back` it ends the run on the database and closes the connection; until that is done the
/// connection counts against the pool's limit, so that nobody can pile up work by giving up.
pub(super) struct Lease<DB: Dialect> {
    connection: Option<PoolConnection<DB>>,
    session: Option<DB::Session>,
    control: Pool<DB>,
}

impl<DB: Dialect> Lease<DB> {
    /// `control` has a connection to end runs with.
    pub(super) fn new(connection: PoolConnection<DB>, control: Pool<DB>) -> Self {
        Self { connection: Some(connection), session: None, control }
    }

    /// `PoolClosed` after it was given back.
    pub(super) fn connection(&mut self) -> sqlx::Result<&mut DB::Connection> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// From here on there is something to end.
    pub(super) fn began(&mut self, session: DB::Session) {
        self.session = Some(session);
    }

    /// The transaction has ended and nothing is under way.
    pub(super) fn give_back(&mut self) {
        self.session = None;
        self.connection = None;
    }
}

impl<DB: Dialect> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        connection.close_on_drop();
        let Some(session) = self.session.take() else { return };
        let control = self.control.clone();
        tokio::spawn(async move {
            // It is closed in any case, and the database has the timeout of the statement beside.
            let cancelled = tokio::time::timeout(CANCEL_TIMEOUT, DB::cancel(&control, session)).await;
            if !matches!(cancelled, Ok(Ok(()))) {
                tracing::debug!("a statement that was given up could not be ended on its database");
            }
            drop(connection);
        });
    }
}
