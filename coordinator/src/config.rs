//! Every bound of a coordinator.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Every bound of a coordinator, each with a documented default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// When to try again, and how often. Default: [`RetryConfig::default`].
    pub retry: RetryConfig,
    /// How long a node may take for a barrier. Default: 10 s.
    pub barrier_deadline: Duration,
    /// How long to wait for the answer to one ask for an operation; asking again joins it. Default: 30 s.
    pub operation_deadline: Duration,
    /// How much longer than its deadline a call may stay without an answer. Default: 2 s.
    pub call_grace: Duration,
    /// How long a proposal, or a read barrier, may take. Default: 10 s.
    pub store_deadline: Duration,
    /// Tablets in one barrier request. Default: 256.
    pub tablets_per_barrier: usize,
    /// Barrier calls that may run on one node for tablets that have not failed yet; as many again for those that
    /// have, so that a slow tablet takes no place from a fresh one. Default: 8.
    pub barriers_per_node: usize,
    /// Streams of which one node may be a source at once; the metadata may name
    /// [another number](tidegate_tablets::StreamPermits). A stream that goes on after its call has ended counts.
    /// Default: 4.
    pub sends_per_node: usize,
    /// Streams that one node may receive at once; the metadata may name another number. Apart from the sends, so that
    /// two nodes that move tablets to each other do not starve each other. Default: 4.
    pub receives_per_node: usize,
    /// Cleanup, fill and purge calls that may run on one node, together. Default: 8.
    pub operations_per_node: usize,
    /// Calls that may run at once, on all nodes. Barriers may use all of them, operations three quarters, streams a
    /// half: no amount of streaming holds up a barrier, or a cleanup. Default: 256.
    pub calls_total: usize,
    /// Changes in one proposal. Default: 128.
    pub changes_per_proposal: usize,
    /// How often barrier calls may hand on answers before those are looked at: as many at a time as came together, and
    /// no more than a request has tablets. Default: 1024.
    pub answers_queued: usize,
    /// Transitions that ended of which the [status](crate::CoordinatorHandle::ended) keeps a line. Default: 256.
    pub ended_kept: usize,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self {
            retry: RetryConfig::default(),
            barrier_deadline: Duration::from_secs(10),
            operation_deadline: Duration::from_secs(30),
            call_grace: Duration::from_secs(2),
            store_deadline: Duration::from_secs(10),
            tablets_per_barrier: 256,
            barriers_per_node: 8,
            sends_per_node: 4,
            receives_per_node: 4,
            operations_per_node: 8,
            calls_total: 256,
            changes_per_proposal: 128,
            answers_queued: 1024,
            ended_kept: 256,
        }
    }
}

/// When a failed call is tried again, and how often before the transition goes back or is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryConfig {
    /// The delay after the first failure; it doubles from there. Default: 50 ms.
    pub delay_min: Duration,
    /// The longest delay. Default: 5 s.
    pub delay_max: Duration,
    /// Failures of one node's barrier in one stage before the budget is spent. Default: 30.
    pub barrier_failures_max: u32,
    /// Failures of one node's operation under one session before the budget is spent. Default: 20.
    pub operation_failures_max: u32,
    /// Answers that say that the asker is behind, which count for nothing; more of them count as failures.
    /// Default: 20.
    pub behind_answers_max: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            delay_min: Duration::from_millis(50),
            delay_max: Duration::from_secs(5),
            barrier_failures_max: 30,
            operation_failures_max: 20,
            behind_answers_max: 20,
        }
    }
}

/// Delays that need no randomness: doubling, up to a longest one that stays.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    delays_ms: Vec<u64>,
}

impl Schedule {
    /// Doublings after which any delay has reached any maximum.
    const STEPS_MAX: usize = 48;

    pub(crate) fn new(retry: &RetryConfig) -> Self {
        let mut delays_ms: Vec<u64> = ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(retry.delay_min.max(Duration::from_millis(1)))
            .with_max_delay(retry.delay_max.max(Duration::from_millis(1)))
            .with_max_times(Self::STEPS_MAX)
            .build()
            // It doubles in single precision: to the nearest millisecond.
            .map(|delay| {
                u64::try_from((delay.as_micros() + 500) / 1000)
                    .unwrap_or(u64::MAX)
                    .max(1)
            })
            .collect();
        delays_ms.dedup();
        Self { delays_ms }
    }

    /// The delay after that many failures in a row, at least one.
    pub(crate) fn after(&self, failures: u32) -> u64 {
        let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        self.delays_ms
            .get(at)
            .or(self.delays_ms.last())
            .copied()
            .unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_stay_there() {
        let schedule = Schedule::new(&RetryConfig {
            delay_min: Duration::from_millis(10),
            delay_max: Duration::from_millis(50),
            ..RetryConfig::default()
        });
        let delays: Vec<u64> = [0, 1, 2, 3, 4, 5, 1000, u32::MAX]
            .map(|n| schedule.after(n))
            .to_vec();
        assert_eq!(delays, [10, 10, 20, 40, 50, 50, 50, 50]);
    }

    #[test]
    fn a_delay_of_nothing_is_a_millisecond() {
        let retry = RetryConfig {
            delay_min: Duration::ZERO,
            delay_max: Duration::ZERO,
            ..RetryConfig::default()
        };
        assert_eq!(Schedule::new(&retry).after(7), 1, "no retry spins");
    }
}
