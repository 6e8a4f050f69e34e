//! The network: who has joined, how they are linked, and what is wrong with the links.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tidegate_transport::{PeerId, TransportError};

use crate::connection::Connection;
use crate::dice::{Dice, FaultCell};
use crate::node::Node;
use crate::{LinkFaults, MemConfig, MemLimits, MemTransport};

/// An in-memory network. Clones are handles to the same one; two networks know nothing of each other.
#[derive(Debug, Clone)]
pub struct MemNetwork {
    shared: Arc<Shared>,
}

/// Why a node could not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A node of that id has joined and was not shut down: shut it down first, or take another id.
    #[error("{peer} has joined already")]
    Taken {
        /// Who.
        peer: PeerId,
    },
}

impl MemNetwork {
    /// A network without nodes.
    #[must_use]
    pub fn new(config: MemConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                state: Mutex::default(),
            }),
        }
    }

    /// Joins as `peer`, with the network's limits. An id is free again once its transport was shut down.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn join(&self, peer: PeerId) -> Result<Arc<MemTransport>, JoinError> {
        self.join_with(peer, self.shared.config.limits)
    }

    /// Joins as `peer`, with limits of its own.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn join_with(&self, peer: PeerId, limits: MemLimits) -> Result<Arc<MemTransport>, JoinError> {
        let mut state = self.shared.lock();
        if state.nodes.contains_key(&peer) {
            return Err(JoinError::Taken { peer });
        }
        let node = Arc::new(Node::new(peer, limits));
        state.nodes.insert(peer, Arc::clone(&node));
        drop(state);
        Ok(Arc::new(MemTransport::new(Arc::clone(&self.shared), node)))
    }

    /// Cuts every stream between the two, as [`Transport::disconnect`](tidegate_transport::Transport::disconnect)
    /// does; later opens work.
    pub fn cut(&self, a: PeerId, b: PeerId) {
        self.shared.cut(a, b);
    }

    /// Cuts every stream between the two; opens fail as unreachable until [`heal`](Self::heal).
    pub fn partition(&self, a: PeerId, b: PeerId) {
        self.partition_one_way(a, b);
        self.partition_one_way(b, a);
    }

    /// Cuts every stream that `from` opened to `to`, and lets it open none until [`heal`](Self::heal); those that
    /// `to` opens to `from` are not touched.
    pub fn partition_one_way(&self, from: PeerId, to: PeerId) {
        let mut state = self.shared.lock();
        let link = state.link(&self.shared.config, from, to);
        link.partitioned = true;
        let connection = link.connection.take();
        drop(state);
        cut_all(connection);
    }

    /// Ends every partition between the two.
    pub fn heal(&self, a: PeerId, b: PeerId) {
        let mut state = self.shared.lock();
        for (from, to) in [(a, b), (b, a)] {
            state.link(&self.shared.config, from, to).partitioned = false;
        }
    }

    /// How long frames between the two take from now on, both ways, and half of what connecting takes.
    pub fn set_delay(&self, a: PeerId, b: PeerId, delay: RangeInclusive<Duration>) {
        for (from, to) in [(a, b), (b, a)] {
            self.shared
                .faults(from, to)
                .change(|faults| faults.delay = delay.clone());
        }
    }

    /// What goes wrong between the two from now on, both ways; streams that are open too.
    pub fn set_faults(&self, a: PeerId, b: PeerId, faults: LinkFaults) {
        self.set_faults_one_way(a, b, faults.clone());
        self.set_faults_one_way(b, a, faults);
    }

    /// What goes wrong from now on with what `from` sends to `to`, and with its opens.
    pub fn set_faults_one_way(&self, from: PeerId, to: PeerId, faults: LinkFaults) {
        self.shared.faults(from, to).change(|present| *present = faults);
    }
}

