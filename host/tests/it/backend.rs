//! An issuer's backend: the service client that issues, reads, changes and deletes credentials. Once in this process
//! on a `TestApp`, and once over HTTP on hosts that run.

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use chancery::app::Plugins;
use chancery::config::Config;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::jsonld::CREDENTIALS_V2;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::server::{Server, Site, agent};

pub const DID: &str = "did:web:localhost%3A8080";
pub const SCOPES: [&str; 4] = ["credentials:issue", "credentials:read", "credentials:status", "credentials:delete"];
/// The problem types that specifications name.
pub const MALFORMED: &str = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR";
pub const UNKNOWN_OPTION: &str = "https://www.w3.org/TR/vcalm#UNKNOWN_OPTION_PROVIDED";

/// A credential as a client of the VC-API sends it: nothing in it is optional but the inline context.
pub fn unsigned() -> Value {
    json!({
        "@context": [CREDENTIALS_V2, {"fullName": "https://schema.org/name"}],
        "type": ["VerifiableCredential"],
        "issuer": DID,
        "credentialSubject": {"id": "did:example:ada", "fullName": "Ada"},
    })
}

/// The same with an id.
pub fn unsigned_with_id(id: &str) -> Value {
    let mut credential = unsigned();
    credential["id"] = json!(id);
    credential
}

/// A JSON-LD configuration with entries for `status`; requests carry the claims.
pub fn person_ld(status: &[&str]) -> Value {
    json!({
        "format": "ldp_vc",
        "cryptosuite": "eddsa-rdfc-2022",
        "validity": "30d",
        "keep": "credential",
        "status": status,
        "holder_binding": {"required": false},
        "contexts": {"https://example.org/person/v1": {"@context": {
            "PersonCredential": "https://example.org/PersonCredential",
            "fullName": "https://schema.org/name",
        }}},
        "template": {
            "@context": [CREDENTIALS_V2, "https://example.org/person/v1"],
            "type": ["VerifiableCredential", "PersonCredential"],
            "credentialSubject": {"fullName": "{{ data.name }}"},
        },
        "sample": {"name": "Ada"},
    })
}

/// A change of a credential that is about to be sent, at a JSON pointer; `-` appends to a list.
pub enum Edit {
    Set(&'static str, Value),
    Remove(&'static str),
}

impl Edit {
    pub fn apply(&self, credential: &mut Value) {
        use Edit::{Remove, Set};
        let (Set(pointer, _) | Remove(pointer)) = self;
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = credential.pointer_mut(parent).unwrap();
        match (self, parent) {
            (Set(_, value), Value::Object(members)) => drop(members.insert(name.replace("~1", "/"), value.clone())),
            (Set(_, value), Value::Array(items)) if name == "-" => items.push(value.clone()),
            (Set(_, value), Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value.clone(),
            (Remove(_), Value::Object(members)) => assert!(members.remove(name).is_some(), "{pointer}"),
            (_, other) => panic!("{pointer} in {other}"),
        }
    }
}

/// A path segment or a query's value: ids are URLs.
pub fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// The id in the address of a credential that an answer names. Ours are such addresses themselves.
#[track_caller]
pub fn named(headers: &HeaderMap) -> String {
    let location = headers[header::LOCATION].to_str().unwrap();
    let (_, id) = location.split_once("/credentials/").unwrap();
    assert!(!id.contains('/'), "one segment: {location}");
    if uuid::Uuid::try_parse(id).is_ok() {
        return location.to_owned();
    }
    url::form_urlencoded::parse(format!("id={id}").as_bytes()).next().unwrap().1.into_owned()
}

/// The entry of this purpose.
#[track_caller]
pub fn entry<'a>(credential: &'a Value, purpose: &str) -> &'a Value {
    let status = &credential["credentialStatus"];
    let mut entries = status.as_array().map_or_else(|| vec![status], |all| all.iter().collect());
    entries.retain(|entry| entry["statusPurpose"] == purpose);
    assert_eq!(entries.len(), 1, "entries for {purpose}: {status}");
    entries[0]
}

/// The request of the page: everything that the credential says about its entry.
pub fn update(credential: &Value, purpose: &str, status: bool) -> Value {
    json!({"credentialId": credential["id"], "credentialStatus": entry(credential, purpose), "status": status})
}

impl TestApp {
    /// With the configuration `PersonLd`, which has entries for revocation and suspension; so have credentials of the
    /// W3C shape.
    pub async fn start_registry() -> Self {
        Self::start_registry_with(|_| {}).await
    }

    pub async fn start_registry_with(change: impl FnOnce(&mut Config)) -> Self {
        let test = Self::start_with(Plugins::Leave, |config| {
            config.credentials.insert(DEFAULT_ISSUER.to_owned(), policy(json!({})));
            change(config);
        })
        .await;
        test.publish(DEFAULT_ISSUER, "PersonLd", person_ld(&["revocation", "suspension"])).await;
        test
    }

