//! Drains, their deadlines and reports.

use std::time::Duration;

use tidegate_guard::{Label, Thaw};
use tidegate_session::{Holder, SessionConfig, SessionRegistry, SessionState, Sessions};
use tokio::time::{Instant, advance};

use crate::{DEADLINE, EPOCH, frozen, id, ids, registry, thaw};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn only_closing_sessions_are_waited_for() {
    let sessions = registry();
    sessions.reconcile(&ids([1, 2]));
    let _open = thaw(&*sessions, 1, "holder").unwrap();
    sessions.apply(&[id(2)], &[]);
    let begun = Instant::now();
    sessions.drain(&[id(1), id(2), id(3)], DEADLINE).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_with_the_last_holder_and_finds_the_session_closed() {
    let sessions = registry();
    sessions.reconcile(&ids([1]));
    let guards = [
        thaw(&*sessions, 1, "first").unwrap(),
        thaw(&*sessions, 1, "second").unwrap(),
    ];
    sessions.reconcile(&ids([]));
    let mut drains = Vec::new();
    for _drain in 0..20 {
        let sessions = sessions.clone();
        drains.push(tokio::spawn(async move {
            sessions.drain(&[id(1), id(1)], DEADLINE).await.unwrap();
            assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
        }));
    }
    tokio::task::yield_now().await;
    for guard in guards {
        assert!(drains.iter().all(|drain| !drain.is_finished()));
        guard.closing().await;
        drop(guard);
    }
    for drain in drains {
        drain.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_ends_at_its_deadline_names_each_holder() {
    let sessions = registry();
    sessions.reconcile(&ids([1, 2, 3]));
    let label = Label::new("stream.receive").with("peer", 3).with("tablet", 9);
    let oldest = sessions.thaw(&frozen(2), EPOCH, label.clone()).unwrap();
    advance(2 * SECOND).await;
    let younger = thaw(&*sessions, 1, "cleanup").unwrap();
    let _of_an_open_session = thaw(&*sessions, 3, "elsewhere").unwrap();
    oldest.progress("batch");
    sessions.apply(&[id(1), id(2)], &[]);
    advance(SECOND).await;
    oldest.progress("attach");

    let begun = Instant::now();
    let left = sessions
        .drain(&[id(1), id(2), id(3)], 4 * SECOND)
        .await
        .unwrap_err();
    assert_eq!(begun.elapsed(), 4 * SECOND);
    assert_eq!((left.waited, left.unnamed), (4 * SECOND, 0));
    let cleanup = Label::new("cleanup");
    let expected = [
        Holder {
            session: id(2),
            label,
            step: "attach",
            age: 7 * SECOND,
            idle: 4 * SECOND,
        },
        Holder {
            session: id(1),
            label: cleanup,
            step: "",
            age: 5 * SECOND,
            idle: 5 * SECOND,
        },
    ];
    assert_eq!(left.holders, expected);
    let said = left.to_string();
    assert!(
        said.starts_with("2 holders were left after 4s, the oldest: stream.receive peer=3 tablet=9"),
        "{said}"
    );
    assert!(said.ends_with("age=7s idle=4s step=attach"), "{said}");

    drop(oldest);
    let left = sessions.drain(&[id(1), id(2)], Duration::ZERO).await.unwrap_err();
    assert_eq!(left.holders.len(), 1, "the other session is closed by now");
    drop(younger);
    sessions.drain(&[id(1), id(2)], Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_report_names_a_bounded_number_the_oldest_first() {
    let config = SessionConfig {
        holders_reported: 2,
        ..SessionConfig::default()
    };
    let sessions = SessionRegistry::new(config);
    sessions.reconcile(&ids([1, 2]));
    let mut guards = Vec::new();
    for (number, label) in [(2, "a"), (1, "b"), (2, "c"), (1, "d"), (1, "e")] {
        guards.push(thaw(&*sessions, number, label).unwrap());
        advance(SECOND).await;
    }
    sessions.reconcile(&ids([]));
    let left = sessions.drain(&[id(1), id(2)], SECOND).await.unwrap_err();
    let labels: Vec<String> = left
        .holders
        .iter()
        .map(|holder| holder.label.to_string())
        .collect();
    assert_eq!((labels, left.unnamed), (vec!["a".to_owned(), "b".to_owned()], 3));
    let labels: Vec<String> = sessions
        .holders()
        .iter()
        .map(|holder| holder.label.to_string())
        .collect();
    assert_eq!(labels, ["a", "b", "c", "d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn holders_of_one_age_are_named_by_session_and_arrival() {
    let sessions = registry();
    sessions.reconcile(&ids([1, 2]));
    let _guards =
        [(2, "a"), (1, "b"), (2, "c"), (1, "d")].map(|(number, label)| thaw(&*sessions, number, label));
    let labels: Vec<String> = sessions
        .holders()
        .iter()
        .map(|holder| holder.label.to_string())
        .collect();
    assert_eq!(labels, ["b", "d", "a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_drain_leaves_the_session_closing() {
    let sessions = registry();
    sessions.reconcile(&ids([1]));
    let guard = thaw(&*sessions, 1, "holder").unwrap();
    sessions.reconcile(&ids([]));
    let cancelled = tokio::time::timeout(SECOND, sessions.drain(&[id(1)], DEADLINE)).await;
    assert!(cancelled.is_err());
    assert_eq!(sessions.state(id(1)), Some(SessionState::Closing));
    assert!(thaw(&*sessions, 1, "late").is_err());
    drop(guard);
    assert_eq!(sessions.state(id(1)), Some(SessionState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_end_is_no_overflow() {
    let sessions = registry();
    sessions.reconcile(&ids([1]));
    let guard = thaw(&*sessions, 1, "holder").unwrap();
    sessions.reconcile(&ids([]));
    let drain = tokio::spawn({
        let sessions = sessions.clone();
        async move { sessions.drain(&[id(1)], Duration::MAX).await }
    });
    tokio::task::yield_now().await;
    drop(guard);
    drain.await.unwrap().unwrap();
}
