use serde_json::json;

use super::*;

fn key(jwk: Value) -> Result<PublicKey, KeyError> {
    PublicKey::from_jwk(&serde_json::from_value(jwk).unwrap())
}

/// The P-256 test vector of the did:key method specification.
const P256: &str = "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv";

fn rfc8037() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn rfc7515() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    })
}

#[test]
fn rfc8037_thumbprint() {
    // RFC 8037 A.3, which applies RFC 7638 to an Ed25519 key.
    assert_eq!(key(rfc8037()).unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn ec_thumbprint_covers_the_required_members_only() {
    // RFC 9449 §6.1: the key of its DPoP example and the `jkt` printed there.
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "ignored",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
    });
    assert_eq!(key(jwk).unwrap().thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn to_jwk_keeps_required_members_in_order() {
    let mut decorated = rfc7515();
    decorated["kid"] = json!("k1");
    decorated["use"] = json!("sig");
    decorated["x5t"] = json!("whatever");
    let text = Value::Object(key(decorated).unwrap().to_jwk()).to_string();
    assert_eq!(
        text,
        r#"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
    );
}

#[test]
fn multikey_of_the_did_key_specification() {
    for text in [
        "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
        "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
    ] {
        assert_eq!(PublicKey::from_multikey(text).unwrap().to_multikey(), text);
    }
}

#[test]
fn p256_multikey_decompresses_to_the_jwk_of_the_specification() {
    // did:key method specification, P-256 test vector.
    let key = PublicKey::from_multikey(P256).unwrap();
    let jwk = key.to_jwk();
    assert_eq!(jwk["x"], "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns");
    assert_eq!(jwk["y"], "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM");
    assert_eq!(PublicKey::from_jwk(&jwk).unwrap(), key);
}

#[test]
fn private_and_symmetric_keys_are_refused() {
    for (name, base) in [("d", rfc8037()), ("d", rfc7515()), ("k", json!({"kty": "oct"}))] {
        let mut jwk = base;
        jwk[name] = json!("AAAA");
        let error = key(jwk).unwrap_err();
        assert_eq!(error, KeyError::PrivateMember(name));
        assert!(!error.to_string().contains("AAAA"));
    }
    for name in ["p", "q", "dp", "dq", "qi"] {
        let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", name: "AAAA"});
        assert_eq!(key(jwk).unwrap_err(), KeyError::PrivateMember(name));
    }
    // Even an empty or null private member is a sign of a key that left its home.
    assert_eq!(key(json!({"kty": "EC", "d": null})).unwrap_err(), KeyError::PrivateMember("d"));
    assert_eq!(key(json!({"kty": "oct"})).unwrap_err(), KeyError::UnsupportedKeyType);
}

#[test]
fn wrong_types_and_lengths_are_refused() {
    let with = |name: &str, value: Value| {
        let mut jwk = rfc7515();
        jwk[name] = value;
        key(jwk).unwrap_err()
    };
    assert_eq!(with("crv", json!("P-384")), KeyError::UnsupportedKeyType);
    assert_eq!(with("crv", json!("Ed25519")), KeyError::UnsupportedKeyType);
    assert_eq!(with("kty", json!("RSA")), KeyError::UnsupportedKeyType);
    assert_eq!(with("x", json!(7)), KeyError::MissingMember("x"));
    assert_eq!(with("x", json!("")), KeyError::BadCoordinate("x"));
    assert_eq!(with("y", json!("AAAA")), KeyError::BadCoordinate("y"));
    assert_eq!(with("y", json!("A".repeat(100_000))), KeyError::BadCoordinate("y"));
    // Padding, and trailing bits that are not zero, would give one key several spellings.
    assert_eq!(with("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=")), KeyError::BadCoordinate("x"));
    assert_eq!(with("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV")), KeyError::BadCoordinate("x"));
    assert_eq!(key(json!({})).unwrap_err(), KeyError::MissingMember("kty"));
}

#[test]
fn points_off_the_curve_are_refused() {
    let mut jwk = rfc7515();
    jwk["y"] = json!("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw");
    assert_eq!(key(jwk).unwrap_err(), KeyError::NotOnCurve);
    let zero = URL_SAFE_NO_PAD.encode([0; 32]);
    let zero = json!({"kty": "EC", "crv": "P-256", "x": zero, "y": zero});
    assert_eq!(key(zero).unwrap_err(), KeyError::NotOnCurve);
}

