//! The built-in authorization server: the token endpoint's grants, service clients, access tokens.

pub mod access_token;
pub mod clients;
pub mod error;
pub mod scopes;
pub mod token;

use std::sync::Arc;

use chancery_keys::Entropy;
use chancery_store::Store;

use crate::clock::Clock;
use crate::config;
use crate::issuance::Issuance;

#[derive(Debug)]
pub struct AuthorizationServer {
    store: Arc<dyn Store>,
    issuance: Arc<Issuance>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limits: config::Issuance,
}

impl AuthorizationServer {
    pub fn new(
        store: Arc<dyn Store>,
        issuance: Arc<Issuance>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let limits = issuance.limits().clone();
        Self { store, issuance, clock, entropy, limits }
    }
}
