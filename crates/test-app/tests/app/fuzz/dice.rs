//! Choices that follow from a seed.

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

/// Dice that fall the same way again.
pub(super) struct Dice(ChaCha12Rng);

impl Dice {
    pub(super) fn new(seed: u32) -> Self {
        Self(ChaCha12Rng::seed_from_u64(u64::from(seed)))
    }

    /// A number below another one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(u64::from(self.0.next_u32()) % end.max(1) as u64).unwrap_or_default()
    }

    /// Whether something happens that does so many times in a hundred.
    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of several.
    pub(super) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// One of several, each as often as its weight says.
    pub(super) fn weigh<T: Copy>(&mut self, of: &[(usize, T)]) -> T {
        let mut left = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, it) in of {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *it,
            }
        }
        of[0].1
    }
}
