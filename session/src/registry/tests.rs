//! Races of the registry, for the model checker and for plain threads.
//!
//! ```sh
//! RUSTFLAGS="--cfg tidegate_loom" cargo test -p tidegate-session --release --lib
//! ```
//!
//! The gates, the book's lock, the index and the lists of holders are the model checker's.

mod together;

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_guard::{FrozenGuard, Label, Rejected, SessionId, SharedGuard, Thaw};

use super::SessionRegistry;
use crate::{SessionConfig, SessionState, Sessions};

#[cfg(tidegate_loom)]
use loom::{future::block_on, thread::spawn};
#[cfg(not(tidegate_loom))]
use std::thread::spawn;

#[cfg(not(tidegate_loom))]
fn check(race: fn()) {
    (0..500).for_each(|_round| race());
}

#[cfg(tidegate_loom)]
fn check(race: fn()) {
    loom::model(race);
}

#[cfg(not(tidegate_loom))]
fn check_within(_preemptions_max: Option<usize>, race: fn()) {
    check(race);
}

/// Every interleaving with no more preemptions than that; they are too many without a bound.
#[cfg(tidegate_loom)]
fn check_within(preemptions_max: Option<usize>, race: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions_max;
    model.check(race);
}

#[cfg(not(tidegate_loom))]
fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future);
}

fn id() -> SessionId {
    SessionId::from_u128(1).unwrap()
}

fn open() -> Arc<SessionRegistry> {
    let sessions = SessionRegistry::new(SessionConfig {
        closed_remembered: 4,
        ..SessionConfig::default()
    });
    sessions.apply(&[], &[id()]);
    sessions
}

fn thaw(sessions: &SessionRegistry) -> Result<SharedGuard, Rejected> {
    sessions.thaw(
        &FrozenGuard {
            session: id(),
            epoch: 1,
        },
        1,
        Label::new("holder"),
    )
}

/// Nobody drains: the later of the close and the last leave makes the session closed.
#[test]
fn close_against_last_leave() {
    check(|| {
        let sessions = open();
        let guard = thaw(&sessions).unwrap();
        let leaver = spawn(move || drop(guard));
        sessions.apply(&[id()], &[]);
        leaver.join().unwrap();
        assert_eq!(sessions.state(id()), Some(SessionState::Closed));
        assert!(sessions.shared.find(id()).is_none(), "forgotten by the index");
    });
}

/// A thaw that got in before the close is in every report made after it, and holds the session up.
#[test]
fn thaw_against_close_and_report() {
    check(|| {
        let sessions = open();
        let holder = spawn({
            let sessions = Arc::clone(&sessions);
            move || thaw(&sessions)
        });
        sessions.reconcile(&BTreeSet::new());
        let named = sessions.holders().len();
        let state = sessions.state(id());
        let thawed = holder.join().unwrap();
        assert_eq!(
            named,
            usize::from(thawed.is_ok()),
            "inside, and not in the report"
        );
        let expected = if thawed.is_ok() {
            SessionState::Closing
        } else {
            SessionState::Closed
        };
        assert_eq!(state, Some(expected));
        drop(thawed);
        assert_eq!(sessions.state(id()), Some(SessionState::Closed));
    });
}

/// A drain ends when the last holder leaves, and finds the session closed.
#[test]
fn drain_against_last_leave() {
    check(|| {
        let sessions = open();
        let guard = thaw(&sessions).unwrap();
        sessions.apply(&[id()], &[]);
        let leaver = spawn(move || drop(guard));
        let waiting = sessions.shared.closing_among(&[id()]);
        block_on(sessions.shared.drained(&waiting));
        assert_eq!(sessions.state(id()), Some(SessionState::Closed));
        leaver.join().unwrap();
        assert!(sessions.holders().is_empty());
    });
}

/// A drain at its deadline, while the last holder leaves: it names the holder, or the session is closed.
#[test]
fn report_against_last_leave() {
    check(|| {
        let sessions = open();
        let guard = thaw(&sessions).unwrap();
        sessions.apply(&[id()], &[]);
        let waiting = sessions.shared.closing_among(&[id()]);
        let leaver = spawn(move || drop(guard));
        let named = sessions.shared.left(&waiting).len();
        assert!(
            named == 1 || sessions.state(id()) == Some(SessionState::Closed),
            "not drained, and nobody is named"
        );
        leaver.join().unwrap();
        assert!(sessions.shared.left(&waiting).is_empty());
    });
}

/// Two changes at once do not mix: the open sessions are what one of them wanted.
#[test]
fn reconcile_against_reconcile() {
    check(|| {
        let sessions = SessionRegistry::new(SessionConfig::default());
        let other = SessionId::from_u128(2).unwrap();
        let first = BTreeSet::from([id()]);
        let second = BTreeSet::from([other]);
        let reconciler = spawn({
            let (sessions, second) = (Arc::clone(&sessions), second.clone());
            move || sessions.reconcile(&second)
        });
        sessions.reconcile(&first);
        reconciler.join().unwrap();
        let open: BTreeSet<SessionId> = sessions.open_sessions().into_iter().collect();
        assert!(open == first || open == second, "{open:?}");
    });
}

/// A holder that waits for the close is woken by it.
#[test]
fn closing_against_close() {
    check(|| {
        let sessions = open();
        let guard = thaw(&sessions).unwrap();
        let holder = spawn(move || {
            block_on(guard.closing());
            assert_eq!(guard.check(), Err(Rejected::Closing));
        });
        sessions.apply(&[id()], &[]);
        holder.join().unwrap();
        assert_eq!(sessions.state(id()), Some(SessionState::Closed));
    });
}

#[test]
#[cfg(not(tidegate_loom))]
fn a_session_is_small() {
    let entered = size_of::<super::session::Session>();
    assert!(entered <= 64, "{entered}");
    assert!(
        size_of::<Option<Arc<super::session::Session>>>() <= 8,
        "nobody ever entered it"
    );
}
