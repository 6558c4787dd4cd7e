use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde_json::json;

use super::*;

/// The terms that the official vectors take from `https://w3id.org/citizenship/v4rc1`, as their canonical documents
/// show them.
fn citizenship() -> Value {
    let cred = |name: &str| format!("https://w3id.org/citizenship#{name}");
    let schema = |name: &str| format!("https://schema.org/{name}");
    let date = |id: String| json!({"@id": id, "@type": "http://www.w3.org/2001/XMLSchema#dateTime"});
    json!({"@context": {
        "EmploymentAuthorizationDocumentCredential": cred("EmploymentAuthorizationDocumentCredential"),
        "EmploymentAuthorizationDocument": cred("EmploymentAuthorizationDocument"),
        "EmployablePerson": cred("EmployablePerson"),
        "Person": schema("Person"),
        "givenName": schema("givenName"),
        "additionalName": schema("additionalName"),
        "familyName": schema("familyName"),
        "gender": schema("gender"),
        "identifier": schema("identifier"),
        "birthDate": date(schema("birthDate")),
        "residentSince": date(cred("residentSince")),
        "image": {"@id": schema("image"), "@type": "@id"},
        "birthCountry": cred("birthCountry"),
        "lprCategory": cred("lprCategory"),
        "lprNumber": cred("lprNumber"),
        "employmentAuthorizationDocument": {"@id": cred("employmentAuthorizationDocument"), "@type": "@id"},
    }})
}

