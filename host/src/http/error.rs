//! The only place of statuses. An `ApiError` has a public text and, apart from it, a private cause: the cause
//! travels in the response's extensions to the one layer that logs it, with the request id that the client has.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::issuance::error::{Cause, Error as IssuanceError};
use crate::oauth::error::Error as OAuthError;

/// How an error looks on the surface that it happened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// `{error, error_description}`: OAuth and OpenID4VCI.
    OAuth,
    /// RFC 9457: admin API and everything else.
    Problem,
}

#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    rendering: Rendering,
    /// OAuth error code or the problem's kind.
    code: &'static str,
    /// The problem's type, where a specification names one.
    kind: Option<&'static str>,
    public: String,
    retry_after: Option<u32>,
    www_authenticate: Option<String>,
    cause: Option<Cause>,
}

/// `{error, error_description}` (RFC 6749, 5.2).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OAuthError")]
pub(super) struct OAuthBody {
    error: &'static str,
    error_description: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// Tells kinds of problems apart, for programs.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: Option<&'static str>,
    status: u16,
    /// What is wrong, for people.
    detail: String,
}

impl Problem {
    /// The `type` of a code.
    pub(super) fn kind(code: &str) -> String {
        format!("urn:chancery:problem:{code}")
    }
}

/// What the log layer finds in a response's extensions.
#[derive(Debug, Clone)]
pub(super) struct ErrorCause(pub Arc<dyn std::error::Error + Send + Sync>);

impl ApiError {
    pub fn new(status: StatusCode, rendering: Rendering, code: &'static str, public: impl Into<String>) -> Self {
        let public = public.into();
        Self { status, rendering, code, kind: None, public, retry_after: None, www_authenticate: None, cause: None }
    }

