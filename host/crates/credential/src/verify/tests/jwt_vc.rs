use super::*;
use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2};

fn header(typ: &str) -> Value {
    json!({"alg": "EdDSA", "typ": typ, "kid": "did:web:issuer.example#ed"})
}

fn vc_claim(world: &World) -> Value {
    let did = did::did_key(&world.holder_key);
    json!({
        "iss": ISSUER, "sub": did, "nbf": NOW - 100, "exp": NOW + YEAR, "jti": "urn:uuid:a",
        "vc": {
            "@context": [CREDENTIALS_V1, "https://example.org/never-fetched/v1"],
            "type": ["VerifiableCredential", "FarmerCredential"],
            "credentialSubject": {"id": did, "name": "Ada"},
        },
    })
}

fn vc_jwt(world: &World) -> Value {
    json!({
        "@context": [CREDENTIALS_V2],
        "type": ["VerifiableCredential", "FarmerCredential"],
        "issuer": {"id": ISSUER},
        "validFrom": "2025-12-01T00:00:00Z",
        "validUntil": "2026-12-01T00:00:00Z",
        "credentialSubject": {"id": did::did_key(&world.holder_key), "name": "Ada"},
        "iat": NOW - 100, "exp": NOW + 1000,
    })
}

fn judge(world: &World, format: Format, typ: &str, claims: &Value) -> Result<Verified, VerifyError> {
    let text = jws(&world.ed, &header(typ).to_string(), &claims.to_string());
    verify(text.as_bytes(), &world.expected(format))
}

pub(super) fn good(world: &World) -> [(Format, String); 2] {
    let make = |typ: &str, claims: &Value| jws(&world.ed, &header(typ).to_string(), &claims.to_string());
    [(Format::JwtVcJson, make("JWT", &vc_claim(world))), (Format::VcJwt, make("vc+jwt", &vc_jwt(world)))]
}

#[test]
fn both_kinds_are_verified() {
    let world = World::new();
    let verified = judge(&world, Format::JwtVcJson, "JWT", &vc_claim(&world)).unwrap();
    assert_eq!((verified.issuer.as_str(), verified.key_id.as_str()), (ISSUER, "did:web:issuer.example#ed"));
    assert_eq!(verified.valid_from, DateTime::from_timestamp(NOW - 100, 0));
    assert_eq!(verified.valid_until, DateTime::from_timestamp(NOW + YEAR, 0));
    assert_eq!(verified.types, ["VerifiableCredential", "FarmerCredential"]);
    assert_eq!(verified.holder, Binding::Bound);

    let verified = judge(&world, Format::VcJwt, "vc+jwt", &vc_jwt(&world)).unwrap();
    // The narrower of what the JWT and the credential say.
    assert_eq!(verified.valid_from, DateTime::from_timestamp(NOW - 100, 0));
    assert_eq!(verified.valid_until, DateTime::from_timestamp(NOW + 1000, 0));
    assert_eq!(verified.holder, Binding::Bound);
}

#[test]
fn what_many_issuers_leave_out_may_be_absent() {
    let world = World::new();
    let claims = vc_claim(&world);
    for (pointer, value) in [
        ("/vc/credentialSubject/id", None),
        ("/sub", None),
        ("/exp", None),
        ("/jti", None),
        ("/vc/issuer", Some(json!({"id": ISSUER, "name": "Amt"}))),
        ("/vc/issuanceDate", Some(json!("2025-12-31T23:58:20Z"))),
        ("/vc/expirationDate", Some(json!("2027-01-01T00:00:00Z"))),
        ("/cnf", Some(json!({"jwk": world.holder_key.to_jwk()}))),
    ] {
        let claims = with(claims.clone(), pointer, value);
        assert_eq!(judge(&world, Format::JwtVcJson, "JWT", &claims).unwrap().holder, Binding::Bound, "{pointer}");
    }
    let untyped = json!({"alg": "EdDSA", "kid": "ed"});
    let text = jws(&world.ed, &untyped.to_string(), &with(claims, "/nbf", None).to_string());
    let refused = verify(text.as_bytes(), &world.expected(Format::JwtVcJson)).unwrap_err();
    assert!(matches!(refused, VerifyError::Model(_)), "an issuance date must come from somewhere: {refused}");
    let text = jws(&world.ed, &untyped.to_string(), &vc_claim(&world).to_string());
    verify(text.as_bytes(), &world.expected(Format::JwtVcJson)).unwrap();
}

