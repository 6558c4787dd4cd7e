mod bits;
mod bitstring;
mod token;

use super::*;

/// Bytes without a pattern, the same ones in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn purposes_have_names_and_an_order() {
    for purpose in Purpose::ALL {
        assert_eq!(Purpose::from_name(purpose.as_str()), Some(purpose));
    }
    for name in ["", "Revocation", "revoked", "expired"] {
        assert_eq!(Purpose::from_name(name), None);
    }
    assert!(Purpose::ALL.is_sorted());
    let reversible = Purpose::ALL.map(Purpose::is_reversible);
    assert_eq!(reversible, [false, true, false, true]);
}

#[test]
fn compression_is_undone_only_as_a_whole_and_within_its_bound() {
    use super::compress::{PUBLISHED, STORED, gunzip, gzip, unzlib, zlib};
    for content in [vec![], vec![0; 16_384], noise(1000)] {
        let (small, large) = (gzip(&content, PUBLISHED).unwrap(), zlib(&content, STORED).unwrap());
        for (packed, unpack) in [(small, gunzip as fn(&[u8], usize) -> _), (large, unzlib)] {
            assert_eq!(unpack(&packed, content.len()).as_ref(), Some(&content));
            assert_eq!(unpack(&packed, usize::from(u16::MAX)).as_ref(), Some(&content));
            if let Some(less) = content.len().checked_sub(1) {
                assert_eq!(unpack(&packed, less), None);
            }
            for length in 0..packed.len() {
                assert_eq!(unpack(&packed[..length], content.len()), None, "cut to {length}");
            }
            assert_eq!(unpack(&[&packed[..], &[0]].concat(), content.len()), None, "something follows");
            let twice = [packed.clone(), packed].concat();
            assert_eq!(unpack(&twice, 2 * content.len()), None, "twice");
        }
    }
}
