//! The credential endpoint (OpenID4VCI 1.0, 8). A wallet with an access token from its offer may call.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::AppState;
use super::error::ApiError;
use super::extract::{CredentialJson, RequestId};
use super::issuer::CurrentIssuer;
use crate::audit::Actor;
use crate::issuance::credential::{Answer, Credential, CredentialRequest, Selector, WalletGrant};
use crate::issuance::error::Error;

/// 8.2; members that are not known are ignored, as the specification demands.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialRequest")]
pub(super) struct Body {
    /// This or `credential_identifier`.
    credential_configuration_id: Option<String>,
    /// Where the token answered `authorization_details`.
    credential_identifier: Option<String>,
    /// One credential is issued for each key proof.
    #[schemars(with = "Option<Proofs>")]
    proofs: Option<Map<String, Value>>,
    /// Draft 13's spelling, refused with a hint.
    #[schemars(skip)]
    proof: Option<Value>,
    #[schemars(skip)]
    credential_response_encryption: Option<Value>,
}

/// Key proofs by their type. Read by hand, so that each mistake is named.
#[derive(Debug, JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
struct Proofs {
    #[schemars(length(min = 1))]
    #[expect(dead_code, reason = "describes what `jwt_proofs` reads")]
    jwt: Vec<String>,
}

/// Credentials, one for each key proof (8.3).
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `issued` writes")]
pub(super) struct CredentialResponse {
    credentials: Vec<IssuedCredential>,
}

#[derive(Debug, JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "describes what `issued` writes")]
struct IssuedCredential {
    /// A string (SD-JWT VC) or an object (Data Integrity).
    credential: Value,
}

/// The credentials are not ready: to be asked for later (8.3, 9.2).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deferred {
    transaction_id: String,
    /// Seconds to wait.
    interval: u64,
}

pub(super) async fn credential(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(grant): Extension<WalletGrant>,
    CredentialJson(body): CredentialJson<Body>,
) -> Result<Response, ApiError> {
    let request = parse(body).map_err(ApiError::credential)?;
    let actor = Actor::new("wallet", Some(&request_id));
    let within = state.server.request_timeout;
    let answer = state.issuance.issue_credentials(&issuer, &actor, &grant, request, within).await;
    Ok(respond(answer.map_err(ApiError::credential)?))
}

/// 8.3 and 9.2.
pub(super) fn respond(answer: Answer) -> Response {
    const HEADERS: [(header::HeaderName, &str); 2] =
        [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    match answer {
        Answer::Issued(credentials) => (HEADERS, issued(&credentials)).into_response(),
        Answer::Deferred { transaction_id, interval } => {
            // Whole seconds, rounded up: who comes earlier is sent away again.
            let interval = interval.as_millis().div_ceil(1_000);
            let interval = u64::try_from(interval).unwrap_or(u64::MAX);
            (StatusCode::ACCEPTED, HEADERS, Json(Deferred { transaction_id, interval })).into_response()
        }
    }
}

/// Put together as text, so that another issuer's credential goes on byte for byte.
fn issued(credentials: &[Credential]) -> String {
    let member = |credential: &Credential| match credential {
        Credential::Text(text) => format!(r#"{{"credential":{}}}"#, Value::from(text.as_str())),
        Credential::Json(text) => format!(r#"{{"credential":{text}}}"#),
    };
    let members: Vec<String> = credentials.iter().map(member).collect();
    format!(r#"{{"credentials":[{}]}}"#, members.join(","))
}

fn parse(body: Body) -> Result<CredentialRequest, Error> {
    let invalid = |text: &str| Err(Error::InvalidRequest(text.to_owned()));
    if body.credential_response_encryption.is_some() {
        return invalid("encrypted responses are not offered in the metadata");
    }
    if body.proof.is_some() {
        return invalid("send proofs (OpenID4VCI 1.0), not proof");
    }
    let selector = match (body.credential_configuration_id, body.credential_identifier) {
        (Some(id), None) => Selector::Configuration(id),
        (None, Some(id)) => Selector::Identifier(id),
        _ => return invalid("name exactly one of credential_configuration_id and credential_identifier"),
    };
    Ok(CredentialRequest { selector, proofs: body.proofs.map(jwt_proofs).transpose()? })
}

/// `proofs` holds exactly one proof type, which holds at least one proof.
fn jwt_proofs(mut proofs: Map<String, Value>) -> Result<Vec<String>, Error> {
    let invalid = |text: &str| Error::InvalidProof(text.to_owned());
    if proofs.len() != 1 {
        return Err(invalid("proofs must have exactly one member: the proof type"));
    }
    let Some(Value::Array(list)) = proofs.remove("jwt") else {
        return Err(invalid("proofs must be {jwt: [...]}: no other proof type is taken here"));
    };
    if list.is_empty() {
        return Err(invalid("proofs.jwt must hold at least one key proof"));
    }
    let text = |proof| match proof {
        Value::String(text) => Ok(text),
        _ => Err(invalid("each of proofs.jwt must be a string")),
    };
    list.into_iter().map(text).collect()
}
