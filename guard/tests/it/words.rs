//! Ids, labels, the guard that guards nothing, and signatures that have to stay as they are.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tidegate_guard::{
    Closing, Drained, Entry, FrozenGuard, Gate, Guard, Label, NilSession, OwnedEntry, Rejected, SessionId,
    SharedGuard, Thaw, Unfenced,
};

#[test]
fn nil_names_no_session() {
    assert_eq!(SessionId::from_u128(0), Err(NilSession));
    assert_eq!(SessionId::new(uuid::Uuid::nil()), Err(NilSession));
    let id = SessionId::from_u128(7).unwrap();
    assert_eq!(SessionId::from_u128(id.as_u128()), Ok(id));
    assert_eq!(SessionId::new(id.as_uuid()), Ok(id));
    assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000007");
}

#[test]
fn a_label_shows_its_fields_in_order() {
    let label = Label::new("stream.receive").with("tablet", 9).with("peer", "3");
    assert_eq!(label.to_string(), "stream.receive tablet=9 peer=3");
    assert_eq!(Label::new(String::from("x")).to_string(), "x");
}

#[test]
fn unfenced_is_in_no_session_and_never_closes() {
    let guard: SharedGuard = std::sync::Arc::new(Unfenced);
    assert_eq!(guard.session(), None);
    assert_eq!(guard.check(), Ok(()));
    guard.progress("step");
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(pin!(guard.closing()).poll(&mut context), Poll::Pending);
}

#[test]
fn what_crosses_threads_is_send_and_sync_and_what_is_dyn_can_be() {
    fn check<T: Send + Sync + ?Sized>() {}
    check::<Gate>();
    check::<Entry<'_>>();
    check::<OwnedEntry>();
    check::<Closing<'_>>();
    check::<Drained<'_>>();
    check::<FrozenGuard>();
    check::<dyn Guard>();
    check::<dyn Thaw>();
}

#[test]
fn a_rejection_says_what_it_means() {
    assert_eq!(Rejected::Closing.to_string(), "the session is closing");
    let early = Rejected::NotYetOpen { applied: 4 };
    assert_eq!(
        early.to_string(),
        "the session is not open yet: this node has applied epoch 4 only"
    );
}
