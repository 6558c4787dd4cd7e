//! `wasi:http`: types and resources are wasmtime's; what sends is the host's own client.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::guest::Guest;
use crate::ports::{HttpClient, HttpFault};

/// Bytes of the headers of one request or response, as they lie in memory.
const MAX_FIELDS_BYTES: usize = 64 << 10;

/// Bytes that a guest writes into a body at once.
const BODY_CHUNK: usize = 64 << 10;

type Sent = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Done), Error>> + Send>;
type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// What `wasi:http` keeps for one sandbox.
pub(crate) struct HttpState {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

/// Sends through the port, and counts.
struct Hooks {
    client: Option<Arc<dyn HttpClient>>,
    request_max: u64,
    requests_left: u32,
    /// Has a clone in every exchange that is under way, and in every part of a response that the guest has not
    /// let go.
    exchanges: Arc<()>,
}

/// A response's bytes, which count as long as they are there.
struct Counted {
    bytes: Bytes,
    _exchange: Arc<()>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpState {
    /// `client` is absent where HTTP is not granted; then nothing of `wasi:http` is linked.
    pub(crate) fn new(client: Option<Arc<dyn HttpClient>>, request_max: u64, requests: u32) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(MAX_FIELDS_BYTES);
        Self { ctx, hooks: Hooks { client, request_max, requests_left: requests, exchanges: Arc::new(()) } }
    }

    /// A further call begins.
    pub(crate) fn begin(&mut self, requests: u32) {
        self.hooks.requests_left = requests;
    }

    /// Whether nothing is under way, and nothing kept of what came.
    pub(crate) fn is_at_rest(&self) -> bool {
        Arc::strong_count(&self.hooks.exchanges) == 1
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http.hooks, table: &mut self.table, ctx: &mut self.http.ctx }
    }
}

impl WasiHttpHooks for Hooks {
    /// What was not sent yet lies in the host's memory.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    /// The client writes it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// The grant's time limit and the call's hold in any case; the guest may want less.
    fn send_request(&mut self, request: http::Request<WasiBody>, options: Option<RequestOptions>, _: Done) -> Sent {
        let admitted = self.requests_left.checked_sub(1);
        self.requests_left = admitted.unwrap_or(0);
        let client = self.client.clone().filter(|_| admitted.is_some());
        let limit = self.request_max;
        let exchange = self.exchanges.clone();
        let patience = options.and_then(|options| options.first_byte_timeout);
        Box::new(async move {
            let client = client.ok_or(Error::HttpRequestDenied)?;
            let sending = send(&*client, request, limit);
            let response = match patience {
                Some(patience) => timeout(patience, sending).await.map_err(|_| Error::HttpResponseTimeout)??,
                None => sending.await?,
            };
            let counted = |bytes| Bytes::from_owner(Counted { bytes, _exchange: exchange });
            let body = |bytes| Full::new(counted(bytes)).map_err(|never| match never {}).boxed_unsync();
            let done: Done = Box::new(async { Ok(()) });
            Ok((response.map(body), done))
        })
    }
}

async fn send(
    client: &dyn HttpClient,
    request: http::Request<WasiBody>,
    limit: u64,
) -> Result<http::Response<Bytes>, Error> {
    let (mut parts, body) = request.into_parts();
    // The guest's bindings have held the body to it; the client writes its own.
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let capacity = usize::try_from(limit).unwrap_or(usize::MAX);
    let body = Limited::new(body, capacity).collect().await.map_err(|error| {
        let too_large = error.downcast_ref::<LengthLimitError>().is_some();
        if too_large { Error::HttpRequestBodySize(Some(limit)) } else { Error::InternalError(None) }
    })?;
    let sent = client.send(http::Request::from_parts(parts, body.to_bytes())).await;
    sent.map_err(|fault| {
        tracing::debug!(?fault, "a plugin's request failed");
        to_error(fault)
    })
}

fn to_error(fault: HttpFault) -> Error {
    match fault {
        HttpFault::Denied(_) => Error::HttpRequestDenied,
        HttpFault::Dns(_) => Error::DnsError { rcode: None, info_code: None },
        HttpFault::Connect(_) => Error::ConnectionRefused,
        HttpFault::ConnectTimeout => Error::ConnectionTimeout,
        HttpFault::Timeout => Error::HttpResponseTimeout,
        HttpFault::Tls(_) => Error::TlsCertificateError,
        HttpFault::RequestTooLarge(limit) => Error::HttpRequestBodySize(Some(limit)),
        HttpFault::ResponseTooLarge(limit) => Error::HttpResponseBodySize(Some(limit)),
        HttpFault::Protocol(_) => Error::HttpProtocolError,
        HttpFault::Busy => Error::ConnectionLimitReached,
    }
}
