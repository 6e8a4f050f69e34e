//! What the metadata of a node that is fed shows.

use std::collections::BTreeSet;

use bytes::Bytes;
use tidegate_guard::FrozenGuard;
use tidegate_kv::token_of;
use tidegate_tablets::{
    Accepted, Change, Epoch, Metadata, NodeId, Reason, Stage, TableId, TabletId, TransitionKind, Version,
};

/// The node that is fed.
pub(crate) const NEAR: NodeId = NodeId::new(1);
/// The peer that plays a script.
pub(crate) const FAR: NodeId = NodeId::new(2);

/// Metadata, and what is in it.
pub(crate) struct Shown {
    pub(crate) metadata: Metadata,
    pub(crate) table: TableId,
    pub(crate) tablets: Vec<TabletId>,
}

/// Two members, and a table with a tablet on each set of replicas.
pub(crate) fn with_replicas(replicas: &[&[NodeId]]) -> Shown {
    let mut shown = Shown {
        metadata: Metadata::default(),
        table: TableId::default(),
        tablets: Vec::new(),
    };
    for node in [NEAR, FAR] {
        shown.change(&Change::AddNode { node });
    }
    let sets = replicas
        .iter()
        .map(|set| set.iter().copied().collect::<BTreeSet<_>>());
    let change = Change::CreateTable {
        name: "t".to_owned(),
        replicas: sets.collect(),
    };
    if let Accepted::Table(table) = shown.change(&change) {
        shown.table = table;
        let made = shown.metadata.tables.get(&table);
        shown.tablets = made.map(|table| table.tablets.clone()).unwrap_or_default();
    }
    shown
}

/// A tablet of the near node alone is at rest, one is streamed to the far one, and of one that both have tombstones
/// are filled in.
pub(crate) fn with_transitions() -> Shown {
    let mut shown = with_replicas(&[&[NEAR], &[NEAR], &[NEAR, FAR]]);
    shown.begin(1, TransitionKind::Migration);
    shown.advance(1, Stage::WriteBothReadOld);
    shown.advance(1, Stage::Streaming);
    shown.begin(2, TransitionKind::Purge);
    shown
}

impl Shown {
    /// A key of the first tablet.
    pub(crate) fn key(&self) -> Bytes {
        let range = self
            .metadata
            .tablets
            .get(&self.tablets[0])
            .map(|tablet| tablet.range);
        let lies_in = |key: &u8| range.is_some_and(|range| range.contains(token_of(&[*key])));
        let key = (b'a'..=b'z').find(lies_in);
        key.map(|key| Bytes::copy_from_slice(&[key])).unwrap_or_default()
    }

    /// The session of the tablet that is streamed.
    pub(crate) fn streamed(&self) -> FrozenGuard {
        self.session(1)
    }

    /// The session of the tablet of which tombstones are filled in.
    pub(crate) fn filled(&self) -> FrozenGuard {
        self.session(2)
    }

    fn session(&self, index: usize) -> FrozenGuard {
        let tablet = self.metadata.tablets.get(&self.tablets[index]);
        let transition = tablet.and_then(|tablet| tablet.transition.as_ref());
        match transition.and_then(|transition| transition.session) {
            Some((session, epoch)) => FrozenGuard {
                session,
                epoch: epoch.as_u64(),
            },
            None => panic!("tablet {index} has no session"),
        }
    }

    fn begin(&mut self, index: usize, kind: TransitionKind) {
        let moves = kind == TransitionKind::Migration;
        let change = Change::Begin {
            tablet: self.tablets[index],
            expected: self.epoch(index),
            kind,
            leaving: moves.then_some(NEAR),
            pending: moves.then_some(FAR),
            purge_floor: if moves { 0 } else { 1 << 20 },
            reason: Reason::Operator,
        };
        self.change(&change);
    }

    fn advance(&mut self, index: usize, to: Stage) {
        let change = Change::Advance {
            tablet: self.tablets[index],
            expected: self.epoch(index),
            to: Some(to),
        };
        self.change(&change);
    }

    fn epoch(&self, index: usize) -> Epoch {
        let tablet = self.metadata.tablets.get(&self.tablets[index]);
        tablet.map(|tablet| tablet.epoch).unwrap_or_default()
    }

    fn change(&mut self, change: &Change) -> Accepted {
        let version = Version::new(self.metadata.version.as_u64() + 1);
        match self.metadata.apply(version, change).outcome {
            Ok(accepted) => accepted,
            Err(refused) => panic!("{change:?}: {refused}"),
        }
    }
}
