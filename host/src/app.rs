//! What a process is made of. `App::open` puts it together from the configuration; every subcommand and every
//! test starts here, so that there is one way to do it.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_keys::{Entropy, Keyring, SystemEntropy};
use chancery_sandbox::Sandbox;
use chancery_store::{Store, StoreOptions};

use crate::audit::Delivery;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::http::{AppState, Readiness};
use crate::issuance::Issuance;
use crate::issuance::error::{Error, with_causes};
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuers};
use crate::issuance::setup::Setup;
use crate::jobs::Jobs;
use crate::oauth::AuthorizationServer;
use crate::plugins::controls::Board;
use crate::status::StatusLists;
use crate::webhooks::Webhooks;
use crate::webhooks::board::Board as WebhookBoard;
use crate::{kek, plugins, webhooks};

/// Something that keeps a subcommand from starting, in words for an operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    pub(crate) fn because(what: impl std::fmt::Display, error: &(dyn std::error::Error + 'static)) -> Self {
        Self(format!("{what}: {}", with_causes(error)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring the database to this release's schema and the configuration's public URL, and make what is missing.
    Apply,
    /// Change nothing by opening: refuse a database of another schema or public URL.
    Check,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plugins {
    Run,
    /// The subcommand issues nothing.
    Leave,
}

/// What the process finds around it. Tests bring a clock of their own.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    /// The `chancery` binary: plugins are compiled in a child process of it.
    pub program: PathBuf,
}

impl Surroundings {
    pub fn system() -> Result<Self, StartError> {
        let program =
            std::env::current_exe().map_err(|e| StartError::because("this program's file is not known", &e))?;
        Ok(Self { clock: Arc::new(SystemClock), program })
    }
}

pub struct App {
    pub config: Arc<Config>,
    pub store: Arc<dyn Store>,
    pub keyring: Arc<Keyring>,
    pub issuers: Arc<Issuers>,
    pub issuance: Arc<Issuance>,
    pub oauth: Arc<AuthorizationServer>,
    /// Publishing is not started yet: `serve` does that.
    pub status: Arc<StatusLists>,
    /// Nobody works on them yet: `serve` starts that.
    pub jobs: Arc<Jobs>,
    pub sandbox: Option<Sandbox>,
    /// Not started yet: `serve` does that.
    pub audit: Option<Delivery>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    pub async fn open(config: Config, migrate: Migrate, run: Plugins) -> Result<Self, StartError> {
        Self::open_in(Surroundings::system()?, config, migrate, run).await
    }

    pub async fn open_in(
        Surroundings { clock, program }: Surroundings,
        config: Config,
        migrate: Migrate,
        run: Plugins,
    ) -> Result<Self, StartError> {
        let base = Base::open(clock, config, migrate).await?;
        let sandbox = match run {
            Plugins::Run => Some(base.start_plugins(program).await?),
            Plugins::Leave => None,
        };
        base.build(sandbox)
    }

    pub fn plugin_board(&self) -> Board {
        Board::new(self.sandbox.clone(), Arc::clone(&self.store), Arc::clone(&self.clock))
    }

    pub fn webhook_board(&self) -> WebhookBoard {
        let webhooks = self.config.webhooks.clone();
        WebhookBoard::new(webhooks, Arc::clone(&self.store), self.audit.clone(), Arc::clone(&self.clock))
    }

    /// The webhooks, ready to go; `None` where nothing gives events their order.
    pub async fn webhooks(&self) -> Result<Option<Webhooks>, StartError> {
        let Some(delivery) = &self.audit else { return Ok(None) };
        let Self { config, store, clock, entropy, .. } = self;
        Webhooks::open(webhooks::Surroundings { config, store, delivery, clock, entropy }).await.map(Some)
    }

    pub fn http_state(&self) -> AppState {
        let readiness = Readiness::new(
            Arc::clone(&self.store),
            self.sandbox.clone(),
            self.audit.clone(),
            Arc::clone(&self.issuers),
        );
        AppState {
            issuance: Arc::clone(&self.issuance),
            issuers: Arc::clone(&self.issuers),
            oauth: Arc::clone(&self.oauth),
            readiness: Arc::new(readiness),
            plugins: Arc::new(self.plugin_board()),
            webhooks: Arc::new(self.webhook_board()),
            status: Arc::clone(&self.status),
            jobs: Arc::clone(&self.jobs),
            clock: Arc::clone(&self.clock),
            server: Arc::new(self.config.server.clone()),
        }
    }
}

/// What everything else stands on.
struct Base {
    config: Config,
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    issuers: Arc<Issuers>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Base {
    async fn open(clock: Arc<dyn Clock>, config: Config, migrate: Migrate) -> Result<Self, StartError> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        if migrate == Migrate::Apply {
            private_directory(&config.data.dir)?;
        }
        let options = StoreOptions { migrate: migrate == Migrate::Apply, ..StoreOptions::default() };
        let store = chancery_store::connect(&config.store_url(), &options)
            .await
            .map_err(|e| StartError::because("the store cannot be opened", &e))?;
        let keyring = Arc::new(match migrate {
            Migrate::Apply => kek::load_or_make(&config.kek_file(), store.as_ref(), entropy.as_ref()).await?,
            Migrate::Check => kek::load(&config.kek_file())?,
        });
        let broken = |e: Error| StartError::because("the issuers cannot be set up", &e);
        let setup =
            Setup { store: store.as_ref(), keyring: &keyring, clock: clock.as_ref(), entropy: entropy.as_ref() };
        let url = &config.server.public_url;
        match migrate {
            Migrate::Apply => setup.ensure_all(url).await.map_err(broken)?,
            Migrate::Check => setup.check_default(url).await.map_err(broken)?,
        }
        let issuers = Issuers::load(Arc::clone(&store), Arc::clone(&keyring)).await.map_err(broken)?;
        if let Some(reason) = issuers.unusable().get(DEFAULT_ISSUER) {
            return Err(StartError(format!("the default issuer is unusable: {reason}")));
        }
        Ok(Self { config, store, keyring, issuers: Arc::new(issuers), clock, entropy })
    }

    async fn start_plugins(&self, program: PathBuf) -> Result<Sandbox, StartError> {
        let Self { config, store, keyring, clock, entropy, .. } = self;
        plugins::start(plugins::Surroundings { config, keyring, store, clock, entropy, program }).await
    }

    fn build(self, sandbox: Option<Sandbox>) -> Result<App, StartError> {
        let Self { config, store, keyring, issuers, clock, entropy } = self;
        let deliver = |sandbox| Delivery::new(Arc::clone(&store), sandbox, Arc::clone(&clock), &config);
        let audit = sandbox.clone().map(deliver);
        let status = Arc::new(StatusLists::new(
            Arc::clone(&store),
            Arc::clone(&keyring),
            Arc::clone(&issuers),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config.status.clone(),
        ));
        let mut issuance = Issuance::new(
            Arc::clone(&store),
            sandbox.clone(),
            Arc::clone(&keyring),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config.issuance.clone(),
        );
        issuance = issuance.with_status_lists(Arc::clone(&status));
        issuance = issuance.with_policies(config.policies().map_err(StartError)?);
        if let Some(delivery) = audit.clone().filter(|_| !config.audit.required.is_empty()) {
            issuance = issuance.requiring(Arc::new(delivery));
        }
        let issuance = Arc::new(issuance);
        let oauth = Arc::new(AuthorizationServer::new(
            Arc::clone(&store),
            Arc::clone(&issuance),
            Arc::clone(&clock),
            Arc::clone(&entropy),
        ));
        let jobs = Arc::new(Jobs::new(
            Arc::clone(&store),
            Arc::clone(&issuance),
            Arc::clone(&issuers),
            Arc::clone(&keyring),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config.jobs.clone(),
        ));
        let config = Arc::new(config);
        Ok(App { config, store, keyring, issuers, issuance, oauth, status, jobs, sandbox, audit, clock, entropy })
    }
}

/// The directory of the database and the key-encryption key: for us alone.
fn private_directory(path: &Path) -> Result<(), StartError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| StartError::because(format!("the directory {} cannot be made", path.display()), &e))
}
