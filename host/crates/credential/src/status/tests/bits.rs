use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const BOTH: [Purpose; 2] = [Purpose::Revocation, Purpose::Suspension];

#[test]
fn index_0_is_the_most_significant_bit_of_the_first_byte() {
    let mut bits = StatusBits::new(&BOTH, 24).unwrap();
    for index in [0, 7, 8, 22] {
        assert_eq!(bits.set(Purpose::Suspension, index, true), Ok(true));
    }
    assert_eq!(bits.plane(Purpose::Suspension), Some(&[0b1000_0001, 0b1000_0000, 0b0000_0010][..]));
    assert_eq!(bits.plane(Purpose::Revocation), Some(&[0, 0, 0][..]), "the planes do not touch");
    assert_eq!((bits.count(Purpose::Suspension), bits.count(Purpose::Revocation)), (Some(4), Some(0)));
    assert_eq!((bits.get(Purpose::Suspension, 8), bits.get(Purpose::Suspension, 9)), (Some(true), Some(false)));
}

#[test]
fn a_change_tells_whether_it_changed_anything() {
    let mut bits = StatusBits::new(&BOTH, 8).unwrap();
    for (value, changed) in [(false, false), (true, true), (true, false), (false, true), (false, false)] {
        assert_eq!(bits.set(Purpose::Suspension, 3, value), Ok(changed));
        assert_eq!(bits.get(Purpose::Suspension, 3), Some(value));
    }
}

#[test]
fn foreign_purposes_and_indexes_are_refused() {
    let mut bits = StatusBits::new(&BOTH, 16).unwrap();
    for index in [16, 17, u32::MAX] {
        let error = StatusError::OutOfRange { index, capacity: 16 };
        assert_eq!(bits.set(Purpose::Revocation, index, true), Err(error));
        assert_eq!(bits.get(Purpose::Revocation, index), None);
    }
    for purpose in [Purpose::Refresh, Purpose::Message] {
        assert_eq!(bits.set(purpose, 0, true), Err(StatusError::UnknownPurpose(purpose)));
        assert_eq!((bits.get(purpose, 0), bits.plane(purpose), bits.count(purpose)), (None, None, None));
    }
    assert_eq!(bits, StatusBits::new(&BOTH, 16).unwrap(), "nothing was set");
    assert_eq!(StatusError::UnknownPurpose(Purpose::Refresh).to_string(), "the status list has no purpose refresh");
}

#[test]
fn purposes_are_a_set_and_the_capacity_is_bounded() {
    let bits = StatusBits::new(&[Purpose::Message, Purpose::Revocation, Purpose::Message], MIN_ENTRIES).unwrap();
    assert!(bits.purposes().eq([Purpose::Revocation, Purpose::Message]));
    assert_eq!(bits.capacity(), MIN_ENTRIES);
    assert_eq!(bits.plane(Purpose::Message).unwrap().len(), 16_384);
    assert_eq!(StatusBits::new(&[], 8), Err(StatusError::NoPurpose));
    for capacity in [0, 1, 7, 12, MAX_ENTRIES + 8, u32::MAX] {
        assert_eq!(StatusBits::new(&BOTH, capacity), Err(StatusError::Capacity(capacity)));
    }
    assert!(StatusBits::new(&BOTH, MAX_ENTRIES).is_ok());
}

#[test]
fn debug_counts() {
    let mut bits = StatusBits::new(&BOTH, 16).unwrap();
    bits.set(Purpose::Revocation, 3, true).unwrap();
    let text = format!("{bits:?}");
    assert_eq!(text, "StatusBits { capacity: 16, revocation: Some(1), suspension: Some(0), .. }");
}

fn snapshot(version: u8, flags: u8, capacity: u32, content: &[u8]) -> Vec<u8> {
    let stream = compress::zlib(content, compress::STORED).unwrap();
    [&[version, flags][..], &capacity.to_be_bytes(), &stream].concat()
}

