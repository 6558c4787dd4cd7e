//! Choices that a seed decides: when to kill, what a wallet does.

use std::time::Duration;

/// SplitMix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for one of many, so that threads do not share one.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// 0 up to, but not with, `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Up to, but not with, `bound`.
    pub(super) fn time_below(&mut self, bound: Duration) -> Duration {
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.below(micros))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        let bound = Duration::from_secs(3);
        let times: Vec<_> = (0..100).map(|_| one.fork().time_below(bound)).collect();
        assert!(times.iter().all(|time| *time < bound && *time == other.fork().time_below(bound)));
        assert!(times.iter().any(|time| *time < bound / 4) && times.iter().any(|time| *time > bound / 4 * 3));
        assert_ne!(Random::new(7).next(), Random::new(8).next());
    }
}
