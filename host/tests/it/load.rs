//! Wallets that take credentials from the built binary, over and over and several at once, as load for tests that
//! do something to the host meanwhile. A request that fails ends its wallet's thread, and so the test.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use chancery_keys::jose::sign_compact;
use chancery_keys::{Algorithm, Signer as _, SoftwareKey};
use serde_json::{Map, Value, json};

use crate::server::{Server, agent, read};
use crate::wallet::{PRE_AUTHORIZED, claims_of, code, key, object};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Access tokens live for five minutes.
const TOKEN_USE: Duration = Duration::from_mins(2);

/// A service client with every scope the tests need, and the connection of one thread.
pub struct Office {
    http: ureq::Agent,
    url: String,
    key: Arc<SoftwareKey>,
    runtime: tokio::runtime::Runtime,
    token: Mutex<Option<(Instant, String)>>,
}

impl Office {
    /// Registers the first client with the bootstrap token in the log.
    pub fn open(server: &Server) -> Self {
        let office = Self::connect(&server.url, Arc::new(key(Algorithm::EdDsa)));
        // Its log is read by a thread of its own, which may come after the first answer.
        server.until("the bootstrap token is printed", || server.log().contains("chb_"));
        let log = server.log();
        let token = log.split_whitespace().find(|word| word.starts_with("chb_")).expect("a bootstrap token");
        let client = json!({
            "client_id": "office",
            "jwks": {"keys": [office.key.public_key().to_jwk()]},
            "scopes": ["offers:create", "plugins:read", "plugins:write"],
        });
        let (status, answer) = office.post("/admin/v1/bootstrap", None, &json!({"token": token, "client": client}));
        assert_eq!(status, 201, "{answer}");
        office
    }

    /// The same client on a connection of its own.
    pub fn again(&self) -> Self {
        Self::connect(&self.url, Arc::clone(&self.key))
    }

    fn connect(url: &str, key: Arc<SoftwareKey>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { http: agent(), url: url.to_owned(), key, runtime, token: Mutex::default() }
    }

    pub fn plugins(&self) -> Vec<Value> {
        let request = self.http.get(format!("{}/admin/v1/plugins", self.url));
        let (status, answer) = read(request.header("authorization", format!("Bearer {}", self.token())).call());
        assert_eq!(status, 200, "{answer}");
        answer["plugins"].as_array().unwrap().clone()
    }

    pub fn plugin(&self, name: &str) -> Value {
        self.plugins().into_iter().find(|plugin| plugin["name"] == name).unwrap_or_default()
    }

    pub fn rescan(&self) -> Value {
        let (status, answer) = self.post("/admin/v1/plugins/rescan", Some(&self.token()), &json!({}));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The way of a wallet until it can ask for the credential: what it then asks with.
    pub fn prepare(&self, configuration: &str, subject: &str) -> Ask {
        let offer = json!({"credential_configuration_ids": [configuration], "subject": subject});
        let (status, offer) = self.post("/admin/v1/offers", Some(&self.token()), &offer);
        assert_eq!(status, 201, "{offer}");
        let form = [("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code(&offer))];
        let (status, token) = self.post_form("/oauth/token", &form);
        assert_eq!(status, 200, "{token}");
        let (status, nonce) = self.post_form("/openid4vci/nonce", &[]);
        assert_eq!(status, 200, "{nonce}");
        let key = key(Algorithm::EdDsa);
        let header = json!({"typ": "openid4vci-proof+jwt", "jwk": key.public_key().to_jwk()});
        let claims = json!({"aud": self.url, "iat": seconds(), "nonce": nonce["c_nonce"]});
        let proof = self.sign(&key, header, claims);
        Ask {
            token: token["access_token"].as_str().unwrap().to_owned(),
            body: json!({"credential_configuration_id": configuration, "proofs": {"jwt": [proof]}}),
        }
    }

    pub fn ask(&self, ask: &Ask) -> (u16, Value) {
        self.post("/openid4vci/credential", Some(&ask.token), &ask.body)
    }

    /// The whole way; the credential's claims.
    #[track_caller]
    pub fn take(&self, configuration: &str, subject: &str) -> Value {
        let (status, answer) = self.ask(&self.prepare(configuration, subject));
        assert_eq!(status, 200, "{answer}");
        claims(&answer)
    }

    fn token(&self) -> String {
        let mut token = self.token.lock().unwrap();
        if let Some((at, token)) = &*token
            && at.elapsed() < TOKEN_USE
        {
            return token.clone();
        }
        let now = seconds();
        let jti = uuid::Uuid::new_v4();
        let claims =
            json!({"iss": "office", "sub": "office", "aud": self.url, "iat": now, "exp": now + 60, "jti": jti});
        let assertion = self.sign(&self.key, json!({}), claims);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &*assertion),
        ];
        let (status, answer) = self.post_form("/oauth/token", &form);
        assert_eq!(status, 200, "{answer}");
        let new = answer["access_token"].as_str().unwrap().to_owned();
        *token = Some((Instant::now(), new.clone()));
        new
    }

    fn sign(&self, key: &SoftwareKey, header: Value, claims: Value) -> String {
        let header: Map<String, Value> = object(header);
        self.runtime.block_on(sign_compact(key, header, &object(claims))).unwrap()
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.send_json(body))
    }

