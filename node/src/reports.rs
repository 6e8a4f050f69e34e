//! What nodes tell each other about themselves: service 5.
//!
//! One request, one answer, both JSON and bounded. Only members of the metadata are answered. Nothing that keeps rows
//! safe goes by what is told here: it is for people, and for the balancer.

mod answer;
mod key;
mod loads;
mod node_report;
mod rows;
mod transfers;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use tidegate_coordinator::{Load, LoadError, LoadReports, TabletLoad};
use tidegate_kv::RowStore;
use tidegate_raft::RaftStore;
use tidegate_session::Sessions;
use tidegate_streaming::StreamingContext;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId, TabletId};
use tidegate_transport::rpc::{self, RpcError, RpcService};
use tidegate_transport::service::{Service, ServiceId};
use tidegate_transport::{PeerId, Transport};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use self::key::Key;
use self::loads::Loads;
#[cfg(test)]
pub(crate) use self::node_report::LeaderReport;
pub(crate) use self::node_report::{NodeReport, TransitionReport, cut};
pub(crate) use self::rows::{RangeAsk, RangeDigest, RowSeen};
use self::transfers::Transfers;
pub(crate) use self::wire::{Ask, JournalAsk, ThrottleAsk, Told};
use crate::api::Silent;
use crate::journal::JournalKeeper;
use crate::leading::Leading;

/// The service on which nodes tell about themselves.
pub(crate) const REPORTS_SERVICE: ServiceId = ServiceId::new(5);

/// How long a node may take to tell what it has at hand.
pub(crate) const REPORT_DEADLINE: Duration = Duration::from_millis(1500);

/// How long a node may take to read a range of a tablet.
pub(crate) const RANGE_DEADLINE: Duration = Duration::from_secs(10);

/// Ranges that a node reads at once, for whoever asks.
const READERS: usize = 4;

/// Nodes that are asked at once.
const ASKED_AT_ONCE: usize = 32;

/// What a node tells about itself is made of this.
pub(crate) struct ReportParts {
    pub(crate) raft: Arc<RaftStore>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) rows: Arc<dyn RowStore>,
    pub(crate) streaming: StreamingContext,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) leading: Arc<Leading>,
}

/// What this node tells about itself, and asks of the others.
pub(crate) struct Reports {
    id: NodeId,
    parts: ReportParts,
    transfers: Transfers,
    loads: Loads,
    journal: Arc<JournalKeeper>,
    /// Ranges that are read at once, for whoever asks.
    readers: Semaphore,
    started: Instant,
}

/// What those who were asked have told, and who has not.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) told: BTreeMap<NodeId, Told>,
    pub(crate) silent: Vec<Silent>,
}

impl Reports {
    pub(crate) fn new(parts: ReportParts) -> Arc<Self> {
        let id = parts.raft.node();
        Arc::new(Self {
            id,
            journal: Arc::new(JournalKeeper::new(id)),
            transfers: Transfers::default(),
            loads: Loads::new(Arc::clone(&parts.rows)),
            parts,
            readers: Semaphore::new(READERS),
            started: Instant::now(),
        })
    }

    /// Goes on the node's router.
    pub(crate) fn service(self: &Arc<Self>) -> (ServiceId, Arc<dyn Service>) {
        let handler = answer::ReportHandler(Arc::clone(self));
        (REPORTS_SERVICE, Arc::new(RpcService::new(handler)))
    }

