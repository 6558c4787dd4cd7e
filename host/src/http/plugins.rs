//! Plugins in the admin API: what they are, and what operators decide about them. The default issuer runs the host: its
//! clients see every plugin and alone may change one. Clients of other issuers see those that their configurations name,
//! and of these only what they are and whether they serve.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chancery_sandbox::{Calls, PluginStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;
use super::authn::Client;
use super::error::{ApiError, Rendering};
use super::extract::RequestId;
use super::issuer::CurrentIssuer;
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuer};
use crate::plugins::controls::{Action, ControlError};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Plugins {
    plugins: Vec<PluginStatus>,
}

/// Every plugin file with its stage, and why it is not further. Scope `plugins:read`.
pub(super) async fn list(State(state): State<AppState>, CurrentIssuer(issuer): CurrentIssuer) -> Response {
    Json(Plugins { plugins: visible(&state, &issuer) }).into_response()
}

/// Reads every plugin file again, tries again what had failed, and answers as `list` does when each one is active,
/// pending or rejected. Where that takes longer than a request may, it goes on without the caller. Scope `plugins:write`.
pub(super) async fn rescan(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
) -> Response {
    let client = client.actor(&request_id).name;
    tracing::info!(client, request_id, "a client has the plugin directory read again");
    state.plugins.rescan().await;
    Json(Plugins { plugins: visible(&state, &issuer) }).into_response()
}

/// `reload`, `disable`, `enable` or `rollback` of one plugin; answers what it is then. Each is an audit event. Scope
/// `plugins:write`, of the default issuer.
pub(super) async fn act(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    RequestId(request_id): RequestId,
    Extension(client): Extension<Client>,
    Path(params): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let param = |name| params.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let (plugin, action) = (param("plugin"), param("action"));
    if issuer.id != DEFAULT_ISSUER {
        return Err(problem(
            StatusCode::FORBIDDEN,
            "host-only",
            "plugins belong to the host: ask the default issuer's",
        ));
    }
    let action = match action {
        "reload" => Action::Reload,
        "disable" => Action::Disable,
        "enable" => Action::Enable,
        "rollback" => Action::Rollback,
        _ => return Err(problem(StatusCode::NOT_FOUND, "not-found", "there is reload, disable, enable and rollback")),
    };
    match state.plugins.act(&client.actor(&request_id), plugin, action).await {
        Ok(status) => Ok(Json(status).into_response()), // `null` where this process runs no plugins
        Err(error @ ControlError::Unknown(_)) => Err(problem(StatusCode::NOT_FOUND, "not-found", &error.to_string())),
        Err(error @ ControlError::NothingToGoBackTo(_)) => {
            Err(problem(StatusCode::CONFLICT, "nothing-to-go-back-to", &error.to_string()))
        }
        Err(ControlError::Store(error)) => Err(ApiError::admin(error.into())),
    }
}

fn visible(state: &AppState, issuer: &Issuer) -> Vec<PluginStatus> {
    let mut plugins = state.plugins.list();
    if issuer.id != DEFAULT_ISSUER {
        let needed: Vec<&str> =
            issuer.configurations.values().filter_map(|c| Some(c.document.plugin.as_ref()?.name.as_str())).collect();
        plugins.retain(|plugin| needed.contains(&plugin.name.as_str()));
        // Paths, names of databases and what happened to other issuers are the host's.
        for plugin in &mut plugins {
            plugin.grants.clear();
            plugin.former.clear();
            (plugin.reason, plugin.missing_grants, plugin.limits) = (None, None, None);
            plugin.calls = Calls::default();
        }
    }
    plugins
}

fn problem(status: StatusCode, code: &'static str, text: &str) -> ApiError {
    ApiError::new(status, Rendering::Problem, code, text)
}
