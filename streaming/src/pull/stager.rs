//! Stages batches behind the network.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use tidegate_guard::{Rejected, SharedGuard};
use tidegate_inject::Injector;
use tidegate_transport::PeerId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::Instrument as _;

use super::PullError;
use crate::account::Reporter;
use crate::call::call;
use crate::checksum::PayloadCrc;
use crate::closed::closed_by_now;
use crate::points::BEFORE_STAGE;
use crate::{Batch, EngineError, ProgressStep, Receipt, Staging, StreamingConfig, meters};

#[derive(Debug)]
enum Work {
    Stage(Batch, PayloadCrc),
    /// Everything was staged that will be: make it durable.
    Sync,
}

/// What the stager's task stages, and where.
#[derive(Debug)]
pub(super) struct StagerParts {
    pub(super) staging: Arc<dyn Staging>,
    pub(super) guard: SharedGuard,
    pub(super) peer: PeerId,
    pub(super) injector: Injector,
    pub(super) reporter: Reporter,
    /// What it is for.
    pub(super) reason: &'static str,
}

/// Stages the batches of one source, in a task of its own, a bounded number of them behind the network. The task begins
/// with the first batch: where there is none, there is nothing to be behind with. It is never aborted: dropped, the
/// stager lets a call that has started end, under the task's own guard, and begins no other.
#[derive(Debug)]
pub(super) struct Stager {
    parts: Arc<StagerParts>,
    running: Option<Running>,
    batches_in_flight: usize,
    engine_timeout: Duration,
    settle_wait: Duration,
}

/// The task that stages, as its stager sees it.
#[derive(Debug)]
struct Running {
    work: mpsc::Sender<Work>,
    /// Dropped, it tells the task that nobody waits.
    outcome: oneshot::Receiver<Result<(), EngineError>>,
    /// Whether the outcome was taken.
    ended: bool,
    guard: SharedGuard,
    engine_timeout: Duration,
}

impl Stager {
    pub(super) fn new(parts: StagerParts, config: &StreamingConfig) -> Self {
        Self {
            parts: Arc::new(parts),
            running: None,
            batches_in_flight: config.batches_in_flight.max(1),
            engine_timeout: config.engine_timeout,
            settle_wait: config.settle_wait,
        }
    }

    /// Hands a batch over, once there is room for it.
    pub(super) async fn stage(&mut self, batch: Batch, crc: PayloadCrc) -> Result<(), PullError> {
        let begin = || Running::start(&self.parts, self.batches_in_flight, self.engine_timeout);
        let running = self.running.get_or_insert_with(begin);
        running.hand(Work::Stage(batch, crc)).await
    }

    /// Completes when the engine, or the guard, has refused.
    ///
    /// Cancel safe.
    pub(super) async fn failed(&mut self) -> PullError {
        match &mut self.running {
            Some(running) => running.failed().await,
            None => future::pending().await,
        }
    }

    /// Waits until everything handed over is staged, and durable.
    pub(super) async fn sync(&mut self) -> Result<(), PullError> {
        match &mut self.running {
            Some(running) => running.sync().await,
            None => self.sync_nothing().await,
        }
    }

    /// No batch has come: what is to be durable is the area itself, and what an earlier pull has staged in it.
    async fn sync_nothing(&self) -> Result<(), PullError> {
        let StagerParts { staging, guard, .. } = &*self.parts;
        guard.check()?;
        let (staging, own) = (Arc::clone(staging), Arc::clone(guard));
        let syncing = async move { staging.sync(own).await };
        Ok(call(guard, self.engine_timeout, syncing).await?)
    }

    /// After a failure elsewhere: waits a little while for what was handed over, so that the next pull goes on after
    /// it; what is not staged by then is not begun.
    pub(super) async fn settle(self) {
        let Some(running) = self.running.filter(|running| !running.ended) else {
            return;
        };
        let Running {
            work, outcome, guard, ..
        } = running;
        drop(work);
        tokio::select! {
            biased;
            () = guard.closing() => {}
            // Whatever it is, there is a first cause already.
            _ = outcome => {}
            () = sleep(self.settle_wait) => {}
        }
    }
}

