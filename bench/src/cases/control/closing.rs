//! From the change that closes a session to the last holder gone.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tidegate_guard::SessionId;
use tidegate_session::Sessions as _;
use tidegate_tablets::{Accepted, Change, Epoch, TabletId};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::scripted::{Script, Scripted, Taking};
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};
use crate::cluster::{self, Cluster, Data, Moved, Node, PATIENCE, spread};

const NODES: u64 = 4;
const REPLICAS: u64 = 3;

/// Streams that run all the while.
const STREAMS: usize = 4;

/// Closings of one sample.
const CLOSINGS: usize = 100;

/// A slow call into the engine.
const SLOW: Duration = Duration::from_millis(10);

/// A sender that has sent nothing for so long waits for its peer.
const STILL: Duration = Duration::from_millis(4);

/// Of a 99th percentile, in milliseconds.
const P99_MS_MAX: f64 = 20.0;

pub(super) fn closing(effort: Effort) -> Result<Case> {
    let mut case = Case::new("ms, p99", Better::Less, effort.pick(3, 9));
    for (name, taking) in [
        ("streams run", Taking::AtOnce),
        ("in an engine call, beyond it", Taking::Within(SLOW)),
        ("blocked on the peer", Taking::Held),
    ] {
        let ground = Rc::new(Ground::start(taking)?);
        case = case.way(name, move || ground.sample()).bound(Bound::value(
            name,
            "ms",
            Limit::AtMost(P99_MS_MAX),
        ));
    }
    Ok(case)
}

/// A cluster whose streams never end by themselves.
struct Ground {
    runtime: Runtime,
    script: Arc<Script>,
    taking: Taking,
    /// Taken only where it is stopped.
    cluster: Option<Cluster>,
    tablets: Vec<TabletId>,
}

impl Ground {
    fn start(taking: Taking) -> Result<Self> {
        let runtime = cluster::runtime()?;
        let script = Script::new(taking);
        let (cluster, tablets) = runtime.block_on(async {
            let transports = cluster::mem(NODES)?.into_iter();
            let data = || Data::Opaque(Arc::new(Scripted(Arc::clone(&script))));
            let cluster = Cluster::start(transports.map(|one| (one, data())).collect()).await?;
            let (_, tablets) = cluster.create_table(spread(STREAMS, REPLICAS, NODES)).await?;
            anyhow::Ok((cluster, tablets))
        })?;
        Ok(Self {
            runtime,
            script,
            taking,
            cluster: Some(cluster),
            tablets,
        })
    }

    fn sample(&self) -> Result<Sample> {
        let Some(cluster) = &self.cluster else {
            anyhow::bail!("the cluster is gone");
        };
        let closings = Closings {
            script: &self.script,
            taking: self.taking,
            cluster,
        };
        // Only where all streams run are there several: the others want to know which call it is.
        let count = if self.taking == Taking::AtOnce { STREAMS } else { 1 };
        let times = async { timeout(PATIENCE, closings.take(&self.tablets[..count])).await };
        let times = self.runtime.block_on(times);
        let mut times = times.context("a session does not close")??;
        times.sort();
        let rank = times.len() * 99 / 100;
        let p99 = times[rank.saturating_sub(1)];
        Ok(Sample::of(p99.as_secs_f64() * 1e3))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.script.release(true);
        if let Some(cluster) = self.cluster.take() {
            self.runtime.block_on(cluster.stop());
        }
    }
}

struct Closings<'a> {
    script: &'a Script,
    taking: Taking,
    cluster: &'a Cluster,
}

/// A stream that runs.
struct Running {
    one: Moved,
    begun: Epoch,
    session: SessionId,
}

