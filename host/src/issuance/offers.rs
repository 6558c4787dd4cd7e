//! Credential offers for the pre-authorized code flow (OpenID4VCI 1.0, 4): made by a service client or on the
//! command line, taken once by a wallet.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_keys::SealContext;
use chancery_store::{OfferRecord, RedeemOffer, Redemption, Timestamp};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::Issuance;
use super::error::Error;
use super::issuers::Issuer;
use super::subject::OfferSubject;
use crate::audit::Actor;
use crate::duration;

pub const PRE_AUTHORIZED_CODE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

const CODE_BYTES: usize = 32;
const TX_CODE_LENGTHS: std::ops::RangeInclusive<usize> = 4..=12;
const MAX_CONFIGURATIONS: usize = 16;
const MAX_SUBJECT: usize = 1024;
/// OpenID4VCI 1.0, 4.1.1.
const MAX_DESCRIPTION: usize = 300;

/// What the caller asks for: exactly one of `subject`, `claims` and `credential_id`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    pub credential_configuration_ids: Vec<String>,
    /// The data provider is asked for this subject when the wallet comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The data itself, as a data provider would answer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Map<String, Value>>,
    /// A stored credential, which the wallet gets as it is or, where the configuration binds to a key, as a fresh copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Ask the wallet's user for a transaction code, which reaches them on another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_code: Option<TxCodeRequest>,
    /// Such as `10m`; the configured lifetime where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TxCodeRequest {
    /// Digits.
    pub length: usize,
    /// Shown by the wallet: where the user finds the code.
    pub description: Option<String>,
}

impl Default for TxCodeRequest {
    fn default() -> Self {
        Self { length: 6, description: None }
    }
}

/// The answer. The transaction code stands here and nowhere else: it is not stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreatedOffer {
    pub offer_id: String,
    /// The object itself (4.1.1).
    #[schemars(with = "Map<String, Value>")]
    pub credential_offer: Value,
    /// Where a wallet fetches it (4.1.3).
    pub credential_offer_uri: String,
    /// The page to show or send to the person.
    pub page: String,
    /// Links for a wallet: by reference (short enough for a QR code) and by value.
    pub link: String,
    pub link_by_value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_code: Option<String>,
    #[schemars(with = "DateTime<Utc>")]
    pub expires_at: Timestamp,
}

/// An offer that can still be taken, without its code.
#[derive(Debug)]
pub struct OpenOffer {
    pub link: String,
    pub configuration_ids: Vec<String>,
    pub tx_code_hint: Option<Value>,
    pub expires_at: Timestamp,
}

impl Issuance {
    pub async fn create_offer(&self, issuer: &Issuer, actor: &Actor, new: NewOffer) -> Result<CreatedOffer, Error> {
        let subject = self.check_offer(issuer, &new).await?;
        let lifetime = self.offer_lifetime(new.expires_in.as_deref())?;
        let now = self.clock.timestamp();
        let offer_id = Uuid::new_v4().to_string();
        let code = self.random_code()?;
        let code_hash = B64.encode(issuer.macs.offer_code.mac(code.as_bytes()));
        let tx_code = new.tx_code.as_ref().map(|request| self.random_digits(request.length)).transpose()?;
        let record = OfferRecord {
            issuer_id: issuer.id.clone(),
            configuration_ids: new.credential_configuration_ids,
            sealed_subject: subject.seal(&self.keyring, &issuer.id, &offer_id, self.entropy.as_ref())?,
            sealed_code: self
                .keyring
                .seal(&code_context(&issuer.id, &offer_id), code.as_bytes(), self.entropy.as_ref())
                .map_err(|e| Error::broken("the offer cannot be sealed", e))?,
            tx_code_mac: tx_code.as_deref().map(|tx_code| tx_code_mac(issuer, &code_hash, tx_code)),
            tx_code_hint: new.tx_code.map(tx_code_hint),
            tx_attempts_left: i64::from(self.limits.tx_code_attempts),
            code_hash,
            created_at: now,
            expires_at: Timestamp::new(now.get() + lifetime),
            redeemed_at: None,
            offer_id,
        };
        let mut event = actor.did(&issuer.id, "offer.create", &record.offer_id, now);
        event.detail = json!({"configurations": record.configuration_ids, "tx_code": tx_code.is_some()});
        self.store.create_offer(&record, &event).await?;
        Ok(describe(issuer, record, &code, tx_code))
    }

