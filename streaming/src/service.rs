//! The source's side: serves the streams that pullers open.

mod scanner;

use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_guard::{Rejected, SharedGuard};
use tidegate_transport::service::{Service, ServiceId};
use tidegate_transport::{Duplex, PeerId};
use tokio::time::{sleep, timeout};
use tracing::{Instrument as _, debug, info_span, warn};

use self::scanner::Scanner;
use crate::account::{Reporter, StreamAccount};
use crate::closed::closed_by_now;
use crate::permits::StreamPermit;
use crate::points::BEFORE_SEND;
use crate::{
    Admission, BatchSink, EndCause, EngineError, Opening, PendingSink, ProgressStep, Receipt, Refusal,
    SinkError, SourceEngine, StreamRole, StreamingContext, meters,
};

/// The number of the service that streams belong to.
pub const STREAM_SERVICE: ServiceId = ServiceId::new(2);

/// Sends the units of an engine to those who pull them and are admitted.
#[derive(Debug)]
pub struct StreamService {
    engine: Arc<dyn SourceEngine>,
    admission: Arc<dyn Admission>,
    context: StreamingContext,
}

/// Why a stream was not sent to its end.
#[derive(Debug, Error)]
enum SendError {
    #[error("refused: {0}")]
    Refused(Refusal),
    #[error("the stream failed: {0:?}")]
    Sink(#[from] SinkError),
    #[error("the engine failed: {0:?}")]
    Engine(EngineError),
    #[error("the engine gave no batch in time")]
    EngineStalled,
}

impl StreamService {
    /// Sends from `engine`, to those whom `admission` admits.
    #[must_use]
    pub fn new(
        engine: Arc<dyn SourceEngine>,
        admission: Arc<dyn Admission>,
        context: StreamingContext,
    ) -> Self {
        Self {
            engine,
            admission,
            context,
        }
    }

    async fn send_unit(&self, peer: PeerId, stream: Duplex) -> Result<(), SendError> {
        let pending = PendingSink::receive(stream, self.context.config()).await?;
        let Opening { unit, frozen, .. } = pending.opening();
        let span = info_span!("stream", role = "send", %peer, %unit, session = %frozen.session);
        self.send_opened(peer, pending).instrument(span).await
    }

    async fn send_opened(&self, peer: PeerId, mut pending: PendingSink) -> Result<(), SendError> {
        let opening = pending.opening().clone();
        let reporter = Reporter::new(&self.context, StreamRole::Send, peer, &opening);
        let mut account = StreamAccount::new(reporter.clone());
        let result = match self.admit(peer, &mut pending).await {
            Ok((guard, permit)) => {
                let sent = self.send_batches(pending, guard, &reporter, &mut account).await;
                drop(permit);
                sent.map(drop)
            }
            Err(SendError::Refused(refusal)) => {
                meters::refused(refusal);
                if let Err(error) = pending.refuse(refusal).await {
                    debug!(%peer, ?error, "a refusal was not taken");
                }
                Err(SendError::Refused(refusal))
            }
            Err(error) => Err(error),
        };
        account.ended(match &result {
            Ok(()) => EndCause::Finished,
            Err(error) => error.cause(),
        });
        result
    }

    /// A permit and a guard, in that order: who waits for a permit holds up no drain.
    async fn admit(
        &self,
        peer: PeerId,
        pending: &mut PendingSink,
    ) -> Result<(SharedGuard, StreamPermit), SendError> {
        let opening = pending.opening().clone();
        let admission = async {
            let permit = self.context.send_permit().await.ok_or(Refusal::Busy)?;
            let admitted = timeout(
                self.context.config().opening_timeout,
                self.admission.admit(peer, &opening),
            );
            let guard = admitted.await.map_err(|_| Refusal::NotReady)??;
            // Compared, never substituted.
            if guard
                .session()
                .is_some_and(|session| session != opening.frozen.session)
            {
                return Err(Refusal::Rejected(Rejected::Closed));
            }
            Ok((guard, permit))
        };
        tokio::select! {
            biased;
            error = pending.abandoned() => Err(error.into()),
            admitted = admission => admitted.map_err(SendError::Refused),
        }
    }

    async fn send_batches(
        &self,
        pending: PendingSink,
        guard: SharedGuard,
        reporter: &Reporter,
        account: &mut StreamAccount,
    ) -> Result<Receipt, SendError> {
        let opening = pending.opening().clone();
        let throttle = self.context.send_throttle().clone();
        let mut sink = pending.accept(Arc::clone(&guard), throttle).await?;
        sink.because(self.admission.reason(&opening));
        account.started();
        let scanner = self.scan(opening, &guard);
        let pumped = self.pump(scanner, &guard, &mut sink, reporter).await;
        account.carried(sink.sent());
        match pumped {
            Ok(()) => Ok(sink.finish().await?),
            #[cfg(tidegate_mutants)]
            Err(_) if tidegate_mutants::on("dropped-sink-finishes") => Ok(sink.finish().await?),
            Err(error) => {
                sink.abort(error.cause().reset_code());
                Err(error)
            }
        }
    }

    fn scan(&self, opening: Opening, guard: &SharedGuard) -> Scanner {
        Scanner::start(
            Arc::clone(&self.engine),
            opening,
            Arc::clone(guard),
            self.context.config(),
        )
    }

    async fn pump(
        &self,
        mut scanner: Scanner,
        guard: &SharedGuard,
        sink: &mut BatchSink,
        reporter: &Reporter,
    ) -> Result<(), SendError> {
        loop {
            let next = tokio::select! {
                biased;
                () = closed_by_now(guard) => return Err(SinkError::Rejected(Rejected::Closing).into()),
                // Before the rest: while there is a batch, sending it shows whether the stream has ended.
                next = scanner.next() => next.map_err(SendError::Engine)?,
                error = sink.broken() => return Err(error.into()),
                () = async { sleep(self.context.config().engine_timeout).await } => return Err(SendError::EngineStalled),
            };
            let Some(batch) = next else { return Ok(()) };
            self.context.injector().hold(BEFORE_SEND, guard.closing()).await;
            sink.send(&batch).await?;
            guard.progress("a batch was sent");
            reporter.tell(ProgressStep::Moved, sink.sent());
        }
    }
}

#[async_trait]
impl Service for StreamService {
    async fn serve(&self, peer: PeerId, stream: Duplex) {
        match self.send_unit(peer, stream).await {
            Ok(()) => debug!(%peer, "sent a unit"),
            Err(SendError::Engine(error)) => warn!(%peer, ?error, "the engine could not serve a stream"),
            Err(error) => debug!(%peer, %error, "a stream was not sent to its end"),
        }
    }
}

impl SendError {
    fn cause(&self) -> EndCause {
        match self {
            Self::Refused(_) => EndCause::Refused,
            Self::Sink(error) => error.cause(),
            Self::Engine(error) => error.into(),
            Self::EngineStalled => EndCause::Stalled,
        }
    }
}

impl From<Refusal> for SendError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
