use serde_json::{Map, Value, json};

use super::issue::write_disclosure;
use super::*;
use crate::ClaimPath;

const MAX: usize = 64 * 1024;
const HEADER: SdJwtHeader<'static> =
    SdJwtHeader { alg: "ES256", typ: TYP_DC_SD_JWT, kid: Some("did:web:i.example#k"), x5c: None };

/// The disclosures of RFC 9901 §5.1, as printed there, with their digests.
const RFC_DISCLOSURES: [(&str, &str); 10] = [
    ("WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd", "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4"),
    ("WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd", "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo"),
    (
        "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImVtYWlsIiwgImpvaG5kb2VAZXhhbXBsZS5jb20iXQ",
        "JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE",
    ),
    (
        "WyJlSThaV205UW5LUHBOUGVOZW5IZGhRIiwgInBob25lX251bWJlciIsICIrMS0yMDItNTU1LTAxMDEiXQ",
        "PorFbpKuVu6xymJagvkFsFXAbRoc2JGlAUA2BA4o7cI",
    ),
    (
        "WyJRZ19PNjR6cUF4ZTQxMmExMDhpcm9BIiwgInBob25lX251bWJlcl92ZXJpZmllZCIsIHRydWVd",
        "XQ_3kPKt1XyX7KANkqVR6yZ2Va5NrPIvPYbyMvRKBMM",
    ),
    (
        "WyJBSngtMDk1VlBycFR0TjRRTU9xUk9BIiwgImFkZHJlc3MiLCB7InN0cmVldF9hZGRyZXNzIjogIjEyMyBNYWluIFN0IiwgImxvY2FsaXR5IjogIkFueXRvd24iLCAicmVnaW9uIjogIkFueXN0YXRlIiwgImNvdW50cnkiOiAiVVMifV0",
        "XzFrzwscM6Gn6CJDc6vVK8BkMnfG8vOSKfpPIZdAfdE",
    ),
    (
        "WyJQYzMzSk0yTGNoY1VfbEhnZ3ZfdWZRIiwgImJpcnRoZGF0ZSIsICIxOTQwLTAxLTAxIl0",
        "gbOsI4Edq2x2Kw-w5wPEzakob9hV1cRD0ATN3oQL9JM",
    ),
    (
        "WyJHMDJOU3JRZmpGWFE3SW8wOXN5YWpBIiwgInVwZGF0ZWRfYXQiLCAxNTcwMDAwMDAwXQ",
        "CrQe7S5kqBAHt-nMYXgc6bdt2SH5aTY1sU_M-PgkjPI",
    ),
    ("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0", "pFndjkZ_VCzmyTa6UjlZo3dh-ko8aIKQc9DlGzhaVYo"),
    ("WyJuUHVvUW5rUkZxM0JJZUFtN0FuWEZBIiwgIkRFIl0", "7Cf6JkPudry3lcbwHgeZ8khAv1U1OSlerP0VkBJrWZ0"),
];

/// The payload of RFC 9901 §5.1.
fn rfc_payload() -> Value {
    let mut digests: Vec<&str> = RFC_DISCLOSURES[..8].iter().map(|(_, digest)| *digest).collect();
    digests.sort_unstable();
    json!({
        "_sd": digests,
        "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000, "sub": "user_42",
        "nationalities": [{"...": RFC_DISCLOSURES[8].1}, {"...": RFC_DISCLOSURES[9].1}],
        "_sd_alg": "sha-256",
    })
}

/// The claims of RFC 9901 §5.1 that its disclosures carry.
fn rfc_claims() -> Value {
    json!({
        "sub": "user_42", "given_name": "John", "family_name": "Doe", "email": "johndoe@example.com",
        "phone_number": "+1-202-555-0101", "phone_number_verified": true,
        "address": {"street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US"},
        "birthdate": "1940-01-01", "updated_at": 1_570_000_000, "nationalities": ["US", "DE"],
    })
}

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn frame(paths: Value) -> DisclosureFrame {
    DisclosureFrame::new(&serde_json::from_value::<Vec<ClaimPath>>(paths).unwrap()).unwrap()
}

