//! Every edge of the stage table, and none beside them.

use std::collections::BTreeSet;

use tidegate_guard::SessionId;

use super::*;
use Selector::{Both, New, Old};
use Stage::*;

/// The table: stage, what writes use, what reads use, whether it has a session.
const STAGES: [(Stage, Selector, Selector, bool); 13] = [
    (AllowWriteBothReadOld, Old, Old, false),
    (WriteBothReadOld, Both, Old, true),
    (Streaming, Both, Old, true),
    (WriteBothReadNew, Both, New, false),
    (UseNew, New, New, true),
    (Cleanup, New, New, true),
    (EndMigration, New, New, false),
    (CleanupTarget, Old, Old, true),
    (RevertMigration, Old, Old, false),
    (WriteBothReadOldFallback, Both, Old, false),
    (Fill, Old, Old, true),
    (Purge, Old, Old, true),
    (EndPurge, Old, Old, false),
];

/// What an edge does with the session of the stage that it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Nothing,
    Writes,
    Keeps,
    Clears,
    ClearsAndWrites,
}

/// The edges: from, to (none: the transition is removed), what happens to the session.
const EDGES: [(Stage, Option<Stage>, Does); 17] = [
    (AllowWriteBothReadOld, Some(WriteBothReadOld), Does::Writes),
    (WriteBothReadOld, Some(Streaming), Does::Keeps),
    (Streaming, Some(WriteBothReadNew), Does::Clears),
    (WriteBothReadNew, Some(UseNew), Does::Writes),
    (UseNew, Some(Cleanup), Does::Keeps),
    (Cleanup, Some(EndMigration), Does::Clears),
    (EndMigration, None, Does::Nothing),
    (AllowWriteBothReadOld, Some(CleanupTarget), Does::Writes),
    (WriteBothReadOld, Some(CleanupTarget), Does::ClearsAndWrites),
    (Streaming, Some(CleanupTarget), Does::ClearsAndWrites),
    (CleanupTarget, Some(RevertMigration), Does::Clears),
    (RevertMigration, None, Does::Nothing),
    (WriteBothReadNew, Some(WriteBothReadOldFallback), Does::Nothing),
    (WriteBothReadOldFallback, Some(CleanupTarget), Does::Writes),
    (Fill, Some(Purge), Does::ClearsAndWrites),
    (Purge, Some(EndPurge), Does::Clears),
    (EndPurge, None, Does::Nothing),
];

/// The way back that has a condition.
const FALLBACK: (Stage, Option<Stage>) = (WriteBothReadNew, Some(WriteBothReadOldFallback));

fn row(stage: Stage) -> (Selector, Selector, bool) {
    let row = STAGES
        .iter()
        .find(|row| row.0 == stage)
        .expect("every stage has a row");
    (row.1, row.2, row.3)
}

fn edges_from(stage: Stage) -> impl Iterator<Item = (Option<Stage>, Does)> {
    EDGES
        .into_iter()
        .filter(move |edge| edge.0 == stage)
        .map(|edge| (edge.1, edge.2))
}

/// The cluster of a kind, at its first stage, with what the conditional way back needs where it is asked for.
fn begun(kind: TransitionKind, more_new_excluded: bool) -> Cluster {
    let mut cluster = Cluster::new();
    cluster.begin(kind);
    if more_new_excluded && kind != TransitionKind::Purge {
        for (node, excluded) in [(n(4), true), (n(1), false)] {
            let info = NodeInfo {
                excluded,
                ..NodeInfo::default()
            };
            cluster.metadata.nodes.insert_mut(node, info);
        }
    }
    cluster
}

/// Every cluster that some way through the edges leads to, once per stage.
fn at_every_stage(kind: TransitionKind, more_new_excluded: bool) -> Vec<Cluster> {
    let mut reached = vec![begun(kind, more_new_excluded)];
    let mut seen = BTreeSet::from([Stage::first(kind)]);
    let mut at = 0;
    while let Some(cluster) = reached.get(at).cloned() {
        for (to, _) in edges_from(cluster.transition().stage) {
            let Some(stage) = to else { continue };
            if (cluster.transition().stage, to) == FALLBACK && !more_new_excluded {
                continue;
            }
            if seen.insert(stage) {
                let mut next = cluster.clone();
                next.advance(to);
                reached.push(next);
            }
        }
        at += 1;
    }
    reached
}

