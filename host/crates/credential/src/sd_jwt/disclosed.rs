//! Reading an SD-JWT: which claims does it disclose?

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{DIGEST, MAX_DEPTH, MAX_DISCLOSURES, MAX_VALUES, SD, SD_ALG, SHA_256, digest, reserved};
use crate::json::value_bound;
use crate::{ClaimPath, JsonLimits, Segment, parse_strict};

/// An SD-JWT taken apart (RFC 9901 §7.1 without the signature). **It verifies no signature**: for
/// display, and for callers that have checked the JWT themselves.
#[derive(Clone, PartialEq)]
pub struct Disclosed {
    pub header: Map<String, Value>,
    /// The claims with all disclosures put in their places; what stays hidden is absent.
    pub claims: Map<String, Value>,
    /// What was disclosable and is disclosed, in the order of the claims.
    pub disclosed: Vec<DisclosedClaim>,
    /// How many digests have no disclosure here: hidden claims and decoys.
    pub hidden: usize,
    /// The key binding JWT, if the text ends with one.
    pub key_binding: Option<String>,
}

/// One disclosed claim.
#[derive(Clone, PartialEq)]
pub struct DisclosedClaim {
    pub path: ClaimPath,
    pub value: Value,
}

/// Why a text was refused as an SD-JWT. Texts carry no contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisclosedError {
    #[error("the SD-JWT is longer than {max} characters")]
    TooLong { max: usize },
    #[error("an SD-JWT has a compact JWT, a tilde, and disclosures that each end with a tilde")]
    NotAnSdJwt,
    #[error("the JWT's header or payload is not base64url of a JSON object")]
    BadJwt,
    #[error("the digest algorithm _sd_alg is not sha-256")]
    DigestAlgorithm,
    #[error("disclosure {0} is not base64url of [salt, name, value] or [salt, value]")]
    BadDisclosure(usize),
    #[error("disclosure {0} belongs to no digest in the JWT, or to two")]
    UnmatchedDisclosure(usize),
    #[error("a digest stands twice in the JWT")]
    RepeatedDigest,
    #[error("an _sd or ... member is malformed")]
    BadDigest,
    #[error("a disclosure repeats a claim that is there already, or has a reserved name")]
    ClashingClaim,
    #[error("there are more than {MAX_DISCLOSURES} disclosures")]
    TooManyDisclosures,
    #[error("the claims have more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("the claims are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl Disclosed {
    /// Takes an SD-JWT of at most `max_len` characters apart, with or without a key binding JWT.
    pub fn parse(text: &str, max_len: usize) -> Result<Self, DisclosedError> {
        if text.len() > max_len {
            return Err(DisclosedError::TooLong { max: max_len });
        }
        let (jwt, rest) = text.split_once('~').ok_or(DisclosedError::NotAnSdJwt)?;
        let (disclosures, key_binding) = rest.rsplit_once('~').unwrap_or(("", rest));
        let mut parts = jwt.split('.');
        let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DisclosedError::NotAnSdJwt);
        };
        let mut budget = MAX_VALUES;
        let mut object = |part| match decode_json(part, &mut budget, DisclosedError::BadJwt)? {
            Value::Object(map) => Ok(map),
            _ => Err(DisclosedError::BadJwt),
        };
        let (header, mut payload) = (object(header)?, object(payload)?);
        match payload.remove(SD_ALG) {
            None => {}
            Some(Value::String(name)) if name == SHA_256 => {}
            Some(_) => return Err(DisclosedError::DigestAlgorithm),
        }
        let mut resolver = Resolver::new(disclosures, budget)?;
        let claims = resolver.object(payload, &mut Vec::new())?;
        if let Some(unused) = resolver.by_digest.values().map(|disclosure| disclosure.position).min() {
            return Err(DisclosedError::UnmatchedDisclosure(unused));
        }
        let key_binding = (!key_binding.is_empty()).then(|| key_binding.to_owned());
        Ok(Self { header, claims, disclosed: resolver.disclosed, hidden: resolver.hidden, key_binding })
    }
}

impl fmt::Debug for Disclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosed").field("disclosed", &self.disclosed).finish_non_exhaustive()
    }
}

impl fmt::Debug for DisclosedClaim {
    /// Names only: values are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)
    }
}

struct Disclosure {
    position: usize,
    /// Absent for an array element.
    name: Option<String>,
    value: Value,
}

struct Resolver {
    /// Disclosures that no digest has claimed yet.
    by_digest: HashMap<String, Disclosure>,
    seen: std::collections::HashSet<String>,
    disclosed: Vec<DisclosedClaim>,
    hidden: usize,
    /// How many values may still be copied into `disclosed`, where a disclosure inside another stands twice.
    copies: usize,
}

impl Resolver {
    fn new(disclosures: &str, mut budget: usize) -> Result<Self, DisclosedError> {
        let mut by_digest = HashMap::new();
        let texts = disclosures.split('~').filter(|_| !disclosures.is_empty());
        for (position, text) in texts.enumerate() {
            if position == MAX_DISCLOSURES {
                return Err(DisclosedError::TooManyDisclosures);
            }
            let disclosure = decode_disclosure(text, position, &mut budget)?;
            if by_digest.insert(digest(text), disclosure).is_some() {
                return Err(DisclosedError::UnmatchedDisclosure(position));
            }
        }
        Ok(Self {
            by_digest,
            seen: std::collections::HashSet::new(),
            disclosed: Vec::new(),
            hidden: 0,
            copies: 2 * MAX_VALUES,
        })
    }

