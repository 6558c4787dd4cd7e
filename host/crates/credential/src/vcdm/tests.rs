use serde_json::json;

use super::*;
use crate::jsonld::{CanonicalHash, Contexts, JsonLdError, to_canonical_quads};

fn v2() -> Value {
    json!({
        "@context": [CREDENTIALS_V2],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential"],
        "issuer": {"id": "did:web:issuer.example", "name": {"@value": "Amt", "@language": "de"}},
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2026-01-01T01:00:00+00:30",
        "credentialSubject": [{"id": "did:example:a", "name": "x"}, {"name": "y"}],
        "credentialStatus": {"type": "BitstringStatusListEntry"},
        "name": "A name",
    })
}

fn v1() -> Value {
    json!({
        "@context": [CREDENTIALS_V1],
        "type": "VerifiableCredential",
        "issuer": "did:web:issuer.example",
        "issuanceDate": "2026-01-01T00:00:00.123Z",
        "credentialSubject": {"id": "did:example:a"},
    })
}

fn check(credential: &Value) -> Result<DataModel, VcdmError> {
    super::check(credential.as_object().unwrap())
}

fn with(mut credential: Value, member: &str, value: Value) -> Value {
    credential[member] = value;
    credential
}

/// Each of the values makes an error at that path.
fn refuses(credential: &Value, member: &str, path: &str, values: impl IntoIterator<Item = Value>) {
    for value in values {
        let changed = with(credential.clone(), member, value);
        assert_eq!(check(&changed).map_err(|error| error.path), Err(path.to_owned()), "{}", changed[member]);
    }
}

fn accepts(credential: &Value, member: &str, values: impl IntoIterator<Item = Value>) {
    for value in values {
        let changed = with(credential.clone(), member, value);
        assert!(check(&changed).is_ok(), "{}: {:?}", changed[member], check(&changed));
    }
}

#[test]
fn credentials_of_both_versions_are_told_apart_by_their_first_context() {
    assert_eq!(check(&v2()).unwrap(), DataModel::V2_0);
    assert_eq!(check(&v1()).unwrap(), DataModel::V1_1);
    let v3 = "https://www.w3.org/ns/credentials/v3";
    let none = [json!(null), json!(true), json!(4), json!({}), json!([]), json!(CREDENTIALS_V2), json!([v3])];
    refuses(&v2(), "@context", "@context", none);
    refuses(&v2(), "@context", "@context", [json!([format!("{CREDENTIALS_V2}/"), CREDENTIALS_V2]), json!([{}])]);
}

#[test]
fn what_must_be_there_must_be_there() {
    for (credential, members) in [
        (v2(), &["@context", "type", "issuer", "credentialSubject"][..]),
        (v1(), &["@context", "type", "issuer", "credentialSubject", "issuanceDate"]),
    ] {
        for member in members {
            let mut without = credential.clone();
            without.as_object_mut().unwrap().remove(*member);
            assert_eq!(check(&without).unwrap_err().path, *member);
        }
    }
    for member in ["id", "validFrom", "validUntil", "credentialStatus", "name"] {
        let mut without = v2();
        without.as_object_mut().unwrap().remove(member);
        assert!(check(&without).is_ok(), "{member} is optional");
    }
}

#[test]
fn contexts_are_urls_and_objects() {
    let second = |context: Value| json!([CREDENTIALS_V2, context]);
    let wrong = [json!(null), json!(true), json!(123_192_875), json!([]), json!("x"), json!("https ://no.url/v1")];
    refuses(&v2(), "@context", "@context[1]", wrong.map(second));
    let wrong = [json!({"foo": true}), json!({"foo": 4}), json!({"foo": ["https://example.org/foo"]})];
    refuses(&v2(), "@context", "@context[1].foo", wrong.map(second));
    let third = json!([CREDENTIALS_V2, {"own": "https://example.org/own"}, {"bar": "urn:bar", "foo": false}]);
    refuses(&v2(), "@context", "@context[2].foo", [third]);
    let good = [
        json!("https://example.org/v1"),
        json!({}),
        json!({"@vocab": "https://example.org/#", "@protected": true, "@version": 1.1}),
        json!({"own": "https://example.org/own", "other": {"@id": "https://example.org/other"}}),
    ];
    accepts(&v2(), "@context", good.map(second));
}

