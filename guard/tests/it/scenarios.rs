//! Races at a gate, each as a function. The model checker runs them through every interleaving and every value that
//! the memory orderings allow (`tests/loom.rs`); plain threads run them many times over (`stress.rs`).
//!
//! `Note` stands for an effect of a holder. It is written and read with `Relaxed`, so that only the gate's own
//! orderings can carry it from one thread to another.
#![allow(clippy::unwrap_used, reason = "only tests call these")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_guard::{Gate, GateClosed, OwnedEntry};

#[cfg(not(tidegate_loom))]
use self::plain::{AtomicUsize, Ordering, block_on, spawn};
#[cfg(tidegate_loom)]
use loom::{
    future::block_on,
    sync::atomic::{AtomicUsize, Ordering},
    thread::spawn,
};

/// An effect that somebody had, to be seen by those who must.
#[derive(Clone)]
struct Note(Arc<AtomicUsize>);

impl Note {
    fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    fn write(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll_once(future: impl Future<Output = ()>) -> Poll<()> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whoever gets in before the close is waited for, effect included; nobody has an effect after the drain.
pub(crate) fn enter_against_close() {
    let (gate, effect) = (Arc::new(Gate::new()), Note::new());
    let holder = spawn({
        let (gate, effect) = (Arc::clone(&gate), effect.clone());
        move || match gate.enter() {
            Ok(_entry) => {
                effect.write();
                1
            }
            Err(_closed) => 0,
        }
    });
    assert!(gate.close());
    block_on(gate.drained());
    let seen = effect.read();
    assert!(gate.enter().is_err() && gate.check().is_err());
    assert_eq!(
        seen,
        holder.join().unwrap(),
        "an effect after the drain, or one that the drain did not show"
    );
}

/// One of the ways to enter and own the entry.
type Enter = fn(&Arc<Gate>) -> Result<OwnedEntry, GateClosed>;

/// Two enter, each in its way, while one closes: none slips through between the bit and the count.
pub(crate) fn two_enter_against_close() {
    let (gate, effect) = (Arc::new(Gate::new()), Note::new());
    let ways: [Enter; 2] = [Gate::enter_owned, |gate| Gate::enter_through(Arc::clone(gate))];
    let holders = ways.map(|enter| {
        let (gate, effect) = (Arc::clone(&gate), effect.clone());
        spawn(move || {
            enter(&gate).is_ok_and(|_entry| {
                effect.write();
                true
            })
        })
    });
    assert!(gate.close());
    block_on(gate.drained());
    let seen = effect.read();
    let entered = holders.map(|holder| usize::from(holder.join().unwrap()));
    assert_eq!(seen, entered.iter().sum::<usize>());
}

/// The last leave and the close: the later of the two sees the gate closed and empty, so whoever looks after its own
/// step can finish the session, and nobody has to wait for it.
pub(crate) fn close_against_last_leave() {
    let (gate, effect) = (Arc::new(Gate::new()), Note::new());
    let entry = gate.enter_owned().unwrap();
    let leaver = spawn({
        let (gate, effect) = (Arc::clone(&gate), effect.clone());
        move || {
            effect.write();
            drop(entry);
            gate.is_drained()
        }
    });
    assert!(gate.shut());
    gate.wake();
    let closer_finishes = gate.is_drained();
    assert!(
        !closer_finishes || effect.read() == 1,
        "drained, and the effect is not visible"
    );
    let leaver_finishes = leaver.join().unwrap();
    assert!(
        closer_finishes || leaver_finishes,
        "closed and empty, and nobody saw it"
    );
}

/// Two close at once: one is the first.
pub(crate) fn close_against_close() {
    let gate = Arc::new(Gate::new());
    let other = spawn({
        let gate = Arc::clone(&gate);
        move || gate.close()
    });
    let first = gate.close();
    assert!(first != other.join().unwrap());
    assert!(gate.is_drained());
}

/// Whoever finds nobody inside an open gate sees what those did who were.
pub(crate) fn nobody_inside_against_last_leave() {
    let (gate, effect) = (Arc::new(Gate::new()), Note::new());
    let entry = gate.enter_owned().unwrap();
    let holder = spawn({
        let effect = effect.clone();
        move || {
            effect.write();
            drop(entry);
        }
    });
    if gate.holders() == 0 {
        assert_eq!(effect.read(), 1, "left, and its effect is not seen");
    }
    holder.join().unwrap();
    assert_eq!(gate.holders(), 0);
}

/// A drain waits while the holders leave: it is woken, and sees what all of them did.
pub(crate) fn drained_against_last_leave() {
    let (gate, effect) = (Arc::new(Gate::new()), Note::new());
    let entries = [gate.enter_owned().unwrap(), gate.enter_owned().unwrap()];
    assert!(gate.close());
    let leavers = entries.map(|entry| {
        let effect = effect.clone();
        spawn(move || {
            effect.write();
            drop(entry);
        })
    });
    block_on(gate.drained());
    assert_eq!(
        effect.read(),
        2,
        "the drain ended before the last holder, or does not show an effect"
    );
    for leaver in leavers {
        leaver.join().unwrap();
    }
}

/// A drain is already waiting when one thread closes and another leaves.
pub(crate) fn drained_against_close_and_leave() {
    let (gate, effect) = (Arc::new(Gate::new()), Note::new());
    let entry = gate.enter_owned().unwrap();
    let leaver = spawn({
        let effect = effect.clone();
        move || {
            effect.write();
            drop(entry);
        }
    });
    let closer = spawn({
        let gate = Arc::clone(&gate);
        move || assert!(gate.close())
    });
    block_on(gate.drained());
    assert_eq!(effect.read(), 1);
    leaver.join().unwrap();
    closer.join().unwrap();
}

/// A holder waits for the close: polled before it, while it happens, or after it, the wait ends, and shows what
/// came before the close.
pub(crate) fn closing_before_during_and_after_close() {
    let (gate, reason) = (Arc::new(Gate::new()), Note::new());
    let mut before = Box::pin({
        let gate = Arc::clone(&gate);
        async move { gate.closing().await }
    });
    assert_eq!(poll_once(before.as_mut()), Poll::Pending, "registered before");
    let waiter = spawn({
        let (gate, reason) = (Arc::clone(&gate), reason.clone());
        move || {
            block_on(gate.closing());
            assert_eq!(
                reason.read(),
                1,
                "woken during, and what came before the close is not visible"
            );
            assert!(gate.check().is_err());
        }
    });
    reason.write();
    assert!(gate.close());
    assert_eq!(poll_once(gate.closing()), Poll::Ready(()), "registered after");
    assert_eq!(poll_once(before.as_mut()), Poll::Ready(()));
    waiter.join().unwrap();
}

/// A wait that was polled by one task moves to another: the waker of the latest poll is the one that is woken.
pub(crate) fn closing_moves_to_another_task() {
    let gate = Arc::new(Gate::new());
    let mut moved = Box::pin({
        let gate = Arc::clone(&gate);
        async move { gate.closing().await }
    });
    assert_eq!(poll_once(moved.as_mut()), Poll::Pending);
    let waiter = spawn(move || block_on(moved));
    assert!(gate.close());
    waiter.join().unwrap();
}

/// A waiter is dropped while the gate closes and empties: the others are woken all the same.
pub(crate) fn dropped_waiters() {
    let gate = Arc::new(Gate::new());
    let entry = gate.enter_owned().unwrap();
    let mut dropped = Box::pin({
        let gate = Arc::clone(&gate);
        async move { gate.drained().await }
    });
    assert_eq!(poll_once(dropped.as_mut()), Poll::Pending);
    let dropper = spawn(move || drop(dropped));
    let waiter = spawn({
        let gate = Arc::clone(&gate);
        move || block_on(gate.drained())
    });
    assert!(gate.close());
    drop(entry);
    dropper.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(poll_once(gate.drained()), Poll::Ready(()));
}

/// A wait given up in the middle, as a `select!` does it, and taken up again: the second is woken.
pub(crate) fn waiters_that_come_back() {
    let gate = Arc::new(Gate::new());
    let entry = gate.enter_owned().unwrap();
    let waiter = spawn({
        let gate = Arc::clone(&gate);
        move || {
            let _given_up = poll_once(gate.drained());
            block_on(gate.drained());
        }
    });
    assert!(gate.close());
    drop(entry);
    waiter.join().unwrap();
}

/// Threads as they come, in the shape of the model checker's.
#[cfg(not(tidegate_loom))]
mod plain {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    pub(super) use std::thread::spawn;
    use std::thread::{self, Thread};
    use std::time::{Duration, Instant};

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// Runs a future on this thread. A wake-up that does not come is a failure, not a hang.
    pub(super) fn block_on(future: impl Future<Output = ()>) {
        const LOST: Duration = Duration::from_secs(30);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        let mut since = Instant::now();
        while future.as_mut().poll(&mut context) == Poll::Pending {
            thread::park_timeout(LOST);
            assert!(since.elapsed() < LOST, "a wake-up was lost");
            since = Instant::now();
        }
    }
}
