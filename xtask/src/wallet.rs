//! The demonstration's wallet: the pre-authorized code flow of OpenID4VCI 1.0 over HTTP, step by step. The tests
//! use a wallet library that we did not write (`host/tests/judges`).

use std::error::Error;

use chancery_credential::{data_integrity::Secured, jsonld::Contexts, sd_jwt::Disclosed};
use chancery_keys::{Algorithm, CompactJws, PublicKey, Signer, SoftwareKey, SystemEntropy, did, jose::sign_compact};
use serde_json::{Map, Value, json};
use ureq::{Agent, Body, http::Response};

const PRE_AUTHORIZED: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
const MAX_CREDENTIAL: usize = 1024 * 1024;

pub(crate) struct Wallet {
    agent: Agent,
    key: SoftwareKey,
}

impl Wallet {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let pkcs8 = SoftwareKey::generate_pkcs8(Algorithm::Es256, &SystemEntropy::new())?;
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Ok(Self { agent, key: SoftwareKey::from_pkcs8(Algorithm::Es256, &pkcs8)? })
    }

    /// Takes what the offer at this address offers.
    pub(crate) fn take(&self, offer_uri: &str) -> Result<Value, Box<dyn Error>> {
        let offer = self.get(offer_uri)?;
        let issuer = text(&offer, "credential_issuer")?;
        let metadata = self.get(&format!("{issuer}/.well-known/openid-credential-issuer"))?;
        let server = self.get(&format!("{issuer}/.well-known/oauth-authorization-server"))?;
        let code = offer["grants"][PRE_AUTHORIZED]["pre-authorized_code"].as_str().ok_or("the offer has no code")?;
        let form = [("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code)];
        let url = text(&server, "token_endpoint")?;
        let token = read("POST", url, self.agent.post(url).send_form(form))?;
        let url = text(&metadata, "nonce_endpoint")?;
        let nonce = read("POST", url, self.agent.post(url).send_empty())?;
        let request = json!({
            "credential_configuration_id": offer["credential_configuration_ids"][0],
            "proofs": {"jwt": [self.proof(issuer, text(&nonce, "c_nonce")?)?]},
        });
        let url = text(&metadata, "credential_endpoint")?;
        let bearer = format!("Bearer {}", text(&token, "access_token")?);
        let answer = read("POST", url, self.agent.post(url).header("authorization", bearer).send_json(&request))?;
        Ok(answer["credentials"][0]["credential"].clone())
    }

    fn proof(&self, issuer: &str, nonce: &str) -> Result<String, Box<dyn Error>> {
        let header = json!({"typ": "openid4vci-proof+jwt", "jwk": self.key.public_key().to_jwk()});
        #[expect(clippy::disallowed_methods, reason = "a wallet has no clock but the system's")]
        let now = chrono::Utc::now().timestamp();
        let claims = json!({"aud": issuer, "iat": now, "nonce": nonce});
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(runtime.block_on(sign_compact(&self.key, object(&header), &object(&claims)))?)
    }

    /// Checks the issuer's signature and the binding to our key; the reading checks every disclosure's digest.
    pub(crate) fn verify_sd_jwt(&self, issuer: &str, credential: &str) -> Result<Disclosed, Box<dyn Error>> {
        let disclosed = Disclosed::parse(credential, MAX_CREDENTIAL)?;
        let published = self.get(&format!("{issuer}/.well-known/jwt-vc-issuer"))?;
        let keys = published["jwks"]["keys"].as_array().ok_or("the issuer publishes no keys")?;
        let key = keys.iter().find(|key| key["kid"] == disclosed.header["kid"]);
        let key = PublicKey::from_jwk(&object(key.ok_or("the issuer does not publish the key that signed")?))?;
        let jwt = credential.split('~').next().unwrap_or_default();
        CompactJws::parse(jwt, MAX_CREDENTIAL)?.verify(&key)?;
        if disclosed.claims["cnf"]["jwk"] != Value::Object(self.key.public_key().to_jwk()) {
            return Err("the credential is bound to another key than ours".into());
        }
        Ok(disclosed)
    }

    /// Checks the issuer's proof by the key that its DID document allows for it, and that we are the subject.
    pub(crate) fn verify_ld(
        &self,
        issuer: &str,
        credential: &Value,
        contexts: &Contexts,
    ) -> Result<Secured, Box<dyn Error>> {
        let secured = Secured::parse(&object(credential), contexts)?;
        let published = self.get(&format!("{issuer}/.well-known/did.json"))?;
        let method = &secured.verification_method;
        if !published["assertionMethod"].as_array().is_some_and(|methods| methods.iter().any(|id| id == method)) {
            return Err("the issuer does not allow the key that signed".into());
        }
        let methods = published["verificationMethod"].as_array().ok_or("the issuer publishes no keys")?;
        let key = methods.iter().find(|entry| entry["id"] == *method);
        let key =
            PublicKey::from_multikey(text(key.ok_or("the key that signed is not there")?, "publicKeyMultibase")?)?;
        key.verify(&secured.signing_input, &secured.signature)?;
        if credential["credentialSubject"]["id"] != did::did_jwk(self.key.public_key()) {
            return Err("the credential is about the holder of another key than ours".into());
        }
        Ok(secured)
    }

    fn get(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        read("GET", url, self.agent.get(url).call())
    }
}

fn read(method: &str, url: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, Box<dyn Error>> {
    let mut answer = answer?;
    let status = answer.status().as_u16();
    println!("  {method:<4} {url} → {status}");
    let text = answer.body_mut().read_to_string()?;
    if status != 200 {
        return Err(format!("{url} answered {status}: {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Box<dyn Error>> {
    value[name].as_str().ok_or_else(|| format!("the answer has no {name}").into())
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