#[test]
fn selectors_and_sessions_are_those_of_the_table() {
    assert_eq!(STAGES.map(|row| row.0), Stage::ALL);
    for kind in KINDS {
        for cluster in at_every_stage(kind, true) {
            let (transition, tablet) = (cluster.transition(), cluster.tablet());
            let (writes, reads, session) = row(transition.stage);
            assert_eq!(
                (transition.stage.writes(), transition.stage.reads()),
                (writes, reads)
            );
            assert_eq!(
                transition.session.is_some(),
                session,
                "{kind} at {}",
                transition.stage
            );
            let sets = |selector| match selector {
                Old => vec![&transition.old],
                New => vec![&transition.new],
                Both => vec![&transition.old, &transition.new],
            };
            assert_eq!(tablet.write_sets(), sets(writes));
            assert_eq!(vec![tablet.read_set()], sets(reads));
        }
    }
}

#[test]
fn every_stage_is_reached_by_its_kinds_and_by_no_other() {
    let stages = |kind| {
        let mut stages: Vec<_> = at_every_stage(kind, true)
            .iter()
            .map(|cluster| cluster.transition().stage)
            .collect();
        stages.sort();
        stages
    };
    assert_eq!(stages(TransitionKind::Migration), Stage::ALL[..10]);
    assert_eq!(stages(TransitionKind::Rebuild), Stage::ALL[..10]);
    assert_eq!(stages(TransitionKind::Purge), Stage::ALL[10..]);
}

#[test]
fn an_edge_is_taken_if_and_only_if_the_table_has_it() {
    let targets = || Stage::ALL.into_iter().map(Some).chain([None]);
    for kind in KINDS {
        for mut cluster in at_every_stage(kind, true) {
            let from = cluster.transition().stage;
            for to in targets() {
                let edge = edges_from(from).find(|edge| edge.0 == to);
                match edge {
                    Some((_, does)) => check_edge(cluster.clone(), to, does),
                    None => cluster.refuse(cluster.advancing(to), Refused::NoEdge { from }),
                }
            }
        }
    }
}

fn check_edge(mut cluster: Cluster, to: Option<Stage>, does: Does) {
    let before = cluster.tablet().clone();
    let was = cluster.transition().clone();
    let applied = cluster.advance(to);
    let epoch = before.epoch.next();
    assert_eq!(applied.outcome, Ok(Accepted::Epoch(epoch)));
    assert_eq!(cluster.epoch(), epoch, "one more, no less");

    let session = cluster
        .tablet()
        .transition
        .as_ref()
        .and_then(|transition| transition.session);
    let written = Some((T.session_at(epoch), epoch));
    let edge = format!("{} to {to:?}", was.stage);
    match does {
        Does::Nothing => assert_eq!((was.session, session), (None, None), "{edge}"),
        Does::Writes => assert_eq!((was.session, session), (None, written), "{edge}"),
        Does::Keeps => assert!(was.session.is_some() && session == was.session, "{edge}"),
        Does::Clears => assert!(was.session.is_some() && session.is_none(), "{edge}"),
        Does::ClearsAndWrites => {
            assert!(
                was.session.is_some() && session == written && session != was.session,
                "{edge}"
            );
        }
    }

    match to {
        Some(to) => {
            let expected = Transition {
                stage: to,
                session,
                ..was
            };
            assert_eq!(
                cluster.transition(),
                &expected,
                "an edge changes stage and session, no more"
            );
            assert_eq!(cluster.tablet().replicas, before.replicas);
        }
        None if was.stage == EndMigration => assert_eq!(cluster.tablet().replicas, was.new),
        None => assert_eq!(cluster.tablet().replicas, before.replicas),
    }
}

#[test]
fn no_edge_changes_both_selectors() {
    for (from, to, _) in EDGES {
        // Without a transition, and for a purge, both are the one replica set: what the last stage reads.
        let Some(to) = to else {
            assert_eq!(row(from).0, row(from).1, "{from} is not settled");
            continue;
        };
        let changed = (from.writes() != to.writes(), from.reads() != to.reads());
        assert_ne!(changed, (true, true), "{from} to {to}");
    }
    for kind in KINDS {
        let first = Stage::first(kind);
        assert_eq!(
            (first.writes(), first.reads()),
            (Old, Old),
            "{kind} begins with a change"
        );
    }
}

/// Every way from the first stage to the end, by the edges of the table.
fn ways(kind: TransitionKind) -> Vec<Vec<Option<Stage>>> {
    let mut open = vec![(Stage::first(kind), Vec::new())];
    let mut whole = Vec::new();
    while let Some((stage, way)) = open.pop() {
        for (to, _) in edges_from(stage) {
            let way = [way.clone(), vec![to]].concat();
            match to {
                Some(to) => open.push((to, way)),
                None => whole.push(way),
            }
        }
    }
    whole
}

