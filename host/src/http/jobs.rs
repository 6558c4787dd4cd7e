//! Jobs: many credentials asked for at once, and how far that is.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::AppState;
use super::credentials::issue::read;
use super::credentials::{Backend, Query, invalid, replay_header, time};
use super::error::ApiError;
use super::extract::BackendJson;
use crate::issuance::lifecycle::Answered;
use crate::jobs::{Created, Input, JobItem, JobItemState, JobRecord, NewJob, item_state_name, state_name};

const DEFAULT_JOBS: u32 = 50;
const MAX_JOBS: u32 = 100;
const DEFAULT_ITEMS: u32 = 100;
const MAX_ITEMS: u32 = 1_000;

/// Credentials of one configuration, each of its own data or for its own subject.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobRequest {
    credential_configuration_id: String,
    /// At most 100,000, in one body.
    #[serde(deserialize_with = "objects")]
    #[schemars(with = "Vec<Input>", length(min = 1, max = 100_000))]
    items: Vec<Input>,
}

/// A job, and how far it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct JobDto {
    job_id: String,
    credential_configuration_id: String,
    #[schemars(extend("enum" = ["loading", "running", "finished", "cancelled"]))]
    state: &'static str,
    /// Items that it has; of these, issued ones, and ones that cannot be issued.
    total: i64,
    done: i64,
    failed: i64,
    /// Times are RFC 3339.
    created_at: String,
    updated_at: String,
    /// When it may be forgotten, once it has ended.
    expires_at: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Jobs {
    jobs: Vec<JobDto>,
    /// The `after` of the next page; `null` at the end.
    next: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct JobItemDto {
    /// Its place in the job, counted from 1.
    number: i64,
    #[schemars(extend("enum" = ["pending", "done", "failed"]))]
    state: &'static str,
    credential_id: Option<String>,
    /// Why it failed.
    error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct JobItems {
    items: Vec<JobItemDto>,
    /// The `after` of the next page; `null` at the end.
    next: Option<i64>,
}

/// Has many credentials issued. Scope `credentials:issue`.
pub(super) async fn create(
    State(state): State<AppState>,
    backend: Backend,
    BackendJson { object, raw }: BackendJson,
) -> Result<Response, ApiError> {
    let request: JobRequest = read(object)?;
    let key = backend.idempotency("job", &raw)?;
    let job = NewJob { configuration_id: request.credential_configuration_id, items: request.items };
    let created = state.jobs.create(&backend.issuer, &backend.actor, job, key.as_ref()).await;
    let Answered { value: created, replayed } = created.map_err(ApiError::credentials)?;
    let location = format!("{}/admin/v1/jobs/{}", backend.issuer.url, created.job_id);
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok(replay_header(replayed, (StatusCode::ACCEPTED, headers, Json(JobDto::from(created))).into_response()))
}

/// Lists jobs, the newest first. Scope `jobs:read`.
pub(super) async fn list(State(state): State<AppState>, backend: Backend, query: Query) -> Result<Response, ApiError> {
    let (mut after, mut limit) = (None, DEFAULT_JOBS);
    for (name, value) in query.into_pairs() {
        match name.as_str() {
            "after" => after = Some(value),
            "limit" => limit = up_to(MAX_JOBS, &value)?,
            other => return Err(invalid(format!("the parameter {other} is not known"))),
        }
    }
    let page = state.jobs.list(&backend.issuer, after.as_deref(), limit).await.map_err(ApiError::credentials)?;
    Ok(fresh(Jobs { jobs: page.jobs.into_iter().map(JobDto::from).collect(), next: page.next }))
}

/// Says how far a job is. Scope `jobs:read`.
pub(super) async fn show(
    State(state): State<AppState>,
    backend: Backend,
    Path(params): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let job = state.jobs.find(&backend.issuer, job_id(&params)).await;
    Ok(fresh(JobDto::from(job.map_err(ApiError::credentials)?)))
}

/// Lists a job's items with their results. Scope `jobs:read`.
pub(super) async fn items(
    State(state): State<AppState>,
    backend: Backend,
    Path(params): Path<Vec<(String, String)>>,
    query: Query,
) -> Result<Response, ApiError> {
    let (mut only, mut after, mut limit) = (None, 0, DEFAULT_ITEMS);
    for (name, value) in query.into_pairs() {
        match name.as_str() {
            "state" => only = Some(item_state(&value)?),
            "after" => after = number(&value)?,
            "limit" => limit = up_to(MAX_ITEMS, &value)?,
            other => return Err(invalid(format!("the parameter {other} is not known"))),
        }
    }
    let page = state.jobs.items(&backend.issuer, job_id(&params), only, after, limit).await;
    let page = page.map_err(ApiError::credentials)?;
    Ok(fresh(JobItems { items: page.items.into_iter().map(JobItemDto::from).collect(), next: page.next }))
}

/// Cancels a job: nothing more is issued for it. Scope `credentials:issue`.
pub(super) async fn cancel(
    State(state): State<AppState>,
    backend: Backend,
    Path(params): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let job = state.jobs.cancel(&backend.issuer, &backend.actor, job_id(&params)).await;
    Ok(fresh(JobDto::from(job.map_err(ApiError::credentials)?)))
}

/// Left to itself serde would take an array for a struct as well.
fn objects<'de, D: Deserializer<'de>>(items: D) -> Result<Vec<Input>, D::Error> {
    let items = Vec::<Map<String, Value>>::deserialize(items)?;
    let read = items.into_iter().map(|item| serde_json::from_value(Value::Object(item)).map_err(D::Error::custom));
    read.collect()
}

fn job_id(params: &[(String, String)]) -> &str {
    params.iter().find(|(name, _)| name == "job").map_or("", |(_, value)| value.as_str())
}

fn up_to(most: u32, text: &str) -> Result<u32, ApiError> {
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| invalid(format!("limit must be 1 to {most}")))
}

fn number(text: &str) -> Result<i64, ApiError> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| invalid("after must be the number of an item"))
}

fn item_state(text: &str) -> Result<JobItemState, ApiError> {
    let states = [JobItemState::Pending, JobItemState::Done, JobItemState::Failed];
    let state = states.into_iter().find(|state| item_state_name(*state) == text);
    state.ok_or_else(|| invalid("state must be pending, done or failed"))
}

fn fresh(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

impl From<Created> for JobDto {
    /// The same at every repetition, however far the job is by then.
    fn from(created: Created) -> Self {
        Self {
            job_id: created.job_id,
            credential_configuration_id: created.configuration_id,
            state: "running",
            total: created.total,
            done: 0,
            failed: 0,
            created_at: time(created.created_at),
            updated_at: time(created.created_at),
            expires_at: time(created.expires_at),
        }
    }
}

impl From<JobRecord> for JobDto {
    fn from(job: JobRecord) -> Self {
        Self {
            job_id: job.job_id,
            credential_configuration_id: job.configuration_id,
            state: state_name(job.state),
            total: job.total,
            done: job.done,
            failed: job.failed,
            created_at: time(job.created_at),
            updated_at: time(job.updated_at),
            expires_at: time(job.expires_at),
        }
    }
}

impl From<JobItem> for JobItemDto {
    fn from(item: JobItem) -> Self {
        Self {
            number: item.number,
            state: item_state_name(item.state),
            credential_id: item.credential_id,
            error: item.error,
        }
    }
}
