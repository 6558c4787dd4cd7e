//! Webhooks in the admin API: how far they are, what was given up, and what to do about it. A client sees those of its
//! own issuer.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;
use super::authn::Client;
use super::credentials::{Query, invalid};
use super::error::{ApiError, Rendering};
use super::extract::{AdminJson, RequestId};
use super::issuer::CurrentIssuer;
use crate::webhooks::board::{BoardError, Letter, MAX_PAGE, Replay, WebhookStatus};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Webhooks {
    webhooks: Vec<WebhookStatus>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeadLetters {
    dead_letters: Vec<Letter>,
    /// The `after` of the next page; `null` at the end.
    next: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Queued {
    /// How many letters are to be sent again that were not yet.
    queued: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Resumed {
    /// `false`: it was not paused.
    resumed: bool,
}

/// Every webhook with its state, as this host sees it. Scope `webhooks:read`.
pub(super) async fn list(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
) -> Result<Response, ApiError> {
    let webhooks = state.webhooks.list(Some(&issuer.id)).await.map_err(refused)?;
    Ok(Json(Webhooks { webhooks }).into_response())
}

/// Messages that were given up, by pages. Scope `webhooks:read`.
pub(super) async fn dead_letters(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    Path(params): Path<Vec<(String, String)>>,
    query: Query,
) -> Result<Response, ApiError> {
    let (after, limit) = page(query)?;
    let letters = state.webhooks.dead_letters(Some(&issuer.id), name(&params), &after, limit).await.map_err(refused)?;
    let is_full = u32::try_from(letters.len()).is_ok_and(|count| count == limit);
    let next = letters.last().filter(|_| is_full).map(|letter| letter.event_id.clone());
    Ok(Json(DeadLetters { dead_letters: letters, next }).into_response())
}

/// Has dead letters sent again, with the ids that they had. Scope `webhooks:write`.
pub(super) async fn replay(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
    Path(params): Path<Vec<(String, String)>>,
    AdminJson(replay): AdminJson<Replay>,
) -> Result<Response, ApiError> {
    let actor = client.actor(&request_id);
    let queued = state.webhooks.replay(Some(&issuer.id), &actor, name(&params), &replay).await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Queued { queued })).into_response())
}

/// Ends the pause of a webhook whose receiver was gone. Scope `webhooks:write`.
pub(super) async fn resume(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
    Path(params): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let actor = client.actor(&request_id);
    let resumed = state.webhooks.resume(Some(&issuer.id), &actor, name(&params)).await.map_err(refused)?;
    Ok(Json(Resumed { resumed }).into_response())
}

fn name(params: &[(String, String)]) -> &str {
    params.iter().find(|(name, _)| name == "webhook").map_or("", |(_, value)| value)
}

/// `after` and `limit`.
fn page(query: Query) -> Result<(String, u32), ApiError> {
    let (mut after, mut limit) = (String::new(), MAX_PAGE);
    for (name, value) in query.into_pairs() {
        match name.as_str() {
            "after" => after = value,
            "limit" => {
                let number = value.parse().ok().filter(|number| (1..=MAX_PAGE).contains(number));
                limit = number.ok_or_else(|| invalid(format!("limit must be 1 to {MAX_PAGE}")))?;
            }
            other => return Err(invalid(format!("the parameter {other} is not known"))),
        }
    }
    Ok((after, limit))
}

fn refused(error: BoardError) -> ApiError {
    match error {
        BoardError::Unknown(_) => {
            ApiError::new(StatusCode::NOT_FOUND, Rendering::Problem, "unknown-webhook", error.to_string())
        }
        BoardError::Invalid(text) => invalid(text),
        BoardError::Store(error) => ApiError::admin(error.into()),
    }
}
