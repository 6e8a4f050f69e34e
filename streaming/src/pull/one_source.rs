//! One source of a pull.

use std::sync::Arc;

use tidegate_guard::Rejected;
use tidegate_transport::service::open_service;
use tidegate_transport::{Duplex, PeerId};

use super::stager::{Stager, StagerParts};
use super::stop::Stop;
use super::{PullError, PullRequest, Puller, StreamReport};
use crate::account::{Reporter, StreamAccount};
use crate::call::call;
use crate::lifeline::Lifeline;
use crate::{BatchSource, EndCause, Opening, Position, STREAM_SERVICE, SourceError, Staging, StreamRole};

/// One source of a pull, and its stream.
pub(super) struct OneSource {
    puller: Puller,
    request: PullRequest,
    peer: PeerId,
    staging: Arc<dyn Staging>,
}

impl OneSource {
    pub(super) fn new(puller: Puller, request: PullRequest, peer: PeerId, staging: Arc<dyn Staging>) -> Self {
        Self {
            puller,
            request,
            peer,
            staging,
        }
    }

    /// Pulls everything that the source has, to an accepted receipt; `stop` gives it up.
    pub(super) async fn pull(self, stop: Arc<Stop>) -> Result<(StreamReport, Lifeline), PullError> {
        let resume = tokio::select! {
            biased;
            cause = stop.told() => return Err(PullError::Superseded(cause)),
            position = self.position() => position?,
        };
        let opening = Opening {
            unit: self.request.unit,
            frozen: self.request.frozen,
            resume,
        };
        let reporter = Reporter::new(&self.puller.context, StreamRole::Receive, self.peer, &opening);
        let mut account = StreamAccount::new(reporter.clone());
        let result = self.stream(opening, reporter, &mut account, &stop).await;
        account.ended(match &result {
            Ok(_) => EndCause::Finished,
            Err(error) => error.cause(),
        });
        result
    }

    async fn position(&self) -> Result<Option<Position>, PullError> {
        let (staging, peer) = (Arc::clone(&self.staging), self.peer);
        #[cfg(tidegate_mutants)]
        let peer = match self.request.sources.first() {
            Some(first) if tidegate_mutants::on("positions-not-per-source") => *first,
            _ => peer,
        };
        let asking = async move { staging.position(peer).await };
        Ok(call(
            &self.request.guard,
            self.puller.context.config().engine_timeout,
            asking,
        )
        .await?)
    }

    async fn stream(
        &self,
        opening: Opening,
        reporter: Reporter,
        account: &mut StreamAccount,
        stop: &Stop,
    ) -> Result<(StreamReport, Lifeline), PullError> {
        let mut source = tokio::select! {
            biased;
            cause = stop.told() => return Err(PullError::Superseded(cause)),
            source = self.open(&opening) => source?,
        };
        account.started();
        let mut stager = self.stager(reporter);
        let moved = tokio::select! {
            biased;
            cause = stop.told() => Err(PullError::Superseded(cause)),
            moved = self.drain(&mut source, &mut stager) => moved,
        };
        account.carried(source.received());
        if let Err(error) = moved {
            source.abort(error.cause().reset_code());
            stager.settle().await;
            return Err(error);
        }
        let accepted = source.accept_and_hold().await;
        let (receipt, recv) = accepted.map_err(|error| self.failed(error))?;
        let report = StreamReport {
            peer: self.peer,
            resumed_from: opening.resume,
            receipt,
        };
        Ok((report, Lifeline::new(self.peer, recv)))
    }

    async fn open(&self, opening: &Opening) -> Result<BatchSource, PullError> {
        let Puller {
            transport, context, ..
        } = &self.puller;
        let guard = &self.request.guard;
        let stream: Duplex = tokio::select! {
            biased;
            () = guard.closing() => return Err(Rejected::Closing.into()),
            opened = open_service(&**transport, self.peer, STREAM_SERVICE) => {
                opened.map_err(|error| PullError::of_open(self.peer, error))?
            }
        };
        let throttle = context.receive_throttle().clone();
        let opened = BatchSource::open(stream, opening, Arc::clone(guard), context.config(), throttle).await;
        opened.map_err(|error| self.failed(error))
    }

    fn stager(&self, reporter: Reporter) -> Stager {
        let parts = StagerParts {
            staging: Arc::clone(&self.staging),
            guard: Arc::clone(&self.request.guard),
            peer: self.peer,
            injector: self.puller.context.injector().clone(),
            reporter,
            reason: self.puller.reason,
        };
        Stager::new(parts, self.puller.context.config())
    }

    /// Receives to the end, and stages all durably.
    async fn drain(&self, source: &mut BatchSource, stager: &mut Stager) -> Result<(), PullError> {
        loop {
            let received = tokio::select! {
                biased;
                // First, as it is the first cause of what a peer may have said since.
                error = stager.failed() => return Err(error),
                received = source.recv_with_crc() => received.map_err(|error| self.failed(error))?,
            };
            let Some((batch, crc)) = received else { break };
            source
                .pace(batch.payload.len())
                .await
                .map_err(|error| self.failed(error))?;
            tokio::select! {
                biased;
                staged = stager.stage(batch, crc) => staged?,
                error = source.broken() => return Err(self.failed(error)),
            }
        }
        tokio::select! {
            biased;
            synced = stager.sync() => synced,
            error = source.broken() => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: SourceError) -> PullError {
        PullError::of_source(self.peer, error)
    }
}
