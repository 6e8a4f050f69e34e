//! Moves, from their first change to the last.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use tidegate_tablets::{Change, Metadata, NodeId, Reason, TabletId, Touched, TransitionKind};
use tokio::time::timeout;

use super::{Cluster, PATIENCE};

/// One replica of a tablet goes from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) tablet: TabletId,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
}

impl Cluster {
    /// The move of a tablet to the next node that has no replica of it, from the replica that comes after that: done
    /// again and again, it goes round, and no node is favoured.
    pub(crate) fn next_move(&self, tablet: TabletId) -> Result<Moved> {
        let map = self.map();
        let known = map.tablets.get(&tablet).context("the tablet is gone")?;
        let ids: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        let free = ids.iter().position(|id| !known.replicas.contains(id));
        let free = free.context("every node has a replica")?;
        let after = ids.iter().cycle().skip(free + 1).take(ids.len());
        let from = after.copied().find(|id| known.replicas.contains(id));
        let from = from.context("no node has a replica")?;
        let to = ids[free];
        Ok(Moved { tablet, from, to })
    }

    /// Moves tablets, all begun by one proposal, and waits until the last has ended.
    ///
    /// # Errors
    ///
    /// One of them went back, or took longer than anybody waits for.
    pub(crate) async fn move_all(&self, moves: &[Moved]) -> Result<()> {
        self.begin_all(moves).await?;
        self.wait_ended(moves).await
    }

    /// Waits until none of these moves runs any more.
    ///
    /// # Errors
    ///
    /// One of them went back, or took longer than anybody waits for.
    pub(crate) async fn wait_ended(&self, moves: &[Moved]) -> Result<()> {
        let ended = timeout(PATIENCE, self.ended(moves)).await;
        ended.context("the moves do not end")?
    }

    /// Begins moves by one proposal.
    pub(crate) async fn begin_all(&self, moves: &[Moved]) -> Result<()> {
        let map = self.map();
        let begin = |one: &Moved| {
            let known = map.tablets.get(&one.tablet).context("the tablet is gone")?;
            Ok(Change::Begin {
                tablet: one.tablet,
                expected: known.epoch,
                kind: TransitionKind::Migration,
                leaving: Some(one.from),
                pending: Some(one.to),
                purge_floor: 0,
                reason: Reason::Operator,
            })
        };
        self.propose(moves.iter().map(begin).collect::<Result<_>>()?)
            .await?;
        Ok(())
    }

    async fn ended(&self, moves: &[Moved]) -> Result<()> {
        let mut open: BTreeMap<TabletId, Moved> = moves.iter().map(|one| (one.tablet, *one)).collect();
        let mut changes = self.store().changes();
        while !open.is_empty() {
            let update = changes.next().await?;
            let touched: Vec<TabletId> = match update.touched {
                Touched::All => open.keys().copied().collect(),
                Touched::Tablets(tablets) => tablets.into_iter().collect(),
            };
            for tablet in touched {
                if let Some(one) = open.get(&tablet)
                    && has_ended(&update.metadata, one)?
                {
                    open.remove(&tablet);
                }
            }
        }
        Ok(())
    }
}

/// Whether a move is over; an error if it went back.
fn has_ended(map: &Metadata, one: &Moved) -> Result<bool> {
    let Some(known) = map.tablets.get(&one.tablet) else {
        bail!("tablet {} is gone", one.tablet);
    };
    if known.transition.is_some() {
        return Ok(false);
    }
    let has_moved = known.replicas.contains(&one.to) && !known.replicas.contains(&one.from);
    ensure!(has_moved, "the move of tablet {} went back", one.tablet);
    Ok(true)
}
