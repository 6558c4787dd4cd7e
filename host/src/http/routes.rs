//! Every route there is, with who may call it. The access column is what is enforced, not a comment on it: a
//! route with a scope cannot be reached without one. `tests/it/access.rs` walks this table.

use std::collections::BTreeSet;

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};

use super::error::Rendering;
use super::{
    AppState, admin, audit, authn, credential, credentials, deferred, health, issuer, jobs, layers, metadata, nonce,
    offers, openapi, pages, plugins, status_list, token, webhooks,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; nothing secret in it.
    Public,
    /// Anybody, and the handler checks what the protocol demands (a code, a client assertion, a one-time token).
    Protocol,
    /// A wallet's access token.
    Wallet,
    /// The same, also when it is too old to ask for credentials but may still poll for them.
    PollingWallet,
    /// A service client's access token with this scope, of the issuer in the path.
    Scope(&'static str),
}

/// Where a route is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// Once for the host.
    Host,
    /// Below each issuer's URL: at the root for the default one, at `/issuers/{issuer}` for the others.
    Issuer,
    /// RFC 8615 and RFC 8414, 3.1: `/.well-known/NAME` goes between host and path; many clients append it
    /// instead, so both are served.
    WellKnown,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub mount: Mount,
    pub access: Access,
    handler: MethodRouter<AppState>,
}

#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    use Access::{PollingWallet, Protocol, Public, Scope, Wallet};
    use Mount::{Host, Issuer, WellKnown};
    vec![
        // Operation
        route("GET",  "/healthz",                                 Host,      Public,   get(health::live)),
        route("GET",  "/readyz",                                  Host,      Public,   get(health::ready)),
        // This surface, described
        route("GET",  "/openapi.json",                            Host,      Public,   get(openapi::json)),
        route("GET",  "/docs",                                    Host,      Public,   get(openapi::page)),
        // Metadata and keys
        route("GET",  "/.well-known/openid-credential-issuer",    WellKnown, Public,   get(metadata::credential_issuer)),
        route("GET",  "/.well-known/oauth-authorization-server",  WellKnown, Public,   get(metadata::authorization_server)),
        route("GET",  "/.well-known/jwt-vc-issuer",               WellKnown, Public,   get(metadata::jwt_vc_issuer)),
        route("GET",  "/.well-known/jwks.json",                   Issuer,    Public,   get(metadata::jwks)),
        route("GET",  "/.well-known/did.json",                    Host,      Public,   get(metadata::did)),
        route("GET",  "/issuers/{issuer}/did.json",               Host,      Public,   get(metadata::did)),
        // Pages for people
        route("GET",  "/offers/{offer}",                          Issuer,    Protocol, get(pages::offer)),
        route("GET",  "/assets/style.css",                        Host,      Public,   get(pages::style)),
        // OpenID4VCI 1.0
        route("GET",  "/openid4vci/offers/{offer}",               Issuer,    Protocol, get(offers::by_reference)),
        route("POST", "/oauth/token",                             Issuer,    Protocol, post(token::token)),
        route("POST", "/openid4vci/nonce",                        Issuer,    Protocol, post(nonce::nonce)),
        route("POST", "/openid4vci/credential",                   Issuer,    Wallet,   post(credential::credential)),
        route("POST", "/openid4vci/deferred_credential",          Issuer,    PollingWallet, post(deferred::deferred)),
        // The issuer's backend; `/vcalm` with the answers of VCALM 1.0
        route("POST", "/credentials/issue",                       Issuer,    Scope("credentials:issue"),  post(credentials::issue::issue)),
        route("POST", "/credentials/status",                      Issuer,    Scope("credentials:status"), post(credentials::status::status)),
        route("GET",  "/credentials",                             Issuer,    Scope("credentials:read"),   get(credentials::stored::find)),
        route("DELETE", "/credentials",                           Issuer,    Scope("credentials:delete"), delete(credentials::stored::delete)),
        route("GET",  "/credentials/{id}",                        Issuer,    Scope("credentials:read"),   get(credentials::stored::read)),
        route("DELETE", "/credentials/{id}",                      Issuer,    Scope("credentials:delete"), delete(credentials::stored::delete)),
        route("GET",  "/credentials/status-list/{list}",          Issuer,    Public,   get(status_list::read)),
        route("POST", "/vcalm/credentials/issue",                 Issuer,    Scope("credentials:issue"),  post(credentials::vcalm::issue)),
        route("POST", "/vcalm/credentials/status",                Issuer,    Scope("credentials:status"), post(credentials::vcalm::status)),
        route("GET",  "/vcalm/credentials/{id}",                  Issuer,    Scope("credentials:read"),   get(credentials::vcalm::read)),
        route("DELETE", "/vcalm/credentials/{id}",                Issuer,    Scope("credentials:delete"), delete(credentials::vcalm::delete)),
        route("POST", "/vcalm/status-lists",                      Issuer,    Scope("credentials:status"), post(credentials::vcalm::open_list)),
        route("GET",  "/vcalm/status-lists/{list}",               Issuer,    Public,   get(status_list::read)),
        // Administration
        route("POST", "/admin/v1/bootstrap",                      Issuer,    Protocol, post(admin::bootstrap)),
        route("POST", "/admin/v1/clients",                        Issuer,    Scope("clients:create"), post(admin::create_client)),
        route("POST", "/admin/v1/offers",                         Issuer,    Scope("offers:create"),  post(admin::create_offer)),
        route("POST", "/admin/v1/jobs",                           Issuer,    Scope("credentials:issue"), post(jobs::create)),
        route("GET",  "/admin/v1/jobs",                           Issuer,    Scope("jobs:read"),      get(jobs::list)),
        route("GET",  "/admin/v1/jobs/{job}",                     Issuer,    Scope("jobs:read"),      get(jobs::show)),
        route("DELETE", "/admin/v1/jobs/{job}",                   Issuer,    Scope("credentials:issue"), delete(jobs::cancel)),
        route("GET",  "/admin/v1/jobs/{job}/items",               Issuer,    Scope("jobs:read"),      get(jobs::items)),
        route("GET",  "/admin/v1/plugins",                        Issuer,    Scope("plugins:read"),   get(plugins::list)),
        route("POST", "/admin/v1/plugins/rescan",                 Issuer,    Scope("plugins:write"),  post(plugins::rescan)),
        route("POST", "/admin/v1/plugins/{plugin}/{action}",      Issuer,    Scope("plugins:write"),  post(plugins::act)),
        route("GET",  "/admin/v1/audit/sinks",                    Issuer,    Scope("audit:read"),     get(audit::sinks)),
        route("GET",  "/admin/v1/webhooks",                       Issuer,    Scope("webhooks:read"),  get(webhooks::list)),
        route("GET",  "/admin/v1/webhooks/{webhook}/dead_letters", Issuer,   Scope("webhooks:read"),  get(webhooks::dead_letters)),
        route("POST", "/admin/v1/webhooks/{webhook}/replay",      Issuer,    Scope("webhooks:write"), post(webhooks::replay)),
        route("POST", "/admin/v1/webhooks/{webhook}/resume",      Issuer,    Scope("webhooks:write"), post(webhooks::resume)),
    ]
}