impl Closings<'_> {
    /// How long each took; of the tablets all but the one whose session closes go on streaming.
    async fn take(&self, tablets: &[TabletId]) -> Result<Vec<Duration>> {
        let mut running = Vec::new();
        for tablet in tablets {
            running.push(self.begin(*tablet).await?);
        }
        let mut times = Vec::new();
        for number in 0..CLOSINGS {
            let turn = number % tablets.len();
            let tablet = tablets[turn];
            times.push(self.close(&running[turn]).await?);
            self.rest(tablet).await?;
            if number + tablets.len() < CLOSINGS {
                running[turn] = self.begin(tablet).await?;
            }
        }
        self.script.forget();
        Ok(times)
    }

    /// Begins a move, and waits until its receiver has been given the first batch.
    async fn begin(&self, tablet: TabletId) -> Result<Running> {
        let one = self.cluster.next_move(tablet)?;
        self.script.release(false);
        self.cluster.begin_all(&[one]).await?;
        let mut changes = self.cluster.node(one.to)?.changes();
        let (begun, session) = loop {
            let map = changes.next().await?.metadata;
            let transition = map
                .tablets
                .get(&tablet)
                .and_then(|known| known.transition.as_ref());
            let transition = transition.context("the move has ended by itself")?;
            if let Some((session, _)) = transition.session {
                break (transition.begun, session);
            }
        };
        let mut seen = self.script.seen();
        seen.wait_for(|seen| seen.staged.contains_key(&session)).await?;
        Ok(Running { one, begun, session })
    }

    async fn close(&self, running: &Running) -> Result<Duration> {
        let (from, to) = (
            self.cluster.node(running.one.from)?,
            self.cluster.node(running.one.to)?,
        );
        match self.taking {
            Taking::AtOnce => {
                let (cancelled, epoch) = self.cancel(running).await?;
                tokio::try_join!(gone(from, running, epoch), gone(to, running, epoch))?;
                Ok(cancelled.elapsed())
            }
            Taking::Within(_) => {
                // It is inside that call: each of them follows the one before at once.
                let call = self.script.seen().borrow().calls;
                let (cancelled, epoch) = self.cancel(running).await?;
                tokio::try_join!(gone(from, running, epoch), gone(to, running, epoch))?;
                let gone = Instant::now();
                let ended = self.script.end_of(call);
                let ended = ended.context("gone before the call has ended")?;
                Ok(gone.duration_since(ended.max(cancelled)))
            }
            Taking::Held => {
                self.still().await?;
                // All that can tell the sender is its own metadata.
                to.store.pause();
                let (cancelled, epoch) = self.cancel(running).await?;
                gone(from, running, epoch).await?;
                let time = cancelled.elapsed();
                to.store.resume();
                self.script.release(true);
                gone(to, running, epoch).await?;
                Ok(time)
            }
        }
    }

    /// Waits until the source has nothing more to read, as nobody takes what it has.
    async fn still(&self) -> Result<()> {
        let mut seen = self.script.seen();
        loop {
            let read = seen.borrow_and_update().read;
            let more = timeout(STILL, seen.wait_for(|seen| seen.read > read)).await;
            match more {
                Err(_) => return Ok(()),
                Ok(more) => drop(more?),
            }
        }
    }

    /// Has the log decide that the session is over: when that was asked for, and the epoch that says so.
    async fn cancel(&self, running: &Running) -> Result<(Instant, Epoch)> {
        let (tablet, begun) = (running.one.tablet, running.begun);
        let asked = Instant::now();
        let accepted = self
            .cluster
            .propose(vec![Change::Cancel { tablet, begun }])
            .await?;
        match accepted.first() {
            Some(Accepted::Epoch(epoch)) => Ok((asked, *epoch)),
            other => anyhow::bail!("the log answered {other:?} to a cancel"),
        }
    }

    /// Waits until the way back has ended.
    async fn rest(&self, tablet: TabletId) -> Result<()> {
        let first = self.cluster.nodes().first().context("no node")?;
        let mut changes = first.changes();
        loop {
            let map = changes.next().await?.metadata;
            let known = map.tablets.get(&tablet).context("the tablet is gone")?;
            if known.transition.is_none() {
                return Ok(());
            }
        }
    }
}

/// Waits until a node has heard of the epoch, and nobody holds the session there any more.
async fn gone(node: &Node, running: &Running, epoch: Epoch) -> Result<()> {
    node.replica
        .wait_epoch(running.one.tablet, epoch, PATIENCE)
        .await?;
    node.sessions.drain(&[running.session], PATIENCE).await?;
    let held = node.sessions.holders();
    let is_held = held.iter().any(|holder| holder.session == running.session);
    ensure!(!is_held, "node {} holds a session that is drained", node.id);
    Ok(())
}
