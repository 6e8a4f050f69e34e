//! Metadata of so many tablets, and the changes that come to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use futures_util::FutureExt as _;
use tidegate_tablets::{
    Change, Changes, LocalConfig, LocalLog, LocalStore, Metadata, MetadataStore as _, NodeId, Proposal,
    Reason, RequestId, Stage, TabletId, TransitionKind, Update, Version,
};

const NODES: u64 = 10;
const REPLICAS: u64 = 3;

/// A store in one process, whose tablets begin to move one after the other and are called back.
pub(super) struct Cluster {
    pub(super) store: Arc<LocalStore>,
    changes: Box<dyn Changes>,
    tablets: u64,
    random: Rng,
    request: u128,
    moving: Option<TabletId>,
}

impl Cluster {
    /// With a table of so many tablets; and what a follower is told at first.
    pub(super) fn new(tablets: u32) -> Result<(Self, Update)> {
        let store = LocalLog::new(LocalConfig::default()).store(node(0));
        let mut cluster = Self {
            changes: store.changes(),
            store,
            tablets: u64::from(tablets),
            random: Rng::with_seed(7),
            request: 0,
            moving: None,
        };
        for change in members().chain([creation(tablets)]) {
            cluster.decide(change)?;
        }
        let first = cluster.update()?;
        Ok((cluster, first))
    }

    /// Has the next change decided and applied; answers how long that took.
    pub(super) fn change(&mut self) -> Result<Duration> {
        let change = self.next_change()?;
        self.decide(change)
    }

    /// What a follower is told of all that has changed since it was told last.
    pub(super) fn update(&mut self) -> Result<Update> {
        let update = self.changes.next().now_or_never();
        Ok(update.context("there is something new")??)
    }

    fn decide(&mut self, change: Change) -> Result<Duration> {
        self.request += 1;
        let proposal = Proposal {
            request: RequestId(self.request),
            changes: vec![change],
        };
        let started = Instant::now();
        let outcomes = self.store.propose(proposal).now_or_never();
        let spent = started.elapsed();
        let outcomes = outcomes.context("a log in one process decides at once")??;
        ensure!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        Ok(spent)
    }

    /// One of a short life: a move begins, is cancelled, goes back, ends. The next is of another tablet.
    fn next_change(&mut self) -> Result<Change> {
        let metadata = self.store.snapshot();
        if self.moving.is_none() {
            let (first, _) = metadata.tablets.first().context("there are tablets")?;
            let tablet = TabletId::new(first.as_u64() + self.random.u64(0..self.tablets));
            self.moving = Some(tablet);
            return begin(&metadata, tablet);
        }
        let id = self.moving.context("one moves")?;
        let tablet = metadata.tablets.get(&id).context("tablets stay")?;
        let transition = tablet.transition.as_ref().context("it moves")?;
        let to = match transition.stage {
            Stage::AllowWriteBothReadOld => {
                return Ok(Change::Cancel {
                    tablet: id,
                    begun: transition.begun,
                });
            }
            Stage::CleanupTarget => Some(Stage::RevertMigration),
            Stage::RevertMigration => {
                self.moving = None;
                None
            }
            stage => bail!("nothing leads to {stage}"),
        };
        Ok(Change::Advance {
            tablet: id,
            expected: tablet.epoch,
            to,
        })
    }
}

/// The table that all the tablets are of.
pub(super) fn creation(tablets: u32) -> Change {
    let replicas = (0..u64::from(tablets)).map(|tablet| (tablet..tablet + REPLICAS).map(node).collect());
    Change::CreateTable {
        name: "rows".to_owned(),
        replicas: replicas.collect(),
    }
}

/// The metadata with that table.
pub(super) fn metadata(creation: &Change) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let members: Vec<Change> = members().collect();
    for change in members.iter().chain([creation]) {
        let version = Version::new(metadata.version.as_u64() + 1);
        metadata.apply(version, change).outcome?;
    }
    Ok(metadata)
}

/// The nodes in a ring.
pub(super) fn node(number: u64) -> NodeId {
    NodeId::new(number % NODES + 1)
}

fn members() -> impl Iterator<Item = Change> {
    (0..NODES).map(|number| Change::AddNode { node: node(number) })
}

fn begin(metadata: &Metadata, id: TabletId) -> Result<Change> {
    let tablet = metadata.tablets.get(&id).context("tablets stay")?;
    let pending = (0..NODES).map(node).find(|node| !tablet.replicas.contains(node));
    Ok(Change::Begin {
        tablet: id,
        expected: tablet.epoch,
        kind: TransitionKind::Migration,
        leaving: tablet.replicas.first().copied(),
        pending,
        purge_floor: 0,
        reason: Reason::Operator,
    })
}
