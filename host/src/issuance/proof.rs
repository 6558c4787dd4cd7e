//! Key proofs of type `jwt` (OpenID4VCI 1.0, appendix F.1): each shows that the wallet holds one key, now, for us.

use std::time::Duration;

use chancery_keys::did;
use chancery_keys::jose::{CompactJws, JoseError};
use chancery_keys::{Algorithm, KeyError, PublicKey};
use chancery_store::UsedNonce;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::configuration::CredentialConfiguration;
use super::error::Error;
use super::issuers::Issuer;
use super::nonce::{self, NonceProblem};

const TYP: &str = "openid4vci-proof+jwt";
/// Bytes of one proof; a P-256 proof with its key in the header takes about 600.
const MAX_PROOF: usize = 8 * 1024;

/// A key that the wallet has proved to hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "StoredKey", try_from = "StoredKey")]
pub struct HolderKey {
    pub public_key: PublicKey,
    /// The DID, where the wallet named its key by one.
    pub did: Option<String>,
}

impl HolderKey {
    /// The DID that it goes by: the wallet's choice, or the did:jwk, which is the same for every spelling of a JWK.
    pub fn id(&self) -> String {
        self.did.clone().unwrap_or_else(|| did::did_jwk(&self.public_key))
    }
}

/// How it is kept for a credential that is not ready.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    jwk: Map<String, Value>,
    did: Option<String>,
}

impl From<HolderKey> for StoredKey {
    fn from(key: HolderKey) -> Self {
        Self { jwk: key.public_key.to_jwk(), did: key.did }
    }
}

impl TryFrom<StoredKey> for HolderKey {
    type Error = KeyError;

    fn try_from(StoredKey { jwk, did }: StoredKey) -> Result<Self, KeyError> {
        Ok(Self { public_key: PublicKey::from_jwk(&jwk)?, did })
    }
}

#[derive(Debug, Clone, Copy)]
pub struct ProofPolicy {
    pub max_age: Duration,
    pub clock_skew: Duration,
    pub nonce_lifetime: Duration,
    pub batch_size: usize,
}

/// Checks every proof of a request; each gives one key, each nonce is to be used up once.
pub fn check_proofs(
    issuer: &Issuer,
    configuration: &CredentialConfiguration,
    proofs: &[String],
    policy: &ProofPolicy,
    now: DateTime<Utc>,
) -> Result<(Vec<HolderKey>, Vec<UsedNonce>), Error> {
    if proofs.is_empty() {
        return Err(invalid("this credential is bound to a key of the wallet: send proofs.jwt"));
    }
    if proofs.len() > policy.batch_size {
        return Err(Error::InvalidRequest(format!(
            "{} key proofs, but at most {} credentials are issued at once (batch_size)",
            proofs.len(),
            policy.batch_size
        )));
    }
    let mut keys: Vec<HolderKey> = Vec::with_capacity(proofs.len());
    let mut nonces: Vec<UsedNonce> = Vec::new();
    for proof in proofs {
        let (key, nonce) = check_proof(issuer, configuration, proof, policy, now)?;
        if keys.iter().any(|other| other.public_key == key.public_key) {
            return Err(invalid("two key proofs show the same key: each credential is bound to a key of its own"));
        }
        keys.push(key);
        // One nonce may serve all the proofs of one request.
        if !nonces.contains(&nonce) {
            nonces.push(nonce);
        }
    }
    Ok((keys, nonces))
}

fn check_proof(
    issuer: &Issuer,
    configuration: &CredentialConfiguration,
    proof: &str,
    policy: &ProofPolicy,
    now: DateTime<Utc>,
) -> Result<(HolderKey, UsedNonce), Error> {
    let jws = CompactJws::parse(proof, MAX_PROOF).map_err(refused)?;
    let header = jws.header();
    if header.get("typ").and_then(Value::as_str) != Some(TYP) {
        return Err(invalid(format!("the key proof's typ must be {TYP}")));
    }
    jws.require_algorithm(&configuration.document.holder_binding.proof_algorithms).map_err(refused)?;
    let algorithm = jws.algorithm();
    let key = holder_key(header, algorithm, &configuration.document.holder_binding.methods)?;
    jws.verify(&key.public_key).map_err(refused)?;
    check_times(jws.claims(), policy, now)?;
    if !names(jws.claims().get("aud"), &issuer.url) {
        return Err(invalid(format!("the key proof's aud must be {}", issuer.url)));
    }
    Ok((key, check_nonce(issuer, jws.claims(), policy, now)?))
}

