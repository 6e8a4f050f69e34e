//! Every bound of the balancer.

use std::time::Duration;

/// What [`balance`](super::balance) goes by, each number with a documented default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceRules {
    /// The difference between two nodes' weights that is left alone, in thousandths of the mean node's weight.
    /// Default: 50 (5 %).
    pub tolerance_permille: u32,
    /// Bytes that a tablet weighs at the least for being one. Differences far below it are left alone. Default:
    /// 1 MiB.
    pub tablet_bytes_min: u64,
    /// Bytes that a row weighs besides its own. Default: 32.
    pub row_bytes: u64,
    /// Transitions begun by the balancer that may run at once, in the whole cluster. Default: 64.
    pub moves_max: usize,
    /// Moves that should be made but cannot now of which a plan tells; it counts them all. Default: 64.
    pub waiting_shown: usize,
}

impl Default for BalanceRules {
    fn default() -> Self {
        Self {
            tolerance_permille: 50,
            tablet_bytes_min: 1 << 20,
            row_bytes: 32,
            moves_max: 64,
            waiting_shown: 64,
        }
    }
}

/// Every bound of the balancer's rounds, each with a documented default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancerConfig {
    /// What is planned. Default: [`BalanceRules::default`].
    pub rules: BalanceRules,
    /// From the end of one round to the next, where nothing that matters changes. Default: 10 s.
    pub interval: Duration,
    /// From the end of one round to the next, where something does: a transition has ended, a node came, drains or is
    /// excluded, balancing was switched on. Default: 500 ms.
    pub pause: Duration,
    /// How long the load may take to be reported; a round without it moves nothing for its weight. Default: 5 s.
    pub load_deadline: Duration,
    /// How long a tablet does not go to a node from which a move went back. Default: 10 min.
    pub rest: Duration,
    /// Moves begun by this balancer, and moves that went back, that are remembered, each. Default: 4096.
    pub remembered: usize,
}

impl Default for BalancerConfig {
    fn default() -> Self {
        Self {
            rules: BalanceRules::default(),
            interval: Duration::from_secs(10),
            pause: Duration::from_millis(500),
            load_deadline: Duration::from_secs(5),
            rest: Duration::from_secs(600),
            remembered: 4096,
        }
    }
}
