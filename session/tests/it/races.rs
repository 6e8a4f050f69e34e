//! Threads against each other: thaws, closes, leaves, drains and reports at once.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tidegate_guard::Rejected;
use tidegate_session::{SessionState, Sessions};

use crate::{DEADLINE, id, ids, registry, thaw};

const ROUNDS: usize = 300;
const HOLDERS: usize = 3;

fn wait_for(drain: impl Future<Output = Result<(), tidegate_session::NotDrained>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(drain).expect("drained");
}

#[test]
fn a_drain_waits_for_whoever_got_in_before_the_close() {
    for _round in 0..ROUNDS {
        let sessions = registry();
        sessions.reconcile(&ids([1]));
        let (start, inside) = (Barrier::new(HOLDERS + 1), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _holder in 0..HOLDERS {
                scope.spawn(|| {
                    start.wait();
                    match thaw(&*sessions, 1, "holder") {
                        Ok(guard) => {
                            inside.fetch_add(1, Ordering::Relaxed);
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::Relaxed);
                            drop(guard);
                        }
                        Err(rejected) => assert!(matches!(rejected, Rejected::Closing | Rejected::Closed)),
                    }
                });
            }
            start.wait();
            sessions.reconcile(&ids([]));
            wait_for(sessions.drain(&[id(1)], DEADLINE));
            assert_eq!(
                inside.load(Ordering::Relaxed),
                0,
                "a holder had effects after the drain"
            );
            assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        });
        assert_eq!(sessions.holders(), []);
    }
}

#[test]
fn without_a_drain_the_last_leave_or_the_close_makes_the_session_closed() {
    for _round in 0..ROUNDS {
        let sessions = registry();
        sessions.reconcile(&ids([1]));
        let guards: Vec<_> = (0..HOLDERS)
            .map(|_| thaw(&*sessions, 1, "holder").unwrap())
            .collect();
        let start = Barrier::new(HOLDERS + 1);
        thread::scope(|scope| {
            for guard in guards {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    drop(guard);
                });
            }
            start.wait();
            sessions.apply(&[id(1)], &[]);
        });
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
    }
}

#[test]
fn a_report_names_everybody_who_is_inside() {
    let sessions = registry();
    sessions.reconcile(&ids([1]));
    let (closed, inside) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _holder in 0..2 {
            scope.spawn(|| {
                while !closed.load(Ordering::Relaxed) {
                    let guard = thaw(&*sessions, 1, "holder").unwrap();
                    inside.fetch_add(1, Ordering::AcqRel);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::AcqRel);
                    drop(guard);
                }
            });
        }
        for _report in 0..ROUNDS {
            let stays = thaw(&*sessions, 1, "stays").unwrap();
            let named = sessions.holders();
            assert!(named.iter().any(|holder| holder.label.activity == "stays"));
            assert!(
                named.len() <= 5,
                "two threads, one here, and two who have just left: {named:?}"
            );
            drop(stays);
        }
        closed.store(true, Ordering::Relaxed);
    });
    assert_eq!(sessions.holders(), []);
}

#[test]
fn reconciles_at_once_leave_what_one_of_them_wanted() {
    let wanted = [ids([1, 2]), ids([3, 4])];
    for _round in 0..ROUNDS {
        let sessions = registry();
        thread::scope(|scope| {
            for wanted in &wanted {
                scope.spawn(|| sessions.reconcile(wanted));
            }
        });
        let open: BTreeSet<_> = sessions.open_sessions().into_iter().collect();
        assert!(wanted.contains(&open), "{open:?}");
    }
}

#[test]
fn a_reconcile_against_thaws_lets_in_only_what_is_open() {
    for _round in 0..ROUNDS {
        let sessions = registry();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            let holder = scope.spawn(|| {
                start.wait();
                [1, 2].map(|number| thaw(&*sessions, number, "holder"))
            });
            start.wait();
            sessions.reconcile(&ids([1, 2]));
            sessions.reconcile(&ids([2]));
            let [first, second] = holder.join().unwrap();
            let expected = if first.is_ok() {
                SessionState::Closing
            } else {
                SessionState::Closed
            };
            assert_eq!(sessions.state(id(1)), Some(expected));
            assert!(second.is_err() || sessions.state(id(2)) == Some(SessionState::Open));
        });
        assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
    }
}
