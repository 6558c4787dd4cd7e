//! Another issuer, for proxy mode: its credentials are signed for real, and the plugin `test-issuer` hands them out as
//! the subject's id says.

use axum::body::Body;
use axum::http::{Request, header};
use chancery::app::Plugins;
use chancery::config::Config;
use chancery_credential::data_integrity::{Cryptosuite, DataIntegrity, ProofOptions};
use chancery_credential::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2, Contexts};
use chancery_credential::sd_jwt::{DisclosureFrame, SdJwtHeader, SdJwtVc, TYP_DC_SD_JWT};
use chancery_keys::jose::sign_compact;
use chancery_keys::{Algorithm, Signer as _, SoftwareKey, did};
use chrono::DateTime;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::app::{Answer, TestApp, built_plugin};
use crate::wallet::key;

pub const VCT: &str = "urn:example:person";

/// Two seconds before the ticket may be polled.
pub const TICKET_SECONDS: i64 = 2;

pub struct Upstream {
    key: SoftwareKey,
    pub did: String,
}

impl Upstream {
    pub fn new() -> Self {
        let key = key(Algorithm::EdDsa);
        Self { did: did::did_key(key.public_key()), key }
    }

    fn key_id(&self) -> String {
        format!("{0}#{1}", self.did, self.did.trim_start_matches("did:key:"))
    }

    /// An SD-JWT VC as it should be, unless `change` bends it before it is signed.
    pub async fn sd_jwt(&self, holder: Option<&SoftwareKey>, change: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut claims =
            json!({"iss": self.did, "vct": VCT, "iat": 1_780_311_600, "exp": 1_811_847_600, "name": "Ada"});
        if let Some(holder) = holder {
            claims["cnf"] = json!({"jwk": holder.public_key().to_jwk()});
        }
        let mut claims = claims.as_object().unwrap().clone();
        change(&mut claims);
        let kid = self.key_id();
        let header = SdJwtHeader { alg: "EdDSA", typ: TYP_DC_SD_JWT, kid: Some(&kid), x5c: None };
        let frame = DisclosureFrame::new(&[]).unwrap();
        let prepared = SdJwtVc::prepare(claims, &frame, &header, &mut |salt: &mut [u8]| {
            salt.fill(7);
            Ok(())
        });
        let prepared = prepared.unwrap();
        let signature = self.key.sign(prepared.signing_input()).await.unwrap();
        prepared.finish(&signature)
    }

    pub async fn ldp_vc(&self, holder: &SoftwareKey) -> Value {
        let credential = json!({
            "@context": [CREDENTIALS_V2],
            "type": ["VerifiableCredential", "https://example.org/PersonCredential"],
            "issuer": self.did,
            "validFrom": "2026-06-01T11:00:00Z",
            "credentialSubject": {"id": did::did_key(holder.public_key()), "https://schema.org/name": "Ada"},
        });
        let method = self.key_id();
        let options = ProofOptions {
            cryptosuite: Cryptosuite::EddsaRdfc2022,
            created: DateTime::from_timestamp(1_780_311_600, 0).unwrap(),
            verification_method: &method,
        };
        let credential = credential.as_object().unwrap().clone();
        let prepared = DataIntegrity::prepare(credential, &options, &Contexts::bundled()).unwrap();
        let signature = self.key.sign(prepared.signing_input()).await.unwrap();
        prepared.finish(&signature)
    }

    /// A credential of VCDM 1.1 in a JWT.
    pub async fn jwt_vc(&self, holder: &SoftwareKey, credential_type: &str) -> String {
        let claims = json!({
            "iss": self.did,
            "sub": did::did_key(holder.public_key()),
            "nbf": 1_780_311_600,
            "vc": {
                "@context": [CREDENTIALS_V1],
                "type": ["VerifiableCredential", credential_type],
                "credentialSubject": {"name": "Ada"},
            },
        });
        let header = Map::from_iter([("typ".to_owned(), json!("JWT")), ("kid".to_owned(), json!(self.key_id()))]);
        sign_compact(&self.key, header, claims.as_object().unwrap()).await.unwrap()
    }

    /// A configuration that passes its SD-JWT VCs on.
    pub fn document(&self) -> Value {
        json!({
            "format": "dc+sd-jwt",
            "mode": "proxy",
            "vct": VCT,
            "scope": "person",
            "plugin": {"name": "test-issuer"},
            "proxy": {"trusted_issuers": [{"id": self.did}]},
        })
    }

