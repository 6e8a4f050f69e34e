//! A replica's side of requests.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_replica::AdmissionError;
use tidegate_streaming::EngineError;
use tidegate_tablets::{Epoch, Metadata, NodeId, Stage, TabletId, Transition, TransitionKind};
use tidegate_transport::rpc::{Answers, Handler, RpcService};
use tidegate_transport::service::{Service, ServiceId};
use tidegate_transport::{PeerId, ResetCode, StreamError};
use tracing::debug;

use crate::wire::{Answer, Refusal, Request, encode_rows_answer};
use crate::{Admit, HybridClock, KvConfig, Row, RowRef, RowStore, token_of};

/// The service on which a node answers requests.
pub const KV_SERVICE: ServiceId = ServiceId::new(3);

/// A replica's side of requests: admits each by the node's fence, and has the engine do it.
///
/// A call into the engine runs in a task of its own, which owns the guard that admitted the request until the call
/// has really ended: whoever asked may be long gone, the barrier waits for it nevertheless. Nothing else is held
/// under that guard: a caller that reads its answers slowly holds up no barrier.
#[derive(Debug)]
pub struct KvService {
    node: NodeId,
    admit: Arc<dyn Admit>,
    store: Arc<dyn RowStore>,
    clock: Arc<HybridClock>,
    config: KvConfig,
}

impl KvService {
    /// The requests' service of the node whose clock that is.
    #[must_use]
    pub fn new(
        admit: Arc<dyn Admit>,
        store: Arc<dyn RowStore>,
        clock: Arc<HybridClock>,
        config: KvConfig,
    ) -> Self {
        Self {
            node: clock.node(),
            admit,
            store,
            clock,
            config,
        }
    }

    /// What to put on the node's router.
    #[must_use]
    pub fn into_service(self) -> (ServiceId, Arc<dyn Service>) {
        let caller_wait = self.config.caller_wait;
        (
            KV_SERVICE,
            Arc::new(RpcService::new(self).with_caller_wait(caller_wait)),
        )
    }

    async fn read(
        &self,
        (tablet, epoch): (TabletId, Epoch),
        keys: &[Bytes],
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        let mut parts = keys.chunks(self.config.engine_keys_max.max(1)).peekable();
        if parts.peek().is_none() {
            self.admitted(tablet, epoch).await?;
            self.send_rows(&[], answers).await?;
        }
        for keys in parts {
            let guard = self.admitted(tablet, epoch).await?;
            let (store, keys) = (Arc::clone(&self.store), keys.to_vec());
            let rows = to_the_end(guard, async move { store.read(tablet, keys).await }).await?;
            self.send_rows(&rows.into_iter().flatten().collect::<Vec<_>>(), answers)
                .await?;
        }
        Ok(())
    }

    async fn latest(
        &self,
        (tablet, epoch): (TabletId, Epoch),
        keys: Vec<Bytes>,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        let guard = self.admitted(tablet, epoch).await?;
        let store = Arc::clone(&self.store);
        let latest = to_the_end(guard, async move { store.latest(tablet, keys).await }).await?;
        send(
            &Answer::Latest {
                clock: self.clock.time(),
                latest,
            },
            answers,
        )
        .await
    }

