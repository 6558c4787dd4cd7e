//! What surrounds every handler, outermost first: request id and log line, time limit, panics, overload, CORS.

use std::any::Any as AnyValue;
use std::time::Instant;

use axum::error_handling::HandleErrorLayer;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{BoxError, Extension};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use super::AppState;
use super::error::{ApiError, ErrorCause, Rendering};
use super::extract::RequestId;
use super::routes::{Access, Mount, Route};

const REQUEST_ID: &str = "x-request-id";

/// What the protocol and admin routes of the host may work on at once, all together. Health checks are not counted:
/// a busy host is not a dead one.
#[derive(Clone)]
pub(super) struct Overload(GlobalConcurrencyLimitLayer);

impl Overload {
    pub(super) fn new(state: &AppState) -> Self {
        Self(GlobalConcurrencyLimitLayer::new(state.server.max_concurrent_requests))
    }
}

/// Puts around a route what every answer of it must have, refusals included: CORS, its rendering of errors, the
/// limits.
pub(super) fn surround(
    handler: MethodRouter<AppState>,
    route: &Route,
    state: &AppState,
    overload: &Overload,
) -> MethodRouter<AppState> {
    let rendering = route.rendering();
    let limits = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state((state.clone(), rendering), time_limit))
        .layer(CatchPanicLayer::custom(move |panic| panicked(panic, rendering)));
    let mut handler: MethodRouter<AppState> = handler.layer(limits);
    if route.mount != Mount::Host {
        let overloaded = move |_: BoxError| async move {
            ApiError::busy(rendering, "the issuer is working on as many requests as it may")
        };
        let shed = ServiceBuilder::new()
            .layer(HandleErrorLayer::new(overloaded))
            .layer(LoadShedLayer::new())
            .layer(overload.0.clone());
        handler = handler.layer(shed);
    }
    if is_for_browsers(route) {
        handler = handler.layer(cors());
    }
    handler.layer(Extension(rendering))
}

/// Wallets and verifiers may run in a browser; what the issuer's own backend asks for is not for other people's pages.
fn is_for_browsers(route: &Route) -> bool {
    !matches!(route.access, Access::Scope(_)) && !route.path.starts_with("/admin/")
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::ETAG])
}

async fn time_limit(State((state, rendering)): State<(AppState, Rendering)>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.server.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::busy(rendering, "the issuer did not manage this request in time").into_response(),
    }
}

fn panicked(panic: Box<dyn AnyValue + Send>, rendering: Rendering) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    ApiError::panicked(rendering).into_response()
}

/// Gives the request its id, and the log one line about it. Causes of errors are logged here and nowhere else.
pub(super) async fn request_log(mut request: Request, next: Next) -> Response {
    let id = Uuid::new_v4().simple().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    // The pattern, not the path: paths hold offer ids.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id, %method, route);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, micros) = (response.status().as_u16(), started.elapsed().as_micros());
    let _in = span.enter();
    let cause = response.extensions().get::<ErrorCause>().map(|c| c.0.clone());
    match cause {
        Some(cause) => {
            let error: &(dyn std::error::Error + 'static) = cause.as_ref();
            tracing::error!(status, micros, error, "failed");
        }
        // Shed for a limit: the limit works, and a line for each at a higher level would flood the log.
        None if status == 503 => tracing::warn!(status, micros, "refused"),
        None if status >= 500 => tracing::error!(status, micros, "failed"),
        None if route == "/healthz" || route == "/readyz" => tracing::debug!(status, micros, "answered"),
        None => tracing::info!(status, micros, "answered"),
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
