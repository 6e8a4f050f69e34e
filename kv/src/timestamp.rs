//! When a row was written.

/// When a row was written, on a hybrid logical clock; no two writes share one.
///
/// Ordered by time, then by node, then by start. `time` holds milliseconds since 1970 in its upper 48 bits and a
/// counter in its lower 16 (Kulkarni et al., "Logical Physical Clocks", OPODIS 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Milliseconds and counter.
    pub time: u64,
    /// The node whose clock it was.
    pub node: u64,
    /// A number that is new at every start of that node.
    pub start: u64,
}