    pub async fn backend_token(&self) -> String {
        self.admin_token(DEFAULT_ISSUER, &SCOPES).await
    }

    pub async fn backend(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.backend_with(method, path, &[], body).await
    }

    pub async fn backend_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let token = self.backend_token().await;
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.send(request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()).await
    }

    /// The W3C shape.
    pub async fn issue_w3c(&self, credential: &Value) -> Answer {
        self.backend("POST", "/credentials/issue", Some(&json!({"credential": credential}))).await
    }

    /// The page's shape, of `PersonLd`; the answer's body.
    #[track_caller]
    pub fn issue_person(&self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let body = json!({"credential_configuration_id": "PersonLd", "data": {"name": "Ada"}});
            let answer = self.backend("POST", "/credentials/issue", Some(&body)).await;
            assert_eq!(answer.status, 201, "{caller}: {answer:?}");
            answer.body
        }
    }

    pub async fn set_status(&self, body: &Value) -> Answer {
        self.backend("POST", "/credentials/status", Some(body)).await
    }

    pub async fn read_credential(&self, id: &str) -> Answer {
        self.backend("GET", &format!("/credentials/{}", encoded(id)), None).await
    }

    pub async fn delete_credential(&self, id: &str) -> Answer {
        self.backend("DELETE", &format!("/credentials/{}", encoded(id)), None).await
    }
}

/// `[credentials.ISSUER]` with entries for both purposes, and what else a test wants.
pub fn policy<T: serde::de::DeserializeOwned>(more: Value) -> T {
    let mut policy = json!({"status": ["revocation", "suspension"]});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(policy).unwrap()
}

/// The host keeps what it issues to wallets as well, so that a test can read it.
pub fn keep_credentials(site: &Site) {
    for id in ["FarmerCredential", "FarmerCredentialLd"] {
        let file = site.path(&format!("config/{id}/configuration.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("keep = \"credential\"\n{text}")).unwrap();
    }
}

/// An issuer's backend over HTTP.
#[derive(Clone)]
pub struct Backend {
    http: ureq::Agent,
    url: String,
    token: String,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Backend {
    /// Registers a client of its own by the command line, and signs in.
    pub fn register(site: &Site, server: &Server) -> Self {
        let mut create = vec!["client", "create", "backend", "--new-key", "backend.pem"];
        create.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
        site.done(&create);
        Self::sign_in(site, server)
    }

    /// The client that was registered before.
    pub fn sign_in(site: &Site, server: &Server) -> Self {
        let assertion = site.done(&["client", "assertion", "backend", "--key", "backend.pem"]);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.trim()),
        ];
        let (status, answer) = server.post_form("/oauth/token", &form);
        assert_eq!(status, 200, "{answer}");
        Self { http: agent(), url: server.url.clone(), token: answer["access_token"].as_str().unwrap().to_owned() }
    }

    /// The same client, at another host of the issuer, on connections of its own.
    pub fn at(&self, server: &Server) -> Self {
        Self { http: agent(), url: server.url.clone(), token: self.token.clone() }
    }

    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut answer = self.http.run(request.body(text).unwrap()).unwrap();
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        Reply {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    pub fn issue(&self, body: &Value) -> Reply {
        self.call("POST", "/credentials/issue", &[], Some(body))
    }

    /// A credential of the W3C shape; as it was signed.
    #[track_caller]
    pub fn issue_w3c(&self, credential: &Value) -> Value {
        let reply = self.issue(&json!({"credential": credential}));
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.body["verifiableCredential"].clone()
    }

    pub fn status(&self, id: &str, purpose: &str, status: bool) -> Reply {
        let body = json!({"credentialId": id, "credentialStatus": {"statusPurpose": purpose}, "status": status});
        self.call("POST", "/credentials/status", &[], Some(&body))
    }

    #[track_caller]
    pub fn set_status(&self, id: &str, purpose: &str, status: bool) -> Value {
        let reply = self.status(id, purpose, status);
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.body
    }

    pub fn delete(&self, id: &str) -> Reply {
        self.call("DELETE", &format!("/credentials/{}", encoded(id)), &[], None)
    }

    /// The status list at this URL, as this host serves it.
    #[track_caller]
    pub fn list(&self, url: &str) -> Reply {
        let path = url::Url::parse(url).unwrap().path().to_owned();
        let reply = self.call("GET", &path, &[("accept", "application/vc")], None);
        assert_eq!(reply.status, 200, "{url}: {}", reply.text);
        reply
    }

    /// The indexes whose bit is set in the list as it is published now.
    #[track_caller]
    pub fn set_indexes(&self, url: &str) -> Vec<usize> {
        let list = self.list(url).body;
        let encoded = list["credentialSubject"]["encodedList"].as_str().unwrap();
        let bytes = chancery_credential::status::bitstring::decode_list(encoded, 1 << 24).unwrap();
        let is_set = |index: &usize| bytes[index / 8] & (0x80 >> (index % 8)) != 0;
        (0..bytes.len() * 8).filter(is_set).collect()
    }
}
