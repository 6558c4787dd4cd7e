//! Our own extractors, so that a body that cannot be read is refused in the words of the surface it came to.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use chancery_credential::{JsonLimits, parse_strict};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::AppState;
use super::error::{ApiError, Rendering};

/// The id of the request, given by the outermost layer; the client gets it as `x-request-id`.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub String);

impl FromRequestParts<AppState> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(String::new())))
    }
}

/// A JSON body of the admin API.
pub(super) struct AdminJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for AdminJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let body =
            read(request, state.server.max_body, "application/json", Rendering::Problem, "invalid-request").await?;
        object(&body).map(Self).map_err(|e| {
            let text = format!("the body is not what is expected: {e}");
            ApiError::new(StatusCode::BAD_REQUEST, Rendering::Problem, "invalid-request", text)
        })
    }
}

/// A JSON object of the issuer's backend, and its bytes, by which a repeated request is known.
pub(super) struct BackendJson {
    pub object: Map<String, Value>,
    pub raw: Bytes,
}

impl FromRequest<AppState> for BackendJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        Self::within(request, state.server.max_credential_body).await
    }
}

/// The same where no credential is handed in.
pub(super) struct SmallBackendJson(pub BackendJson);

impl FromRequest<AppState> for SmallBackendJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        BackendJson::within(request, state.server.max_body).await.map(Self)
    }
}

impl BackendJson {
    async fn within(request: Request, max: usize) -> Result<Self, ApiError> {
        let raw = read(request, max, "application/json", Rendering::Problem, "invalid-request").await?;
        let limits = JsonLimits { max_bytes: max, ..JsonLimits::default() };
        match object_within(&raw, &limits) {
            Ok(object) => Ok(Self { object, raw }),
            Err(e) => {
                let text = format!("the body is not what is expected: {e}");
                Err(ApiError::new(StatusCode::BAD_REQUEST, Rendering::Problem, "invalid-request", text))
            }
        }
    }
}

/// A JSON object sent to the credential endpoint; members that are not known are left alone.
pub(super) struct CredentialJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for CredentialJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        const CODE: &str = "invalid_credential_request";
        let body = read(request, state.server.max_body, "application/json", Rendering::OAuth, CODE).await?;
        object(&body).map(Self).map_err(|e| {
            let text = format!("the body is not a credential request: {e}");
            ApiError::new(StatusCode::BAD_REQUEST, Rendering::OAuth, CODE, text)
        })
    }
}

/// A nested object: left to itself serde would take an array for a struct as well.
pub(super) fn nested<'de, D: Deserializer<'de>, T: DeserializeOwned>(object: D) -> Result<T, D::Error> {
    let object = Map::<String, Value>::deserialize(object)?;
    serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)
}

/// The same, where it may be absent.
pub(super) fn nested_option<'de, D: Deserializer<'de>, T: DeserializeOwned>(object: D) -> Result<Option<T>, D::Error> {
    let object = Option::<Map<String, Value>>::deserialize(object)?;
    object.map(|object| serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)).transpose()
}

/// Reads a JSON object without duplicate members. Left to itself serde would take an array for a struct as well.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    object_within(body, &JsonLimits::default())
}

fn object_within<T: DeserializeOwned>(body: &[u8], limits: &JsonLimits) -> Result<T, String> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("it must be a JSON object".to_owned());
    }
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let value = parse_strict(text, limits).map_err(|e| e.to_string())?;
    serde_json::from_value(value).map_err(|e| e.to_string())
}

/// Bytes of a form: a client assertion or two, not a document.
const MAX_FORM: usize = 16 * 1024;
const MAX_PARAMETERS: usize = 32;

/// Form parameters, each at most once (RFC 6749, 3.2).
pub(super) struct OAuthForm(Vec<(String, String)>);

impl OAuthForm {
    /// Takes a parameter out; an empty one counts as absent (RFC 6749, 3.2).
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.swap_remove(index).1).filter(|value| !value.is_empty())
    }
}

impl FromRequest<AppState> for OAuthForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        const CODE: &str = "invalid_request";
        let invalid = |text: String| ApiError::new(StatusCode::BAD_REQUEST, Rendering::OAuth, CODE, text);
        let limit = MAX_FORM.min(state.server.max_body);
        let body = read(request, limit, "application/x-www-form-urlencoded", Rendering::OAuth, CODE).await?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(&body) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(invalid(format!("the request has more than {MAX_PARAMETERS} parameters")));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(invalid(format!("the parameter {name} stands in the request twice")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }
}

async fn read(
    request: Request,
    max_body: usize,
    content_type: &str,
    rendering: Rendering,
    code: &'static str,
) -> Result<Bytes, ApiError> {
    let (parts, body) = request.into_parts();
    if !has_content_type(&parts.headers, content_type) {
        let text = format!("the body must be sent as {content_type}");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, rendering, code, text));
    }
    limited(body, &parts.headers, max_body).await.map_err(|refusal| match refusal {
        Refusal::TooLarge => {
            let text = format!("the body is larger than {max_body} bytes");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, rendering, code, text)
        }
        Refusal::Broken => ApiError::new(StatusCode::BAD_REQUEST, rendering, code, "the body ended too early"),
    })
}

enum Refusal {
    TooLarge,
    Broken,
}

/// Refuses by the announced length already, so that nothing is read in vain.
async fn limited(body: Body, headers: &HeaderMap, max: usize) -> Result<Bytes, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(Refusal::TooLarge);
    }
    axum::body::to_bytes(body, max).await.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if too_large { Refusal::TooLarge } else { Refusal::Broken }
    })
}

fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}