    fn post_form(&self, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
        read(self.http.post(format!("{}{path}", self.url)).send_form(pairs.iter().copied()))
    }
}

/// A credential request, ready to be sent.
pub struct Ask {
    token: String,
    body: Value,
}

pub fn claims(answer: &Value) -> Value {
    claims_of(answer["credentials"][0]["credential"].as_str().unwrap())
}

/// Threads that do one thing until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    /// What each thread's last round gave.
    progress: Vec<Arc<AtomicU64>>,
    threads: Vec<JoinHandle<Vec<Round>>>,
}

/// One round of one thread.
pub struct Round {
    pub end: Instant,
    took: Duration,
}

impl Load {
    /// `round` gets its thread's client and the number of the round. What it answers is the thread's progress and
    /// never becomes less.
    pub fn start(office: &Office, threads: usize, round: impl Fn(&Office, u64) -> u64 + Send + Sync + 'static) -> Self {
        let (stop, round) = (Arc::new(AtomicBool::new(false)), Arc::new(round));
        let progress: Vec<Arc<AtomicU64>> = (0..threads).map(|_| Arc::default()).collect();
        let thread = |own: &Arc<AtomicU64>| {
            let (office, stop, round, own) = (office.again(), Arc::clone(&stop), Arc::clone(&round), Arc::clone(own));
            std::thread::spawn(move || {
                let mut rounds = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    let now = round(&office, rounds.len() as u64);
                    let before = own.swap(now, Ordering::Release);
                    assert!(before <= now, "{now} came after {before}");
                    rounds.push(Round { end: Instant::now(), took: begin.elapsed() });
                }
                rounds
            })
        };
        let threads = progress.iter().map(thread).collect();
        Self { stop, progress, threads }
    }

    /// Whether every thread has come this far.
    #[track_caller]
    pub fn all_at(&self, progress: u64) -> bool {
        assert!(!self.threads.iter().any(JoinHandle::is_finished), "a request failed: its thread says which");
        self.progress.iter().all(|own| own.load(Ordering::Acquire) >= progress)
    }

    /// Ends it; every round.
    pub fn stop(mut self) -> Vec<Round> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        threads.into_iter().flat_map(|thread| thread.join().expect("no request fails")).collect()
    }
}

/// A test that fails ends its load before its host, and so with its own message alone.
impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// How long these rounds took, for people: a time is nothing that a test asserts.
pub fn latency<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> String {
    let mut took: Vec<Duration> = rounds.into_iter().map(|round| round.took).collect();
    took.sort_unstable();
    let Some(last) = took.len().checked_sub(1) else { return "no flows".to_owned() };
    let at = |percent: usize| took[last * percent / 100];
    format!("{} flows, p50 {:.1?}, p99 {:.1?}, longest {:.1?}", took.len(), at(50), at(99), at(100))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
