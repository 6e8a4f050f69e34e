//! How many streams each node may send and receive.

use bincode::{Decode, Encode};
use tidegate_tablets::StreamPermits;

#[derive(Debug, Clone, Copy, Encode, Decode)]
pub(super) struct PermitsFrame {
    sends: Option<u32>,
    receives: Option<u32>,
}

impl PermitsFrame {
    pub(super) const fn new(permits: StreamPermits) -> Self {
        Self {
            sends: permits.sends,
            receives: permits.receives,
        }
    }

    pub(super) const fn open(self) -> StreamPermits {
        StreamPermits {
            sends: self.sends,
            receives: self.receives,
        }
    }
}
