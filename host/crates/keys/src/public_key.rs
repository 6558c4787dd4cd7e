//! Public keys: JWK in and out, thumbprint, Multikey, verification.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde_json::{Map, Value};

use crate::{Algorithm, pem};

const COORDINATE_LEN: usize = 32;
const UNCOMPRESSED_LEN: usize = 1 + 2 * COORDINATE_LEN;
/// Multicodec prefixes (unsigned varints) of the key types in did:key and Multikey.
const MULTICODEC_ED25519: [u8; 2] = [0xed, 0x01];
const MULTICODEC_P256: [u8; 2] = [0x80, 0x24];
/// Longest Multikey text that is looked at; base58 decoding is quadratic in its input.
pub(crate) const MAX_MULTIKEY_LEN: usize = 128;
/// What stands before the key in a SubjectPublicKeyInfo: DER has one spelling, so nothing needs to be parsed.
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const SPKI_P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// Members that only a private or a symmetric key has (RFC 7518 §6).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// A public key that is known to be well-formed: right length, P-256 points on the curve, no Ed25519
/// point of small order. (That an Ed25519 point lies on the curve shows when a signature is checked.)
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(Material);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Material {
    /// Uncompressed SEC1: `04 ‖ x ‖ y`.
    P256([u8; UNCOMPRESSED_LEN]),
    Ed25519([u8; COORDINATE_LEN]),
}

