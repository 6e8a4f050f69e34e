//! What is known of each peer: where it is, the connections with it, and which of them rest.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_transport::{PeerId, TransportError};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::TcpLimits;
use crate::places::{Place, Places};
use crate::stream::Driven;

/// A stream that a connection is to carry.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) stream: Driven,
    /// Held until the stream is over, and its connection at rest or closed.
    pub(crate) place: Place,
    /// Hears whether it is carried; dropped without a word when the connection turns out to be gone.
    pub(crate) answer: oneshot::Sender<Result<(), TransportError>>,
}

/// How a connection at rest is given its next stream.
pub(crate) type Resting = mpsc::Sender<Start>;

/// All that is known of one peer.
#[derive(Debug)]
pub(crate) struct Peer {
    id: PeerId,
    /// Streams, and so connections, from here to there.
    pub(crate) outbound: Arc<Places>,
    /// Connections from there to here.
    pub(crate) inbound: Arc<Places>,
    /// Connections that are being made.
    pub(crate) dials: Semaphore,
    resting_max: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    address: Option<SocketAddr>,
    /// Where it seems to be, by a connection that it made since the address was told.
    hint: Option<SocketAddr>,
    /// The peer's start that the links belong to.
    incarnation: u64,
    links: BTreeMap<u64, CancellationToken>,
    next_link: u64,
    /// Those of lower numbers rest no more.
    rests_from: u64,
    /// By number.
    resting: VecDeque<(u64, Resting)>,
}

/// A connection in its peer's table.
#[derive(Debug)]
pub(crate) struct Link {
    peer: Arc<Peer>,
    number: u64,
    /// Cancelled when the connection is to be cut.
    pub(crate) cut: CancellationToken,
}

impl Peer {
    fn new(id: PeerId, limits: &TcpLimits) -> Self {
        let streams = usize::try_from(limits.streams_per_peer).unwrap_or(usize::MAX);
        Self {
            id,
            outbound: Places::new(streams),
            inbound: Places::new(streams),
            dials: Semaphore::new(limits.dials_per_peer.min(Semaphore::MAX_PERMITS)),
            resting_max: limits.resting_per_peer,
            table: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.id
    }

    /// Where it is to be found: as was told, else where it seems to be.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let table = self.lock();
        let hint = table.hint.filter(|hint| Some(*hint) != table.address);
        table.address.into_iter().chain(hint).collect()
    }

    pub(crate) fn set_address(&self, address: SocketAddr) {
        let mut table = self.lock();
        if table.address != Some(address) {
            table.address = Some(address);
            table.hint = None;
        }
    }

    /// A peer that has moved may be heard of by itself first. No more than a hint: who is found there, is asked for
    /// its certificate like anyone.
    pub(crate) fn hint(&self, address: SocketAddr) {
        self.lock().hint = Some(address);
    }

    /// Puts a connection into the table. Those with an earlier start of the peer are cut.
    pub(crate) fn join(self: &Arc<Self>, incarnation: u64, cut: CancellationToken) -> Link {
        let mut table = self.lock();
        let old = if table.incarnation == incarnation {
            BTreeMap::new()
        } else {
            table.incarnation = incarnation;
            table.take_all()
        };
        let number = table.next_link;
        table.next_link += 1;
        table.links.insert(number, cut.clone());
        drop(table);
        cut_all(&old);
        Link {
            peer: Arc::clone(self),
            number,
            cut,
        }
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        let links = self.lock().take_all();
        cut_all(&links);
    }

