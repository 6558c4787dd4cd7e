//! What wallets and verifiers read before anything else. Anybody may call.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chancery_keys::publish;
use serde_json::{Map, Value, json};

use super::AppState;
use super::issuer::CurrentIssuer;
use crate::issuance::offers::PRE_AUTHORIZED_CODE;
use crate::oauth::scopes;

/// How long clients may keep what describes us.
const MAX_AGE: &str = "public, max-age=300";

fn cacheable(body: Value) -> Response {
    ([(header::CACHE_CONTROL, MAX_AGE)], Json(body)).into_response()
}

/// Credential issuer metadata (OpenID4VCI 1.0, 12.2).
pub(super) async fn credential_issuer(State(state): State<AppState>, CurrentIssuer(issuer): CurrentIssuer) -> Response {
    let url = &issuer.url;
    let configurations: Map<String, Value> =
        issuer.configurations.values().map(|c| (c.id.clone(), c.metadata.clone())).collect();
    let mut body = json!({
        "credential_issuer": url,
        "credential_endpoint": format!("{url}/openid4vci/credential"),
        "deferred_credential_endpoint": format!("{url}/openid4vci/deferred_credential"),
        "nonce_endpoint": format!("{url}/openid4vci/nonce"),
        "credential_configurations_supported": configurations,
    });
    // Only sizes from two up may be announced.
    let batch_size = state.issuance.limits().batch_size;
    if batch_size >= 2 {
        body["batch_credential_issuance"] = json!({"batch_size": batch_size});
    }
    if issuer.display.as_array().is_some_and(|display| !display.is_empty()) {
        body["display"] = issuer.display.clone();
    }
    cacheable(body)
}

/// Authorization server metadata (RFC 8414, OpenID4VCI 1.0, 12.3).
pub(super) async fn authorization_server(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    let url = &issuer.url;
    let mut scopes: Vec<&str> = issuer.configurations.values().filter_map(|c| c.document.scope.as_deref()).collect();
    scopes.extend(scopes::SCOPES.iter().map(|(name, _)| *name));
    scopes.sort_unstable();
    scopes.dedup();
    cacheable(json!({
        "issuer": url,
        "token_endpoint": format!("{url}/oauth/token"),
        "grant_types_supported": [PRE_AUTHORIZED_CODE, "client_credentials"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "EdDSA"],
        "authorization_details_types_supported": ["openid_credential"],
        "pre-authorized_grant_anonymous_access_supported": true,
        "scopes_supported": scopes,
    }))
}

/// JWT VC issuer metadata (SD-JWT VC, 5).
pub(super) async fn jwt_vc_issuer(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    cacheable(json!({"issuer": issuer.url, "jwks": publish::jwks(&issuer.published_keys())}))
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
