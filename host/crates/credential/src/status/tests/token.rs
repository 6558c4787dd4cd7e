use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use flate2::Compression;
use serde_json::{Value, json};

use super::*;
use crate::status::token::*;

const URL: &str = "https://issuer.example/credentials/status-list/1";

fn token() -> StatusListToken<'static> {
    StatusListToken {
        url: URL,
        issuer: "https://issuer.example",
        issued_at: DateTime::from_timestamp(1_700_000_000, 999_999_999).unwrap(),
        expires_at: DateTime::from_timestamp(1_700_003_600, 0).unwrap(),
        ttl: Duration::from_millis(300_999),
    }
}

fn list(purposes: &[Purpose], capacity: u32, set: &[(Purpose, u32)]) -> StatusBits {
    let mut bits = StatusBits::new(purposes, capacity).unwrap();
    for (purpose, index) in set {
        bits.set(*purpose, *index, true).unwrap();
    }
    bits
}

/// The list of a token in the best compression, which is what the specification's examples have.
fn best(bits: &StatusBits) -> String {
    let (_, packed) = pack(bits).unwrap();
    URL_SAFE_NO_PAD.encode(compress::zlib(&packed, Compression::best()).unwrap())
}

fn nonzero(values: &[u8]) -> BTreeMap<usize, u8> {
    values.iter().copied().enumerate().filter(|(_, value)| *value != 0).collect()
}

