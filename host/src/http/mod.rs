//! The HTTP surface: one route table (`routes.rs`), thin handlers, one place of statuses (`error.rs`).

mod accept;
mod admin;
mod audit;
mod authn;
mod credential;
mod credentials;
mod deferred;
pub mod error;
mod extract;
mod health;
mod issuer;
mod jobs;
mod layers;
mod metadata;
mod nonce;
mod offers;
pub mod openapi;
mod pages;
mod plugins;
pub mod routes;
mod serve;
mod status_list;
mod token;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chancery_sandbox::Sandbox;
use chancery_store::Store;

use crate::audit::Delivery;
use crate::clock::Clock;
use crate::config;
use crate::issuance::Issuance;
use crate::issuance::issuers::Issuers;
use crate::jobs::Jobs;
use crate::oauth::AuthorizationServer;
use crate::plugins::controls::Board;
use crate::status::StatusLists;
use crate::webhooks::board::Board as WebhookBoard;

pub use routes::router;
pub use serve::{Drained, serve};

/// What handlers work with. They never see the store: `health` asks `Readiness`.
#[derive(Debug, Clone)]
pub struct AppState {
    pub issuance: Arc<Issuance>,
    pub issuers: Arc<Issuers>,
    pub oauth: Arc<AuthorizationServer>,
    pub readiness: Arc<Readiness>,
    pub plugins: Arc<Board>,
    pub webhooks: Arc<WebhookBoard>,
    pub status: Arc<StatusLists>,
    pub jobs: Arc<Jobs>,
    pub clock: Arc<dyn Clock>,
    pub server: Arc<config::Server>,
}

/// Whether this host should get requests, and why not.
pub struct Readiness {
    store: Arc<dyn Store>,
    sandbox: Option<Sandbox>,
    audit: Option<Delivery>,
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
    pub fn new(
        store: Arc<dyn Store>,
        sandbox: Option<Sandbox>,
        audit: Option<Delivery>,
        issuers: Arc<Issuers>,
    ) -> Self {
        let (draining, store_check) = (AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { store, sandbox, audit, issuers, draining, store_check }
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// What speaks against sending requests here; empty when ready. Anybody may read it, so it names no cause.
    pub async fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            obstacles.push("draining: the host is about to stop".to_owned());
        }
        if !self.store_works().await {
            obstacles.push("store: the database cannot be read and written".to_owned());
        }
        if self.sandbox.as_ref().is_some_and(|sandbox| !sandbox.ticker_alive()) {
            obstacles.push("sandbox: the epoch ticker stands still, so no limit on CPU time holds".to_owned());
        }
        let plugins = self.sandbox.as_ref().map(Sandbox::plugins).unwrap_or_default();
        for plugin in plugins.iter().filter(|plugin| plugin.required && !plugin.is_serving()) {
            obstacles.push(format!("plugin {}: it is required and {}", plugin.name, plugin.stage));
        }
        obstacles
    }

    /// What is not issued at the moment, while the rest is: another host would do no better.
    pub fn degraded(&self) -> Vec<String> {
        let plugins = self.sandbox.as_ref().map(Sandbox::plugins);
        let mut degraded = Vec::new();
        for id in self.issuers.unusable().keys() {
            degraded.push(format!("issuer {id} is unusable"));
        }
        for sink in self.audit.iter().flat_map(Delivery::missing) {
            degraded.push(format!("audit.required names {sink}, which is no audit plugin here"));
        }
        for sink in self.audit.iter().flat_map(Delivery::idle) {
            degraded.push(format!("audit.required names {sink}, which does not serve here"));
        }
        for issuer in self.issuers.all() {
            for id in issuer.broken.keys() {
                degraded.push(format!("configuration {id} is unusable"));
            }
            for configuration in issuer.configurations.values() {
                let (Some(needed), Some(plugins)) = (&configuration.document.plugin, &plugins) else { continue };
                if plugins.iter().any(|plugin| plugin.name == needed.name && plugin.is_serving()) {
                    continue;
                }
                let found = plugins.iter().find(|plugin| plugin.name == needed.name);
                let stage = found.map_or_else(|| "missing".to_owned(), |plugin| plugin.stage.to_string());
                degraded.push(format!("configuration {}: its plugin {} is {stage}", configuration.id, needed.name));
            }
        }
        degraded
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

    pub fn audit(&self) -> Option<&Delivery> {
        self.audit.as_ref()
    }
}
