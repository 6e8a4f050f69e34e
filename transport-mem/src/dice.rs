//! Faults from a seed: each stream and direction draws from dice of its own, whatever runs beside it.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tidegate_transport::pipe::Wire;

use crate::LinkFaults;

/// The faults of one direction, changeable while streams run.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultCell {
    faults: Arc<Mutex<LinkFaults>>,
    silent: Arc<AtomicBool>,
}

impl FaultCell {
    pub(crate) fn new(faults: LinkFaults) -> Self {
        Self {
            faults: Arc::new(Mutex::new(faults)),
            silent: Arc::default(),
        }
    }

    pub(crate) fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::SeqCst)
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
    /// Where in the range of staggers this thrower stands: 0 to 1.
    place: f64,
}

impl Dice {
    pub(crate) fn new(seed: &[u64], faults: FaultCell) -> Self {
        let mut rng = Rng::with_seed(mix(seed));
        let place = rng.f64();
        Self { rng, faults, place }
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
        let (delay, stagger) = self
            .faults
            .read(|faults| (faults.delay.clone(), faults.stagger.clone()));
        let late = spread(&stagger).mul_f64(self.place) + *stagger.start();
        let micros = u64::try_from(spread(&delay).as_micros()).unwrap_or(u64::MAX);
        let drawn = if micros == 0 { 0 } else { self.rng.u64(0..=micros) };
        late + *delay.start() + Duration::from_micros(drawn)
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

fn spread(range: &RangeInclusive<Duration>) -> Duration {
    range.end().saturating_sub(*range.start())
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
