//! What happens in the demo: load, move in rounds while clients work, and the story of the late write.

mod cancel;
mod rounds;
mod story;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tidegate_coordinator::Ended;
use tidegate_tablets::{Epoch, NodeId, TableId, Tablet, TabletId};
use tokio::time::timeout;

use super::args::{DemoArgs, Faults};
use super::clients::Clients;
use super::cluster::Cluster;
use super::oracle::Ledger;
use super::progress::Bars;

/// No single step of the scenario takes longer, or something is stuck.
const STEP_DEADLINE: Duration = Duration::from_secs(90);

/// Clients that read, write and delete while tablets move.
const CLIENTS: usize = 4;

/// What happens in the demo, on a cluster that is loaded. It does not know how the cluster is fenced.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) ledger: Ledger,
    pub(crate) table: TableId,
    pub(crate) keys: Vec<Bytes>,
    pub(crate) bars: Bars,
    pub(crate) rounds: u32,
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
}

/// One move to make.
#[derive(Debug, Clone, Copy)]
struct Move {
    tablet: TabletId,
    from: NodeId,
    to: NodeId,
}

impl Scenario {
    pub(crate) fn new(
        args: &DemoArgs,
        cluster: Arc<Cluster>,
        ledger: Ledger,
        table: TableId,
        keys: Vec<Bytes>,
        bars: Bars,
    ) -> Self {
        let (rounds, faults, seed) = (args.rounds, args.faults, args.seed);
        Self {
            cluster,
            ledger,
            table,
            keys,
            bars,
            rounds,
            faults,
            seed,
        }
    }

    /// Plays it to the end.
    pub(crate) async fn play(&self) -> Result<()> {
        let story = self.fullest_tablet()?;
        let (told, theirs): (Vec<Bytes>, Vec<Bytes>) = self
            .keys
            .iter()
            .cloned()
            .partition(|key| self.cluster.tablet_of(self.table, key) == Some(story));
        let clients = Clients::start(
            &self.cluster,
            &self.ledger,
            self.table,
            &theirs,
            CLIENTS,
            self.seed,
        );
        let played = self.play_under_load(story, &told).await;
        // Stopped on every path: what they were told is part of the verdict.
        let stopped = clients.stop().await.context("the clients");
        played.and(stopped)
    }

    async fn play_under_load(&self, story: TabletId, told: &[Bytes]) -> Result<()> {
        for round in 0..self.rounds {
            self.play_round(round)
                .await
                .with_context(|| format!("round {}", round + 1))?;
        }
        if self.faults == Faults::All {
            self.play_cancel(story).await.context("the cancelled move")?;
            self.play_story(story, told).await.context("the late write")?;
        }
        Ok(())
    }

    /// The tablet that holds most of what was loaded: the one to tell the story on.
    fn fullest_tablet(&self) -> Result<TabletId> {
        let mut rows = std::collections::BTreeMap::<TabletId, usize>::new();
        for tablet in self
            .keys
            .iter()
            .filter_map(|key| self.cluster.tablet_of(self.table, key))
        {
            *rows.entry(tablet).or_default() += 1;
        }
        let fullest = rows
            .into_iter()
            .max_by_key(|(tablet, rows)| (*rows, std::cmp::Reverse(*tablet)));
        Ok(fullest.context("no row was loaded")?.0)
    }

    fn tablet(&self, tablet: TabletId) -> Result<Tablet> {
        let map = self.cluster.map();
        map.tablets
            .get(&tablet)
            .cloned()
            .with_context(|| format!("tablet {tablet} is gone"))
    }

    /// The move of a tablet in its turn: the replica of that turn goes to the spare node of that turn.
    fn turn(&self, tablet: TabletId, turn: usize) -> Result<Move> {
        let shown = self.tablet(tablet)?;
        let replicas: Vec<NodeId> = shown.replicas.iter().copied().collect();
        let spare: Vec<NodeId> = self
            .cluster
            .nodes()
            .filter(|node| !shown.replicas.contains(node))
            .collect();
        if replicas.is_empty() || spare.is_empty() {
            bail!("tablet {tablet} has no node to move from or to");
        }
        Ok(Move {
            tablet,
            from: replicas[turn % replicas.len()],
            to: spare[turn % spare.len()],
        })
    }

    async fn begin(&self, the_move: Move) -> Result<Epoch> {
        let Move { tablet, from, to } = the_move;
        let operator = self.cluster.operator()?;
        let begun = timeout(STEP_DEADLINE, operator.move_tablet(tablet, from, to)).await;
        begun
            .context("the metadata store does not answer")?
            .with_context(|| format!("moving tablet {tablet} from node {from} to node {to}"))
    }

    async fn ended(&self, tablet: TabletId, begun: Epoch) -> Result<Ended> {
        let operator = self.cluster.operator()?;
        match timeout(STEP_DEADLINE, operator.wait_for_end(tablet, begun)).await {
            Ok(ended) => Ok(ended?),
            Err(_) => bail!("tablet {tablet} is stuck: {}", self.cluster.why_stuck(tablet)),
        }
    }

    async fn completed(&self, tablet: TabletId, begun: Epoch) -> Result<()> {
        match self.ended(tablet, begun).await? {
            Ended::Completed => Ok(()),
            other => bail!("tablet {tablet} was to complete, and ended otherwise: {other:?}"),
        }
    }
}
