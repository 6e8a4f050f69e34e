//! Bounds and intervals.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use thiserror::Error;

/// Bounds and intervals of a store. The same on every node, but that nothing breaks while they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftConfig {
    /// How often the leader tells the others that it is there. 150 ms.
    pub heartbeat_interval: Duration,
    /// How long a node that hears of no leader waits at least before it asks for votes; it draws a time between this
    /// and [`election_max`](Self::election_max). Above two heartbeats. 600 ms.
    pub election_min: Duration,
    /// The longest such wait, and how long nodes stay loyal to a leader that they have heard of: a leader that died is
    /// replaced after one to three times as long. 1.2 s.
    pub election_max: Duration,
    /// How long one call to another node may take, but for snapshots. 5 s.
    pub call_deadline: Duration,
    /// How long a caller may take to each frame of its request, and to the reply: one that nothing is heard of any more
    /// holds up its stream for so long. 10 s.
    pub caller_wait: Duration,
    /// How long a snapshot may take to another node. 5 min.
    pub snapshot_deadline: Duration,
    /// How long a proposal is tried. 10 s.
    pub propose_deadline: Duration,
    /// How long a change of the membership is tried; a learner catches up within it. 60 s.
    pub membership_deadline: Duration,
    /// Between two attempts at a call that did not succeed; doubled each time up to
    /// [`retry_max`](Self::retry_max). 20 ms.
    pub retry_min: Duration,
    /// The longest pause between two attempts. 500 ms.
    pub retry_max: Duration,
    /// Changes in one proposal at most. 4096.
    pub proposal_changes_max: usize,
    /// Proposals of this node under way at once; more wait their turn. 1024.
    pub proposals_max: usize,
    /// Requests of other nodes served at once; one more is refused. 1024.
    pub served_max: usize,
    /// Versions of which is known what they touched; who follows from further behind is told that everything may
    /// differ. 1024.
    pub history_max: usize,
    /// Tablets listed in one update at most; beyond it everything counts as touched. 4096.
    pub touched_max: usize,
    /// Entries after which a new snapshot is made. 4096.
    pub snapshot_entries: u64,
    /// Entries kept that are in the snapshot too, for nodes that are a little behind. 1024.
    pub kept_entries: u64,
}

impl Default for RaftConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_millis(150),
            election_min: Duration::from_millis(600),
            election_max: Duration::from_millis(1200),
            call_deadline: Duration::from_secs(5),
            caller_wait: Duration::from_secs(10),
            snapshot_deadline: Duration::from_secs(300),
            propose_deadline: Duration::from_secs(10),
            membership_deadline: Duration::from_secs(60),
            retry_min: Duration::from_millis(20),
            retry_max: Duration::from_millis(500),
            proposal_changes_max: 4096,
            proposals_max: 1024,
            served_max: 1024,
            history_max: 1024,
            touched_max: 4096,
            snapshot_entries: 4096,
            kept_entries: 1024,
        }
    }
}

/// Intervals that do not fit together: correct them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the configuration makes no sense: {0}")]
pub struct ConfigError(pub(crate) String);

impl RaftConfig {
    pub(crate) fn for_openraft(&self) -> Result<Arc<Config>, ConfigError> {
        let two_heartbeats = self.heartbeat_interval.saturating_mul(2);
        if self.election_min <= two_heartbeats || self.election_max <= self.election_min {
            return Err(ConfigError(
                "two heartbeats, then the shortest, then the longest wait for an election".to_owned(),
            ));
        }
        if self.proposals_max == 0 || self.served_max == 0 || self.proposal_changes_max == 0 {
            return Err(ConfigError("a bound of zero lets nothing through".to_owned()));
        }
        let config = Config {
            cluster_name: "tidegate".to_owned(),
            heartbeat_interval: millis(self.heartbeat_interval),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            install_snapshot_timeout: millis(self.snapshot_deadline),
            max_payload_entries: 256,
            max_append_entries: Some(1024),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_entries.max(1)),
            // Whoever is further behind than a snapshot and what is kept gets the snapshot.
            replication_lag_threshold: self.snapshot_entries.saturating_mul(2).max(2),
            max_in_snapshot_log_to_keep: self.kept_entries,
            purge_batch_size: (self.snapshot_entries / 4).clamp(1, 64),
            api_channel_size: Some(1024),
            notification_channel_size: Some(4096),
            state_machine_channel_size: Some(256),
            enable_pre_vote: Some(true),
            enable_leader_restore: Some(false),
            // Not before the membership names the node's disk.
            enable_elect: false,
            // A disk that was taken back to an older state is not noticed, and must not end the leader.
            allow_log_reversion: Some(true),
            backoff: "50ms 100ms 200ms ...1s".to_owned(),
            ..Config::default()
        };
        let config = config
            .validate()
            .map_err(|error| ConfigError(error.to_string()))?;
        Ok(Arc::new(config))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
