//! Races at the request fence, each as a function. The model checker runs them through every interleaving
//! (`tests/loom.rs`); plain threads run them many times over (`fence_stress.rs`).
//!
//! `Note` stands for what a request writes. It is written and read with `Relaxed`, so that only the fence can carry it
//! from the request to the barrier that has waited for it.
#![allow(clippy::unwrap_used, reason = "only tests call these")]

use std::sync::Arc;

use tidegate_guard::{Guard, Rejected};
use tidegate_tablets::{AdmitError, Epoch, MetadataGuard, RequestFence, TabletId};

#[cfg(not(tidegate_loom))]
use self::plain::{AtomicUsize, Ordering, block_on, spawn};
#[cfg(tidegate_loom)]
use loom::{
    future::block_on,
    sync::atomic::{AtomicUsize, Ordering},
    thread::spawn,
};

const T: TabletId = TabletId::new(7);

/// An effect that a request had, to be seen by the barrier that has waited for it.
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

fn e(number: u64) -> Epoch {
    Epoch::new(number)
}

/// A fence of a node whose metadata shows the tablet at 4.
fn published() -> RequestFence {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    fence
}

/// What a barrier for `epoch` does.
fn barrier(fence: &RequestFence, epoch: Epoch) {
    assert!(fence.raise(T, epoch), "the tablet is published");
    block_on(fence.older_ended(T, epoch));
}

/// A request at an epoch: once admitted it has an effect, under its guard.
fn request(fence: &RequestFence, epoch: Epoch, effect: &Note) -> Result<(), AdmitError> {
    let guard = fence.admit(T, epoch)?;
    effect.write();
    drop(guard);
    Ok(())
}

fn refused(admitted: Result<MetadataGuard, AdmitError>) -> Option<AdmitError> {
    admitted.map(drop).err()
}

fn remembers(fence: &RequestFence, tablets: usize, gates: usize) {
    let expected = format!("RequestFence {{ tablets: {tablets}, gates: {gates}, .. }}");
    assert_eq!(format!("{fence:?}"), expected);
}

/// A request that got in before the fence went up has had its effect when the barrier ends; none has one after it.
pub(crate) fn admit_against_barrier() {
    let (fence, effect) = (published(), Note::new());
    let asked = spawn({
        let (fence, effect) = (fence.clone(), effect.clone());
        move || request(&fence, e(4), &effect)
    });
    barrier(&fence, e(5));
    let seen = effect.read();
    assert_eq!(
        refused(fence.admit(T, e(4))),
        Some(AdmitError::Stale { wanted: e(5) })
    );
    match asked.join().unwrap() {
        Ok(()) => assert_eq!(seen, 1, "an effect that the barrier did not wait for"),
        Err(error) => assert_eq!((error, seen), (AdmitError::Stale { wanted: e(5) }, 0)),
    }
}

/// The same, where the barrier comes right after its change was applied, and the request names the new epoch or the
/// old one.
pub(crate) fn admit_against_publish_and_barrier() {
    let (fence, old, new) = (published(), Note::new(), Note::new());
    let asked = spawn({
        let (fence, old, new) = (fence.clone(), old.clone(), new.clone());
        move || {
            let early = request(&fence, e(5), &new);
            (request(&fence, e(4), &old).is_ok(), early)
        }
    });
    fence.publish(T, e(5));
    barrier(&fence, e(5));
    let seen = old.read();
    let (had_effect, early) = asked.join().unwrap();
    assert_eq!(
        seen,
        usize::from(had_effect),
        "an effect that the barrier did not wait for"
    );
    assert!(
        early.is_ok() || early == Err(AdmitError::Ahead { current: e(4) }),
        "{early:?}"
    );
    assert_eq!(new.read(), usize::from(early.is_ok()));
    assert_eq!(request(&fence, e(5), &new), Ok(()));
}

/// What waits for the end of all requests of a tablet that the node has lost may delete it then.
pub(crate) fn admit_against_forget() {
    let (fence, effect) = (published(), Note::new());
    let asked = spawn({
        let (fence, effect) = (fence.clone(), effect.clone());
        move || request(&fence, e(4), &effect)
    });
    fence.forget(T);
    block_on(fence.older_ended(T, Epoch::MAX));
    let seen = effect.read();
    assert_eq!(refused(fence.admit(T, e(4))), Some(AdmitError::NotReplica));
    match asked.join().unwrap() {
        Ok(()) => assert_eq!(seen, 1, "an effect that the removal did not wait for"),
        Err(error) => assert_eq!((error, seen), (AdmitError::NotReplica, 0)),
    }
    remembers(&fence, 0, 0);
}

