//! Exclusions, what they take, and the roles of those who are left.

use super::*;

fn excluding(node: u64) -> Change {
    Change::Exclude {
        node: n(node),
        give_up_quorum: false,
    }
}

#[test]
fn an_exclusion_is_for_ever_and_touches_what_the_node_held() {
    let mut cluster = Cluster::new();
    let made = Change::CreateTable {
        name: "u".to_owned(),
        replicas: vec![set([4]), set([1, 4, 5])],
    };
    cluster.accept(made);
    let epoch = cluster.epoch();
    let applied = cluster.accept(excluding(1));
    assert_eq!(applied.touched, [TabletId::new(0), TabletId::new(2)].into());
    assert!(cluster.metadata.is_excluded(n(1)) && !cluster.metadata.is_live_member(n(1)));
    assert_eq!(cluster.epoch(), epoch, "no tablet has changed");
    cluster.refuse(excluding(1), Refused::NoNode(n(1)));
    cluster.refuse(Change::AddNode { node: n(1) }, Refused::NodeExists(n(1)));
    cluster.refuse(excluding(9), Refused::NoNode(n(9)));
}

#[test]
fn an_exclusion_that_takes_a_quorum_needs_the_operators_word() {
    let mut cluster = Cluster::new();
    cluster.exclude(1);
    cluster.refuse(excluding(2), Refused::Quorum(T));
    cluster.exclude(4);
    cluster.accept(Change::Exclude {
        node: n(2),
        give_up_quorum: true,
    });
    cluster.refuse(excluding(3), Refused::Quorum(T));
    cluster.exclude(5);

    let mut cluster = Cluster::with_replicas([1]);
    cluster.refuse(excluding(1), Refused::Quorum(T));
}

#[test]
fn what_counts_is_the_set_that_holds_the_acknowledged_writes() {
    use Stage::*;
    // Old is 1 2 3, new is 2 3 4. Which of the others may go after the first one went, by stage.
    let expected = |stage: Stage, first: u64, second: u64| match stage {
        // Reads are old: 4 is nobody's loss.
        AllowWriteBothReadOld | WriteBothReadOld | Streaming | CleanupTarget | RevertMigration => {
            first == 4 || second == 4
        }
        // Either set will do: only the two that are in both are too many.
        WriteBothReadNew => [1, 4].contains(&first) || [1, 4].contains(&second),
        // Reads are new: 1 is nobody's loss.
        _ => first == 1 || second == 1,
    };
    for stage in [
        AllowWriteBothReadOld,
        WriteBothReadOld,
        Streaming,
        WriteBothReadNew,
        UseNew,
        Cleanup,
        EndMigration,
        CleanupTarget,
        RevertMigration,
    ] {
        for (first, second) in [(1, 2), (1, 4), (2, 1), (2, 3), (2, 4), (4, 1), (4, 2)] {
            let mut cluster = Cluster::new();
            cluster.begin(TransitionKind::Migration);
            if [CleanupTarget, RevertMigration].contains(&stage) {
                cluster.advance(Some(CleanupTarget));
            }
            cluster.forward_to(stage);
            cluster.exclude(first);
            let accepted = cluster.apply(&excluding(second)).outcome.is_ok();
            assert_eq!(
                accepted,
                expected(stage, first, second),
                "{stage}: {first}, then {second}"
            );
        }
    }
}

#[test]
fn a_change_planned_before_an_exclusion_does_not_leave_the_set_that_the_exclusion_relied_on() {
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Migration);
    cluster.forward_to(Stage::WriteBothReadNew);
    let forward = Change::Advance {
        tablet: T,
        expected: cluster.epoch(),
        to: Some(Stage::UseNew),
    };
    // Accepted, as 1 and 3 hold a quorum of the old set. Of the new one only 3 is left.
    cluster.exclude(4);
    cluster.exclude(2);
    let from = Stage::WriteBothReadNew;
    cluster.refuse(forward, Refused::NoEdge { from });
    cluster.advance(Some(Stage::WriteBothReadOldFallback));
}

#[test]
fn a_session_is_kept_by_those_who_take_part() {
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Migration);
    let session = |cluster: &Cluster, node| cluster.metadata.session_of(T, n(node));
    assert_eq!(session(&cluster, 1), None, "there is none yet");
    cluster.forward_to(Stage::Streaming);
    let expected = cluster.transition().session.map(|(session, _)| session);
    assert!(expected.is_some());
    for node in 1..=4 {
        assert_eq!(session(&cluster, node), expected);
        assert!(cluster.transition().takes_part(n(node)) && cluster.tablet().concerns(n(node)));
    }
    assert_eq!(session(&cluster, 5), None, "not its affair");
    cluster.exclude(2);
    assert_eq!(session(&cluster, 2), None, "an excluded node keeps none");
    assert_eq!(cluster.metadata.session_of(TabletId::new(9), n(1)), None);

    let frozen = cluster.transition().frozen().expect("a session");
    assert_eq!(Some(frozen.session), expected);
    assert_eq!(T.session_at(Epoch::new(frozen.epoch)), frozen.session);
}

#[test]
fn a_migration_pulls_from_the_leaving_replica_and_from_no_other() {
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Migration);
    let metadata = &cluster.metadata;
    assert_eq!(metadata.sources(cluster.transition()), set([1]));
    assert_eq!(cluster.transition().sources_needed(), 1);
    cluster.exclude(1);
    assert_eq!(cluster.metadata.sources(cluster.transition()), set([]));
    assert!(
        !cluster.metadata.has_sources(cluster.transition()),
        "its source cannot be replaced"
    );
}

#[test]
fn a_rebuild_pulls_from_enough_to_meet_every_write_quorum() {
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Rebuild);
    assert_eq!(cluster.metadata.sources(cluster.transition()), set([2, 3]));
    assert_eq!(cluster.transition().sources_needed(), 2);
    assert!(cluster.metadata.has_sources(cluster.transition()));

    cluster.accept(Change::Exclude {
        node: n(3),
        give_up_quorum: true,
    });
    assert!(!cluster.metadata.has_sources(cluster.transition()), "it waits");
    let allow = Change::AllowFewerSources {
        tablet: T,
        expected: cluster.epoch(),
    };
    cluster.forward_to(Stage::Streaming);
    cluster.refuse(
        allow,
        Refused::Epoch {
            actual: cluster.epoch(),
        },
    );
    let (epoch, session) = (cluster.epoch(), cluster.transition().session);
    cluster.accept(Change::AllowFewerSources {
        tablet: T,
        expected: epoch,
    });
    assert_eq!(cluster.epoch(), epoch.next());
    assert_eq!(cluster.transition().session, session, "the stage's session stays");
    assert!(
        cluster.metadata.has_sources(cluster.transition()),
        "an operator's word"
    );
    assert_eq!(cluster.metadata.sources(cluster.transition()), set([2]));
}

#[test]
fn sources_needed_meet_every_quorum_of_any_size() {
    let mut transition = Transition {
        kind: TransitionKind::Rebuild,
        reason: Reason::Operator,
        stage: Stage::Streaming,
        begun: Epoch::new(1),
        old: set([]),
        new: set([]),
        session: None,
        purge_floor: 0,
        fewer_sources: false,
    };
    assert_eq!(transition.sources_needed(), 1, "and no panic");
    for (size, needed) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4)] {
        transition.old = (1..=size).map(n).collect();
        assert_eq!(transition.sources_needed(), needed, "{size} replicas");
        assert!(
            needed + quorum_of(&transition.old) > size as usize,
            "a quorum without a source"
        );
    }
}