#[test]
fn ids_and_issuers_are_urls() {
    let wrong = [json!(null), json!(true), json!(4), json!([]), json!({}), json!(""), json!("no url"), json!("/a")];
    refuses(&v2(), "id", "id", wrong.clone());
    refuses(&v2(), "id", "id", [json!(["urn:a:b", "urn:c:d"])]);
    refuses(&v2(), "issuer", "issuer", wrong.clone().into_iter().filter(|value| !value.is_object()));
    refuses(&v2(), "issuer", "issuer.id", [json!({}), json!({"name": "x"})]);
    refuses(&v2(), "issuer", "issuer.id", wrong.map(|id| json!({"id": id})));
    accepts(&v2(), "id", [json!("https://a.example/1"), json!("did:example:a"), json!("urn:uuid:0")]);
    accepts(&v2(), "issuer", [json!("did:web:a.example"), json!({"id": "https://a.example", "image": 4})]);
}

#[test]
fn types_are_texts() {
    let wrong = [json!(null), json!(true), json!(4), json!([]), json!({}), json!("Other"), json!(["Other"])];
    refuses(&v2(), "type", "type", wrong);
    let items = [json!(null), json!(true), json!(4), json!([]), json!({})];
    refuses(&v2(), "type", "type", items.map(|item| json!(["VerifiableCredential", item])));
    let url = "https://example.org/#Type";
    accepts(&v2(), "type", [json!("VerifiableCredential"), json!([url, "VerifiableCredential"])]);
}

#[test]
fn validity_has_two_ends_with_zones() {
    let wrong = [
        json!(null),
        json!(4),
        json!([]),
        json!(""),
        json!("2026"),
        json!("2026-01-01"),
        json!("2026-01-01T00:00:00"),
        json!("2026-01-01 00:00:00Z"),
        json!("2026-01-01t00:00:00z"),
        json!("2026-13-01T00:00:00Z"),
        json!("2026-02-30T00:00:00Z"),
        json!("2026-01-01T25:00:00Z"),
        json!("2026-01-01T00:60:00Z"),
        json!("2025-12-31T23:59:60Z"),
        json!("2026-01-01T00:00:00+14:01"),
        json!("2026-01-01T00:00:00+0100"),
        json!(["2026-01-01T00:00:00Z"]),
    ];
    refuses(&v2(), "validFrom", "validFrom", wrong.clone());
    refuses(&v2(), "validUntil", "validUntil", wrong.clone());
    refuses(&v1(), "issuanceDate", "issuanceDate", wrong);
    refuses(&v2(), "validUntil", "validUntil", [json!("2025-12-31T23:59:59Z"), json!("2026-01-01T00:59:59+01:00")]);
    accepts(&v2(), "validUntil", [json!("2026-01-01T00:00:00Z"), json!("2026-01-01T14:00:00+14:00")]);
    accepts(&v2(), "validFrom", [json!("2026-01-01T00:29:59.5Z"), json!("2025-12-31T10:00:00-14:00")]);
    // Those of the other version.
    let time = "2026-01-01T00:00:00Z";
    for (credential, member) in
        [(v2(), "issuanceDate"), (v2(), "expirationDate"), (v1(), "validFrom"), (v1(), "validUntil")]
    {
        refuses(&credential, member, member, [json!(time)]);
    }
}

