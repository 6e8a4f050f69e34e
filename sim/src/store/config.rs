//! How a simulated metadata log behaves while nothing is wrong.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How a [`SimLog`](super::SimLog) behaves while nothing is wrong, and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimLogConfig {
    /// Changes in one proposal at most. 4096.
    pub proposal_changes_max: usize,
    /// Answers remembered for repeats. 4096.
    pub answers_max: usize,
    /// Versions kept for nodes that are behind; one that is further behind gets the newest copy, with everything
    /// touched. 1024.
    pub history_max: usize,
    /// Tablets listed in one update at most; beyond it everything counts as touched. 4096.
    pub touched_max: usize,
    /// How long a proposal is under way to whoever decides it, how long its answer is, and how long a read barrier
    /// takes. 0 to 2 ms.
    pub way: RangeInclusive<Duration>,
    /// How long after a decision a node applies it. 0 to 4 ms.
    pub lag: RangeInclusive<Duration>,
    /// How long nothing is decided after a change of the leader. 5 to 300 ms.
    pub election: RangeInclusive<Duration>,
    /// How long after its proposer was told that the outcome is unknown a proposal may still be decided. 0 to 3 s.
    pub late: RangeInclusive<Duration>,
}

impl Default for SimLogConfig {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            proposal_changes_max: 4096,
            answers_max: 4096,
            history_max: 1024,
            touched_max: 4096,
            way: ms(0)..=ms(2),
            lag: ms(0)..=ms(4),
            election: ms(5)..=ms(300),
            late: ms(0)..=ms(3000),
        }
    }
}

/// A time out of a range, in whole milliseconds: timers know no less.
pub(crate) fn draw(rng: &mut fastrand::Rng, range: &RangeInclusive<Duration>) -> Duration {
    let ms = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (from, to) = (ms(range.start()), ms(range.end()));
    Duration::from_millis(rng.u64(from..=to.max(from)))
}
