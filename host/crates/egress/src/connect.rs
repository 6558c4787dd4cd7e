//! The one place where connections are made: a name becomes addresses, addresses are checked, a checked one is used.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::address::AddressRules;
use crate::error::EgressError;
use crate::origin::{Host, Origin, Scheme};
use crate::pool::Connection;
use crate::resolve::Resolver;
use crate::tls::{self, TlsSettings};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// How to get a connection to one origin.
pub(crate) struct Route<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) addresses: &'a AddressRules,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Turns for look-ups: each client has its own.
    pub(crate) lookups: &'a Arc<Semaphore>,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) timeout: Duration,
}

impl Route<'_> {
    pub(crate) async fn connect(&self) -> Result<Connection, EgressError> {
        let deadline = Instant::now() + self.timeout;
        let addresses = match self.origin.host.literal() {
            Some(address) => vec![address],
            None => timeout_at(deadline, self.resolve()).await.map_err(|_| self.dns("no answer in time"))??,
        };
        let admitted = self.admitted(&addresses)?;
        timeout_at(deadline, self.open(&admitted, deadline)).await.map_err(|_| self.too_slow())?
    }

    async fn resolve(&self) -> Result<Vec<IpAddr>, EgressError> {
        let Host::Name(name) = &self.origin.host else { return Ok(Vec::new()) };
        let turn = Arc::clone(self.lookups).acquire_owned().await.map_err(|e| self.dns(&e.to_string()))?;
        let (resolver, name) = (Arc::clone(&self.resolver), name.clone());
        // A look-up that nobody waits for any more still holds a thread, and so this client's turn.
        let lookup = tokio::spawn(async move {
            let found = resolver.resolve(&name).await;
            drop(turn);
            found
        });
        let found = lookup.await.map_err(|e| self.dns(&e.to_string()))?;
        let addresses = found.map_err(|e| self.dns(&e.to_string()))?;
        if addresses.is_empty() { Err(self.dns("no address")) } else { Ok(addresses) }
    }

    /// Those that the policy admits, in the resolver's order.
    fn admitted(&self, addresses: &[IpAddr]) -> Result<Vec<SocketAddr>, EgressError> {
        let mut admitted = Vec::new();
        let mut refused = Vec::new();
        for &address in addresses {
            match self.addresses.admit(address) {
                Ok(()) => admitted.push(SocketAddr::new(address, self.origin.port)),
                Err(what) => refused.push(format!("{address} is {what}")),
            }
        }
        if admitted.is_empty() {
            refused.truncate(MAX_ADDRESSES);
            return Err(EgressError::Denied {
                reason: format!("{} is at an address that is not admitted", self.origin.host),
                detail: refused.join("; "),
            });
        }
        admitted.truncate(MAX_ADDRESSES);
        Ok(admitted)
    }

    async fn open(&self, addresses: &[SocketAddr], deadline: Instant) -> Result<Connection, EgressError> {
        let stream = self.dial(addresses, deadline).await?;
        match (self.origin.scheme, &self.tls) {
            (Scheme::Http, _) => Connection::new(stream).await,
            (Scheme::Https, Some(settings)) => {
                let failed = |detail: String| EgressError::Tls { detail: format!("{}: {detail}", self.origin) };
                let name = tls::server_name(&self.origin.host).map_err(failed)?;
                let stream = settings.connector().connect(name, stream).await;
                Connection::new(stream.map_err(|e| failed(e.to_string()))?).await
            }
            (Scheme::Https, None) => Err(EgressError::Tls { detail: tls::NO_ROOTS.to_owned() }),
        }
    }

    /// One address after the other. Each gets its share of the time that is left, so that a silent one does not use up
    /// that of the next.
    async fn dial(&self, addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, EgressError> {
        let mut failures = Vec::new();
        let mut silent = 0;
        for (index, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // A request is written at once; waiting for more to send would only delay it.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => failures.push(format!("{address}: {error}")),
                Err(_) => {
                    silent += 1;
                    failures.push(format!("{address}: no answer"));
                }
            }
        }
        if silent == addresses.len() {
            return Err(self.too_slow());
        }
        Err(EgressError::Connect { detail: failures.join("; ") })
    }

    fn dns(&self, detail: &str) -> EgressError {
        EgressError::Dns { detail: format!("{}: {detail}", self.origin.host) }
    }

    fn too_slow(&self) -> EgressError {
        EgressError::ConnectTimeout { detail: format!("{}: no connection within {:?}", self.origin, self.timeout) }
    }
}
