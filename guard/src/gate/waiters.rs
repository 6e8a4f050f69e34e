//! Who waits at a gate.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::primitive::Mutex;

/// Names a waiter on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaiterKey(u64);

#[derive(Default)]
struct List {
    next: u64,
    wakers: BTreeMap<WaiterKey, Waker>,
}

/// The wakers of those who wait. Locked to register, forget and wake; never on the way in or out of the gate.
pub(super) struct Waiters {
    list: Mutex<List>,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Self { list: Mutex::new(List::default()) }
    }

    /// Puts a waker on the list, in the place of the one `key` names.
    pub(super) fn register(&self, key: Option<WaiterKey>, waker: &Waker) -> WaiterKey {
        self.with(|list| {
            let key = key.unwrap_or_else(|| {
                list.next += 1;
                WaiterKey(list.next)
            });
            list.wakers.insert(key, waker.clone());
            key
        })
    }

    pub(super) fn forget(&self, key: WaiterKey) {
        // Dropped outside the lock: a waker's drop is foreign code.
        let _waker = self.with(|list| list.wakers.remove(&key));
    }

    pub(super) fn wake_all(&self) {
        // Woken outside the lock: a waker may run its task at once, and the task may come back here.
        for waker in self.with(|list| std::mem::take(&mut list.wakers)).into_values() {
            waker.wake();
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut List) -> T) -> T {
        // Nothing under the lock panics, so a poisoned lock guards a whole list.
        let mut list = match self.list.lock() {
            Ok(list) => list,
            Err(poisoned) => poisoned.into_inner(),
        };
        work(&mut list)
    }
}
