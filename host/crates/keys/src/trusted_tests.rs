use serde_json::json;

use super::*;
use crate::{Signer as _, SoftwareKey, SystemEntropy};

const ISSUER: &str = "did:web:issuer.example";

fn fresh(algorithm: Algorithm) -> SoftwareKey {
    let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).unwrap();
    SoftwareKey::from_pkcs8(algorithm, &pkcs8).unwrap()
}

fn named(id: &str, key: &SoftwareKey) -> TrustedKey {
    TrustedKey { id: id.to_owned(), public_key: key.public_key().clone() }
}

fn issuer(id: &str, keys: Vec<TrustedKey>) -> TrustedIssuer {
    TrustedIssuer { id: id.to_owned(), keys }
}

#[tokio::test]
async fn a_key_is_found_by_every_spelling_of_its_name_and_by_no_other() {
    let key = fresh(Algorithm::EdDsa);
    let signature = key.sign(b"m").await.unwrap();
    let long = format!("{ISSUER}#k");
    for listed in ["k", "#k", &long] {
        let trusted = TrustedIssuers::new([issuer(ISSUER, vec![named(listed, &key)])]).unwrap();
        let verify = |id: Option<&str>| trusted.verify(ISSUER, id, Algorithm::EdDsa, b"m", &signature);
        for spelling in [None, Some("k"), Some("#k"), Some(long.as_str())] {
            assert_eq!(verify(spelling), Ok(long.as_str()), "{spelling:?}");
        }
        for other in ["", "K", "k2", "##k", "did:web:other.example#k", "did:web:issuer.example/#k", ISSUER] {
            assert_eq!(verify(Some(other)), Err(TrustError::UnknownKey), "{other}");
        }
    }
}

#[tokio::test]
async fn each_way_of_not_matching_has_its_name() {
    let (key, other, p256) = (fresh(Algorithm::EdDsa), fresh(Algorithm::EdDsa), fresh(Algorithm::Es256));
    let signature = key.sign(b"m").await.unwrap();
    let list = [
        issuer(ISSUER, vec![named("a", &key), named("b", &other), named("p", &p256)]),
        issuer("https://other.example", vec![named("a", &other)]),
    ];
    let trusted = TrustedIssuers::new(list).unwrap();
    assert!(trusted.contains(ISSUER) && !trusted.contains("did:web:issuer.example#a"));
    let verify = |issuer: &str, id: Option<&str>, message: &[u8]| {
        trusted.verify(issuer, id, Algorithm::EdDsa, message, &signature).map(str::to_owned)
    };
    assert_eq!(verify(ISSUER, Some("a"), b"m"), Ok(format!("{ISSUER}#a")));
    assert_eq!(verify(ISSUER, Some("a"), b"n"), Err(TrustError::BadSignature));
    assert_eq!(verify(ISSUER, Some("b"), b"m"), Err(TrustError::BadSignature));
    assert_eq!(verify(ISSUER, Some("p"), b"m"), Err(TrustError::AlgorithmMismatch));
    assert_eq!(verify(ISSUER, None, b"m"), Err(TrustError::UnknownKey), "two keys could be meant");
    assert_eq!(verify("https://other.example", Some("a"), b"m"), Err(TrustError::BadSignature));
    // The key of one issuer is no key of the other, even by its full name.
    let foreign = format!("{ISSUER}#a");
    assert_eq!(verify("https://other.example", Some(&foreign), b"m"), Err(TrustError::UnknownKey));
    assert_eq!(verify("did:web:nobody.example", Some("a"), b"m"), Err(TrustError::UntrustedIssuer));
}

#[tokio::test]
async fn dids_that_are_their_own_key_need_no_list() {
    let key = fresh(Algorithm::Es256);
    let signature = key.sign(b"m").await.unwrap();
    for did in [did::did_key(key.public_key()), did::did_jwk(key.public_key())] {
        let trusted = TrustedIssuers::new([issuer(&did, Vec::new())]).unwrap();
        let method = did::resolve(&did).unwrap().verification_method;
        for id in [None, Some(method.as_str())] {
            assert_eq!(trusted.verify(&did, id, Algorithm::Es256, b"m", &signature), Ok(method.as_str()));
        }
        let refused = trusted.verify(&did, Some(&format!("{did}#other")), Algorithm::Es256, b"m", &signature);
        assert_eq!(refused, Err(TrustError::UnknownKey));
    }
}

#[test]
fn lists_that_mean_nothing_are_refused() {
    let key = fresh(Algorithm::EdDsa);
    let one = || vec![named("k", &key)];
    let did = did::did_key(key.public_key());
    let refuse = |issuers: Vec<TrustedIssuer>| TrustedIssuers::new(issuers).unwrap_err();
    assert_eq!(refuse(vec![issuer("", one())]), TrustListError::BadId);
    assert_eq!(refuse(vec![issuer(&"a".repeat(MAX_DID_URL_LEN + 1), one())]), TrustListError::BadId);
    assert_eq!(refuse(vec![issuer(ISSUER, vec![])]), TrustListError::NoKeys(ISSUER.to_owned()));
    let twice = vec![issuer(ISSUER, one()), issuer(ISSUER, one())];
    assert_eq!(refuse(twice), TrustListError::RepeatedIssuer(ISSUER.to_owned()));
    let repeated = TrustListError::RepeatedKey { issuer: ISSUER.to_owned(), key: format!("{ISSUER}#k") };
    assert_eq!(refuse(vec![issuer(ISSUER, vec![named("k", &key), named("#k", &key)])]), repeated);
    assert_eq!(refuse(vec![issuer(&did, one())]), TrustListError::KeysBesideDid(did.clone()));
    let many = (0..=MAX_KEYS).map(|n| named(&n.to_string(), &key)).collect();
    assert_eq!(refuse(vec![issuer(ISSUER, many)]), TrustListError::TooManyKeys(ISSUER.to_owned()));
    let many = (0..=MAX_ISSUERS).map(|n| issuer(&format!("https://{n}.example"), one())).collect();
    assert_eq!(refuse(many), TrustListError::TooManyIssuers);
    assert!(matches!(refuse(vec![issuer("did:key:zBad", vec![])]), TrustListError::Did(_)));
    let url = format!("{did}#{}", key.public_key().to_multikey());
    assert!(matches!(refuse(vec![issuer(&url, vec![])]), TrustListError::Did(_)));
}

#[test]
fn keys_are_read_from_jwk_and_multikey() {
    let key = fresh(Algorithm::Es256);
    let mut jwk = key.public_key().to_jwk();
    assert_eq!(TrustedKey::from_jwk(&jwk).unwrap_err(), TrustListError::MissingKeyId);
    jwk.insert("kid".to_owned(), json!("k"));
    assert_eq!(TrustedKey::from_jwk(&jwk).unwrap(), named("k", &key));
    assert_eq!(TrustedKey::from_multikey("k", &key.public_key().to_multikey()).unwrap(), named("k", &key));
    jwk.insert("d".to_owned(), json!("AA"));
    assert_eq!(TrustedKey::from_jwk(&jwk).unwrap_err(), KeyError::PrivateMember("d").into());
    assert_eq!(TrustedKey::from_multikey("k", "z6Mk").unwrap_err(), KeyError::BadMultikey.into());
}
