//! Hosts with status lists that are small enough to run full, credentials with entries in them, and a verifier that
//! fetches the lists and checks their signatures.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use chancery::app::{App, Migrate, Plugins, Surroundings};
use chancery::audit::Actor;
use chancery::config::Config;
use chancery::http;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::data_integrity::Secured;
use chancery_credential::jsonld::Contexts;
use chancery_credential::status::{Purpose, bitstring, token};
use chancery_keys::{CompactJws, PublicKey};
use chancery_store::test_util::PostgresServer;
use chancery_store::{
    IssuanceBatch, IssuanceOutcome, StatusListVersion, StatusOutcome, StatusSlot, StatusUpdate, StoredCredential,
};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::app::{TestApp, program};

pub const BOTH: [Purpose; 2] = [Purpose::Revocation, Purpose::Suspension];
pub const REVOKED: u8 = token::INVALID;
pub const SUSPENDED: u8 = token::SUSPENDED;

/// A host whose lists are so small that they run full.
pub async fn host(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(Plugins::Leave, |config| {
        config.status.capacity = 64;
        config.status.lease = 4;
        config.status.publish_interval = Duration::from_millis(10);
        change(config);
    })
    .await
}

pub async fn on_postgres(change: impl FnOnce(&mut Config)) -> TestApp {
    let database = PostgresServer::shared().expect("install the package postgresql").create_database().unwrap();
    host(|config| {
        config.store.url = Some(database);
        change(config);
    })
    .await
}

/// Another host on the same database.
pub async fn beside(test: &TestApp) -> App {
    let surroundings = Surroundings { clock: test.clock.clone(), program: program() };
    App::open_in(surroundings, (*test.app.config).clone(), Migrate::Apply, Plugins::Leave).await.unwrap()
}

/// Publishes until it is dropped.
pub struct Publishing(CancellationToken, JoinHandle<()>);

impl Publishing {
    pub fn start(app: &App) -> Self {
        let stop = CancellationToken::new();
        Self(stop.clone(), app.status.start(stop))
    }

    pub async fn stop(mut self) {
        self.0.cancel();
        (&mut self.1).await.unwrap();
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.1.abort();
    }
}

pub async fn allocate(app: &App, purposes: &[Purpose], count: usize) -> Vec<Vec<StatusSlot>> {
    let issuer = app.issuers.get(DEFAULT_ISSUER).unwrap();
    app.status.allocate(&issuer, purposes, count).await.unwrap()
}

/// A credential with entries, recorded as issuing it would.
pub async fn issue(app: &App, id: &str) -> Vec<StatusSlot> {
    let slots = allocate(app, &BOTH, 1).await.remove(0);
    let now = app.clock.timestamp();
    let credential = StoredCredential {
        credential_id: id.to_owned(),
        issuer_id: DEFAULT_ISSUER.to_owned(),
        configuration_id: "Person".to_owned(),
        configuration_version: 1,
        credential_type: "urn:example:person".to_owned(),
        format: "dc+sd-jwt".to_owned(),
        offer_id: None,
        issue_date: now,
        expiration_date: None,
        credential: None,
        subject_hash: None,
        superseded_by: None,
        delete_after: None,
        created_time: now,
        updated_time: now,
        status: slots.clone(),
        attributes: Vec::new(),
    };
    let batch = IssuanceBatch {
        issuer_id: DEFAULT_ISSUER.to_owned(),
        credentials: vec![credential],
        events: vec![Actor::system().did(DEFAULT_ISSUER, "credential.issue", id, now)],
        ..IssuanceBatch::default()
    };
    assert_eq!(app.store.record_issuances(&[batch]).await.unwrap(), [IssuanceOutcome::Recorded]);
    slots
}

/// Records a change and tells nobody, as a host that dies at that moment does.
pub async fn record(app: &App, id: &str, purpose: Purpose, value: bool) {
    let at = app.clock.timestamp();
    let update = StatusUpdate {
        issuer_id: DEFAULT_ISSUER.to_owned(),
        credential_id: id.to_owned(),
        credential_hash: format!("hash of {id}"),
        purpose: purpose.as_str().to_owned(),
        value,
        is_final: !purpose.is_reversible(),
        expected: None,
        at,
        actor: "test".to_owned(),
        reason: None,
        event: Actor::system().did(DEFAULT_ISSUER, "credential.status", id, at),
        reply: None,
    };
    let outcome = app.store.update_statuses(&[update]).await.unwrap().remove(0);
    assert!(matches!(outcome, StatusOutcome::Set { changed: true, .. }), "{outcome:?}");
}

