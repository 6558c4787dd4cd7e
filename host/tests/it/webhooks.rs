//! Signed messages to an issuer's backend, from the built binary to a receiver that does what a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use chancery::audit::Actor;
use chancery_store::{AuditEvent, EventOutcome, Store, StoreOptions, Timestamp, connect};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::judges::{accepts, judge, take};
use crate::server::{Server, Site};
use crate::wallet::code;

/// A message as it came.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Message {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the receiver does with a message.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Status(u16),
    /// 503, with `Retry-After`.
    Later(&'static str),
    Redirect,
    /// It gets the message, and never answers.
    Hang,
}

/// What it answers to a message that came so many times before.
type Script = Box<dyn Fn(&Message, usize) -> Answer + Send>;

struct Inbox {
    script: Script,
    messages: Vec<Message>,
}

/// An issuer's backend.
struct Receiver {
    runtime: Runtime,
    port: u16,
    inbox: Arc<Mutex<Inbox>>,
}

impl Receiver {
    fn new(script: impl Fn(&Message, usize) -> Answer + Send + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inbox = Arc::new(Mutex::new(Inbox { script: Box::new(script), messages: Vec::new() }));
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inbox));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { runtime, port, inbox }
    }

    /// One that takes everything.
    fn willing() -> Self {
        Self::new(|_, _| Answer::Status(204))
    }

    fn answers(&self, script: impl Fn(&Message, usize) -> Answer + Send + 'static) {
        self.inbox.lock().unwrap().script = Box::new(script);
    }

    fn messages(&self) -> Vec<Message> {
        self.inbox.lock().unwrap().messages.clone()
    }

    fn ids(&self) -> Vec<String> {
        self.messages().iter().map(|message| message.id().to_owned()).collect()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks?tenant=t-7", self.port)
    }

    /// A site whose webhook `backend` leads here.
    fn site(&self, more: &str) -> Site {
        self.with_webhook(Site::example("farmer", &[]), more)
    }

    fn with_webhook(&self, site: Site, more: &str) -> Site {
        let section = format!("url = {:?}\nnetworks = [\"127.0.0.0/8\"]\nmax_backoff = \"200ms\"\n{more}", self.url());
        configure(&site, &section);
        site.done(&["webhook", "keygen", "webhook.key"]);
        site
    }

    /// Writes events that something at the site has caused; their ids.
    fn happen(&self, site: &Site, action: &str, count: usize) -> Vec<String> {
        let events: Vec<AuditEvent> = (0..count).map(|number| event(action, &format!("urn:{number}"))).collect();
        self.write(site, &events)
    }

    fn write(&self, site: &Site, events: &[AuditEvent]) -> Vec<String> {
        self.runtime.block_on(async {
            let store = open(site).await;
            store.append_events(events).await.unwrap();
            store.close().await;
        });
        events.iter().map(|event| event.event_id.clone()).collect()
    }
}

