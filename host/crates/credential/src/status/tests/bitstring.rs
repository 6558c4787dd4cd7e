use std::time::Duration;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::*;
use crate::data_integrity::{Cryptosuite, DataIntegrity, ProofOptions, Secured};
use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2, CanonicalHash, Contexts, to_canonical_quads};
use crate::status::bitstring::*;
use crate::vcdm;

const URL: &str = "https://issuer.example/credentials/status-list/1";
const SPELLINGS: [Spelling; 2] = [Spelling::Bitstring, Spelling::StatusList2021];
/// The empty list of the specification's examples.
const EMPTY: &str = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA";

fn list(purpose: Purpose) -> ListCredential<'static> {
    ListCredential {
        url: URL,
        issuer: "did:web:issuer.example",
        purpose,
        valid_from: DateTime::from_timestamp(1_767_225_600, 5_000_000).unwrap(),
        valid_until: DateTime::from_timestamp(1_767_229_200, 0).unwrap(),
        ttl: Duration::from_mins(5),
    }
}

fn options(cryptosuite: Cryptosuite) -> ProofOptions<'static> {
    ProofOptions {
        cryptosuite,
        created: DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
        verification_method: "did:web:issuer.example#key",
    }
}

#[test]
fn lists_are_encoded_as_the_specification_says() {
    assert_eq!(decode_list(EMPTY, MIN_ENTRIES).unwrap(), vec![0; 16_384]);
    let mut bits = StatusBits::new(&[Purpose::Revocation], MIN_ENTRIES).unwrap();
    bits.set(Purpose::Revocation, 0, true).unwrap();
    bits.set(Purpose::Revocation, MIN_ENTRIES - 1, true).unwrap();
    let plane = bits.plane(Purpose::Revocation).unwrap();
    let encoded = encoded_list(plane).unwrap();
    // Identification, DEFLATE, no flags, no time, no hint, no system: nothing that another host would write otherwise.
    assert!(encoded.starts_with("uH4sIAAAAAAAA_"), "{encoded:.20}");
    assert_eq!(encoded_list(plane).unwrap(), encoded);
    let decoded = decode_list(&encoded, MIN_ENTRIES).unwrap();
    assert_eq!((decoded[0], decoded[16_383], decoded.len()), (0x80, 1, 16_384));
}

#[test]
fn other_lists_are_refused() {
    let bomb = encoded_list(&vec![0; 4 * 1024 * 1024]).unwrap();
    let cut = &EMPTY[..EMPTY.len() - 4];
    for (text, max) in [
        (EMPTY, MIN_ENTRIES - 8),
        (&EMPTY[1..], MIN_ENTRIES),
        (&EMPTY.replacen('u', "z", 1), MIN_ENTRIES),
        (&format!("{EMPTY}="), MIN_ENTRIES),
        (&format!("{EMPTY}AAAA"), MIN_ENTRIES),
        (cut, MIN_ENTRIES),
        ("u", MIN_ENTRIES),
        ("", MIN_ENTRIES),
        (&bomb, u32::MAX),
    ] {
        assert!(matches!(decode_list(text, max), Err(StatusError::Encoding(_))), "{text:.80}");
    }
}

#[test]
fn a_list_credential_has_the_members_of_its_spelling() {
    let credential = Value::Object(list(Purpose::Suspension).credential(Spelling::Bitstring, EMPTY));
    assert_eq!(
        credential,
        json!({
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "id": URL,
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": "did:web:issuer.example",
            "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2026-01-01T01:00:00Z",
            "credentialSubject": {
                "id": format!("{URL}#list"),
                "type": "BitstringStatusList",
                "statusPurpose": "suspension",
                "encodedList": EMPTY,
                "ttl": 300_000,
            },
        })
    );
    let credential = Value::Object(list(Purpose::Revocation).credential(Spelling::StatusList2021, EMPTY));
    assert_eq!(
        credential,
        json!({
            "@context": [
                "https://www.w3.org/2018/credentials/v1",
                "https://w3id.org/vc/status-list/2021/v1",
                "https://w3id.org/security/data-integrity/v2",
            ],
            "id": URL,
            "type": ["VerifiableCredential", "StatusList2021Credential"],
            "issuer": "did:web:issuer.example",
            "issuanceDate": "2026-01-01T00:00:00Z",
            "expirationDate": "2026-01-01T01:00:00Z",
            "credentialSubject": {
                "id": format!("{URL}#list"),
                "type": "StatusList2021",
                "statusPurpose": "revocation",
                "encodedList": &EMPTY[1..],
            },
        })
    );
}

