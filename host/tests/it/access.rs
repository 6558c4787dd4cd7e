//! The access column. A new route, or a changed access, must be put on the list here on purpose.

use axum::body::Body;
use axum::http::{Method, Request, header};
use chancery::http::routes::{Access, Mount, table};

use crate::app::{TestApp, person_document};

#[rustfmt::skip]
const REVIEWED: &[(&str, &str, Access)] = &[
    ("GET",    "/healthz",                                           Access::Public),
    ("GET",    "/readyz",                                            Access::Public),
    ("GET",    "/openapi.json",                                      Access::Public),
    ("GET",    "/docs",                                              Access::Public),
    ("GET",    "/.well-known/openid-credential-issuer",              Access::Public),
    ("GET",    "/.well-known/oauth-authorization-server",            Access::Public),
    ("GET",    "/.well-known/jwt-vc-issuer",                         Access::Public),
    ("GET",    "/.well-known/jwks.json",                             Access::Public),
    ("GET",    "/.well-known/did.json",                              Access::Public),
    ("GET",    "/issuers/{issuer}/did.json",                         Access::Public),
    ("GET",    "/offers/{offer}",                                    Access::Protocol),
    ("GET",    "/assets/style.css",                                  Access::Public),
    ("GET",    "/openid4vci/offers/{offer}",                         Access::Protocol),
    ("POST",   "/oauth/token",                                       Access::Protocol),
    ("POST",   "/openid4vci/nonce",                                  Access::Protocol),
    ("POST",   "/openid4vci/credential",                             Access::Wallet),
    ("POST",   "/openid4vci/deferred_credential",                    Access::PollingWallet),
    ("POST",   "/credentials/issue",                                 Access::Scope("credentials:issue")),
    ("POST",   "/credentials/status",                                Access::Scope("credentials:status")),
    ("GET",    "/credentials",                                       Access::Scope("credentials:read")),
    ("DELETE", "/credentials",                                       Access::Scope("credentials:delete")),
    ("GET",    "/credentials/{id}",                                  Access::Scope("credentials:read")),
    ("DELETE", "/credentials/{id}",                                  Access::Scope("credentials:delete")),
    ("GET",    "/credentials/status-list/{list}",                    Access::Public),
    ("POST",   "/vcalm/credentials/issue",                           Access::Scope("credentials:issue")),
    ("POST",   "/vcalm/credentials/status",                          Access::Scope("credentials:status")),
    ("GET",    "/vcalm/credentials/{id}",                            Access::Scope("credentials:read")),
    ("DELETE", "/vcalm/credentials/{id}",                            Access::Scope("credentials:delete")),
    ("POST",   "/vcalm/status-lists",                                Access::Scope("credentials:status")),
    ("GET",    "/vcalm/status-lists/{list}",                         Access::Public),
    ("POST",   "/admin/v1/bootstrap",                                Access::Protocol),
    ("POST",   "/admin/v1/clients",                                  Access::Scope("clients:create")),
    ("POST",   "/admin/v1/offers",                                   Access::Scope("offers:create")),
    ("POST",   "/admin/v1/jobs",                                     Access::Scope("credentials:issue")),
    ("GET",    "/admin/v1/jobs",                                     Access::Scope("jobs:read")),
    ("GET",    "/admin/v1/jobs/{job}",                               Access::Scope("jobs:read")),
    ("DELETE", "/admin/v1/jobs/{job}",                               Access::Scope("credentials:issue")),
    ("GET",    "/admin/v1/jobs/{job}/items",                         Access::Scope("jobs:read")),
    ("GET",    "/admin/v1/plugins",                                  Access::Scope("plugins:read")),
    ("POST",   "/admin/v1/plugins/rescan",                           Access::Scope("plugins:write")),
    ("POST",   "/admin/v1/plugins/{plugin}/{action}",                Access::Scope("plugins:write")),
    ("GET",    "/admin/v1/audit/sinks",                              Access::Scope("audit:read")),
    ("GET",    "/admin/v1/webhooks",                                 Access::Scope("webhooks:read")),
    ("GET",    "/admin/v1/webhooks/{webhook}/dead_letters",          Access::Scope("webhooks:read")),
    ("POST",   "/admin/v1/webhooks/{webhook}/replay",                Access::Scope("webhooks:write")),
    ("POST",   "/admin/v1/webhooks/{webhook}/resume",                Access::Scope("webhooks:write")),
];

#[test]
fn the_table_is_the_one_that_was_reviewed() {
    let table: Vec<_> = table().iter().map(|r| (r.method, r.path, r.access)).collect();
    assert_eq!(table, REVIEWED);
}

async fn call(test: &TestApp, method: &str, path: &str, token: Option<&str>) -> crate::app::Answer {
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    request = request.header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    test.send(request.body(Body::from("{}")).unwrap()).await
}

#[tokio::test]
async fn every_guarded_route_refuses_no_token_a_wrong_one_and_one_of_another_issuer() {
    let test = TestApp::start().await;
    test.publish("ministry", "Person", person_document()).await;
    let foreign = test.admin_token("ministry", &["offers:create", "clients:create", "plugins:read"]).await;
    let wallet = test.wallet_token().await;
    let none = test.admin_token("default", &[]).await;
    let mut guarded = 0;
    for route in table() {
        let scope = match route.access {
            Access::Public | Access::Protocol => continue,
            Access::Wallet | Access::PollingWallet => None,
            Access::Scope(scope) => Some(scope),
        };
        guarded += 1;
        assert_eq!(route.mount, Mount::Issuer);
        call(&test, route.method, route.path, None).await.is_error(401, "invalid_token", "needed");
        for wrong in ["garbage", "a.b.c", foreign.as_str()] {
            call(&test, route.method, route.path, Some(wrong)).await.is_error(401, "invalid_token", "not valid");
        }
        if let Some(scope) = scope {
            for token in [&none, &wallet] {
                let answer = call(&test, route.method, route.path, Some(token)).await;
                answer.is_error(403, "insufficient_scope", scope);
                assert!(answer.headers["www-authenticate"].to_str().unwrap().contains(scope));
            }
            let right = test.admin_token("default", &[scope]).await;
            let answer = call(&test, route.method, route.path, Some(&right)).await;
            assert!(![401, 403].contains(&answer.status.as_u16()), "{answer:?}");
            // The same token one issuer further is nobody's.
            let path = format!("/issuers/ministry{}", route.path);
            call(&test, route.method, &path, Some(&right)).await.is_error(401, "invalid_token", "not valid");
        }
    }
    let reviewed = REVIEWED.iter().filter(|(_, _, access)| !matches!(access, Access::Public | Access::Protocol));
    assert_eq!(guarded, reviewed.count());
}

#[tokio::test]
async fn browsers_may_call_what_wallets_call_and_nothing_else() {
    let test = TestApp::start().await;
    for route in table() {
        let path = route.path.replace("{offer}", "x").replace("{issuer}", "x");
        let request = Request::options(&path)
            .header(header::ORIGIN, "https://wallet.example")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, route.method);
        let answer = test.send(request.body(Body::empty()).unwrap()).await;
        let allowed = answer.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some();
        let is_backends = matches!(route.access, Access::Scope(_)) || route.path.starts_with("/admin/");
        assert_eq!(allowed, !is_backends, "{path}");
    }
}