    pub fn not_found(rendering: Rendering, public: &str) -> Self {
        let code = match rendering {
            Rendering::OAuth => "invalid_request",
            Rendering::Problem => "not-found",
        };
        Self::new(StatusCode::NOT_FOUND, rendering, code, public)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Rendering::Problem,
            "method-not-allowed",
            "this path is not served for this method",
        )
    }

    /// RFC 6750, 3: a request without any token gets no error code, but some clients need a parameter.
    pub fn no_token() -> Self {
        let mut error =
            Self::new(StatusCode::UNAUTHORIZED, Rendering::OAuth, "invalid_token", "an access token is needed");
        error.www_authenticate = Some("Bearer realm=\"chancery\"".to_owned());
        error
    }

    pub fn invalid_token() -> Self {
        let text = "the access token is not valid here, or has expired";
        let mut error = Self::new(StatusCode::UNAUTHORIZED, Rendering::OAuth, "invalid_token", text);
        error.www_authenticate = Some("Bearer error=\"invalid_token\"".to_owned());
        error
    }

    pub fn insufficient_scope(scope: &str) -> Self {
        let text = format!("the access token lacks the scope {scope}");
        let mut error = Self::new(StatusCode::FORBIDDEN, Rendering::OAuth, "insufficient_scope", text);
        error.www_authenticate = Some(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""));
        error
    }

    pub fn busy(rendering: Rendering, public: &str) -> Self {
        let code = match rendering {
            Rendering::OAuth => "temporarily_unavailable",
            Rendering::Problem => "unavailable",
        };
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, rendering, code, public);
        error.retry_after = Some(1);
        error
    }

    pub fn panicked(rendering: Rendering) -> Self {
        let code = match rendering {
            Rendering::OAuth => "server_error",
            Rendering::Problem => "internal",
        };
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, rendering, code, "something went wrong here")
    }

    /// The credential endpoint's errors (OpenID4VCI 1.0, 8.3.1.2), and the deferred credential endpoint's (9.3).
    pub fn credential(error: IssuanceError) -> Self {
        use IssuanceError as E;
        let (status, code) = match &error {
            E::UnknownConfiguration(_) => (StatusCode::BAD_REQUEST, "unknown_credential_configuration"),
            E::UnknownCredentialIdentifier(_) => (StatusCode::BAD_REQUEST, "unknown_credential_identifier"),
            E::InvalidProof(_) => (StatusCode::BAD_REQUEST, "invalid_proof"),
            E::InvalidNonce(_) => (StatusCode::BAD_REQUEST, "invalid_nonce"),
            E::Denied(_) | E::Deleted | E::NotFound(_) | E::State { .. } => {
                (StatusCode::BAD_REQUEST, "credential_request_denied")
            }
            E::ConfigurationNotGranted(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            E::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_credential_request"),
            E::UnknownTransaction => (StatusCode::BAD_REQUEST, "invalid_transaction_id"),
            E::Rejected { .. } => (StatusCode::BAD_GATEWAY, "server_error"),
            E::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            // What is left cannot come of a wallet's request.
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        let mut rendered = Self::of_issuance(status, Rendering::OAuth, code, error);
        if status == StatusCode::FORBIDDEN {
            rendered.www_authenticate = Some("Bearer error=\"insufficient_scope\"".to_owned());
        }
        rendered
    }

    /// The admin API's.
    pub fn admin(error: IssuanceError) -> Self {
        use IssuanceError as E;
        let (status, code) = match &error {
            E::UnknownConfiguration(_) => (StatusCode::NOT_FOUND, "unknown-configuration"),
            E::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            E::Broken { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            E::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            other => (StatusCode::BAD_REQUEST, other.code()),
        };
        Self::of_issuance(status, Rendering::Problem, code, error)
    }

    /// The issuer's backend's.
    pub fn credentials(error: IssuanceError) -> Self {
        use IssuanceError as E;
        let status = match &error {
            E::UnknownConfiguration(_) | E::NotFound(_) | E::Denied(_) => StatusCode::NOT_FOUND,
            E::Conflict(_) | E::State { .. } | E::DoneBefore => StatusCode::CONFLICT,
            E::Deleted => StatusCode::GONE,
            E::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            E::Forbidden(_) => StatusCode::FORBIDDEN,
            E::Rejected { .. } => StatusCode::BAD_GATEWAY,
            E::Broken { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            E::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let code = match &error {
            E::Denied(_) => "unknown-subject",
            E::Rejected { .. } => "credential-rejected",
            E::Broken { .. } => "internal",
            other => other.code(),
        };
        let scope = if let E::Forbidden(scope) = &error { Some(*scope) } else { None };
        let kind = match &error {
            E::MalformedCredential(_) => Some("https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR"),
            E::UnknownOption(_) => Some("https://www.w3.org/TR/vcalm#UNKNOWN_OPTION_PROVIDED"),
            _ => None,
        };
        match scope {
            Some(scope) => Self::insufficient_scope(scope),
            None => Self { kind, ..Self::of_issuance(status, Rendering::Problem, code, error) },
        }
    }

    /// The token endpoint's (RFC 6749, 5.2).
    pub fn token(error: OAuthError) -> Self {
        let (status, code) = match &error {
            OAuthError::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            OAuthError::InvalidGrant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            OAuthError::InvalidClient(_) => (StatusCode::UNAUTHORIZED, "invalid_client"),
            OAuthError::InvalidScope(_) => (StatusCode::BAD_REQUEST, "invalid_scope"),
            OAuthError::InvalidAuthorizationDetails(_) => (StatusCode::BAD_REQUEST, "invalid_authorization_details"),
            OAuthError::UnsupportedGrantType(_) => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            OAuthError::Issuance(IssuanceError::Unavailable { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            OAuthError::Issuance(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        match error {
            OAuthError::Issuance(error) => Self::of_issuance(status, Rendering::OAuth, code, error),
            other => Self::new(status, Rendering::OAuth, code, other.to_string()),
        }
    }

    /// The admin API's, where it talks to the authorization server.
    pub fn admin_oauth(error: OAuthError) -> Self {
        match error {
            OAuthError::Issuance(error) => Self::admin(error),
            other => Self::new(StatusCode::BAD_REQUEST, Rendering::Problem, "invalid-request", other.to_string()),
        }
    }

    fn of_issuance(status: StatusCode, rendering: Rendering, code: &'static str, error: IssuanceError) -> Self {
        let mut rendered = Self::new(status, rendering, code, error.to_string());
        match error {
            IssuanceError::Unavailable { retry_after, cause, .. } => {
                rendered.retry_after = retry_after;
                rendered.cause = cause;
            }
            IssuanceError::Broken { cause, .. } | IssuanceError::Rejected { cause, .. } => rendered.cause = Some(cause),
            _ => {}
        }
        rendered
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = match self.rendering {
            Rendering::OAuth => {
                let body = OAuthBody { error: self.code, error_description: description(&self.public) };
                (self.status, Json(body)).into_response()
            }
            Rendering::Problem => {
                let body = Problem {
                    kind: self.kind.map_or_else(|| Problem::kind(self.code), str::to_owned),
                    title: self.status.canonical_reason(),
                    status: self.status.as_u16(),
                    detail: self.public,
                };
                let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
                (self.status, content_type, Json(body)).into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut insert = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        };
        if let Some(seconds) = self.retry_after {
            insert(header::RETRY_AFTER, seconds.to_string());
        }
        if let Some(challenge) = self.www_authenticate {
            insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(ErrorCause(Arc::from(cause)));
        }
        response
    }
}

/// `error_description` may hold %x20-21, %x23-5B and %x5D-7E only (RFC 6749, 5.2): no quotes, no backslash.
fn description(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '\\' => '\'',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_hold_only_what_oauth_allows() {
        assert_eq!(description("a \"b\\c\" é\n"), "a 'b'c' ??");
    }
}
