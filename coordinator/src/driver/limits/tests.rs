//! Places are taken, left, waited for and offered.

use super::*;

#[test]
fn streams_leave_places_for_operations_and_both_for_barriers() {
    let config = CoordinatorConfig {
        calls_total: 8,
        receives_per_node: 100,
        ..CoordinatorConfig::default()
    };
    let mut limits = Limits::new(&config);
    let node = NodeId::new(1);
    let streams = (0..100).filter(|_| limits.take(node, Lane::Stream)).count();
    assert_eq!(streams, 4);
    let operations = (0..100).filter(|_| limits.take(node, Lane::Operation)).count();
    assert_eq!(operations, 2);
    assert!(limits.take(node, Lane::Barrier) && limits.take(node, Lane::Barrier));
    assert!(!limits.take(node, Lane::Barrier), "the total is a bound for all");
    limits.give_back(node, Lane::Stream);
    assert!(!limits.take(node, Lane::Stream), "over a half still");
    assert!(limits.take(node, Lane::Barrier));
}

#[test]
fn lanes_and_nodes_count_by_themselves() {
    let config = CoordinatorConfig {
        barriers_per_node: 1,
        operations_per_node: 1,
        ..CoordinatorConfig::default()
    };
    let mut limits = Limits::new(&config);
    let (a, b) = (NodeId::new(1), NodeId::new(2));
    for lane in [Lane::Barrier, Lane::SlowBarrier, Lane::Operation] {
        assert!(limits.take(a, lane) && limits.take(b, lane));
        assert!(!limits.take(a, lane));
        limits.give_back(a, lane);
        assert!(limits.take(a, lane));
    }
}

fn stream(node: u64, sources: &[u64]) -> Place {
    Place {
        node: NodeId::new(node),
        lane: Lane::Stream,
        sources: sources.iter().copied().map(NodeId::new).collect(),
    }
}

fn one_each() -> Limits {
    let mut limits = Limits::new(&CoordinatorConfig::default());
    limits.set_permits(StreamPermits {
        sends: Some(1),
        receives: Some(1),
    });
    limits
}

#[test]
fn a_stream_takes_a_receive_and_a_send_of_each_source_or_nothing() {
    let mut limits = one_each();
    let first = stream(1, &[2, 3]);
    assert!(limits.take_all(&first, Reason::Operator));
    assert!(
        !limits.take_all(&stream(4, &[3]), Reason::Operator),
        "3 sends already"
    );
    assert!(
        !limits.take_all(&stream(1, &[5]), Reason::Operator),
        "1 receives already"
    );
    assert!(
        limits.take_all(&stream(3, &[1]), Reason::Operator),
        "the other way are other permits"
    );
    limits.give_all_back(&first);
    assert!(limits.take_all(&stream(4, &[3]), Reason::Operator));
    assert!(limits.take_all(&stream(1, &[5]), Reason::Operator));
}

#[test]
fn permits_change_while_streams_run_and_stop_none() {
    let mut limits = one_each();
    let permits = |sends, receives| StreamPermits { sends, receives };
    assert!(limits.take_all(&stream(1, &[9]), Reason::Operator));
    limits.set_permits(permits(Some(3), Some(1)));
    let more = [stream(2, &[9]), stream(3, &[9]), stream(4, &[9])];
    assert_eq!(
        more.iter()
            .filter(|place| limits.take_all(place, Reason::Operator))
            .count(),
        2
    );
    limits.set_permits(permits(Some(2), None));
    limits.give_all_back(&more[0]);
    assert!(!limits.take_all(&more[2], Reason::Operator), "two run still");
    limits.give_all_back(&more[1]);
    assert!(limits.take_all(&more[2], Reason::Operator));
    limits.set_permits(StreamPermits::default());
    let defaults = (10..20).filter(|node| limits.take_all(&stream(*node, &[8]), Reason::Operator));
    assert_eq!(defaults.count(), CoordinatorConfig::default().sends_per_node);
}

/// Takes a place, or waits.
fn ask(limits: &mut Limits, turn: Turn, place: Place) -> bool {
    let taken = limits.take_all(&place, turn.0);
    if !taken {
        limits.waiting().wait(turn, place);
    }
    taken
}

