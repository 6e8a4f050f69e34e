//! What the fence lets in, and what it waits for.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tidegate_guard::{Guard, Rejected};
use tokio::time::timeout;

use super::*;

const T: TabletId = TabletId::new(7);

fn e(number: u64) -> Epoch {
    Epoch::new(number)
}

fn is_ready(future: impl Future<Output = ()>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(pin!(future).poll(&mut context), Poll::Ready(()))
}

#[test]
fn nothing_is_admitted_before_it_is_published() {
    let fence = RequestFence::new();
    assert_eq!(fence.admit(T, e(0)).map(|_| ()), Err(AdmitError::NotReplica));
    assert!(!fence.raise(T, e(9)), "an unknown tablet is not remembered");
    assert_eq!(fence.fence(T), None);
    fence.publish(T, e(4));
    assert_eq!(fence.fence(T), Some(e(4)), "a fence is never absent");
    assert_eq!(
        fence.admit(T, e(3)).map(|_| ()),
        Err(AdmitError::Stale { wanted: e(4) })
    );
    assert_eq!(
        fence.admit(T, e(5)).map(|_| ()),
        Err(AdmitError::Ahead { current: e(4) })
    );
    assert!(fence.admit(T, e(4)).is_ok());
}

#[test]
fn publishing_admits_more_and_lowers_nothing() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    fence.publish(T, e(6));
    assert_eq!((fence.fence(T), fence.published(T)), (Some(e(4)), Some(e(6))));
    for epoch in 4..=6 {
        assert!(
            fence.admit(T, e(epoch)).is_ok(),
            "from the fence to what is published"
        );
    }
    fence.publish(T, e(2));
    assert_eq!((fence.fence(T), fence.published(T)), (Some(e(4)), Some(e(6))));
}

#[test]
fn a_raise_above_what_is_published_sticks() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    assert!(fence.raise(T, e(6)));
    assert_eq!(
        fence.admit(T, e(4)).map(|_| ()),
        Err(AdmitError::Stale { wanted: e(6) })
    );
    assert_eq!(
        fence.admit(T, e(6)).map(|_| ()),
        Err(AdmitError::Ahead { current: e(4) })
    );
    fence.publish(T, e(5));
    assert_eq!(
        fence.admit(T, e(5)).map(|_| ()),
        Err(AdmitError::Stale { wanted: e(6) })
    );
    fence.raise(T, e(5));
    assert_eq!(fence.fence(T), Some(e(6)), "a lower raise lowers nothing");
    fence.publish(T, e(6));
    assert!(fence.admit(T, e(6)).is_ok());
}

#[test]
fn stale_names_the_latest_epoch_known() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    fence.publish(T, e(9));
    fence.raise(T, e(5));
    assert_eq!(
        fence.admit(T, e(4)).map(|_| ()),
        Err(AdmitError::Stale { wanted: e(9) })
    );
}

#[test]
fn a_raise_closes_older_guards_and_waits_for_them_only() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    fence.publish(T, e(5));
    let (old, new) = (
        fence.admit(T, e(4)).expect("open"),
        fence.admit(T, e(5)).expect("open"),
    );
    assert!(!is_ready(old.closing()) && old.check().is_ok());
    assert!(!is_ready(fence.older_ended(T, e(5))), "not raised: more may come");
    fence.raise(T, e(5));
    assert_eq!(old.check(), Err(Rejected::Closing));
    assert!(is_ready(old.closing()));
    assert!(new.check().is_ok() && !is_ready(new.closing()));
    assert_eq!(
        (fence.older_holders(T, e(5)), fence.older_holders(T, e(6))),
        (1, 2)
    );
    assert!(!is_ready(fence.older_ended(T, e(5))));
    drop(old);
    assert!(
        is_ready(fence.older_ended(T, e(5))),
        "the new one holds up nothing"
    );
    drop(new);
    assert_eq!(fence.older_holders(T, Epoch::MAX), 0);
}

#[test]
fn a_guard_of_one_tablet_holds_up_no_other() {
    let fence = RequestFence::new();
    // The same shard, too.
    let other = TabletId::new(T.as_u64() + 64);
    fence.publish(T, e(1));
    fence.publish(other, e(1));
    let held = fence.admit(T, e(1)).expect("open");
    fence.raise(other, e(2));
    assert!(is_ready(fence.older_ended(other, e(2))));
    assert!(held.check().is_ok() && !held.is_changed());
}

#[test]
fn a_change_of_its_tablet_wakes_a_guard_and_does_not_close_it() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    let guard = fence.admit(T, e(4)).expect("open");
    fence.publish(T, e(4));
    assert!(!is_ready(guard.changed()));
    fence.publish(T, e(5));
    assert!(is_ready(guard.changed()) && guard.is_changed());
    assert!(guard.check().is_ok(), "only the fence closes it");
    let late = fence.admit(T, e(4)).expect("not fenced off");
    assert!(late.is_changed(), "it was changed before it came");
    assert!(!fence.admit(T, e(5)).expect("open").is_changed());
}

