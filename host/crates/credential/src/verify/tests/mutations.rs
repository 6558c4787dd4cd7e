//! Random changes to credentials that verify: none may verify as something else, and none may panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::*;
use crate::jsonld::{CanonicalHash, to_canonical_quads};

const CASES: u32 = 512;
/// What JSON and JWT are sensitive to, besides any byte.
const TELLING: &[u8] = b"\"{}[]:,.~@#-_=0 \\";

#[derive(Clone, Debug)]
enum Change {
    Replace(u8),
    Insert(u8),
    Delete,
    /// Repeats what stands there, so many bytes.
    Repeat(usize),
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    let byte = || prop_oneof![any::<u8>(), prop::sample::select(TELLING)];
    let change = prop_oneof![
        byte().prop_map(Change::Replace),
        byte().prop_map(Change::Insert),
        Just(Change::Delete),
        (1..64usize).prop_map(Change::Repeat),
    ];
    vec((any::<prop::sample::Index>(), change), 1..4)
}

fn apply(text: &[u8], changes: &[(prop::sample::Index, Change)]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for (index, change) in changes {
        let at = index.index(bytes.len());
        match change {
            Change::Replace(byte) => bytes[at] = *byte,
            Change::Insert(byte) => bytes.insert(at, *byte),
            Change::Delete => drop(bytes.remove(at)),
            Change::Repeat(count) => {
                let piece = bytes[at..bytes.len().min(at + count)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// The same cases in every run.
fn run(check: impl Fn(Vec<(prop::sample::Index, Change)>) -> Result<(), TestCaseError>) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng).run(&changes(), check).unwrap();
}

#[test]
fn a_changed_jwt_never_verifies() {
    let world = World::new();
    let [vc_claim, vc_jwt] = jwt_vc::good(&world);
    for (format, text) in [(Format::SdJwtVc, sd_jwt::good(&world)), vc_claim, vc_jwt] {
        let expected = world.expected(format);
        let original = verify(text.as_bytes(), &expected).unwrap();
        run(|changes| {
            let changed = apply(text.as_bytes(), &changes);
            match verify(&changed, &expected) {
                Err(_) => {}
                // The changes may undo each other, and whole disclosures may be taken away.
                Ok(verified) => {
                    prop_assert_eq!(&verified, &original);
                    let jwt = |text: &[u8]| text.split(|byte| *byte == b'~').next().map(<[u8]>::to_vec);
                    prop_assert_eq!(jwt(&changed), jwt(text.as_bytes()));
                }
            }
            Ok(())
        });
    }
}

#[test]
fn a_changed_json_ld_credential_verifies_only_as_the_same_statements() {
    let world = World { contexts: data_integrity::contexts(), ..World::new() };
    let text = data_integrity::good(&world).to_string();
    let expected = world.expected(Format::LdpVc);
    let original = verify(text.as_bytes(), &expected).unwrap();
    let quads = |text: &[u8]| {
        let mut document: Map<String, Value> = serde_json::from_slice(text).unwrap();
        let proof = document.shift_remove("proof").unwrap();
        let quads = to_canonical_quads(&Value::Object(document), &world.contexts, CanonicalHash::Sha256).unwrap();
        (quads, proof["proofValue"].clone())
    };
    run(|changes| {
        let changed = apply(text.as_bytes(), &changes);
        if let Ok(verified) = verify(&changed, &expected) {
            prop_assert_eq!(&verified, &original);
            prop_assert_eq!(quads(&changed), quads(text.as_bytes()));
        }
        Ok(())
    });
}
