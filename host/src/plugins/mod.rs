//! The sandbox as this host sets it up: what stands behind the capabilities, whom to trust, and what operators decided.

pub mod controls;
mod http;
mod kv;
mod listing;
mod secrets;
mod sign;
mod sql;
pub mod trust;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use chancery_egress::{Egress, EgressOptions, SystemResolver, TrustRoots};
use chancery_keys::{Entropy, Keyring, SystemEntropy};
use chancery_sandbox::ports::{ClockPort, Ports};
use chancery_sandbox::{CompileMode, Sandbox, SandboxOptions};
use chancery_store::Store;

use crate::app::StartError;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

pub use listing::listing;

/// The hidden subcommand in which a plugin is compiled, apart from the host.
pub const COMPILE_WORKER: &str = "compile-worker";

/// What the sandbox is started with.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub config: &'a Config,
    pub keyring: &'a Keyring,
    pub store: &'a Arc<dyn Store>,
    pub clock: &'a Arc<dyn Clock>,
    pub entropy: &'a Arc<dyn Entropy>,
    /// The `chancery` binary.
    pub program: PathBuf,
}

pub async fn start(surroundings: Surroundings<'_>) -> Result<Sandbox, StartError> {
    let failed = |e: &(dyn std::error::Error + 'static)| StartError::because("the plugin sandbox cannot start", e);
    let Surroundings { config, keyring, store, clock, entropy, program } = &surroundings;
    // No issuer is named "": the cache belongs to the host.
    let cache_key = keyring.derive_bytes("", "plugin compile cache").map_err(|e| failed(&e))?;
    let compile = CompileMode::Child { program: program.clone(), args: vec![COMPILE_WORKER.into()] };
    let mut options = SandboxOptions::new(&config.plugins.dir, config.cache_dir(), *cache_key, compile);
    options.max_instances = config.plugins.max_instances;
    options.rescan = config.plugins.rescan;
    let secrets = secrets::Secrets::new(&config.plugins, Arc::clone(store), Arc::clone(clock));
    options.ports = ports(config, secrets, clock, entropy)?;
    options.trust = trust::policy(&config.plugins.trust)?;
    options.controls = controls::load(store.as_ref()).await.map_err(|e| failed(&e))?;
    Sandbox::start(options).await.map_err(|e| failed(&e))
}

/// Loads what `options` name as this host would, with its trust, secrets and databases, and without its store: nothing
/// is recorded there, and so no value of a secret is given to a plugin.
pub async fn rehearse(config: &Config, mut options: SandboxOptions) -> Result<Sandbox, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    options.ports = ports(config, secrets::Secrets::unrecorded(&config.plugins), &clock, &entropy)?;
    options.trust = trust::policy(&config.plugins.trust)?;
    Sandbox::start(options).await.map_err(|e| StartError::because("the plugin sandbox cannot start", &e))
}

fn ports(
    config: &Config,
    secrets: secrets::Secrets,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Ports, StartError> {
    let secrets = Arc::new(secrets);
    let egress = Egress::new(&EgressOptions::default(), Arc::new(SystemResolver::new()), TrustRoots::system());
    Ok(Ports {
        http: Arc::new(http::Http::new(egress, Arc::clone(&secrets))),
        sql: Arc::new(sql::Sql::new(&config.plugins)?),
        kv: Arc::new(kv::Caches::new()),
        sign: Arc::new(sign::Keys::new(Arc::clone(&secrets), Arc::clone(clock), Arc::clone(entropy))),
        secrets,
        clock: Arc::new(TimeOfDay(Arc::clone(clock))),
    })
}

/// The host's clock, so that what a test holds still stands still for plugins too.
struct TimeOfDay(Arc<dyn Clock>);

impl ClockPort for TimeOfDay {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}
