//! Liveness and readiness, for load balancers and people.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Liveness {
    status: Alive,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Alive {
    Alive,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Readiness {
    status: Word,
    /// What speaks against sending requests here; where there is nothing, what cannot be issued at the moment.
    reasons: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Word {
    Ready,
    Degraded,
    #[serde(rename = "not ready")]
    NotReady,
}

/// The process runs. Anybody may ask.
pub(super) async fn live() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(Liveness { status: Alive::Alive }))
}

/// 503 with the reasons when requests should not be sent here. 200 otherwise: `ready`, or `degraded` with what
/// cannot be issued at the moment (`chancery plugin list` says why). Anybody may ask.
pub(super) async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let obstacles = state.readiness.obstacles().await;
    let degraded = state.readiness.degraded();
    let (code, status, reasons) = if !obstacles.is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, Word::NotReady, obstacles)
    } else if degraded.is_empty() {
        (StatusCode::OK, Word::Ready, degraded)
    } else {
        (StatusCode::OK, Word::Degraded, degraded)
    };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(Readiness { status, reasons }))
}
