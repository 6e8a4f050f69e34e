//! With the feature: points, one-shots, messages, releases.

use std::future::{pending, ready};
use std::sync::Barrier;
use std::time::Duration;

use tidegate_inject::{Entered, Held, Injector, MESSAGES_KEPT, Message, Params, WaitError};
use tokio::time::Instant;

const POINT: &str = "test::point";
const DEADLINE: Duration = Duration::from_secs(10);

fn entered(injector: &Injector) -> Entered {
    injector.enter(POINT).expect("the point is enabled")
}

#[test]
fn a_point_is_off_until_enabled_and_after_it_is_disabled() {
    let injector = Injector::new();
    assert!(!injector.is_enabled(POINT));
    assert!(injector.enter(POINT).is_none());
    injector.enable(POINT, Params::always().with("tablet", 7));
    assert!(injector.is_enabled(POINT));
    assert_eq!(entered(&injector).field("tablet"), Some("7"));
    assert_eq!(entered(&injector).field("peer"), None);
    assert_eq!(entered(&injector).params(), &Params::always().with("tablet", 7));
    injector.disable(POINT);
    assert!(!injector.is_enabled(POINT));
    assert!(injector.enter(POINT).is_none());
    assert_eq!(
        injector.entries(POINT),
        3,
        "entries of a point that is off do not count"
    );
}

#[test]
fn clones_share_points_and_other_injectors_do_not() {
    let injector = Injector::new();
    injector.clone().enable(POINT, Params::always());
    assert!(injector.is_enabled(POINT));
    assert!(!Injector::new().is_enabled(POINT));
    assert_eq!(format!("{injector:?}"), "Injector { enabled: [\"test::point\"] }");
    injector.disable_all();
    assert!(!injector.is_enabled(POINT));
}

#[test]
fn of_many_threads_one_takes_a_one_shot() {
    for _round in 0..200 {
        let injector = Injector::new();
        injector.enable(POINT, Params::once());
        let start = Barrier::new(4);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        usize::from(injector.enter(POINT).is_some())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
        assert_eq!(injector.entries(POINT), 1);
        assert!(!injector.is_enabled(POINT));
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumed_one_shot_still_hears_messages_and_is_released() {
    let injector = Injector::new();
    injector.enable(POINT, Params::once());
    let mut inside = entered(&injector);
    assert!(injector.message(POINT, "one"));
    assert_eq!(inside.wait_for_message(DEADLINE).await, Ok(Message::new("one")));
    injector.disable(POINT);
    assert_eq!(inside.wait_for_message(DEADLINE).await, Err(WaitError::Disabled));
    assert!(inside.is_released());
    assert!(!injector.message(POINT, "too late"));
}

#[tokio::test(start_paused = true)]
async fn every_entry_reads_every_message_since_the_point_was_enabled() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always());
    let mut early = entered(&injector);
    injector.message(POINT, "one");
    injector.message(POINT, String::from("two"));
    let mut late = entered(&injector);
    for inside in [&mut early, &mut late] {
        assert_eq!(inside.poll_for_message(), Some(Message::new("one")));
        assert_eq!(inside.wait_for_message(DEADLINE).await.unwrap().text(), "two");
        assert_eq!(inside.poll_for_message(), None);
        assert!(!inside.is_released());
    }
}

#[test]
fn the_oldest_messages_go_when_too_many_come() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always());
    let mut inside = entered(&injector);
    for number in 0..MESSAGES_KEPT + 2 {
        injector.message(POINT, number.to_string());
    }
    let heard: Vec<String> = std::iter::from_fn(|| inside.poll_for_message())
        .map(|m| m.to_string())
        .collect();
    let expected: Vec<String> = (2..MESSAGES_KEPT + 2).map(|number| number.to_string()).collect();
    assert_eq!(heard, expected);
    injector.message(POINT, "one more");
    assert_eq!(inside.poll_for_message(), Some(Message::new("one more")));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_message_ends_at_its_deadline_and_takes_nothing() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always());
    let mut inside = entered(&injector);
    let begun = Instant::now();
    assert_eq!(
        inside.wait_for_message(DEADLINE).await,
        Err(WaitError::TimedOut { waited: DEADLINE })
    );
    assert_eq!(begun.elapsed(), DEADLINE);
    injector.message(POINT, "now");
    assert_eq!(inside.wait_for_message(DEADLINE).await, Ok(Message::new("now")));
}

#[tokio::test(start_paused = true)]
async fn enabling_anew_releases_who_is_inside() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always());
    let mut old = entered(&injector);
    let waiter = tokio::spawn(async move { old.wait_for_message(DEADLINE).await });
    injector.enable(POINT, Params::always());
    injector.message(POINT, "for the new ones");
    assert_eq!(waiter.await.unwrap(), Err(WaitError::Disabled));
    assert_eq!(
        entered(&injector).poll_for_message(),
        Some(Message::new("for the new ones"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_its_first_cause() {
    let injector = Injector::new();
    assert_eq!(injector.hold(POINT, pending::<()>()).await, Held::Absent);

    for cause in ["message", "disable"] {
        injector.enable(POINT, Params::always());
        let before = injector.entries(POINT);
        let held = tokio::spawn({
            let injector = injector.clone();
            async move { injector.hold(POINT, pending::<()>()).await }
        });
        injector
            .wait_for_entries(POINT, before + 1, DEADLINE)
            .await
            .unwrap();
        if cause == "message" {
            injector.message(POINT, "go");
            assert_eq!(held.await.unwrap(), Held::Message(Message::new("go")));
        } else {
            injector.disable(POINT);
            assert_eq!(held.await.unwrap(), Held::Disabled);
        }
    }

    injector.enable(POINT, Params::always());
    injector.message(POINT, "go");
    assert_eq!(
        injector.hold(POINT, ready(())).await,
        Held::Interrupted,
        "the end of the future comes first"
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_for_entries_ends_at_its_deadline_with_the_count() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always());
    let _inside = entered(&injector);
    injector.wait_for_entries(POINT, 1, DEADLINE).await.unwrap();
    let error = injector.wait_for_entries(POINT, 2, DEADLINE).await.unwrap_err();
    assert_eq!((error.entries, error.wanted, error.waited), (1, 2, DEADLINE));
}
