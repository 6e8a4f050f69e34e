//! States, reconcile, delta, tombstones, rejections.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use tidegate_guard::{FrozenGuard, Label, Rejected, Thaw};
use tidegate_session::SessionState::{Closed, Closing, Open};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};

use crate::{EPOCH, frozen, id, ids, registry, thaw};

#[test]
fn a_session_goes_open_closing_closed_and_never_back() {
    let sessions = registry();
    assert_eq!(sessions.state(id(1)), None);
    sessions.reconcile(&ids([1]));
    assert_eq!(sessions.state(id(1)), Some(Open));
    let guard = thaw(&*sessions, 1, "first").unwrap();
    let second = thaw(&*sessions, 1, "second").unwrap();
    assert!(guard.check().is_ok());
    assert_eq!(guard.session(), Some(id(1)));

    sessions.reconcile(&ids([]));
    assert_eq!(sessions.state(id(1)), Some(Closing));
    assert_eq!(guard.check(), Err(Rejected::Closing));
    sessions.reconcile(&ids([1]));
    assert_eq!(
        sessions.state(id(1)),
        Some(Closing),
        "a closing session does not open again"
    );
    drop(guard);
    assert_eq!(sessions.state(id(1)), Some(Closing));
    drop(second);
    assert_eq!(
        sessions.state(id(1)),
        Some(Closed),
        "the last guard's drop closes it; nobody drained"
    );

    sessions.reconcile(&ids([1]));
    sessions.apply(&[], &[id(1)]);
    assert_eq!(sessions.state(id(1)), Some(Closed));
    assert_eq!(thaw(&*sessions, 1, "late").unwrap_err(), Rejected::Closed);
}

#[test]
fn a_session_that_nobody_holds_is_closed_at_once() {
    let sessions = registry();
    sessions.apply(&[], &[id(1), id(2)]);
    sessions.apply(&[id(1)], &[]);
    assert_eq!(sessions.state(id(1)), Some(Closed));
    assert_eq!(sessions.open_sessions(), [id(2)]);
    assert_eq!(sessions.closing_sessions(), []);
}

#[test]
fn a_rejection_tells_the_next_move() {
    let sessions = registry();
    let mut early = frozen(1);
    early.epoch = EPOCH + 1;
    let thaw_early = |applied| sessions.thaw(&early, applied, Label::new("early")).map(drop);
    assert_eq!(
        thaw_early(EPOCH),
        Err(Rejected::NotYetOpen { applied: EPOCH }),
        "wait for metadata"
    );
    assert_eq!(
        thaw_early(EPOCH + 1),
        Err(Rejected::Closed),
        "it will never be opened here"
    );
    sessions.apply(&[], &[id(1)]);
    let holder = thaw(&*sessions, 1, "holder").unwrap();
    sessions.apply(&[id(1)], &[]);
    assert_eq!(thaw(&*sessions, 1, "late").unwrap_err(), Rejected::Closing);
    drop(holder);
    assert_eq!(thaw(&*sessions, 1, "late").unwrap_err(), Rejected::Closed);
}

#[test]
fn a_frozen_guard_enters_the_session_it_names_and_no_other() {
    let sessions = registry();
    sessions.reconcile(&ids([1, 2, 3]));
    let guard = thaw(&*sessions, 2, "two").unwrap();
    sessions.reconcile(&ids([2]));
    assert!(guard.check().is_ok());
    assert_eq!(sessions.state(id(1)), Some(Closed));
    sessions.reconcile(&ids([1, 3]));
    assert_eq!(guard.check(), Err(Rejected::Closing));
    let other = FrozenGuard {
        session: id(4),
        epoch: EPOCH,
    };
    assert!(sessions.thaw(&other, EPOCH, Label::new("four")).is_err());
}

#[test]
fn one_call_closes_before_it_opens_and_an_id_in_both_stays_closed() {
    let sessions = registry();
    sessions.apply(&[id(1), id(2)], &[id(2), id(3)]);
    assert_eq!(
        sessions.state(id(1)),
        Some(Closed),
        "an order to open it that comes late opens nothing"
    );
    assert_eq!(sessions.state(id(2)), Some(Closed));
    assert_eq!(sessions.open_sessions(), [id(3)]);
}

