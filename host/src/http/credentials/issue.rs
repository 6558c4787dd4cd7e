use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Backend, invalid, location, replay_header, time, value, verifiable};
use crate::http::AppState;
use crate::http::error::ApiError;
use crate::http::extract::{BackendJson, nested_option};
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;
use crate::issuance::lifecycle::{Answered, DirectRequest, HandedIn, Issued};

const MAX_NAME: usize = 128;

/// A credential to be signed, or to be taken over with its proof (VCALM 1.0, 3.2.1).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct W3cRequest {
    credential: Map<String, Value>,
    #[serde(default, deserialize_with = "nested_option")]
    #[schemars(with = "Option<Options>")]
    options: Option<Options>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(in crate::http) struct Options {
    /// The name that it is stored under; its own `id` where this is absent.
    credential_id: Option<String>,
    /// Options that are not known are refused.
    #[serde(flatten)]
    #[schemars(skip)]
    others: Map<String, Value>,
}

/// A credential of a published configuration, which exactly one of `credential_configuration_id`, `credential_identifier`
/// and `format` selects. Without `data` the configuration's plugin is asked for `subject`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ConfigurationRequest {
    credential_configuration_id: Option<String>,
    credential_identifier: Option<String>,
    /// With `vct` or `credential_definition`, where several configurations have it.
    format: Option<String>,
    vct: Option<String>,
    credential_definition: Option<Map<String, Value>>,
    /// One key proof (`OpenID4VCI` draft 13: `{proof_type, jwt}`).
    #[serde(default, deserialize_with = "nested_option")]
    #[schemars(with = "Option<Proof>")]
    proof: Option<Proof>,
    /// The same as 1.0 has it.
    #[serde(default, deserialize_with = "nested_option")]
    #[schemars(with = "Option<Proofs>")]
    proofs: Option<Proofs>,
    /// The data itself, as a data provider would answer it.
    data: Option<Map<String, Value>>,
    /// Whom it is about.
    subject: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    proof_type: String,
    jwt: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Proofs {
    jwt: Vec<String>,
}

/// A credential that was issued and stored.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CredentialIssueResponseDto {
    pub credential_id: String,
    /// The signed credential: an object, or text.
    pub credential: Value,
    /// RFC 3339.
    pub created_times: String,
    pub updated_times: String,
    /// The credential, or an `EnvelopedVerifiableCredential` of the data model 2.0 around it.
    pub verifiable_credential: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct VerifiableCredential {
    pub verifiable_credential: Value,
}

/// Issues a credential and stores it. Scope `credentials:issue`.
pub(in crate::http) async fn issue(
    State(state): State<AppState>,
    backend: Backend,
    BackendJson { object, raw }: BackendJson,
) -> Result<Response, ApiError> {
    let selects = ["credential_configuration_id", "credential_identifier", "format"];
    match (object.contains_key("credential"), selects.iter().any(|name| object.contains_key(*name))) {
        (true, false) => handed_in(&state, &backend, object, &raw, "").await,
        (false, true) => Box::pin(of_configuration(&state, &backend, object, &raw)).await,
        _ => Err(invalid(
            "send either a credential, or one of credential_configuration_id, credential_identifier and format",
        )),
    }
}

/// Signs or takes over what is handed in, and answers as the W3C has it.
pub(super) async fn handed_in(
    state: &AppState,
    backend: &Backend,
    object: Map<String, Value>,
    raw: &[u8],
    mount: &str,
) -> Result<Response, ApiError> {
    let request: W3cRequest = read(object)?;
    let options = request.options.unwrap_or(Options { credential_id: None, others: Map::new() });
    if let Some(name) = options.others.keys().next() {
        return Err(ApiError::credentials(Error::UnknownOption(name.clone())));
    }
    let key = backend.idempotency("issue", raw)?;
    let handed_in = HandedIn { credential: request.credential, credential_id: options.credential_id, size: raw.len() };
    let issued = state.issuance.secure_credential(&backend.issuer, &backend.actor, handed_in, key.as_ref()).await;
    let Answered { value: issued, replayed } = issued.map_err(ApiError::credentials)?;
    let body = VerifiableCredential { verifiable_credential: verifiable(&issued.format, &issued.credential)? };
    Ok(replay_header(replayed, created(&backend.issuer, mount, &issued, body)))
}

