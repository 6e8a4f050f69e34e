//! Tablets that move without a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tidegate_tablets::TabletId;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::cluster::Cluster;

/// The part of a sample in which a lane may have nothing in flight: between a move's end and the next one's beginning.
const IDLE_MAX: f64 = 0.05;

/// Lanes, in each of which one tablet after the other moves.
pub(super) struct Mover {
    lanes: JoinSet<Result<Lane>>,
    stop: Arc<AtomicBool>,
    started: Instant,
}

/// Lanes that do not begin another move.
pub(super) struct Stopping {
    lanes: JoinSet<Result<Lane>>,
    sampled: Duration,
}

/// What one lane came to.
struct Lane {
    /// While nothing was in flight, between its first beginning and the stop.
    idle: Duration,
}

impl Mover {
    /// Has `count` tablets move at any time; returns when they do.
    pub(super) async fn start(cluster: &Arc<Cluster>, tablets: &[TabletId], count: usize) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut lanes = JoinSet::new();
        for lane in 0..count {
            let of_lane: Vec<TabletId> = tablets.iter().copied().skip(lane).step_by(count).collect();
            let (begun, has_begun) = oneshot::channel();
            lanes.spawn(run(Arc::clone(cluster), of_lane, Arc::clone(&stop), begun));
            if has_begun.await.is_err() {
                while let Some(ended) = lanes.join_next().await {
                    ended??;
                }
                bail!("no move began");
            }
        }
        Ok(Self {
            lanes,
            stop,
            started: Instant::now(),
        })
    }

    /// Begins no more; what is in flight goes on.
    pub(super) fn stop(self) -> Stopping {
        // Relaxed: a flag alone.
        self.stop.store(true, Ordering::Relaxed);
        Stopping {
            lanes: self.lanes,
            sampled: self.started.elapsed(),
        }
    }
}

impl Stopping {
    /// Waits until all moves have ended.
    ///
    /// # Errors
    ///
    /// One went back, or a lane had nothing in flight for too long.
    pub(super) async fn ended(mut self) -> Result<()> {
        while let Some(lane) = self.lanes.join_next().await {
            let idle = lane??.idle.as_secs_f64() / self.sampled.as_secs_f64();
            ensure!(
                idle <= IDLE_MAX,
                "nothing moved in {:.0} % of the sample",
                idle * 100.0
            );
        }
        Ok(())
    }
}

async fn run(
    cluster: Arc<Cluster>,
    tablets: Vec<TabletId>,
    stop: Arc<AtomicBool>,
    begun: oneshot::Sender<()>,
) -> Result<Lane> {
    let (mut idle, mut begun) = (Duration::ZERO, Some(begun));
    let mut free = Instant::now();
    for tablet in tablets.into_iter().cycle() {
        let one = [cluster.next_move(tablet)?];
        cluster.begin_all(&one).await?;
        match begun.take() {
            // Nobody listens where another lane has failed.
            Some(begun) => drop(begun.send(())),
            None => idle += free.elapsed(),
        }
        cluster.wait_ended(&one).await?;
        free = Instant::now();
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(Lane { idle })
}
