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

/// 200 when requests may be sent here, else 503 with the reasons. Anybody may ask.
pub(super) async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let problems = state.readiness.problems().await;
    let ready = problems.is_empty();
    let (status, word) =
        if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({"status": word, "reasons": problems})))
}