#[test]
fn subjects_have_claims() {
    let wrong = [
        json!(null),
        json!(true),
        json!(4),
        json!([]),
        json!({}),
        json!("did:example:a"),
        json!([{}]),
        json!([null]),
        json!([{"name": "x"}, {}]),
        json!(["did:example:a"]),
        json!([[{"name": "x"}]]),
    ];
    refuses(&v2(), "credentialSubject", "credentialSubject", wrong.clone());
    refuses(&v1(), "credentialSubject", "credentialSubject", wrong);
    let ids = [json!(null), json!(4), json!([]), json!("a"), json!(["did:example:a"])];
    let path = "credentialSubject[1].id";
    refuses(&v2(), "credentialSubject", path, ids.clone().map(|id| json!([{"name": "x"}, {"id": id}])));
    refuses(&v2(), "credentialSubject", "credentialSubject.id", ids.map(|id| json!({"id": id})));
}

#[test]
fn what_needs_a_type_has_one() {
    let id = "https://a.example/1";
    for member in [
        "credentialStatus",
        "credentialSchema",
        "refreshService",
        "termsOfUse",
        "evidence",
        "renderMethod",
        "confidenceMethod",
    ] {
        let wrong = [json!(null), json!(true), json!(4), json!("x"), json!([]), json!({}), json!({"id": id})];
        refuses(&v2(), member, member, wrong);
        let types = [json!(null), json!(2), json!(""), json!([]), json!([2]), json!({})];
        refuses(&v2(), member, member, types.map(|kind| json!({"id": id, "type": kind})));
        let second = format!("{member}[1]");
        refuses(&v2(), member, &second, [json!([{"id": id, "type": "A"}, {"id": id}])]);
        let ids = [json!(null), json!(4), json!("no url"), json!([id])];
        refuses(&v2(), member, &format!("{member}.id"), ids.map(|id| json!({"id": id, "type": "A"})));
        accepts(&v2(), member, [json!({"id": id, "type": "A"}), json!([{"id": id, "type": ["A", "B"]}])]);
    }
    let bare = json!({"type": "A"});
    for member in ["credentialStatus", "refreshService", "termsOfUse", "evidence", "renderMethod"] {
        accepts(&v2(), member, [bare.clone()]);
    }
    refuses(&v2(), "credentialSchema", "credentialSchema.id", [bare.clone()]);
    for member in ["credentialStatus", "credentialSchema", "refreshService"] {
        refuses(&v1(), member, &format!("{member}.id"), [bare.clone()]);
    }
}

#[test]
fn names_are_texts_with_a_language_and_a_direction() {
    let wrong = [
        json!(null),
        json!(true),
        json!(4),
        json!({}),
        json!([]),
        json!(["x"]),
        json!([4]),
        json!({"@language": "en"}),
        json!({"@value": 4}),
        json!({"@value": "x", "@language": 5}),
        json!({"@value": "x", "@direction": "up"}),
        json!({"@value": "x", "@direction": null}),
        json!({"@value": "x", "@language": "en", "url": "y"}),
        json!({"@value": "x", "@type": "y"}),
        json!([{"@value": "x"}, "y"]),
        json!([{"@value": "x"}, {}]),
    ];
    let right = [
        json!("x"),
        json!({"@value": "x"}),
        json!({"@value": "x", "@language": "en"}),
        json!({"@value": "x", "@language": "ar", "@direction": "rtl"}),
        json!([{"@value": "Dog", "@language": "en"}, {"@value": "Chien", "@language": "fr", "@direction": "ltr"}]),
    ];
    for member in ["name", "description"] {
        let of_issuer = |value: Value| json!({"id": "did:web:issuer.example", member: value});
        refuses(&v2(), member, member, wrong.clone());
        refuses(&v2(), "issuer", &format!("issuer.{member}"), wrong.clone().map(of_issuer));
        accepts(&v2(), member, right.clone());
        accepts(&v2(), "issuer", right.clone().map(of_issuer));
    }
}

#[test]
fn a_proof_comes_later() {
    for credential in [v1(), v2()] {
        refuses(&credential, "proof", "proof", [json!({}), json!(null), json!([])]);
    }
}

