//! Who waits at a gate.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

use crate::primitive::Mutex;

/// Names a waiter on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaiterKey(u64);

/// In the order of arrival, so that the same history wakes in the same order.
#[derive(Default)]
struct List {
    next: u64,
    wakers: BTreeMap<WaiterKey, Waker>,
}

/// The wakers of those who wait. Locked to register, forget and wake; never on the way in or out of the gate.
///
/// No foreign code runs under the lock: a waker is cloned before it and dropped or woken after it, as each of these
/// may run a task, and the task may come back here. The list is made when the first waiter comes: most gates never
/// have one, and there are many gates.
pub(super) struct Waiters {
    list: Mutex<Option<Box<List>>>,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Self {
            list: Mutex::new(None),
        }
    }

    /// Puts a waker on the list, in the place of the one `key` names.
    pub(super) fn register(&self, key: Option<WaiterKey>, waker: &Waker) -> WaiterKey {
        let waker = waker.clone();
        let (key, _replaced) = self.with(|list| {
            let list = list.get_or_insert_default();
            let key = key.unwrap_or_else(|| {
                list.next += 1;
                WaiterKey(list.next)
            });
            (key, list.wakers.insert(key, waker))
        });
        key
    }

    pub(super) fn forget(&self, key: WaiterKey) {
        let _waker = self.with(|list| list.as_mut()?.wakers.remove(&key));
    }

    pub(super) fn wake_all(&self) {
        // The count of keys stays: a key that was taken here may register again and must not meet its double.
        let wakers = self.with(|list| list.as_mut().map(|list| mem::take(&mut list.wakers)));
        for waker in wakers.into_iter().flat_map(BTreeMap::into_values) {
            waker.wake();
        }
    }

    /// How many wakers are on the list.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.with(|list| list.as_ref().map_or(0, |list| list.wakers.len()))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Option<Box<List>>) -> T) -> T {
        // Nothing under the lock panics, so a poisoned lock guards a whole list.
        let mut list = match self.list.lock() {
            Ok(list) => list,
            Err(poisoned) => poisoned.into_inner(),
        };
        work(&mut list)
    }
}
