//! Access tokens at the door: `guard` puts the check that a route's access column names in front of its handler.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use super::AppState;
use super::error::ApiError;
use super::issuer::CurrentIssuer;
use super::routes::Access;
use crate::audit::Actor;
use crate::issuance::credential::WalletGrant;
use crate::oauth::access_token::{Bearer, verify_token};

/// The service client that a request was let in for.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub client_id: String,
    pub scopes: Vec<String>,
}

impl Client {
    pub(super) fn actor(&self, request_id: &str) -> Actor {
        Actor::client(&self.client_id, Some(request_id))
    }
}

pub(super) fn guard(handler: MethodRouter<AppState>, access: Access, state: &AppState) -> MethodRouter<AppState> {
    match access {
        Access::Public | Access::Protocol => handler,
        Access::Wallet | Access::PollingWallet | Access::Scope(_) => {
            let state = (state.clone(), access);
            handler.route_layer(middleware::from_fn_with_state(state, check))
        }
    }
}

async fn check(State((state, access)): State<(AppState, Access)>, request: Request, next: Next) -> Response {
    match admit(&state, access, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn admit(state: &AppState, access: Access, request: Request) -> Result<Request, ApiError> {
    let (mut parts, body) = request.into_parts();
    let CurrentIssuer(issuer) = CurrentIssuer::from_request_parts(&mut parts, state).await?;
    let header = parts.headers.get(header::AUTHORIZATION).ok_or_else(ApiError::no_token)?;
    let (scheme, token) = header.to_str().ok().and_then(|h| h.split_once(' ')).ok_or_else(ApiError::no_token)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::no_token());
    }
    let bearer = verify_token(&issuer, token.trim(), state.clock.now()).ok_or_else(ApiError::invalid_token)?;
    match (access, bearer) {
        (Access::Wallet | Access::PollingWallet, Bearer::Wallet(grant))
        | (Access::PollingWallet, Bearer::PollingWallet(grant)) => {
            parts.extensions.insert::<WalletGrant>(grant);
        }
        (Access::Wallet | Access::PollingWallet, _) => return Err(ApiError::invalid_token()),
        (Access::Scope(scope), Bearer::Client { client_id, scopes }) if scopes.iter().any(|s| s == scope) => {
            parts.extensions.insert(Client { client_id, scopes });
        }
        (Access::Scope(scope), _) => return Err(ApiError::insufficient_scope(scope)),
        (Access::Public | Access::Protocol, _) => {}
    }
    Ok(Request::from_parts(parts, body))
}