/// The short way to the statements ends where the long one does, for every spelling, purpose and suite.
#[test]
fn what_is_signed_is_the_whole_credential() {
    let contexts = Contexts::bundled();
    let spellings = SPELLINGS.into_iter().flat_map(|spelling| Purpose::ALL.map(|purpose| (spelling, purpose)));
    for ((spelling, purpose), suite) in spellings.flat_map(|one| Cryptosuite::ALL.map(|suite| (one, suite))) {
        let (list, options) = (list(purpose), options(suite));
        let credential = list.credential(spelling, EMPTY);
        let direct = DataIntegrity::prepare(credential.clone(), &options, &contexts).unwrap();
        let prepared = list.prepare(spelling, EMPTY, &options, &contexts).unwrap();
        assert_eq!(prepared.signing_input(), direct.signing_input());
        assert_eq!(prepared.signing_input().len(), 64);
        let secured = prepared.finish(&[7; 64]);
        assert_eq!(secured, direct.finish(&[7; 64]));
        let read = Secured::parse(secured.as_object().unwrap(), &contexts).unwrap();
        let whole = list.prepare(spelling, EMPTY, &options, &contexts).unwrap();
        assert_eq!(read.signing_input, whole.signing_input());
        assert_eq!((read.signature, read.cryptosuite), (vec![7; 64], suite));
    }
}

#[test]
fn every_member_becomes_a_statement() {
    let status = "https://www.w3.org/ns/credentials/status#";
    for (spelling, count, expected) in [
        (
            Spelling::Bitstring,
            10,
            vec![
                format!("<{status}encodedList> \"{EMPTY}\"^^<https://w3id.org/security#multibase>"),
                format!("<{status}statusPurpose> \"revocation\""),
                format!("<{status}ttl> \"300000\"^^<http://www.w3.org/2001/XMLSchema#integer>"),
            ],
        ),
        (
            Spelling::StatusList2021,
            9,
            vec![
                format!("<https://w3id.org/vc/status-list#encodedList> \"{}\"", &EMPTY[1..]),
                "<https://w3id.org/vc/status-list#statusPurpose> \"revocation\"".to_owned(),
            ],
        ),
    ] {
        let credential = Value::Object(list(Purpose::Revocation).credential(spelling, EMPTY));
        let quads = to_canonical_quads(&credential, &Contexts::bundled(), CanonicalHash::Sha256).unwrap();
        assert_eq!(quads.lines().count(), count, "{quads}");
        assert!(!quads.contains("_:"), "no blank node may be there: {quads}");
        for statement in expected {
            assert!(quads.contains(&statement), "{statement} is not in {quads}");
        }
    }
}

#[test]
fn every_change_changes_what_is_signed() {
    let contexts = Contexts::bundled();
    let input = |list: ListCredential<'_>, encoded: &str| {
        let prepared = list.prepare(Spelling::Bitstring, encoded, &options(Cryptosuite::EddsaRdfc2022), &contexts);
        prepared.unwrap().signing_input().to_vec()
    };
    let own = list(Purpose::Revocation);
    let other = EMPTY.replace('B', "C");
    let mut inputs = vec![
        input(own, EMPTY),
        input(own, &other),
        input(own, &EMPTY.to_lowercase()),
        input(ListCredential { url: "https://issuer.example/2", ..own }, EMPTY),
        input(ListCredential { issuer: "did:web:other.example", ..own }, EMPTY),
        input(ListCredential { purpose: Purpose::Suspension, ..own }, EMPTY),
        input(ListCredential { ttl: Duration::from_secs(301), ..own }, EMPTY),
        input(ListCredential { valid_until: own.valid_until + Duration::from_secs(1), ..own }, EMPTY),
    ];
    inputs.sort_unstable();
    inputs.dedup();
    assert_eq!(inputs.len(), 8);
}

