use super::*;
use crate::SeededEntropy;

const PLACE: SealContext<'static> = SealContext { issuer: "farm", table: "offers", column: "claims", row: "42" };

fn kek(seed: u64) -> KeyEncryptionKey {
    KeyEncryptionKey::generate(&SeededEntropy::new(seed)).unwrap()
}

fn ring() -> Keyring {
    Keyring::new(kek(1), vec![])
}

fn seal(keyring: &Keyring, plaintext: &[u8]) -> Vec<u8> {
    keyring.seal(&PLACE, plaintext, &SeededEntropy::new(9)).unwrap()
}

#[test]
fn round_trip_of_empty_small_and_large_values() {
    for plaintext in [&b""[..], b"secret", &vec![7; 1024 * 1024]] {
        let sealed = seal(&ring(), plaintext);
        assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        assert_eq!(*ring().open(&PLACE, &sealed).unwrap(), plaintext);
    }
    let too_long = vec![0; MAX_PLAINTEXT_LEN + 1];
    assert_eq!(ring().seal(&PLACE, &too_long, &SeededEntropy::new(1)), Err(SealError::TooLong));
}

#[test]
fn the_layout_is_as_documented() {
    let sealed = seal(&ring(), b"secret");
    assert_eq!(sealed[0], 1);
    assert_eq!(sealed[1..9], kek(1).id().0);
    let mut nonce = [0; 12];
    SeededEntropy::new(9).fill(&mut nonce).unwrap();
    assert_eq!(sealed[9..21], nonce);
    assert!(!sealed.windows(6).any(|window| window == b"secret"));
}

#[test]
fn a_value_opens_only_where_it_was_sealed_for() {
    let sealed = seal(&ring(), b"secret");
    for place in [
        SealContext { issuer: "bank", ..PLACE },
        SealContext { table: "keys", ..PLACE },
        SealContext { column: "code", ..PLACE },
        SealContext { row: "43", ..PLACE },
        // The same characters, cut elsewhere.
        SealContext { issuer: "far", table: "moffers", ..PLACE },
        SealContext { table: "offersclaims", column: "", ..PLACE },
        SealContext { column: "claims4", row: "2", ..PLACE },
        SealContext { issuer: "offers", table: "farm", ..PLACE },
    ] {
        assert_eq!(ring().open(&place, &sealed).unwrap_err(), SealError::NotAuthentic, "{place:?}");
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    let sealed = seal(&ring(), b"secret");
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 0x40;
        let error = ring().open(&PLACE, &changed).unwrap_err();
        let expected = match index {
            0 => matches!(error, SealError::Malformed),
            1..9 => matches!(error, SealError::UnknownKek(_)),
            _ => matches!(error, SealError::NotAuthentic),
        };
        assert!(expected, "byte {index}: {error}");
    }
    for length in 0..sealed.len() {
        assert!(ring().open(&PLACE, &sealed[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn a_foreign_key_is_named_and_an_older_one_still_opens() {
    let sealed = seal(&ring(), b"secret");
    let rotated = Keyring::new(kek(2), vec![kek(1)]);
    let stranger = Keyring::new(kek(2), vec![kek(3)]);
    assert_eq!(stranger.open(&PLACE, &sealed).unwrap_err(), SealError::UnknownKek(kek(1).id()));
    assert_eq!(*rotated.open(&PLACE, &sealed).unwrap(), b"secret");
    assert!(rotated.is_outdated(&sealed) && !ring().is_outdated(&sealed));

    // A key that only claims the id does not open: the id is no secret.
    let mut relabelled = sealed;
    relabelled[1..9].copy_from_slice(&kek(2).id().0);
    assert_eq!(rotated.open(&PLACE, &relabelled).unwrap_err(), SealError::NotAuthentic);
}

#[test]
fn sealing_twice_never_gives_the_same_bytes() {
    let entropy = SeededEntropy::new(9);
    let ring = ring();
    let sealed = |_| ring.seal(&PLACE, b"secret", &entropy).unwrap();
    assert_ne!(sealed(1), sealed(2));
}

#[test]
fn key_files_round_trip_and_refuse_other_lengths() {
    let key = kek(1);
    let text = key.to_base64();
    let unpadded = text.trim_end_matches('=');
    for spelling in [text.as_str(), &format!(" {}\r\n", *text), unpadded] {
        assert_eq!(KeyEncryptionKey::from_base64(spelling).unwrap().id(), key.id());
    }
    let (short, long) = (STANDARD.encode([1; 31]), STANDARD.encode([1; 33]));
    for text in ["", "not base64!", &short, &long, &"A".repeat(100_000)] {
        assert_eq!(KeyEncryptionKey::from_base64(text).unwrap_err(), SealError::BadKeyText);
    }
}

#[test]
fn derived_keys_differ_by_issuer_purpose_and_kind() {
    let ring = ring();
    let mac = |issuer: &str, purpose: &str| ring.derive(issuer, purpose).unwrap().mac(b"x");
    let reference = mac("farm", "nonce");
    assert_eq!(reference, mac("farm", "nonce"));
    for (issuer, purpose) in [("bank", "nonce"), ("farm", "code"), ("far", "mnonce"), ("farmn", "once")] {
        assert_ne!(reference, mac(issuer, purpose));
    }
    assert_ne!(reference, Keyring::new(kek(2), vec![kek(1)]).derive("farm", "nonce").unwrap().mac(b"x"));

    let bytes = ring.derive_bytes("farm", "nonce").unwrap();
    let as_mac_key = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref());
    assert_ne!(hmac::sign(&as_mac_key, b"x").as_ref(), reference, "the two kinds share no bytes");
    assert_ne!(*bytes, *ring.derive_bytes("farm", "other").unwrap());
}

#[test]
fn mac_verification() {
    let key = ring().derive("farm", "nonce").unwrap();
    let mut tag = key.mac(b"message");
    assert!(key.verify(b"message", &tag));
    assert!(!key.verify(b"massage", &tag) && !key.verify(b"message", &tag[..31]) && !key.verify(b"message", b""));
    tag[0] ^= 1;
    assert!(!key.verify(b"message", &tag));
}

#[test]
fn hkdf_and_hmac_known_answers() {
    // RFC 5869 A.1 through the same library calls, and RFC 4231 case 2.
    let salt: Vec<u8> = (0..=0x0c).collect();
    let info: Vec<u8> = (0xf0..=0xf9).collect();
    let mut okm = [0; 42];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(&[0x0b; 22]);
    prk.expand(&[&info], OutputLen(42)).unwrap().fill(&mut okm).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(hex(&okm), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"Jefe"), b"what do ya want for nothing?");
    assert_eq!(hex(tag.as_ref()), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

#[test]
fn debug_is_redacted() {
    let key = kek(1);
    let text = format!("{:?} {:?} {:?}", key, ring(), ring().derive("a", "b").unwrap());
    assert!(text.contains("redacted") && !text.contains(key.to_base64().as_str()));
    assert!(text.contains(&key.id().to_string()));
}
