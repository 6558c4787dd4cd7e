//! `TestApp`: the router that production serves, over a SQLite file in a temporary directory and a clock that
//! tests set.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chancery::app::{App, Migrate, Plugins, Surroundings};
use chancery::audit::Actor;
use chancery::clock::Clock;
use chancery::config::Config;
use chancery::http;
use chancery::issuance::configuration::Document;
use chancery::issuance::issuers::{DEFAULT_ISSUER, Issuer};
use chancery::issuance::setup::Setup;
use chancery::oauth::access_token::Bearer;
use chancery_store::{AuditEvent, EventOutcome};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub const URL: &str = "http://localhost:8080";

#[derive(Debug)]
pub struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    pub fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub struct TestApp {
    pub app: App,
    pub clock: Arc<TestClock>,
    pub router: Router,
    pub dir: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `Null` where it is no JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// Status and OAuth error code, and a description that says `hint`.
    #[track_caller]
    pub fn is_error(&self, status: u16, code: &str, hint: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.body["error"], code, "{self:?}");
        let description = self.body["error_description"].as_str().unwrap_or_default();
        assert!(description.contains(hint), "{description:?} does not say {hint:?}");
        let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        assert!(description.chars().all(allowed), "{description:?}");
        self.carries_request_id();
    }

    /// An RFC 9457 problem of our own kind, or of the type that a specification names by its URL.
    #[track_caller]
    pub fn is_problem(&self, status: u16, kind: &str, hint: &str) {
        let kind = if kind.contains(':') { kind.to_owned() } else { format!("urn:chancery:problem:{kind}") };
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{self:?}");
        assert_eq!(self.body["type"], kind, "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(hint), "{detail:?} does not say {hint:?}");
        self.carries_request_id();
    }

    #[track_caller]
    fn carries_request_id(&self) {
        assert_eq!(self.headers["x-request-id"].len(), 32, "{self:?}");
    }
}

/// The built binary, for compiling plugins apart.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_chancery"))
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A guest that `cargo xtask plugins` has built.
pub fn built_plugin(name: &str) -> PathBuf {
    let target =
        program().ancestors().find(|p| p.ends_with("target")).map_or_else(|| root().join("target"), PathBuf::from);
    let path = target.join(format!("plugins/{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run `cargo xtask plugins` first", path.display());
    path
}

/// A small configuration that needs no plugin: offers carry the claims.
pub fn person_document() -> Value {
    json!({
        "format": "dc+sd-jwt",
        "vct": "urn:example:person",
        "scope": "person",
        "validity": "30d",
        "claims": [
            {"path": ["name"], "mandatory": true, "disclosable": true},
            {"path": ["tags"], "disclosable": true},
        ],
        "template": {"name": "{{ data.name }}", "tags?": "{{ data.tags }}"},
        "sample": {"name": "Ada"},
    })
}

impl TestApp {
    /// Serves the configuration `Person`, without plugins.
    pub async fn start() -> Self {
        let test = Self::start_with(Plugins::Leave, |_| {}).await;
        test.publish(DEFAULT_ISSUER, "Person", person_document()).await;
        test
    }

    pub async fn start_with(run: Plugins, change: impl FnOnce(&mut Config)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = Config::default();
        config.data.dir = dir.path().join("data");
        config.plugins.dir = dir.path().join("plugins");
        std::fs::create_dir(&config.plugins.dir).unwrap();
        change(&mut config);
        let start = DateTime::parse_from_rfc3339("2026-06-01T12:00:00.5Z").unwrap().to_utc();
        let clock = Arc::new(TestClock(Mutex::new(start)));
        let surroundings = Surroundings { clock: clock.clone(), program: program() };
        let app = App::open_in(surroundings, config, Migrate::Apply, run).await.unwrap();
        let router = http::router(app.http_state());
        Self { app, clock, router, dir }
    }

    /// With a plugin that `cargo xtask plugins` has built, its grant file, and files beside it.
    pub async fn start_with_plugin(name: &str, grant: &str, files: &[(&str, &str)]) -> Self {
        let (grant, files): (String, Vec<_>) =
            (grant.to_owned(), files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect());
        Self::start_with(Plugins::Run, |config| {
            let dir = &config.plugins.dir;
            std::fs::write(dir.join(format!("{name}.toml")), grant).unwrap();
            for (file, text) in files {
                std::fs::write(dir.join(file), text).unwrap();
            }
            std::fs::copy(built_plugin(name), dir.join(format!("{name}.wasm"))).unwrap();
        })
        .await
    }

    pub fn issuer(&self, id: &str) -> Arc<Issuer> {
        self.app.issuers.get(id).unwrap()
    }

    pub async fn publish(&self, issuer_id: &str, id: &str, document: Value) {
        self.try_publish(issuer_id, id, document).await.unwrap();
    }

    /// Makes the issuer where there is none yet; the refusal's text.
    pub async fn try_publish(&self, issuer_id: &str, id: &str, document: Value) -> Result<(), String> {
        let app = &self.app;
        let (store, clock, entropy) = (app.store.as_ref(), app.clock.as_ref(), app.entropy.as_ref());
        Setup { store, keyring: &app.keyring, clock, entropy }.ensure(URL, issuer_id, None).await.unwrap();
        app.issuers.refresh().await.unwrap();
        let document: Document = serde_json::from_value(document).map_err(|e| e.to_string())?;
        let documents = vec![(id.to_owned(), document)];
        let published = app.issuance.publish_configurations(&self.issuer(issuer_id), &Actor::cli(), documents).await;
        app.issuers.refresh().await.unwrap();
        published.map(drop).map_err(|e| e.to_string())
    }

    /// Every answer must be one that the OpenAPI document describes.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status: parts.status, headers: parts.headers, body, text };
        crate::openapi::check(&method, &path, &answer);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn post_json(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.post_text(path, token, "application/json", body.to_string()).await
    }

    pub async fn post_text(&self, path: &str, token: Option<&str>, content_type: &str, body: String) -> Answer {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, content_type);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = self.send(request.body(Body::from(body.clone())).unwrap()).await;
        crate::openapi::check_body(path, content_type, &body, &answer);
        answer
    }

    pub async fn post_form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.post_text(path, None, "application/x-www-form-urlencoded", body).await
    }

    /// A service client's token, without the ceremony of signing in.
    pub async fn admin_token(&self, issuer: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
        let bearer = Bearer::Client { client_id: "test-client".to_owned(), scopes };
        self.app.oauth.sign_token(&self.issuer(issuer), &bearer).await.unwrap()
    }

    /// Every event of the default issuer.
    pub async fn events(&self) -> Vec<AuditEvent> {
        let rows = self.app.store.events(DEFAULT_ISSUER, 0, 1_000).await.unwrap();
        rows.into_iter().map(|(_, event)| event).collect()
    }

    /// Credentials that were issued, by the audit events; each is looked up in the store as well.
    pub async fn issued(&self) -> usize {
        let events = self.events().await;
        let issued = events.iter().filter(|e| e.action == "credential.issue" && e.outcome == EventOutcome::Succeeded);
        let ids: Vec<&str> = issued.map(|e| e.object.as_str()).collect();
        for id in &ids {
            assert!(self.app.store.find_credential(DEFAULT_ISSUER, id).await.unwrap().is_some(), "{id}");
        }
        ids.len()
    }
}
