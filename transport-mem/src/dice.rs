//! Faults from a seed: each stream and direction draws from dice of its own, whatever runs beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tidegate_transport::pipe::Wire;

use crate::LinkFaults;

/// The faults of one direction, changeable while streams run.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultCell {
    faults: Arc<Mutex<LinkFaults>>,
}

impl FaultCell {
    pub(crate) fn new(faults: LinkFaults) -> Self {
        Self {
            faults: Arc::new(Mutex::new(faults)),
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut LinkFaults)) {
        change(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read<T>(&self, read: impl FnOnce(&LinkFaults) -> T) -> T {
        read(&self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Draws the faults of one direction of one stream, or the opens of one link.
#[derive(Debug)]
pub(crate) struct Dice {
    rng: Rng,
    faults: FaultCell,
}

impl Dice {
    pub(crate) fn new(seed: &[u64], faults: FaultCell) -> Self {
        Self {
            rng: Rng::with_seed(mix(seed)),
            faults,
        }
    }

    pub(crate) fn loses_connection(&mut self) -> bool {
        let chance = self.faults.read(|faults| faults.lose_connection);
        self.happens(chance)
    }

    pub(crate) fn fails_open(&mut self) -> bool {
        let chance = self.faults.read(|faults| faults.fail_open);
        self.happens(chance)
    }

    pub(crate) fn draw_delay(&mut self) -> Duration {
        let (low, high) = self
            .faults
            .read(|faults| (*faults.delay.start(), *faults.delay.end()));
        let spread = u64::try_from(high.saturating_sub(low).as_micros()).unwrap_or(u64::MAX);
        if spread == 0 {
            low
        } else {
            low + Duration::from_micros(self.rng.u64(0..=spread))
        }
    }

    fn happens(&mut self, chance: f64) -> bool {
        chance > 0.0 && self.rng.f64() < chance
    }
}

impl Wire for Dice {
    fn delay(&mut self, _bytes: usize) -> Duration {
        self.draw_delay()
    }
}

/// One seed of many numbers, by the finaliser of splitmix64 (Steele, Lea and Flood, 2014).
fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |seed, part| {
        let mut z = (seed ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
