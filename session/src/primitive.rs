//! The one import point for synchronisation, so that loom can replace it.

#[cfg(tidegate_loom)]
use loom::sync as primitives;
#[cfg(not(tidegate_loom))]
use std::sync as primitives;

/// A mutex whose lock is held for one closure, so never across an await, and shows at a glance what runs under it.
pub(crate) struct Locked<T> {
    inner: primitives::Mutex<T>,
}

impl<T> Locked<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            inner: primitives::Mutex::new(value),
        }
    }

    /// Runs `work` under the lock. It must neither wait nor run foreign code: wakers, recorders, drops of either.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // What runs under these locks does not panic, so a poisoned lock guards a whole value.
        let mut value = match self.inner.lock() {
            Ok(value) => value,
            Err(poisoned) => poisoned.into_inner(),
        };
        work(&mut value)
    }
}
