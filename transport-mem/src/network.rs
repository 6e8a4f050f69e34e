//! The network: who has joined, how they are linked, and what is wrong with the links.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tidegate_transport::pipe::End;
use tidegate_transport::{PeerId, TransportError};

use crate::connection::{Connection, Told};
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
                state: Mutex::new(State {
                    seed: config.seed,
                    faults: config.faults,
                    nodes: BTreeMap::new(),
                    links: BTreeMap::new(),
                }),
                limits: config.limits,
            }),
        }
    }

    /// Joins as `peer`, with the network's limits. An id is free again once its transport was shut down.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn join(&self, peer: PeerId) -> Result<Arc<MemTransport>, JoinError> {
        self.join_with(peer, self.shared.limits)
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

    /// How many streams are open, on all links together; a stream is until both ends have let go of both halves, or
    /// its connection was cut.
    #[must_use]
    pub fn streams(&self) -> usize {
        let state = self.shared.lock();
        let connections = state.links.values().filter_map(|link| link.connection.as_ref());
        connections.map(|connection| connection.streams()).sum()
    }

    /// Cuts every stream between the two, as [`Transport::disconnect`](tidegate_transport::Transport::disconnect)
    /// does; later opens work.
    pub fn cut(&self, a: PeerId, b: PeerId) {
        self.shared.cut(a, b, None);
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
        state.link(from, to).partitioned = true;
        let cut = state.take_connection(from, to, None);
        drop(state);
        cut_all(cut);
    }

    /// From now on nothing that `from` sends arrives at `to`, and neither is told: a half-open peer. Frames are taken
    /// until no more fit; ends, resets, stops, cuts, and that `from` left or was dropped, are not heard of; where there
    /// is no connection yet, opens of both fail after their wait. What `to` sends arrives. What `from` had sent before,
    /// a frame that still waited for room among it, may arrive.
    ///
    /// [`heal`](Self::heal) ends it for what is opened from then on, and for streams that lost nothing. A stream that
    /// lost something stays as it is until its users give it up.
    pub fn silence(&self, from: PeerId, to: PeerId) {
        self.shared.faults(from, to).set_silent(true);
    }

    /// Ends every partition and silence between the two.
    pub fn heal(&self, a: PeerId, b: PeerId) {
        let mut state = self.shared.lock();
        for (from, to) in [(a, b), (b, a)] {
            state.link(from, to).heal();
        }
    }

    /// Ends all that is wrong anywhere: partitions, silences, delays and losses, also of links that are first used
    /// later.
    pub fn heal_all(&self) {
        let mut state = self.shared.lock();
        state.faults = LinkFaults::default();
        for link in state.links.values_mut() {
            link.heal();
            link.faults.change(|faults| *faults = LinkFaults::default());
        }
    }

    /// What goes wrong on every link from now on, whatever was set for some before; streams that are open too.
    pub fn set_faults_everywhere(&self, faults: &LinkFaults) {
        let mut state = self.shared.lock();
        state.faults = faults.clone();
        for link in state.links.values_mut() {
            link.faults.change(|present| *present = faults.clone());
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
    limits: MemLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seed: u64,
    /// Of links that have none of their own.
    faults: LinkFaults,
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
    /// A connection is needed, and cannot be made: one direction is silent.
    pub(crate) is_unanswered: bool,
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
        let faults_back = state.link(to, from).faults.clone();
        let seed = state.seed;
        let link = state.link(from, to);
        if link.partitioned {
            return Err(unreachable("partitioned"));
        }
        let acceptor = acceptor.ok_or_else(|| unreachable("nobody has joined by that name"))?;
        if link.dice.fails_open() {
            return Err(unreachable("the open was lost"));
        }
        let is_silent = link.faults.is_silent() || faults_back.is_silent();
        let is_unanswered = is_silent && link.connection.is_none();
        let (connection, round_trip) = match &link.connection {
            Some(connection) => (Arc::clone(connection), Duration::ZERO),
            None => {
                let connection = Arc::new(Connection::new(acceptor.limits.streams_per_peer));
                if !is_unanswered {
                    link.connection = Some(Arc::clone(&connection));
                }
                (connection, link.dice.draw_delay() * 2)
            }
        };
        let stream_seed = [seed, from.as_u64(), to.as_u64(), link.opened];
        link.opened += 1;
        let faults_out = link.faults.clone();
        Ok(Dial {
            connection,
            acceptor,
            round_trip,
            is_unanswered,
            faults_out,
            faults_back,
            stream_seed,
        })
    }

    /// Cuts what is between the two, done `by` one of them or by nobody.
    pub(crate) fn cut(&self, a: PeerId, b: PeerId, by: Option<PeerId>) {
        let mut state = self.lock();
        let cut = [(a, b), (b, a)].map(|(from, to)| state.take_connection(from, to, by));
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
        let of_node: Vec<_> = state
            .links
            .keys()
            .filter(|(from, to)| *from == node.peer || *to == node.peer)
            .copied()
            .collect();
        let cut: Vec<_> = of_node
            .into_iter()
            .filter_map(|(from, to)| state.take_connection(from, to, Some(node.peer)))
            .collect();
        drop(state);
        cut_all(cut);
    }

    fn faults(&self, from: PeerId, to: PeerId) -> FaultCell {
        self.lock().link(from, to).faults.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn link(&mut self, from: PeerId, to: PeerId) -> &mut Link {
        self.links.entry((from, to)).or_insert_with(|| {
            let faults = FaultCell::new(self.faults.clone());
            let dice = Dice::new(&[self.seed, from.as_u64(), to.as_u64()], faults.clone());
            Link {
                faults,
                dice,
                partitioned: false,
                opened: 0,
                connection: None,
            }
        })
    }

    /// Takes the connection of what `from` opened to `to`, and says who hears that it is cut: whoever does it, and
    /// each to whom the news passes.
    fn take_connection(&mut self, from: PeerId, to: PeerId, by: Option<PeerId>) -> Option<Cut> {
        let connection = self.links.get_mut(&(from, to))?.connection.take()?;
        let hears = |peer, other| {
            let silent = self
                .links
                .get(&(other, peer))
                .is_some_and(|link| link.faults.is_silent());
            !silent || by == Some(peer)
        };
        let told = match (hears(from, to), hears(to, from)) {
            (true, true) => Told::Both,
            (true, false) => Told::One(End::Near),
            (false, true) => Told::One(End::Far),
            (false, false) => Told::Nobody,
        };
        Some(Cut { connection, told })
    }
}

impl Link {
    fn heal(&mut self) {
        self.partitioned = false;
        self.faults.set_silent(false);
    }
}

/// A connection that is out of the network, and whose streams are yet to be cut.
struct Cut {
    connection: Arc<Connection>,
    told: Told,
}

fn cut_all(cuts: impl IntoIterator<Item = Cut>) {
    for Cut { connection, told } in cuts {
        connection.cut(told);
    }
}
