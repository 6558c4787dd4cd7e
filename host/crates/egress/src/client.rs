//! Sending a request under a policy.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::Semaphore;

use crate::connect::Route;
use crate::error::EgressError;
use crate::headers;
use crate::policy::{Policy, PolicyError};
use crate::pool::{Connection, Pool};
use crate::rules::{Outgoing, Rules, exceeds};
use crate::shared::{Egress, Slots};

/// Look-ups of one client at once: with a name that takes long it must not keep others from theirs.
const LOOKUPS: usize = 8;

/// Sends requests under one [`Policy`], over connections of its own. Cheap to clone; the connections end with the last
/// clone. Must be used within a tokio runtime.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Rules,
    egress: Egress,
    running: Slots,
    lookups: Arc<Semaphore>,
    pool: Arc<Pool>,
}

impl Client {
    /// A client, if every part of the policy makes sense. Opens no connection and asks no name service.
    pub fn new(policy: &Policy, egress: &Egress) -> Result<Self, PolicyError> {
        Ok(Self(Arc::new(Inner {
            rules: Rules::new(policy, egress.roots())?,
            egress: egress.clone(),
            running: Slots::new(policy.concurrency, policy.queue_wait, "requests of this client"),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            pool: Pool::new(policy.idle, policy.idle_timeout),
        })))
    }

    /// Sends `request` and returns the whole response, of whatever status: a redirect is a response.
    ///
    /// The URL must be absolute. `host`, `content-length` and the headers that speak of the connection are the host's,
    /// as are injected ones; setting them is an error. Of the response, headers that speak of the connection are left
    /// out. A request whose method is idempotent may be sent a second time when a kept connection turns out to be dead.
    /// Dropping the future ends the connection.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, EgressError> {
        let inner = &*self.0;
        let outgoing = inner.rules.admit(request)?;
        // In this order a client that floods waits in its own queue and takes no turn of another's.
        let _own = inner.running.acquire().await?;
        let _shared = inner.egress.running().acquire().await?;
        let too_slow = format!("{}: no complete response within {:?}", outgoing.origin, inner.rules.timeout);
        tokio::time::timeout(inner.rules.timeout, inner.exchange(outgoing))
            .await
            .map_err(|_| EgressError::Timeout { detail: too_slow })?
    }
}

impl Inner {
    async fn exchange(&self, outgoing: Outgoing) -> Result<Response<Bytes>, EgressError> {
        if let Some(mut kept) = self.pool.take(&outgoing.origin).await {
            match kept.send(outgoing.request.clone()).await {
                Ok(response) => return self.finish(outgoing, kept, response).await,
                // The server closed it meanwhile, as servers do.
                Err(e) if e.unsent || (is_idempotent(outgoing.request.method()) && !e.garbled) => {}
                Err(e) => return Err(e.error),
            }
        }
        let route = Route {
            origin: &outgoing.origin,
            addresses: &self.rules.addresses,
            resolver: self.egress.resolver(),
            lookups: &self.lookups,
            tls: self.rules.tls(&outgoing.origin),
            timeout: self.rules.connect_timeout,
        };
        let mut fresh = route.connect().await?;
        let response = fresh.send(outgoing.request.clone()).await.map_err(|e| e.error)?;
        self.finish(outgoing, fresh, response).await
    }

    /// Reads the body and keeps the connection. On an error the connection ends with `connection`.
    async fn finish(
        &self,
        outgoing: Outgoing,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<Response<Bytes>, EgressError> {
        let (mut parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(EgressError::Protocol { detail: "an upgrade that nobody asked for".to_owned() });
        }
        let body = read_capped(body, self.rules.response_max).await?;
        headers::strip_hop_by_hop(&mut parts.headers);
        // hyper's own notes, such as the reason phrase.
        parts.extensions.clear();
        if let Some(permit) = self.egress.idle_permit() {
            self.pool.park(outgoing.origin, connection, permit);
        }
        Ok(Response::from_parts(parts, body))
    }
}

/// The body, as long as it is no larger than `limit`. Not read at all when its announced size is too large.
async fn read_capped(mut body: Incoming, limit: u64) -> Result<Bytes, EgressError> {
    let too_large = || EgressError::ResponseTooLarge { limit };
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| EgressError::from(&e))?;
        let Ok(data) = frame.into_data() else { continue };
        if exceeds(bytes.len().saturating_add(data.len()), limit) {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// RFC 9110, 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}