#[test]
fn related_resources_have_an_id_and_digests() {
    let id = "https://a.example/r";
    let sri = "sha256-WZVc7WaX1h4D8rJVb+vlMI+rFoQoRvW1htf38a3sknQ=";
    let member = "relatedResource";
    refuses(&v2(), member, member, [json!([]), json!({"id": id}), json!({"id": id, "digest": sri})]);
    let wrong =
        [json!(null), json!(4), json!(id), json!({}), json!({"digestSRI": sri}), json!({"id": "a", "digestSRI": sri})];
    refuses(&v2(), member, "relatedResource.id", wrong);
    refuses(&v2(), member, "relatedResource[0].id", [json!([id])]);
    let one = json!({"id": id, "digestSRI": sri});
    refuses(&v2(), member, "relatedResource[1].id", [json!([one, {"id": id, "digestSRI": sri, "mediaType": "a/b"}])]);
    let wrong =
        [json!(null), json!(4), json!(""), json!("json"), json!("/json"), json!("a/"), json!("a b/c"), json!([])];
    let typed = |kind: Value| json!({"id": id, "digestSRI": sri, "mediaType": kind});
    refuses(&v2(), member, "relatedResource.mediaType", wrong.map(typed));
    let good = ["application/json", "application/vnd.a+json", "text/html; charset=utf-8"];
    accepts(&v2(), member, good.map(|kind| typed(json!(kind))));
    accepts(&v2(), member, [one.clone(), json!([one, {"id": "urn:a:b", "digestSRI": sri}])]);
}

#[test]
fn digests_can_be_somebodys() {
    let sri = |value: Value| json!({"id": "https://a.example/r", "digestSRI": value});
    let wrong = [
        json!(null),
        json!(4),
        json!([]),
        json!([4]),
        json!(""),
        json!(" "),
        json!("sha256"),
        json!("sha256-"),
        json!("sha256-abc123"),
        json!("md5-AAAA"),
        json!(format!("sha1-{}", "A".repeat(43))),
        json!(format!("SHA256-{}", "A".repeat(43))),
        json!(format!("sha384-{}", "A".repeat(63))),
        json!(format!("sha512-{}", "A".repeat(85))),
        json!(format!("sha256-{}===", "A".repeat(43))),
        json!(format!("sha256-{}=A", "A".repeat(43))),
        json!(format!("sha256-{}!", "A".repeat(43))),
        json!(format!("sha256-{}= x", "A".repeat(43))),
        json!([format!("sha256-{}=", "A".repeat(43)), "x"]),
    ];
    refuses(&v2(), "relatedResource", "relatedResource.digestSRI", wrong.map(sri));
    accepts(
        &v2(),
        "relatedResource",
        [
            // From the test suite of the data model: hexadecimal, one character too many, and as it should be.
            sri(json!("sha256-ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356")),
            sri(json!("sha256-MIwhzJyufmsjiGS1qP0waCmFb0gKa5ZGBI0ZZtfQo9Ls=")),
            sri(json!("sha384-zNNbQTWCSUSi0bbz7dbua+RcENv7C6FvlmYJ1Y+I727HsPOHdzwELMYO9Mz68M26")),
            sri(json!(format!("sha256-{}= sha512-{}==", "A".repeat(43), "_".repeat(86)))),
            sri(json!([format!("sha256-{}", "A".repeat(43))])),
        ],
    );
    let multibase = |value: Value| json!({"id": "https://a.example/r", "digestMultibase": value});
    let url = |bytes: &[u8]| format!("u{}", base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, bytes));
    let hash = |code: u8, length: u8, bytes: usize| [&[code, length][..], &vec![7; bytes]].concat();
    let wrong = [
        json!(null),
        json!(4),
        json!([]),
        json!(""),
        json!("!"),
        json!("u"),
        json!("z"),
        json!("uEi"),
        json!("u=="),
        // From the test suite, too: no multihash.
        json!("uZTQ0MjM1NiAgcmVwb3J0cc5jZWxhdGVkLXJlc291cmNlLmpzb24K"),
        json!("uEres1usWcWCmW7uolIW2uA0CjQ8iRV14eGaZStJL73Vz"),
        json!(url(&hash(0x12, 32, 31))),
        json!(url(&hash(0x12, 32, 33))),
        json!(url(&hash(0x12, 31, 31))),
        json!(url(&hash(0x11, 20, 20))),
        json!(format!("f1220{}", "07".repeat(32))),
        json!(format!("z{}", "0".repeat(46))),
        json!(format!("z{}", "2".repeat(MAX_TEXT))),
        json!("é"),
    ];
    refuses(&v2(), "relatedResource", "relatedResource.digestMultibase", wrong.map(multibase));
    let good = [(0x12, 32), (0x20, 48), (0x13, 64), (0x16, 32), (0x15, 48), (0x14, 64)];
    accepts(
        &v2(),
        "relatedResource",
        good.map(|(code, length)| multibase(json!(url(&hash(code, length, usize::from(length)))))),
    );
    accepts(
        &v2(),
        "relatedResource",
        [
            multibase(json!("uEiAjCHMnK5-ayOIZLWo_TBoKYVvSAprlkYEjRlm19Cj0uw")),
            multibase(json!(["zQmWvQxTqbG2Z9HPJgG57jjwR154cKhbtJenbyYTWkjgF3e"])),
            multibase(json!(format!("z{}", bs58::encode(hash(0x13, 64, 64)).into_string()))),
        ],
    );
    // Both are there: both must hold.
    let both = json!({"id": "urn:a:b", "digestSRI": "x", "digestMultibase": url(&hash(0x12, 32, 32))});
    refuses(&v2(), "relatedResource", "relatedResource.digestSRI", [both]);
}

