//! Access tokens: JWTs (RFC 9068) signed by the issuer that they are good for, at most five minutes but
//! for polling, without personal data. A wallet's token names its offer, a service client's its scopes.

use std::time::Duration;

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
    /// It is too old to ask for credentials, and may poll for those that were deferred.
    PollingWallet(WalletGrant),
    Client {
        client_id: String,
        scopes: Vec<String>,
    },
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
    /// Set where `exp` is later, because what is offered may be deferred: from then on the token polls and does
    /// nothing else. A bearer token must not be good for long, but with this one nobody gets anything unless he has
    /// the secret transaction id too, and a wallet that knows nothing of refresh tokens can still come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asks_until: Option<i64>,
}

/// The `client_id` of wallets: they are not registered.
const ANONYMOUS: &str = "anonymous-wallet";

impl AuthorizationServer {
    pub async fn sign_token(&self, issuer: &Issuer, bearer: &Bearer) -> Result<String, Error> {
        self.sign_polling_token(issuer, bearer, Duration::ZERO).await
    }

    /// One that polls for so long after it has ceased to ask.
    pub(super) async fn sign_polling_token(
        &self,
        issuer: &Issuer,
        bearer: &Bearer,
        polling: Duration,
    ) -> Result<String, Error> {
        let now = self.clock.now().timestamp();
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(300);
        let asks_until = now + seconds(self.limits.access_token_lifetime);
        let mut claims = Claims {
            iss: issuer.url.clone(),
            aud: issuer.url.clone(),
            sub: String::new(),
            client_id: ANONYMOUS.to_owned(),
            iat: now,
            exp: asks_until + seconds(polling),
            jti: Uuid::new_v4().to_string(),
            scope: String::new(),
            offer_id: None,
            credential_identifiers: None,
            asks_until: (!polling.is_zero()).then_some(asks_until),
        };
        match bearer {
            Bearer::Wallet(grant) | Bearer::PollingWallet(grant) => {
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
            let grant = WalletGrant { offer_id, credential_identifiers: claims.credential_identifiers };
            let asks = claims.asks_until.is_none_or(|until| until > now.timestamp());
            if asks { Bearer::Wallet(grant) } else { Bearer::PollingWallet(grant) }
        }
        None => Bearer::Client {
            client_id: claims.client_id,
            scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
        },
    })
}