#[test]
fn vc_claims_that_do_not_fit_are_refused() {
    let world = World::new();
    let other = json!(did::did_key(world.stranger.public_key()));
    let no_vc = || VerifyError::Malformed("it has no claim vc that is an object");
    let differ = || VerifyError::Malformed("sub and credentialSubject.id differ");
    for (pointer, value, error) in [
        ("/iss", Some(json!("did:web:evil.example")), VerifyError::UntrustedIssuer("did:web:evil.example".into())),
        ("/iss", None, VerifyError::Malformed("it has no text claim iss")),
        ("/vc", None, no_vc()),
        ("/vc", Some(json!("x")), no_vc()),
        ("/vc/issuer", Some(json!("did:web:other.example")), VerifyError::IssuerMismatch),
        ("/vc/issuer", Some(json!({"id": "did:web:other.example"})), VerifyError::IssuerMismatch),
        ("/vc/type", Some(json!(["VerifiableCredential"])), VerifyError::WrongType("FarmerCredential".into())),
        ("/sub", Some(other.clone()), differ()),
        ("/vc/credentialSubject/id", Some(other.clone()), differ()),
        ("/nbf", Some(json!(NOW + 61)), VerifyError::NotYetValid("nbf")),
        ("/exp", Some(json!(NOW - 60)), VerifyError::Expired("exp")),
        ("/vc/issuanceDate", Some(json!("2026-01-01T00:01:01Z")), VerifyError::NotYetValid("issuanceDate")),
        ("/vc/expirationDate", Some(json!("2025-12-31T23:59:00Z")), VerifyError::Expired("expirationDate")),
        ("/cnf", Some(json!({"jwk": world.stranger.public_key().to_jwk()})), VerifyError::HolderMismatch),
        ("/vc/credentialSubject", Some(json!([{"name": "a"}, {"name": "b"}])), VerifyError::SeveralSubjects),
    ] {
        let claims = with(vc_claim(&world), pointer, value);
        assert_eq!(judge(&world, Format::JwtVcJson, "JWT", &claims).unwrap_err(), error, "{pointer}");
    }
    let of_other = with(with(vc_claim(&world), "/sub", Some(other.clone())), "/vc/credentialSubject/id", Some(other));
    assert_eq!(judge(&world, Format::JwtVcJson, "JWT", &of_other).unwrap_err(), VerifyError::HolderMismatch);
    let nobody = with(with(vc_claim(&world), "/sub", None), "/vc/credentialSubject/id", None);
    assert_eq!(judge(&world, Format::JwtVcJson, "JWT", &nobody).unwrap_err(), VerifyError::HolderMissing);
    for typ in ["at+jwt", "vc+jwt", "dc+sd-jwt", ""] {
        let refused = judge(&world, Format::JwtVcJson, typ, &vc_claim(&world)).unwrap_err();
        assert_eq!(refused, VerifyError::WrongTokenType { expected: "JWT" });
    }
}

