//! What is drawn, from a seed that is told.

use std::io::Write as _;

const VARIABLE: &str = "TIDEGATE_TORTURE_SEED";

/// Numbers that a seed decides.
#[derive(Debug)]
pub(crate) struct Seed {
    rng: fastrand::Rng,
}

impl Seed {
    /// The seed of `cargo xtask torture`; none elsewhere, where what takes long is left out.
    pub(crate) fn of_torture() -> Option<Self> {
        let Ok(seed) = std::env::var(VARIABLE) else {
            loud(&format!(
                "SKIPPED: it takes long; `cargo xtask torture` runs it, as does {VARIABLE}=1"
            ));
            return None;
        };
        let seed = seed.parse().expect("a seed is a number");
        Some(Self {
            rng: fastrand::Rng::with_seed(seed),
        })
    }

    pub(crate) fn shuffle<T>(&mut self, of: &mut [T]) {
        self.rng.shuffle(of);
    }
}

/// Says something past the harness, which would swallow it.
pub(crate) fn loud(text: &str) {
    // Where nobody reads it, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
