//! The target's side: pulls a unit from its sources, and attaches it once all of it is there.

mod error;
mod one_source;
mod stager;
mod stop;
#[cfg(tidegate_mutants)]
mod unheld;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tidegate_guard::{FrozenGuard, Rejected, SharedGuard};
use tidegate_transport::{PeerId, Transport};
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

pub use self::error::{PullError, RetryClass};
use self::one_source::OneSource;
use self::stop::Stop;
use crate::call::call;
use crate::lifeline::Lifeline;
use crate::opening::UNKNOWN_REASON;
use crate::points::BEFORE_ATTACH;
use crate::{
    EndCause, EngineError, Position, ProgressStep, Receipt, Staging, StreamProgress, StreamRole,
    StreamingContext, TargetEngine, UnitId, meters,
};

/// What to pull, under which session, and from whom.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// What is to be carried.
    pub unit: UnitId,
    /// The session under which it is, as the sources are told.
    pub frozen: FrozenGuard,
    /// This node's guard of that session.
    pub guard: SharedGuard,
    /// Who has the rows. All are pulled from; the unit is attached once, when all are whole.
    pub sources: Vec<PeerId>,
}

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullReport {
    /// The unit had been attached before, so nothing was started.
    pub attached_before: bool,
    /// One for each source, in the order of their names.
    pub streams: Vec<StreamReport>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What one stream of a pull carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// The source.
    pub peer: PeerId,
    /// From where it went on; `None` from the beginning.
    pub resumed_from: Option<Position>,
    /// What both ends agreed was carried.
    pub receipt: Receipt,
}

/// Pulls units into an engine. Cheap to clone.
#[derive(Clone)]
pub struct Puller {
    transport: Arc<dyn Transport>,
    engine: Arc<dyn TargetEngine>,
    context: StreamingContext,
    reason: &'static str,
}

