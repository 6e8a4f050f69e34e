//! A node's hybrid logical clock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_tablets::NodeId;

use crate::Timestamp;

/// Bits of a time that count within a millisecond.
const COUNTER_BITS: u32 = 16;

/// Where a [`HybridClock`] gets the time of day from. A simulation passes a closure of its own.
pub trait PhysicalClock: Send + Sync + 'static {
    /// Milliseconds since 1970. May stand still or go back: the hybrid clock does not.
    fn millis(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync + 'static> PhysicalClock for F {
    fn millis(&self) -> u64 {
        self()
    }
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl PhysicalClock for SystemClock {
    fn millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A node's hybrid logical clock: it follows the time of day, and every time that it was shown.
///
/// A time is 48 bits of milliseconds and 16 of a counter; the counter's overflow carries into the milliseconds. So
/// a time is one number, and "later" is one comparison.
pub struct HybridClock {
    node: NodeId,
    start: u64,
    physical: Box<dyn PhysicalClock>,
    /// The latest time given out or shown. Relaxed throughout: each time is the outcome of one atomic operation on
    /// this word alone, and nothing else is published by it.
    last: AtomicU64,
}

impl HybridClock {
    /// The clock of `node`. `start` must be a number that is new at every start of that node: it keeps timestamps
    /// of a node that lost its clock's state apart from those it gave out before.
    #[must_use]
    pub fn new(node: NodeId, start: u64, physical: impl PhysicalClock) -> Self {
        Self {
            node,
            start,
            physical: Box::new(physical),
            last: AtomicU64::new(0),
        }
    }

    /// The node whose clock it is.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// A timestamp later than every one given out before, and than every time shown.
    pub fn now(&self) -> Timestamp {
        let physical = self.physical_time();
        let next = |last: u64| last.saturating_add(1).max(physical);
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let (Ok(last) | Err(last)) = last;
        Timestamp {
            time: next(last),
            node: self.node.as_u64(),
            start: self.start,
        }
    }

    /// What the clock shows, without giving it out: not behind anything given out or shown.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.last.load(Ordering::Relaxed).max(self.physical_time())
    }

    /// Takes note of a time that someone else's clock, or a row, has shown: what [`now`](Self::now) gives from here
    /// on is later.
    pub fn observe(&self, time: u64) {
        self.last.fetch_max(time, Ordering::Relaxed);
    }

    /// Sets the clock above `floor`, the highest timestamp of a purge.
    pub fn raise_above(&self, floor: u64) {
        self.observe(floor.saturating_add(1));
    }

    fn physical_time(&self) -> u64 {
        self.physical.millis().min(u64::MAX >> COUNTER_BITS) << COUNTER_BITS
    }
}

impl fmt::Debug for HybridClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HybridClock")
            .field("node", &self.node)
            .field("start", &self.start)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn clock(millis: impl Fn() -> u64 + Send + Sync + 'static) -> HybridClock {
        HybridClock::new(NodeId::new(3), 7, millis)
    }

    #[test]
    fn a_timestamp_names_its_node_and_start() {
        assert_eq!(
            clock(|| 5).now(),
            Timestamp {
                time: 5 << 16,
                node: 3,
                start: 7
            }
        );
    }

    #[test]
    fn the_counter_carries_into_the_milliseconds() {
        let clock = clock(|| 5);
        clock.observe(5 << 16 | 0xffff);
        assert_eq!(clock.now().time, 6 << 16);
        assert_eq!(clock.now().time, 6 << 16 | 1);
    }

    #[test]
    fn a_clock_that_goes_back_is_not_followed() {
        let millis = Arc::new(AtomicU64::new(100));
        let clock = clock({
            let millis = Arc::clone(&millis);
            move || millis.load(Ordering::Relaxed)
        });
        let before = clock.now();
        millis.store(1, Ordering::Relaxed);
        assert_eq!(clock.now().time, before.time + 1);
        assert!(clock.time() > before.time);
    }

    #[test]
    fn threads_share_no_timestamp() {
        let clock = clock(|| 1);
        let mut all: Vec<Timestamp> = thread::scope(|scope| {
            let draw = || (0..1000).map(|_| clock.now()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    }

    proptest! {
        #[test]
        fn what_is_given_out_is_later_than_all_that_was_shown(
            steps in prop::collection::vec((0u8..3, 0u64..1 << 40, 0u64..1 << 20), 1..50),
        ) {
            let millis = Arc::new(AtomicU64::new(0));
            let clock = clock({
                let millis = Arc::clone(&millis);
                move || millis.load(Ordering::Relaxed)
            });
            let mut latest = 0;
            for (kind, shown, physical) in steps {
                millis.store(physical, Ordering::Relaxed);
                match kind {
                    0 => clock.observe(shown),
                    1 => clock.raise_above(shown),
                    _ => {}
                }
                latest = latest.max(if kind < 2 { shown } else { 0 });
                let given = clock.now().time;
                prop_assert!(given > latest && given >= physical << COUNTER_BITS);
                latest = given;
            }
        }
    }
}
