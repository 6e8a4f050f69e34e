//! How many streams a node may take part in.

/// How many streams each node may send and receive at once, two numbers apart: two nodes that move tablets to each
/// other do not starve each other. Where one is not set, the coordinator's own default counts.
///
/// It steers what is started; lowering it stops nothing that runs. It lies in the metadata and not with a
/// coordinator, so that the next coordinator goes by it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StreamPermits {
    /// Streams of which a node is a source.
    pub sends: Option<u32>,
    /// Streams of which a node is the pending replica.
    pub receives: Option<u32>,
}

impl StreamPermits {
    /// The largest number of permits; the smallest is one.
    pub const MAX: u32 = 1024;
}