/// The example of section 4.1.
#[test]
fn the_first_example_of_the_specification_is_reproduced() {
    let statuses = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    let set: Vec<_> = (0..16).zip(statuses).filter(|(_, value)| *value == 1).collect();
    let set: Vec<_> = set.into_iter().map(|(index, _)| (Purpose::Revocation, index)).collect();
    let bits = list(&[Purpose::Revocation], 16, &set);
    assert_eq!(pack(&bits).unwrap(), (1, vec![0xb9, 0xa3]));
    assert_eq!(best(&bits), "eNrbuRgAAhcBXQ");
    assert_eq!(decode_list(1, "eNrbuRgAAhcBXQ", 16).unwrap(), statuses);
    // Section 4.2: two bits an entry, application specific values among them.
    assert_eq!(decode_list(2, "eNo76fITAAPfAgc", 12).unwrap(), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
}

/// The official vectors lie beside the repository; where they do not, there is nothing to compare with.
fn vector(name: &str) -> Option<(u8, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/vectors/token-status-list").join(name);
    if !path.is_file() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap();
    // JSON behind a line or two of explanation, broken in the middle of its texts.
    let json: String = text[text.find('{').unwrap()..].chars().filter(|c| !c.is_whitespace()).collect();
    let json: Value = serde_json::from_str(&json).unwrap();
    Some((u8::try_from(json["bits"].as_u64().unwrap()).unwrap(), json["lst"].as_str().unwrap().to_owned()))
}

#[test]
fn the_official_vectors_are_read() {
    for (name, size, expected) in [
        (
            "status_list_encoding1_long_json.md",
            1,
            &[0, 1993, 25_460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345]
                .map(|at| (at, 1))[..],
        ),
        (
            "status_list_encoding2_long_json.md",
            2,
            &[
                (0, 1),
                (1993, 2),
                (25_460, 1),
                (159_495, 3),
                (495_669, 1),
                (554_353, 1),
                (645_645, 2),
                (723_232, 1),
                (854_545, 1),
                (934_534, 2),
                (1_000_345, 3),
            ],
        ),
        (
            "status_list_encoding4_json.md",
            4,
            &[
                (0, 1),
                (1993, 2),
                (35_460, 3),
                (459_495, 4),
                (595_669, 5),
                (754_353, 6),
                (845_645, 7),
                (923_232, 8),
                (924_445, 9),
                (934_534, 10),
                (1_004_534, 11),
                (1_000_345, 12),
                (1_030_203, 13),
                (1_030_204, 14),
                (1_030_205, 15),
            ],
        ),
    ] {
        let Some((bits, text)) = vector(name) else { return };
        assert_eq!(bits, size, "{name}");
        let values = decode_list(bits, &text, 1 << 20).unwrap();
        assert_eq!(values.len(), 1 << 20, "{name}");
        assert_eq!(nonzero(&values), expected.iter().copied().collect(), "{name}");
        assert!(decode_list(bits, &text, (1 << 20) - 8).is_err(), "{name}: more than was asked for");
    }
    let Some((bits, text)) = vector("status_list_encoding8_json.md") else { return };
    let values = decode_list(bits, &text, 1 << 20).unwrap();
    // 256 entries, one for each value.
    let mut seen: Vec<u8> = nonzero(&values).into_values().collect();
    seen.sort_unstable();
    assert!((bits, values.len()) == (8, 1 << 20) && seen.into_iter().eq(1..=255));
}

/// The bytes under the compression, for which there are many spellings.
#[test]
fn the_official_vectors_are_reproduced() {
    let long = [0, 1993, 25_460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
    for (name, capacity, set) in [
        ("status_list_encoding_json.md", 16, &[0, 3, 4, 5, 7, 8, 9, 13, 15][..]),
        ("status_list_encoding1_long_json.md", 1 << 20, &long),
    ] {
        let Some((size, text)) = vector(name) else { return };
        let set: Vec<_> = set.iter().map(|index| (Purpose::Revocation, *index)).collect();
        let (own_size, packed) = pack(&list(&[Purpose::Revocation], capacity, &set)).unwrap();
        let zlib = URL_SAFE_NO_PAD.decode(text).unwrap();
        assert!(own_size == size && compress::unzlib(&zlib, packed.len()).unwrap() == packed, "{name}");
    }
}

#[test]
fn revoked_hides_suspended_and_other_purposes_stay_out() {
    use Purpose::{Message, Refresh, Revocation, Suspension};
    let set = [(Revocation, 1), (Suspension, 2), (Revocation, 3), (Suspension, 3), (Suspension, 8), (Revocation, 15)];
    let expected = [(1, INVALID), (2, SUSPENDED), (3, INVALID), (8, SUSPENDED), (15, INVALID)];
    let bits = list(&[Revocation, Suspension], 16, &set);
    assert_eq!(pack(&bits).unwrap(), (2, vec![0b0110_0100, 0, 0b0000_0010, 0b0100_0000]));
    for others in [&[][..], &[Refresh, Message]] {
        let mut bits = list(&[&[Revocation, Suspension], others].concat(), 16, &set);
        for other in others {
            bits.set(*other, 5, true).unwrap();
        }
        let claims = token().claims(&bits).unwrap();
        assert_eq!(claims["status_list"]["bits"], 2);
        let values = decode_list(2, claims["status_list"]["lst"].as_str().unwrap(), 16).unwrap();
        assert_eq!(nonzero(&values), expected.into_iter().collect());
    }
    // One purpose of the two, with and without others.
    assert_eq!(pack(&list(&[Suspension], 8, &[(Suspension, 7)])).unwrap(), (2, vec![0, 0b1000_0000]));
    assert_eq!(pack(&list(&[Revocation, Refresh], 8, &[(Revocation, 7)])).unwrap(), (2, vec![0, 0b0100_0000]));
    assert_eq!(token().claims(&list(&[Refresh, Message], 8, &[])), Err(StatusError::NoTokenStatus));
}

#[test]
fn every_entry_is_where_it_belongs() {
    use Purpose::{Revocation, Suspension};
    let noise = noise(64);
    let mut both = StatusBits::new(&[Revocation, Suspension], 256).unwrap();
    let mut one = StatusBits::new(&[Revocation], 256).unwrap();
    for index in 0..256 {
        let at = usize::try_from(index).unwrap();
        let bit = |offset: usize| noise[offset + at / 8] & (1 << (at % 8)) != 0;
        one.set(Revocation, index, bit(0)).unwrap();
        both.set(Revocation, index, bit(0)).unwrap();
        both.set(Suspension, index, bit(32)).unwrap();
    }
    let values = |bits: &StatusBits, size: u8| {
        let claims = token().claims(bits).unwrap();
        decode_list(size, claims["status_list"]["lst"].as_str().unwrap(), 256).unwrap()
    };
    for (index, (one_bit, two_bits)) in (0..).zip(values(&one, 1).into_iter().zip(values(&both, 2))) {
        let (revoked, suspended) = (both.get(Revocation, index).unwrap(), both.get(Suspension, index).unwrap());
        assert_eq!(one_bit, u8::from(revoked));
        assert_eq!(
            two_bits,
            if revoked {
                INVALID
            } else if suspended {
                SUSPENDED
            } else {
                VALID
            }
        );
    }
}

#[test]
fn a_token_says_whose_list_it_is_and_how_long_it_holds() {
    let bits = list(&[Purpose::Revocation], 16, &[]);
    let claims = Value::Object(token().claims(&bits).unwrap());
    assert_eq!(
        claims,
        json!({
            "iss": "https://issuer.example",
            "sub": URL,
            "iat": 1_700_000_000,
            "exp": 1_700_003_600,
            "ttl": 300,
            "status_list": {"bits": 1, "lst": claims["status_list"]["lst"]},
        })
    );
    // A ttl is a positive number.
    let claims = StatusListToken { ttl: Duration::from_millis(999), ..token() }.claims(&bits).unwrap();
    assert_eq!(claims["ttl"], 1);
    assert_eq!(reference(URL, 7), json!({"status_list": {"idx": 7, "uri": URL}}));
}

#[test]
fn other_lists_are_refused() {
    let good = "eNrbuRgAAhcBXQ";
    for size in [0, 3, 5, 9, 255] {
        assert!(matches!(decode_list(size, good, 16), Err(StatusError::Encoding(_))), "{size}");
    }
    for text in
        ["", "eNrbuRgAAhcBX", "eNrbuRgAAhcBXQ==", "eNrbuRgAAhcBXR", "eNrbuRgAAhcBXQAA", "eNrbuRgA hcBXQ", "AAAA"]
    {
        assert!(matches!(decode_list(1, text, 16), Err(StatusError::Encoding(_))), "{text}");
    }
    assert!(decode_list(1, good, 16).is_ok() && decode_list(1, good, 15).is_ok());
    assert!(decode_list(1, good, 8).is_err() && decode_list(2, good, 4).is_err());
    // Whoever asks for everything gets what a list can have, not a bomb.
    let bomb = compress::zlib(&vec![0; 4 * 1024 * 1024], compress::STORED).unwrap();
    assert!(decode_list(1, &URL_SAFE_NO_PAD.encode(bomb), u32::MAX).is_err());
}