async fn of_configuration(
    state: &AppState,
    backend: &Backend,
    object: Map<String, Value>,
    raw: &[u8],
) -> Result<Response, ApiError> {
    let request: ConfigurationRequest = read(object)?;
    let key = backend.idempotency("issue", raw)?;
    let request = DirectRequest {
        configuration_id: selected(&backend.issuer, &request)?,
        proof: one_proof(request.proof, request.proofs)?,
        data: request.data,
        subject: request.subject,
    };
    let within = state.server.request_timeout;
    let issued = state.issuance.issue_directly(&backend.issuer, &backend.actor, request, key.as_ref(), within);
    let issued = Box::pin(issued).await;
    let Answered { value: issued, replayed } = issued.map_err(ApiError::credentials)?;
    let body = CredentialIssueResponseDto {
        credential: value(&issued.credential)?,
        verifiable_credential: verifiable(&issued.format, &issued.credential)?,
        created_times: time(issued.created),
        updated_times: time(issued.updated),
        credential_id: issued.credential_id.clone(),
    };
    Ok(replay_header(replayed, created(&backend.issuer, "", &issued, body)))
}

fn created(issuer: &Issuer, mount: &str, issued: &Issued, body: impl Serialize) -> Response {
    let headers = [
        (header::LOCATION, location(issuer, mount, &issued.credential_id)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::CREATED, headers, Json(body)).into_response()
}

pub(in crate::http) fn read<T: serde::de::DeserializeOwned>(object: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(object)).map_err(|e| invalid(format!("the body is not what is expected: {e}")))
}

/// The configuration that the request means.
fn selected(issuer: &Issuer, request: &ConfigurationRequest) -> Result<String, ApiError> {
    let by_format = request.format.is_some() || request.vct.is_some() || request.credential_definition.is_some();
    // An unknown one is told back, so it must not be anything.
    let ids = [&request.credential_configuration_id, &request.credential_identifier, &request.format];
    if ids.into_iter().flatten().any(|id| id.len() > MAX_NAME || id.contains('\0')) {
        return Err(invalid(format!("names of configurations and formats have at most {MAX_NAME} bytes")));
    }
    match (&request.credential_configuration_id, &request.credential_identifier, &request.format) {
        (Some(id), None, None) | (None, Some(id), None) if !by_format => Ok(id.clone()),
        (None, None, Some(format)) => by(issuer, format, request),
        _ => Err(invalid("select by exactly one of credential_configuration_id, credential_identifier and format")),
    }
}

fn by(issuer: &Issuer, format: &str, request: &ConfigurationRequest) -> Result<String, ApiError> {
    let types = request.credential_definition.as_ref().and_then(|definition| definition.get("type"));
    let mut fitting = issuer.configurations.values().filter(|configuration| {
        configuration.format().as_str() == format
            && request.vct.as_ref().is_none_or(|vct| configuration.metadata["vct"] == **vct)
            && types.is_none_or(|types| configuration.metadata["credential_definition"]["type"] == *types)
    });
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.id.clone()),
        (None, _) => {
            Err(ApiError::credentials(Error::UnknownConfiguration(format!("of the format {format} like this"))))
        }
        (Some(_), Some(_)) => Err(invalid("several configurations fit: name the credential_configuration_id")),
    }
}

fn one_proof(proof: Option<Proof>, proofs: Option<Proofs>) -> Result<Option<String>, ApiError> {
    match (proof, proofs) {
        (None, None) => Ok(None),
        (Some(Proof { proof_type, jwt }), None) if proof_type == "jwt" => Ok(Some(jwt)),
        (None, Some(Proofs { mut jwt })) if jwt.len() == 1 => Ok(jwt.pop()),
        _ => Err(invalid("send one key proof of the type jwt: one credential is issued at a time")),
    }
}