    /// Gives the stream to a connection at rest; the one that rested last is the likeliest to live.
    pub(crate) fn start(&self, mut start: Start) -> Result<(), Start> {
        loop {
            // A statement of its own: the lock is not held while the start is handed over.
            let resting = self.lock().resting.pop_back();
            let Some((_, resting)) = resting else {
                return Err(start);
            };
            match resting.try_send(start) {
                Ok(()) => return Ok(()),
                Err(error) => start = error.into_inner(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn take_all(&mut self) -> BTreeMap<u64, CancellationToken> {
        self.resting.clear();
        std::mem::take(&mut self.links)
    }
}

fn cut_all(links: &BTreeMap<u64, CancellationToken>) {
    for cut in links.values() {
        cut.cancel();
    }
}

impl Link {
    /// The connection broke under a stream; to be said before that stream hears of it.
    pub(crate) fn broke(&self) {
        // Race: the peer cuts all connections at once, and this end learns of them one by one. Who has seen a stream
        // fail with the first would be given a dead one that rests. Defence: what was made before it broke and rests is
        // closed, so that it holds no place at the peer if it lives; what carries a stream goes on until that is over.
        let mut table = self.peer.lock();
        table.rests_from = table.next_link;
        let resting = std::mem::take(&mut table.resting);
        let links = resting
            .iter()
            .filter_map(|(number, _)| table.links.remove_entry(number))
            .collect();
        drop(table);
        cut_all(&links);
    }

    /// Lets the connection rest. `false` when there are enough of them, it was cut, or another broke since it was made.
    pub(crate) fn rest(&self, resting: &Resting) -> bool {
        let mut table = self.peer.lock();
        table.resting.retain(|(_, other)| !other.is_closed());
        let fits = table.resting.len() < self.peer.resting_max
            && table.links.contains_key(&self.number)
            && self.number >= table.rests_from;
        if fits {
            table.resting.push_back((self.number, resting.clone()));
        }
        fits
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.peer.lock().links.remove(&self.number);
    }
}

/// All peers that are known, by address or by connection.
#[derive(Debug)]
pub(crate) struct Peers {
    peers: Mutex<BTreeMap<PeerId, Arc<Peer>>>,
    limits: TcpLimits,
}

impl Peers {
    pub(crate) fn new(limits: &TcpLimits) -> Self {
        Self {
            peers: Mutex::new(BTreeMap::new()),
            limits: limits.clone(),
        }
    }

    /// What is known of a peer; `None` when it is unknown and there are too many.
    pub(crate) fn of(&self, id: PeerId) -> Option<Arc<Peer>> {
        let mut peers = self.lock();
        if let Some(peer) = peers.get(&id) {
            return Some(Arc::clone(peer));
        }
        if peers.len() >= self.limits.peers {
            return None;
        }
        let peer = Arc::new(Peer::new(id, &self.limits));
        peers.insert(id, Arc::clone(&peer));
        Some(peer)
    }

    /// Cuts every connection with everyone.
    pub(crate) fn cut_all(&self) {
        let peers: Vec<_> = self.lock().values().cloned().collect();
        for peer in peers {
            peer.cut();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, Arc<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_an_end() {
        let limits = TcpLimits {
            peers: 2,
            ..TcpLimits::default()
        };
        let peers = Peers::new(&limits);
        assert!(peers.of(PeerId::new(1)).is_some());
        assert!(peers.of(PeerId::new(2)).is_some());
        assert!(peers.of(PeerId::new(3)).is_none());
        assert!(peers.of(PeerId::new(1)).is_some());
    }

    #[test]
    fn a_peer_that_starts_anew_loses_its_old_connections() {
        let peer = Peers::new(&TcpLimits::default()).of(PeerId::new(2)).unwrap();
        let old = peer.join(1, CancellationToken::new());
        let also = peer.join(1, CancellationToken::new());
        assert!(!old.cut.is_cancelled());
        let (resting, _starts) = mpsc::channel(1);
        assert!(old.rest(&resting));
        let new = peer.join(2, CancellationToken::new());
        assert!(old.cut.is_cancelled() && also.cut.is_cancelled() && !new.cut.is_cancelled());
        assert!(peer.lock().resting.is_empty());
        assert!(!also.rest(&resting), "what was cut does not rest");
        assert!(new.rest(&resting));
    }

    #[test]
    fn what_was_made_before_a_connection_broke_rests_no_more() {
        let peer = Peers::new(&TcpLimits::default()).of(PeerId::new(2)).unwrap();
        let join = || peer.join(1, CancellationToken::new());
        let (broken, resting_too, busy) = (join(), join(), join());
        let (resting, _starts) = mpsc::channel(1);
        assert!(resting_too.rest(&resting));
        broken.broke();
        assert!(peer.lock().resting.is_empty());
        assert!(
            resting_too.cut.is_cancelled(),
            "nobody reaches it: it is not to hold a place"
        );
        assert!(!busy.cut.is_cancelled(), "what it carries may go on");
        assert!(!busy.rest(&resting));
        assert!(join().rest(&resting));
    }
}