#[test]
fn a_snapshot_is_pinned() {
    let mut bits = StatusBits::new(&[Purpose::Revocation, Purpose::Message], 16).unwrap();
    bits.set(Purpose::Revocation, 0, true).unwrap();
    bits.set(Purpose::Message, 15, true).unwrap();
    let stored = bits.to_snapshot().unwrap();
    assert_eq!(stored, snapshot(1, 0b1001, 16, &[0x80, 0, 0, 1]));
    assert_eq!(StatusBits::from_snapshot(&stored), Ok(bits));
}

#[test]
fn other_snapshots_are_refused() {
    let good = [0; 4];
    assert!(StatusBits::from_snapshot(&snapshot(1, 0b11, 16, &good)).is_ok());
    for (case, bytes) in [
        ("empty", vec![]),
        ("no header", vec![1, 1, 0, 0, 0]),
        ("no stream", vec![1, 1, 0, 0, 0, 8]),
        ("version", snapshot(2, 0b11, 16, &good)),
        ("purpose", snapshot(1, 0b1_0011, 16, &good)),
        ("too few", snapshot(1, 0b11, 24, &good)),
        ("too many", snapshot(1, 0b11, 8, &good)),
        ("too many for the purposes", snapshot(1, 0b01, 16, &good)),
    ] {
        assert!(matches!(StatusBits::from_snapshot(&bytes), Err(StatusError::Snapshot(_))), "{case}");
    }
    assert_eq!(StatusBits::from_snapshot(&snapshot(1, 0, 16, &good)), Err(StatusError::NoPurpose));
    let beyond = MAX_ENTRIES + 8;
    assert_eq!(StatusBits::from_snapshot(&snapshot(1, 1, beyond, &good)), Err(StatusError::Capacity(beyond)));
}

/// 64 MiB of zeros: nothing near it is ever held.
#[test]
fn a_snapshot_unpacks_to_no_more_than_it_declares() {
    let stream = compress::zlib(&vec![0; 64 * 1024 * 1024], compress::PUBLISHED).unwrap();
    assert!(stream.len() < 128 * 1024, "{}", stream.len());
    for capacity in [8, MAX_ENTRIES] {
        let bomb = [&[1, 1][..], &capacity.to_be_bytes(), &stream].concat();
        assert!(matches!(StatusBits::from_snapshot(&bomb), Err(StatusError::Snapshot(_))));
    }
}

#[test]
fn a_damaged_snapshot_never_gives_other_bits() {
    let mut bits = StatusBits::new(&BOTH, 1024).unwrap();
    for index in [1, 77, 500, 1023] {
        bits.set(Purpose::Revocation, index, true).unwrap();
    }
    let stored = bits.to_snapshot().unwrap();
    for length in 0..stored.len() {
        assert!(StatusBits::from_snapshot(&stored[..length]).is_err(), "cut to {length}");
    }
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Bits that fill up the last byte of the stream carry nothing.
        let read = StatusBits::from_snapshot(&damaged);
        assert!(read.as_ref().map_or(true, |read| *read == bits), "{bit}: {read:?}");
    }
}

proptest! {
    /// Any sequence of changes, against sets of indexes.
    #[test]
    fn bits_are_sets_of_indexes(
        changes in proptest::collection::vec((0_usize..3, 0_u32..80, any::<bool>()), 0..200)
    ) {
        let purposes = [Purpose::Revocation, Purpose::Suspension, Purpose::Message];
        let mut bits = StatusBits::new(&purposes, 64).unwrap();
        let mut model: [BTreeSet<u32>; 3] = Default::default();
        for (purpose, index, value) in changes {
            let expected = match index {
                64.. => Err(StatusError::OutOfRange { index, capacity: 64 }),
                _ if value => Ok(model[purpose].insert(index)),
                _ => Ok(model[purpose].remove(&index)),
            };
            prop_assert_eq!(bits.set(purposes[purpose], index, value), expected);
        }
        let read = StatusBits::from_snapshot(&bits.to_snapshot().unwrap()).unwrap();
        prop_assert_eq!(&read, &bits);
        for (purpose, set) in purposes.into_iter().zip(&model) {
            prop_assert_eq!(read.count(purpose), u32::try_from(set.len()).ok());
            for index in 0..64 {
                prop_assert_eq!(read.get(purpose, index), Some(set.contains(&index)));
            }
        }
    }
}
