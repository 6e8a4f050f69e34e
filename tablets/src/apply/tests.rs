//! What apply does, change by change.

use std::collections::BTreeSet;

use crate::*;

fn cluster() -> (Metadata, TabletId) {
    let mut metadata = Metadata::default();
    for node in 1..=5 {
        let change = Change::AddNode {
            node: NodeId::new(node),
        };
        metadata
            .apply(Version::new(1), &change)
            .outcome
            .expect("a new node");
    }
    let replicas: BTreeSet<NodeId> = [1, 2, 3].map(NodeId::new).into();
    let change = Change::CreateTable {
        name: "t".to_owned(),
        replicas: vec![replicas],
    };
    metadata
        .apply(Version::new(2), &change)
        .outcome
        .expect("a new table");
    (metadata, TabletId::new(0))
}

#[test]
fn a_migration_runs_through() {
    let (mut metadata, tablet) = cluster();
    let begin = Change::Begin {
        tablet,
        expected: Epoch::new(1),
        kind: TransitionKind::Migration,
        leaving: Some(NodeId::new(1)),
        pending: Some(NodeId::new(4)),
        purge_floor: 0,
    };
    assert_eq!(
        metadata.apply(Version::new(3), &begin).outcome,
        Ok(Accepted::Epoch(Epoch::new(2)))
    );
    let mut to = Stage::AllowWriteBothReadOld.next();
    for epoch in 2.. {
        let change = Change::Advance {
            tablet,
            expected: Epoch::new(epoch),
            to,
        };
        let applied = metadata.apply(Version::new(3), &change);
        assert_eq!(applied.outcome, Ok(Accepted::Epoch(Epoch::new(epoch + 1))));
        let Some(stage) = to else { break };
        to = stage.next();
    }
    let replicas: BTreeSet<NodeId> = [2, 3, 4].map(NodeId::new).into();
    assert_eq!(metadata.tablets[&tablet].replicas, replicas);
}