impl Running {
    fn start(parts: &Arc<StagerParts>, batches_in_flight: usize, engine_timeout: Duration) -> Self {
        let (work, queue) = mpsc::channel(batches_in_flight);
        let (mut told, outcome) = oneshot::channel();
        let own = Arc::clone(parts);
        let staging = async move {
            let result = own.run(queue, &mut told).await;
            // An error says that nobody waits.
            drop(told.send(result));
        };
        tokio::spawn(staging.in_current_span());
        Self {
            work,
            outcome,
            ended: false,
            guard: Arc::clone(&parts.guard),
            engine_timeout,
        }
    }

    async fn hand(&mut self, work: Work) -> Result<(), PullError> {
        let waited = self.engine_timeout;
        tokio::select! {
            biased;
            () = closed_by_now(&self.guard) => Err(Rejected::Closing.into()),
            sent = self.work.send(work) => match sent {
                Ok(()) => Ok(()),
                Err(_) => Err(self.failed().await),
            },
            () = self.guard.closing() => Err(Rejected::Closing.into()),
            () = async { sleep(waited).await } => Err(PullError::EngineStalled { waited }),
        }
    }

    async fn sync(&mut self) -> Result<(), PullError> {
        self.hand(Work::Sync).await?;
        let (guard, waited) = (Arc::clone(&self.guard), self.engine_timeout);
        tokio::select! {
            biased;
            ended = self.outcome() => Ok(ended?),
            () = guard.closing() => Err(Rejected::Closing.into()),
            () = sleep(waited) => Err(PullError::EngineStalled { waited }),
        }
    }

    async fn failed(&mut self) -> PullError {
        match self.outcome().await {
            Err(error) => error.into(),
            // Not asked to sync, it ends only with an error.
            Ok(()) => panicked().into(),
        }
    }

    async fn outcome(&mut self) -> Result<(), EngineError> {
        let outcome = (&mut self.outcome).await;
        self.ended = true;
        outcome.unwrap_or_else(|_| Err(panicked()))
    }
}

impl StagerParts {
    async fn run(
        &self,
        mut queue: mpsc::Receiver<Work>,
        told: &mut oneshot::Sender<Result<(), EngineError>>,
    ) -> Result<(), EngineError> {
        let (mut applied, meter) = (Receipt::default(), meters::applied(self.reason));
        loop {
            let work = tokio::select! {
                biased;
                () = closed_by_now(&self.guard) => return Err(self.closing(&mut queue)),
                () = told.closed() => return Ok(()),
                work = queue.recv() => work,
                () = self.guard.closing() => return Err(self.closing(&mut queue)),
            };
            match work {
                Some(Work::Stage(batch, crc)) => {
                    self.injector.hold(BEFORE_STAGE, self.guard.closing()).await;
                    // While it was held, those who waited may have gone; then nothing new is begun.
                    if told.is_closed() {
                        return Ok(());
                    }
                    self.stage(batch, crc, &mut applied).await?;
                    meter.add(crc.len());
                }
                Some(Work::Sync) => return self.staging.sync(Arc::clone(&self.guard)).await,
                None => return Ok(()),
            }
        }
    }

    async fn stage(&self, batch: Batch, crc: PayloadCrc, applied: &mut Receipt) -> Result<(), EngineError> {
        let rows = batch.rows;
        self.guard.check().map_err(|rejected| self.refused(rejected))?;
        match self
            .staging
            .stage(Arc::clone(&self.guard), self.peer, batch)
            .await
        {
            Ok(()) => {}
            Err(EngineError::Rejected(rejected)) => return Err(self.refused(rejected)),
            Err(error) => return Err(error),
        }
        applied.add(rows, &crc);
        self.guard.progress("a batch was staged");
        self.reporter.tell(ProgressStep::Moved, *applied);
        Ok(())
    }

    /// What is waiting is refused.
    fn closing(&self, queue: &mut mpsc::Receiver<Work>) -> EngineError {
        match queue.try_recv() {
            Ok(Work::Stage(..)) => self.refused(Rejected::Closing),
            _ => Rejected::Closing.into(),
        }
    }

    fn refused(&self, rejected: Rejected) -> EngineError {
        meters::rejected("stage", rejected);
        rejected.into()
    }
}

fn panicked() -> EngineError {
    EngineError::Failed("a call into the engine panicked".into())
}
