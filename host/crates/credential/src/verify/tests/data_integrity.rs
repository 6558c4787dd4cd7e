use super::*;
use crate::data_integrity::{Cryptosuite, DataIntegrity, ProofOptions};
use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2};

const ED: &str = "did:web:issuer.example#ed";
const FARMERS: &str = "https://example.org/farmers/v1";

pub(super) fn contexts() -> Contexts {
    let farmers = json!({"@context": {
        "ex": "https://example.org/",
        "FarmerCredential": "https://example.org/FarmerCredential",
        "givenName": "https://example.org/givenName",
        "familyName": "https://example.org/familyName",
        "knows": {"@id": "https://example.org/knows", "@type": "@id"},
    }});
    Contexts::with([(FARMERS, &farmers)]).unwrap()
}

pub(super) fn world() -> World {
    World { contexts: contexts(), ..World::new() }
}

pub(super) fn credential(world: &World, base: &str) -> Value {
    let (from, until) =
        if base == CREDENTIALS_V1 { ("issuanceDate", "expirationDate") } else { ("validFrom", "validUntil") };
    let credential = json!({
        "@context": [base, FARMERS],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "FarmerCredential"],
        "issuer": {"id": ISSUER},
        from: "2025-12-01T00:00:00Z",
        until: "2026-12-01T00:00:00Z",
        "credentialSubject": {"id": did::did_key(&world.holder_key), "givenName": "Ada", "familyName": "Obi"},
        "credentialStatus": {"id": "https://issuer.example/s#1", "type": "BitstringStatusListEntry"},
    });
    // The older context defines no type of status.
    if base == CREDENTIALS_V1 { with(credential, "/credentialStatus", None) } else { credential }
}

fn secure_as(credential: &Value, key: &SoftwareKey, method: &str, contexts: &Contexts) -> Value {
    let cryptosuite = match key.algorithm() {
        Algorithm::EdDsa => Cryptosuite::EddsaRdfc2022,
        Algorithm::Es256 => Cryptosuite::EcdsaRdfc2019,
    };
    let created = DateTime::from_timestamp(NOW - 100, 0).unwrap();
    let options = ProofOptions { cryptosuite, created, verification_method: method };
    let prepared = DataIntegrity::prepare(map(credential.clone()), &options, contexts).unwrap();
    let signature = sign(key, prepared.signing_input());
    prepared.finish(&signature)
}

/// Signs whatever the proof says, however odd.
fn secure_with(world: &World, credential: &Value, proof: Value) -> Value {
    let suite = Cryptosuite::EddsaRdfc2022;
    let quads = |value: &Value| crate::jsonld::to_canonical_quads(value, &world.contexts, suite.hash()).unwrap();
    let options = crate::data_integrity::with_context(proof.as_object().unwrap(), credential);
    let input = crate::data_integrity::combined_hash(suite.hash(), &quads(&options), &quads(credential));
    let value = format!("z{}", bs58::encode(sign(&world.ed, &input)).into_string());
    let proof = with(proof, "/proofValue", Some(json!(value)));
    with(credential.clone(), "/proof", Some(proof))
}

fn proof() -> Value {
    json!({
        "type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022", "created": "2025-12-31T00:00:00Z",
        "verificationMethod": ED, "proofPurpose": "assertionMethod",
    })
}

pub(super) fn secure(world: &World, credential: &Value) -> Value {
    secure_as(credential, &world.ed, ED, &world.contexts)
}

pub(super) fn good(world: &World) -> Value {
    secure(world, &credential(world, CREDENTIALS_V2))
}

pub(super) fn judge(world: &World, credential: &Value) -> Result<Verified, VerifyError> {
    verify(credential.to_string().as_bytes(), &world.expected(Format::LdpVc))
}

fn set(credential: &Value, pointer: &str, value: Value) -> Value {
    with(credential.clone(), pointer, Some(value))
}

#[test]
fn what_we_issue_is_verified_with_both_suites_and_data_models() {
    let world = world();
    for base in [CREDENTIALS_V2, CREDENTIALS_V1] {
        for (key, name) in [(&world.ed, "ed"), (&world.p256, "p256")] {
            let method = format!("{ISSUER}#{name}");
            let secured = secure_as(&credential(&world, base), key, &method, &world.contexts);
            let verified = judge(&world, &secured).unwrap();
            let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
            assert_eq!(
                verified,
                Verified {
                    issuer: ISSUER.to_owned(),
                    key_id: method,
                    valid_from: time("2025-12-01T00:00:00Z"),
                    valid_until: time("2026-12-01T00:00:00Z"),
                    types: vec!["VerifiableCredential".to_owned(), "FarmerCredential".to_owned()],
                    holder: Binding::Bound,
                }
            );
        }
    }
}