    /// What a page may show of an offer; `None` once it cannot be taken any more.
    pub async fn open_offer(&self, issuer: &Issuer, reference: &str) -> Result<Option<OpenOffer>, Error> {
        let record = self.takeable(issuer, reference).await?;
        Ok(record.map(|record| OpenOffer {
            link: link("credential_offer_uri", &offer_uri(issuer, reference)),
            configuration_ids: record.configuration_ids,
            tx_code_hint: record.tx_code_hint,
            expires_at: record.expires_at,
        }))
    }

    async fn takeable(&self, issuer: &Issuer, reference: &str) -> Result<Option<OfferRecord>, Error> {
        let Some(offer_id) = offer_of_reference(issuer, reference) else { return Ok(None) };
        let now = self.clock.timestamp();
        let record = self.store.find_offer(&issuer.id, offer_id).await?;
        Ok(record.filter(|r| r.redeemed_at.is_none() && r.expires_at > now && r.tx_attempts_left > 0))
    }

    /// The offer as a wallet fetches it by reference; `None` once it cannot be taken any more.
    pub async fn credential_offer(&self, issuer: &Issuer, reference: &str) -> Result<Option<Value>, Error> {
        let Some(record) = self.takeable(issuer, reference).await? else { return Ok(None) };
        let code = self
            .keyring
            .open(&code_context(&issuer.id, &record.offer_id), &record.sealed_code)
            .map_err(|e| Error::broken("the offer cannot be read", e))?;
        let code = std::str::from_utf8(&code).map_err(|e| Error::broken("the offer cannot be read", e))?;
        Ok(Some(offer_object(issuer, &record, code)))
    }

    /// Exchanges a pre-authorized code, once.
    pub async fn redeem_offer(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        code: &str,
        tx_code: Option<&str>,
        wanted: Option<Vec<String>>,
    ) -> Result<Redemption, Error> {
        let now = self.clock.timestamp();
        let code_hash = B64.encode(issuer.macs.offer_code.mac(code.as_bytes()));
        let tx_code_mac = tx_code.map(|tx_code| tx_code_mac(issuer, &code_hash, tx_code));
        let access_until = Timestamp::new(now.get() + self.limits.access_token_lifetime);
        let redeem = RedeemOffer { issuer_id: issuer.id.clone(), code_hash, tx_code_mac, wanted, now, access_until };
        let success = actor.did(&issuer.id, "offer.redeem", "", now);
        let refusal = actor.was_refused(&issuer.id, "offer.redeem", "", now, "");
        Ok(self.store.redeem_offer(&redeem, &success, &refusal).await?)
    }

    async fn check_offer(&self, issuer: &Issuer, new: &NewOffer) -> Result<OfferSubject, Error> {
        let invalid = |message: &str| Err(Error::InvalidRequest(message.to_owned()));
        let ids = &new.credential_configuration_ids;
        if ids.is_empty() || ids.len() > MAX_CONFIGURATIONS {
            return invalid("credential_configuration_ids must name 1 to 16 credential configurations");
        }
        if (1..ids.len()).any(|i| ids[..i].contains(&ids[i])) {
            return invalid("credential_configuration_ids names one configuration twice");
        }
        if let Some(tx) = &new.tx_code {
            if !TX_CODE_LENGTHS.contains(&tx.length) {
                return invalid("tx_code.length must be 4 to 12");
            }
            if tx.description.as_ref().is_some_and(|d| d.chars().count() > MAX_DESCRIPTION) {
                return invalid("tx_code.description must not be over 300 characters");
            }
        }
        let subject = match (&new.subject, &new.claims, &new.credential_id) {
            (Some(subject), None, None) if subject.is_empty() || subject.len() > MAX_SUBJECT => {
                return invalid("subject must be 1 to 1024 bytes");
            }
            (Some(subject), None, None) => OfferSubject::Subject(subject.clone()),
            (None, Some(claims), None) => OfferSubject::Claims(claims.clone()),
            (None, None, Some(id)) => OfferSubject::Stored(self.check_offered(issuer, ids, id).await?),
            _ => {
                return invalid(
                    "an offer names exactly one of subject (the data provider is asked), claims and credential_id",
                );
            }
        };
        for id in ids {
            let configuration = issuer.configuration(id)?;
            if matches!(subject, OfferSubject::Subject(_)) && configuration.document.plugin.is_none() {
                return Err(Error::InvalidRequest(format!(
                    "{id} has no data provider plugin: give claims, not a subject"
                )));
            }
        }
        Ok(subject)
    }

