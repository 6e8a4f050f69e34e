//! Limits of requests.

use std::time::Duration;

/// Limits of requests, the same on every node of a cluster; every wait and every queue has one.
#[derive(Debug, Clone)]
pub struct KvConfig {
    /// The longest a client's operation takes, retries counted; in a batch, each part. Default 10 s.
    pub operation_deadline: Duration,
    /// The longest one attempt takes. Default 3 s.
    pub attempt_deadline: Duration,
    /// How long a replica waits for metadata that a request is ahead of. Default 2 s.
    pub ahead_wait: Duration,
    /// How long a caller may take from its hello to its request, and to take an answer. Default 10 s.
    pub caller_wait: Duration,
    /// How long a read waits for further answers, once a quorum is there, before it writes back. Default 10 ms.
    pub settle_wait: Duration,
    /// The wait after a first failed attempt; doubles with each. Default 10 ms.
    pub retry_wait: Duration,
    /// The longest wait between two attempts. Default 500 ms.
    pub retry_wait_max: Duration,
    /// The most bytes in a key; the least is one. Default 4096.
    pub key_bytes_max: usize,
    /// Bytes in the rows of one message, and in the longest row (key, value and 32 more). A message is a header of
    /// at most 200 bytes longer: the transport's frames must hold that. Default 960 KiB.
    pub batch_bytes_max: usize,
    /// The most keys in one message. Default 1024.
    pub batch_keys_max: usize,
    /// The most keys that one call into an engine reads. Default 64.
    pub engine_keys_max: usize,
    /// The most messages of one batched operation that are under way at once. Default 8.
    pub batches_in_flight: usize,
    /// The most calls that one client has under way to one node; more wait. Default 64.
    pub calls_per_node: usize,
    /// The longest that one page of tombstones is waited for. Default 5 s.
    pub page_deadline: Duration,
    /// The most rows in a page of tombstones. Default 4096.
    pub page_rows_max: usize,
}

impl KvConfig {
    /// Whether a key is one that rows may have.
    pub(crate) fn allows(&self, key: &[u8]) -> bool {
        (1..=self.key_bytes_max).contains(&key.len())
    }
}

impl Default for KvConfig {
    fn default() -> Self {
        Self {
            operation_deadline: Duration::from_secs(10),
            attempt_deadline: Duration::from_secs(3),
            ahead_wait: Duration::from_secs(2),
            caller_wait: Duration::from_secs(10),
            settle_wait: Duration::from_millis(10),
            retry_wait: Duration::from_millis(10),
            retry_wait_max: Duration::from_millis(500),
            key_bytes_max: 4096,
            batch_bytes_max: 960 << 10,
            batch_keys_max: 1024,
            engine_keys_max: 64,
            batches_in_flight: 8,
            calls_per_node: 64,
            page_deadline: Duration::from_secs(5),
            page_rows_max: 4096,
        }
    }
}
