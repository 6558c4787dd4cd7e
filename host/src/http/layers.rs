//! What surrounds every handler, outermost first: request id and log line, time limit, panics, overload, CORS.

use std::time::Instant;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
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

pub(super) fn wrap(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    let inner = ServiceBuilder::new()
        .layer(middleware::from_fn(request_log))
        .layer(middleware::from_fn_with_state(state.clone(), time_limit))
        .layer(CatchPanicLayer::custom(panicked));
    router.layer(inner)
}

/// What the protocol and admin routes of the host may work on at once, all together. Health checks are not counted:
/// a busy host is not a dead one.
#[derive(Clone)]
pub(super) struct Overload(GlobalConcurrencyLimitLayer);

impl Overload {
    pub(super) fn new(state: &AppState) -> Self {
        Self(GlobalConcurrencyLimitLayer::new(state.server.max_concurrent_requests))
    }

    pub(super) fn guard(&self, handler: MethodRouter<AppState>, route: &Route) -> MethodRouter<AppState> {
        if route.mount == Mount::Host {
            return handler;
        }
        let limit = ServiceBuilder::new()
            .layer(HandleErrorLayer::new(overloaded))
            .layer(LoadShedLayer::new())
            .layer(self.0.clone());
        handler.layer(limit)
    }
}

/// Wallets may run in a browser; the admin API is not for other people's pages.
pub(super) fn cors(handler: MethodRouter<AppState>, route: &Route) -> MethodRouter<AppState> {
    if matches!(route.access, Access::Scope(_)) || route.path.starts_with("/admin/") {
        return handler;
    }
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER]);
    handler.layer(cors)
}

async fn overloaded(_: tower::BoxError) -> ApiError {
    ApiError::busy("the issuer is working on as many requests as it may")
}

async fn time_limit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.server.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::busy("the issuer did not manage this request in time").into_response(),
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    ApiError::new(status, Rendering::Problem, "internal", "something went wrong here").into_response()
}

/// Gives the request its id, and the log one line about it. Causes of errors are logged here and nowhere else.
async fn request_log(mut request: Request, next: Next) -> Response {
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
        None if status >= 500 => tracing::error!(status, micros, "failed"),
        None if route == "/healthz" || route == "/readyz" => tracing::debug!(status, micros, "answered"),
        None => tracing::info!(status, micros, "answered"),
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
