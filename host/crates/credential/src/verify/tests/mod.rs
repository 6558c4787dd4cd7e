//! An issuer that signs, a holder, and somebody else; and what all formats have in common.

mod data_integrity;
mod jwt_vc;
mod misleading;
mod mutations;
mod sd_jwt;
mod vectors;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_keys::{
    Algorithm, PublicKey, Signer as _, SoftwareKey, SystemEntropy, TrustError, TrustedIssuer, TrustedIssuers,
    TrustedKey, did,
};
use serde_json::{Map, json};

use super::*;

const ISSUER: &str = "did:web:issuer.example";
/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
const YEAR: i64 = 365 * 24 * 3600;

/// The list of trusted issuers behind the verifier's trait, as the host connects the two.
#[derive(Debug)]
struct Trusted(TrustedIssuers);

impl IssuerKeys for Trusted {
    fn check(&self, signed: &Signed<'_>) -> Result<String, KeyProblem> {
        let algorithm = Algorithm::from_name(signed.algorithm).ok_or(KeyProblem::AlgorithmMismatch)?;
        match self.0.verify(signed.issuer, signed.key_id, algorithm, signed.message, signed.signature) {
            Ok(key_id) => Ok(key_id.to_owned()),
            Err(TrustError::UntrustedIssuer) => Err(KeyProblem::UntrustedIssuer),
            Err(TrustError::UnknownKey) => Err(KeyProblem::UnknownKey),
            Err(TrustError::AlgorithmMismatch) => Err(KeyProblem::AlgorithmMismatch),
            Err(TrustError::BadSignature) => Err(KeyProblem::BadSignature),
        }
    }
}

fn fresh(algorithm: Algorithm) -> SoftwareKey {
    let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).unwrap();
    SoftwareKey::from_pkcs8(algorithm, &pkcs8).unwrap()
}

/// Signs with a key in memory, which never waits.
fn sign(key: &SoftwareKey, message: &[u8]) -> Vec<u8> {
    match pin!(key.sign(message)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(signature) => signature.unwrap(),
        Poll::Pending => panic!("a software key waits for nothing"),
    }
}

/// The world that most tests play in. The issuer has a key of each type: `ed` and `p256`.
struct World {
    ed: SoftwareKey,
    p256: SoftwareKey,
    stranger: SoftwareKey,
    holder_key: PublicKey,
    holder: Holder,
    trusted: Trusted,
    contexts: Contexts,
    types: Vec<String>,
}

impl World {
    fn new() -> Self {
        let (ed, p256, stranger) = (fresh(Algorithm::EdDsa), fresh(Algorithm::Es256), fresh(Algorithm::EdDsa));
        let keys = [("ed", &ed), ("p256", &p256)].map(|(id, key)| trusted_key(id, key)).to_vec();
        let other = vec![trusted_key("ed", &stranger)];
        let list = [(ISSUER, keys), ("did:web:other.example", other)];
        let list = list.map(|(id, keys)| TrustedIssuer { id: id.to_owned(), keys });
        let holder_key = fresh(Algorithm::Es256).public_key().clone();
        Self {
            ed,
            p256,
            stranger,
            holder: holder(&holder_key),
            holder_key,
            trusted: Trusted(TrustedIssuers::new(list).unwrap()),
            contexts: Contexts::bundled(),
            types: vec!["FarmerCredential".to_owned()],
        }
    }

    fn expected(&self, format: Format) -> Expected<'_> {
        Expected {
            format,
            types: &self.types,
            issuers: &self.trusted,
            holder: Some(&self.holder),
            contexts: &self.contexts,
            context_list: None,
            now: DateTime::from_timestamp(NOW, 0).unwrap(),
            clock_skew: Duration::from_mins(1),
            max_bytes: MAX_CREDENTIAL_BYTES,
        }
    }
}

fn trusted_key(id: &str, key: &SoftwareKey) -> TrustedKey {
    TrustedKey { id: id.to_owned(), public_key: key.public_key().clone() }
}

fn holder(key: &PublicKey) -> Holder {
    Holder::new(key.to_jwk(), did::did_key(key))
}

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A compact JWS over JSON as it is given, so that tests can spell it badly.
fn jws(key: &SoftwareKey, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", b64(header), b64(payload));
    let signature = URL_SAFE_NO_PAD.encode(sign(key, input.as_bytes()));
    format!("{input}.{signature}")
}

