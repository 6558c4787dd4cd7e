//! The issuer's backend: credentials issued to it, read, found, deleted, and what is said of them. Each route's scope stands
//! in the route table; errors are RFC 9457 problems.
//!
//! | module | routes |
//! | --- | --- |
//! | `issue` | `POST /credentials/issue`, in the W3C's shape and by configuration |
//! | `status` | `POST /credentials/status` |
//! | `stored` | `GET` and `DELETE /credentials/{id}`, `GET /credentials` |
//! | `vcalm` | the same below `/vcalm`, with the answers of VCALM 1.0 |

pub(super) mod issue;
pub(super) mod status;
pub(super) mod stored;
pub(super) mod vcalm;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_store::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::AppState;
use super::authn::Client;
use super::error::{ApiError, Rendering};
use super::extract::RequestId;
use super::issuer::CurrentIssuer;
use crate::audit::Actor;
use crate::issuance::credential::Credential;
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;
use crate::issuance::lifecycle::Idempotency;

const MAX_PARAMETERS: usize = 32;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Who calls for which issuer.
pub(super) struct Backend {
    pub issuer: Arc<Issuer>,
    pub actor: Actor,
    pub client: Client,
    /// The header `Idempotency-Key`.
    key: Option<HeaderValue>,
}

impl FromRequestParts<AppState> for Backend {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let CurrentIssuer(issuer) =
            CurrentIssuer::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let Ok(RequestId(request_id)) = RequestId::from_request_parts(parts, state).await;
        let Extension(client) =
            Extension::<Client>::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let actor = client.actor(&request_id);
        Ok(Self { issuer, actor, client, key: parts.headers.get(IDEMPOTENCY_KEY).cloned() })
    }
}

impl Backend {
    /// What the client may repeat: this body, sent to this operation.
    pub(super) fn idempotency(&self, operation: &str, body: &[u8]) -> Result<Option<Idempotency>, ApiError> {
        let Some(key) = &self.key else { return Ok(None) };
        let key = key.to_str().unwrap_or_default();
        let request = [operation.as_bytes(), b"\n", body].concat();
        Idempotency::new(&self.issuer, &self.actor, key, &request).map(Some).map_err(ApiError::credentials)
    }

    pub(super) fn may(&self, scope: &str) -> bool {
        self.client.scopes.iter().any(|held| held == scope)
    }
}

/// The credential's name: in the path, percent-encoded, or as `?id=`.
pub(super) struct CredentialName(pub String);

impl FromRequestParts<AppState> for CredentialName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| invalid("the id in the path must be percent-encoded UTF-8"))?;
        if let Some((_, id)) = params.iter().find(|(name, _)| *name == "id") {
            return Self::of(id);
        }
        Self::of(Query::of(parts)?.get("id").ok_or_else(|| invalid("name the credential: ?id="))?)
    }
}

impl CredentialName {
    pub(super) fn of(id: &str) -> Result<Self, ApiError> {
        // No database takes every text.
        if id.contains('\0') {
            Err(invalid("the id holds a character that no URL has"))
        } else {
            Ok(Self(id.to_owned()))
        }
    }
}

/// The query's parameters, each at most once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(parts: &Parts) -> Result<Self, ApiError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(invalid(format!("the query has more than {MAX_PARAMETERS} parameters")));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(invalid(format!("the parameter {name} stands in the query twice")));
            }
            if name.contains('\0') || value.contains('\0') {
                return Err(invalid("the query holds a character that no text has"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

impl FromRequestParts<AppState> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Self::of(parts)
    }
}

pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, Rendering::Problem, "invalid-request", text)
}

/// The credential as a JSON value: an object, or text.
fn value(credential: &Credential) -> Result<Value, ApiError> {
    match credential {
        Credential::Text(text) => Ok(Value::from(text.as_str())),
        Credential::Json(text) => serde_json::from_str(text)
            .map_err(|e| ApiError::credentials(Error::broken("the credential cannot be read", e))),
    }
}

/// As a verifiable credential of the data model 2.0, in which other formats travel enveloped (4.13).
fn verifiable(format: &str, credential: &Credential) -> Result<Value, ApiError> {
    match credential {
        Credential::Json(_) => value(credential),
        Credential::Text(text) => Ok(json!({
            "@context": "https://www.w3.org/ns/credentials/v2",
            "id": format!("data:application/{},{text}", if format == "jwt_vc_json" { "jwt" } else { format }),
            "type": "EnvelopedVerifiableCredential",
        })),
    }
}

pub(super) fn time(at: Timestamp) -> String {
    at.get().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// What RFC 3986, 2.3 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the credential is read below `mount`: by the UUID alone where its id is one of ours.
fn location(issuer: &Issuer, mount: &str, id: &str) -> String {
    let ours = id.strip_prefix(&issuer.url).and_then(|path| path.strip_prefix("/credentials/"));
    let name = ours.filter(|name| issuer.credential_id(name) == id).unwrap_or(id);
    format!("{}{mount}/credentials/{}", issuer.url, utf8_percent_encode(name, RESERVED))
}

pub(super) fn replay_header(replayed: bool, mut response: Response) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
