//! Hands every stream that a peer opens to the service that its hello names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, error};

use super::{Hello, Service, ServiceId};
use crate::{Incoming, PeerId, ResetCode, Transport};

/// The bounds of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterConfig {
    /// Streams served at once for one peer; one more is reset as refused. Default: 512.
    pub streams_per_peer: usize,
    /// How long a stream may take to say hello. Default: 10 s.
    pub hello_wait: Duration,
    /// How long services may take to end after the transport was shut down, before they are aborted. Default: 5 s.
    pub stop_wait: Duration,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            streams_per_peer: 512,
            hello_wait: Duration::from_secs(10),
            stop_wait: Duration::from_secs(5),
        }
    }
}

/// Accepts streams and serves each in a task of its own.
///
/// # Examples
///
/// See [`rpc`](crate::rpc).
#[derive(Debug)]
pub struct Router {
    transport: Arc<dyn Transport>,
    config: RouterConfig,
    services: Arc<BTreeMap<ServiceId, Arc<dyn Service>>>,
    slots: Arc<Slots>,
}

impl Router {
    /// A router that knows no service yet.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, config: RouterConfig) -> Self {
        let slots = Slots {
            max: config.streams_per_peer,
            taken: Mutex::default(),
        };
        Self {
            transport,
            config,
            services: Arc::default(),
            slots: Arc::new(slots),
        }
    }

    /// Serves `id` with `service`; a service given before for that id is replaced.
    #[must_use]
    pub fn with(mut self, id: ServiceId, service: Arc<dyn Service>) -> Self {
        let mut services = (*self.services).clone();
        services.insert(id, service);
        self.services = Arc::new(services);
        self
    }

    /// Serves until the transport is shut down; then waits for the services, and aborts those that linger.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it aborts the services that run; their streams are reset. Streams not yet accepted wait for a later
    /// `run`.
    pub async fn run(&self) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => report(ended),
                accepted = self.transport.accept() => match accepted {
                    Ok(incoming) => self.begin(&mut tasks, incoming),
                    Err(_) => break,
                },
            }
        }
        let ended = timeout(self.config.stop_wait, async {
            while let Some(ended) = tasks.join_next().await {
                report(ended);
            }
        });
        if ended.await.is_err() {
            debug!(left = tasks.len(), "services did not end in time: aborting them");
            tasks.shutdown().await;
        }
    }

    fn begin(&self, tasks: &mut JoinSet<()>, incoming: Incoming) {
        let peer = incoming.peer;
        let Some(slot) = Slots::take(&self.slots, peer) else {
            debug!(%peer, "refused a stream: the peer has too many");
            refuse(incoming);
            return;
        };
        let services = Arc::clone(&self.services);
        let hello_wait = self.config.hello_wait;
        tasks.spawn(async move {
            let _slot = slot;
            serve(&services, hello_wait, incoming).await;
        });
    }
}

async fn serve(
    services: &BTreeMap<ServiceId, Arc<dyn Service>>,
    hello_wait: Duration,
    mut incoming: Incoming,
) {
    let peer = incoming.peer;
    let frame = match timeout(hello_wait, incoming.stream.recv.recv()).await {
        Ok(Ok(Some(frame))) => frame,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            debug!(%peer, %error, "a stream ended before its hello");
            return;
        }
        Err(_) => {
            debug!(%peer, "a stream did not say hello");
            reset(incoming, ResetCode::Stalled);
            return;
        }
    };
    match Hello::decode(&frame) {
        Ok(hello) => match services.get(&hello.service) {
            Some(service) => service.serve(peer, incoming.stream).await,
            None => {
                debug!(%peer, service = %hello.service, "refused a stream: no such service");
                refuse(incoming);
            }
        },
        Err(error) => {
            debug!(%peer, %error, "refused a stream");
            refuse(incoming);
        }
    }
}

fn refuse(incoming: Incoming) {
    reset(incoming, ResetCode::Refused);
}

fn reset(incoming: Incoming, code: ResetCode) {
    incoming.stream.send.reset(code);
    incoming.stream.recv.stop(code);
}

fn report(ended: Result<(), JoinError>) {
    if let Err(failure) = ended
        && failure.is_panic()
    {
        error!(%failure, "a service panicked; its stream was reset");
    }
}

/// How many streams of each peer are served now.
#[derive(Debug)]
struct Slots {
    max: usize,
    taken: Mutex<BTreeMap<PeerId, usize>>,
}

/// One served stream of a peer.
#[derive(Debug)]
struct Slot {
    slots: Arc<Slots>,
    peer: PeerId,
}

impl Slots {
    fn take(slots: &Arc<Self>, peer: PeerId) -> Option<Slot> {
        let mut taken = slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(peer).or_default();
        if *count >= slots.max {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Slot {
            slots: Arc::clone(slots),
            peer,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}
