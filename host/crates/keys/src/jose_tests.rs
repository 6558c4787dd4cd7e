use serde_json::json;

use super::*;
use crate::{SoftwareKey, SystemEntropy};

const MAX: usize = 4096;

fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn token(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", b64(header), b64(payload), URL_SAFE_NO_PAD.encode([1; 64]))
}

fn refuse(text: &str) -> JoseError {
    CompactJws::parse(text, MAX).unwrap_err()
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn fresh(algorithm: Algorithm) -> SoftwareKey {
    let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).unwrap();
    SoftwareKey::from_pkcs8(algorithm, &pkcs8).unwrap()
}

#[test]
fn rfc7515_es256_example_verifies() {
    // RFC 7515 A.3.
    let text = concat!(
        "eyJhbGciOiJFUzI1NiJ9.",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let jwk = object(json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    }));
    let key = PublicKey::from_jwk(&jwk).unwrap();
    let jws = CompactJws::parse(text, MAX).unwrap();
    jws.verify(&key).unwrap();
    assert_eq!(jws.claim_text("iss"), Some("joe"));

    let flipped = text.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Yi", 1);
    let flipped = CompactJws::parse(&flipped, MAX).unwrap();
    assert!(matches!(flipped.verify(&key), Err(JoseError::BadSignature)));
}

#[tokio::test]
async fn what_is_signed_verifies_under_its_key_only() {
    for algorithm in Algorithm::ALL {
        let key = fresh(algorithm);
        let header = object(json!({"typ": "JWT", "alg": "none", "kid": "k"}));
        let claims = object(json!({"sub": "ü\u{0000}\"", "n": 1}));
        let text = sign_compact(&key, header, &claims).await.unwrap();
        let jws = CompactJws::parse(&text, MAX).unwrap();
        assert_eq!(jws.algorithm(), algorithm);
        assert_eq!(jws.header_text("alg"), Some(algorithm.as_str()), "the signer's name wins");
        assert_eq!(jws.claims(), &claims);
        jws.verify(key.public_key()).unwrap();
        assert!(matches!(jws.verify(fresh(algorithm).public_key()), Err(JoseError::BadSignature)));
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let mismatch = jws.verify(fresh(other).public_key());
            assert!(matches!(mismatch, Err(JoseError::AlgorithmKeyMismatch)));
        }
    }
}

