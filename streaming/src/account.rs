//! What is told of one stream.

use tidegate_guard::SessionId;
use tidegate_transport::PeerId;
use tokio::time::Instant;

use crate::{
    EndCause, Opening, ProgressStep, Receipt, StreamProgress, StreamRole, StreamingContext, UnitId, meters,
};

/// Tells the progress of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    context: StreamingContext,
    unit: UnitId,
    session: SessionId,
    peer: PeerId,
    role: StreamRole,
}

impl Reporter {
    pub(crate) fn new(context: &StreamingContext, role: StreamRole, peer: PeerId, opening: &Opening) -> Self {
        let (unit, session) = (opening.unit, opening.frozen.session);
        Self {
            context: context.clone(),
            unit,
            session,
            peer,
            role,
        }
    }

    pub(crate) fn tell(&self, step: ProgressStep, carried: Receipt) {
        let Self {
            unit,
            session,
            peer,
            role,
            ..
        } = *self;
        self.context.report(StreamProgress {
            unit,
            session,
            peer,
            role,
            step,
            carried,
        });
    }
}

/// Tells the start and the end of one stream, to progress and metrics; the end by being dropped: without a word
/// before, it counts as dropped.
#[derive(Debug)]
pub(crate) struct StreamAccount {
    reporter: Reporter,
    /// When the opening was accepted.
    started: Option<Instant>,
    carried: Receipt,
    cause: EndCause,
}

impl StreamAccount {
    pub(crate) fn new(reporter: Reporter) -> Self {
        Self {
            reporter,
            started: None,
            carried: Receipt::default(),
            cause: EndCause::Dropped,
        }
    }

    pub(crate) fn started(&mut self) {
        self.started = Some(Instant::now());
        self.reporter.tell(ProgressStep::Started, self.carried);
    }

    /// What the end will tell was carried.
    pub(crate) fn carried(&mut self, carried: Receipt) {
        self.carried = carried;
    }

    pub(crate) fn ended(mut self, cause: EndCause) {
        self.cause = cause;
    }
}

impl Drop for StreamAccount {
    fn drop(&mut self) {
        let busy = self.started.map(|started| started.elapsed());
        meters::ended(self.reporter.role, self.cause, busy);
        self.reporter.tell(ProgressStep::Ended(self.cause), self.carried);
    }
}