/// The stages that one session may live in, whichever way is gone.
const LIVES: [&[Stage]; 5] = [
    &[WriteBothReadOld, Streaming],
    &[UseNew, Cleanup],
    &[CleanupTarget],
    &[Fill],
    &[Purge],
];

#[test]
fn a_session_never_outlives_its_stages_last_edge() {
    assert_eq!(KINDS.map(|kind| ways(kind).len()), [5, 5, 1]);
    for kind in KINDS {
        for way in ways(kind) {
            let falls_back = way.contains(&FALLBACK.1);
            let mut cluster = begun(kind, falls_back);
            let mut lives: Vec<(SessionId, Vec<Stage>)> = Vec::new();
            for to in way {
                note(&cluster, &mut lives);
                cluster.advance(to);
            }
            assert_eq!(cluster.tablet().transition, None);
            assert_eq!(cluster.metadata.session_of(T, n(2)), None);
            for (session, stages) in lives {
                assert!(
                    LIVES.iter().any(|life| life.starts_with(&stages)),
                    "{session} lived in {stages:?}"
                );
            }
        }
    }
}

fn note(cluster: &Cluster, lives: &mut Vec<(SessionId, Vec<Stage>)>) {
    let stage = cluster.transition().stage;
    let Some((session, _)) = cluster.transition().session else {
        return;
    };
    match lives.iter_mut().find(|(known, _)| *known == session) {
        Some((_, stages)) => stages.push(stage),
        None => lives.push((session, vec![stage])),
    }
}

#[test]
fn sessions_of_a_second_move_are_others() {
    let mut cluster = Cluster::new();
    let mut lives = Vec::new();
    for (leaving, pending) in [(1, 4), (4, 1), (1, 4)] {
        cluster.accept(cluster.beginning(TransitionKind::Migration, leaving, pending));
        while cluster.tablet().transition.is_some() {
            note(&cluster, &mut lives);
            let next = cluster.transition().stage.next();
            cluster.advance(next);
        }
    }
    assert_eq!(lives.len(), 6, "two of each move");
}

#[test]
fn a_cancel_goes_back_up_to_streaming() {
    for kind in [TransitionKind::Migration, TransitionKind::Rebuild] {
        for mut cluster in at_every_stage(kind, true) {
            let (stage, begun) = (cluster.transition().stage, cluster.transition().begun);
            let other = Change::Cancel {
                tablet: T,
                begun: begun.next(),
            };
            cluster.refuse(other, Refused::NoTransition(T));
            let cancel = Change::Cancel { tablet: T, begun };
            if [AllowWriteBothReadOld, WriteBothReadOld, Streaming].contains(&stage) {
                let epoch = cluster.epoch().next();
                assert_eq!(cluster.accept(cancel).outcome, Ok(Accepted::Epoch(epoch)));
                assert_eq!(cluster.transition().stage, CleanupTarget);
                assert_eq!(
                    cluster.transition().session,
                    Some((T.session_at(epoch), epoch)),
                    "S3"
                );
                assert_eq!(cluster.transition().begun, begun, "it is the same transition");
            } else {
                cluster.refuse(cancel, Refused::TooLate { stage });
            }
        }
    }
    for mut cluster in at_every_stage(TransitionKind::Purge, false) {
        let (stage, begun) = (cluster.transition().stage, cluster.transition().begun);
        cluster.refuse(Change::Cancel { tablet: T, begun }, Refused::TooLate { stage });
    }
}

#[test]
fn new_reads_go_back_only_if_more_new_than_old_replicas_are_excluded() {
    let back = Some(WriteBothReadOldFallback);
    let from = WriteBothReadNew;
    // Old is 1 2 3, new is 2 3 4.
    for (excluded, goes) in [
        (vec![], false),
        (vec![1], false),
        (vec![2], false),
        (vec![4], true),
    ] {
        let mut cluster = Cluster::new();
        cluster.begin(TransitionKind::Migration);
        cluster.forward_to(from);
        excluded.iter().for_each(|node| cluster.exclude(*node));
        if goes {
            cluster.advance(back);
            cluster.advance(Some(CleanupTarget));
        } else {
            cluster.refuse(cluster.advancing(back), Refused::NoEdge { from });
        }
    }
}
