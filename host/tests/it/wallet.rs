//! A wallet that does everything right unless a test bends it. It shares the server's signing code, so it proves
//! nothing about interoperability: `judges.rs` does that.

use axum::body::Body;
use axum::http::Request;
use chancery::clock::Clock as _;
use chancery_keys::jose::sign_compact;
use chancery_keys::{Algorithm, Signer as _, SoftwareKey, SystemEntropy};
use serde_json::{Map, Value, json};

use crate::app::{Answer, TestApp, URL};

pub const PRE_AUTHORIZED: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

pub fn key(algorithm: Algorithm) -> SoftwareKey {
    let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).unwrap();
    SoftwareKey::from_pkcs8(algorithm, &pkcs8).unwrap()
}

/// What goes into a key proof, to be changed before signing.
pub struct Proof {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl Proof {
    pub async fn sign(self, key: &SoftwareKey) -> String {
        sign_compact(key, self.header, &self.claims).await.unwrap()
    }
}

impl TestApp {
    /// An offer of `Person` that carries claims.
    pub async fn offer(&self) -> Value {
        self.offer_of(json!({"credential_configuration_ids": ["Person"], "claims": {"name": "Ada"}})).await
    }

    pub async fn offer_of(&self, body: Value) -> Value {
        let token = self.admin_token("default", &["offers:create"]).await;
        let answer = self.post_json("/admin/v1/offers", Some(&token), &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    pub async fn redeem(&self, offer: &Value, tx_code: Option<&str>) -> Answer {
        let mut form = vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code(offer))];
        form.extend(tx_code.map(|tx_code| ("tx_code", tx_code)));
        self.post_form("/oauth/token", &form).await
    }

    /// An access token for a fresh offer of `Person`.
    pub async fn wallet_token(&self) -> String {
        let offer = self.offer().await;
        self.token_for(&offer).await
    }

    pub async fn token_for(&self, offer: &Value) -> String {
        let answer = self.redeem(offer, None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn nonce(&self) -> String {
        let answer = self.send(Request::post("/openid4vci/nonce").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.body["c_nonce"].as_str().unwrap().to_owned()
    }

    pub fn proof(&self, key: &SoftwareKey, nonce: &str) -> Proof {
        let header = json!({"typ": "openid4vci-proof+jwt", "jwk": key.public_key().to_jwk()});
        let claims = json!({"aud": URL, "iat": self.clock.now().timestamp(), "nonce": nonce});
        Proof { header: object(header), claims: object(claims) }
    }

    pub async fn good_proof(&self) -> String {
        let key = key(Algorithm::Es256);
        self.proof(&key, &self.nonce().await).sign(&key).await
    }

    /// Asks for `Person` with these proofs.
    pub async fn request(&self, token: &str, proofs: &[String]) -> Answer {
        self.request_of(token, "Person", proofs).await
    }

    pub async fn request_of(&self, token: &str, configuration: &str, proofs: &[String]) -> Answer {
        let body = json!({"credential_configuration_id": configuration, "proofs": {"jwt": proofs}});
        self.post_json("/openid4vci/credential", Some(token), &body).await
    }

    /// The whole way for one subject of a plugin.
    pub async fn issue_for(&self, configuration: &str, subject: &str) -> Answer {
        let offer = self.offer_of(json!({"credential_configuration_ids": [configuration], "subject": subject})).await;
        let token = self.token_for(&offer).await;
        self.request_of(&token, configuration, &[self.good_proof().await]).await
    }
}

pub fn code(offer: &Value) -> &str {
    offer["credential_offer"]["grants"][PRE_AUTHORIZED]["pre-authorized_code"].as_str().unwrap()
}

pub fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The claims of an SD-JWT VC with all its disclosures applied.
pub fn claims_of(credential: &str) -> Value {
    chancery_credential::sd_jwt::Disclosed::parse(credential, 1_000_000).unwrap().claims.into()
}