/// Far more than any digest takes.
const MAX_TEXT: usize = 100_000;

/// What the data model leaves to JSON-LD, JSON-LD does: undefined terms and types, and contexts.
#[test]
fn json_ld_refuses_the_rest_and_says_where() {
    let refused = |credential: &Value| {
        assert!(check(credential).is_ok(), "{credential}");
        to_canonical_quads(credential, &Contexts::bundled(), CanonicalHash::Sha256).unwrap_err()
    };
    let error = refused(&with(v2(), "type", json!(["VerifiableCredential", "Undefined"])));
    let name = "Undefined".to_owned();
    assert_eq!(error, JsonLdError::UndefinedName { path: "$.type[1]".to_owned(), name });
    let error = refused(&with(v2(), "undefined", json!("x")));
    let term = "undefined".to_owned();
    assert_eq!(error, JsonLdError::UndefinedTerm { path: "$.undefined".to_owned(), term: term.clone() });
    let error = refused(&with(v2(), "credentialSubject", json!({"name": "x", "undefined": {"a": 1}})));
    assert!(
        matches!(error, JsonLdError::UndefinedTerm { path, .. } if path.starts_with("$.credentialSubject.undefined"))
    );
    let error = refused(&with(v2(), "evidence", json!([{"type": "Undefined"}])));
    assert!(matches!(error, JsonLdError::UndefinedName { path, .. } if path == "$.evidence[0].type"));
    let error = refused(&with(v2(), "@context", json!([CREDENTIALS_V2, "https://unknown.example/v1"])));
    assert!(matches!(error, JsonLdError::UnknownContext { path, .. } if path == "$.@context[1]"));
    let error = refused(&with(v2(), "@context", json!([CREDENTIALS_V2, {"foo": null}])));
    assert!(matches!(error, JsonLdError::InlineContext { path, .. } if path == "$.@context[1]"));
    // A type that is mapped to no URL, and terms that are protected.
    for context in [
        json!([CREDENTIALS_V2, {"Mapped": "no url"}]),
        json!([CREDENTIALS_V2, {"VerifiableCredential": "https://example.org/#Bad"}]),
        json!([CREDENTIALS_V2, {"@protected": true, "Mapped": "urn:a:b"}, {"Mapped": "urn:c:d"}]),
    ] {
        let credential = with(v2(), "type", json!(["VerifiableCredential", "Mapped"]));
        refused(&with(credential, "@context", context));
    }
}
