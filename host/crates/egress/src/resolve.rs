//! Where addresses come from.

use std::fmt;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// Turns names into addresses. Asked once for each connection; what it answers is checked before use.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// All addresses of `name`, the preferred one first. The name is lower-case ASCII without a trailing dot.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError>;
}

/// A name has no address, or nobody says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResolveError(pub String);

/// The system's resolver: hosts file, search domains and name servers as configured on the machine.
#[derive(Clone)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl SystemResolver {
    /// Lookups that run at once. Each holds a thread until the system answers, whatever became of the request.
    const MAX_LOOKUPS: usize = 64;

    /// The resolver of this machine.
    pub fn new() -> Self {
        Self { lookups: Arc::new(Semaphore::new(Self::MAX_LOOKUPS)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemResolver")
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let failed = |error: &dyn fmt::Display| ResolveError(format!("{name}: {error}"));
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(|e| failed(&e))?;
        let target = (name.to_owned(), 0_u16);
        let lookup = tokio::task::spawn_blocking(move || {
            let addresses = target.to_socket_addrs().map(|found| found.map(|a| a.ip()).collect());
            // The thread is what is counted: an abandoned lookup goes on.
            drop(permit);
            addresses
        });
        lookup.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
    }
}
