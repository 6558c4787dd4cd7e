//! What a process is made of. `App::open` puts it together from the configuration; every subcommand and every
//! test starts here, so that there is one way to do it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_keys::{Entropy, KeyEncryptionKey, Keyring, SystemEntropy};
use chancery_sandbox::Sandbox;
use chancery_store::{Store, StoreOptions};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::http::{AppState, Readiness};
use crate::issuance::Issuance;
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuers};
use crate::issuance::publish::ensure_issuer;
use crate::oauth::AuthorizationServer;
use crate::plugins;

/// Something that keeps a subcommand from starting, in words for an operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    pub(crate) fn because(what: impl std::fmt::Display, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            // Wrappers often repeat their cause's text.
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self(text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring the database to this release's schema.
    Apply,
    /// Refuse a database of another schema.
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
        let program = std::env::current_exe().map_err(|e| StartError::because("this program's file is not known", &e))?;
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
    pub sandbox: Option<Sandbox>,
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
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        private_directory(&config.data.dir)?;
        let options = StoreOptions { migrate: migrate == Migrate::Apply, ..StoreOptions::default() };
        let store = chancery_store::connect(&config.store_url(), &options)
            .await
            .map_err(|e| StartError::because("the store cannot be opened", &e))?;
        let keyring = Arc::new(load_keyring(&config.kek_file(), store.as_ref(), entropy.as_ref()).await?);
        let broken = |e: crate::issuance::error::Error| StartError::because("the default issuer cannot be set up", &e);
        let url = &config.server.public_url;
        ensure_issuer(store.as_ref(), &keyring, clock.as_ref(), entropy.as_ref(), DEFAULT_ISSUER, url, None)
            .await
            .map_err(broken)?;
        let issuers = Issuers::load(Arc::clone(&store), Arc::clone(&keyring)).await.map_err(broken)?;
        let issuers = Arc::new(issuers);
        let sandbox = match run {
            Plugins::Run => Some(plugins::start(&config, &keyring, program).await?),
            Plugins::Leave => None,
        };
        let issuance = Arc::new(Issuance::new(
            Arc::clone(&store),
            sandbox.clone(),
            Arc::clone(&keyring),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config.issuance.clone(),
        ));
        let oauth = Arc::new(AuthorizationServer::new(
            Arc::clone(&store),
            Arc::clone(&issuance),
            Arc::clone(&clock),
            Arc::clone(&entropy),
        ));
        Ok(Self { config: Arc::new(config), store, keyring, issuers, issuance, oauth, sandbox, clock, entropy })
    }

    pub fn http_state(&self) -> AppState {
        let readiness = Readiness::new(Arc::clone(&self.store), self.sandbox.clone(), Arc::clone(&self.issuers));
        AppState {
            issuance: Arc::clone(&self.issuance),
            issuers: Arc::clone(&self.issuers),
            oauth: Arc::clone(&self.oauth),
            readiness: Arc::new(readiness),
            clock: Arc::clone(&self.clock),
            server: Arc::new(self.config.server.clone()),
        }
    }
}

/// The directory of the database and the key-encryption key: for us alone.
fn private_directory(path: &Path) -> Result<(), StartError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| StartError::because(format!("the directory {} cannot be made", path.display()), &e))
}

/// Reads the key-encryption key. It is made where there is none, but only for a store that holds nothing yet: a
/// new key could not open what an old one sealed.
async fn load_keyring(path: &Path, store: &dyn Store, entropy: &dyn Entropy) -> Result<Keyring, StartError> {
    let shown = path.display();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let issuers = store.issuers().await.map_err(|e| StartError::because("the store cannot be read", &e))?;
            if !issuers.is_empty() {
                return Err(StartError(format!(
                    "the key-encryption key {shown} is missing, and the store has keys sealed under it: \
                     restore the file, or set keys.kek_file"
                )));
            }
            make_kek(path, entropy)?
        }
        Err(error) => return Err(StartError::because(format!("the key-encryption key {shown} cannot be read"), &error)),
    };
    let kek = KeyEncryptionKey::from_base64(&text);
    let kek = kek.map_err(|e| StartError::because(format!("the key-encryption key {shown} cannot be used"), &e))?;
    Ok(Keyring::new(kek, Vec::new()))
}

fn make_kek(path: &Path, entropy: &dyn Entropy) -> Result<String, StartError> {
    let failed = |e: &(dyn std::error::Error + 'static)| {
        StartError::because(format!("the key-encryption key {} cannot be made", path.display()), e)
    };
    let kek = KeyEncryptionKey::generate(entropy).map_err(|e| failed(&e))?;
    let text = kek.to_base64();
    // `create_new`: of two processes starting at once, one makes the key and the other reads it.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| failed(&e))?;
            tracing::warn!(path = %path.display(), "made a new key-encryption key: back it up, apart from the database");
            Ok(text.to_string())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).map_err(|e| failed(&e))
        }
        Err(error) => Err(failed(&error)),
    }
}