#[test]
fn every_change_under_the_signature_is_noticed() {
    let world = world();
    let good = good(&world);
    for (pointer, value) in [
        ("/id", json!("urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc34")),
        ("/type", json!(["VerifiableCredential", "FarmerCredential", "JsonSchemaCredential"])),
        ("/validFrom", json!("2025-12-01T00:00:01Z")),
        ("/validUntil", json!("2036-12-01T00:00:00Z")),
        ("/credentialSubject/givenName", json!("Eve")),
        ("/credentialSubject/knows", json!("did:example:a")),
        ("/credentialStatus/id", json!("https://issuer.example/s#2")),
        ("/proof/created", json!("2025-12-31T00:00:01Z")),
        ("/proof/expires", json!("2036-12-31T00:00:01Z")),
        ("/proof/verificationMethod", json!("did:web:issuer.example#p256")),
    ] {
        let refused = judge(&world, &set(&good, pointer, value)).unwrap_err();
        assert!(matches!(refused, VerifyError::BadSignature | VerifyError::AlgorithmMismatch), "{pointer}: {refused}");
    }
    for pointer in ["/validFrom", "/validUntil", "/credentialStatus", "/credentialSubject/familyName"] {
        assert_eq!(
            judge(&world, &with(good.clone(), pointer, None)).unwrap_err(),
            VerifyError::BadSignature,
            "{pointer}"
        );
    }
    // One bit of the signature.
    let value = good["proof"]["proofValue"].as_str().unwrap();
    let mut signature = bs58::decode(&value[1..]).into_vec().unwrap();
    signature[20] ^= 1;
    let flipped = json!(format!("z{}", bs58::encode(signature).into_string()));
    assert_eq!(judge(&world, &set(&good, "/proof/proofValue", flipped)).unwrap_err(), VerifyError::BadSignature);
    // The proof of one credential below another.
    let other = set(&credential(&world, CREDENTIALS_V2), "/id", json!("urn:uuid:other"));
    let moved = set(&other, "/proof", good["proof"].clone());
    assert_eq!(judge(&world, &moved).unwrap_err(), VerifyError::BadSignature);
}

#[test]
fn issuers_and_keys_that_do_not_belong_together_are_refused() {
    let world = world();
    let unsigned = credential(&world, CREDENTIALS_V2);
    let by = |issuer: &str, key: &SoftwareKey, method: &str| {
        let credential = set(&unsigned, "/issuer", json!(issuer));
        judge(&world, &secure_as(&credential, key, method, &world.contexts)).map(drop)
    };
    let foreign = "did:web:other.example#ed";
    let unknown = |method: &str| Err(VerifyError::UnknownKey(method.to_owned()));
    assert_eq!(by(ISSUER, &world.stranger, foreign), unknown(foreign), "trusted, but another issuer's");
    assert_eq!(by(ISSUER, &world.stranger, ED), Err(VerifyError::BadSignature));
    assert_eq!(by("did:web:other.example", &world.ed, ED), unknown(ED));
    assert_eq!(by("did:web:other.example", &world.stranger, foreign), Ok(()));
    assert_eq!(
        by("did:web:evil.example", &world.stranger, "did:web:evil.example#ed"),
        Err(VerifyError::UntrustedIssuer("did:web:evil.example".to_owned()))
    );
    let own = did::did_key(world.stranger.public_key());
    let own_method = format!("{own}#{}", world.stranger.public_key().to_multikey());
    assert_eq!(by(ISSUER, &world.stranger, &own_method), unknown(&own_method), "a did:key that resolves by itself");
    assert_eq!(by(&own, &world.stranger, &own_method), Err(VerifyError::UntrustedIssuer(own)));
}

