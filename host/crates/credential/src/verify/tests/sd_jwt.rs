use sha2::{Digest as _, Sha256};

use super::*;
use crate::ClaimPath;
use crate::sd_jwt::{DisclosedError, DisclosureFrame, SaltError, SdJwtHeader, SdJwtVc};

const VCT: &str = "FarmerCredential";

fn header(alg: &str) -> Value {
    json!({"alg": alg, "typ": "dc+sd-jwt", "kid": "did:web:issuer.example#ed"})
}

fn claims(world: &World) -> Value {
    json!({
        "iss": ISSUER, "vct": VCT, "iat": NOW - 100, "nbf": NOW - 50, "exp": NOW + YEAR,
        "cnf": {"jwk": world.holder_key.to_jwk()},
        "name": "Ada", "crops": ["rice"],
    })
}

/// Signed by the issuer's Ed25519 key.
fn issue(world: &World, header: &Value, claims: &Value, disclosures: &[&str]) -> String {
    let tail: String = disclosures.iter().map(|disclosure| (*disclosure).to_owned() + "~").collect();
    jws(&world.ed, &header.to_string(), &claims.to_string()) + "~" + &tail
}

fn judge(world: &World, text: &str) -> Result<Verified, VerifyError> {
    verify(text.as_bytes(), &world.expected(Format::SdJwtVc))
}

fn digest(disclosure: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure))
}

pub(super) fn good(world: &World) -> String {
    let mut claims = claims(world);
    claims.as_object_mut().unwrap().insert("address".to_owned(), json!({"city": "X", "zip": "1"}));
    let paths = json!([["name"], ["crops", null], ["address"], ["address", "city"]]);
    let paths: Vec<ClaimPath> = serde_json::from_value(paths).unwrap();
    let frame = DisclosureFrame::new(&paths).unwrap();
    let header = SdJwtHeader { alg: "EdDSA", typ: "dc+sd-jwt", kid: Some("did:web:issuer.example#ed"), x5c: None };
    let mut next = 0u8;
    let mut salts = |block: &mut [u8]| -> Result<(), SaltError> {
        for byte in block {
            next = next.wrapping_add(1);
            *byte = next;
        }
        Ok(())
    };
    let prepared = SdJwtVc::prepare(map(claims), &frame, &header, &mut salts).unwrap();
    let signature = sign(&world.ed, prepared.signing_input());
    prepared.finish(&signature)
}

#[test]
fn what_we_issue_is_verified() {
    let world = World::new();
    let verified = judge(&world, &good(&world)).unwrap();
    assert_eq!(
        verified,
        Verified {
            issuer: ISSUER.to_owned(),
            key_id: format!("{ISSUER}#ed"),
            valid_from: DateTime::from_timestamp(NOW - 50, 0),
            valid_until: DateTime::from_timestamp(NOW + YEAR, 0),
            types: vec![VCT.to_owned()],
            holder: Binding::Bound,
        }
    );
    let p256 = json!({"alg": "ES256", "typ": "vc+sd-jwt", "kid": "p256"});
    let text = jws(&world.p256, &p256.to_string(), &claims(&world).to_string()) + "~";
    assert_eq!(judge(&world, &text).unwrap().key_id, format!("{ISSUER}#p256"));
    // Without a kid, the issuer's only key of that algorithm is meant.
    let text = issue(&world, &json!({"alg": "Ed25519", "typ": "dc+sd-jwt"}), &claims(&world), &[]);
    assert_eq!(judge(&world, &text).unwrap().key_id, format!("{ISSUER}#ed"));
}

#[test]
fn a_flipped_bit_in_any_part_is_noticed() {
    let world = World::new();
    let text = good(&world);
    for at in (0..text.len()).filter(|at| !matches!(text.as_bytes()[*at], b'.' | b'~')) {
        assert!(judge(&world, &flip(&text, at)).is_err(), "{at}");
    }
    let signature_at = text.find('~').unwrap() - 40;
    assert_eq!(judge(&world, &flip(&text, signature_at)).unwrap_err(), VerifyError::BadSignature);
    let payload_at = text.find('.').unwrap() + 8;
    let refused = judge(&world, &flip(&text, payload_at)).unwrap_err();
    assert!(matches!(refused, VerifyError::BadSignature | VerifyError::Json(_) | VerifyError::Malformed(_)));
}

