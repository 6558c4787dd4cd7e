//! The token endpoint's two grants: the pre-authorized code of a wallet (OpenID4VCI 1.0, 6) and
//! `client_credentials` of a service client (RFC 6749, 4.4).

use std::time::Duration;

use chancery_store::Redemption;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::AuthorizationServer;
use super::access_token::Bearer;
use super::error::Error;
use crate::audit::Actor;
use crate::issuance::credential::WalletGrant;
use crate::issuance::issuers::Issuer;
use crate::issuance::offers::PRE_AUTHORIZED_CODE;

/// What came in the form; every parameter at most once.
#[derive(Debug, Default)]
pub struct TokenRequest {
    pub grant_type: Option<String>,
    pub pre_authorized_code: Option<String>,
    pub tx_code: Option<String>,
    pub authorization_details: Option<String>,
    pub client_assertion_type: Option<String>,
    pub client_assertion: Option<String>,
    pub scope: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenResponse {
    pub access_token: String,
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Value>,
}

impl AuthorizationServer {
    pub async fn token(
        &self,
        issuer: &Issuer,
        request_id: Option<&str>,
        request: TokenRequest,
    ) -> Result<TokenResponse, Error> {
        match request.grant_type.as_deref() {
            Some(PRE_AUTHORIZED_CODE) => self.pre_authorized(issuer, &Actor::new("wallet", request_id), request).await,
            Some("client_credentials") => self.client_credentials(issuer, request_id, request).await,
            Some(other) => Err(Error::UnsupportedGrantType(other.to_owned())),
            None => Err(Error::InvalidRequest("grant_type is missing".to_owned())),
        }
    }

    async fn pre_authorized(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        request: TokenRequest,
    ) -> Result<TokenResponse, Error> {
        let invalid = |message: &str| Err(Error::InvalidGrant(message.to_owned()));
        let Some(code) = request.pre_authorized_code else {
            return Err(Error::InvalidRequest("pre-authorized_code is missing".to_owned()));
        };
        // Read first: a wrong request must not cost the code.
        let wanted = request.authorization_details.as_deref().map(wanted_configurations).transpose()?;
        let tx_code = request.tx_code.as_deref();
        let offer = match self.issuance.redeem_offer(issuer, actor, &code, tx_code, wanted.clone()).await? {
            Redemption::Redeemed(offer) => offer,
            Redemption::UnknownCode => return invalid("the pre-authorized code is not known here"),
            Redemption::NothingWanted => {
                return Err(Error::InvalidAuthorizationDetails("nothing of that is in this offer".to_owned()));
            }
            Redemption::Expired => return invalid("the pre-authorized code has expired: ask for a new offer"),
            Redemption::AlreadyUsed => return invalid("the pre-authorized code was used before: ask for a new offer"),
            Redemption::TxCodeWrong { attempts_left } => {
                return Err(Error::InvalidGrant(format!(
                    "the transaction code is wrong; attempts left: {attempts_left}"
                )));
            }
            Redemption::TxCodeAttemptsUsedUp => {
                return invalid("the transaction code was wrong too often: ask for a new offer");
            }
            Redemption::TxCodeMissing => {
                return Err(Error::InvalidRequest("this offer needs a tx_code".to_owned()));
            }
            Redemption::TxCodeUnexpected => {
                return Err(Error::InvalidRequest("this offer has no transaction code: send no tx_code".to_owned()));
            }
        };
        let granted = wanted.map(|wanted| {
            let granted = offer.configuration_ids.iter().filter(|id| wanted.contains(id));
            granted.cloned().collect::<Vec<_>>()
        });
        let authorization_details = granted.as_ref().map(|ids| ids.iter().map(|id| detail(id)).collect::<Value>());
        let polling = self.issuance.longest_deferral(issuer, granted.as_ref().unwrap_or(&offer.configuration_ids));
        let grant = WalletGrant { offer_id: offer.offer_id, credential_identifiers: granted };
        let bearer = Bearer::Wallet(grant);
        self.respond(issuer, &bearer, polling.unwrap_or_default(), None, authorization_details).await
    }

    async fn client_credentials(
        &self,
        issuer: &Issuer,
        request_id: Option<&str>,
        request: TokenRequest,
    ) -> Result<TokenResponse, Error> {
        // A refusal is a log line and no event: anybody may ask, and events are rows that stay.
        let client = self.authenticate_client(issuer, &request).await.inspect_err(|error| {
            tracing::warn!(issuer = issuer.id, error = error as &dyn std::error::Error, "a client was refused");
        })?;
        let now = self.clock.timestamp();
        let scopes = match request.scope.as_deref() {
            None => client.scopes,
            Some(asked) => {
                let asked: Vec<String> = asked.split_ascii_whitespace().map(str::to_owned).collect();
                if let Some(more) = asked.iter().find(|scope| !client.scopes.contains(scope)) {
                    return Err(Error::InvalidScope(format!("the client may not have the scope {more}")));
                }
                asked
            }
        };
        let mut event =
            Actor::client(&client.client_id, request_id).did(&issuer.id, "token.issue", &client.client_id, now);
        event.detail = json!({"scopes": scopes});
        self.store.append_events(&[event]).await?;
        let scope = scopes.join(" ");
        let bearer = Bearer::Client { client_id: client.client_id, scopes };
        self.respond(issuer, &bearer, Duration::ZERO, Some(scope), None).await
    }

    async fn respond(
        &self,
        issuer: &Issuer,
        bearer: &Bearer,
        polling: Duration,
        scope: Option<String>,
        authorization_details: Option<Value>,
    ) -> Result<TokenResponse, Error> {
        Ok(TokenResponse {
            access_token: self.sign_polling_token(issuer, bearer, polling).await?,
            token_type: "Bearer",
            // Of the polling too: a wallet that takes its token for expired would not come back.
            expires_in: (self.limits.access_token_lifetime + polling).as_secs(),
            scope,
            authorization_details,
        })
    }
}

/// The configurations that `authorization_details` (RFC 9396) picks; several details may stand in it.
fn wanted_configurations(text: &str) -> Result<Vec<String>, Error> {
    let invalid = |why: &str| Error::InvalidAuthorizationDetails(format!("authorization_details {why}"));
    let details: Vec<Value> = serde_json::from_str(text).map_err(|_| invalid("must be a JSON array"))?;
    let id = |detail: &Value| {
        (detail["type"] == "openid_credential")
            .then(|| detail["credential_configuration_id"].as_str().map(str::to_owned))
            .flatten()
            .ok_or_else(|| invalid("must be of type openid_credential, each with a credential_configuration_id"))
    };
    details.iter().map(id).collect()
}

/// One dataset for each configuration, so its identifier is the configuration's.
fn detail(id: &str) -> Value {
    json!({
        "type": "openid_credential",
        "credential_configuration_id": id,
        "credential_identifiers": [id],
    })
}