#[test]
fn unsigned_symmetric_and_unknown_algorithms_are_refused() {
    for alg in ["none", "None", "NONE"] {
        assert!(matches!(refuse(&token(&format!(r#"{{"alg":"{alg}"}}"#), "{}")), JoseError::Unsigned));
    }
    for alg in ["HS256", "HS384", "HS512"] {
        assert!(matches!(refuse(&token(&format!(r#"{{"alg":"{alg}"}}"#), "{}")), JoseError::Symmetric));
    }
    for alg in ["RS256", "ES256K", "es256", ""] {
        let error = refuse(&token(&format!(r#"{{"alg":"{alg}"}}"#), "{}"));
        assert!(matches!(error, JoseError::UnsupportedAlgorithm), "{alg}");
    }
    for header in ["{}", r#"{"alg":7}"#, r#"{"alg":["ES256"]}"#] {
        assert!(matches!(refuse(&token(header, "{}")), JoseError::MissingAlgorithm));
    }
    // An unsigned token has an empty third part; the reason given is still the one that helps.
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64("{}"));
    assert!(matches!(refuse(&unsigned), JoseError::Unsigned));
}

#[test]
fn the_allow_list_is_about_spelling() {
    let jws = CompactJws::parse(&token(r#"{"alg":"Ed25519"}"#, "{}"), MAX).unwrap();
    assert_eq!(jws.algorithm(), Algorithm::EdDsa);
    jws.require_algorithm(&["EdDSA", "Ed25519"]).unwrap();
    let error = jws.require_algorithm(&["ES256", "EdDSA"]).unwrap_err();
    assert_eq!(error.to_string(), "the JWT's alg is not accepted here; accepted: ES256, EdDSA");
}

#[test]
fn part_counts_and_lengths() {
    assert!(matches!(refuse(""), JoseError::WrongPartCount(1)));
    assert!(matches!(refuse("a.b"), JoseError::WrongPartCount(2)));
    assert!(matches!(refuse("a.b.c.d"), JoseError::WrongPartCount(4)));
    assert!(matches!(refuse("a.b.c.d.e"), JoseError::Encrypted));
    assert!(matches!(refuse(&"a".repeat(MAX + 1)), JoseError::TooLong { max: MAX }));
    let der = format!("{}.{}.{}", b64(r#"{"alg":"ES256"}"#), b64("{}"), URL_SAFE_NO_PAD.encode([1; 70]));
    assert!(matches!(refuse(&der), JoseError::SignatureLength));
}

#[test]
fn only_canonical_base64url_is_read() {
    let good = token(r#"{"alg":"ES256"}"#, r#"{"a":1}"#);
    CompactJws::parse(&good, MAX).unwrap();
    for (bad, part) in [
        (good.replacen('.', "=.", 1), Part::Header),
        (good.replacen('.', "\n.", 1), Part::Header),
        (format!(" {good}"), Part::Header),
        (format!("{good}="), Part::Signature),
        (format!("{}B", &good[..good.len() - 1]), Part::Signature),
    ] {
        let error = refuse(&bad);
        assert!(matches!(error, JoseError::NotBase64Url(found) if found == part), "{bad:?}: {error}");
    }
}

#[test]
fn headers_and_payloads_are_objects_with_single_members() {
    let header = r#"{"alg":"ES256"}"#;
    for bad in [
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","jwk":{"kty":"EC","d":"x","d":"y"}}"#,
        "[]",
        "null",
        "{",
        r#"{"alg":"ES256"} x"#,
    ] {
        assert!(matches!(refuse(&token(bad, "{}")), JoseError::NotJsonObject(Part::Header)), "{bad}");
    }
    let deep = format!("{}{}", "{\"a\":[".repeat(100), "]}".repeat(100));
    for bad in [r#"{"aud":"me","aud":"you"}"#, r#""text""#, "", r#"{"n":1e999}"#, deep.as_str()] {
        assert!(matches!(refuse(&token(header, bad)), JoseError::NotJsonObject(Part::Payload)), "{bad}");
    }
    let not_utf8 = format!("{}.{}.{}", b64(header), URL_SAFE_NO_PAD.encode(b"{\"a\":\"\xff\"}"), "AA");
    assert!(matches!(refuse(&not_utf8), JoseError::NotJsonObject(Part::Payload)));
}

#[test]
fn critical_extensions_are_refused() {
    for header in [r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, r#"{"alg":"ES256","crit":null}"#] {
        assert!(matches!(refuse(&token(header, "{}")), JoseError::CriticalExtension));
    }
}

#[test]
fn the_header_is_kept_as_received() {
    let header = r#"{"typ":"openid4vci-proof+jwt","alg":"ES256","jwk":{"kty":"EC","d":"secret"},"zz":[1,2.5]}"#;
    let jws = CompactJws::parse(&token(header, "{}"), MAX).unwrap();
    assert_eq!(Value::Object(jws.header().clone()).to_string(), header);
    let jwk = jws.header()["jwk"].as_object().unwrap();
    assert_eq!(PublicKey::from_jwk(jwk), Err(KeyError::PrivateMember("d")));
    assert!(!format!("{jws:?}").contains("secret"));
}

#[tokio::test]
async fn a_detached_jws_verifies_once_its_payload_is_put_back() {
    for algorithm in Algorithm::ALL {
        let key = fresh(algorithm);
        let header = object(json!({"kid": "k", "alg": "none"}));
        let text = sign_detached(&key, header, br#"{"n":1}"#).await.unwrap();
        let (header, signature) = text.split_once("..").unwrap();
        assert!(!header.contains('.') && !signature.contains('.'));
        let whole = |payload: &str| CompactJws::parse(&format!("{header}.{}.{signature}", b64(payload)), MAX).unwrap();
        let jws = whole(r#"{"n":1}"#);
        jws.verify(key.public_key()).unwrap();
        assert_eq!((jws.header_text("kid"), jws.header_text("alg")), (Some("k"), Some(algorithm.as_str())));
        assert!(matches!(whole(r#"{"n":2}"#).verify(key.public_key()), Err(JoseError::BadSignature)));
    }
    // Any bytes may be signed, none too.
    let key = fresh(Algorithm::EdDsa);
    let text = sign_detached(&key, Map::new(), b"").await.unwrap();
    let (header, signature) = text.split_once("..").unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.public_key().verify(format!("{header}.").as_bytes(), &signature).unwrap();
}