/// Why a key was refused. Every text is safe to show to whoever sent the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key carries the private member `{0}`; send the public key only")]
    PrivateMember(&'static str),
    #[error("the JWK has no text member `{0}`")]
    MissingMember(&'static str),
    #[error("the key type is not supported; use kty EC with crv P-256, or kty OKP with crv Ed25519")]
    UnsupportedKeyType,
    #[error("the member `{0}` is not base64url without padding of exactly 32 bytes")]
    BadCoordinate(&'static str),
    #[error("the point is not on the curve")]
    NotOnCurve,
    #[error("the key is a point of small order, for which anyone can make signatures")]
    SmallOrder,
    #[error("the JWK's `{0}` does not allow this key to sign")]
    WrongUse(&'static str),
    #[error("the key is not a Multikey of a supported type (z6Mk… for Ed25519, zDn… for P-256)")]
    BadMultikey,
    #[error("not one PEM block with the label PUBLIC KEY that holds an Ed25519 or an uncompressed P-256 key")]
    BadPem,
    #[error("the signature does not match")]
    BadSignature,
}

impl PublicKey {
    /// Reads a JWK. Unknown members are ignored; private members, `use`, `key_ops` and `alg` that
    /// speak against signing are refused.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        if let Some(name) = PRIVATE_MEMBERS.into_iter().find(|name| jwk.contains_key(*name)) {
            return Err(KeyError::PrivateMember(name));
        }
        let curve = || text(jwk, "crv");
        let key = match text(jwk, "kty")? {
            "EC" if curve()? == "P-256" => Self::from_p256_coordinates(coordinate(jwk, "x")?, coordinate(jwk, "y")?)?,
            "OKP" if curve()? == "Ed25519" => Self::from_ed25519(coordinate(jwk, "x")?)?,
            _ => return Err(KeyError::UnsupportedKeyType),
        };
        key.check_purpose(jwk)?;
        Ok(key)
    }

    /// The JWK with its required members only, in lexicographic order: the input of the thumbprint,
    /// and the one spelling of a key from which identifiers are made.
    pub fn to_jwk(&self) -> Map<String, Value> {
        let mut jwk = Map::new();
        let mut put = |name: &str, value: String| jwk.insert(name.to_owned(), Value::String(value));
        match &self.0 {
            Material::P256(point) => {
                put("crv", "P-256".to_owned());
                put("kty", "EC".to_owned());
                put("x", URL_SAFE_NO_PAD.encode(&point[1..=COORDINATE_LEN]));
                put("y", URL_SAFE_NO_PAD.encode(&point[1 + COORDINATE_LEN..]));
            }
            Material::Ed25519(bytes) => {
                put("crv", "Ed25519".to_owned());
                put("kty", "OKP".to_owned());
                put("x", URL_SAFE_NO_PAD.encode(bytes));
            }
        }
        jwk
    }

    /// RFC 7638 with SHA-256, base64url.
    pub fn thumbprint(&self) -> String {
        let canonical = Value::Object(self.to_jwk()).to_string();
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// `publicKeyMultibase` of a Multikey: `z` and base58btc of multicodec prefix and compressed key.
    pub fn to_multikey(&self) -> String {
        let bytes = match &self.0 {
            Material::P256(point) => {
                let sign = 2 + (point[UNCOMPRESSED_LEN - 1] & 1);
                [&MULTICODEC_P256[..], &[sign], &point[1..=COORDINATE_LEN]].concat()
            }
            Material::Ed25519(bytes) => [&MULTICODEC_ED25519[..], bytes].concat(),
        };
        format!("z{}", bs58::encode(bytes).into_string())
    }

    pub fn from_multikey(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_MULTIKEY_LEN {
            return Err(KeyError::BadMultikey);
        }
        let encoded = text.strip_prefix('z').ok_or(KeyError::BadMultikey)?;
        let bytes = bs58::decode(encoded).into_vec().map_err(|_| KeyError::BadMultikey)?;
        if let Some(key) = bytes.strip_prefix(&MULTICODEC_ED25519) {
            Self::from_ed25519(key.try_into().map_err(|_| KeyError::BadMultikey)?)
        } else if let Some(point) = bytes.strip_prefix(&MULTICODEC_P256) {
            // SEC1 has further forms of 33 bytes; one key must not have two identifiers.
            if point.len() != 1 + COORDINATE_LEN || !matches!(point[0], 2 | 3) {
                return Err(KeyError::BadMultikey);
            }
            Self::from_sec1(point)
        } else {
            Err(KeyError::BadMultikey)
        }
    }

    /// Reads a PEM SubjectPublicKeyInfo (`-----BEGIN PUBLIC KEY-----`), as OpenSSL writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::decode(text, "PUBLIC KEY").ok_or(KeyError::BadPem)?;
        if let Some(key) = der.strip_prefix(SPKI_ED25519) {
            Self::from_ed25519(key.try_into().map_err(|_| KeyError::BadPem)?)
        } else {
            let point = der.strip_prefix(SPKI_P256).filter(|point| point.len() == UNCOMPRESSED_LEN);
            Self::from_sec1(point.ok_or(KeyError::BadPem)?)
        }
    }

    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Checks a signature in its JOSE form (`r ‖ s`, or the 64 bytes of Ed25519).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match &self.0 {
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Material::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        }
        .map_err(|_| KeyError::BadSignature)
    }

    /// Reads a point in SEC1 form, compressed or not.
    pub(crate) fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = p256::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
        let point = key.to_encoded_point(false);
        let point = point.as_bytes().try_into().map_err(|_| KeyError::NotOnCurve)?;
        Ok(Self(Material::P256(point)))
    }

    pub(crate) fn from_ed25519(bytes: [u8; COORDINATE_LEN]) -> Result<Self, KeyError> {
        if is_small_order(&bytes) {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(Material::Ed25519(bytes)))
    }

    fn from_p256_coordinates(x: [u8; COORDINATE_LEN], y: [u8; COORDINATE_LEN]) -> Result<Self, KeyError> {
        Self::from_sec1(&[&[4][..], &x, &y].concat())
    }

    fn check_purpose(&self, jwk: &Map<String, Value>) -> Result<(), KeyError> {
        if jwk.get("use").is_some_and(|usage| usage != "sig") {
            return Err(KeyError::WrongUse("use"));
        }
        if let Some(operations) = jwk.get("key_ops") {
            let operations = operations.as_array().ok_or(KeyError::WrongUse("key_ops"))?;
            if !operations.iter().any(|op| op == "verify" || op == "sign") {
                return Err(KeyError::WrongUse("key_ops"));
            }
        }
        match jwk.get("alg") {
            Some(alg) if alg.as_str().and_then(Algorithm::from_name_or_alias) != Some(self.algorithm()) => {
                Err(KeyError::WrongUse("alg"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_multikey())
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, KeyError> {
    jwk.get(name).and_then(Value::as_str).ok_or(KeyError::MissingMember(name))
}

fn coordinate(jwk: &Map<String, Value>, name: &'static str) -> Result<[u8; COORDINATE_LEN], KeyError> {
    let mut bytes = [0; COORDINATE_LEN];
    // The slice form refuses longer input before it decodes any of it.
    match URL_SAFE_NO_PAD.decode_slice(text(jwk, name)?, &mut bytes) {
        Ok(COORDINATE_LEN) => Ok(bytes),
        _ => Err(KeyError::BadCoordinate(name)),
    }
}

/// The encodings of the eight Ed25519 points whose order divides 8, with the non-canonical ones,
/// without their sign bit. ring verifies under such keys, and a forger needs no private key for them.
const SMALL_ORDER: [[u8; COORDINATE_LEN]; 7] = [
    edge_encoding(0x00, 0x00, 0x00),
    edge_encoding(0x01, 0x00, 0x00),
    edge_encoding(0xec, 0xff, 0x7f),
    edge_encoding(0xed, 0xff, 0x7f),
    edge_encoding(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn edge_encoding(first: u8, middle: u8, last: u8) -> [u8; COORDINATE_LEN] {
    let mut bytes = [middle; COORDINATE_LEN];
    bytes[0] = first;
    bytes[COORDINATE_LEN - 1] = last;
    bytes
}

fn is_small_order(bytes: &[u8; COORDINATE_LEN]) -> bool {
    let mut unsigned = *bytes;
    unsigned[COORDINATE_LEN - 1] &= 0x7f;
    SMALL_ORDER.contains(&unsigned)
}

#[cfg(test)]
#[path = "public_key_tests.rs"]
mod tests;
