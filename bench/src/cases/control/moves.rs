//! Moves of empty tablets, one or many at once.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use tidegate_kv::MemoryEngine;
use tidegate_tablets::TabletId;
use tokio::runtime::Runtime;

use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};
use crate::cluster::{self, Cluster, Data, Moved, spread};
use crate::process::Span;

const NODES: u64 = 4;
const REPLICAS: u64 = 3;
const TABLETS: usize = 1024;

/// Moves of one sample, by how many are begun at once: enough of them for a steady figure.
const BATCHES: [(&str, usize, usize); 4] = [
    ("1 at once", 1, 128),
    ("16 at once", 16, 16),
    ("128 at once", 128, 4),
    ("1024 at once", 1024, 1),
];

pub(super) fn rates(effort: Effort) -> Result<Case> {
    let ground = Rc::new(Ground::start()?);
    let mut case = Case::new("moves/s", Better::More, effort.pick(5, 12)).against("1 at once");
    for (name, at_once, times) in BATCHES {
        let ground = Rc::clone(&ground);
        case = case.way(name, move || ground.rate(at_once, times));
    }
    // Rates: 1024 moves at once over the time of 1024 single ones.
    let bound = |round: &crate::case::Round| {
        let rate = |way| Some(round.get(way)?.value);
        Some(rate("1 at once")? / rate("1024 at once")?)
    };
    let about = "time of 1024 at once / 1024 x one alone";
    Ok(case.bound(Bound::new(about, Limit::AtMost(0.05), bound)))
}

pub(super) fn processor(effort: Effort) -> Result<Case> {
    let ground = Rc::new(Ground::start()?);
    let mut case = Case::new("us/move", Better::Less, effort.pick(2, 6)).against("1 at once");
    for (name, at_once, times) in BATCHES {
        let ground = Rc::clone(&ground);
        case = case.way(name, move || ground.processor(at_once, times));
    }
    Ok(case)
}

pub(super) fn asked(_: Effort) -> Result<Case> {
    let ground = Rc::new(Ground::start()?);
    let mut case = Case::new("per move", Better::Less, 1);
    for (names, at_once) in [
        (
            [
                "proposals, 1 at once",
                "calls for a barrier, 1 at once",
                "barriers, 1 at once",
            ],
            1,
        ),
        (
            [
                "proposals, 1024 at once",
                "calls for a barrier, 1024 at once",
                "barriers, 1024 at once",
            ],
            1024,
        ),
    ] {
        for (which, name) in names.into_iter().enumerate() {
            let ground = Rc::clone(&ground);
            case = case.way(name, move || Ok(Sample::of(ground.asked(at_once)?[which])));
        }
    }
    Ok(case)
}

/// A cluster of empty tablets.
struct Ground {
    runtime: Runtime,
    /// Taken only where it is stopped.
    cluster: Option<Cluster>,
    tablets: Vec<TabletId>,
}

impl Ground {
    fn start() -> Result<Self> {
        let runtime = cluster::runtime()?;
        let (cluster, tablets) = runtime.block_on(async {
            let transports = cluster::mem(NODES)?.into_iter();
            let data = || Data::Rows(Arc::new(MemoryEngine::new()));
            let cluster = Cluster::start(transports.map(|one| (one, data())).collect()).await?;
            let (_, tablets) = cluster.create_table(spread(TABLETS, REPLICAS, NODES)).await?;
            anyhow::Ok((cluster, tablets))
        })?;
        Ok(Self {
            runtime,
            cluster: Some(cluster),
            tablets,
        })
    }

    fn rate(&self, at_once: usize, times: usize) -> Result<Sample> {
        let started = Instant::now();
        self.move_all(at_once, times)?;
        Ok(Sample::of(
            (at_once * times) as f64 / started.elapsed().as_secs_f64(),
        ))
    }

    fn processor(&self, at_once: usize, times: usize) -> Result<Sample> {
        let (moved, span) = Span::measure(|| self.move_all(at_once, times));
        moved?;
        Ok(Sample::of(
            span.cpu.as_secs_f64() * 1e6 / (at_once * times) as f64,
        ))
    }

    /// Proposals, calls for a barrier, and tablets in them, per move.
    fn asked(&self, at_once: usize) -> Result<[f64; 3]> {
        let now = || self.cluster.as_ref().map(|cluster| cluster.counts().now());
        let before = now();
        self.move_all(at_once, 1)?;
        let (Some(before), Some(after)) = (before, now()) else {
            anyhow::bail!("the cluster is gone");
        };
        let per_move = |before, after| (after - before) as f64 / at_once as f64;
        Ok([
            per_move(before.proposals, after.proposals),
            per_move(before.barrier_calls, after.barrier_calls),
            per_move(before.barriers, after.barriers),
        ])
    }

    /// Moves the first `at_once` tablets, again and again.
    fn move_all(&self, at_once: usize, times: usize) -> Result<()> {
        let Some(cluster) = &self.cluster else {
            anyhow::bail!("the cluster is gone");
        };
        self.runtime.block_on(async {
            for _ in 0..times {
                let moves = self
                    .tablets
                    .iter()
                    .take(at_once)
                    .map(|tablet| cluster.next_move(*tablet));
                cluster.move_all(&moves.collect::<Result<Vec<Moved>>>()?).await?;
            }
            Ok(())
        })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            self.runtime.block_on(cluster.stop());
        }
    }
}