fn turn(reason: Reason, tablet: u64) -> Turn {
    (reason, TabletId::new(tablet))
}

fn with_room(limits: &mut Limits) -> Vec<u64> {
    limits.with_room().into_iter().map(TabletId::as_u64).collect()
}

#[test]
fn what_an_urgent_stream_waits_for_is_not_taken_by_a_less_urgent_one() {
    let mut limits = one_each();
    let running = stream(9, &[2]);
    assert!(limits.take_all(&running, Reason::Balance));
    let rebuild = stream(4, &[2, 3]);
    assert!(
        !ask(&mut limits, turn(Reason::Rebuild, 0), rebuild.clone()),
        "2 sends"
    );
    assert!(
        !ask(&mut limits, turn(Reason::Drain, 1), stream(5, &[3])),
        "3 is kept"
    );
    assert!(
        !ask(&mut limits, turn(Reason::Drain, 2), stream(4, &[6])),
        "and so is 4"
    );
    assert!(limits.take_all(&stream(5, &[6]), Reason::Drain));
    let like = stream(7, &[3]);
    assert!(limits.take_all(&like, Reason::Rebuild), "not from its like");
    limits.give_all_back(&like);
    assert_eq!(with_room(&mut limits), [], "2 sends still");
    limits.give_all_back(&running);
    assert_eq!(with_room(&mut limits), [0]);
    limits.forget(TabletId::new(0));
    assert!(limits.take_all(&rebuild, Reason::Rebuild));
    limits.give_all_back(&rebuild);
    assert_eq!(with_room(&mut limits), [], "6 sends to 5");
    limits.give_all_back(&stream(5, &[6]));
    assert_eq!(with_room(&mut limits), [1, 2]);
}

#[test]
fn what_was_left_to_one_that_waits_no_more_is_for_others() {
    let mut limits = one_each();
    assert!(limits.take_all(&stream(9, &[2]), Reason::Balance));
    assert!(!ask(&mut limits, turn(Reason::Rebuild, 0), stream(4, &[2, 3])));
    assert!(
        !ask(&mut limits, turn(Reason::Drain, 1), stream(4, &[6])),
        "4 is kept"
    );
    assert_eq!(with_room(&mut limits), []);
    // It was cancelled: nothing has come free by it.
    limits.forget(TabletId::new(0));
    assert_eq!(with_room(&mut limits), [1]);
}

#[test]
fn as_many_are_named_as_there_is_room_for_and_in_their_turn() {
    let mut limits = one_each();
    let running = stream(4, &[5]);
    assert!(limits.take_all(&running, Reason::Balance));
    for tablet in 0..9 {
        let sources = [5 + tablet % 3];
        assert!(!ask(
            &mut limits,
            turn(Reason::Balance, tablet),
            stream(4, &sources)
        ));
    }
    assert_eq!(with_room(&mut limits), []);
    // Another now sends to someone else: the first whose source is free has the place.
    limits.give_all_back(&running);
    assert!(limits.take_all(&stream(1, &[5]), Reason::Balance));
    assert_eq!(with_room(&mut limits), [1]);
    limits.forget(TabletId::new(1));
    assert!(limits.take_all(&stream(4, &[6]), Reason::Balance));
    assert_eq!(with_room(&mut limits), []);
}

#[test]
fn whoever_was_short_of_calls_hears_of_any_that_ends() {
    let config = CoordinatorConfig {
        calls_total: 4,
        ..CoordinatorConfig::default()
    };
    let mut limits = Limits::new(&config);
    let node = NodeId::new(1);
    (0..4).for_each(|_| assert!(limits.take(node, Lane::Barrier)));
    assert!(!ask(&mut limits, turn(Reason::Balance, 7), stream(2, &[3])));
    for _ in 0..2 {
        limits.give_back(node, Lane::Barrier);
        assert_eq!(with_room(&mut limits), [], "streams have a half");
    }
    limits.give_back(node, Lane::Barrier);
    assert_eq!(with_room(&mut limits), [7]);
}
