//! A secret order of numbers: which entry of a status list the n-th credential gets.
//!
//! Entries must be unique, and tell nothing of when a credential was issued or what was issued beside it. A keyed
//! permutation of a counter gives both without a look at what is taken.

use std::fmt;

use ring::hmac;
use zeroize::Zeroizing;

use crate::{Entropy, EntropyError};

/// A permutation of `0..size`, another one for every key and size: a balanced Feistel network with HMAC-SHA256 as its
/// round function over the smallest even number of bits, applied again to what falls beyond the size. Less than four
/// applications on average, one where the size is a power of four.
///
/// What it computes never changes: entries are given out in this order for as long as a list lives. Whoever has the
/// key knows the order.
pub struct Permutation {
    key: hmac::Key,
    size: u32,
    /// Bits of each half.
    half: u32,
}

impl Permutation {
    /// Length of a key in bytes.
    pub const KEY_LEN: usize = 32;

    /// Four rounds make a pseudorandom permutation, and six withstand the generic attacks on few bits; the rest is
    /// margin.
    const ROUNDS: u32 = 8;

    /// The key must be for this permutation alone.
    pub fn new(key: &[u8; Self::KEY_LEN], size: u32) -> Self {
        let bits = u32::BITS - size.saturating_sub(1).leading_zeros();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), size, half: bits.div_ceil(2).max(1) }
    }

    /// Draws a key.
    pub fn generate_key(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; Self::KEY_LEN]>, EntropyError> {
        let mut key = Zeroizing::new([0; Self::KEY_LEN]);
        entropy.fill(key.as_mut())?;
        Ok(key)
    }

    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Where the permutation puts a number; `None` for one beyond its size.
    pub fn index(&self, counter: u32) -> Option<u32> {
        if counter >= self.size {
            return None;
        }
        let mut index = self.shuffle(counter);
        // Ends: the shuffle is a permutation, and the cycle through the counter comes back to it.
        while index >= self.size {
            index = self.shuffle(index);
        }
        Some(index)
    }

    /// A permutation of all numbers of twice `half` bits.
    fn shuffle(&self, number: u32) -> u32 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (number >> self.half, number & mask);
        for round in 0..Self::ROUNDS {
            (left, right) = (right, left ^ (self.round(round, right) & mask));
        }
        left << self.half | right
    }

    /// The first 32 bits of the MAC of size, round and half.
    fn round(&self, round: u32, half: u32) -> u32 {
        let mut message = [0; 12];
        message[..4].copy_from_slice(&self.size.to_be_bytes());
        message[4..8].copy_from_slice(&round.to_be_bytes());
        message[8..].copy_from_slice(&half.to_be_bytes());
        let tag = hmac::sign(&self.key, &message);
        tag.as_ref().iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

impl fmt::Debug for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permutation(0..{}, redacted)", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    fn key(seed: u64) -> Zeroizing<[u8; Permutation::KEY_LEN]> {
        Permutation::generate_key(&SeededEntropy::new(seed)).unwrap()
    }

    fn order(seed: u64, size: u32) -> Vec<u32> {
        let permutation = Permutation::new(&key(seed), size);
        (0..size).map(|counter| permutation.index(counter).unwrap()).collect()
    }

    fn assert_permutes(order: &[u32]) {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..u32::try_from(order.len()).unwrap()));
    }

    #[test]
    fn every_index_comes_once() {
        assert_permutes(&order(1, 1 << 17));
        for size in (1..=65).chain([255, 257, 1000, 1023, 1024, 1025, 4097, 12_345]) {
            assert_permutes(&order(u64::from(size), size));
        }
    }

    #[test]
    fn there_is_nothing_beyond_the_size() {
        for size in [0, 1, 2, 1000, 1 << 24, u32::MAX] {
            let permutation = Permutation::new(&key(1), size);
            assert_eq!(permutation.size(), size);
            assert_eq!((permutation.index(size), permutation.index(u32::MAX)), (None, None), "{size}");
            if let Some(last) = size.checked_sub(1) {
                assert!(permutation.index(last).unwrap() < size && permutation.index(0).unwrap() < size, "{size}");
            }
        }
    }

    /// Computed by another implementation, in Python. If this test fails, the code is wrong: lists that are in use
    /// would give out entries that are taken.
    #[test]
    fn the_order_of_a_released_list_never_changes() {
        let key: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        let first = |size: u32| -> [u32; 6] {
            let permutation = Permutation::new(&key, size);
            std::array::from_fn(|n| permutation.index(u32::try_from(n).unwrap()).unwrap())
        };
        assert_eq!(first(1 << 17), [114_422, 14_251, 27_784, 46_509, 70_942, 28_950]);
        assert_eq!(first(1 << 20), [922_199, 848_324, 490_447, 796_368, 579_367, 419_461]);
        assert_eq!(first(1000), [476, 223, 202, 613, 151, 10]);
        assert_eq!(Permutation::new(&key, u32::MAX).index(u32::MAX - 1), Some(78_919_455));
    }

    #[test]
    fn keys_and_sizes_give_orders_of_their_own() {
        let (one, other) = (order(1, 4096), order(2, 4096));
        assert_eq!(one, order(1, 4096));
        let equal = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        // One is what chance gives.
        assert!(equal < 8, "{equal} of 4096");
        let larger = order(1, 4095);
        let equal = one.iter().zip(&larger).filter(|(a, b)| a == b).count();
        assert!(equal < 8, "{equal} of 4095");
    }

    /// What an index tells of the order of issuance, on average over a list.
    #[test]
    fn indexes_are_unrelated_to_the_order() {
        let size = 1 << 14;
        let order = order(7, size);
        let fixed = order.iter().zip(0..).filter(|(index, counter)| **index == *counter).count();
        assert!(fixed < 8, "{fixed} indexes are their counters");
        // Of neighbours, half rise; the deviation of the number is √(n/12) = 37.
        let rising = order.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!(rising.abs_diff(8192) < 200, "{rising} of {size} rise");
        // Distances between neighbours are many, and none of them frequent.
        let mut distances: Vec<u32> = order.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) % size).collect();
        distances.sort_unstable();
        let most = distances.chunk_by(PartialEq::eq).map(<[u32]>::len).max().unwrap();
        assert!(most < 12, "one distance comes {most} times");
        // Every quarter of the counters is spread over every quarter of the list: 1024 of 4096, deviation 24.
        for quarter in order.chunks(4096) {
            for part in 0..4 {
                let count = quarter.iter().filter(|index| **index / 4096 == part).count();
                assert!(count.abs_diff(1024) < 150, "{count}");
            }
        }
    }

    #[test]
    fn debug_is_redacted_and_keys_differ() {
        assert_eq!(format!("{:?}", Permutation::new(&[7; 32], 8)), "Permutation(0..8, redacted)");
        assert_ne!(key(1), key(2));
    }
}
