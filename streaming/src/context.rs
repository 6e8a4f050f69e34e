//! What the streams of one node share.

use std::sync::Arc;

use tidegate_inject::Injector;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::timeout;

use crate::{ProgressEvents, StreamProgress, StreamingConfig, Throttle};

/// What the streams of one node share: limits, permits, throttles, progress. Cheap to clone; give clones of one to
/// the node's [`StreamService`](crate::StreamService) and to its [`Puller`](crate::Puller).
#[derive(Debug, Clone)]
pub struct StreamingContext {
    shared: Arc<Shared>,
    injector: Injector,
}

#[derive(Debug)]
struct Shared {
    config: StreamingConfig,
    sends: Arc<Semaphore>,
    receives: Arc<Semaphore>,
    send_throttle: Throttle,
    receive_throttle: Throttle,
    progress: broadcast::Sender<StreamProgress>,
}

/// Room for one stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    _permit: OwnedSemaphorePermit,
}

impl StreamingContext {
    /// The context of a node.
    #[must_use]
    pub fn new(config: StreamingConfig) -> Self {
        let shared = Shared {
            sends: Arc::new(Semaphore::new(config.sends_max)),
            receives: Arc::new(Semaphore::new(config.receives_max)),
            send_throttle: Throttle::new(),
            receive_throttle: Throttle::new(),
            progress: broadcast::Sender::new(config.progress_events.max(1)),
            config,
        };
        Self {
            shared: Arc::new(shared),
            injector: Injector::new(),
        }
    }

    /// The same context with injection points; without the feature `injection` there are none.
    #[must_use]
    pub fn with_injector(mut self, injector: Injector) -> Self {
        self.injector = injector;
        self
    }

    /// The limits.
    #[must_use]
    pub fn config(&self) -> &StreamingConfig {
        &self.shared.config
    }

    /// The limit on what all streams of the node send together.
    #[must_use]
    pub fn send_throttle(&self) -> &Throttle {
        &self.shared.send_throttle
    }

    /// The limit on what all streams of the node receive together.
    #[must_use]
    pub fn receive_throttle(&self) -> &Throttle {
        &self.shared.receive_throttle
    }

    /// The events of the node's streams from now on.
    #[must_use]
    pub fn progress(&self) -> ProgressEvents {
        ProgressEvents::new(self.shared.progress.subscribe())
    }

    pub(crate) fn injector(&self) -> &Injector {
        &self.injector
    }

    pub(crate) fn report(&self, event: StreamProgress) {
        // An error says that nobody listens.
        drop(self.shared.progress.send(event));
    }

    pub(crate) async fn send_permit(&self) -> Option<StreamPermit> {
        self.permit(&self.shared.sends).await
    }

    pub(crate) async fn receive_permit(&self) -> Option<StreamPermit> {
        self.permit(&self.shared.receives).await
    }

    async fn permit(&self, of: &Arc<Semaphore>) -> Option<StreamPermit> {
        let permit = timeout(self.config().permit_wait, Arc::clone(of).acquire_owned()).await;
        permit.ok()?.ok().map(|permit| StreamPermit { _permit: permit })
    }
}

impl Default for StreamingContext {
    fn default() -> Self {
        Self::new(StreamingConfig::default())
    }
}
