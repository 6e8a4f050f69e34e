//! The limits of a node's streams.

use std::time::Duration;

/// The limits of a node's streams; every one has a default that suits tablets of some gigabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingConfig {
    /// Bytes of rows that a scan is asked for at a time; 256 KiB. Has to fit into a frame of the transport.
    pub batch_bytes: usize,
    /// Bytes of rows in one batch beyond which it is neither sent nor accepted; 1008 KiB. A batch is larger than
    /// [`batch_bytes`](Self::batch_bytes) only if one row is. A frame of the transport has to hold it with a header, so
    /// that a row which is too long is named for what it is: the default leaves 16 KiB of a frame of 1 MiB, the
    /// transports' default, for a key and 256 bytes more.
    pub batch_bytes_max: usize,
    /// Batches read ahead of the network by the engine of a source, and ahead of the engine by a receiver; 4. So a
    /// stream holds at most `batches_in_flight + 2` batches at each end, beside what the transport and the engine hold.
    pub batches_in_flight: usize,
    /// Streams that a node sends at once; 8. Others wait for [`permit_wait`](Self::permit_wait). See
    /// [`set_permits`](crate::StreamingContext::set_permits) for changing it at run time.
    pub sends_max: usize,
    /// Units that a node receives at once; 8. Apart from the sends, so that two nodes that move units to each other
    /// do not starve each other.
    pub receives_max: usize,
    /// How long a stream waits for a permit before it is told [`Busy`](crate::Refusal::Busy); 5 s.
    pub permit_wait: Duration,
    /// Sources of one unit; 16.
    pub sources_max: usize,
    /// How long a source waits for the opening frame, and for its admission; 10 s.
    pub opening_timeout: Duration,
    /// How long a puller waits for a source to accept; 20 s. Longer than `permit_wait` and `opening_timeout`.
    pub answer_timeout: Duration,
    /// How long no byte may move before a stream is given up as stalled; 30 s.
    pub stall_timeout: Duration,
    /// How long a sender waits for the accepted receipt: the receiver's engine makes all durable in it; 120 s.
    pub receipt_timeout: Duration,
    /// How long one call into the engine is waited for; 120 s. The call itself goes on under its own guard.
    pub engine_timeout: Duration,
    /// How long a pull whose stream has failed waits until what had come is staged, so that the next one goes on
    /// after it; 1 s.
    pub settle_wait: Duration,
    /// Events kept for a reader of the progress that is slow; 256. Later ones push out the oldest.
    pub progress_events: usize,
}

impl Default for StreamingConfig {
    fn default() -> Self {
        Self {
            batch_bytes: 256 * 1024,
            batch_bytes_max: 1008 * 1024,
            batches_in_flight: 4,
            sends_max: 8,
            receives_max: 8,
            permit_wait: Duration::from_secs(5),
            sources_max: 16,
            opening_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            receipt_timeout: Duration::from_secs(120),
            engine_timeout: Duration::from_secs(120),
            settle_wait: Duration::from_secs(1),
            progress_events: 256,
        }
    }
}
