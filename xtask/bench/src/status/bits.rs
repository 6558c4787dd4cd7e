//! Lists as they are after years: some of their entries set, scattered as the real ones are.

use chancery_credential::status::StatusBits;

use super::host::PURPOSES;
use crate::Result;

/// A list with so many percent of the entries of each purpose set, or a few less: some are drawn twice.
pub(super) fn filled(entries: u32, percent: u32, list: u64) -> Result<StatusBits> {
    let mut bits = StatusBits::new(&PURPOSES, entries)?;
    let mut chance = Chance(list << 32);
    for purpose in PURPOSES {
        for _ in 0..u64::from(entries) * u64::from(percent) / 100 {
            bits.set(purpose, chance.below(entries), true)?;
        }
    }
    Ok(bits)
}

/// SplitMix64: the same numbers in each run.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = u128::from(mixed ^ (mixed >> 31)) * u128::from(bound);
        // Below the bound, which is of 32 bits.
        u32::try_from(number >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_as_many_entries_are_set_as_were_asked_for_and_each_list_has_its_own() {
        let (one, other) = (filled(1 << 17, 2, 0).unwrap(), filled(1 << 17, 2, 1).unwrap());
        for purpose in PURPOSES {
            let count = one.count(purpose).unwrap();
            assert!((2_550..=2_621).contains(&count), "{count}");
        }
        assert_ne!(one.plane(PURPOSES[0]), one.plane(PURPOSES[1]));
        assert_ne!(one.plane(PURPOSES[0]), other.plane(PURPOSES[0]));
        let none = filled(1 << 17, 0, 0).unwrap();
        assert_eq!(none.count(PURPOSES[0]), Some(0));
    }
}
