//! What the network knows of a node that has joined: its limits, and the streams it has yet to accept.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_transport::{Incoming, PeerId, TransportError};
use tokio::sync::Notify;

use crate::MemLimits;

/// Streams that wait to be accepted; those that are cut meanwhile keep their place, so the limits of the peers are
/// not enough of a bound.
const QUEUE_MAX: usize = 8192;

/// A node that has joined.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) peer: PeerId,
    pub(crate) limits: MemLimits,
    arrivals: Mutex<Arrivals>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Arrivals {
    shut: bool,
    queue: VecDeque<Incoming>,
}

impl Node {
    pub(crate) fn new(peer: PeerId, limits: MemLimits) -> Self {
        Self {
            peer,
            limits,
            arrivals: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.lock().shut
    }

    /// Puts a stream where [`accept`](Self::accept) finds it; it is reset if the node was shut down, or accepts
    /// nothing.
    pub(crate) fn announce(&self, incoming: Incoming) {
        let mut arrivals = self.lock();
        if arrivals.shut || arrivals.queue.len() >= QUEUE_MAX {
            drop(arrivals);
            return;
        }
        arrivals.queue.push_back(incoming);
        drop(arrivals);
        self.changed.notify_one();
    }

    pub(crate) async fn accept(&self) -> Result<Incoming, TransportError> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(incoming) = self.next()? {
                return Ok(incoming);
            }
            changed.await;
        }
    }

    /// Accepts nothing more, and hands back what nobody has accepted.
    pub(crate) fn shut(&self) -> VecDeque<Incoming> {
        let mut arrivals = self.lock();
        arrivals.shut = true;
        let lost = std::mem::take(&mut arrivals.queue);
        drop(arrivals);
        self.changed.notify_waiters();
        lost
    }

    fn next(&self) -> Result<Option<Incoming>, TransportError> {
        let mut arrivals = self.lock();
        if arrivals.shut {
            Err(TransportError::ShutDown)
        } else {
            Ok(arrivals.queue.pop_front())
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
