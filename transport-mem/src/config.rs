//! What a network and its nodes are made with.

use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_transport::pipe::PipeConfig;

/// What a network is made with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemConfig {
    /// Where all faults come from: the same seed and the same order of opens give the same faults. Default: 0.
    pub seed: u64,
    /// The limits of every node that joins without its own.
    pub limits: MemLimits,
    /// The faults of every link that has none of its own. Default: none.
    pub faults: LinkFaults,
}

/// The bounds of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemLimits {
    /// Bytes in the longest frame that the node sends or takes. Default: 1 MiB.
    pub frame_max: usize,
    /// Frames sent to the node and not yet read, per stream. Default: 64.
    pub frames_in_flight: usize,
    /// Bytes sent to the node and not yet read, per stream; one frame fits always. Default: 4 MiB.
    pub bytes_in_flight: usize,
    /// Streams that each peer may have open towards the node; a stream counts until both ends have let go of both
    /// halves. Default: 256.
    pub streams_per_peer: usize,
    /// How long an open of this node waits for one of its streams to end. Default: 1 s.
    pub open_wait: Duration,
}

impl Default for MemLimits {
    fn default() -> Self {
        let PipeConfig {
            frame_max,
            frames_in_flight,
            bytes_in_flight,
        } = PipeConfig::default();
        Self {
            frame_max,
            frames_in_flight,
            bytes_in_flight,
            streams_per_peer: 256,
            open_wait: Duration::from_secs(1),
        }
    }
}

impl MemLimits {
    pub(crate) const fn pipe(&self) -> PipeConfig {
        PipeConfig {
            frame_max: self.frame_max,
            frames_in_flight: self.frames_in_flight,
            bytes_in_flight: self.bytes_in_flight,
        }
    }
}

/// What goes wrong on the way from one node to another.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkFaults {
    /// How long a frame takes. Frames of one stream do not overtake each other. Default: nothing.
    pub delay: RangeInclusive<Duration>,
    /// How much longer all that one end of a stream sends takes, drawn once for each: streams overtake each other as
    /// wholes. (With a range of delays single frames of different streams overtake each other too.) Default: nothing.
    pub stagger: RangeInclusive<Duration>,
    /// How likely each frame finds the connection lost, with all its streams, both ways: 0 to 1. Default: 0.
    pub lose_connection: f64,
    /// How likely each open fails as unreachable: 0 to 1. Default: 0.
    pub fail_open: f64,
}

impl Default for LinkFaults {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO..=Duration::ZERO,
            stagger: Duration::ZERO..=Duration::ZERO,
            lose_connection: 0.0,
            fail_open: 0.0,
        }
    }
}