    async fn write(
        &self,
        (tablet, epoch): (TabletId, Epoch),
        rows: Vec<Row>,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        let guard = self.admitted(tablet, epoch).await?;
        let range = self.map()?.tablets.get(&tablet).ok_or(Refusal::NotReplica)?.range;
        let fits = |row: &Row| self.config.allows(&row.key) && range.contains(token_of(&row.key));
        if !rows.iter().all(fits) {
            return Err(Failure::Reset(ResetCode::Refused));
        }
        if let Some(latest) = rows.iter().map(|row| row.timestamp.time).max() {
            self.clock.observe(latest);
        }
        let store = Arc::clone(&self.store);
        let checked = Arc::clone(&guard);
        let written = to_the_end(guard, async move { store.write(tablet, checked, rows).await }).await;
        match written {
            Ok(()) => {
                send(
                    &Answer::Written {
                        clock: self.clock.time(),
                    },
                    answers,
                )
                .await
            }
            // The fence was raised over the request: asked anew, it says to which epoch.
            Err(EngineError::Rejected(_)) => match self.admitted(tablet, epoch).await {
                Ok(_) => Err(Refusal::Failed("the guard closed".to_owned()).into()),
                Err(failure) => Err(failure),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// A page of tombstones for a replica that fills up before a purge, if this node's own metadata has that very
    /// purge, and the asker in it.
    async fn tombstones(
        &self,
        asker: NodeId,
        page: (TabletId, SessionId, u64, Option<Bytes>),
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        let (tablet, session, floor, after) = page;
        let map = self.map()?;
        let shown = map.tablets.get(&tablet).ok_or(Refusal::NotPurging)?;
        let purge = shown
            .transition
            .as_ref()
            .filter(|purge| fills(purge, session, floor));
        if !purge.is_some_and(|purge| purge.old.contains(&asker)) {
            return Err(Refusal::NotPurging.into());
        }
        let guard = self.admitted(tablet, shown.epoch).await?;
        let (store, rows_max) = (Arc::clone(&self.store), self.config.page_rows_max.max(1));
        let page = async move { store.tombstones(tablet, floor, after, rows_max).await };
        let mut rows = to_the_end(guard, page).await?;
        rows.truncate(fitting(&rows, self.config.batch_bytes_max));
        self.send_rows(&rows, answers).await
    }

    /// Sends rows, in as many answers as it takes; at least one.
    async fn send_rows(&self, mut rows: &[Row], answers: &mut Answers) -> Result<(), Failure> {
        loop {
            let (now, later) = rows.split_at(fitting(rows, self.config.batch_bytes_max));
            let message = encode_rows_answer(self.clock.time(), now)
                .map_err(|error| Refusal::Failed(error.to_string()))?;
            answers.send(message).await?;
            rows = later;
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    async fn admitted(&self, tablet: TabletId, epoch: Epoch) -> Result<SharedGuard, Failure> {
        Ok(self
            .admit
            .admit(tablet, epoch, self.config.ahead_wait)
            .await
            .map_err(Refusal::from)?)
    }

    fn map(&self) -> Result<Arc<Metadata>, Refusal> {
        self.admit.map().ok_or(Refusal::NotRunning)
    }

    async fn answer(&self, peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), Failure> {
        let map = self.map()?;
        let asker = NodeId::new(peer.as_u64());
        if !map.is_live_member(asker) || map.is_excluded(self.node) {
            return Err(Failure::Reset(ResetCode::Refused));
        }
        drop(map);
        // A client puts one key at least into a message, whatever its limits.
        let entries_max = self.config.batch_keys_max.max(self.config.engine_keys_max).max(1);
        match Request::decode(&request, entries_max).map_err(|_| Failure::Reset(ResetCode::Decode))? {
            Request::Read { keys, .. } | Request::Latest { keys, .. }
                if !keys.iter().all(|key| self.config.allows(key)) =>
            {
                Err(Failure::Reset(ResetCode::Refused))
            }
            Request::Read { tablet, epoch, keys } => self.read((tablet, epoch), &keys, answers).await,
            Request::Latest { tablet, epoch, keys } => self.latest((tablet, epoch), keys, answers).await,
            Request::Write { tablet, epoch, rows } => self.write((tablet, epoch), rows, answers).await,
            Request::Tombstones {
                tablet,
                session,
                floor,
                after,
            } => {
                self.tombstones(asker, (tablet, session, floor, after), answers)
                    .await
            }
        }
    }
}

#[async_trait]
impl Handler for KvService {
    async fn handle(&self, peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        match self.answer(peer, request, answers).await {
            Ok(()) => Ok(()),
            Err(Failure::Reset(code)) => Err(code),
            Err(Failure::Refusal(refusal)) => {
                debug!(%peer, %refusal, "a request was refused");
                match send(&Answer::Refused(refusal), answers).await {
                    Err(Failure::Reset(code)) => Err(code),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Why a request was not answered: with a refusal that its caller understands, or by a reset.
enum Failure {
    Refusal(Refusal),
    Reset(ResetCode),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Refusal(error.into())
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self::Reset(error.into())
    }
}

impl From<AdmissionError> for Refusal {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::Stale { wanted } => Self::Stale { wanted },
            AdmissionError::NotReplica => Self::NotReplica,
            AdmissionError::Behind => Self::Behind,
            AdmissionError::NotRunning => Self::NotRunning,
        }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::DiskFull => Self::DiskFull,
            EngineError::Failed(cause) => Self::Failed(cause.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Whether it is the very purge that the asker fills up for.
fn fills(transition: &Transition, session: SessionId, floor: u64) -> bool {
    transition.kind == TransitionKind::Purge
        && transition.stage == Stage::Fill
        && transition.session.is_some_and(|(named, _)| named == session)
        && transition.purge_floor == floor
}

/// Runs a call into the engine to its end, under the guard, whatever becomes of this future.
async fn to_the_end<T: Send + 'static>(
    guard: SharedGuard,
    call: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, EngineError> {
    let task = tokio::spawn(async move {
        let result = call.await;
        drop(guard);
        result
    });
    task.await
        .unwrap_or_else(|error| Err(EngineError::Failed(Box::new(error))))
}

async fn send(answer: &Answer, answers: &mut Answers) -> Result<(), Failure> {
    let message = answer
        .encode()
        .map_err(|error| Refusal::Failed(error.to_string()))?;
    Ok(answers.send(message).await?)
}

/// How many of the rows fit into `bytes_max`; one at least, if there is one.
fn fitting(rows: &[Row], bytes_max: usize) -> usize {
    let mut bytes = 0;
    let over = rows.iter().position(|row| {
        bytes += RowRef::from(row).encoded_len();
        bytes > bytes_max
    });
    over.map_or(rows.len(), |at| at.max(1))
}