#[test]
fn headers_that_lie_are_refused() {
    let world = World::new();
    let set = |name: &str, value: Value| with(header("EdDSA"), &format!("/{name}"), Some(value));
    let unsupported = |alg: &str| VerifyError::UnsupportedAlgorithm(alg.to_owned());
    let own_jwk = Value::Object(world.stranger.public_key().to_jwk());
    for (header, error) in [
        (set("alg", json!("none")), unsupported("none")),
        (set("alg", json!("HS256")), unsupported("HS256")),
        (set("alg", json!("RS256")), unsupported("RS256")),
        (set("alg", json!("ES384")), unsupported("ES384")),
        (set("alg", json!("eddsa")), unsupported("eddsa")),
        (set("alg", json!("ES256")), VerifyError::AlgorithmMismatch),
        (set("alg", Value::Null), VerifyError::Malformed("the JWT's header has no text member alg")),
        (set("typ", json!("JWT")), VerifyError::WrongTokenType { expected: "dc+sd-jwt" }),
        (set("typ", json!("kb+jwt")), VerifyError::WrongTokenType { expected: "dc+sd-jwt" }),
        (set("typ", Value::Null), VerifyError::WrongTokenType { expected: "dc+sd-jwt" }),
        (
            set("crit", json!(["b64"])),
            VerifyError::Malformed("the JWT's header names critical extensions, none of which is known"),
        ),
        (set("kid", json!("p256")), VerifyError::AlgorithmMismatch),
        (set("kid", json!("nobody")), VerifyError::UnknownKey("nobody".to_owned())),
        (set("kid", json!("did:web:other.example#ed")), VerifyError::UnknownKey("did:web:other.example#ed".to_owned())),
        (set("kid", json!(1)), VerifyError::Malformed("the JWT's kid is not a text")),
    ] {
        assert_eq!(judge(&world, &issue(&world, &header, &claims(&world), &[])).unwrap_err(), error, "{header}");
    }
    // A key in the header signs nothing.
    let text = jws(&world.stranger, &set("jwk", own_jwk).to_string(), &claims(&world).to_string()) + "~";
    assert_eq!(judge(&world, &text).unwrap_err(), VerifyError::BadSignature);
    // An empty signature, and an HMAC with the public key as its secret, have the wrong length.
    let input = format!("{}.{}", b64(&set("alg", json!("none")).to_string()), b64(&claims(&world).to_string()));
    assert_eq!(judge(&world, &format!("{input}.~")).unwrap_err(), unsupported("none"));
}

#[test]
fn claims_that_do_not_fit_are_refused() {
    let world = World::new();
    let other_key = json!({"jwk": world.stranger.public_key().to_jwk()});
    let own = world.holder_key.to_jwk();
    let own_did = did::did_key(&world.holder_key);
    let malformed = VerifyError::Malformed;
    let not_text = || malformed("cnf.jwk is not an object, or cnf.kid not a text");
    for (name, value, error) in [
        ("iss", Some(json!("did:web:evil.example")), VerifyError::UntrustedIssuer("did:web:evil.example".into())),
        ("iss", Some(json!("did:web:other.example")), VerifyError::UnknownKey(format!("{ISSUER}#ed"))),
        ("iss", None, malformed("it has no text claim iss")),
        ("iss", Some(json!([ISSUER])), malformed("it has no text claim iss")),
        ("vct", Some(json!("Farmer")), VerifyError::WrongType(VCT.to_owned())),
        ("vct", None, malformed("it has no text claim vct")),
        ("exp", Some(json!(NOW - 60)), VerifyError::Expired("exp")),
        ("exp", Some(json!("2027")), malformed("iat, nbf and exp must be numbers")),
        ("exp", Some(json!(1e15)), malformed("iat, nbf or exp lies outside the calendar")),
        ("nbf", Some(json!(NOW + 61)), VerifyError::NotYetValid("nbf")),
        ("iat", Some(json!(NOW + 61)), VerifyError::NotYetValid("iat")),
        ("cnf", None, VerifyError::HolderMissing),
        ("cnf", Some(json!({})), VerifyError::HolderMissing),
        ("cnf", Some(json!("x")), malformed("cnf is not an object")),
        ("cnf", Some(other_key), VerifyError::HolderMismatch),
        ("cnf", Some(json!({"jwk": {}})), VerifyError::HolderMismatch),
        ("cnf", Some(json!({"jwk": own_did})), not_text()),
        ("cnf", Some(json!({"kid": 1})), not_text()),
        ("cnf", Some(json!({"kid": "phone"})), VerifyError::HolderMismatch),
        (
            "cnf",
            Some(json!({"jwk": own, "kid": did::did_key(world.stranger.public_key())})),
            VerifyError::HolderMismatch,
        ),
        ("cnf", Some(json!({"jwk": own, "jku": "https://a"})), malformed("cnf has members besides jwk and kid")),
    ] {
        let claims = with(claims(&world), &format!("/{name}"), value);
        let text = issue(&world, &header("EdDSA"), &claims, &[]);
        assert_eq!(judge(&world, &text).unwrap_err(), error, "{name}");
    }
}

