//! The token endpoint (RFC 6749, 3.2; OpenID4VCI 1.0, 6). Wallets come with a code, service clients with a client
//! assertion.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use schemars::JsonSchema;

use super::AppState;
use super::error::ApiError;
use super::extract::{OAuthForm, RequestId};
use super::issuer::CurrentIssuer;
use crate::oauth::token::TokenRequest;

/// The form, by grant.
#[derive(Debug, JsonSchema)]
#[schemars(tag = "grant_type")]
#[expect(dead_code, reason = "describes what the handler takes out of the form")]
pub(super) enum TokenForm {
    /// A wallet's, once for each offer.
    #[schemars(rename = "urn:ietf:params:oauth:grant-type:pre-authorized_code")]
    PreAuthorizedCode {
        #[schemars(rename = "pre-authorized_code")]
        pre_authorized_code: String,
        /// Where the offer asks for one.
        #[schemars(default)]
        tx_code: String,
        /// A JSON array (RFC 9396); the token then answers credential identifiers.
        #[schemars(default)]
        authorization_details: String,
    },
    /// A service client's.
    #[schemars(rename = "client_credentials")]
    ClientCredentials {
        /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
        client_assertion_type: String,
        /// A JWT by the client's key (RFC 7523, 3); its `jti` works once.
        client_assertion: String,
        /// Those of its scopes that the token is for, with blanks between them; all of them where it is absent.
        #[schemars(default)]
        scope: String,
    },
}

pub(super) async fn token(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    mut form: OAuthForm,
) -> Result<Response, ApiError> {
    let request = TokenRequest {
        grant_type: form.take("grant_type"),
        pre_authorized_code: form.take("pre-authorized_code"),
        tx_code: form.take("tx_code"),
        authorization_details: form.take("authorization_details"),
        client_assertion_type: form.take("client_assertion_type"),
        client_assertion: form.take("client_assertion"),
        scope: form.take("scope"),
    };
    let response = state.oauth.token(&issuer, Some(&request_id), request).await.map_err(ApiError::token)?;
    // Both headers: RFC 6749, 5.1.
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    Ok((headers, Json(response)).into_response())
}
