//! The admin API, version 1. Each route's scope stands in the route table; errors are RFC 9457 problems.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chancery_sandbox::{PluginStatus, Sandbox};
use chancery_store::BootstrapRedemption;
use serde::Deserialize;
use serde_json::json;

use super::AppState;
use super::authn::Client;
use super::error::{ApiError, Rendering};
use super::extract::{AdminJson, RequestId};
use super::issuer::CurrentIssuer;
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuer};
use crate::issuance::offers::NewOffer;
use crate::oauth::clients::NewClient;

/// Makes a credential offer. Scope `offers:create`.
pub(super) async fn create_offer(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
    AdminJson(new): AdminJson<NewOffer>,
) -> Result<Response, ApiError> {
    let offer = state.issuance.create_offer(&issuer, &client.actor(&request_id), new).await.map_err(ApiError::admin)?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(offer)).into_response())
}

/// Registers a further service client, with scopes of the caller's at most. Scope `clients:create`.
pub(super) async fn create_client(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
    AdminJson(new): AdminJson<NewClient>,
) -> Result<Response, ApiError> {
    let id = new.client_id.clone();
    let actor = client.actor(&request_id);
    state.oauth.register_client(&issuer, &actor, new, &client.scopes).await.map_err(ApiError::admin_oauth)?;
    Ok((StatusCode::CREATED, Json(json!({"client_id": id}))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bootstrap {
    token: String,
    client: NewClient,
}

/// Registers the first service client with the token that the first start printed. The token works once.
pub(super) async fn bootstrap(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    AdminJson(Bootstrap { token, client }): AdminJson<Bootstrap>,
) -> Result<Response, ApiError> {
    let id = client.client_id.clone();
    let outcome = state.oauth.redeem_bootstrap(&issuer, Some(&request_id), &token, client).await;
    match outcome.map_err(ApiError::admin_oauth)? {
        BootstrapRedemption::Redeemed => Ok((StatusCode::CREATED, Json(json!({"client_id": id}))).into_response()),
        BootstrapRedemption::Refused => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            Rendering::Problem,
            "bootstrap-refused",
            "the bootstrap token is not known, was used, has expired, or there is a client already",
        )),
    }
}

/// Every plugin file with its stage, and why it is not further. Scope `plugins:read`. The default issuer runs the
/// host and sees them all; every other one sees those that its own configurations name.
pub(super) async fn plugins(State(state): State<AppState>, CurrentIssuer(issuer): CurrentIssuer) -> Response {
    Json(json!({"plugins": visible_plugins(&state, &issuer)})).into_response()
}

fn visible_plugins(state: &AppState, issuer: &Issuer) -> Vec<PluginStatus> {
    let mut plugins = state.readiness.sandbox().map(Sandbox::plugins).unwrap_or_default();
    if issuer.id != DEFAULT_ISSUER {
        let needed: Vec<&str> =
            issuer.configurations.values().filter_map(|c| Some(c.document.plugin.as_ref()?.name.as_str())).collect();
        plugins.retain(|plugin| needed.contains(&plugin.name.as_str()));
    }
    plugins
}

/// Reads every plugin file again, tries again what had failed, and answers as `plugins` does when each one is active,
/// pending or rejected. Where that takes longer than a request may, it goes on without the caller. Scope `plugins:write`.
pub(super) async fn rescan_plugins(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
) -> Response {
    if let Some(sandbox) = state.readiness.sandbox() {
        let client = client.actor(&request_id).name;
        tracing::info!(client, request_id, "a client has the plugin directory read again");
        sandbox.rescan().await;
    }
    Json(json!({"plugins": visible_plugins(&state, &issuer)})).into_response()
}
