//! Limits of a replica.

use std::time::Duration;

/// Limits of a replica; every wait and every queue in it has one.
#[derive(Debug, Clone)]
pub struct ReplicaConfig {
    /// The longest a barrier may run, whatever its asker allows. Default 30 s.
    pub barrier_deadline_max: Duration,
    /// The longest an operation's asker is kept waiting, whatever it allows. Default 30 s.
    pub operation_wait_max: Duration,
    /// How long a caller may take from its hello to its request, and to take an answer. Default 10 s.
    pub caller_wait: Duration,
    /// The most tablets in one barrier. Default 4096.
    pub barrier_tablets_max: usize,
    /// The most holders that a barrier's answer names. Default 8.
    pub holders_named_max: usize,
    /// The most operations that run at once; one more is refused, and asked again. Default 256.
    pub operations_max: usize,
    /// How long one try of the sweeper waits for holders before it reports them and tries again. Default 10 s.
    pub sweep_drain: Duration,
    /// How long the sweeper waits after an engine failed before it tries again. Default 1 s.
    pub sweep_retry: Duration,
    /// How long a stop waits for the node's own holders. Default 5 s.
    pub stop_drain: Duration,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        Self {
            barrier_deadline_max: Duration::from_secs(30),
            operation_wait_max: Duration::from_secs(30),
            caller_wait: Duration::from_secs(10),
            barrier_tablets_max: 4096,
            holders_named_max: 8,
            operations_max: 256,
            sweep_drain: Duration::from_secs(10),
            sweep_retry: Duration::from_secs(1),
            stop_drain: Duration::from_secs(5),
        }
    }
}