fn counting_salts() -> impl FnMut(&mut [u8]) -> Result<(), SaltError> {
    let mut next = 0u8;
    move |block| {
        for salt in block.chunks_mut(SALT_LEN) {
            next += 1;
            salt.fill(next);
        }
        Ok(())
    }
}

fn prepare(claims: Value, paths: Value) -> Result<Prepared, SdJwtError> {
    let mut claims = map(claims);
    claims.insert("vct".to_owned(), json!("https://i.example/vct"));
    SdJwtVc::prepare(claims, &frame(paths), &HEADER, &mut counting_salts())
}

fn issue(claims: Value, paths: Value) -> String {
    prepare(claims, paths).unwrap().finish(&[7; 64])
}

fn sd_jwt(payload: &Value, disclosures: &[&str]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let tail: String = disclosures.iter().map(|disclosure| (*disclosure).to_owned() + "~").collect();
    format!("{}.{}.AA~{tail}", part(&json!({"alg": "ES256"})), part(payload))
}

fn payload(credential: &str) -> Value {
    let encoded = credential.split(['.', '~']).nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

fn paths_of(disclosed: &Disclosed) -> Vec<String> {
    disclosed.disclosed.iter().map(|claim| claim.path.to_string()).collect()
}

#[test]
fn rfc9901_digests() {
    for (disclosure, expected) in RFC_DISCLOSURES {
        assert_eq!(digest(disclosure), expected);
    }
}

#[test]
fn rfc9901_disclosure_encoding() {
    // RFC 9901 §4.2.1 prints this one among the equivalent spellings: ours, without white space.
    let mut out = Vec::new();
    write_disclosure(&mut out, "_26bc4LT-ac6q2KI6cBW5es", Some("family_name"), &json!("Möbius"));
    assert_eq!(URL_SAFE_NO_PAD.encode(&out), "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsImZhbWlseV9uYW1lIiwiTcO2Yml1cyJd");
}

#[test]
fn rfc9901_worked_example_discloses_its_claims() {
    let all: Vec<&str> = RFC_DISCLOSURES.iter().map(|(disclosure, _)| *disclosure).collect();
    let disclosed = Disclosed::parse(&sd_jwt(&rfc_payload(), &all), MAX).unwrap();
    let mut claims = disclosed.claims.clone();
    for name in ["iss", "iat", "exp"] {
        claims.remove(name).unwrap();
    }
    assert_eq!(Value::Object(claims), rfc_claims());
    assert_eq!((disclosed.disclosed.len(), disclosed.hidden, disclosed.key_binding), (10, 0, None));
}

#[test]
fn rfc9901_presentation_shows_only_what_was_picked() {
    // RFC 9901 §5.2: family name, address, given name and one nationality, with a key binding JWT.
    let picked = [1, 5, 0, 8].map(|index: usize| RFC_DISCLOSURES[index].0);
    let text = sd_jwt(&rfc_payload(), &picked) + "kb.jwt.sig";
    let disclosed = Disclosed::parse(&text, MAX).unwrap();
    assert_eq!(disclosed.claims["nationalities"], json!(["US"]));
    assert_eq!(disclosed.claims["given_name"], "John");
    assert!(!disclosed.claims.contains_key("email") && !disclosed.claims.contains_key("_sd"));
    assert_eq!(disclosed.hidden, 6);
    assert_eq!(disclosed.key_binding.as_deref(), Some("kb.jwt.sig"));
    let mut paths = paths_of(&disclosed);
    paths.sort_unstable();
    assert_eq!(paths, ["address", "family_name", "given_name", "nationalities[0]"]);
}

#[test]
fn rfc9901_claims_blind_to_the_same_structure() {
    let paths = json!([
        ["given_name"],
        ["family_name"],
        ["email"],
        ["phone_number"],
        ["phone_number_verified"],
        ["address"],
        ["birthdate"],
        ["updated_at"],
        ["nationalities", 0],
        ["nationalities", null]
    ]);
    let credential = issue(rfc_claims(), paths);
    let visible = payload(&credential);
    assert_eq!(visible["_sd"].as_array().unwrap().len(), 8);
    assert!(visible["_sd"].as_array().unwrap().is_sorted_by_key(|digest| digest.as_str()));
    assert_eq!(visible["_sd_alg"], "sha-256");
    assert_eq!(visible["sub"], "user_42");
    assert!(visible["nationalities"][1]["..."].is_string() && visible.get("email").is_none());
    assert!(credential.ends_with('~') && credential.matches('~').count() == 11);
    let mut claims = Disclosed::parse(&credential, MAX).unwrap().claims;
    claims.remove("vct").unwrap();
    assert_eq!(Value::Object(claims), rfc_claims());
}

#[test]
fn without_disclosable_claims_there_is_no_trace_of_the_mechanism() {
    for paths in [json!([]), json!([["absent"], ["a", "absent"], ["list", 9]])] {
        let credential = issue(json!({"a": {"b": 1}, "list": [1]}), paths);
        assert_eq!(payload(&credential), json!({"a": {"b": 1}, "list": [1], "vct": "https://i.example/vct"}));
        assert!(credential.ends_with(&format!(".{}~", URL_SAFE_NO_PAD.encode([7; 64]))));
        assert_eq!(credential.matches('~').count(), 1);
    }
}

#[test]
fn structured_and_recursive_disclosures() {
    let claims = json!({"address": {"street": "s", "country": "US"}, "sub": "x"});
    let structured = issue(claims.clone(), json!([["address", "street"]]));
    assert_eq!(payload(&structured)["address"]["country"], "US");
    assert_eq!(payload(&structured)["address"]["_sd"].as_array().unwrap().len(), 1);
    assert!(payload(&structured).get("_sd").is_none(), "only the place where something is hidden");
    assert_eq!(payload(&structured)["_sd_alg"], "sha-256");

    let recursive = issue(claims.clone(), json!([["address"], ["address", "street"], ["address", "country"]]));
    assert!(payload(&recursive).get("address").is_none());
    let disclosed = Disclosed::parse(&recursive, MAX).unwrap();
    assert_eq!(disclosed.claims["address"], claims["address"]);
    assert_eq!(disclosed.disclosed.len(), 3);
    // The child without its parent belongs to nothing that is signed.
    let parts: Vec<&str> = recursive.split('~').collect();
    let orphan = format!("{}~{}~", parts[0], parts[1]);
    assert_eq!(Disclosed::parse(&orphan, MAX), Err(DisclosedError::UnmatchedDisclosure(0)));
}

#[test]
fn members_inside_array_elements() {
    let claims = json!({"degrees": [{"type": "BSc", "year": 1}, {"type": "MSc", "year": 2}, null]});
    let credential = issue(claims.clone(), json!([["degrees", null, "type"], ["degrees", 1]]));
    let degrees = &payload(&credential)["degrees"];
    assert_eq!(degrees[0]["year"], 1);
    assert!(degrees[0]["_sd"].is_array() && degrees[1]["..."].is_string() && degrees[2].is_null());
    let disclosed = Disclosed::parse(&credential, MAX).unwrap();
    assert_eq!(disclosed.claims["degrees"], claims["degrees"]);
    assert_eq!(paths_of(&disclosed), ["degrees[0].type", "degrees[1]", "degrees[1].type"]);
}

#[test]
fn claims_that_verifiers_must_see_are_never_disclosable() {
    let refuse = |path: Value| DisclosureFrame::new(&[serde_json::from_value(path).unwrap()]).unwrap_err();
    for claim in ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"] {
        assert_eq!(refuse(json!([claim])), SdJwtError::NeverDisclosable(claim.to_owned()).clone());
    }
    assert_eq!(refuse(json!(["cnf", "jwk", "x"])), SdJwtError::NeverDisclosable("cnf.jwk.x".to_owned()));
    assert_eq!(refuse(json!([null])), SdJwtError::NotAnObjectPath("[*]".to_owned()));
    for name in ["_sd", "_sd_alg", "..."] {
        assert!(matches!(refuse(json!(["a", name])), SdJwtError::ReservedName(_)));
    }
    frame(json!([["sub"], ["iat"], ["address", "exp"]]));
}

