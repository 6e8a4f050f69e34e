//! What the streams of one node share.

use std::sync::Arc;

use tidegate_inject::Injector;
use tokio::sync::broadcast;

use crate::permits::{Permits, StreamPermit};
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
    sends: Arc<Permits>,
    receives: Arc<Permits>,
    send_throttle: Throttle,
    receive_throttle: Throttle,
    progress: broadcast::Sender<StreamProgress>,
}

impl StreamingContext {
    /// The context of a node.
    #[must_use]
    pub fn new(config: StreamingConfig) -> Self {
        let shared = Shared {
            sends: Permits::new(config.sends_max),
            receives: Permits::new(config.receives_max),
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

    /// Streams that the node sends and receives at once from now on, instead of
    /// [`sends_max`](StreamingConfig::sends_max) and [`receives_max`](StreamingConfig::receives_max). Streams that run
    /// go on, also where they are more.
    pub fn set_permits(&self, sends: usize, receives: usize) {
        self.shared.sends.resize(sends);
        self.shared.receives.resize(receives);
    }

    /// Streams that the node may send, and receive, at once now.
    #[must_use]
    pub fn permits(&self) -> (usize, usize) {
        (self.shared.sends.size(), self.shared.receives.size())
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
        self.shared.sends.take(self.config().permit_wait).await
    }

    pub(crate) async fn receive_permit(&self) -> Option<StreamPermit> {
        self.shared.receives.take(self.config().permit_wait).await
    }
}

impl Default for StreamingContext {
    fn default() -> Self {
        Self::new(StreamingConfig::default())
    }
}
