//! What apply does, change by change. The expected data is written out by hand from the protocol's table.

mod edges;
mod exclusion;
mod placement;
mod refusals;
mod sequences;

use std::collections::BTreeSet;

use crate::*;

const T: TabletId = TabletId::new(0);
const KINDS: [TransitionKind; 3] = [
    TransitionKind::Migration,
    TransitionKind::Rebuild,
    TransitionKind::Purge,
];

fn n(number: u64) -> NodeId {
    NodeId::new(number)
}

fn set<const N: usize>(nodes: [u64; N]) -> BTreeSet<NodeId> {
    nodes.map(NodeId::new).into()
}

/// A cluster and what the tests ask of it.
#[derive(Clone)]
struct Cluster {
    metadata: Metadata,
}

impl Cluster {
    /// Nodes 1 to 6, and a table of one tablet on 1, 2 and 3.
    fn new() -> Self {
        Self::with_replicas([1, 2, 3])
    }

    fn with_replicas<const N: usize>(replicas: [u64; N]) -> Self {
        let mut cluster = Self {
            metadata: Metadata::default(),
        };
        for node in 1..=6 {
            cluster.accept(Change::AddNode { node: n(node) });
        }
        cluster.accept(Change::CreateTable {
            name: "t".to_owned(),
            replicas: vec![set(replicas)],
        });
        cluster
    }

    fn apply(&mut self, change: &Change) -> Applied {
        let version = Version::new(self.metadata.version.as_u64() + 1);
        self.metadata.apply(version, change)
    }

    #[track_caller]
    fn accept(&mut self, change: Change) -> Applied {
        let applied = self.apply(&change);
        assert!(applied.outcome.is_ok(), "{change:?}: {:?}", applied.outcome);
        applied
    }

    /// Refused, and nothing but the version is changed.
    #[track_caller]
    fn refuse(&mut self, change: Change, why: Refused) {
        let mut before = self.metadata.clone();
        let applied = self.apply(&change);
        before.version = self.metadata.version;
        assert_eq!(
            applied,
            Applied {
                outcome: Err(why),
                touched: [].into(),
                event: None
            },
            "{change:?}"
        );
        assert_eq!(self.metadata, before, "{change:?}");
    }

    fn tablet(&self) -> &Tablet {
        &self.metadata.tablets[&T]
    }

    fn transition(&self) -> &Transition {
        self.tablet().transition.as_ref().expect("in transition")
    }

    fn epoch(&self) -> Epoch {
        self.tablet().epoch
    }

    fn exclude(&mut self, node: u64) {
        self.accept(Change::Exclude {
            node: n(node),
            give_up_quorum: false,
        });
    }

    fn beginning(&self, kind: TransitionKind, leaving: u64, pending: u64) -> Change {
        let expected = self.epoch();
        let nodes = |node| (kind != TransitionKind::Purge).then(|| n(node));
        let purge_floor = if kind == TransitionKind::Purge {
            self.tablet().purge_floor + 10
        } else {
            0
        };
        let (leaving, pending) = (nodes(leaving), nodes(pending));
        Change::Begin {
            tablet: T,
            expected,
            kind,
            leaving,
            pending,
            purge_floor,
            reason: Reason::Operator,
        }
    }

    /// Begins: 1 is replaced by 4, and is excluded first where the kind asks for it.
    fn begin(&mut self, kind: TransitionKind) {
        if kind == TransitionKind::Rebuild {
            self.exclude(1);
        }
        self.accept(self.beginning(kind, 1, 4));
    }

    fn advancing(&self, to: Option<Stage>) -> Change {
        Change::Advance {
            tablet: T,
            expected: self.epoch(),
            to,
        }
    }

    fn advance(&mut self, to: Option<Stage>) -> Applied {
        self.accept(self.advancing(to))
    }

    /// Forward until `stage`.
    fn forward_to(&mut self, stage: Stage) {
        while self.transition().stage != stage {
            let next = self.transition().stage.next();
            self.advance(next);
        }
    }
}