#[test]
fn reserved_names_in_claims_are_refused_at_every_depth() {
    for claims in [
        json!({"_sd": []}),
        json!({"_sd_alg": "sha-256"}),
        json!({"a": [{"b": {"_sd": ["x"]}}]}),
        json!({"a": [{"...": "digest"}]}),
    ] {
        assert!(matches!(prepare(claims, json!([])), Err(SdJwtError::ReservedName(_))));
    }
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(prepare(json!({"deep": deep}), json!([])).unwrap_err(), SdJwtError::TooDeep);
}

#[test]
fn a_claim_of_another_shape_is_refused_rather_than_shown() {
    let error = prepare(json!({"address": "12 Main St"}), json!([["address", "street"]])).unwrap_err();
    assert_eq!(error.to_string(), "the disclosable claims path does not fit the claims: $.address is not an object");
    assert!(!error.to_string().contains("Main"));
    let error = prepare(json!({"a": {"b": {"0": 1}}}), json!([["a", "b", 0]])).unwrap_err();
    assert_eq!(error, SdJwtError::PathMismatch { at: "$.a.b".to_owned(), expected: "an array" });
    assert!(prepare(json!({"address": null}), json!([["address", "street"]])).is_ok());
}

#[test]
fn vct_salts_and_counts_are_checked() {
    let make = |claims: Value, salts: &mut dyn FnMut(&mut [u8]) -> Result<(), SaltError>| {
        SdJwtVc::prepare(map(claims), &frame(json!([["list", null]])), &HEADER, salts).map(|_| ())
    };
    for claims in [json!({}), json!({"vct": ""}), json!({"vct": 1})] {
        assert_eq!(make(claims, &mut counting_salts()), Err(SdJwtError::MissingVct));
    }
    let full = json!({"vct": "v", "list": vec![0; MAX_DISCLOSURES + 1]});
    assert_eq!(make(full, &mut |_| Ok(())), Err(SdJwtError::TooManyDisclosures));
    let one = json!({"vct": "v", "list": [1]});
    assert_eq!(make(one, &mut |_| Err(SaltError)), Err(SdJwtError::Salt(SaltError)));
}

