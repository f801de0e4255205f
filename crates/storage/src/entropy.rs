//! Randomness.

/// Unpredictable bytes, fit for secrets.
pub trait Entropy: Send + Sync {
    /// Fills a buffer with random bytes. Two calls never give the same 16 bytes.
    fn fill(&self, buffer: &mut [u8]);
}