/// Sets a member, or takes it away.
fn with(mut value: Value, pointer: &str, new: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match new {
        Some(new) => drop(members.insert(name.to_owned(), new)),
        None => drop(members.shift_remove(name)),
    }
    value
}

/// Flips the lowest bit of one character that stays one of base64url.
fn flip(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn formats_are_known_by_name() {
    for (name, format) in [
        ("dc+sd-jwt", Format::SdJwtVc),
        ("vc+sd-jwt", Format::SdJwtVc),
        ("ldp_vc", Format::LdpVc),
        ("jwt_vc_json", Format::JwtVcJson),
        ("vc+jwt", Format::VcJwt),
    ] {
        assert_eq!(Format::from_name(name).unwrap(), format);
    }
    for name in ["mso_mdoc", "jwt_vc_json-ld", "LDP_VC", ""] {
        assert_eq!(Format::from_name(name).unwrap_err(), VerifyError::UnsupportedFormat(name.to_owned()));
    }
}

#[test]
fn what_is_no_credential_at_all_is_refused_in_every_format() {
    let world = World::new();
    let deep = "[".repeat(100_000);
    let wide = format!("[{}0]", "0,".repeat(MAX_VALUES));
    for format in [Format::SdJwtVc, Format::LdpVc, Format::JwtVcJson, Format::VcJwt] {
        let mut expected = world.expected(format);
        for bytes in
            [&b""[..], b"\xff\xfe", b"{}", b"[]", b"null", b"a.b.c", b"a.b.c~", b"..~", b"~~~", b"..", deep.as_bytes()]
        {
            assert!(verify(bytes, &expected).is_err(), "{format:?}");
        }
        let wide_jwt = jws(&world.ed, &wide, "{}") + "~";
        let wide_text = if format == Format::LdpVc { &wide } else { &wide_jwt };
        let wide_text = if format == Format::SdJwtVc { wide_text } else { wide_text.trim_end_matches('~') };
        assert_eq!(verify(wide_text.as_bytes(), &expected).unwrap_err(), VerifyError::TooManyValues, "{format:?}");
        expected.max_bytes = 10;
        assert_eq!(verify(&[b'a'; 11], &expected).unwrap_err(), VerifyError::TooLong { max: 10 });
        expected.max_bytes = usize::MAX;
        let long = vec![b'a'; MAX_CREDENTIAL_BYTES + 1];
        assert_eq!(verify(&long, &expected).unwrap_err(), VerifyError::TooLong { max: MAX_CREDENTIAL_BYTES });
    }
}

#[test]
fn a_holder_is_known_by_every_did_of_the_key_and_by_no_other() {
    let world = World::new();
    let jwk = world.holder_key.to_jwk();
    let mut named = jwk.clone();
    named.insert("kid".to_owned(), json!("phone"));
    let did_of = |jwk: &Map<String, Value>| format!("did:jwk:{}", b64(&Value::Object(jwk.clone()).to_string()));
    for did in [did::did_key(&world.holder_key), did::did_jwk(&world.holder_key), did_of(&named)] {
        assert!(world.holder.is_did(&did), "{did}");
    }
    let mut private = jwk.clone();
    private.insert("d".to_owned(), json!("AA"));
    let mut changed = jwk.clone();
    changed.insert("y".to_owned(), jwk["x"].clone());
    let twice = Value::Object(jwk).to_string().replacen('{', r#"{"kty":"OKP","#, 1);
    let other = did::did_key(world.stranger.public_key());
    let fragment = format!("{}#0", did::did_jwk(&world.holder_key));
    let [private, changed, twice] = [did_of(&private), did_of(&changed), format!("did:jwk:{}", b64(&twice))];
    let long = format!("did:jwk:{}", "A".repeat(4096));
    for did in ["", "did:jwk:", "did:jwk:e30", "did:key:", &other, &private, &changed, &twice, &fragment, &long] {
        assert!(!world.holder.is_did(did), "{did}");
    }
    assert_eq!(format!("{:?}", world.holder), "Holder { .. }");
}

#[test]
fn errors_quote_little_and_on_one_line() {
    assert_eq!(error::clip("did:web:a\nWARN all is well\u{1b}[0m"), "did:web:a\u{fffd}WARN all is well\u{fffd}[0m");
    let long = error::clip(&"ü".repeat(1000));
    assert!(long.ends_with('…') && long.chars().count() == 161);
}
