//! Credentials that neither our issuer nor our wallet made.

use std::path::{Path, PathBuf};

use super::*;

/// The official vectors lie beside the repository; where they do not, there is nothing to compare with.
fn vectors(suite: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/vectors").join(suite);
    if !dir.is_dir() {
        eprintln!("skipped: {} is not there", dir.display());
        return None;
    }
    Some(dir)
}

/// Signed by the working group, under an issuer whose verification methods the operator lists.
fn judge_vector(path: &Path, methods: &[&str]) -> Result<Verified, VerifyError> {
    let bytes = std::fs::read(path).unwrap();
    let examples = json!({"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}});
    let contexts = Contexts::with([("https://www.w3.org/ns/credentials/examples/v2", &examples)]).unwrap();
    let keys = methods.iter().map(|method| {
        let multikey = method.split_once('#').unwrap().1;
        TrustedKey::from_multikey(*method, multikey).unwrap()
    });
    let issuer = TrustedIssuer { id: "https://vc.example/issuers/5678".to_owned(), keys: keys.collect() };
    let trusted = Trusted(TrustedIssuers::new([issuer]).unwrap());
    let world = World { trusted, contexts, types: vec!["AlumniCredential".to_owned()], ..World::new() };
    verify(&bytes, &Expected { holder: None, ..world.expected(Format::LdpVc) })
}

#[test]
fn the_official_vectors_are_verified() {
    let ed =
        "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
    let p256 =
        "did:key:zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP#zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP";
    let (Some(eddsa), Some(ecdsa)) = (vectors("vc-di-eddsa"), vectors("vc-di-ecdsa")) else { return };
    for (path, method) in [
        (eddsa.join("eddsa-rdfc-2022/signedDataInt.json"), ed),
        (ecdsa.join("ecdsa-rdfc-2019-p256/signedECDSAP256.json"), p256),
    ] {
        assert_eq!(judge_vector(&path, &[method]).unwrap().key_id, method);
    }
    let swapped = judge_vector(&eddsa.join("eddsa-rdfc-2022/signedDataInt.json"), &[p256]);
    assert_eq!(swapped.unwrap_err(), VerifyError::UnknownKey(ed.to_owned()));
    let jcs = judge_vector(&eddsa.join("eddsa-jcs-2022/signedJCS.json"), &[ed]).unwrap_err();
    assert_eq!(jcs, VerifyError::UnsupportedSuite("eddsa-jcs-2022".to_owned()));
    let p384 = judge_vector(&ecdsa.join("ecdsa-rdfc-2019-p384/signedECDSAP384.json"), &[p256]).unwrap_err();
    assert!(p384.to_string().contains("P-384"), "{p384}");
}

#[test]
fn official_proof_sets_are_verified_and_chains_refused() {
    let Some(dir) = vectors("vc-di-eddsa") else { return };
    let first =
        "did:key:z6MktgKTsu1QhX6QPbyqG6geXdw6FQCZBPq7uQpieWbiQiG7#z6MktgKTsu1QhX6QPbyqG6geXdw6FQCZBPq7uQpieWbiQiG7";
    let second =
        "did:key:z6MkhWqdDBPojHA7cprTGTt5yHv5yUi1B8cnXn8ReLumkw6E#z6MkhWqdDBPojHA7cprTGTt5yHv5yUi1B8cnXn8ReLumkw6E";
    let set = dir.join("proof-set-chain/signedProofSet2.json");
    assert_eq!(judge_vector(&set, &[first, second]).unwrap().key_id, first);
    assert_eq!(judge_vector(&set, &[first]).unwrap_err(), VerifyError::UnknownKey(second.to_owned()));
    let chain = dir.join("proof-set-chain/signedProofChain2.json");
    assert_eq!(judge_vector(&chain, &[first, second]).unwrap_err(), VerifyError::ProofChain);
}

/// RFC 9901 §5.1 with its printed signature and key: made by neither our issuer nor our wallet.
#[test]
fn the_example_of_rfc_9901_verifies() {
    let jwt = concat!(
        "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0.",
        "eyJfc2QiOiBbIkNyUWU3UzVrcUJBSHQtbk1ZWGdjNmJkdDJTSDVhVFkxc1VfTS1QZ2tqUEkiLCAiSnpZ",
        "akg0c3ZsaUgwUjNQeUVNZmVadTZKdDY5dTVxZWhabzdGN0VQWWxTRSIsICJQb3JGYnBLdVZ1Nnh5bUph",
        "Z3ZrRnNGWEFiUm9jMkpHbEFVQTJCQTRvN2NJIiwgIlRHZjRvTGJnd2Q1SlFhSHlLVlFaVTlVZEdFMHc1",
        "cnREc3JaemZVYW9tTG8iLCAiWFFfM2tQS3QxWHlYN0tBTmtxVlI2eVoyVmE1TnJQSXZQWWJ5TXZSS0JN",
        "TSIsICJYekZyendzY002R242Q0pEYzZ2Vks4QmtNbmZHOHZPU0tmcFBJWmRBZmRFIiwgImdiT3NJNEVk",
        "cTJ4Mkt3LXc1d1BFemFrb2I5aFYxY1JEMEFUTjNvUUw5Sk0iLCAianN1OXlWdWx3UVFsaEZsTV8zSmx6",
        "TWFTRnpnbGhRRzBEcGZheVF3TFVLNCJdLCAiaXNzIjogImh0dHBzOi8vaXNzdWVyLmV4YW1wbGUuY29t",
        "IiwgImlhdCI6IDE2ODMwMDAwMDAsICJleHAiOiAxODgzMDAwMDAwLCAic3ViIjogInVzZXJfNDIiLCAi",
        "bmF0aW9uYWxpdGllcyI6IFt7Ii4uLiI6ICJwRm5kamtaX1ZDem15VGE2VWpsWm8zZGgta284YUlLUWM5",
        "RGxHemhhVllvIn0sIHsiLi4uIjogIjdDZjZKa1B1ZHJ5M2xjYndIZ2VaOGtoQXYxVTFPU2xlclAwVmtC",
        "SnJXWjAifV0sICJfc2RfYWxnIjogInNoYS0yNTYiLCAiY25mIjogeyJqd2siOiB7Imt0eSI6ICJFQyIs",
        "ICJjcnYiOiAiUC0yNTYiLCAieCI6ICJUQ0FFUjE5WnZ1M09IRjRqNFc0dmZTVm9ISVAxSUxpbERsczd2",
        "Q2VHZW1jIiwgInkiOiAiWnhqaVdXYlpNUUdIVldLVlE0aGJTSWlyc1ZmdWVjQ0U2dDRqVDlGMkhaUSJ9",
        "fX0.",
        "MczwjBFGtzf-6WMT-hIvYbkb11NrV1WMO-jTijpMPNbswNzZ87wY2uHz-CXo6R04b7jYrpj9mNRAvVssXou1iw",
    );
    let issuer_jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "k",
        "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
        "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
    });
    let issuer = "https://issuer.example.com";
    let keys = vec![TrustedKey::from_jwk(&map(issuer_jwk)).unwrap()];
    let trusted = Trusted(TrustedIssuers::new([TrustedIssuer { id: issuer.to_owned(), keys }]).unwrap());
    let jws = jws::Jws::parse(jwt).unwrap();
    let world = World::new();
    let mut expected = world.expected(Format::SdJwtVc);
    expected.issuers = &trusted;
    assert_eq!(jws.check_signature(issuer, &expected).unwrap(), "https://issuer.example.com#k");
    // It is an SD-JWT, but no credential.
    let refused = verify(format!("{jwt}~").as_bytes(), &expected).unwrap_err();
    assert_eq!(refused, VerifyError::WrongTokenType { expected: "dc+sd-jwt" });
}