#[test]
fn a_change_also_wakes_guards_that_are_fenced_off_already() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    let guard = fence.admit(T, e(4)).expect("open");
    fence.raise(T, e(5));
    assert!(!guard.is_changed(), "the map does not show it yet");
    fence.publish(T, e(5));
    assert!(guard.is_changed());
}

#[test]
fn forgetting_closes_and_still_counts() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    let guard = fence.admit(T, e(4)).expect("open");
    fence.forget(T);
    assert!(guard.is_changed() && guard.check().is_err());
    assert_eq!(fence.admit(T, e(4)).map(|_| ()), Err(AdmitError::NotReplica));
    assert_eq!((fence.fence(T), fence.ledger.tablets()), (None, 1));
    assert!(!is_ready(fence.older_ended(T, Epoch::MAX)));

    // It becomes pending again while the guard is still held.
    fence.publish(T, e(9));
    assert_eq!(fence.fence(T), Some(e(9)));
    assert_eq!(fence.older_holders(T, e(9)), 1);
    assert!(!is_ready(fence.older_ended(T, e(9))));
    drop(guard);
    assert!(is_ready(fence.older_ended(T, e(9))));

    fence.forget(T);
    fence.forget(T);
    assert_eq!(fence.ledger.tablets(), 0, "nothing is remembered of what is gone");
}

#[test]
fn the_last_guard_of_a_forgotten_tablet_takes_it_along() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    let guards: Vec<_> = (0..3).map(|_| fence.admit(T, e(4)).expect("open")).collect();
    fence.forget(T);
    assert_eq!(fence.ledger.tablets(), 1);
    drop(guards);
    assert_eq!(fence.ledger.tablets(), 0);
}

#[test]
fn a_tablet_that_is_forgotten_and_published_at_the_same_epoch_is_open_again() {
    let fence = RequestFence::new();
    fence.publish(T, e(4));
    let old = fence.admit(T, e(4)).expect("open");
    fence.forget(T);
    fence.publish(T, e(4));
    assert!(fence.admit(T, e(4)).expect("a new gate").check().is_ok());
    assert!(old.check().is_err(), "and what was closed stays closed");
}

/// Writers apply at the epochs they are admitted at while barriers go by: once a barrier has ended, no effect of
/// an older epoch follows. Random threads, real time: the races of raise, publish, admit and drop.
#[test]
fn no_effect_follows_its_barrier() {
    /// Lets the writers go also when the barrier's side fails.
    struct Stops<'a>(&'a AtomicBool);
    impl Drop for Stops<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    const EPOCHS: u64 = if cfg!(miri) { 20 } else { 2_000 };
    let fence = RequestFence::new();
    let (ended, effects) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    fence.publish(T, e(1));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let Some(at) = fence.published(T) else { continue };
                    let Ok(guard) = fence.admit(T, at) else { continue };
                    if guard.check().is_ok() {
                        std::hint::spin_loop();
                        assert!(
                            ended.load(Ordering::SeqCst) <= at.as_u64(),
                            "an effect after its barrier"
                        );
                        effects.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let _stops = Stops(&stop);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        for epoch in 2..EPOCHS {
            // Every third time the barrier comes before the map, and every seventh the node leaves and returns.
            if epoch % 7 == 0 {
                fence.forget(T);
            }
            if epoch % 3 != 0 {
                fence.publish(T, e(epoch));
            }
            fence.raise(T, e(epoch));
            runtime
                .block_on(async { timeout(Duration::from_secs(10), fence.older_ended(T, e(epoch))).await })
                .expect("the barrier ends");
            ended.store(epoch, Ordering::SeqCst);
            fence.publish(T, e(epoch));
        }
    });
    assert!(effects.load(Ordering::Relaxed) > 0, "nobody got in");
    fence.forget(T);
    assert_eq!(fence.ledger.tablets(), 0, "a gate stayed behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barrier_wakes_holders_and_is_woken_by_them() {
    let fence = RequestFence::new();
    fence.publish(T, e(1));
    for epoch in 2..200 {
        let holders: Vec<_> = (0..4)
            .map(|_| {
                let guard = fence.admit(T, e(epoch - 1)).expect("open");
                tokio::spawn(async move { guard.closing().await })
            })
            .collect();
        fence.publish(T, e(epoch));
        fence.raise(T, e(epoch));
        fence.older_ended(T, e(epoch)).await;
        for holder in holders {
            holder.await.expect("a holder");
        }
    }
}