pub async fn change(app: &App, id: &str, slots: &[StatusSlot], purpose: Purpose, value: bool) {
    record(app, id, purpose, value).await;
    app.status.changed(DEFAULT_ISSUER, &slots[0].list_id);
}

/// An answer as it went over the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Fetched {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Without what differs from answer to answer.
    pub fn lasting(mut self) -> Self {
        self.headers.remove("x-request-id");
        self
    }
}

/// Path and query of a URL of the public host.
pub fn path(url: &str) -> &str {
    url.strip_prefix("http://localhost:8080").unwrap()
}

pub async fn fetch(app: &App, url: &str, headers: &[(&str, &str)]) -> Fetched {
    send(&http::router(app.http_state()), "GET", url, headers).await
}

pub async fn send(router: &Router, method: &str, url: &str, headers: &[(&str, &str)]) -> Fetched {
    let mut request = Request::builder().method(method).uri(path(url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
    Fetched { status: parts.status.as_u16(), headers: parts.headers, body }
}

pub async fn list_credential(app: &App, url: &str) -> Value {
    let fetched = fetch(app, url, &[]).await;
    assert_eq!(fetched.status, 200, "{fetched:?}");
    fetched.json()
}

/// The bit of an entry, in its list as a Bitstring Status List.
pub async fn bit(app: &App, slot: &StatusSlot) -> bool {
    let credential = list_credential(app, &slot.url).await;
    let list = bitstring::decode_list(credential["credentialSubject"]["encodedList"].as_str().unwrap(), 1 << 24);
    let (byte, bit) = (usize::try_from(slot.index / 8).unwrap(), slot.index % 8);
    list.unwrap()[byte] & (0x80 >> bit) != 0
}

/// The value of an entry, in its list as a Token Status List.
pub async fn token_value(app: &App, slot: &StatusSlot) -> u8 {
    let fetched = fetch(app, &slot.url, &[("accept", "application/statuslist+jwt")]).await;
    assert_eq!(fetched.status, 200, "{fetched:?}");
    let claims = verified(app, &fetched.text(), "statuslist+jwt");
    let size = u8::try_from(claims["status_list"]["bits"].as_u64().unwrap()).unwrap();
    let values = token::decode_list(size, claims["status_list"]["lst"].as_str().unwrap(), 1 << 24).unwrap();
    values[usize::try_from(slot.index).unwrap()]
}

pub fn published_key(app: &App, id: &str) -> PublicKey {
    let issuer = app.issuers.get(DEFAULT_ISSUER).unwrap();
    issuer.published_keys().into_iter().find(|(key, _)| key == id).unwrap().1
}

/// The claims of a JWT that a key of the issuer's has signed.
pub fn verified(app: &App, jwt: &str, typ: &str) -> Value {
    let jws = CompactJws::parse(jwt, 1 << 20).unwrap();
    assert_eq!((jws.header_text("typ"), jws.header_text("alg")), (Some(typ), Some("ES256")));
    jws.verify(&published_key(app, jws.header_text("kid").unwrap())).unwrap();
    Value::Object(jws.claims().clone())
}

/// Fails where the Data Integrity proof is not one of the issuer's.
pub fn check_proof(app: &App, credential: &Value) {
    let secured = Secured::parse(credential.as_object().unwrap(), &Contexts::bundled()).unwrap();
    let method = credential["issuer"].as_str().unwrap().to_owned() + "#";
    let key = secured.verification_method.strip_prefix(&method).unwrap().strip_suffix("-multikey").unwrap();
    published_key(app, key).verify(&secured.signing_input, &secured.signature).unwrap();
}

/// The version of the list that the store has.
pub async fn stored(app: &App, list_id: &str) -> StatusListVersion {
    app.store.status_list_version(DEFAULT_ISSUER, list_id).await.unwrap().unwrap()
}

pub fn entries(slots: &[Vec<StatusSlot>]) -> BTreeSet<(String, i64)> {
    slots.iter().map(|slots| (slots[0].list_id.clone(), slots[0].index)).collect()
}