/// Half of the largest list is revoked at random: it does not compress.
#[test]
fn the_largest_list_can_be_published() {
    let noise = noise(usize::try_from(MAX_ENTRIES / 8).unwrap());
    let encoded = encoded_list(&noise).unwrap();
    assert!(encoded.len() > 1024 * 1024);
    let (list, options, contexts) =
        (list(Purpose::Revocation), options(Cryptosuite::EddsaRdfc2022), Contexts::bundled());
    let direct = DataIntegrity::prepare(list.credential(Spelling::Bitstring, &encoded), &options, &contexts);
    let prepared = list.prepare(Spelling::Bitstring, &encoded, &options, &contexts).unwrap();
    assert_eq!(prepared.signing_input(), direct.unwrap().signing_input());
    let secured = prepared.finish(&[7; 64]);
    let published = secured["credentialSubject"]["encodedList"].as_str().unwrap();
    assert_eq!(decode_list(published, MAX_ENTRIES).unwrap(), noise);
}

#[test]
fn what_is_not_base64url_is_not_signed() {
    for encoded in ["", "H4sI", "uH4sI\"", "uH4sI=", "uH4sI+/", "u\\u0041", "u a"] {
        let options = options(Cryptosuite::EddsaRdfc2022);
        let result = list(Purpose::Revocation).prepare(Spelling::Bitstring, encoded, &options, &Contexts::bundled());
        assert!(matches!(result, Err(StatusError::Encoding(_))), "{encoded}");
    }
    let nowhere = ListCredential { url: "not a URL", ..list(Purpose::Revocation) };
    let options = options(Cryptosuite::EddsaRdfc2022);
    let result = nowhere.prepare(Spelling::Bitstring, EMPTY, &options, &Contexts::bundled());
    assert!(matches!(result, Err(StatusError::Proof(_))));
}

fn credential(base: &str, extra: Option<&str>, status: Value) -> Map<String, Value> {
    let mut contexts = vec![base];
    contexts.extend(extra);
    let from = if base == CREDENTIALS_V1 { "issuanceDate" } else { "validFrom" };
    let credential = json!({
        "@context": contexts,
        "type": ["VerifiableCredential"],
        "issuer": "did:web:issuer.example",
        from: "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:a"},
        "credentialStatus": status,
    });
    credential.as_object().unwrap().clone()
}

#[test]
fn an_entry_points_into_its_list() {
    assert_eq!(
        entry(URL, Purpose::Revocation, 94_567),
        json!({
            "id": format!("{URL}#94567"),
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "94567",
            "statusListCredential": URL,
        })
    );
    let message = message_entry(URL, 7, "in the post", "lost");
    assert_eq!((&message["statusPurpose"], &message["statusListIndex"]), (&json!("message"), &json!("7")));
    assert_eq!(message["statusSize"], 1);
    assert_eq!(message["statusMessage"][1], json!({"status": "0x1", "message": "lost"}));
}

#[test]
fn entries_fit_into_credentials_of_both_versions() {
    let contexts = Contexts::bundled();
    let entries = json!([
        entry(URL, Purpose::Revocation, 0),
        entry("https://issuer.example/2", Purpose::Suspension, 0),
        message_entry("https://issuer.example/3", 0, "in the post", "lost"),
    ]);
    for status in [entry(URL, Purpose::Revocation, 0), entries.clone()] {
        for (base, extra) in [(CREDENTIALS_V2, None), (CREDENTIALS_V1, Some(STATUS_CONTEXT))] {
            let credential = credential(base, extra, status.clone());
            vcdm::check(&credential).unwrap();
            DataIntegrity::prepare(credential, &options(Cryptosuite::EddsaRdfc2022), &contexts).unwrap();
        }
    }
    // Under VCDM 1.1 alone the entry would go unsigned, and that is an error.
    let bare = credential(CREDENTIALS_V1, None, entries);
    let error = DataIntegrity::prepare(bare, &options(Cryptosuite::EddsaRdfc2022), &contexts).unwrap_err();
    assert!(error.to_string().starts_with("$.credentialStatus"), "{error}");
}