#[test]
fn proofs_that_say_the_wrong_thing_are_refused_though_they_are_signed() {
    let world = world();
    let unsigned = credential(&world, CREDENTIALS_V2);
    judge(&world, &secure_with(&world, &unsigned, proof())).unwrap();
    let malformed = VerifyError::Malformed;
    for (pointer, value, error) in [
        ("/proofPurpose", json!("authentication"), malformed("a proof is not for the purpose assertionMethod")),
        ("/created", json!("2026-01-01T00:01:01Z"), VerifyError::NotYetValid("proof.created")),
        ("/expires", json!("2025-12-31T23:59:00Z"), VerifyError::Expired("proof.expires")),
        ("/previousProof", json!("urn:uuid:a"), VerifyError::ProofChain),
    ] {
        let secured = secure_with(&world, &unsigned, with(proof(), pointer, Some(value)));
        assert_eq!(judge(&world, &secured).unwrap_err(), error, "{pointer}");
    }
    let secured = secure_with(&world, &unsigned, with(proof(), "/expires", Some(json!("2026-06-01T00:00:00Z"))));
    let until = judge(&world, &secured).unwrap().valid_until.unwrap();
    assert_eq!(until.to_rfc3339(), "2026-06-01T00:00:00+00:00", "the proof ends first");
    // An expiry under its long name is signed, and nobody reads it.
    let mut hidden = proof();
    hidden["https://w3id.org/security#expiration"] =
        json!({"@type": "http://www.w3.org/2001/XMLSchema#dateTime", "@value": "2025-01-01T00:00:00Z"});
    let secured = secure_with(&world, &unsigned, hidden);
    assert_eq!(judge(&world, &secured).unwrap_err(), malformed("a proof has a member that is not known"));

    let good = good(&world);
    for (pointer, value, error) in [
        ("/proof", Value::Null, malformed("a proof is not an object")),
        ("/proof", json!([]), malformed("it has no proof")),
        ("/proof", json!("x"), malformed("a proof is not an object")),
        ("/proof", json!(vec![proof(); MAX_PROOFS + 1]), VerifyError::TooManyProofs),
        ("/proof/type", json!("Ed25519Signature2020"), VerifyError::UnsupportedSuite("Ed25519Signature2020".into())),
        ("/proof/cryptosuite", json!("bbs-2023"), VerifyError::UnsupportedSuite("bbs-2023".into())),
        ("/proof/cryptosuite", json!("ecdsa-rdfc-2019"), VerifyError::AlgorithmMismatch),
        ("/proof/verificationMethod", json!({"id": ED}), malformed("a proof has no verificationMethod that is a text")),
        ("/proof/@context", json!([CREDENTIALS_V2]), malformed("a proof has contexts of its own")),
    ] {
        assert_eq!(judge(&world, &set(&good, pointer, value)).unwrap_err(), error, "{pointer}");
    }
    for value in [json!("u7"), json!("z7"), json!(7), json!(format!("z{}", "7".repeat(100_000)))] {
        let refused = judge(&world, &set(&good, "/proof/proofValue", value)).unwrap_err();
        assert!(matches!(refused, VerifyError::Malformed(_)), "{refused}");
    }
    assert_eq!(judge(&world, &with(good, "/proof", None)).unwrap_err(), malformed("it has no proof"));
}

#[test]
fn of_a_proof_set_every_known_proof_must_hold_and_one_must_be_known() {
    let world = world();
    let first = good(&world);
    let second =
        secure_as(&credential(&world, CREDENTIALS_V2), &world.p256, "did:web:issuer.example#p256", &world.contexts);
    let (a, b) = (first["proof"].clone(), second["proof"].clone());
    let unknown = json!({"type": "DataIntegrityProof", "cryptosuite": "bbs-2023", "proofValue": "u2V0"});
    let mut bad = b.clone();
    bad["created"] = json!("2025-12-31T00:00:09Z");
    let judge_set = |proofs: Value| judge(&world, &set(&first, "/proof", proofs)).map(|verified| verified.key_id);
    assert_eq!(judge_set(json!([a, b])).unwrap(), ED);
    assert_eq!(judge_set(json!([b, a])).unwrap(), format!("{ISSUER}#p256"));
    assert_eq!(judge_set(json!([unknown, a])).unwrap(), ED);
    assert_eq!(judge_set(json!([a, bad])).unwrap_err(), VerifyError::BadSignature);
    assert_eq!(judge_set(json!([unknown])).unwrap_err(), VerifyError::UnsupportedSuite("bbs-2023".to_owned()));
    let foreign =
        secure_as(&credential(&world, CREDENTIALS_V2), &world.stranger, "did:web:other.example#ed", &world.contexts);
    let error = judge_set(json!([a, foreign["proof"]])).unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey("did:web:other.example#ed".to_owned()));
}

