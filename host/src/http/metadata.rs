//! What wallets and verifiers read before anything else. Anybody may call.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chancery_keys::publish;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::AppState;
use super::issuer::CurrentIssuer;
use super::openapi::JwkSet;
use crate::issuance::offers::PRE_AUTHORIZED_CODE;
use crate::oauth::scopes;

/// How long clients may keep what describes us.
const MAX_AGE: &str = "public, max-age=300";

/// Credential issuer metadata (OpenID4VCI 1.0, 12.2.4).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct IssuerMetadata {
    credential_issuer: String,
    credential_endpoint: String,
    deferred_credential_endpoint: String,
    nonce_endpoint: String,
    credential_configurations_supported: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_credential_issuance: Option<BatchSize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    display: Vec<Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct BatchSize {
    batch_size: usize,
}

/// Authorization server metadata (RFC 8414, 2).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServerMetadata {
    issuer: String,
    token_endpoint: String,
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 2],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 2],
    authorization_details_types_supported: [&'static str; 1],
    #[serde(rename = "pre-authorized_grant_anonymous_access_supported")]
    anonymous_access_supported: bool,
    scopes_supported: Vec<String>,
}

/// JWT VC issuer metadata (SD-JWT VC, 5).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct JwtVcIssuer {
    issuer: String,
    #[schemars(with = "JwkSet")]
    jwks: Value,
}

fn cacheable<T: Serialize>(body: T) -> Response {
    ([(header::CACHE_CONTROL, MAX_AGE)], Json(body)).into_response()
}

/// Credential issuer metadata (OpenID4VCI 1.0, 12.2).
pub(super) async fn credential_issuer(State(state): State<AppState>, CurrentIssuer(issuer): CurrentIssuer) -> Response {
    let url = &issuer.url;
    // Only sizes from two up may be announced.
    let batch_size = Some(state.issuance.limits().batch_size).filter(|size| *size >= 2);
    cacheable(IssuerMetadata {
        credential_issuer: url.clone(),
        credential_endpoint: format!("{url}/openid4vci/credential"),
        deferred_credential_endpoint: format!("{url}/openid4vci/deferred_credential"),
        nonce_endpoint: format!("{url}/openid4vci/nonce"),
        credential_configurations_supported: issuer
            .configurations
            .values()
            .map(|c| (c.id.clone(), c.metadata.clone()))
            .collect(),
        batch_credential_issuance: batch_size.map(|batch_size| BatchSize { batch_size }),
        display: issuer.display.as_array().cloned().unwrap_or_default(),
    })
}

/// Authorization server metadata (RFC 8414, OpenID4VCI 1.0, 12.3).
pub(super) async fn authorization_server(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    let url = &issuer.url;
    let mut scopes: Vec<String> = issuer.configurations.values().filter_map(|c| c.document.scope.clone()).collect();
    scopes.extend(scopes::all());
    scopes.sort_unstable();
    scopes.dedup();
    cacheable(ServerMetadata {
        issuer: url.clone(),
        token_endpoint: format!("{url}/oauth/token"),
        grant_types_supported: [PRE_AUTHORIZED_CODE, "client_credentials"],
        token_endpoint_auth_methods_supported: ["none", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: ["ES256", "EdDSA"],
        authorization_details_types_supported: ["openid_credential"],
        anonymous_access_supported: true,
        scopes_supported: scopes,
    })
}

/// JWT VC issuer metadata (SD-JWT VC, 5).
pub(super) async fn jwt_vc_issuer(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    cacheable(JwtVcIssuer { issuer: issuer.url.clone(), jwks: publish::jwks(&issuer.published_keys()) })
}

/// The keys that credentials are signed with, retired ones included (RFC 7517).
pub(super) async fn jwks(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    cacheable(publish::jwks(&issuer.published_keys()))
}

/// The issuer's did:web document.
pub(super) async fn did(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    let document = publish::did_document(&issuer.did, &issuer.published_keys());
    let headers = [(header::CACHE_CONTROL, MAX_AGE), (header::CONTENT_TYPE, "application/did+ld+json")];
    (headers, Json(document)).into_response()
}
