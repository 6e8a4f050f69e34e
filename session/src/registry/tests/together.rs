//! Thaw, reconcile and drain at once: what a barrier may conclude from a drain while all of them run.
//!
//! Effects are noted with `Relaxed`: only the registry can carry them from the holder to whoever has drained.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_guard::{FrozenGuard, Label, Rejected, SessionId, SharedGuard, Thaw};

use super::{block_on, check_within, spawn};
use crate::registry::SessionRegistry;
use crate::{SessionConfig, SessionState, Sessions};

#[cfg(tidegate_loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(tidegate_loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// An effect that a holder had, to be seen by whoever has drained.
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

fn id(number: u128) -> SessionId {
    SessionId::from_u128(number).unwrap()
}

fn only(number: u128) -> BTreeSet<SessionId> {
    BTreeSet::from([id(number)])
}

fn registry(open: &[SessionId]) -> Arc<SessionRegistry> {
    let sessions = SessionRegistry::new(SessionConfig {
        closed_remembered: 4,
        ..SessionConfig::default()
    });
    sessions.apply(&[], open);
    sessions
}

/// Thaws on a node whose metadata shows the tablet at `applied`.
fn thaw(sessions: &SessionRegistry, number: u128, applied: u64) -> Result<SharedGuard, Rejected> {
    let frozen = FrozenGuard {
        session: id(number),
        epoch: 1,
    };
    sessions.thaw(&frozen, applied, Label::new("holder"))
}

/// What a barrier does: those of these sessions that are closing are waited for.
fn drain(sessions: &SessionRegistry, ids: &[SessionId]) {
    let waiting = sessions.shared.closing_among(ids);
    block_on(sessions.shared.drained(&waiting));
}

/// A stream is asked for while the node applies the change that opens its session and the one that clears it: what
/// got in has had its effect when the drain ends, and nothing has one later.
#[test]
fn nothing_has_an_effect_after_the_drain_that_follows_the_close() {
    check_within(None, || {
        let (sessions, effect) = (registry(&[]), Note::new());
        let asked = spawn({
            let (sessions, effect) = (Arc::clone(&sessions), effect.clone());
            move || match thaw(&sessions, 1, 0) {
                Ok(guard) => {
                    effect.write();
                    drop(guard);
                    1
                }
                Err(_rejected) => 0,
            }
        });
        sessions.reconcile(&only(1));
        sessions.reconcile(&only(2));
        drain(&sessions, &[id(1), id(2)]);
        let seen = effect.read();
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        assert_eq!(
            sessions.state(id(2)),
            Some(SessionState::Open),
            "not drained: it is open"
        );
        assert_eq!(thaw(&sessions, 1, 1).unwrap_err(), Rejected::Closed);
        assert_eq!(
            seen,
            asked.join().unwrap(),
            "an effect that the drain did not wait for"
        );
    });
}

/// A holder that waits for the close, and ends what it does once it is woken, is waited for by the drain.
#[test]
fn a_holder_woken_by_the_close_lets_the_drain_end() {
    check_within(Some(3), || {
        let (sessions, effect) = (registry(&[id(1)]), Note::new());
        let holder = spawn({
            let (sessions, effect) = (Arc::clone(&sessions), effect.clone());
            move || {
                let Ok(guard) = thaw(&sessions, 1, 1) else {
                    return 0;
                };
                block_on(guard.closing());
                assert_eq!(guard.check(), Err(Rejected::Closing));
                effect.write();
                1
            }
        });
        sessions.reconcile(&BTreeSet::new());
        drain(&sessions, &[id(1)]);
        let seen = effect.read();
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        assert!(sessions.holders().is_empty());
        assert_eq!(seen, holder.join().unwrap());
    });
}

/// A state that still names the session arrives late, while the last holder leaves and a barrier drains: the session
/// is closed all the same, and opens for nobody.
#[test]
fn a_late_state_reopens_nothing() {
    check_within(Some(3), || {
        let sessions = registry(&[id(1)]);
        let guard = thaw(&sessions, 1, 1).unwrap();
        sessions.reconcile(&BTreeSet::new());
        let leaver = spawn(move || drop(guard));
        let late = spawn({
            let sessions = Arc::clone(&sessions);
            move || {
                sessions.reconcile(&only(1));
                thaw(&sessions, 1, 1).is_ok()
            }
        });
        drain(&sessions, &[id(1)]);
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        assert!(!late.join().unwrap(), "thawed into a session that was closing");
        leaver.join().unwrap();
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        assert!(sessions.open_sessions().is_empty());
    });
}

/// Two coordinators' barriers drain one session while its two holders leave: both end, and find it closed.
#[test]
fn two_drains_against_the_last_leaves() {
    check_within(Some(3), || {
        let (sessions, effect) = (registry(&[id(1)]), Note::new());
        let guards = [thaw(&sessions, 1, 1).unwrap(), thaw(&sessions, 1, 1).unwrap()];
        sessions.apply(&[id(1)], &[]);
        let leaver = spawn({
            let effect = effect.clone();
            move || {
                for guard in guards {
                    effect.write();
                    drop(guard);
                }
            }
        });
        let drained = |sessions: &SessionRegistry, effect: &Note| {
            drain(sessions, &[id(1)]);
            assert_eq!(effect.read(), 2);
            assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        };
        let other = spawn({
            let (sessions, effect) = (Arc::clone(&sessions), effect.clone());
            move || drained(&sessions, &effect)
        });
        drained(&sessions, &effect);
        other.join().unwrap();
        leaver.join().unwrap();
        assert!(sessions.closing_sessions().is_empty());
    });
}

/// A session that is held holds up the drain of no other.
#[test]
fn a_drain_waits_for_no_other_session() {
    check_within(None, || {
        let sessions = registry(&[id(1), id(2)]);
        let held = thaw(&sessions, 2, 1).unwrap();
        let guard = thaw(&sessions, 1, 1).unwrap();
        let leaver = spawn(move || drop(guard));
        sessions.reconcile(&BTreeSet::new());
        drain(&sessions, &[id(1)]);
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        assert_eq!(sessions.state(id(2)), Some(SessionState::Closing));
        leaver.join().unwrap();
        drop(held);
        assert_eq!(sessions.state(id(2)), Some(SessionState::Closed));
    });
}