#[test]
fn a_transition_begins_with_the_epoch_that_names_it() {
    for kind in KINDS {
        let mut cluster = Cluster::new();
        let before = cluster.epoch();
        cluster.begin(kind);
        let transition = cluster.transition().clone();
        assert_eq!(transition.begun, before.next());
        assert_eq!(cluster.epoch(), before.next());
        assert_eq!((transition.kind, transition.stage), (kind, Stage::first(kind)));
        assert_eq!(transition.old, set([1, 2, 3]));
        let (new, leaving, pending) = match kind {
            TransitionKind::Purge => (set([1, 2, 3]), None, None),
            _ => (set([2, 3, 4]), Some(n(1)), Some(n(4))),
        };
        assert_eq!((transition.leaving(), transition.pending()), (leaving, pending));
        assert_eq!(transition.new, new);
        assert_eq!(cluster.tablet().replicas, set([1, 2, 3]), "nothing has moved yet");
    }
}

#[test]
fn a_purge_raises_the_floor_when_it_begins() {
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Purge);
    assert_eq!(
        (cluster.tablet().purge_floor, cluster.transition().purge_floor),
        (10, 10)
    );
    for to in [Some(Stage::Purge), Some(Stage::EndPurge), None] {
        cluster.advance(to);
    }
    assert_eq!(cluster.tablet().purge_floor, 10, "it outlives the purge");
    cluster.begin(TransitionKind::Migration);
    assert_eq!(
        (cluster.tablet().purge_floor, cluster.transition().purge_floor),
        (10, 0)
    );
}

#[test]
fn what_has_happened_is_told_to_whoever_counts() {
    for kind in KINDS {
        let mut cluster = Cluster::new();
        if kind == TransitionKind::Rebuild {
            cluster.exclude(1);
        }
        let begun = cluster.accept(cluster.beginning(kind, 1, 4));
        assert_eq!(begun.event, Some(TransitionEvent::Begun(kind)));
        let event = loop {
            let next = cluster.transition().stage.next();
            let applied = cluster.advance(next);
            assert_eq!(applied.touched, [T].into());
            assert_eq!(applied.event.is_some(), next.is_none());
            if let Some(event) = applied.event {
                break event;
            }
        };
        assert_eq!(event, TransitionEvent::Completed(kind));
    }
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Migration);
    cluster.advance(Some(Stage::CleanupTarget));
    cluster.advance(Some(Stage::RevertMigration));
    assert_eq!(
        cluster.advance(None).event,
        Some(TransitionEvent::RolledBack(TransitionKind::Migration))
    );
}

#[test]
fn a_table_goes_with_its_transitions_and_no_number_comes_back() {
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Purge);
    let dropped = cluster.accept(Change::DropTable {
        table: TableId::new(0),
    });
    assert_eq!(dropped.touched, [T].into());
    assert_eq!(
        (cluster.metadata.tablets.size(), cluster.metadata.tables.size()),
        (0, 0)
    );
    assert_eq!(cluster.metadata.session_of(T, n(1)), None);
    assert_eq!(cluster.metadata.tablets_of(n(1)).count(), 0);

    let made = cluster.accept(Change::CreateTable {
        name: "t".to_owned(),
        replicas: vec![set([1]); 3],
    });
    assert_eq!(made.outcome, Ok(Accepted::Table(TableId::new(1))));
    assert_eq!(made.touched, [1, 2, 3].map(TabletId::new).into());
    let table = &cluster.metadata.tables[&TableId::new(1)];
    assert_eq!(table.tablets, [1, 2, 3].map(TabletId::new));
    let ranges: Vec<_> = table
        .tablets
        .iter()
        .map(|id| cluster.metadata.tablets[id].range)
        .collect();
    assert_eq!(ranges, TokenRange::split_ring(3));
    assert!(
        cluster
            .metadata
            .tablets
            .values()
            .all(|tablet| tablet.epoch == Epoch::new(1))
    );
}

#[test]
fn balancing_is_a_switch() {
    let mut cluster = Cluster::new();
    for on in [true, true, false] {
        assert_eq!(
            cluster.accept(Change::SetBalancing { on }).outcome,
            Ok(Accepted::Done)
        );
        assert_eq!(cluster.metadata.balancing, on);
    }
}
