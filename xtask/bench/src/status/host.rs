//! The host's own services in this process, without HTTP.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use chancery::{
    app::{App, Migrate, Plugins},
    config::{Config, Status},
    issuance::issuers::{DEFAULT_ISSUER, Issuer},
};
use chancery_credential::status::Purpose;
use chancery_store::{
    StatusSlot, Store,
    test_util::{PostgresServer, TestServerError},
};
use tokio::runtime::Runtime;

use crate::{Result, example::ISSUER};

/// Those of the example's configurations.
pub(crate) const PURPOSES: [Purpose; 2] = [Purpose::Revocation, Purpose::Suspension];

/// What a figure's id ends with, and its name in tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Database {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
}

impl Database {
    pub(crate) const SQLITE: Self = Self { id: "sqlite", name: "SQLite" };
    pub(crate) const POSTGRESQL: Self = Self { id: "postgres", name: "PostgreSQL" };
}

pub(crate) struct Host {
    pub(crate) app: App,
    pub(crate) issuer: Arc<Issuer>,
}

impl Host {
    /// With its files in `dir`. Without the URL of a database: SQLite there.
    pub(crate) async fn open(dir: &Path, database: Option<String>, status: Status) -> Result<Self> {
        let mut config = Config { status, ..Config::default() };
        ISSUER.clone_into(&mut config.server.public_url);
        dir.clone_into(&mut config.data.dir);
        config.store.url = database;
        let app = App::open(config, Migrate::Apply, Plugins::Leave).await?;
        let issuer = app.issuers.get(DEFAULT_ISSUER).ok_or("the default issuer is not there")?;
        Ok(Self { app, issuer })
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.app.store.as_ref()
    }

    /// Entries for so many credentials.
    pub(crate) async fn allocate(&self, count: usize) -> Result<Vec<Vec<StatusSlot>>> {
        Ok(self.app.status.allocate(&self.issuer, &PURPOSES, count).await?)
    }

    /// The file of a SQLite database that no URL was given for.
    pub(crate) fn database_file(dir: &Path) -> PathBuf {
        dir.join("chancery.db")
    }
}

/// On SQLite, and on PostgreSQL where that is installed: each time a host with a new database.
pub(crate) fn on_each_database(
    runtime: &Runtime,
    dir: &Path,
    mut measure: impl FnMut(Database, &Arc<Host>) -> Result<()>,
) -> Result<()> {
    let mut on = |database: Database, url| -> Result<()> {
        let host = Arc::new(runtime.block_on(Host::open(&dir.join(database.id), url, Status::default()))?);
        measure(database, &host)?;
        runtime.block_on(host.store().close());
        Ok(())
    };
    on(Database::SQLITE, None)?;
    match PostgresServer::start() {
        Ok(server) => on(Database::POSTGRESQL, Some(server.create_database()?)),
        Err(TestServerError::NotInstalled) => {
            eprintln!("PostgreSQL is not installed: only SQLite is measured");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
