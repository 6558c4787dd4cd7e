//! The HTTP surface: one route table (`routes.rs`), thin handlers, one place of statuses (`error.rs`).

mod admin;
mod authn;
mod credential;
pub mod error;
mod extract;
mod health;
mod issuer;
mod layers;
mod metadata;
mod nonce;
mod offers;
mod pages;
pub mod routes;
mod serve;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chancery_sandbox::Sandbox;
use chancery_store::Store;

use crate::clock::Clock;
use crate::config;
use crate::issuance::Issuance;
use crate::issuance::issuers::Issuers;
use crate::oauth::AuthorizationServer;
use crate::plugins;

pub use routes::router;
pub use serve::{Drained, serve};

/// What handlers work with. They never see the store: `health` asks `Readiness`.
#[derive(Debug, Clone)]
pub struct AppState {
    pub issuance: Arc<Issuance>,
    pub issuers: Arc<Issuers>,
    pub oauth: Arc<AuthorizationServer>,
    pub readiness: Arc<Readiness>,
    pub clock: Arc<dyn Clock>,
    pub server: Arc<config::Server>,
}

/// Whether this host should get requests, and why not.
pub struct Readiness {
    store: Arc<dyn Store>,
    sandbox: Option<Sandbox>,
    issuers: Arc<Issuers>,
    draining: AtomicBool,
    /// When the store was last asked, and its answer: asking commits a write, and anybody may ask us.
    store_check: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

/// How long the store's answer is good.
const STORE_CHECK: Duration = Duration::from_secs(1);

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness").field("draining", &self.draining).finish_non_exhaustive()
    }
}

impl Readiness {
    pub fn new(store: Arc<dyn Store>, sandbox: Option<Sandbox>, issuers: Arc<Issuers>) -> Self {
        Self { store, sandbox, issuers, draining: AtomicBool::new(false), store_check: tokio::sync::Mutex::default() }
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Everything that speaks against taking requests, in words for an operator; empty when ready.
    pub async fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            problems.push("draining: the host is about to stop".to_owned());
        }
        if !self.store_works().await {
            problems.push("store: the database cannot be read and written".to_owned());
        }
        if let Some(sandbox) = &self.sandbox {
            if !sandbox.ticker_alive() {
                problems.push("sandbox: the epoch ticker stands still, so no limit on CPU time holds".to_owned());
            }
            self.plugin_problems(sandbox, &mut problems);
        }
        problems
    }

    async fn store_works(&self) -> bool {
        let mut last = self.store_check.lock().await;
        if let Some((at, works)) = *last
            && at.elapsed() < STORE_CHECK
        {
            return works;
        }
        let works = match self.store.check().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is not ready");
                false
            }
        };
        *last = Some((Instant::now(), works));
        works
    }

    fn plugin_problems(&self, sandbox: &Sandbox, problems: &mut Vec<String>) {
        let known = sandbox.plugins();
        for issuer in self.issuers.all() {
            for (id, reason) in &issuer.broken {
                problems.push(format!("configuration {id} of issuer {}: {reason}", issuer.id));
            }
            for configuration in issuer.configurations.values() {
                let Some(needed) = &configuration.document.plugin else { continue };
                if known.iter().any(|plugin| plugin.name == needed.name && plugin.is_serving()) {
                    continue;
                }
                let why = known.iter().find(|plugin| plugin.name == needed.name);
                let why = why.map_or_else(|| "no such file in the plugin directory".to_owned(), plugins::standing);
                problems.push(format!("plugin {} (needed by {}): {why}", needed.name, configuration.id));
            }
        }
    }

    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }
}