    pub fn ldp_document(&self) -> Value {
        json!({
            "format": "ldp_vc",
            "mode": "proxy",
            "plugin": {"name": "test-issuer"},
            "proxy": {
                "trusted_issuers": [{"id": self.did}],
                "types": ["VerifiableCredential", "https://example.org/PersonCredential"],
                "context": [CREDENTIALS_V2],
            },
        })
    }

    pub fn jwt_document(&self) -> Value {
        json!({
            "format": "jwt_vc_json",
            "mode": "proxy",
            "plugin": {"name": "test-issuer"},
            "proxy": {
                "trusted_issuers": [{"id": self.did}],
                "types": ["VerifiableCredential", "PersonCredential"],
            },
        })
    }

    /// A host with that configuration, as `Proxied`, and these credentials to hand out: name, `x` of the holder's key
    /// (or `*`) and credential.
    pub async fn serve(&self, document: Value, credentials: &[(&str, String, String)]) -> TestApp {
        let grant = grant(document["format"].as_str().unwrap(), credentials);
        let test = TestApp::start_with(Plugins::Run, |config| install(config, &grant)).await;
        test.publish("default", "Proxied", document).await;
        test
    }
}

/// Puts `test-issuer` into the plugin directory.
fn install(config: &Config, grant: &str) {
    let dir = &config.plugins.dir;
    std::fs::write(dir.join("test-issuer.toml"), grant).unwrap();
    std::fs::copy(built_plugin("test-issuer"), dir.join("test-issuer.wasm")).unwrap();
}

fn grant(format: &str, credentials: &[(&str, String, String)]) -> String {
    let mut by_name = Map::new();
    for (name, key, credential) in credentials {
        let of_name = by_name.entry(*name).or_insert_with(|| json!({}));
        of_name[key] = json!(credential);
    }
    let grant = json!({
        "grants": {"journal": {"dir": "calls", "name": "calls.log", "max_file": "1MiB", "keep": 1}},
        "config": {"format": format, "retry_after_ms": TICKET_SECONDS * 1_000, "credentials": by_name},
    });
    toml::to_string(&grant).unwrap()
}

/// By which the plugin finds a holder's credential.
pub fn x(holder: &SoftwareKey) -> String {
    holder.public_key().to_jwk()["x"].as_str().unwrap().to_owned()
}

/// For any holder.
pub fn any() -> String {
    "*".to_owned()
}

impl TestApp {
    /// What the other issuer was asked, each as its words.
    pub fn asked(&self) -> Vec<Vec<String>> {
        let log = std::fs::read_to_string(self.app.config.plugins.dir.join("calls/calls.log")).unwrap_or_default();
        log.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    /// A token for an offer of `Proxied`, whose subject says what is to happen.
    pub async fn token_for_subject(&self, subject: &str) -> String {
        let offer = json!({"credential_configuration_ids": ["Proxied"], "subject": subject});
        self.token_for(&self.offer_of(offer).await).await
    }

    /// Asks for `Proxied` with a fresh proof of each key.
    pub async fn ask(&self, token: &str, holders: &[&SoftwareKey]) -> Answer {
        let nonce = self.nonce().await;
        let mut proofs = Vec::new();
        for holder in holders {
            proofs.push(self.proof(holder, &nonce).sign(holder).await);
        }
        self.request_of(token, "Proxied", &proofs).await
    }

    pub async fn ask_about(&self, subject: &str, holder: &SoftwareKey) -> Answer {
        self.ask(&self.token_for_subject(subject).await, &[holder]).await
    }

    /// An answer's body as it was sent.
    pub async fn text_of(&self, path: &str, token: &str, body: &Value) -> String {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), 1024 * 1024).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub async fn poll(&self, token: &str, transaction_id: &str) -> Answer {
        let body = json!({"transaction_id": transaction_id});
        self.post_json("/openid4vci/deferred_credential", Some(token), &body).await
    }
}

impl Answer {
    /// Of a request that was deferred, with the seconds to wait.
    #[track_caller]
    pub fn transaction(&self) -> (String, i64) {
        assert_eq!(self.status, 202, "{self:?}");
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(self.body.as_object().unwrap().len(), 2, "{self:?}");
        (self.body["transaction_id"].as_str().unwrap().to_owned(), self.body["interval"].as_i64().unwrap())
    }

    #[track_caller]
    pub fn credentials(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        let list = self.body["credentials"].as_array().unwrap();
        list.iter().map(|one| one["credential"].clone()).collect()
    }
}