#[test]
fn the_edges_of_time_are_where_they_are_said_to_be() {
    let world = World::new();
    for (name, value) in [
        ("exp", json!(NOW - 59)),
        ("exp", json!(f64::from(u32::try_from(NOW - 60).unwrap()) + 0.5)),
        ("nbf", json!(NOW + 60)),
        ("iat", json!(NOW + 60)),
    ] {
        let claims = with(claims(&world), &format!("/{name}"), Some(value));
        judge(&world, &issue(&world, &header("EdDSA"), &claims, &[])).unwrap();
    }
    // Without any leeway, the second of expiry is too late already.
    let mut expected = world.expected(Format::SdJwtVc);
    expected.clock_skew = Duration::ZERO;
    for (exp, fits) in [(NOW, false), (NOW - 1, false), (NOW + 1, true)] {
        let claims = with(claims(&world), "/exp", Some(json!(exp)));
        let text = issue(&world, &header("EdDSA"), &claims, &[]);
        assert_eq!(verify(text.as_bytes(), &expected).is_ok(), fits, "{exp}");
    }
    expected.clock_skew = Duration::MAX;
    let claims = with(claims(&world), "/exp", Some(json!(0)));
    assert!(verify(issue(&world, &header("EdDSA"), &claims, &[]).as_bytes(), &expected).is_ok());
}

#[test]
fn a_holder_may_be_named_by_jwk_or_did() {
    let world = World::new();
    let (did_key, did_jwk) = (did::did_key(&world.holder_key), did::did_jwk(&world.holder_key));
    let mut named = world.holder_key.to_jwk();
    named.insert("use".to_owned(), json!("sig"));
    for cnf in [
        json!({"jwk": named, "kid": "phone"}),
        json!({"kid": did_key}),
        json!({"kid": did_jwk}),
        json!({"kid": format!("{did_jwk}#0")}),
        json!({"kid": format!("{did_key}#{}", world.holder_key.to_multikey())}),
    ] {
        let claims = with(claims(&world), "/cnf", Some(cnf));
        let text = issue(&world, &header("EdDSA"), &claims, &[]);
        assert_eq!(judge(&world, &text).unwrap().holder, Binding::Bound);
    }
    let bound = issue(&world, &header("EdDSA"), &claims(&world), &[]);
    let unbound = issue(&world, &header("EdDSA"), &with(claims(&world), "/cnf", None), &[]);
    let mut expected = world.expected(Format::SdJwtVc);
    expected.holder = None;
    assert_eq!(verify(unbound.as_bytes(), &expected).unwrap().holder, Binding::Unbound);
    assert_eq!(verify(bound.as_bytes(), &expected).unwrap_err(), VerifyError::HolderUnexpected);
    // No type expected is no type allowed.
    expected.types = &[];
    assert_eq!(verify(unbound.as_bytes(), &expected).unwrap_err(), VerifyError::WrongType(String::new()));
}

#[test]
fn disclosures_that_do_not_fit_are_refused() {
    let world = World::new();
    let disclosure = |value: Value| b64(&value.to_string());
    let name = disclosure(json!(["salt", "nick", "A"]));
    let refuse = |extra: Value, disclosures: &[&str]| {
        let mut claims = map(claims(&world));
        claims.extend(map(extra));
        judge(&world, &issue(&world, &header("EdDSA"), &Value::Object(claims), disclosures)).unwrap_err()
    };
    let sd = |error: DisclosedError| VerifyError::SdJwt(error);
    let once = json!({"_sd": [digest(&name)], "_sd_alg": "sha-256"});
    assert_eq!(refuse(json!({}), &[&name]), sd(DisclosedError::UnmatchedDisclosure(0)));
    assert_eq!(refuse(once.clone(), &[&name, &name]), sd(DisclosedError::UnmatchedDisclosure(1)));
    let twice = json!({"_sd": [digest(&name)], "more": {"_sd": [digest(&name)]}});
    assert_eq!(refuse(twice, &[&name]), sd(DisclosedError::RepeatedDigest));
    assert_eq!(
        refuse(json!({"_sd": [digest(&name)], "_sd_alg": "sha-512"}), &[&name]),
        sd(DisclosedError::DigestAlgorithm)
    );
    assert_eq!(refuse(once.clone(), &[&(name.clone() + "=")]), sd(DisclosedError::BadDisclosure(0)));
    assert_eq!(refuse(once.clone(), &[&name, ""]), sd(DisclosedError::BadDisclosure(1)));

    for (hidden, value) in [("iss", json!(ISSUER)), ("exp", json!(NOW + 9 * YEAR)), ("status", json!({}))] {
        let hidden_claim = disclosure(json!(["salt", hidden, value]));
        let claims = with(claims(&world), &format!("/{hidden}"), None);
        let claims = with(claims, "/_sd", Some(json!([digest(&hidden_claim)])));
        let text = issue(&world, &header("EdDSA"), &claims, &[&hidden_claim]);
        let error = judge(&world, &text).unwrap_err();
        // An issuer that nobody may read is no issuer.
        if hidden == "iss" {
            assert_eq!(error, VerifyError::Malformed("it has no text claim iss"));
        } else {
            assert_eq!(error, VerifyError::NeverDisclosable(hidden.to_owned()));
        }
    }
    let x = disclosure(json!(["salt", "x", "y"]));
    let mut cnf = Value::Object(world.holder_key.to_jwk());
    cnf.as_object_mut().unwrap().insert("_sd".to_owned(), json!([digest(&disclosure(json!(["salt", "kid", "k"])))]));
    let inside = refuse(json!({"cnf": {"jwk": cnf}}), &[&disclosure(json!(["salt", "kid", "k"]))]);
    assert_eq!(inside, VerifyError::NeverDisclosable("cnf.jwk.kid".to_owned()));
    let reserved =
        VerifyError::Malformed("a member has a name that SD-JWT reserves, in a place where it means nothing");
    assert_eq!(refuse(json!({"a": {"_sd_alg": "sha-256"}}), &[]), reserved);
    assert_eq!(refuse(json!({"a": [{"b": {"...": digest(&x)}}]}), &[]), reserved);
}