    fn object(
        &mut self,
        mut members: Map<String, Value>,
        path: &mut Vec<Segment>,
    ) -> Result<Map<String, Value>, DisclosedError> {
        let digests = match members.remove(SD) {
            None => Vec::new(),
            Some(Value::Array(digests)) => digests,
            Some(_) => return Err(DisclosedError::BadDigest),
        };
        let mut resolved = Map::new();
        for (name, value) in members {
            let value = self.below(Segment::Name(name.clone()), value, path)?;
            resolved.insert(name, value);
        }
        for digest in digests {
            let Value::String(digest) = digest else { return Err(DisclosedError::BadDigest) };
            let Some(Disclosure { position, name, value }) = self.claim(digest)? else { continue };
            let name = name.ok_or(DisclosedError::BadDisclosure(position))?;
            if reserved(&name).is_some() || resolved.contains_key(&name) {
                return Err(DisclosedError::ClashingClaim);
            }
            let value = self.disclosed_below(Segment::Name(name.clone()), value, path)?;
            resolved.insert(name, value);
        }
        Ok(resolved)
    }

    fn array(&mut self, items: Vec<Value>, path: &mut Vec<Segment>) -> Result<Vec<Value>, DisclosedError> {
        let mut resolved = Vec::with_capacity(items.len());
        for item in items {
            let here = Segment::Index(resolved.len());
            let Some(digest) = item.get(DIGEST) else {
                resolved.push(self.below(here, item, path)?);
                continue;
            };
            let (Some(digest), Some(1)) = (digest.as_str(), item.as_object().map(Map::len)) else {
                return Err(DisclosedError::BadDigest);
            };
            let Some(Disclosure { position, name, value }) = self.claim(digest.to_owned())? else { continue };
            if name.is_some() {
                return Err(DisclosedError::BadDisclosure(position));
            }
            resolved.push(self.disclosed_below(here, value, path)?);
        }
        Ok(resolved)
    }

    fn disclosed_below(
        &mut self,
        segment: Segment,
        value: Value,
        path: &mut Vec<Segment>,
    ) -> Result<Value, DisclosedError> {
        let slot = self.disclosed.len();
        let segments = path.iter().cloned().chain([segment.clone()]).collect();
        let claim_path = ClaimPath::new(segments).map_err(|_| DisclosedError::TooDeep)?;
        self.disclosed.push(DisclosedClaim { path: claim_path, value: Value::Null });
        let value = self.below(segment, value, path)?;
        self.copies = self.copies.checked_sub(count(&value)).ok_or(DisclosedError::TooManyValues)?;
        if let Some(claim) = self.disclosed.get_mut(slot) {
            claim.value = value.clone();
        }
        Ok(value)
    }

    fn below(&mut self, segment: Segment, value: Value, path: &mut Vec<Segment>) -> Result<Value, DisclosedError> {
        if path.len() >= MAX_DEPTH {
            return Err(DisclosedError::TooDeep);
        }
        path.push(segment);
        let value = match value {
            Value::Object(members) => self.object(members, path).map(Value::Object),
            Value::Array(items) => self.array(items, path).map(Value::Array),
            plain => Ok(plain),
        };
        path.pop();
        value
    }

    fn claim(&mut self, digest: String) -> Result<Option<Disclosure>, DisclosedError> {
        let disclosure = self.by_digest.remove(&digest);
        if disclosure.is_none() {
            self.hidden += 1;
        }
        if self.seen.insert(digest) { Ok(disclosure) } else { Err(DisclosedError::RepeatedDigest) }
    }
}

/// The values in a value, itself included. Its depth is bounded already.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn decode_disclosure(text: &str, position: usize, budget: &mut usize) -> Result<Disclosure, DisclosedError> {
    let bad = DisclosedError::BadDisclosure(position);
    let Value::Array(items) = decode_json(text, budget, bad)? else { return Err(bad) };
    let mut items = items.into_iter();
    match (items.next(), items.next(), items.next(), items.next()) {
        (Some(Value::String(_)), Some(value), None, None) => Ok(Disclosure { position, name: None, value }),
        (Some(Value::String(_)), Some(Value::String(name)), Some(value), None) => {
            Ok(Disclosure { position, name: Some(name), value })
        }
        _ => Err(bad),
    }
}

/// `bad` is the error for everything but too many values, which are counted before they take memory.
fn decode_json(text: &str, budget: &mut usize, bad: DisclosedError) -> Result<Value, DisclosedError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad)?;
    let json = std::str::from_utf8(&bytes).map_err(|_| bad)?;
    *budget = budget.checked_sub(value_bound(json)).ok_or(DisclosedError::TooManyValues)?;
    let limits = JsonLimits { max_bytes: json.len(), ..JsonLimits::default() };
    parse_strict(json, &limits).map_err(|_| bad)
}
