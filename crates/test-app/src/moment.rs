//! When a request is and which one it is: everything that a program would ask of the machine.

use std::{fmt, str::FromStr};

use http::HeaderName;
use stratus_storage::Timestamp;
use stratus_testkit::{SeededEntropy, SettableClock};

/// The header that brings a [`Moment`] along.
pub const MOMENT: HeaderName = HeaderName::from_static("x-test-moment");

/// What stands in [`MOMENT`]: `<seed>.<ordinal>.<milliseconds UTC>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Which sequence of requests.
    pub seed: u32,
    /// Which request of it: no two draw the same randomness.
    pub ordinal: u32,
    /// What time it is, in milliseconds UTC, for as long as the request takes.
    pub now: Timestamp,
}

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMoment;

impl Moment {
    /// A clock that stands still.
    pub(crate) fn clock(&self) -> SettableClock {
        SettableClock::new(self.now)
    }

    /// Randomness that follows from the seed and the ordinal.
    pub(crate) fn entropy(&self) -> SeededEntropy {
        SeededEntropy::new(u64::from(self.seed) << 32 | u64::from(self.ordinal))
    }
}

impl fmt::Display for InvalidMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{MOMENT}` must be `<seed>.<ordinal>.<milliseconds>`")
    }
}

impl std::error::Error for InvalidMoment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.seed, self.ordinal, self.now)
    }
}

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(InvalidMoment);
        let (seed, ordinal, now) = (part()?, part()?, part()?);
        match (seed.parse(), ordinal.parse(), now.parse(), parts.next()) {
            (Ok(seed), Ok(ordinal), Ok(now), None) => Ok(Self { seed, ordinal, now }),
            _ => Err(InvalidMoment),
        }
    }
}

#[cfg(test)]
mod tests {
    use stratus_storage::mint_uuid_v7;

    use super::*;

    #[test]
    fn moments_are_text() {
        let moment = Moment { seed: 7, ordinal: 12, now: 1_795_251_600_000 };
        assert_eq!(moment.to_string().parse(), Ok(moment));
        for text in ["", "7.12", "7.12.1.2", "7.x.1", "-1.2.3"] {
            assert_eq!(text.parse::<Moment>(), Err(InvalidMoment), "{text}");
        }
    }

    #[test]
    fn a_moment_mints_the_same_ids_again_and_another_one_others() {
        let minted = |seed, ordinal| {
            let moment = Moment { seed, ordinal, now: 1_795_251_600_000 };
            mint_uuid_v7(&moment.clock(), &moment.entropy())
        };
        assert_eq!(minted(1, 2), minted(1, 2));
        assert_ne!(minted(1, 2), minted(1, 3));
        assert_ne!(minted(1, 2), minted(2, 2));
    }
}
