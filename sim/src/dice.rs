//! Dice that a seed has thrown already.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

/// Dice of one purpose; clones share them. What one purpose draws changes nothing for the others.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    rng: Arc<Mutex<Rng>>,
}

impl Dice {
    /// The dice of `purpose` under `seed`.
    #[must_use]
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self {
            rng: Arc::new(Mutex::new(Self::rng(seed, purpose))),
        }
    }

    /// The same, for whoever keeps them to itself.
    #[must_use]
    pub(crate) fn rng(seed: u64, purpose: &str) -> Rng {
        let named = purpose
            .bytes()
            .fold(mix(seed), |mixed, byte| mix(mixed ^ u64::from(byte)));
        Rng::with_seed(named)
    }

    /// A number of that range.
    #[must_use]
    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        self.with(|rng| rng.u64(range))
    }

    /// A number below `len`, which is not zero.
    #[must_use]
    pub(crate) fn below(&self, len: usize) -> usize {
        self.with(|rng| rng.usize(..len.max(1)))
    }

    /// A time of that range, in whole milliseconds.
    #[must_use]
    pub(crate) fn time(&self, range: &RangeInclusive<Duration>) -> Duration {
        let millis = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.number(millis(range.start())..=millis(range.end())))
    }

    /// Whether something of that likelihood happens: 0 to 1.
    #[must_use]
    pub(crate) fn happens(&self, chance: f64) -> bool {
        self.with(|rng| rng.f64()) < chance
    }

    /// One of them; none if there are none.
    #[must_use]
    pub(crate) fn one_of<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        self.with(|rng| rng.choice(of))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The finaliser of splitmix64 (Steele, Lea and Flood, 2014): neighbouring seeds have nothing in common.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