fn holder_key(header: &Map<String, Value>, algorithm: Algorithm, methods: &[String]) -> Result<HolderKey, Error> {
    let (jwk, kid, x5c) = (header.get("jwk"), header.get("kid"), header.get("x5c"));
    if x5c.is_some() {
        return Err(invalid("key proofs with x5c are not taken here: send jwk, or a kid that is a did:key or did:jwk"));
    }
    let (key, method) = match (jwk, kid.and_then(Value::as_str)) {
        (Some(jwk), None) if kid.is_none() => {
            let public_key = PublicKey::from_jwk(jwk.as_object().unwrap_or(&Map::new()));
            let public_key = public_key.map_err(|e| invalid(format!("the key proof's jwk is refused: {e}")))?;
            (HolderKey { public_key, did: None }, "jwk")
        }
        (None, Some(kid)) => {
            let key = did::resolve(kid)
                .map_err(|e| invalid(format!("the key proof's kid must be a did:key or did:jwk: {e}")))?;
            let method = if key.did.starts_with("did:key:") { "did:key" } else { "did:jwk" };
            (HolderKey { public_key: key.public_key, did: Some(key.did) }, method)
        }
        _ => return Err(invalid("the key proof's header must name the key by exactly one of jwk and kid")),
    };
    if !methods.iter().any(|m| m == method) {
        return Err(invalid(format!("this credential is not bound by {method}, but by one of {methods:?}")));
    }
    if key.public_key.algorithm() != algorithm {
        return Err(invalid("the key proof's alg does not fit its key"));
    }
    Ok(key)
}

fn check_times(claims: &Map<String, Value>, policy: &ProofPolicy, now: DateTime<Utc>) -> Result<(), Error> {
    let time =
        |name: &str| claims.get(name).map(|v| v.as_f64().and_then(|s| DateTime::from_timestamp(to_seconds(s), 0)));
    let Some(Some(issued)) = time("iat") else {
        return Err(invalid("the key proof needs an iat: seconds since 1970, a number"));
    };
    if issued > now + policy.clock_skew {
        return Err(invalid("the key proof's iat lies in the future: check the wallet's clock"));
    }
    // The wallet's times stay on one side: added to, they could leave the calendar.
    if issued < now - policy.max_age - policy.clock_skew {
        return Err(invalid(format!("the key proof's iat is older than {} s", policy.max_age.as_secs())));
    }
    match time("exp") {
        Some(None) => Err(invalid("the key proof's exp is not a number")),
        Some(Some(expires)) if expires <= now - policy.clock_skew => Err(invalid("the key proof has expired")),
        _ => Ok(()),
    }
}

/// Whole seconds; a NaN or an absurd number becomes a time that no window holds.
#[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
fn to_seconds(seconds: f64) -> i64 {
    seconds as i64
}

fn check_nonce(
    issuer: &Issuer,
    claims: &Map<String, Value>,
    policy: &ProofPolicy,
    now: DateTime<Utc>,
) -> Result<UsedNonce, Error> {
    let Some(nonce) = claims.get("nonce").and_then(Value::as_str) else {
        return Err(invalid("the key proof needs a nonce: get a c_nonce from the nonce endpoint"));
    };
    nonce::check(&issuer.macs.nonce, nonce, now, policy.nonce_lifetime).map_err(|problem| {
        Error::InvalidNonce(match problem {
            NonceProblem::Unknown => "the key proof's nonce was not made here: get one from the nonce endpoint".into(),
            NonceProblem::Expired => "the key proof's nonce has expired: get a new one from the nonce endpoint".into(),
        })
    })
}

/// `aud` is a string, or an array of exactly one (leniency that several wallets need).
fn names(audience: Option<&Value>, url: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == url,
        Some(Value::Array(list)) => matches!(list.as_slice(), [Value::String(one)] if one == url),
        _ => false,
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidProof(message.into())
}

fn refused(error: JoseError) -> Error {
    invalid(format!("the key proof is refused: {error}"))
}
