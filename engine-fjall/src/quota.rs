//! How many bytes may be written.

use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_streaming::EngineError;

/// Counts the bytes written, against a limit that tests set.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: u64,
    used: AtomicU64,
}

impl Quota {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self {
            limit: limit.unwrap_or(u64::MAX),
            used: AtomicU64::new(0),
        }
    }

    /// Takes room for `bytes`, or none.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), EngineError> {
        // Relaxed: the number orders nothing else.
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.limit)
            })
            .map(drop)
            .map_err(|_| EngineError::DiskFull)
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        // Relaxed: the number orders nothing else.
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let quota = Quota::new(Some(10));
        quota.take(8).expect("fits");
        assert!(matches!(quota.take(3), Err(EngineError::DiskFull)));
        quota.take(2).expect("fits");
        quota.give_back(8);
        quota.take(8).expect("fits again");
    }
}
