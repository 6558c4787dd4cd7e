//! The deferred credential endpoint (OpenID4VCI 1.0, 9). A wallet comes with the access token that it asked with, also
//! when that is too old to ask with.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::AppState;
use super::credential::respond;
use super::error::ApiError;
use super::extract::{CredentialJson, RequestId};
use super::issuer::CurrentIssuer;
use crate::audit::Actor;
use crate::issuance::credential::WalletGrant;
use crate::issuance::error::Error;

/// 9.1; members that are not known are ignored, as the specification demands.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DeferredCredentialRequest")]
pub(super) struct Body {
    #[schemars(with = "String")]
    transaction_id: Option<String>,
    #[schemars(skip)]
    credential_response_encryption: Option<Value>,
}

pub(super) async fn deferred(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(grant): Extension<WalletGrant>,
    CredentialJson(body): CredentialJson<Body>,
) -> Result<Response, ApiError> {
    let invalid = |text: &str| ApiError::credential(Error::InvalidRequest(text.to_owned()));
    if body.credential_response_encryption.is_some() {
        return Err(invalid("encrypted responses are not offered in the metadata"));
    }
    let transaction_id = body.transaction_id.ok_or_else(|| invalid("transaction_id is missing"))?;
    let actor = Actor::new("wallet", Some(&request_id));
    let within = state.server.request_timeout;
    let answer = state.issuance.poll_credentials(&issuer, &actor, &grant, &transaction_id, within).await;
    Ok(respond(answer.map_err(ApiError::credential)?))
}
