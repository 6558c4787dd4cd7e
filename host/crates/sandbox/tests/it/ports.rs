//! Ports with nothing real behind them: they do what their input says and note what they were asked.

use std::collections::BTreeMap;
use std::future;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use chancery_sandbox::ports::{
    ClockPort, DatabaseError, HttpClient, HttpFault, HttpPort, KvError, KvPort, KvStore, Ports, Reader, Rows,
    SecretPort, SignError, SignKey, SignPort, SqlError, SqlPort, SqlStatement, SqlValue,
};
use chancery_sandbox::{HttpGrant, KvGrant, SignGrant, StatementGrant};

/// The value of every secret. Nothing but `reveal` may show it.
pub(crate) const SECRET: &str = "hunter2-in-the-vault";

/// Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Fakes {
    heard: Arc<Mutex<Vec<String>>>,
    readers: Arc<Mutex<Vec<Reader>>>,
    kept: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    waiting: Arc<AtomicUsize>,
    /// After 1970, or before it.
    seconds: Arc<AtomicI64>,
}

impl Fakes {
    pub(crate) fn ports(&self) -> Ports {
        let all = Arc::new(self.clone());
        Ports {
            http: all.clone(),
            sql: all.clone(),
            kv: all.clone(),
            secrets: all.clone(),
            sign: all.clone(),
            clock: all,
        }
    }

    /// Sets the clock, in seconds after 1970. It stands still.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }

    /// What was asked so far, and forgets it.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    pub(crate) fn readers(&self) -> Vec<Reader> {
        self.readers.lock().unwrap().clone()
    }

    /// Calls that wait for ever, as long as somebody holds them.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn note(&self, text: String) {
        self.heard.lock().unwrap().push(text);
    }

    /// A source that never answers.
    async fn never<T>(&self) -> T {
        let _waiting = Waiting::begin(&self.waiting);
        future::pending().await
    }
}

struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl HttpPort for Fakes {
    fn open(&self, grant: &HttpGrant) -> Result<Arc<dyn HttpClient>, String> {
        if grant.allow.iter().any(|origin| origin.contains("bad")) {
            return Err("a bad origin".to_owned());
        }
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl HttpClient for Fakes {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpFault> {
        let names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
        let bytes = request.body().len();
        self.note(format!("{} {} {names:?} {bytes}", request.method(), request.uri()));
        let why = || "10.0.0.7 said no".to_owned();
        Err(match request.uri().path() {
            "/never" => self.never().await,
            "/denied" => HttpFault::Denied(why()),
            "/dns" => HttpFault::Dns(why()),
            "/connect" => HttpFault::Connect(why()),
            "/connect-timeout" => HttpFault::ConnectTimeout,
            "/timeout" => HttpFault::Timeout,
            "/tls" => HttpFault::Tls(why()),
            "/request-too-large" => HttpFault::RequestTooLarge(7),
            "/response-too-large" => HttpFault::ResponseTooLarge(8),
            "/protocol" => HttpFault::Protocol(why()),
            "/busy" => HttpFault::Busy,
            "/large" => return Ok(http::Response::new(Bytes::from(vec![b'x'; 3 << 20]))),
            _ => return Ok(http::Response::new(Bytes::from_static(b"hello"))),
        })
    }
}

/// One statement, which behaves as its text says.
struct Statement {
    text: String,
    fakes: Fakes,
}

#[async_trait]
impl SqlPort for Fakes {
    async fn open(&self, grant: &StatementGrant) -> Result<Arc<dyn SqlStatement>, String> {
        if grant.database == "nowhere" {
            return Err("no database is called nowhere".to_owned());
        }
        Ok(Arc::new(Statement { text: grant.text.clone(), fakes: self.clone() }))
    }
}

#[async_trait]
impl SqlStatement for Statement {
    async fn run(&self, params: Vec<SqlValue>, within: Duration) -> Result<Rows, SqlError> {
        assert!(within <= Duration::from_secs(1), "longer than the grant allows");
        self.fakes.note(format!("{} {params:?}", self.text));
        Err(match self.text.as_str() {
            "never" => self.fakes.never().await,
            "timeout" => SqlError::Timeout,
            "unavailable" => SqlError::Unavailable("no connection".to_owned()),
            "too-large" => SqlError::TooLarge(1024),
            "refused" => SqlError::Database(DatabaseError { code: "42P01".to_owned(), message: "no table".to_owned() }),
            "bad-parameter" => SqlError::BadParameter("$1 is a date".to_owned()),
            _ => {
                let rows = vec![vec![SqlValue::Text("Ada".to_owned())]];
                return Ok(Rows { columns: vec!["name".to_owned()], rows, truncated: false });
            }
        })
    }
}

/// One plugin's space.
struct Space {
    plugin: String,
    fakes: Fakes,
}

impl KvPort for Fakes {
    fn open(&self, plugin: &str, _: &KvGrant) -> Result<Arc<dyn KvStore>, String> {
        Ok(Arc::new(Space { plugin: plugin.to_owned(), fakes: self.clone() }))
    }
}

impl Space {
    fn path(&self, issuer: &str, key: &str) -> String {
        format!("{}/{issuer}/{key}", self.plugin)
    }
}

#[async_trait]
impl KvStore for Space {
    async fn get(&self, issuer: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.fakes.note(format!("get {}", self.path(issuer, key)));
        match key {
            "never" => self.fakes.never().await,
            "slow" => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(None)
            }
            "down" => Err(KvError::Unavailable("down".to_owned())),
            _ => Ok(self.fakes.kept.lock().unwrap().get(&self.path(issuer, key)).cloned()),
        }
    }

    async fn put(&self, issuer: &str, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), KvError> {
        let path = self.path(issuer, key);
        self.fakes.note(format!("put {path} {} for {ttl:?}", value.len()));
        self.fakes.kept.lock().unwrap().insert(path, value);
        Ok(())
    }

    async fn delete(&self, issuer: &str, key: &str) -> Result<(), KvError> {
        self.fakes.note(format!("delete {}", self.path(issuer, key)));
        self.fakes.kept.lock().unwrap().remove(&self.path(issuer, key));
        Ok(())
    }
}

#[async_trait]
impl SecretPort for Fakes {
    fn open(&self, name: &str) -> Result<(), String> {
        if name.starts_with("unknown") { Err(format!("no secret is called {name}")) } else { Ok(()) }
    }

    async fn reveal(&self, name: &str, reader: &Reader) -> Result<Vec<u8>, String> {
        self.readers.lock().unwrap().push(reader.clone());
        if name == "vanished" { Err("its file is gone".to_owned()) } else { Ok(SECRET.as_bytes().to_vec()) }
    }
}

impl SignPort for Fakes {
    fn open(&self, grant: &SignGrant) -> Result<Arc<dyn SignKey>, String> {
        if grant.secret == "no-key" {
            return Err("the secret no-key is not a key".to_owned());
        }
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl SignKey for Fakes {
    async fn jwt(&self, claims: &str) -> Result<String, SignError> {
        self.note(format!("jwt over {} bytes", claims.len()));
        Ok("a.b.c".to_owned())
    }

    async fn detached_jws(&self, payload: &[u8]) -> Result<String, SignError> {
        self.note(format!("jws over {} bytes", payload.len()));
        Ok("a..c".to_owned())
    }

    async fn mac(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.note(format!("mac over {} bytes", message.len()));
        Ok(vec![1, 2, 3])
    }
}

impl ClockPort for Fakes {
    fn now(&self) -> SystemTime {
        let seconds = self.seconds.load(Ordering::SeqCst);
        let distance = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}