#[test]
fn every_disclosure_has_its_own_salt() {
    let credential = issue(json!({"list": vec![1; 40]}), json!([["list", null]]));
    let mut salts: Vec<String> = credential
        .split('~')
        .skip(1)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let parts: Vec<Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
            parts[0].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(salts.iter().all(|salt| URL_SAFE_NO_PAD.decode(salt).unwrap().len() == SALT_LEN));
    salts.sort_unstable();
    salts.dedup();
    assert_eq!(salts.len(), 40);
}

#[test]
fn the_header_and_hostile_values_survive_exactly() {
    let hostile = json!({"name": "\"}],~.\u{0000}\u{2028}{{ x }}", "k\"~\n": {"~": ["~", 1.5, -0.0, u64::MAX]}});
    let credential = issue(hostile.clone(), json!([["name"], ["k\"~\n"]]));
    let disclosed = Disclosed::parse(&credential, MAX).unwrap();
    assert_eq!(disclosed.claims["name"], hostile["name"]);
    assert_eq!(disclosed.claims["k\"~\n"], hostile["k\"~\n"]);
    assert_eq!(
        Value::Object(disclosed.header),
        json!({"alg": "ES256", "typ": "dc+sd-jwt", "kid": "did:web:i.example#k"})
    );
    let x5c = ["MIIB".to_owned()];
    let header = SdJwtHeader { kid: None, x5c: Some(&x5c), typ: TYP_VC_SD_JWT, ..HEADER };
    assert_eq!(serde_json::to_string(&header).unwrap(), r#"{"alg":"ES256","typ":"vc+sd-jwt","x5c":["MIIB"]}"#);
}

#[test]
fn malformed_sd_jwts_are_refused() {
    use DisclosedError as E;
    let good = RFC_DISCLOSURES[0];
    let refuse =
        |payload: Value, disclosures: &[&str]| Disclosed::parse(&sd_jwt(&payload, disclosures), MAX).unwrap_err();
    let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    assert_eq!(Disclosed::parse("", MAX), Err(E::NotAnSdJwt));
    assert_eq!(Disclosed::parse("a.b.c", MAX), Err(E::NotAnSdJwt));
    assert_eq!(Disclosed::parse("a.b~", MAX), Err(E::NotAnSdJwt));
    assert_eq!(Disclosed::parse("a.b.c~", MAX), Err(E::BadJwt));
    assert_eq!(Disclosed::parse("aaaa", 3), Err(E::TooLong { max: 3 }));
    assert_eq!(refuse(json!({}), &[good.0]), E::UnmatchedDisclosure(0));
    assert_eq!(refuse(json!({"_sd": [good.1]}), &[good.0, good.0]), E::UnmatchedDisclosure(1));
    assert_eq!(refuse(json!({"_sd": [good.1, good.1]}), &[good.0]), E::RepeatedDigest);
    assert_eq!(refuse(json!({"_sd": [good.1], "given_name": "x"}), &[good.0]), E::ClashingClaim);
    assert_eq!(refuse(json!({"_sd": good.1}), &[good.0]), E::BadDigest);
    assert_eq!(refuse(json!({"a": [{"...": good.1, "b": 1}]}), &[]), E::BadDigest);
    assert_eq!(refuse(json!({"a": [{"...": good.1}]}), &[good.0]), E::BadDisclosure(0));
    assert_eq!(refuse(json!({"_sd_alg": "md5"}), &[]), E::DigestAlgorithm);
    for bad in [json!(["s"]), json!(["s", 1, 2]), json!([1, "n", 2]), json!(["s", "n", 2, 3]), json!({})] {
        assert_eq!(refuse(json!({}), &[&encoded(bad)]), E::BadDisclosure(0));
    }
    let reserved = encoded(json!(["s", "_sd", ["x"]]));
    assert_eq!(refuse(json!({"_sd": [digest(&reserved)]}), &[&reserved]), E::ClashingClaim);
}

#[test]
fn a_chain_of_disclosures_cannot_exhaust_the_stack() {
    let mut disclosures = vec![URL_SAFE_NO_PAD.encode(json!(["s", 1]).to_string())];
    for _ in 0..2000 {
        let inner = digest(disclosures.last().unwrap());
        disclosures.push(URL_SAFE_NO_PAD.encode(json!(["s", [{"...": inner}]]).to_string()));
    }
    let root = json!({"a": [{"...": digest(disclosures.last().unwrap())}]});
    let texts: Vec<&str> = disclosures.iter().map(String::as_str).collect();
    assert_eq!(Disclosed::parse(&sd_jwt(&root, &texts), usize::MAX), Err(DisclosedError::TooDeep));
}

#[test]
fn debug_shows_no_values() {
    let disclosed = Disclosed::parse(&issue(json!({"name": "Ada"}), json!([["name"]])), MAX).unwrap();
    let text = format!("{disclosed:?} {:?}", prepare(json!({"name": "Ada"}), json!([])).unwrap());
    assert!(text.contains("name") && !text.contains("Ada") && !text.contains("QWRh"));
}