#[test]
fn a_presentation_is_no_credential() {
    let world = World::new();
    let text = good(&world);
    let key_binding = jws(&world.stranger, r#"{"alg":"EdDSA","typ":"kb+jwt"}"#, "{}");
    let refused = judge(&world, &format!("{text}{key_binding}")).unwrap_err();
    assert_eq!(refused, VerifyError::Malformed("it ends with a key binding JWT, which only its holder may add"));
    let unterminated = judge(&world, text.trim_end_matches('~')).unwrap_err();
    assert!(matches!(unterminated, VerifyError::SdJwt(_) | VerifyError::Malformed(_)));
    // Withheld disclosures do no harm: the holder may withhold them too.
    let jwt = text.split_once('~').unwrap().0;
    judge(&world, &format!("{jwt}~")).unwrap();
}

#[test]
fn nested_disclosures_cannot_be_made_to_take_all_memory() {
    let world = World::new();
    let disclosure = |value: Value| b64(&value.to_string());
    // Each level copies what is inside: sixty levels around many values.
    let mut disclosures = vec![disclosure(json!(["s", vec![0; 100_000]]))];
    for _ in 0..25 {
        let inner = digest(disclosures.last().unwrap());
        disclosures.push(disclosure(json!(["s", [{"...": inner}]])));
    }
    let root = with(claims(&world), "/a", Some(json!([{"...": digest(disclosures.last().unwrap())}])));
    let texts: Vec<&str> = disclosures.iter().map(String::as_str).collect();
    let refused = judge(&world, &issue(&world, &header("EdDSA"), &root, &texts)).unwrap_err();
    assert_eq!(refused, VerifyError::SdJwt(DisclosedError::TooManyValues));
    let wide = format!("[{}0]", "0,".repeat(MAX_VALUES));
    let refused = judge(&world, &issue(&world, &header("EdDSA"), &claims(&world), &[&b64(&wide)])).unwrap_err();
    assert_eq!(refused, VerifyError::SdJwt(DisclosedError::TooManyValues));
}

#[test]
fn another_key_by_the_same_name_is_another_key() {
    let world = World::new();
    let text = jws(&world.stranger, &header("EdDSA").to_string(), &claims(&world).to_string()) + "~";
    assert_eq!(judge(&world, &text).unwrap_err(), VerifyError::BadSignature);
}

#[test]
fn a_did_key_issuer_needs_no_listed_key() {
    let world = World::new();
    let key = fresh(Algorithm::Es256);
    for issuer in [did::did_key(key.public_key()), did::did_jwk(key.public_key())] {
        let list = [TrustedIssuer { id: issuer.clone(), keys: Vec::new() }];
        let trusted = Trusted(TrustedIssuers::new(list).unwrap());
        let mut expected = world.expected(Format::SdJwtVc);
        let method = did::resolve(&issuer).unwrap().verification_method;
        let header = json!({"alg": "ES256", "typ": "dc+sd-jwt", "kid": method});
        let claims = with(claims(&world), "/iss", Some(json!(issuer)));
        let text = jws(&key, &header.to_string(), &claims.to_string()) + "~";
        // Being a did:key is not enough.
        assert_eq!(verify(text.as_bytes(), &expected).unwrap_err(), VerifyError::UntrustedIssuer(error::clip(&issuer)));
        expected.issuers = &trusted;
        assert_eq!(verify(text.as_bytes(), &expected).unwrap().key_id, method);
    }
}
