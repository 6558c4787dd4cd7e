//! JSON that says one thing over statements that say another.

use super::data_integrity::{credential, good, judge, secure, world};
use super::*;
use crate::jsonld::CREDENTIALS_V2;

/// The signature of a credential covers its statements. Each of these says the same statements in other JSON, so the
/// signature holds, but whoever reads the JSON reads something else.
#[test]
fn the_same_statements_in_misleading_json_are_refused() {
    let world = world();
    let good = good(&world);
    let vocabulary = |name: &str| format!("https://www.w3.org/2018/credentials#{name}");
    let rename = |from: &str, to: &str, value: Value| {
        let mut changed = with(good.clone(), &format!("/{from}"), None);
        changed.as_object_mut().unwrap().insert(to.to_owned(), value);
        judge(&world, &changed).unwrap_err()
    };
    let time = |name: &str| json!({"@type": "http://www.w3.org/2001/XMLSchema#dateTime", "@value": good[name]});
    // An expiry and a status that nobody sees.
    assert_eq!(
        rename("validUntil", &vocabulary("validUntil"), time("validUntil")),
        VerifyError::Ambiguous("validUntil")
    );
    assert_eq!(rename("validFrom", &vocabulary("validFrom"), time("validFrom")), VerifyError::Ambiguous("validFrom"));
    let status = json!({
        "@id": "https://issuer.example/s#1",
        "@type": "https://www.w3.org/ns/credentials/status#BitstringStatusListEntry",
    });
    assert_eq!(
        rename("credentialStatus", &vocabulary("credentialStatus"), status),
        VerifyError::Ambiguous("credentialStatus")
    );
    assert_eq!(rename("id", "@id", good["id"].clone()), VerifyError::Ambiguous("id"));
    let subject = good["credentialSubject"].clone();
    assert!(matches!(rename("credentialSubject", &vocabulary("credentialSubject"), subject), VerifyError::Model(_)));
    assert!(matches!(rename("issuer", &vocabulary("issuer"), good["issuer"].clone()), VerifyError::Model(_)));

    // Names that change places, by a context of the attacker's.
    let swap = json!({"givenName": "https://example.org/familyName", "familyName": "https://example.org/givenName"});
    let mut swapped = good.clone();
    swapped["@context"].as_array_mut().unwrap().push(swap);
    swapped["credentialSubject"]["givenName"] = json!("Obi");
    swapped["credentialSubject"]["familyName"] = json!("Ada");
    assert_eq!(judge(&world, &swapped).unwrap_err(), VerifyError::UnexpectedContext);
    // It is the rule that refuses it: the signature holds.
    let mut expected = world.expected(Format::LdpVc);
    let list = swapped["@context"].as_array().unwrap().clone();
    expected.context_list = Some(&list);
    verify(swapped.to_string().as_bytes(), &expected).unwrap();
    assert_eq!(verify(good.to_string().as_bytes(), &expected).unwrap_err(), VerifyError::UnexpectedContext);
}

/// A node may be spoken of in several places, so an expiry can move to where the credential is only mentioned.
#[test]
fn an_expiry_cannot_move_below_another_member() {
    let world = world();
    let mut unsigned = credential(&world, CREDENTIALS_V2);
    unsigned["credentialSubject"]["knows"] = unsigned["id"].clone();
    let secured = secure(&world, &unsigned);
    judge(&world, &secured).unwrap();
    let expiry = json!({"@type": "http://www.w3.org/2001/XMLSchema#dateTime", "@value": secured["validUntil"]});
    let mut moved = with(secured, "/validUntil", None);
    let mention = json!({"id": unsigned["id"], "https://www.w3.org/2018/credentials#validUntil": expiry});
    moved["credentialSubject"]["knows"] = mention;
    assert_eq!(judge(&world, &moved).unwrap_err(), VerifyError::Ambiguous("validUntil"));
}

/// Two subjects in the statements, one of them in the JSON.
#[test]
fn a_second_subject_cannot_hide() {
    let world = world();
    let mut unsigned = credential(&world, CREDENTIALS_V2);
    let second = json!({"@id": "did:example:eve", "givenName": "Eve"});
    unsigned["https://www.w3.org/2018/credentials#credentialSubject"] = second;
    assert_eq!(judge(&world, &secure(&world, &unsigned)).unwrap_err(), VerifyError::Ambiguous("credentialSubject"));
    let mut unsigned = credential(&world, CREDENTIALS_V2);
    unsigned["https://www.w3.org/2018/credentials#issuer"] = json!({"@id": "did:web:other.example"});
    assert_eq!(judge(&world, &secure(&world, &unsigned)).unwrap_err(), VerifyError::Ambiguous("issuer"));
    let mut unsigned = credential(&world, CREDENTIALS_V2);
    unsigned["https://w3id.org/security#proof"] = json!({"@id": "urn:proof"});
    assert_eq!(judge(&world, &secure(&world, &unsigned)).unwrap_err(), VerifyError::Ambiguous("proof"));
    let mut unsigned = credential(&world, CREDENTIALS_V2);
    let inner = json!({"id": "urn:inner", "type": "VerifiableCredential", "issuer": "did:web:a", "credentialSubject": {"id": "did:example:b"}});
    unsigned["credentialSubject"]["ex:holds"] = inner;
    let refused = judge(&world, &secure(&world, &unsigned)).unwrap_err();
    assert_eq!(refused, VerifyError::Malformed("it holds no credential, or a credential inside another"));
}

/// A context that takes `did` for a prefix turns every DID into another name.
#[test]
fn names_cannot_be_expanded_into_others() {
    let prefix = json!({"@context": {
        "FarmerCredential": "https://example.org/FarmerCredential",
        "givenName": "https://example.org/givenName",
        "familyName": "https://example.org/familyName",
        "did": {"@id": "https://example.org/did/", "@prefix": true},
    }});
    let contexts = Contexts::with([("https://example.org/farmers/v1", &prefix)]).unwrap();
    let world = World { contexts, ..World::new() };
    let secured = secure(&world, &credential(&world, CREDENTIALS_V2));
    assert_eq!(judge(&world, &secured).unwrap_err(), VerifyError::Ambiguous("issuer"));
}