    /// The engine itself, for tests.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> &Arc<dyn RowStore> {
        &self.parts.rows
    }

    /// Whoever holds all of them keeps this node from telling of its rows, for tests.
    #[cfg(test)]
    pub(crate) fn readers(&self) -> &Semaphore {
        &self.readers
    }

    /// What became of the moves that this node saw.
    pub(crate) fn journal(&self) -> &Arc<JournalKeeper> {
        &self.journal
    }

    /// Follows streams, loads and transitions, until the store stops.
    pub(crate) async fn follow(self: Arc<Self>) {
        tokio::select! {
            () = self.transfers.follow(self.parts.streaming.progress()) => {}
            () = self.loads.follow(&self.parts.raft) => {}
            () = self.journal.follow(&self.parts.raft, &self.parts.leading) => {}
        }
    }

    /// Asks one node; says in words why it did not tell.
    pub(crate) async fn ask(&self, node: NodeId, ask: &Ask, deadline: Duration) -> Result<Told, String> {
        if node == self.id {
            let told = timeout(deadline, self.answer(ask)).await;
            return done(told.map_err(|_| no_answer(deadline))?);
        }
        let request = wire::encode(ask).map_err(|error| error.to_string())?;
        let peer = PeerId::new(node.as_u64());
        let call = rpc::call(&*self.parts.transport, peer, REPORTS_SERVICE, request, deadline);
        let in_words = |error: RpcError| match error {
            // Not to the last nanosecond.
            RpcError::TimedOut { .. } => no_answer(deadline),
            error => in_words(&error),
        };
        let mut reply = call.await.map_err(in_words)?;
        let mut frames = wire::Frames::default();
        while let Some(frame) = reply.next().await.map_err(in_words)? {
            frames.push(&frame).map_err(|error| error.to_string())?;
        }
        done(frames.decode().map_err(|error| error.to_string())?)
    }

    /// Asks several nodes at once, and waits for all of them.
    pub(crate) async fn ask_all(
        &self,
        nodes: impl IntoIterator<Item = NodeId>,
        ask: &Ask,
        deadline: Duration,
    ) -> Gathered {
        self.ask_until(nodes, ask, deadline, usize::MAX).await
    }

    /// Asks several nodes at once, until so many have told; the others are neither waited for nor named.
    pub(crate) async fn ask_until(
        &self,
        nodes: impl IntoIterator<Item = NodeId>,
        ask: &Ask,
        deadline: Duration,
        enough: usize,
    ) -> Gathered {
        let nodes: Vec<NodeId> = nodes.into_iter().collect();
        let asked = nodes
            .into_iter()
            .map(|node| async move { (node, self.ask(node, ask, deadline).await) });
        let mut asked = stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
        let mut gathered = Gathered {
            told: BTreeMap::new(),
            silent: Vec::new(),
        };
        while let Some((node, told)) = asked.next().await {
            match told {
                Ok(told) => drop(gathered.told.insert(node, told)),
                Err(why) => gathered.silent.push(Silent {
                    node: node.as_u64(),
                    why,
                }),
            }
            if gathered.told.len() >= enough {
                break;
            }
        }
        gathered.silent.sort_by_key(|silent| silent.node);
        gathered
    }

    /// Asks every member that is not excluded; this node alone where there is no cluster yet.
    pub(crate) async fn ask_members(&self, ask: &Ask, deadline: Duration) -> Gathered {
        self.ask_all(self.members(), ask, deadline).await
    }

    /// What every member tells about itself.
    pub(crate) async fn reports(&self) -> (BTreeMap<NodeId, NodeReport>, Vec<Silent>) {
        let gathered = self.ask_members(&Ask::Report, REPORT_DEADLINE).await;
        let reports = gathered.told.into_iter().filter_map(|(node, told)| match told {
            Told::Report(report) => Some((node, *report)),
            _ => None,
        });
        (reports.collect(), gathered.silent)
    }

    fn members(&self) -> Vec<NodeId> {
        let metadata = self.parts.raft.snapshot();
        let live = metadata.nodes.iter().filter(|(_, info)| !info.excluded);
        let members: Vec<NodeId> = live.map(|(node, _)| *node).collect();
        if metadata.nodes.is_empty() {
            vec![self.id]
        } else {
            members
        }
    }
}

#[async_trait]
impl LoadReports for Reports {
    async fn load(&self, metadata: &Metadata) -> Result<Load, LoadError> {
        let gathered = self
            .ask_members(&Ask::Load { tablet: None }, REPORT_DEADLINE)
            .await;
        let mut load = Load::new();
        let mut told_any = false;
        for (node, told) in gathered.told {
            let Told::Load(held) = told else { continue };
            told_any = true;
            for held in held {
                let tablet = TabletId::new(held.tablet);
                // What was left behind and is not removed yet is nobody's load.
                if metadata.tablets.get(&tablet).is_some_and(|it| it.concerns(node)) {
                    let (bytes, rows) = (held.bytes, held.rows);
                    load.report(tablet, TabletLoad { bytes, rows });
                }
            }
        }
        if told_any {
            Ok(load)
        } else {
            let reason = "no node told what it holds".to_owned();
            Err(LoadError { reason })
        }
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a node told, unless it could not do it.
fn done(told: Told) -> Result<Told, String> {
    match told {
        Told::Failed { why } => Err(why),
        told => Ok(told),
    }
}

fn no_answer(deadline: Duration) -> String {
    format!("no answer within {deadline:?}")
}

/// An error with what caused it.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(": ");
        words.push_str(&error.to_string());
        source = error.source();
    }
    words
}
