//! Connections, and those that wait for a next request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::EgressError;
use crate::headers::{MAX_RESPONSE_HEAD_BYTES, MAX_RESPONSE_HEADERS};
use crate::origin::Origin;

/// An HTTP/1.1 connection. It ends when dropped, whatever the other side does.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Bytes of one connection's buffers; what a body brings beyond it waits in the socket.
    const MAX_BUFFER_BYTES: usize = 64 << 10;
    /// How long a connection that was kept may take to be ready. It is at once, unless its server answered before it
    /// had read the last request.
    const READY_WAIT: Duration = Duration::from_millis(50);

    /// Speaks HTTP over a stream that stands.
    pub(crate) async fn new<S>(stream: S) -> Result<Self, EgressError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = Builder::new()
            .max_headers(MAX_RESPONSE_HEADERS)
            .max_header_size(MAX_RESPONSE_HEAD_BYTES)
            .max_buf_size(Self::MAX_BUFFER_BYTES)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|e| EgressError::from(&e))?;
        let driver = tokio::spawn(async move {
            // What goes wrong is reported to the request.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends one request and returns the head of the response.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        self.sender.try_send_request(request).await.map_err(|mut failure| SendError {
            unsent: failure.take_message().is_some(),
            garbled: failure.error().is_parse(),
            error: EgressError::from(failure.error()),
        })
    }

    /// Whether another request can be sent.
    pub(crate) async fn is_usable(&mut self) -> bool {
        !self.sender.is_closed()
            && matches!(tokio::time::timeout(Self::READY_WAIT, self.sender.ready()).await, Ok(Ok(())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why a request got no head of a response.
pub(crate) struct SendError {
    pub(crate) error: EgressError,
    /// Nothing of the request was written.
    pub(crate) unsent: bool,
    /// There was an answer, and it made no sense.
    pub(crate) garbled: bool,
}

/// The idle connections of one client.
pub(crate) struct Pool {
    state: Mutex<State>,
    capacity: usize,
    timeout: Duration,
}

#[derive(Default)]
struct State {
    /// The oldest first.
    idle: Vec<Idle>,
    /// Whether a task is there that ends what has waited too long.
    is_watched: bool,
}

struct Idle {
    origin: Origin,
    connection: Connection,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(crate) fn new(capacity: u32, timeout: Duration) -> Arc<Self> {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Arc::new(Self { state: Mutex::default(), capacity, timeout })
    }

    /// The connection to `origin` that was used last, if one is still good.
    pub(crate) async fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut connection = self.pop(origin)?;
            if connection.is_usable().await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, if there is room.
    pub(crate) fn park(self: &Arc<Self>, origin: Origin, connection: Connection, permit: OwnedSemaphorePermit) {
        let mut state = self.lock();
        if state.idle.len() >= self.capacity {
            return;
        }
        state.idle.push(Idle { origin, connection, until: Instant::now() + self.timeout, _permit: permit });
        if !state.is_watched {
            state.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    fn pop(&self, origin: &Origin) -> Option<Connection> {
        let mut state = self.lock();
        let index = state.idle.iter().rposition(|idle| idle.origin == *origin)?;
        Some(state.idle.remove(index).connection)
    }

    /// Ends what has waited too long; when to look again.
    fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.lock();
        state.idle.retain(|idle| idle.until > now);
        let next = state.idle.first().map(|idle| idle.until);
        state.is_watched = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.lock().idle.len();
        f.debug_struct("Pool").field("idle", &idle).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

async fn watch(pool: Weak<Pool>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.expire()) {
        tokio::time::sleep_until(next).await;
    }
}
