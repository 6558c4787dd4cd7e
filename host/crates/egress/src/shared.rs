//! What all clients of a process share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::EgressError;
use crate::resolve::Resolver;
use crate::roots::TrustRoots;

/// Ceilings over all clients.
#[derive(Clone, Debug)]
pub struct EgressOptions {
    /// Requests that run at once, and with them the connections in use.
    pub concurrency: u32,
    /// Connections that are kept open for a next request.
    pub idle: u32,
    /// How long a request may wait for its turn.
    pub queue_wait: Duration,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self { concurrency: 256, idle: 128, queue_wait: Duration::from_secs(5) }
    }
}

/// Name resolution, trust and ceilings of the process. Cheap to clone; there should be one.
#[derive(Clone, Debug)]
pub struct Egress {
    resolver: Arc<dyn Resolver>,
    roots: TrustRoots,
    running: Slots,
    idle: Arc<Semaphore>,
}

impl Egress {
    /// With this resolver and these authorities.
    pub fn new(options: &EgressOptions, resolver: Arc<dyn Resolver>, roots: TrustRoots) -> Self {
        Self {
            resolver,
            roots,
            running: Slots::new(options.concurrency, options.queue_wait, "requests of the whole process"),
            idle: Arc::new(Semaphore::new(as_permits(options.idle))),
        }
    }

    pub(crate) fn resolver(&self) -> Arc<dyn Resolver> {
        Arc::clone(&self.resolver)
    }

    pub(crate) fn roots(&self) -> &TrustRoots {
        &self.roots
    }

    pub(crate) fn running(&self) -> &Slots {
        &self.running
    }

    /// Leave to keep one connection open, if there is room.
    pub(crate) fn idle_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.idle).try_acquire_owned().ok()
    }
}

/// A number of turns, and how long to wait for one.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    semaphore: Arc<Semaphore>,
    wait: Duration,
    capacity: u32,
    what: &'static str,
}

impl Slots {
    pub(crate) fn new(capacity: u32, wait: Duration, what: &'static str) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(as_permits(capacity))), wait, capacity, what }
    }

    /// A turn, given back when dropped.
    pub(crate) async fn acquire(&self) -> Result<OwnedSemaphorePermit, EgressError> {
        let turn = Arc::clone(&self.semaphore).acquire_owned();
        match tokio::time::timeout(self.wait, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(EgressError::Busy {
                detail: format!("{}: all {} under way, none free within {:?}", self.what, self.capacity, self.wait),
            }),
        }
    }
}

fn as_permits(count: u32) -> usize {
    usize::try_from(count).map_or(Semaphore::MAX_PERMITS, |n| n.min(Semaphore::MAX_PERMITS))
}
