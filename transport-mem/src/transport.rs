//! A node's end of the network.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use tidegate_transport::pipe::{End, Pipe, PipeEnd, Wire, pipe_between};
use tidegate_transport::{Duplex, Incoming, PeerId, Transport, TransportError};
use tokio::time::{sleep, timeout};

use crate::connection::{Connection, Ticket};
use crate::dice::Dice;
use crate::halves::{Announcement, Fate, MemEnd};
use crate::network::{Dial, Shared};
use crate::node::Node;
use crate::voice::Voice;

/// A node's end of a [`MemNetwork`](crate::MemNetwork). Dropping the last handle shuts it down.
#[derive(Debug)]
pub struct MemTransport {
    network: Arc<Shared>,
    node: Arc<Node>,
}

impl MemTransport {
    pub(crate) fn new(network: Arc<Shared>, node: Arc<Node>) -> Self {
        Self { network, node }
    }

    fn leave(&self) {
        let unaccepted = self.node.shut();
        self.network.leave(&self.node);
        // After their connections were cut: what the other ends see is the shutdown, not the drop.
        drop(unaccepted);
    }

    fn voice(&self, dial: &Dial, end: End, ticket: &Arc<Ticket>) -> Voice {
        let (opener, acceptor) = (self.node.limits.pipe(), dial.acceptor.limits.pipe());
        let (faults, own, other) = match end {
            End::Near => (&dial.faults_out, opener, acceptor),
            End::Far => (&dial.faults_back, acceptor, opener),
        };
        Voice {
            ticket: Arc::clone(ticket),
            end,
            faults: faults.clone(),
            frame_max: own.frame_max,
            window: other,
        }
    }

    fn lost(&self, peer: PeerId) -> TransportError {
        if self.node.is_shut() {
            return TransportError::ShutDown;
        }
        TransportError::Unreachable {
            peer,
            reason: "the connection was lost".to_owned(),
        }
    }
}

#[async_trait]
impl Transport for MemTransport {
    fn local(&self) -> PeerId {
        self.node.peer
    }

    async fn open(&self, peer: PeerId) -> Result<Duplex, TransportError> {
        let dial = self.network.dial(&self.node, peer)?;
        let waited = self.node.limits.open_wait;
        if dial.is_unanswered {
            sleep(waited).await;
            return Err(TransportError::Unreachable {
                peer,
                reason: "no answer".to_owned(),
            });
        }
        if !dial.round_trip.is_zero() {
            sleep(dial.round_trip).await;
        }
        let permit = match timeout(waited, dial.connection.permit()).await {
            Ok(permit) => permit.map_err(|_| self.lost(peer))?,
            Err(_) => return Err(TransportError::TooManyStreams { peer, waited }),
        };
        let near = PipeEnd {
            config: self.node.limits.pipe(),
            wire: Some(wire(&dial, End::Near)),
        };
        let far = PipeEnd {
            config: dial.acceptor.limits.pipe(),
            wire: Some(wire(&dial, End::Far)),
        };
        let Pipe { near, far, line } = pipe_between(near, far);
        let ticket = Connection::add(&dial.connection, permit, &line).map_err(|_| self.lost(peer))?;
        let ends = (self.node.peer, peer);
        let network = Arc::downgrade(&self.network);
        let end = |pipe, seat| MemEnd {
            pipe,
            fate: fate(&dial, seat, &network, ends),
            voice: self.voice(&dial, seat, &ticket),
        };
        let announcement = Announcement {
            node: Arc::clone(&dial.acceptor),
            from: self.node.peer,
            end: end(far, End::Far),
        };
        Ok(end(near, End::Near).into_stream(Some(announcement)))
    }

    async fn accept(&self) -> Result<Incoming, TransportError> {
        self.node.accept().await
    }

    fn disconnect(&self, peer: PeerId) {
        self.network.cut(self.node.peer, peer, Some(self.node.peer));
    }

    async fn shutdown(&self) {
        self.leave();
    }
}

impl Drop for MemTransport {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Dice of the stream's own for each end and purpose, so that no two throwers share any.
fn dice(dial: &Dial, seat: End, purpose: u64) -> Dice {
    let (seat, faults) = match seat {
        End::Near => (0, &dial.faults_out),
        End::Far => (1, &dial.faults_back),
    };
    let [seed, from, to, stream] = dial.stream_seed;
    Dice::new(&[seed, from, to, stream, seat, purpose], faults.clone())
}

fn wire(dial: &Dial, seat: End) -> Box<dyn Wire> {
    Box::new(dice(dial, seat, 0))
}

fn fate(dial: &Dial, seat: End, network: &Weak<Shared>, ends: (PeerId, PeerId)) -> Fate {
    Fate {
        dice: dice(dial, seat, 1),
        network: Weak::clone(network),
        ends,
    }
}
