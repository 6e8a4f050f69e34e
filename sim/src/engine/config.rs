//! How an engine behaves while nothing is wrong with its disk.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How an engine behaves while nothing is wrong with its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskConfig {
    /// How long a call takes, in all. 0 to 2 ms.
    pub call: RangeInclusive<Duration>,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self {
            call: Duration::ZERO..=Duration::from_millis(2),
        }
    }
}
