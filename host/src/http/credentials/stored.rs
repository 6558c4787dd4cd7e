use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chancery_credential::status::Purpose;
use chancery_store::{StatusEntry, Timestamp};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Backend, CredentialName, Query, invalid, time, value, verifiable};
use crate::http::error::ApiError;
use crate::http::{AppState, accept};
use crate::issuance::lifecycle::{Found, Revoke, Search};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;
const MAX_ATTRIBUTES: usize = 8;
const ATTRIBUTE: &str = "attribute.";

/// A credential as it is stored, and what is said of it now.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct StoredCredentialDto {
    credential_id: String,
    /// The signed credential: an object, or text.
    credential: Value,
    created_times: String,
    updated_times: String,
    /// The credential, or an `EnvelopedVerifiableCredential` of the data model 2.0 around it.
    verifiable_credential: Value,
    status: Vec<StatusDto>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct StatusDto {
    status_purpose: String,
    status_list_credential_url: String,
    status_list_index: i64,
    status: bool,
    status_timestamp: String,
}

/// A record of a credential, without the credential.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CredentialRecordDto {
    credential_id: String,
    credential_type: String,
    configuration_id: String,
    format: String,
    issue_date: String,
    expiration_date: Option<String>,
    created_times: String,
    updated_times: String,
    /// Whether the credential itself is kept.
    kept: bool,
    superseded_by: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct CredentialPage {
    credentials: Vec<CredentialRecordDto>,
    /// The `after` of the next page; `null` at the end.
    next: Option<String>,
}

/// Reads a stored credential. Scope `credentials:read`.
pub(in crate::http) async fn read(
    State(state): State<AppState>,
    backend: Backend,
    CredentialName(name): CredentialName,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let stored = state.issuance.stored_credential(&backend.issuer, &name).await.map_err(ApiError::credentials)?;
    let record = stored.record;
    let changed = stored.statuses.iter().map(|entry| entry.since).chain([record.updated_time]).max();
    let updated = record.updated_time;
    let body = StoredCredentialDto {
        credential: value(&stored.credential)?,
        verifiable_credential: verifiable(&record.format, &stored.credential)?,
        created_times: time(record.created_time),
        updated_times: time(record.updated_time),
        status: stored.statuses.iter().map(StatusDto::from).collect(),
        credential_id: record.credential_id,
    };
    Ok(conditional(&headers, state.clock.now(), changed.unwrap_or(updated), &body))
}

/// Finds stored credentials, the newest first; with `?id=` it reads one. Scope `credentials:read`.
pub(in crate::http) async fn find(
    State(state): State<AppState>,
    backend: Backend,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(id) = query.get("id") {
        let name = CredentialName::of(id)?;
        return read(State(state), backend, name, headers).await;
    }
    let page = state.issuance.find_credentials(&backend.issuer, search(query)?).await.map_err(ApiError::credentials)?;
    let credentials = page.found.into_iter().map(CredentialRecordDto::from).collect();
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(CredentialPage { credentials, next: page.next })).into_response())
}

/// Deletes a credential, and revokes it first unless `?revoke=false`. Scopes `credentials:delete` and, to revoke,
/// `credentials:status`.
pub(in crate::http) async fn delete(
    State(state): State<AppState>,
    backend: Backend,
    name: CredentialName,
    query: Query,
) -> Result<Response, ApiError> {
    let id = deleted(&state, &backend, name, &query).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, format!("The credential {id} was deleted.")).into_response())
}

pub(super) async fn deleted(
    state: &AppState,
    backend: &Backend,
    CredentialName(name): CredentialName,
    query: &Query,
) -> Result<String, ApiError> {
    // A parameter that is misspelt must not revoke for good.
    if let Some(other) = query.names().find(|name| !matches!(*name, "id" | "revoke")) {
        return Err(invalid(format!("the parameter {other} is not known")));
    }
    let revoke = match query.get("revoke") {
        Some("false") => Revoke::No,
        None | Some("true") if backend.may("credentials:status") => Revoke::Yes,
        None | Some("true") => Revoke::Forbidden,
        Some(_) => return Err(invalid("revoke must be true or false")),
    };
    let id = state.issuance.delete_credential(&backend.issuer, &backend.actor, &name, revoke).await;
    id.map_err(ApiError::credentials)
}

