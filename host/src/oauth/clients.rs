//! Service clients: how they sign in (`private_key_jwt`, RFC 7523), how they are registered, and the one-time
//! bootstrap token that registers the first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_keys::PublicKey;
use chancery_keys::jose::CompactJws;
use chancery_store::{BootstrapRedemption, ClientRecord, Timestamp};
use chrono::{DateTime, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::AuthorizationServer;
use super::error::Error;
use super::scopes;
use super::token::TokenRequest;
use crate::audit::Actor;
use crate::issuance::configuration::check_id;
use crate::issuance::issuers::Issuer;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const MAX_ASSERTION: usize = 8 * 1024;
/// How far ahead a client assertion's `exp` may lie: that long its `jti` is remembered.
const MAX_ASSERTION_LIFETIME: Duration = Duration::minutes(10);
const BOOTSTRAP_LIFETIME: Duration = Duration::hours(24);
const MAX_CLIENT_KEYS: usize = 8;

/// A client to be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// 1 to 128 letters, digits, `-`, `_` and `.`.
    #[schemars(length(min = 1, max = 128))]
    pub client_id: String,
    /// JWK Set of public keys.
    #[schemars(with = "Map<String, Value>")]
    pub jwks: Value,
    pub scopes: Vec<String>,
}

impl AuthorizationServer {
    /// RFC 7523, 3, with the stricter rules of `private_key_jwt`: `iss` and `sub` are the client, `aud` is us,
    /// `jti` works once.
    pub(super) async fn authenticate_client(
        &self,
        issuer: &Issuer,
        request: &TokenRequest,
    ) -> Result<ClientRecord, Error> {
        let invalid = |message: &str| Error::InvalidClient(message.to_owned());
        if request.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
            return Err(invalid("sign in with private_key_jwt: client_assertion_type must be the jwt-bearer one"));
        }
        let assertion = request.client_assertion.as_deref().ok_or_else(|| invalid("client_assertion is missing"))?;
        let jws = CompactJws::parse(assertion, MAX_ASSERTION)
            .map_err(|e| Error::InvalidClient(format!("the client assertion is refused: {e}")))?;
        let text = |name: &str| jws.claims().get(name).and_then(Value::as_str);
        let client_id = text("sub").filter(|sub| text("iss") == Some(sub));
        let client_id =
            client_id.ok_or_else(|| invalid("iss and sub of the client assertion must be the client id"))?;
        let client = self.store.find_client(client_id).await?.filter(|client| client.issuer_id == issuer.id);
        // One message for an unknown client and a wrong signature: neither may be told apart from outside.
        let unverified = || invalid("the client is not known here, or the assertion's signature is not by its key");
        let client = client.ok_or_else(unverified)?;
        let keys = public_keys(&client.jwks).map_err(|_| unverified())?;
        if !keys.iter().any(|key| jws.verify(key).is_ok()) {
            return Err(unverified());
        }
        let audiences = [issuer.url.clone(), format!("{}/oauth/token", issuer.url)];
        let names_us = match jws.claims().get("aud") {
            Some(Value::String(one)) => audiences.contains(one),
            Some(Value::Array(list)) => {
                list.iter().any(|a| a.as_str().is_some_and(|a| audiences.iter().any(|x| x == a)))
            }
            _ => false,
        };
        if !names_us {
            return Err(Error::InvalidClient(format!("aud of the client assertion must be {}", issuer.url)));
        }
        self.check_assertion_times(issuer, jws.claims(), &client).await?;
        Ok(client)
    }

    async fn check_assertion_times(
        &self,
        issuer: &Issuer,
        claims: &Map<String, Value>,
        client: &ClientRecord,
    ) -> Result<(), Error> {
        let invalid = |message: &str| Error::InvalidClient(message.to_owned());
        let (now, skew) = (self.clock.now(), self.limits.clock_skew);
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).and_then(|s| DateTime::from_timestamp(s, 0));
        let expires = time("exp").ok_or_else(|| invalid("the client assertion needs an exp"))?;
        if expires <= now - skew {
            return Err(invalid("the client assertion has expired"));
        }
        if expires > now + MAX_ASSERTION_LIFETIME {
            return Err(invalid("the client assertion's exp must be at most 10 minutes ahead"));
        }
        if time("nbf").is_some_and(|nbf| nbf > now + skew) || time("iat").is_some_and(|iat| iat > now + skew) {
            return Err(invalid("the client assertion is from the future: check the client's clock"));
        }
        let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| (1..=256).contains(&jti.len()));
        let jti = jti.ok_or_else(|| invalid("the client assertion needs a jti of 1 to 256 characters"))?;
        let hash =
            B64.encode(issuer.macs.one_time.mac(format!("client_assertion\n{}\n{jti}", client.client_id).as_bytes()));
        let remember = Timestamp::new(expires + skew);
        if self.store.use_once(&issuer.id, "client_assertion", &hash, remember).await? {
            return Ok(());
        }
        Err(invalid("the client assertion was used before: its jti must be new each time"))
    }

    /// Registers a client; `granted` is what the caller may pass on.
    pub async fn register_client(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        new: NewClient,
        granted: &[String],
    ) -> Result<(), Error> {
        let client = self.check_client(issuer, new, granted)?;
        let event = client_created(actor, &client);
        Ok(self.store.insert_client(&client, &event).await?)
    }

    /// Registers the first client, once.
    pub async fn redeem_bootstrap(
        &self,
        issuer: &Issuer,
        request_id: Option<&str>,
        token: &str,
        new: NewClient,
    ) -> Result<BootstrapRedemption, Error> {
        let client = self.check_client(issuer, new, &scopes::all())?;
        let event = client_created(&Actor::new("bootstrap token", request_id), &client);
        let hash = bootstrap_hash(issuer, token);
        Ok(self.store.redeem_bootstrap(&hash, &client, self.clock.timestamp(), &event).await?)
    }

    /// A token to print at first start; `None` where a client or a token exists already.
    pub async fn offer_bootstrap(&self, issuer: &Issuer) -> Result<Option<String>, Error> {
        let mut bytes = [0; 24];
        self.entropy.fill(&mut bytes).map_err(crate::issuance::error::Error::from)?;
        let token = format!("chb_{}", B64.encode(bytes));
        let now = self.clock.now();
        let (created, expires) = (Timestamp::new(now), Timestamp::new(now + BOOTSTRAP_LIFETIME));
        let offered = self.store.offer_bootstrap(&bootstrap_hash(issuer, &token), created, expires).await?;
        Ok(offered.then_some(token))
    }

    fn check_client(&self, issuer: &Issuer, mut new: NewClient, granted: &[String]) -> Result<ClientRecord, Error> {
        new.scopes.sort_unstable();
        new.scopes.dedup();
        check_id(&new.client_id).map_err(|e| Error::InvalidRequest(format!("client_id: {}", e.message)))?;
        public_keys(&new.jwks).map_err(|e| Error::InvalidRequest(format!("jwks: {e}")))?;
        if let Some(scope) = new.scopes.iter().find(|s| !scopes::is_known(s)) {
            let known = scopes::all().join(", ");
            return Err(Error::InvalidScope(format!("{scope} is not a scope; there are: {known}")));
        }
        if let Some(scope) = new.scopes.iter().find(|s| !granted.contains(s)) {
            return Err(Error::InvalidScope(format!("{scope} cannot be given by a client that does not have it")));
        }
        if new.scopes.is_empty() {
            return Err(Error::InvalidScope("a client needs at least one scope".to_owned()));
        }
        Ok(ClientRecord {
            client_id: new.client_id,
            issuer_id: issuer.id.clone(),
            jwks: new.jwks,
            scopes: new.scopes,
            created_at: self.clock.timestamp(),
        })
    }
}

fn client_created(actor: &Actor, client: &ClientRecord) -> chancery_store::AuditEvent {
    let mut event = actor.did(&client.issuer_id, "client.create", &client.client_id, client.created_at);
    event.detail = json!({"scopes": client.scopes});
    event
}

fn bootstrap_hash(issuer: &Issuer, token: &str) -> String {
    B64.encode(issuer.macs.one_time.mac(format!("bootstrap\n{token}").as_bytes()))
}

fn public_keys(jwks: &Value) -> Result<Vec<PublicKey>, String> {
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or("needs a member keys, an array")?;
    if keys.is_empty() || keys.len() > MAX_CLIENT_KEYS {
        return Err(format!("needs 1 to {MAX_CLIENT_KEYS} keys"));
    }
    let read = |key: &Value| {
        let members = key.as_object().ok_or_else(|| "a key is not a JSON object".to_owned())?;
        PublicKey::from_jwk(members).map_err(|e| e.to_string())
    };
    keys.iter().map(read).collect()
}