/// Two barriers, one of a coordinator that has been replaced: each ends, and from its raise on each guard that is too
/// old for it fails its check, also where the other raised first.
pub(crate) fn two_barriers_against_the_last_leave() {
    let (fence, effect) = (published(), Note::new());
    let guard = fence.admit(T, e(4)).unwrap();
    let leaver = spawn({
        let effect = effect.clone();
        move || {
            effect.write();
            drop(guard);
        }
    });
    let other = spawn({
        let (fence, effect) = (fence.clone(), effect.clone());
        move || {
            barrier(&fence, e(6));
            assert_eq!(effect.read(), 1);
        }
    });
    barrier(&fence, e(5));
    assert_eq!(effect.read(), 1);
    other.join().unwrap();
    leaver.join().unwrap();
    assert_eq!(fence.fence(T), Some(e(6)));
    remembers(&fence, 1, 0);
}

/// A raise has closed what is older when it returns, though another raise found it first.
fn raised(fence: &RequestFence, guard: &MetadataGuard, epoch: Epoch) {
    fence.raise(T, epoch);
    assert_eq!(
        guard.check(),
        Err(Rejected::Closing),
        "raised, and still let go on"
    );
}

/// The last holder leaves while two raises fence it off: whoever comes last takes the gate off the list.
pub(crate) fn last_leave_against_raise_leaves_no_gate() {
    let fence = published();
    let guard = Arc::new(fence.admit(T, e(4)).unwrap());
    let other = spawn({
        let (fence, guard) = (fence.clone(), Arc::clone(&guard));
        move || raised(&fence, &guard, e(5))
    });
    raised(&fence, &guard, e(6));
    drop(guard);
    other.join().unwrap();
    remembers(&fence, 1, 0);
}

/// The last holder leaves while the tablet is forgotten: nothing of it stays.
pub(crate) fn last_leave_against_forget_leaves_no_tablet() {
    let fence = published();
    let guard = fence.admit(T, e(4)).unwrap();
    let leaver = spawn(move || drop(guard));
    fence.forget(T);
    leaver.join().unwrap();
    remembers(&fence, 0, 0);
}

/// The node loses the tablet and gets it back while an old request still runs: the barrier of the new transition waits
/// for it, and the new requests are let in meanwhile.
pub(crate) fn back_again_while_an_old_request_ends() {
    let (fence, effect) = (published(), Note::new());
    let guard = fence.admit(T, e(4)).unwrap();
    let leaver = spawn({
        let effect = effect.clone();
        move || {
            effect.write();
            drop(guard);
        }
    });
    fence.forget(T);
    fence.publish(T, e(9));
    assert_eq!(
        refused(fence.admit(T, e(4))),
        Some(AdmitError::Stale { wanted: e(9) })
    );
    let new = fence.admit(T, e(9)).unwrap();
    barrier(&fence, e(9));
    assert_eq!(effect.read(), 1, "an effect that the barrier did not wait for");
    assert_eq!(new.check(), Ok(()));
    leaver.join().unwrap();
    drop(new);
    fence.forget(T);
    remembers(&fence, 0, 0);
}

/// A long operation that waits for the next change of its tablet hears of it, whether it was let in before or after.
pub(crate) fn a_holder_hears_of_the_change() {
    let fence = published();
    let holder = spawn({
        let fence = fence.clone();
        move || {
            let guard = fence.admit(T, e(4)).unwrap();
            block_on(guard.changed());
            assert_eq!(guard.check(), Ok(()), "a change alone fences nothing off");
        }
    });
    fence.publish(T, e(5));
    holder.join().unwrap();
}

/// A holder that waits to be fenced off is woken by the barrier, and the barrier by its leaving.
pub(crate) fn a_holder_hears_of_the_barrier() {
    let (fence, effect) = (published(), Note::new());
    let guard = fence.admit(T, e(4)).unwrap();
    let holder = spawn({
        let effect = effect.clone();
        move || {
            block_on(guard.closing());
            effect.write();
        }
    });
    barrier(&fence, e(5));
    assert_eq!(effect.read(), 1);
    holder.join().unwrap();
}

/// A barrier and the change it is for come in either order: the fence is where it was raised to.
pub(crate) fn raise_against_publish() {
    let fence = published();
    let publisher = spawn({
        let fence = fence.clone();
        move || {
            fence.publish(T, e(6));
            refused(fence.admit(T, e(4)))
        }
    });
    assert!(fence.raise(T, e(6)));
    assert_eq!(
        refused(fence.admit(T, e(5))),
        Some(AdmitError::Stale { wanted: e(6) })
    );
    let expected = AdmitError::Stale { wanted: e(6) };
    let early = publisher.join().unwrap();
    assert!(early.is_none_or(|error| error == expected), "{early:?}");
    assert_eq!((fence.fence(T), fence.published(T)), (Some(e(6)), Some(e(6))));
    assert!(fence.admit(T, e(6)).is_ok());
}

/// Threads as they come, in the shape of the model checker's.
#[cfg(not(tidegate_loom))]
mod plain {
    use std::future::Future;
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
    pub(super) use std::thread::spawn;
    use std::time::Duration;

    /// Runs a future on this thread. A wake-up that does not come is a failure, not a hang.
    pub(super) fn block_on(future: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let waited = async { tokio::time::timeout(Duration::from_secs(30), future).await };
        runtime.block_on(waited).unwrap();
    }
}
