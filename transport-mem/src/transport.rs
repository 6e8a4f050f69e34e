//! A node's end of the network.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use tidegate_transport::pipe::{Pipe, PipeEnd, Wire, pipe_between};
use tidegate_transport::{Duplex, Incoming, PeerId, Transport, TransportError};
use tokio::time::{sleep, timeout};

use crate::connection::Connection;
use crate::dice::Dice;
use crate::halves::{Announcement, Fate, MemRecv, MemSend};
use crate::network::{Dial, Shared};
use crate::node::Node;

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
        if !dial.round_trip.is_zero() {
            sleep(dial.round_trip).await;
        }
        let waited = self.node.limits.open_wait;
        let permit = match timeout(waited, dial.connection.permit()).await {
            Ok(permit) => permit.map_err(|_| self.lost(peer))?,
            Err(_) => return Err(TransportError::TooManyStreams { peer, waited }),
        };
        let near = PipeEnd {
            config: self.node.limits.pipe(),
            wire: Some(wire(&dial, Seat::Opener)),
        };
        let far = PipeEnd {
            config: dial.acceptor.limits.pipe(),
            wire: Some(wire(&dial, Seat::Acceptor)),
        };
        let Pipe { near, far, line } = pipe_between(near, far);
        let ticket = Connection::add(&dial.connection, permit, &line).map_err(|_| self.lost(peer))?;
        let ends = (self.node.peer, peer);
        let network = Arc::downgrade(&self.network);
        let far = Duplex {
            send: Box::new(MemSend {
                inner: far.send,
                announcement: None,
                fate: fate(&dial, Seat::Acceptor, &network, ends),
                ticket: Arc::clone(&ticket),
            }),
            recv: Box::new(MemRecv {
                inner: far.recv,
                _ticket: Arc::clone(&ticket),
            }),
        };
        let incoming = Incoming {
            peer: self.node.peer,
            stream: far,
        };
        let fate = fate(&dial, Seat::Opener, &network, ends);
        let announcement = Some(Announcement {
            node: dial.acceptor,
            incoming,
        });
        Ok(Duplex {
            send: Box::new(MemSend {
                inner: near.send,
                announcement,
                fate,
                ticket: Arc::clone(&ticket),
            }),
            recv: Box::new(MemRecv {
                inner: near.recv,
                _ticket: ticket,
            }),
        })
    }

    async fn accept(&self) -> Result<Incoming, TransportError> {
        self.node.accept().await
    }

    fn disconnect(&self, peer: PeerId) {
        self.network.cut(self.node.peer, peer);
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

/// Who throws the dice, so that no two throwers share any.
#[derive(Debug, Clone, Copy)]
enum Seat {
    Opener,
    Acceptor,
}

fn dice(dial: &Dial, seat: Seat, purpose: u64) -> Dice {
    let (seat, faults) = match seat {
        Seat::Opener => (0, &dial.faults_out),
        Seat::Acceptor => (1, &dial.faults_back),
    };
    let [seed, from, to, stream] = dial.stream_seed;
    Dice::new(&[seed, from, to, stream, seat, purpose], faults.clone())
}

fn wire(dial: &Dial, seat: Seat) -> Box<dyn Wire> {
    Box::new(dice(dial, seat, 0))
}

fn fate(dial: &Dial, seat: Seat, network: &Weak<Shared>, ends: (PeerId, PeerId)) -> Fate {
    Fate {
        dice: dice(dial, seat, 1),
        network: Weak::clone(network),
        ends,
    }
}