impl Puller {
    /// Pulls into `engine`, over `transport`.
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        engine: Arc<dyn TargetEngine>,
        context: StreamingContext,
    ) -> Self {
        Self {
            transport,
            engine,
            context,
            reason: UNKNOWN_REASON,
        }
    }

    /// The same, whose streams are counted as received for that reason: a word that metrics use, one of a few.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// Pulls a unit from all of its sources, and attaches it.
    ///
    /// Goes on from where an earlier pull of the same session was. Until it is attached, in one step, nothing of it
    /// is visible; if it was attached before, nothing is started. When one source fails, the others are given up,
    /// and what is staged stays for the next pull, or for [`TargetEngine::discard`].
    ///
    /// # Errors
    ///
    /// [`PullError`], of the first cause; [`PullError::class`] names the caller's next move.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, its streams are reset; a call into the engine that has started goes on to its
    /// end under its own guard, an attach among them. Pull again to learn.
    pub async fn pull(&self, request: PullRequest) -> Result<PullReport, PullError> {
        let begun = Instant::now();
        let sources = self.check(&request)?;
        let PullRequest {
            unit, frozen, guard, ..
        } = &request;
        let _permit = tokio::select! {
            biased;
            () = guard.closing() => return Err(Rejected::Closing.into()),
            permit = self.context.receive_permit() => {
                permit.ok_or(PullError::Busy { waited: self.context.config().permit_wait })?
            }
        };
        let staging = self.staging(*unit, *frozen, guard).await?;
        if self.attached(&staging, guard).await? {
            return Ok(PullReport {
                attached_before: true,
                streams: Vec::new(),
                elapsed: begun.elapsed(),
            });
        }
        let (streams, lifelines) = self.pull_all(&request, sources, &staging).await?;
        self.attach(&request, staging, lifelines).await?;
        Ok(PullReport {
            attached_before: false,
            streams,
            elapsed: begun.elapsed(),
        })
    }

    fn check(&self, request: &PullRequest) -> Result<BTreeSet<PeerId>, PullError> {
        // Compared, never substituted.
        if let Some(held) = request.guard.session()
            && held != request.frozen.session
        {
            return Err(PullError::OtherSession {
                held,
                wanted: request.frozen.session,
            });
        }
        let sources: BTreeSet<PeerId> = request.sources.iter().copied().collect();
        let (count, max) = (sources.len(), self.context.config().sources_max);
        if (1..=max).contains(&count) {
            Ok(sources)
        } else {
            Err(PullError::Sources { count, max })
        }
    }

    async fn staging(
        &self,
        unit: UnitId,
        frozen: FrozenGuard,
        guard: &SharedGuard,
    ) -> Result<Arc<dyn Staging>, PullError> {
        let (engine, own) = (Arc::clone(&self.engine), Arc::clone(guard));
        let opening = async move { engine.staging(unit, frozen.session, own).await };
        let staging = call(guard, self.context.config().engine_timeout, opening).await?;
        Ok(staging.into())
    }

    async fn attached(&self, staging: &Arc<dyn Staging>, guard: &SharedGuard) -> Result<bool, PullError> {
        let staging = Arc::clone(staging);
        let asking = async move { staging.attached().await };
        Ok(call(guard, self.context.config().engine_timeout, asking).await?)
    }

    /// All streams at once. The first failure ends all.
    async fn pull_all(
        &self,
        request: &PullRequest,
        sources: BTreeSet<PeerId>,
        staging: &Arc<dyn Staging>,
    ) -> Result<(Vec<StreamReport>, Vec<Lifeline>), PullError> {
        let stop = Arc::new(Stop::default());
        let mut running: FuturesUnordered<_> = sources
            .into_iter()
            .map(|peer| {
                let one = OneSource::new(self.clone(), request.clone(), peer, Arc::clone(staging));
                let session = request.frozen.session;
                let span = info_span!("stream", role = "receive", %peer, unit = %request.unit, %session);
                Box::pin(one.pull(Arc::clone(&stop)).instrument(span))
            })
            .collect();
        let (mut reports, mut lifelines) = (Vec::new(), Vec::new());
        let mut first = None;
        while let Some(ended) = running.next().await {
            match ended {
                Ok((report, lifeline)) => {
                    reports.push(report);
                    lifelines.push(lifeline);
                }
                #[cfg(tidegate_mutants)]
                Err(PullError::Stream { .. }) if tidegate_mutants::on("end-without-receipt") => {}
                Err(error) if first.is_none() => {
                    // Told to the others, which end at once: none of them waits for its engine then.
                    stop.tell(match error.cause() {
                        EndCause::SessionClosed => EndCause::SessionClosed,
                        EndCause::Shutdown => EndCause::Shutdown,
                        _ => EndCause::Aborted,
                    });
                    first = Some(error);
                }
                Err(_) => {}
            }
        }
        reports.sort_by_key(|report| report.peer);
        first.map_or(Ok((reports, lifelines)), Err)
    }

    /// Attaches, as long as the connections live: one that is left behind goes on under its own guard.
    async fn attach(
        &self,
        request: &PullRequest,
        staging: Arc<dyn Staging>,
        mut lifelines: Vec<Lifeline>,
    ) -> Result<(), PullError> {
        let (guard, injector) = (Arc::clone(&request.guard), self.context.injector().clone());
        let attaching = async move {
            injector.hold(BEFORE_ATTACH, guard.closing()).await;
            #[cfg(tidegate_mutants)]
            if tidegate_mutants::on("engine-call-without-guard") {
                return staging.attach(unheld::checked(guard)?).await;
            }
            let attached = match guard.check() {
                Ok(()) => staging.attach(Arc::clone(&guard)).await,
                Err(rejected) => Err(rejected.into()),
            };
            if let Err(EngineError::Rejected(rejected)) = &attached {
                meters::rejected("attach", *rejected);
            }
            attached
        };
        request.guard.progress("attaching");
        let mut lost: FuturesUnordered<_> = lifelines
            .iter_mut()
            .map(|lifeline| async move { (lifeline.peer, lifeline.lost().await) })
            .collect();
        tokio::select! {
            biased;
            attached = call(&request.guard, self.context.config().engine_timeout, attaching) => attached?,
            Some((peer, error)) = lost.next() => return Err(PullError::Stream { peer, error }),
        }
        self.context.report(StreamProgress {
            unit: request.unit,
            session: request.frozen.session,
            peer: self.transport.local(),
            role: StreamRole::Receive,
            step: ProgressStep::Attached,
            carried: Receipt::default(),
        });
        Ok(())
    }
}

impl fmt::Debug for Puller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puller")
            .field("local", &self.transport.local())
            .finish_non_exhaustive()
    }
}