/// With a strong validator (RFC 9110, 8.8); 304 where the client has it already.
pub(super) fn conditional(
    request: &HeaderMap,
    now: DateTime<Utc>,
    changed: Timestamp,
    body: &impl Serialize,
) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_default();
    let tag = format!("\"{:x}\"", Sha256::digest(&text));
    let changed = changed.get();
    // The date has whole seconds: rounded up it lies behind the change, unless it would be in the future (RFC 9110,
    // 8.8.2.1), where the same second may hold another change.
    let whole = changed.trunc_subsecs(0);
    let ceiling = if whole == changed { whole } else { whole + TimeDelta::seconds(1) };
    let modified = httpdate::fmt_http_date(if ceiling <= now { ceiling } else { whole }.into());
    let mut headers = HeaderMap::new();
    let mut put = |name, value: &str| HeaderValue::from_str(value).map(|value| headers.insert(name, value));
    let _ = put(header::ETAG, &tag);
    let _ = put(header::LAST_MODIFIED, &modified);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if has_it(request, &tag, changed) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (headers, text).into_response()
}

/// RFC 9110, 13.2.2: the date counts only where there is no tag.
fn has_it(request: &HeaderMap, tag: &str, changed: DateTime<Utc>) -> bool {
    let text = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if request.contains_key(header::IF_NONE_MATCH) {
        return accept::matches_none(request, tag);
    }
    let since = text(header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
    since.is_some_and(|since| DateTime::<Utc>::from(since) >= changed)
}

fn search(query: Query) -> Result<Search, ApiError> {
    let mut search = Search { limit: DEFAULT_LIMIT, ..Search::default() };
    for (name, value) in query.into_pairs() {
        match name.as_str() {
            "credential_type" => search.credential_type = Some(value),
            "configuration_id" => search.configuration_id = Some(value),
            "subject" => search.subject = Some(value),
            "status" if Purpose::from_name(&value).is_some() => search.statuses = vec![value],
            "status" => return Err(invalid("status must be a purpose, such as revocation or suspension")),
            "created_from" => search.created_from = Some(moment(&name, &value)?),
            "created_until" => search.created_until = Some(moment(&name, &value)?),
            "after" => search.after = Some(value),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                search.limit = limit.ok_or_else(|| invalid(format!("limit must be 1 to {MAX_LIMIT}")))?;
            }
            other => match other.strip_prefix(ATTRIBUTE) {
                Some(claim) if search.attributes.len() < MAX_ATTRIBUTES => {
                    search.attributes.push((claim.to_owned(), value));
                }
                Some(_) => return Err(invalid(format!("at most {MAX_ATTRIBUTES} attributes are searched for"))),
                None => return Err(invalid(format!("the parameter {other} is not known"))),
            },
        }
    }
    Ok(search)
}

fn moment(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| Timestamp::new(time.to_utc())).map_err(|_| invalid(format!("{name} must be an RFC 3339 time")))
}

impl From<&StatusEntry> for StatusDto {
    fn from(entry: &StatusEntry) -> Self {
        Self {
            status_purpose: entry.slot.purpose.clone(),
            status_list_credential_url: entry.slot.url.clone(),
            status_list_index: entry.slot.index,
            status: entry.value,
            status_timestamp: time(entry.since),
        }
    }
}

impl From<Found> for CredentialRecordDto {
    fn from(record: Found) -> Self {
        Self {
            credential_type: record.credential_type,
            configuration_id: record.configuration_id,
            format: record.format,
            issue_date: time(record.issue_date),
            expiration_date: record.expiration_date.map(time),
            created_times: time(record.created_time),
            updated_times: time(record.updated_time),
            kept: record.kept,
            superseded_by: record.superseded_by,
            credential_id: record.credential_id,
        }
    }
}
