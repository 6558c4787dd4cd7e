//! Status lists, as verifiers fetch them. Anybody may; the answer depends on nobody, and any cache may keep it.

use std::sync::Arc;

use axum::extract::{RawPathParams, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::AppState;
use super::accept;
use super::error::{ApiError, Rendering};
use super::issuer::CurrentIssuer;
use crate::status::{Document, Lookup, Representation};

/// Media types, the one that we prefer first, with what they are answered with.
const FORMS: [(&str, Representation); 5] = [
    ("application/vc", Representation::DataIntegrity),
    ("application/ld+json", Representation::DataIntegrity),
    ("application/json", Representation::DataIntegrity),
    ("application/vc+jwt", Representation::VcJwt),
    ("application/statuslist+jwt", Representation::TokenStatusList),
];
/// The spelling of the draft is secured in one way only.
const STATUS_LIST_2021: [(&str, Representation); 3] = [
    ("application/vc", Representation::StatusList2021),
    ("application/ld+json", Representation::StatusList2021),
    ("application/json", Representation::StatusList2021),
];
const VARY: &str = "accept, accept-encoding";

/// A status list in the form that `Accept` asks for.
pub(super) async fn read(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    params: RawPathParams,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref().unwrap_or_default())?;
    let forms: &[_] = if query.is_status_list_2021 { &STATUS_LIST_2021 } else { &FORMS };
    let id = params.iter().find(|(name, _)| *name == "list").map_or("", |(_, id)| id);
    let mut offered: Vec<&str> = forms.iter().map(|(media_type, _)| *media_type).collect();
    while let Some(media_type) = accept::media_type(&headers, &offered) {
        let form = forms.iter().find(|(name, _)| *name == media_type).map(|(_, form)| *form);
        let Some(form) = form else { break };
        match state.status.document(&issuer, id, form, query.at).await.map_err(ApiError::admin)? {
            Lookup::Found(document) => return answer(&state, &headers, media_type, &document),
            // The client may like another form as well.
            Lookup::NotInThisForm => offered.retain(|other| *other != media_type),
            Lookup::UnknownList => return Err(problem(StatusCode::NOT_FOUND, "unknown-status-list", UNKNOWN)),
            Lookup::NotKept => return Err(problem(StatusCode::NOT_FOUND, "status-list-version-unknown", NOT_KEPT)),
        }
    }
    Err(problem(StatusCode::NOT_ACCEPTABLE, "not-acceptable", NOT_ACCEPTABLE))
}

const UNKNOWN: &str = "there is no such status list";
const NOT_KEPT: &str = "no version of that time is kept";
const NOT_ACCEPTABLE: &str = "the status list is not published in a media type that Accept allows";

fn problem(status: StatusCode, code: &'static str, text: &str) -> ApiError {
    ApiError::new(status, Rendering::Problem, code, text)
}

fn answer(
    state: &AppState,
    headers: &HeaderMap,
    media_type: &'static str,
    document: &Arc<Document>,
) -> Result<Response, ApiError> {
    let (is_gzip, plain) = (accept::takes_gzip(headers), &document.etag);
    let etag = if is_gzip { &document.gzip_etag } else { plain };
    // Whoever has it in the other coding has it as well.
    let known = [etag, plain, &document.gzip_etag].into_iter().find(|etag| accept::matches_none(headers, etag));
    let max_age = format!("public, max-age={}", state.status.settings().ttl.as_secs());
    let mut response = match known {
        Some(_) => StatusCode::NOT_MODIFIED.into_response(),
        None => Bytes::clone(if is_gzip { &document.gzip } else { &document.body }).into_response(),
    };
    let fields = response.headers_mut();
    let mut put = |name: HeaderName, value: &str| -> Result<(), ApiError> {
        let value = HeaderValue::from_str(value).map_err(|_| ApiError::panicked(Rendering::Problem))?;
        fields.insert(name, value);
        Ok(())
    };
    put(header::ETAG, known.unwrap_or(etag))?;
    put(header::CACHE_CONTROL, &max_age)?;
    put(header::VARY, VARY)?;
    if known.is_none() {
        put(header::CONTENT_TYPE, media_type)?;
        if is_gzip {
            put(header::CONTENT_ENCODING, "gzip")?;
        }
    }
    Ok(response)
}

/// What may stand behind the question mark; what else does is left alone, as caches and libraries add to it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    at: Option<DateTime<Utc>>,
    is_status_list_2021: bool,
}

impl Query {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let wrong = |text: &str| problem(StatusCode::BAD_REQUEST, "invalid-request", text);
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                // Bitstring Status List 1.0 asks for `timestamp`, Token Status List for `time`, in seconds.
                "timestamp" => {
                    // A plus that nobody has encoded arrives as a space.
                    let time = DateTime::parse_from_rfc3339(&value.replace(' ', "+"));
                    let time = time.map_err(|_| wrong("timestamp is not a time of RFC 3339"))?;
                    parsed.at = Some(time.to_utc());
                }
                "time" => {
                    let time = value.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                    parsed.at = Some(time.ok_or_else(|| wrong("time is not a number of seconds since 1970"))?);
                }
                "format" if value == "StatusList2021" => parsed.is_status_list_2021 = true,
                "format" => return Err(wrong("the one format that can be asked for is StatusList2021")),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_spellings() {
        let at = |text: &str| Query::parse(text).unwrap().at.map(|at| at.timestamp());
        assert_eq!(at(""), None);
        assert_eq!(at("utm=x&flag"), None);
        assert_eq!(at("timestamp=1970-01-01T00:01:00Z"), Some(60));
        assert_eq!(at("timestamp=1970-01-01T01:01:00%2B01:00"), Some(60));
        assert_eq!(at("timestamp=1970-01-01T01:01:00+01:00"), Some(60));
        assert_eq!(at("time=60"), Some(60));
        assert!(Query::parse("format=StatusList2021").unwrap().is_status_list_2021);
        for wrong in
            ["timestamp=60", "timestamp=", "timestamp=yesterday", "time=now", "time=99999999999999999", "format=x"]
        {
            assert!(Query::parse(wrong).is_err(), "{wrong}");
        }
    }
}