async fn receive(State(inbox): State<Arc<Mutex<Inbox>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let message = Message { path: uri.to_string(), headers, body: String::from_utf8(body.to_vec()).unwrap() };
    let answer = {
        let mut inbox = inbox.lock().unwrap();
        let times = inbox.messages.iter().filter(|one| one.id() == message.id()).count();
        let answer = (inbox.script)(&message, times);
        inbox.messages.push(message);
        answer
    };
    match answer {
        Answer::Status(status) => {
            (StatusCode::from_u16(status).unwrap(), "an answer that nobody reads").into_response()
        }
        Answer::Later(seconds) => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", seconds)]).into_response(),
        Answer::Redirect => (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")]).into_response(),
        Answer::Hang => std::future::pending().await,
    }
}

fn configure(site: &Site, section: &str) {
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let webhook =
        format!("\n[log]\nfilter = \"debug\"\n[webhooks.backend]\nsecret_file = \"webhook.key\"\n{section}\n");
    std::fs::write(&file, text + &webhook).unwrap();
}

async fn open(site: &Site) -> Arc<dyn Store> {
    let options = StoreOptions { migrate: false, ..StoreOptions::default() };
    connect(&format!("sqlite:{}", site.path("data/chancery.db").display()), &options).await.unwrap()
}

/// Ids of events grow: those of one moment may not, where they are made in earnest.
fn event(action: &str, object: &str) -> AuditEvent {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    AuditEvent {
        event_id: format!("01990000-0000-7000-8000-{number:012x}"),
        detail: json!({"configuration": "FarmerCredential", "purpose": "revocation", "value": 1}),
        ..Actor::system().did("default", action, object, Timestamp::new(Utc::now()))
    }
}

fn list(site: &Site) -> Value {
    let list: Value = serde_json::from_str(&site.done(&["webhook", "list", "--json"])).unwrap();
    list[0].clone()
}

fn dead(site: &Site) -> Vec<Value> {
    let text = site.done(&["webhook", "dead", "backend", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The ids without their repetitions.
fn firsts(ids: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.iter().filter(|id| seen.insert(*id)).cloned().collect()
}

/// What happened at the site, by the audit trail: action, object and reason.
fn trail(site: &Site, action: &str) -> Vec<Value> {
    let text = site.done(&["audit", "events", "--json", "--action", action]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The token of a client with these scopes.
fn token(site: &Site, server: &Server, name: &str, scopes: &[&str]) -> String {
    let key = format!("{name}.pem");
    let scopes: Vec<&str> = scopes.iter().flat_map(|scope| ["--scope", scope]).collect();
    site.done(&[&["client", "create", name, "--new-key", &key], &scopes[..]].concat());
    let assertion = site.done(&["client", "assertion", name, "--key", &key]);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.trim()),
    ];
    server.post_form("/oauth/token", &form).1["access_token"].as_str().unwrap().to_owned()
}

fn get(server: &Server, path: &str, token: &str) -> (u16, Value) {
    let request = crate::server::agent().get(format!("{}{path}", server.url));
    crate::server::read(request.header("authorization", format!("Bearer {token}")).call())
}

/// The library of Standard Webhooks takes it, with the secret in that file.
#[track_caller]
fn is_signed(site: &Site, message: &Message, secret: &str) -> Value {
    let input = json!({"headers": message.headers, "body": message.body}).to_string();
    let secret = site.path(secret);
    accepts("verify-webhook.mjs", &["--message", "-", "--secret", secret.to_str().unwrap()], &input)["event"].clone()
}

#[test]
fn a_backend_is_told_what_happens_in_messages_that_verify() {
    let receiver = Receiver::willing();
    let site = receiver.with_webhook(Site::farmer(), "");
    site.apply();
    let before = site.offer(&["--subject", "1001"]);
    let server = site.serve();
    let offer = site.offer(&["--subject", "1003"]);
    take(&offer, "link", &[]);
    let nobody = site.offer(&["--subject", "0000"]);
    let (taken, verdict) = judge("wallet.mjs", &["--offer", nobody["link"].as_str().unwrap()], "");
    assert!(!taken, "{verdict}");
    server.until("four messages came", || receiver.messages().len() == 4);

    let messages = receiver.messages();
    let told: Vec<Value> = messages.iter().map(|message| is_signed(&site, message, "webhook.key")).collect();
    let types: Vec<&str> = told.iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["offer.used", "credential.issued", "offer.used", "credential.failed"]);
    let (redeemed, issued) = (trail(&site, "offer.redeem"), trail(&site, "credential.issue"));
    for (told, event) in told.iter().zip([&redeemed[0], &issued[0], &redeemed[1], &issued[1]]) {
        assert_eq!(told["data"]["event_id"], event["event_id"]);
        assert_eq!(told["timestamp"], event["at"]);
        assert_eq!(told["data"]["request_id"], event["request_id"]);
    }
    let offer_id = |offer: &Value| offer["offer_id"].clone();
    assert_eq!(told[0]["data"]["offer_id"], offer_id(&offer));
    let data = &told[1]["data"];
    assert_eq!((&data["credential_id"], &data["offer_id"]), (&issued[0]["object"], &offer_id(&offer)));
    assert_eq!((&data["configuration"], &data["outcome"]), (&json!("FarmerCredential"), &json!("succeeded")));
    assert_eq!(data["detail"]["credential_sha256"], issued[0]["detail"]["credential_sha256"]);
    let data = &told[3]["data"];
    assert_eq!((&data["offer_id"], &data["reason"]), (&offer_id(&nobody), &issued[1]["reason"]));
    assert_eq!((&data["outcome"], data.get("credential_id")), (&issued[1]["outcome"], None));
    for message in &messages {
        assert_eq!(
            (message.id(), message.path.as_str()),
            (message.json()["data"]["event_id"].as_str().unwrap(), "/hooks?tenant=t-7")
        );
        assert_eq!(message.headers["content-type"], "application/json");
        for person in ["लक्ष्मी", "काशीपुर", "1003", code(&offer), code(&before)] {
            assert!(!message.body.contains(person), "{}", message.body);
        }
    }
}

#[test]
fn secrets_are_nowhere_but_in_their_file() {
    let receiver = Receiver::new(|_, times| if times == 0 { Answer::Status(500) } else { Answer::Status(200) });
    let site = receiver.site("");
    let secret = std::fs::read_to_string(site.path("webhook.key")).unwrap();
    let secret = secret.trim().strip_prefix("whsec_").unwrap();
    assert!(secret.len() >= 40 && site.fails(&["webhook", "keygen", "webhook.key"], 1).contains("webhook.key"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(site.path("webhook.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let server = site.serve();
    receiver.happen(&site, "credential.issue", 1);
    server.until("it came twice", || receiver.messages().len() == 2);
    server.until("the failure is logged", || server.log().contains("the receiver answered 500"));
    let seen =
        [server.log(), site.done(&["check-config"]), list(&site).to_string(), format!("{:?}", receiver.messages())];
    for text in seen {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!list(&site).to_string().contains("tenant"), "a query may be a secret as well");
}

#[test]
fn a_killed_host_sends_again_what_was_under_way_and_nothing_is_lost_or_overtaken() {
    let receiver = Receiver::willing();
    let site = receiver.site("");
    let server = site.serve();
    let mut ids = receiver.happen(&site, "credential.issue", 60);
    ids.extend(receiver.happen(&site, "credential.delete", 30));
    let stuck = ids[70].clone();
    receiver.answers(move |message, _| if message.id() == stuck { Answer::Hang } else { Answer::Status(200) });
    ids.extend(receiver.happen(&site, "credential.status", 40));
    server.until("the host waits for an answer", || receiver.ids().contains(&ids[70]));
    // Dropping it is SIGKILL: between the message and its answer, and before all that was taken is written down.
    drop(server);
    let before = receiver.messages();
    assert!(before.iter().all(|message| ids[..=70].iter().any(|id| id == message.id())), "nothing overtakes");
    free_the_lease(&receiver, &site);
    receiver.answers(|_, _| Answer::Status(200));
    let server = site.serve();
    server.until("all came", || firsts(&receiver.ids()).len() == ids.len());
    assert_eq!(firsts(&receiver.ids()), ids, "in their order");
    let again = receiver.messages()[before.len()..].to_vec();
    let twice = |id: &str| before.iter().chain(&again).filter(|one| one.id() == id).cloned().collect::<Vec<_>>();
    let stuck = twice(&ids[70]);
    assert_eq!((stuck.len(), &stuck[0].body), (2, &stuck[1].body), "the same message, by id and byte for byte");
    assert!(receiver.messages().len() <= ids.len() + 52, "no more than what was not written down comes again");
    server.until("nothing is left", || list(&site)["lag"] == 0);
    assert!(dead(&site).is_empty());
}

/// A killed host's lease runs out after half a minute; a test does not wait for it.
fn free_the_lease(receiver: &Receiver, site: &Site) {
    receiver.runtime.block_on(async {
        let store = open(site).await;
        for delivery in store.deliveries().await.unwrap() {
            store
                .release_delivery(&delivery.plugin, delivery.lease_holder.as_deref().unwrap_or_default())
                .await
                .unwrap();
        }
        store.close().await;
    });
}

#[test]
fn a_receiver_in_trouble_is_asked_again_and_keeps_the_order() {
    let receiver = Receiver::new(|_, times| match times {
        0 => Answer::Status(500),
        1 => Answer::Later("0"),
        2 => Answer::Hang,
        3 => Answer::Redirect,
        4 => Answer::Status(429),
        5 => Answer::Status(408),
        _ => Answer::Status(200),
    });
    let site = receiver.site("timeout = \"300ms\"\nattempts = 7");
    let server = site.serve();
    let ids = receiver.happen(&site, "credential.issue", 2);
    server.until("both are taken", || receiver.messages().len() == 14);
    assert_eq!(receiver.ids(), [vec![ids[0].clone(); 7], vec![ids[1].clone(); 7]].concat());
    assert!(receiver.messages().iter().all(|message| message.path.starts_with("/hooks")), "redirects are not followed");
    let times: BTreeSet<_> =
        receiver.messages().iter().map(|message| message.headers["webhook-timestamp"].clone()).collect();
    assert!(times.len() > 1, "each attempt has its time");
    server.until("nothing is left", || list(&site)["lag"] == 0);
    assert!(dead(&site).is_empty());
}

#[test]
fn a_receiver_says_when_to_ask_again() {
    let receiver = Receiver::new(|_, _| Answer::Later("90"));
    let site = receiver.site("");
    let server = site.serve();
    let token = token(&site, &server, "reader", &["webhooks:read"]);
    receiver.happen(&site, "credential.issue", 1);
    let state = || get(&server, "/admin/v1/webhooks", &token).1["webhooks"][0].clone();
    server.until("the host waits", || state()["state"] == "retrying");
    let state = state();
    let next: chrono::DateTime<Utc> = serde_json::from_value(state["next_attempt"].clone()).unwrap();
    assert!(next > Utc::now() + TimeDelta::seconds(20), "{state}");
    assert!(state["last_error"].as_str().unwrap().contains("503"), "{state}");
    assert_eq!((&state["lag"], receiver.messages().len()), (&json!(1), 1));
}

#[test]
fn what_is_not_taken_is_a_dead_letter_that_can_be_sent_again() {
    let receiver = Receiver::new(|message, _| match message.json()["data"]["credential_id"].as_str() {
        Some("urn:refused") => Answer::Status(422),
        Some("urn:broken") => Answer::Status(500),
        _ => Answer::Status(200),
    });
    let site = receiver.site("attempts = 3");
    let server = site.serve();
    let events = ["urn:a", "urn:refused", "urn:broken", "urn:b"].map(|object| event("credential.issue", object));
    let ids = receiver.write(&site, &events);
    server.until("the queue goes on", || receiver.ids().last() == Some(&ids[3]));
    let times = |id: &str| receiver.ids().iter().filter(|one| *one == id).count();
    assert_eq!(ids.iter().map(|id| times(id)).collect::<Vec<_>>(), [1, 1, 3, 1]);

    server.until("nothing is left", || list(&site)["lag"] == 0);
    let letters = dead(&site);
    assert_eq!(letters.iter().map(|letter| letter["event_id"].as_str().unwrap()).collect::<Vec<_>>(), ids[1..3]);
    let facts = |letter: &Value| (letter["status"].clone(), letter["attempts"].clone());
    assert_eq!([facts(&letters[0]), facts(&letters[1])], [(json!(422), json!(1)), (json!(500), json!(3))]);
    assert_eq!(letters[0]["message"]["data"]["credential_id"], "urn:refused");
    let told = trail(&site, "webhook.give_up");
    assert_eq!(told.iter().map(|event| event["object"].as_str().unwrap()).collect::<Vec<_>>(), ids[1..3]);
    assert_eq!(told[1]["detail"], json!({"webhook": "backend", "status": 500, "attempts": 3}));
    assert_eq!((&list(&site)["dead_letters"], &list(&site)["queued"]), (&json!(2), &json!(0)));
    assert!(site.done(&["webhook", "dead", "backend"]).lines().next().unwrap().contains("answered 422"));

    // The receiver is no better yet: what is sent again in vain is dead again.
    assert!(site.done(&["webhook", "replay", "backend", &ids[1]]).contains("1 to be sent again"));
    server.until("it is dead again", || times(&ids[1]) == 2 && list(&site)["dead_letters"] == 2);
    receiver.answers(|_, _| Answer::Status(200));
    site.done(&["webhook", "replay", "backend", "--all"]);
    server.until("they are taken", || dead(&site).is_empty());
    assert_eq!((times(&ids[1]), times(&ids[2])), (3, 4));
    for id in &ids[1..3] {
        let bodies: BTreeSet<_> = receiver.messages().into_iter().filter(|m| m.id() == *id).map(|m| m.body).collect();
        assert_eq!(bodies.len(), 1, "the same message under the same id");
    }
    assert_eq!(trail(&site, "webhook.replay").len(), 2);
    assert!(site.fails(&["webhook", "replay", "backend", &ids[1]], 1).contains("none of 1"));
}

#[test]
fn the_admin_api_shows_and_replays_dead_letters() {
    let receiver = Receiver::new(|_, _| Answer::Status(400));
    let site = receiver.site("");
    let server = site.serve();
    let (reader, writer) =
        (token(&site, &server, "reader", &["webhooks:read"]), token(&site, &server, "writer", &["webhooks:write"]));
    let ids = receiver.happen(&site, "credential.issue", 3);
    let letters = "/admin/v1/webhooks/backend/dead_letters";
    server
        .until("all are dead", || get(&server, letters, &reader).1["dead_letters"].as_array().map(Vec::len) == Some(3));
    let (_, page) = get(&server, &format!("{letters}?limit=2"), &reader);
    assert_eq!((&page["dead_letters"][1]["event_id"], &page["next"]), (&json!(ids[1]), &json!(ids[1])));
    let (_, page) = get(&server, &format!("{letters}?limit=2&after={}", ids[1]), &reader);
    assert_eq!((&page["dead_letters"][0]["event_id"], &page["next"]), (&json!(ids[2]), &json!(null)));
    for query in ["?limit=0", "?limit=101", "?limit=x", "?before=1"] {
        assert_eq!(get(&server, &format!("{letters}{query}"), &reader).0, 400, "{query}");
    }
    let nobody = get(&server, "/admin/v1/webhooks/nobody/dead_letters", &reader);
    assert_eq!((nobody.0, &nobody.1["type"]), (404, &json!("urn:chancery:problem:unknown-webhook")));
    assert_eq!(get(&server, letters, &writer).0, 403, "another scope");

    receiver.answers(|_, _| Answer::Status(202));
    let replay = |token: &str, body: Value| server.post("/admin/v1/webhooks/backend/replay", Some(token), &body);
    assert_eq!(replay(&reader, json!({"all": true})).0, 403);
    for wrong in [json!({}), json!({"all": true, "event_ids": ["x"]}), json!({"every": true}), json!([])] {
        assert_eq!(replay(&writer, wrong.clone()).0, 400, "{wrong}");
    }
    assert_eq!(replay(&writer, json!({"event_ids": vec!["x"; 1_001]})).0, 400);
    assert_eq!(replay(&writer, json!({"event_ids": [ids[2], "nobody"]})), (202, json!({"queued": 1})));
    server.until("it is taken", || dead(&site).len() == 2);
    assert_eq!(receiver.ids().last(), Some(&ids[2]));
    assert_eq!(replay(&writer, json!({"all": true})), (202, json!({"queued": 2})));
    server.until("all are taken", || dead(&site).is_empty());
    let replayed = trail(&site, "webhook.replay");
    assert_eq!((&replayed[0]["actor"], &replayed[1]["detail"]["letters"]), (&json!("client:writer"), &json!(2)));
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_until_it_is_resumed() {
    let receiver = Receiver::new(|_, _| Answer::Status(410));
    let site = receiver.site("");
    let server = site.serve();
    let ids = receiver.happen(&site, "credential.issue", 2);
    server.until("it is paused", || list(&site)["state"] == "paused");
    let told = trail(&site, "webhook.pause");
    assert_eq!((told.len(), &told[0]["detail"]["status"]), (1, &json!(410)));
    assert!(site.done(&["webhook", "list"]).contains("chancery webhook resume backend"));
    drop(server);
    free_the_lease(&receiver, &site);
    // Another process on the same store knows it too.
    let server = site.serve();
    server.until("the new host delivers", || server.log().contains("this host delivers audit events"));
    let other = receiver.happen(&site, "credential.issue", 1);
    let writer = token(&site, &server, "writer", &["webhooks:write"]);
    assert_eq!(receiver.ids(), ids[..1], "nothing is sent, and nothing was lost");
    assert!(dead(&site).is_empty());

    receiver.answers(|_, _| Answer::Status(200));
    let resume = || server.post("/admin/v1/webhooks/backend/resume", Some(&writer), &json!({}));
    assert_eq!(resume(), (200, json!({"resumed": true})));
    server.until("all came", || receiver.ids().len() == 4);
    assert_eq!(receiver.ids(), [&ids[..1], &ids[..], &other[..]].concat());
    assert_eq!(resume(), (200, json!({"resumed": false})));
    assert!(site.done(&["webhook", "resume", "backend"]).contains("was not paused"));
    assert_eq!(trail(&site, "webhook.resume").len(), 1);
}

#[test]
fn private_addresses_are_refused_unless_the_operator_names_them() {
    let receiver = Receiver::willing();
    let lead_to = |host: &str| {
        let site = Site::example("farmer", &[]);
        configure(&site, &format!("url = \"https://{host}:{}/hooks\"\nattempts = 1", receiver.port));
        site.done(&["webhook", "keygen", "webhook.key"]);
        site
    };
    for address in ["127.0.0.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"] {
        let text = lead_to(address).fails(&["serve"], 1);
        assert!(text.contains("webhooks.backend"), "{address}: {text}");
    }
    // A name is judged by what it resolves to, when a message is sent.
    let site = lead_to("localhost");
    let server = site.serve();
    let reader = token(&site, &server, "reader", &["webhooks:read"]);
    receiver.happen(&site, "credential.issue", 1);
    let state = || get(&server, "/admin/v1/webhooks", &reader).1["webhooks"][0].clone();
    server.until("it is refused", || state()["last_error"].as_str().is_some_and(|why| why.contains("not allowed")));
    assert_eq!((&state()["lag"], dead(&site).len()), (&json!(1), 0), "it waits for the operator");
    assert!(receiver.messages().is_empty());
    let site = Site::example("farmer", &[]);
    configure(&site, "url = \"http://127.0.0.1/hooks\"");
    assert!(site.fails(&["check-config"], 2).contains("must be https"));
}

#[test]
fn a_secret_is_rotated_without_a_restart() {
    let receiver = Receiver::willing();
    let site = receiver.site("");
    let server = site.serve();
    site.done(&["webhook", "keygen", "new.key"]);
    let (old, new) = ["webhook.key", "new.key"].map(|name| std::fs::read_to_string(site.path(name)).unwrap()).into();
    std::fs::write(site.path("old.key"), &old).unwrap();
    std::fs::write(site.path("webhook.key"), format!("{old}{new}")).unwrap();
    receiver.happen(&site, "credential.issue", 1);
    server.until("it came", || receiver.messages().len() == 1);
    let both = &receiver.messages()[0];
    assert_eq!(both.headers["webhook-signature"].split(' ').count(), 2);
    is_signed(&site, both, "old.key");
    is_signed(&site, both, "new.key");

    // Without a secret nothing is sent unsigned, and nothing is given up.
    std::fs::remove_file(site.path("webhook.key")).unwrap();
    receiver.happen(&site, "credential.issue", 1);
    server.until("it is held up", || server.log().contains("a message was not delivered"));
    assert_eq!((receiver.messages().len(), dead(&site).len()), (1, 0));
    std::fs::write(site.path("webhook.key"), new).unwrap();
    server.until("it came", || receiver.messages().len() == 2);
    let one = &receiver.messages()[1];
    is_signed(&site, one, "new.key");
    let input = json!({"headers": one.headers, "body": one.body}).to_string();
    let old = site.path("old.key");
    assert!(!judge("verify-webhook.mjs", &["--message", "-", "--secret", old.to_str().unwrap()], &input).0);
}

#[test]
fn two_hosts_send_each_message_once() {
    let receiver = Receiver::willing();
    let site = receiver.site("");
    let (one, _other) = (site.serve(), site.serve_beside());
    let ids = receiver.happen(&site, "credential.issue", 120);
    one.until("all came", || receiver.messages().len() >= ids.len() && list(&site)["lag"] == 0);
    assert_eq!(receiver.ids(), ids);
}

#[test]
fn only_what_the_webhook_is_for_is_told_and_only_from_its_beginning() {
    let receiver = Receiver::willing();
    let site = receiver.site("events = [\"credential.status_changed\"]");
    site.done(&["migrate"]);
    receiver.happen(&site, "credential.status", 3);
    let mut server = site.serve();
    server.until("it has begun", || server.log().contains("the webhook is new"));
    let refused = AuditEvent { outcome: EventOutcome::Refused, ..event("credential.status", "urn:x") };
    let foreign = AuditEvent { issuer_id: "ministry".to_owned(), ..event("credential.status", "urn:x") };
    receiver.write(&site, &[event("credential.issue", "urn:x"), refused, foreign]);
    let ids = receiver.happen(&site, "credential.status", 1);
    server.until("it came", || list(&site)["lag"] == 0 && !receiver.messages().is_empty());
    let data = receiver.messages()[0].json()["data"].clone();
    assert_eq!((receiver.ids(), &data["detail"]), (ids, &json!({"purpose": "revocation", "value": 1})));

    // It is a sink as audit plugins are, and is not forgotten while it is configured.
    let sinks = site.done(&["audit", "sinks"]);
    assert!(sinks.contains("webhook:backend"), "{sinks}");
    assert!(site.fails(&["audit", "forget", "webhook:backend"], 2).contains("take it out"));
    server.terminate();
    assert_eq!(server.ended(), Some(0), "{}", server.log());
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.split("[webhooks").next().unwrap()).unwrap();
    assert!(site.done(&["audit", "forget", "webhook:backend"]).contains("forgotten"), "its lease was given up");
}

#[test]
fn a_wrong_set_up_is_refused_in_words_that_help() {
    let receiver = Receiver::willing();
    let site = Site::example("farmer", &[]);
    configure(&site, &format!("url = {:?}\nnetworks = \"any\"", receiver.url()));
    site.done(&["migrate"]);
    assert!(site.fails(&["serve"], 1).contains("webhook.key"));
    std::fs::write(site.path("webhook.key"), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let text = site.fails(&["serve"], 1);
    assert!(text.contains("line 1") && text.contains("keygen") && !text.contains("MfKQ"), "{text}");
    for command in [
        &["webhook", "dead", "nobody"][..],
        &["webhook", "replay", "nobody", "--all"],
        &["webhook", "resume", "nobody"],
    ] {
        assert!(site.fails(command, 2).contains("no webhook nobody"));
    }
    site.fails(&["webhook", "replay", "backend"], 2);
    assert!(Site::farmer().done(&["webhook", "keygen", "--help"]).contains("Example:"));
}
