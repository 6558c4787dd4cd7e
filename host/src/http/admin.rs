//! The admin API, version 1. Each route's scope stands in the route table; errors are RFC 9457 problems.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chancery_store::BootstrapRedemption;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AppState;
use super::authn::Client;
use super::error::{ApiError, Rendering};
use super::extract::{AdminJson, RequestId};
use super::issuer::CurrentIssuer;
use crate::issuance::offers::NewOffer;
use crate::oauth::clients::NewClient;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CreatedClient {
    client_id: String,
}

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
    let client_id = new.client_id.clone();
    let actor = client.actor(&request_id);
    state.oauth.register_client(&issuer, &actor, new, &client.scopes).await.map_err(ApiError::admin_oauth)?;
    Ok((StatusCode::CREATED, Json(CreatedClient { client_id })).into_response())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bootstrap {
    /// As the first start printed it.
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
    let client_id = client.client_id.clone();
    let outcome = state.oauth.redeem_bootstrap(&issuer, Some(&request_id), &token, client).await;
    match outcome.map_err(ApiError::admin_oauth)? {
        BootstrapRedemption::Redeemed => Ok((StatusCode::CREATED, Json(CreatedClient { client_id })).into_response()),
        BootstrapRedemption::Refused => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            Rendering::Problem,
            "bootstrap-refused",
            "the bootstrap token is not known, was used, has expired, or there is a client already",
        )),
    }
}
