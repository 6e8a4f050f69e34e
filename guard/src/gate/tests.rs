//! What only the inside of a gate shows: its list of waiters, and its size.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::Gate;

#[test]
fn a_waiter_has_one_place_on_the_list_and_none_after_its_end() {
    let gate = Gate::new();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut closing = pin!(gate.closing());
        for _again in 0..3 {
            assert_eq!(closing.as_mut().poll(&mut context), Poll::Pending);
            assert_eq!(gate.waiters.len(), 1, "polling again replaces the waker");
        }
    }
    assert_eq!(gate.waiters.len(), 0, "a dropped wait is forgotten");

    let mut closing = pin!(gate.closing());
    let mut drained = pin!(gate.drained());
    let entry = gate.enter().unwrap();
    assert_eq!(closing.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(drained.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(gate.waiters.len(), 2);
    gate.close();
    assert_eq!(gate.waiters.len(), 0, "waking empties the list");
    assert_eq!(closing.as_mut().poll(&mut context), Poll::Ready(()));
    assert_eq!(drained.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(gate.waiters.len(), 1, "a wait that has ended is not on the list");
    drop(entry);
    assert_eq!(drained.as_mut().poll(&mut context), Poll::Ready(()));
    assert_eq!(gate.waiters.len(), 0);
}

#[test]
fn a_look_at_a_wait_puts_nothing_on_the_list() {
    let gate = Gate::new();
    assert!(!gate.closing().has_begun());
    gate.close();
    assert!(gate.closing().has_begun());
    assert_eq!(gate.waiters.len(), 0);
    assert!(!crate::Closing::never().has_begun());
}

#[test]
fn a_gate_is_small() {
    assert!(
        size_of::<Gate>() <= 24,
        "there is one per session: {}",
        size_of::<Gate>()
    );
}