/// What the handles of a network share.
#[derive(Debug)]
pub(crate) struct Shared {
    config: MemConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<PeerId, Arc<Node>>,
    /// By (who opens, to whom).
    links: BTreeMap<(PeerId, PeerId), Link>,
}

#[derive(Debug)]
struct Link {
    faults: FaultCell,
    dice: Dice,
    partitioned: bool,
    /// Streams opened so far, over all connections: each has dice of its own.
    opened: u64,
    connection: Option<Arc<Connection>>,
}

/// What an open needs to know.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) connection: Arc<Connection>,
    pub(crate) acceptor: Arc<Node>,
    /// Of a new connection.
    pub(crate) round_trip: Duration,
    pub(crate) faults_out: FaultCell,
    pub(crate) faults_back: FaultCell,
    pub(crate) stream_seed: [u64; 4],
}

impl Shared {
    pub(crate) fn dial(&self, opener: &Node, to: PeerId) -> Result<Dial, TransportError> {
        let from = opener.peer;
        let unreachable = |reason: &str| TransportError::Unreachable {
            peer: to,
            reason: reason.to_owned(),
        };
        let mut state = self.lock();
        if opener.is_shut() {
            return Err(TransportError::ShutDown);
        }
        let acceptor = state.nodes.get(&to).cloned();
        let faults_back = state.link(&self.config, to, from).faults.clone();
        let link = state.link(&self.config, from, to);
        if link.partitioned {
            return Err(unreachable("partitioned"));
        }
        let acceptor = acceptor.ok_or_else(|| unreachable("nobody has joined by that name"))?;
        if link.dice.fails_open() {
            return Err(unreachable("the open was lost"));
        }
        let (connection, round_trip) = match &link.connection {
            Some(connection) => (Arc::clone(connection), Duration::ZERO),
            None => {
                let connection = Arc::new(Connection::new(acceptor.limits.streams_per_peer));
                link.connection = Some(Arc::clone(&connection));
                (connection, link.dice.draw_delay() * 2)
            }
        };
        let stream_seed = [self.config.seed, from.as_u64(), to.as_u64(), link.opened];
        link.opened += 1;
        let faults_out = link.faults.clone();
        Ok(Dial {
            connection,
            acceptor,
            round_trip,
            faults_out,
            faults_back,
            stream_seed,
        })
    }

    pub(crate) fn cut(&self, a: PeerId, b: PeerId) {
        let mut state = self.lock();
        let cut =
            [(a, b), (b, a)].map(|ends| state.links.get_mut(&ends).and_then(|link| link.connection.take()));
        drop(state);
        cut_all(cut.into_iter().flatten());
    }

    /// Takes a node out and cuts all that it had.
    pub(crate) fn leave(&self, node: &Arc<Node>) {
        let mut state = self.lock();
        if !state
            .nodes
            .get(&node.peer)
            .is_some_and(|joined| Arc::ptr_eq(joined, node))
        {
            return;
        }
        state.nodes.remove(&node.peer);
        let cut: Vec<_> = state
            .links
            .iter_mut()
            .filter(|((from, to), _)| *from == node.peer || *to == node.peer)
            .filter_map(|(_, link)| link.connection.take())
            .collect();
        drop(state);
        cut_all(cut);
    }

    fn faults(&self, from: PeerId, to: PeerId) -> FaultCell {
        self.lock().link(&self.config, from, to).faults.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn link(&mut self, config: &MemConfig, from: PeerId, to: PeerId) -> &mut Link {
        self.links.entry((from, to)).or_insert_with(|| {
            let faults = FaultCell::new(config.faults.clone());
            let dice = Dice::new(&[config.seed, from.as_u64(), to.as_u64()], faults.clone());
            Link {
                faults,
                dice,
                partitioned: false,
                opened: 0,
                connection: None,
            }
        })
    }
}

fn cut_all(connections: impl IntoIterator<Item = Arc<Connection>>) {
    for connection in connections {
        connection.cut();
    }
}
