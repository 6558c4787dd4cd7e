//! Randomness as a parameter.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// A source of unpredictable bytes. Codes, nonces, salts and identifiers are drawn from it, so that
/// a test can fix them.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the whole slice, or fails and promises nothing about its contents.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system's random number generator could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct EntropyError;

/// The operating system's random number generator.
#[derive(Clone)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    /// ring makes key pairs and ECDSA nonces only from its own (sealed) trait.
    pub(crate) fn ring(&self) -> &dyn SecureRandom {
        &self.0
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemEntropy")
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes).map_err(|_| EntropyError)
    }
}

/// **For tests only.** A predictable stream: SHA-256 over seed and a counter. Two instances with one
/// seed give the same bytes in the same order of calls.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: AtomicU64,
}

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(SHA256.output_len()) {
            let counter = self.counter.fetch_add(1, Ordering::Relaxed);
            let mut block = [0; 16];
            block[..8].copy_from_slice(&self.seed.to_be_bytes());
            block[8..].copy_from_slice(&counter.to_be_bytes());
            chunk.copy_from_slice(&digest(&SHA256, &block).as_ref()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_streams_repeat_and_never_stall() {
        let draw = |entropy: &dyn Entropy| {
            let mut bytes = [0; 40];
            entropy.fill(&mut bytes).unwrap();
            bytes
        };
        let (one, same, other) = (SeededEntropy::new(7), SeededEntropy::new(7), SeededEntropy::new(8));
        let first = draw(&one);
        assert_eq!(first, draw(&same));
        assert_ne!(first, draw(&one), "the stream moves on");
        assert_ne!(first, draw(&other), "another seed is another stream");
    }

    #[test]
    fn system_entropy_fills_everything() {
        let mut bytes = [0; 64];
        SystemEntropy::new().fill(&mut bytes).unwrap();
        assert!(bytes[..32] != [0; 32] && bytes[32..] != [0; 32]);
    }
}