fn contexts() -> Contexts {
    let examples = json!({"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}});
    Contexts::with([
        ("https://www.w3.org/ns/credentials/examples/v2", &examples),
        ("https://w3id.org/citizenship/v4rc1", &citizenship()),
    ])
    .unwrap()
}

/// The official vectors lie beside the repository; where they do not, there is nothing to compare with.
fn vectors(suite: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/vectors").join(suite);
    if !dir.is_dir() {
        eprintln!("skipped: {} is not there", dir.display());
        return None;
    }
    Some(dir)
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

fn read_json(dir: &Path, name: &str) -> Map<String, Value> {
    serde_json::from_str(&read(dir, name)).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Canonical document and options, hashes, and the whole secured credential.
fn reproduce(dir: &Path, unsigned: &Map<String, Value>, suffix: &str) {
    let config = read_json(dir, &format!("proofConfig{suffix}.json"));
    let text = |name: &str| config[name].as_str().unwrap();
    let cryptosuite = Cryptosuite::from_name(text("cryptosuite")).unwrap();
    let contexts = contexts();
    let quads =
        |value: &Map<String, Value>| to_canonical_quads(&value.clone().into(), &contexts, cryptosuite.hash()).unwrap();
    assert_eq!(quads(unsigned), read(dir, &format!("canonDoc{suffix}.txt")));
    assert_eq!(quads(&config), read(dir, &format!("proofCanon{suffix}.txt")));

    let options = ProofOptions {
        cryptosuite,
        created: DateTime::parse_from_rfc3339(text("created")).unwrap().to_utc(),
        verification_method: text("verificationMethod"),
    };
    let prepared = DataIntegrity::prepare(unsigned.clone(), &options, &contexts).unwrap();
    assert_eq!(prepared.signing_input(), unhex(&read(dir, &format!("combinedHash{suffix}.txt"))));
    let signed = read_json(dir, &format!("signed{suffix}.json"));
    let signature = unhex(&read(dir, &format!("sigHex{suffix}.txt")));
    assert_eq!(prepared.finish(&signature), Value::Object(signed.clone()));

    let secured = Secured::parse(&signed, &contexts).unwrap();
    assert_eq!(secured.signing_input, unhex(&read(dir, &format!("combinedHash{suffix}.txt"))));
    assert_eq!((secured.signature, secured.cryptosuite), (signature, cryptosuite));
}

#[test]
fn the_official_vectors_of_both_suites_are_reproduced() {
    for (folder, suite, suffix) in
        [("vc-di-eddsa", "eddsa-rdfc-2022", "DataInt"), ("vc-di-ecdsa", "ecdsa-rdfc-2019-p256", "ECDSAP256")]
    {
        let Some(dir) = vectors(folder) else { return };
        reproduce(&dir.join(suite), &read_json(&dir, "unsigned.json"), suffix);
        reproduce(&dir.join(suite).join("employ"), &read_json(&dir, "employmentAuth.json"), suffix);
    }
}

#[test]
fn p384_vectors_take_sha_384_inside_the_canonicalisation_too() {
    let Some(dir) = vectors("vc-di-ecdsa") else { return };
    let contexts = contexts();
    for (folder, unsigned) in
        [("ecdsa-rdfc-2019-p384", "unsigned.json"), ("ecdsa-rdfc-2019-p384/employ", "employmentAuth.json")]
    {
        let (folder, unsigned) = (dir.join(folder), read_json(&dir, unsigned));
        let config = read_json(&folder, "proofConfigECDSAP384.json");
        for (value, canonical, digest) in [(unsigned, "canonDoc", "docHash"), (config, "proofCanon", "proofHash")] {
            let value = Value::Object(value);
            let quads = to_canonical_quads(&value, &contexts, CanonicalHash::Sha384).unwrap();
            assert_eq!(quads, read(&folder, &format!("{canonical}ECDSAP384.txt")));
            let hash = unhex(&read(&folder, &format!("{digest}ECDSAP384.txt")));
            assert_eq!(CanonicalHash::Sha384.digest(quads.as_bytes()), hash);
        }
    }
    // With SHA-256 the blank nodes come in another order: the vector does tell the two apart.
    let unsigned = Value::Object(read_json(&dir, "employmentAuth.json"));
    let quads = to_canonical_quads(&unsigned, &contexts, CanonicalHash::Sha256).unwrap();
    assert_ne!(quads, read(&dir, "ecdsa-rdfc-2019-p384/employ/canonDocECDSAP384.txt"));
}

fn credential(base: &str) -> Map<String, Value> {
    let from = if base == crate::jsonld::CREDENTIALS_V1 { "issuanceDate" } else { "validFrom" };
    let own = json!({"name": "https://schema.org/name", "tags": "https://example.org/tags"});
    let own = if from == "validFrom" { json!({"tags": "https://example.org/tags"}) } else { own };
    let value = json!({
        "@context": [base, own],
        "type": ["VerifiableCredential"],
        "issuer": "did:web:issuer.example",
        from: "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:a", "name": "Ada", "tags": ["x", "y"]},
    });
    value.as_object().unwrap().clone()
}

fn options() -> ProofOptions<'static> {
    ProofOptions {
        cryptosuite: Cryptosuite::EddsaRdfc2022,
        created: DateTime::from_timestamp(1_767_225_600, 999_999_999).unwrap(),
        verification_method: "did:web:issuer.example#key",
    }
}

#[test]
fn a_credential_of_1_1_gets_the_context_of_the_proof_once() {
    use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2, DATA_INTEGRITY_V2};
    let contexts = Contexts::bundled();
    let with_it = |mut credential: Map<String, Value>| {
        credential["@context"].as_array_mut().unwrap().push(json!(DATA_INTEGRITY_V2));
        credential
    };
    for (credential, count) in
        [(credential(CREDENTIALS_V1), 1), (with_it(credential(CREDENTIALS_V1)), 1), (credential(CREDENTIALS_V2), 0)]
    {
        let secured = DataIntegrity::prepare(credential, &options(), &contexts).unwrap().finish(&[7; 64]);
        let named = secured["@context"].as_array().unwrap().iter().filter(|c| **c == DATA_INTEGRITY_V2).count();
        assert_eq!(named, count, "{secured}");
        assert_eq!(secured["proof"]["created"], "2026-01-01T00:00:00Z", "whole seconds");
    }
}

#[test]
fn every_change_changes_what_is_signed() {
    let contexts = Contexts::bundled();
    let prepared = DataIntegrity::prepare(credential(crate::jsonld::CREDENTIALS_V2), &options(), &contexts).unwrap();
    let expected = prepared.signing_input().to_vec();
    let secured = prepared.finish(&[7; 64]);
    let parse = |value: &Value| Secured::parse(value.as_object().unwrap(), &contexts);
    assert_eq!(parse(&secured).unwrap().signing_input, expected);
    for (pointer, value) in [
        ("/credentialSubject/name", json!("Eve")),
        ("/credentialSubject/tags/1", json!("z")),
        ("/credentialSubject/id", json!("did:example:b")),
        ("/validFrom", json!("2026-01-01T00:00:01Z")),
        ("/issuer", json!("did:web:other.example")),
        ("/type", json!(["VerifiableCredential", "JsonSchemaCredential"])),
        ("/proof/created", json!("2026-01-01T00:00:01Z")),
        ("/proof/verificationMethod", json!("did:web:issuer.example#other")),
    ] {
        let mut changed = secured.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_ne!(parse(&changed).unwrap().signing_input, expected, "{pointer}");
    }
    for (pointer, value) in [
        ("/proof", json!(null)),
        ("/proof/type", json!("Ed25519Signature2020")),
        ("/proof/cryptosuite", json!("eddsa-jcs-2022")),
        ("/proof/proofPurpose", json!("authentication")),
        ("/proof/proofValue", json!("u7")),
        ("/proof/proofValue", json!("z7")),
        ("/proof/proofValue", json!(format!("z{}", "7".repeat(100_000)))),
        ("/proof/proofValue", json!(7)),
    ] {
        let mut changed = secured.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_eq!(parse(&changed).unwrap_err(), DataIntegrityError::Proof, "{pointer}");
    }
}

#[test]
fn what_breaks_the_data_model_is_not_prepared() {
    let mut credential = credential(crate::jsonld::CREDENTIALS_V2);
    credential.insert("validFrom".to_owned(), json!("tomorrow"));
    let refused = DataIntegrity::prepare(credential, &options(), &Contexts::bundled()).unwrap_err();
    assert_eq!(refused.to_string(), "validFrom: must be a time with a zone, as in 2026-01-31T09:30:00Z");
}

#[test]
fn debug_shows_no_claims() {
    let contexts = Contexts::bundled();
    let prepared = DataIntegrity::prepare(credential(crate::jsonld::CREDENTIALS_V2), &options(), &contexts).unwrap();
    assert!(!format!("{prepared:?}").contains("Ada"));
    let secured = prepared.finish(&[7; 64]);
    let secured = Secured::parse(secured.as_object().unwrap(), &contexts).unwrap();
    assert!(!format!("{secured:?}").contains("Ada"));
}
