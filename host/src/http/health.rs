//! Liveness and readiness, for load balancers and people.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

use super::AppState;

/// The process runs. Anybody may ask.
pub(super) async fn live() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({"status": "alive"})))
}

/// 503 with the reasons when requests should not be sent here. 200 otherwise: `ready`, or `degraded` with what
/// cannot be issued at the moment (`chancery plugin list` says why). Anybody may ask.
pub(super) async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let obstacles = state.readiness.obstacles().await;
    let degraded = state.readiness.degraded();
    let (status, word, reasons) = if !obstacles.is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready", obstacles)
    } else if degraded.is_empty() {
        (StatusCode::OK, "ready", degraded)
    } else {
        (StatusCode::OK, "degraded", degraded)
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({"status": word, "reasons": reasons})))
}