    fn offer_lifetime(&self, asked: Option<&str>) -> Result<Duration, Error> {
        let Some(asked) = asked else { return Ok(self.limits.offer_lifetime) };
        let lifetime = duration::parse(asked).map_err(|e| Error::InvalidRequest(format!("expires_in: {e}")))?;
        let longest = self.limits.max_offer_lifetime;
        if lifetime.is_zero() || lifetime > longest {
            let longest = duration::format(longest);
            return Err(Error::InvalidRequest(format!("expires_in must be over 0 and at most {longest}")));
        }
        Ok(lifetime)
    }

    fn random_code(&self) -> Result<String, Error> {
        let mut bytes = [0; CODE_BYTES];
        self.entropy.fill(&mut bytes)?;
        Ok(B64.encode(bytes))
    }

    /// Uniform decimal digits: bytes from 250 up are thrown away.
    fn random_digits(&self, length: usize) -> Result<String, Error> {
        let mut digits = String::with_capacity(length);
        let mut byte = [0];
        while digits.len() < length {
            self.entropy.fill(&mut byte)?;
            if byte[0] < 250 {
                digits.push(char::from(b'0' + byte[0] % 10));
            }
        }
        Ok(digits)
    }
}

/// Bound to the code, so that equal transaction codes of two offers look different in the store.
fn tx_code_mac(issuer: &Issuer, code_hash: &str, tx_code: &str) -> String {
    B64.encode(issuer.macs.tx_code.mac(format!("{code_hash}.{tx_code}").as_bytes()))
}

fn tx_code_hint(request: TxCodeRequest) -> Value {
    let mut hint = json!({"input_mode": "numeric", "length": request.length});
    if let Some(description) = request.description {
        hint["description"] = json!(description);
    }
    hint
}

fn code_context<'a>(issuer: &'a str, offer: &'a str) -> SealContext<'a> {
    SealContext { issuer, table: "offers", column: "sealed_code", row: offer }
}

fn offer_object(issuer: &Issuer, record: &OfferRecord, code: &str) -> Value {
    let mut grant = json!({"pre-authorized_code": code});
    if let Some(hint) = &record.tx_code_hint {
        grant["tx_code"] = hint.clone();
    }
    json!({
        "credential_issuer": issuer.url,
        "credential_configuration_ids": record.configuration_ids,
        "grants": {PRE_AUTHORIZED_CODE: grant},
    })
}

/// What stands in an offer's URLs: its id, which events and rows name too, and a tag that only we can make. So
/// whoever reads the database or the audit trail cannot take offers.
fn offer_reference(issuer: &Issuer, offer_id: &str) -> String {
    format!("{offer_id}.{}", B64.encode(issuer.macs.offer_reference.mac(offer_id.as_bytes())))
}

fn offer_of_reference<'a>(issuer: &Issuer, reference: &'a str) -> Option<&'a str> {
    let (offer_id, tag) = reference.split_once('.')?;
    let tag = B64.decode(tag).ok()?;
    issuer.macs.offer_reference.verify(offer_id.as_bytes(), &tag).then_some(offer_id)
}

fn offer_uri(issuer: &Issuer, reference: &str) -> String {
    format!("{}/openid4vci/offers/{reference}", issuer.url)
}

fn link(name: &str, value: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    // Wallets percent-decode but do not all read `+` as a blank.
    format!("openid-credential-offer://?{}", query.replace('+', "%20"))
}

fn describe(issuer: &Issuer, record: OfferRecord, code: &str, tx_code: Option<String>) -> CreatedOffer {
    let object = offer_object(issuer, &record, code);
    let reference = offer_reference(issuer, &record.offer_id);
    let uri = offer_uri(issuer, &reference);
    CreatedOffer {
        page: format!("{}/offers/{reference}", issuer.url),
        link: link("credential_offer_uri", &uri),
        // Some wallets decode twice, so no bare % may be left inside the JSON.
        link_by_value: link("credential_offer", &object.to_string().replace('%', "\\u0025")),
        credential_offer: object,
        credential_offer_uri: uri,
        tx_code,
        expires_at: record.expires_at,
        offer_id: record.offer_id,
    }
}