#[test]
fn a_small_order_key_would_verify_a_forgery_and_is_refused() {
    // The identity signs everything: R = identity, S = 0. This shows why the list exists.
    let identity = SMALL_ORDER[1];
    let forged = [&identity[..], &[0; 32]].concat();
    assert!(UnparsedPublicKey::new(&ED25519, identity).verify(b"anything", &forged).is_ok());

    for encoding in SMALL_ORDER {
        for sign in [0, 0x80] {
            let mut bytes = encoding;
            bytes[31] |= sign;
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(bytes)});
            assert_eq!(key(jwk).unwrap_err(), KeyError::SmallOrder);
        }
    }
}

#[test]
fn the_small_order_list_holds_points_that_ring_accepts() {
    // With S = 0 and R = identity the equation holds whenever hash · A vanishes: for a point of order
    // 8 about one message in eight. A wrong entry of the list would never verify.
    for encoding in [SMALL_ORDER[0], SMALL_ORDER[2], SMALL_ORDER[5], SMALL_ORDER[6]] {
        let forged = [&SMALL_ORDER[1][..], &[0; 32]].concat();
        let key = UnparsedPublicKey::new(&ED25519, encoding);
        assert!((0..200u8).any(|n| key.verify(&[n], &forged).is_ok()), "{encoding:02x?}");
    }
}

#[test]
fn keys_for_other_purposes_are_refused() {
    let with = |name: &str, value: Value| {
        let mut jwk = rfc8037();
        jwk[name] = value;
        key(jwk)
    };
    assert_eq!(with("use", json!("enc")).unwrap_err(), KeyError::WrongUse("use"));
    assert_eq!(with("key_ops", json!(["deriveKey"])).unwrap_err(), KeyError::WrongUse("key_ops"));
    assert_eq!(with("alg", json!("ES256")).unwrap_err(), KeyError::WrongUse("alg"));
    assert!(with("use", json!("sig")).is_ok());
    assert!(with("key_ops", json!(["verify"])).is_ok());
    assert!(with("alg", json!("Ed25519")).is_ok());
}

#[test]
fn malformed_multikeys_are_refused() {
    let long = format!("z{}", "1".repeat(10_000));
    for text in ["", "z", "6Mkh", "u7QEB", "z6Mk0OIl", "z6MkhaXgBZDvotDkL5257faiztiGiC2Qt", long.as_str()] {
        assert_eq!(PublicKey::from_multikey(text).unwrap_err(), KeyError::BadMultikey, "{text}");
    }
    let mut compact = bs58::decode(&P256[1..]).into_vec().unwrap();
    compact[2] = 5;
    let compact = format!("z{}", bs58::encode(compact).into_string());
    assert_eq!(PublicKey::from_multikey(&compact).unwrap_err(), KeyError::BadMultikey);
    let off_curve = [&MULTICODEC_P256[..], &[2], &[0xff; 32]].concat();
    let off_curve = format!("z{}", bs58::encode(off_curve).into_string());
    assert_eq!(PublicKey::from_multikey(&off_curve).unwrap_err(), KeyError::NotOnCurve);
}

#[test]
fn debug_shows_the_public_form() {
    let key = key(rfc8037()).unwrap();
    assert_eq!(format!("{key:?}"), format!("PublicKey({})", key.to_multikey()));
}

#[test]
fn pem_public_keys_are_read_strictly() {
    use base64::engine::general_purpose::STANDARD;
    let pem = |der: &[u8]| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    let ed25519 = key(rfc8037()).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(rfc8037()["x"].as_str().unwrap()).unwrap();
    let der = [SPKI_ED25519, &bytes].concat();
    assert_eq!(PublicKey::from_pem(&pem(&der)).unwrap(), ed25519);
    let p256 = key(rfc7515()).unwrap();
    let Material::P256(point) = &p256.0 else { panic!("P-256") };
    let p256_der = [SPKI_P256, &point[..]].concat();
    assert_eq!(PublicKey::from_pem(&pem(&p256_der)).unwrap(), p256);

    let mut off_curve = p256_der.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    for (der, error) in [
        (&der[..43], KeyError::BadPem),
        (&[&der[..], &[0]].concat(), KeyError::BadPem),
        (&p256_der[..90], KeyError::BadPem),
        (&[SPKI_P256, &[2], &point[1..33]].concat(), KeyError::BadPem),
        (&[SPKI_ED25519, &SMALL_ORDER[1]].concat(), KeyError::SmallOrder),
        (&off_curve, KeyError::NotOnCurve),
        (b"", KeyError::BadPem),
    ] {
        assert_eq!(PublicKey::from_pem(&pem(der)).unwrap_err(), error);
    }
    assert_eq!(PublicKey::from_pem(&pem(&der).replace("PUBLIC", "PRIVATE")).unwrap_err(), KeyError::BadPem);
}