#[test]
fn holders_and_types_are_checked_though_they_are_signed() {
    let world = world();
    let unsigned = credential(&world, CREDENTIALS_V2);
    let other = did::did_key(world.stranger.public_key());
    let own = json!({"id": did::did_key(&world.holder_key), "givenName": "Ada"});
    let fragment = format!("{}#{}", did::did_key(&world.holder_key), world.holder_key.to_multikey());
    for (pointer, value, error) in [
        ("/credentialSubject/id", Some(json!(other)), VerifyError::HolderMismatch),
        ("/credentialSubject/id", Some(json!(fragment)), VerifyError::HolderMismatch),
        ("/credentialSubject/id", None, VerifyError::HolderMissing),
        ("/credentialSubject", Some(json!([own, {"givenName": "Eve"}])), VerifyError::SeveralSubjects),
        ("/type", Some(json!(["VerifiableCredential"])), VerifyError::WrongType("FarmerCredential".to_owned())),
        ("/validUntil", Some(json!("2025-12-31T23:59:00Z")), VerifyError::Expired("validUntil")),
        ("/validFrom", Some(json!("2026-01-01T00:01:01Z")), VerifyError::NotYetValid("validFrom")),
    ] {
        let secured = secure(&world, &with(unsigned.clone(), pointer, value));
        assert_eq!(judge(&world, &secured).unwrap_err(), error, "{pointer}");
    }
    for (pointer, value) in [
        ("/credentialSubject/id", json!(did::did_jwk(&world.holder_key))),
        ("/credentialSubject", json!([own])),
        ("/validUntil", json!("2025-12-31T23:59:01Z")),
        ("/validFrom", json!("2026-01-01T00:01:00Z")),
    ] {
        judge(&world, &secure(&world, &set(&unsigned, pointer, value))).unwrap();
    }
    let two = secure(&world, &set(&unsigned, "/credentialSubject", json!([own, {"givenName": "Eve"}])));
    let mut expected = world.expected(Format::LdpVc);
    expected.holder = None;
    assert_eq!(verify(two.to_string().as_bytes(), &expected).unwrap().holder, Binding::Unbound);
    // No type expected is no type allowed.
    expected.types = &[];
    assert_eq!(verify(two.to_string().as_bytes(), &expected).unwrap_err(), VerifyError::WrongType(String::new()));
}

#[test]
fn contexts_that_are_not_known_are_named() {
    let world = world();
    let good = good(&world);
    let unknown = set(&good, "/@context", json!([CREDENTIALS_V2, "https://example.org/unknown/v1"]));
    assert_eq!(
        judge(&world, &unknown).unwrap_err(),
        VerifyError::UnknownContext("https://example.org/unknown/v1".into())
    );
    for context in [json!(CREDENTIALS_V2), json!([FARMERS, CREDENTIALS_V2]), json!([]), json!({})] {
        assert!(matches!(judge(&world, &set(&good, "/@context", context)).unwrap_err(), VerifyError::Model(_)));
    }
    for nested in ["/credentialSubject/@context", "/issuer/@context"] {
        let refused = judge(&world, &set(&good, nested, json!({"givenName": "https://example.org/x"}))).unwrap_err();
        assert!(matches!(refused, VerifyError::JsonLd(_)), "{refused}");
    }
    // Reasons name places, never values.
    let undefined = judge(&world, &set(&good, "/credentialSubject/secret", json!("42"))).unwrap_err();
    assert_eq!(
        undefined.to_string(),
        "the credential cannot be read as JSON-LD: $.credentialSubject.secret: no context defines the term \"secret\""
    );
    let name = judge(&world, &set(&good, "/credentialSubject/type", json!("Ada Obi"))).unwrap_err();
    assert!(!name.to_string().contains("Ada"), "{name}");
}

#[test]
fn documents_that_are_work_rather_than_credentials_are_refused() {
    let world = world();
    let good = good(&world);
    let text = good.to_string().replacen('{', r#"{"id":"urn:a","#, 1);
    let refused = verify(text.as_bytes(), &world.expected(Format::LdpVc)).unwrap_err();
    assert!(matches!(refused, VerifyError::Json(crate::JsonError::DuplicateMember { .. })));
    let symmetric: Vec<Value> = (0..40).map(|_| json!({"givenName": "x"})).collect();
    let refused = judge(&world, &set(&good, "/credentialSubject/ex:all", json!(symmetric))).unwrap_err();
    assert!(matches!(refused, VerifyError::JsonLd(_) | VerifyError::BadSignature), "{refused}");
    let many: Vec<Value> = (0..100).map(|_| json!({"givenName": "x"})).collect();
    let refused = judge(&world, &set(&good, "/credentialSubject/ex:all", json!(many))).unwrap_err();
    assert!(matches!(refused, VerifyError::JsonLd(_)), "{refused}");
    let undefined: Map<String, Value> = (0..2000).map(|n| (format!("x{n}"), json!(1))).collect();
    let refused = judge(&world, &set(&good, "/credentialSubject/ex:all", Value::Object(undefined))).unwrap_err();
    assert!(matches!(refused, VerifyError::JsonLd(_)), "{refused}");
}