fn route(
    method: &'static str,
    path: &'static str,
    mount: Mount,
    access: Access,
    handler: MethodRouter<AppState>,
) -> Route {
    Route { method, path, mount, access, handler }
}

impl Route {
    /// How its errors look: as its protocol demands.
    pub fn rendering(&self) -> Rendering {
        let oauth = self.path.starts_with("/oauth/") || self.path.starts_with("/openid4vci/");
        if oauth { Rendering::OAuth } else { Rendering::Problem }
    }

    /// The paths it answers at; `{issuer}` stands for an issuer that is not the default one.
    pub fn paths(&self) -> Vec<String> {
        match self.mount {
            Mount::Host => vec![self.path.to_owned()],
            Mount::Issuer => vec![self.path.to_owned(), format!("/issuers/{{issuer}}{}", self.path)],
            Mount::WellKnown => vec![
                self.path.to_owned(),
                format!("{}/issuers/{{issuer}}", self.path),
                format!("/issuers/{{issuer}}{}", self.path),
            ],
        }
    }
}

pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    let overload = layers::Overload::new(&state);
    let mut seen = BTreeSet::new();
    for route in table() {
        let guarded = authn::guard(route.handler.clone(), route.access, &state);
        for path in route.paths() {
            // A path that several routes have answers other methods once.
            let is_first = seen.insert(path.clone());
            let handler = if is_first { guarded.clone().fallback(issuer::method_not_allowed) } else { guarded.clone() };
            router = router.route(&path, layers::surround(handler, &route, &state, &overload));
        }
    }
    router.fallback(issuer::not_found).layer(middleware::from_fn(layers::request_log)).with_state(state)
}