#[test]
fn vc_jwts_that_do_not_fit_are_refused() {
    let world = World::new();
    let claims = vc_jwt(&world);
    let is_itself = || VerifyError::Malformed("a vc+jwt is the credential itself and has no claim vc or vp");
    for (pointer, value, error) in [
        ("/iss", Some(json!("did:web:other.example")), VerifyError::IssuerMismatch),
        ("/issuer", Some(json!("did:web:evil.example")), VerifyError::UntrustedIssuer("did:web:evil.example".into())),
        ("/vc", Some(json!({})), is_itself()),
        ("/vp", Some(json!({})), is_itself()),
        ("/type", Some(json!("VerifiableCredential")), VerifyError::WrongType("FarmerCredential".into())),
        ("/validUntil", Some(json!("2025-12-31T23:59:00Z")), VerifyError::Expired("validUntil")),
        ("/exp", Some(json!(NOW - 60)), VerifyError::Expired("exp")),
        ("/validFrom", Some(json!("2026-01-01T00:01:01Z")), VerifyError::NotYetValid("validFrom")),
        ("/credentialSubject/id", Some(json!("did:example:eve")), VerifyError::HolderMismatch),
        ("/credentialSubject/id", None, VerifyError::HolderMissing),
    ] {
        let claims = with(claims.clone(), pointer, value);
        assert_eq!(judge(&world, Format::VcJwt, "vc+jwt", &claims).unwrap_err(), error, "{pointer}");
    }
    let mut old = with(with(claims.clone(), "/validUntil", None), "/validFrom", None);
    old["@context"] = json!([CREDENTIALS_V1]);
    old["issuanceDate"] = json!("2025-12-01T00:00:00Z");
    let refused = judge(&world, Format::VcJwt, "vc+jwt", &old).unwrap_err();
    assert_eq!(refused, VerifyError::Malformed("a vc+jwt is of the data model 2.0"));
    // The holder's key beside the id of somebody else.
    let torn = with(claims.clone(), "/cnf", Some(json!({"jwk": world.holder_key.to_jwk()})));
    judge(&world, Format::VcJwt, "vc+jwt", &torn).unwrap();
    let torn = with(torn, "/credentialSubject/id", Some(json!("did:example:eve")));
    assert_eq!(judge(&world, Format::VcJwt, "vc+jwt", &torn).unwrap_err(), VerifyError::HolderMismatch);
    for typ in ["JWT", "vp+jwt", "dc+sd-jwt"] {
        let refused = judge(&world, Format::VcJwt, typ, &claims).unwrap_err();
        assert_eq!(refused, VerifyError::WrongTokenType { expected: "vc+jwt" });
    }
}

#[test]
fn a_flipped_bit_in_any_part_is_noticed() {
    let world = World::new();
    for (format, text) in good(&world) {
        let expected = world.expected(format);
        verify(text.as_bytes(), &expected).unwrap();
        for at in (0..text.len()).filter(|at| text.as_bytes()[*at] != b'.') {
            assert!(verify(flip(&text, at).as_bytes(), &expected).is_err(), "{at}");
        }
        // A JWT is no SD-JWT, and one format is not the other.
        for other in [Format::SdJwtVc, Format::LdpVc, Format::JwtVcJson, Format::VcJwt] {
            assert_eq!(verify(text.as_bytes(), &world.expected(other)).is_ok(), other == format);
        }
    }
}

#[test]
fn algorithms_that_anyone_could_sign_with_are_refused() {
    let world = World::new();
    for alg in ["none", "None", "HS256", "RS256", "ES256K", "ES384"] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": "ed"});
        let text = jws(&world.ed, &header.to_string(), &vc_claim(&world).to_string());
        let refused = verify(text.as_bytes(), &world.expected(Format::JwtVcJson)).unwrap_err();
        assert_eq!(refused, VerifyError::UnsupportedAlgorithm(alg.to_owned()));
    }
    let twice = r#"{"alg":"EdDSA","alg":"none","typ":"JWT","kid":"ed"}"#;
    let text = jws(&world.ed, twice, &vc_claim(&world).to_string());
    let refused = verify(text.as_bytes(), &world.expected(Format::JwtVcJson)).unwrap_err();
    assert!(matches!(refused, VerifyError::Json(crate::JsonError::DuplicateMember { .. })));
}