#[test]
fn lists_are_in_order() {
    let sessions = registry();
    sessions.apply(&[], &[id(9), id(3), id(7), id(1)]);
    assert_eq!(sessions.open_sessions(), [id(1), id(3), id(7), id(9)]);
    let _nine = thaw(&*sessions, 9, "nine").unwrap();
    let _three = thaw(&*sessions, 3, "three").unwrap();
    sessions.reconcile(&ids([1]));
    assert_eq!(sessions.closing_sessions(), [id(3), id(9)]);
}

#[test]
fn closed_ids_are_remembered_up_to_the_bound_the_latest_first() {
    let sessions = SessionRegistry::new(SessionConfig {
        closed_remembered: 2,
        ..SessionConfig::default()
    });
    sessions.reconcile(&ids([1, 2, 3]));
    for number in [1, 2, 3] {
        sessions.apply(&[id(number)], &[]);
    }
    assert_eq!(
        [1, 2, 3].map(|number| sessions.state(id(number))),
        [None, Some(Closed), Some(Closed)]
    );
    sessions.apply(&[id(3)], &[]);
    assert_eq!(
        sessions.state(id(2)),
        Some(Closed),
        "closing a closed one again takes no place"
    );
}

#[test]
fn guards_outlive_the_handle_of_their_registry() {
    let sessions = registry();
    sessions.reconcile(&ids([1]));
    let guard = thaw(&*sessions, 1, "orphan").unwrap();
    drop(sessions);
    assert!(guard.check().is_ok());
    drop(guard);
}

/// What a node is told: a whole set, or a delta.
#[derive(Debug, Clone)]
enum Told {
    Reconcile(BTreeSet<u128>),
    Apply(Vec<u128>, Vec<u128>),
    Enter(u128),
    LeaveAll(u128),
}

fn told() -> impl Strategy<Value = Told> {
    let number = 1..8_u128;
    prop_oneof![
        btree_set(number.clone(), 0..6).prop_map(Told::Reconcile),
        (vec(number.clone(), 0..4), vec(number.clone(), 0..4))
            .prop_map(|(close, open)| Told::Apply(close, open)),
        number.clone().prop_map(Told::Enter),
        number.prop_map(Told::LeaveAll),
    ]
}

proptest! {
    #[test]
    fn states_only_go_forward_and_guards_keep_their_session_from_closing(history in vec(told(), 1..40)) {
        let sessions = registry();
        let mut held: Vec<(u128, tidegate_guard::SharedGuard)> = Vec::new();
        let mut before = [None; 8];
        for step in history {
            let wanted = match &step {
                Told::Reconcile(wanted) => Some(wanted.clone()),
                _ => None,
            };
            match step {
                Told::Reconcile(wanted) => sessions.reconcile(&ids(wanted)),
                Told::Apply(close, open) => {
                    let [close, open] = [close, open].map(|list| list.into_iter().map(id).collect::<Vec<_>>());
                    sessions.apply(&close, &open);
                }
                Told::Enter(number) => {
                    let thawed = thaw(&*sessions, number, "holder");
                    prop_assert_eq!(thawed.is_ok(), sessions.state(id(number)) == Some(Open));
                    held.extend(thawed.ok().map(|guard| (number, guard)));
                }
                Told::LeaveAll(number) => held.retain(|(held, _guard)| *held != number),
            }
            for number in 1..8_u128 {
                let state = sessions.state(id(number));
                let slot = &mut before[usize::try_from(number).unwrap()];
                prop_assert!(*slot <= state, "{} went from {:?} to {:?}", number, *slot, state);
                let is_held = held.iter().any(|(held, _guard)| *held == number);
                prop_assert!(state != Some(Closing) || is_held, "closing, and nobody holds it");
                prop_assert!(state != Some(Closed) || !is_held, "closed, and held");
                if let Some(wanted) = &wanted {
                    let open = wanted.contains(&number) && matches!(*slot, None | Some(Open));
                    prop_assert_eq!(state == Some(Open), open);
                }
                *slot = state;
            }
            prop_assert_eq!(sessions.holders().len(), held.len());
        }
    }
}
