//! Access tokens: JWTs (RFC 9068) signed by the issuer that they are good for, at most five minutes, without
//! personal data. A wallet's token names its offer, a service client's its scopes.

use chancery_keys::jose::{CompactJws, sign_compact};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::AuthorizationServer;
use super::error::Error;
use crate::issuance::credential::WalletGrant;
use crate::issuance::error::Error as IssuanceError;
use crate::issuance::issuers::Issuer;

const TYP: &str = "at+jwt";
const MAX_TOKEN: usize = 8 * 1024;

/// Who holds a valid token.
#[derive(Debug, Clone)]
pub enum Bearer {
    Wallet(WalletGrant),
    Client { client_id: String, scopes: Vec<String> },
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offer_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_identifiers: Option<Vec<String>>,
}

/// The `client_id` of wallets: they are not registered.
const ANONYMOUS: &str = "anonymous-wallet";

impl AuthorizationServer {
    pub async fn sign_token(&self, issuer: &Issuer, bearer: &Bearer) -> Result<String, Error> {
        let now = self.clock.now().timestamp();
        let lifetime = i64::try_from(self.limits.access_token_lifetime.as_secs()).unwrap_or(300);
        let mut claims = Claims {
            iss: issuer.url.clone(),
            aud: issuer.url.clone(),
            sub: String::new(),
            client_id: ANONYMOUS.to_owned(),
            iat: now,
            exp: now + lifetime,
            jti: Uuid::new_v4().to_string(),
            scope: String::new(),
            offer_id: None,
            credential_identifiers: None,
        };
        match bearer {
            Bearer::Wallet(grant) => {
                claims.sub.clone_from(&grant.offer_id);
                claims.offer_id = Some(grant.offer_id.clone());
                claims.credential_identifiers.clone_from(&grant.credential_identifiers);
            }
            Bearer::Client { client_id, scopes } => {
                claims.sub.clone_from(client_id);
                claims.client_id.clone_from(client_id);
                claims.scope = scopes.join(" ");
            }
        }
        let failed = |cause: String| IssuanceError::broken("the access token could not be signed", cause);
        let payload = match serde_json::to_value(claims) {
            Ok(Value::Object(payload)) => payload,
            other => return Err(failed(format!("{other:?}")).into()),
        };
        let signer = issuer.access_token_key.as_ref();
        let header = Map::from_iter([("typ".to_owned(), json!(TYP)), ("kid".to_owned(), json!(signer.key_id()))]);
        Ok(sign_compact(signer, header, &payload).await.map_err(|e| failed(e.to_string()))?)
    }
}

/// Checks a token of this very issuer (RFC 9068, 4). `None`: not one that we gave, or too old; a caller need not
/// know which.
pub fn verify_token(issuer: &Issuer, token: &str, now: DateTime<Utc>) -> Option<Bearer> {
    let jws = CompactJws::parse(token, MAX_TOKEN).ok()?;
    if jws.header().get("typ").and_then(Value::as_str) != Some(TYP) {
        return None;
    }
    jws.verify(issuer.access_token_key.public_key()).ok()?;
    let claims: Claims = serde_json::from_value(Value::Object(jws.claims().clone())).ok()?;
    if claims.iss != issuer.url || claims.aud != issuer.url || claims.exp <= now.timestamp() {
        return None;
    }
    Some(match claims.offer_id {
        Some(offer_id) => {
            Bearer::Wallet(WalletGrant { offer_id, credential_identifiers: claims.credential_identifiers })
        }
        None => Bearer::Client {
            client_id: claims.client_id,
            scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
        },
    })
}
