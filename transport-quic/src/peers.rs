//! One connection per pair of nodes: who holds it, who makes it, who waits for it.
//!
//! All decisions are taken under one short lock per peer and are pure: no decision waits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_transport::{PeerId, TransportError};
use tokio::sync::watch;

use crate::hello::Hello;
use crate::link::Link;

/// What an opener has to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Use this link.
    Use(Arc<Link>),
    /// Somebody is connecting: wait for the attempt of that number.
    Wait(u64),
    /// Connect, and report as the attempt of that number.
    Dial(u64),
}

/// What the accepting end says to a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    /// This end has a link already, or is making one that goes first.
    Redundant,
}

#[derive(Debug, Default)]
struct PeerState {
    link: Option<Arc<Link>>,
    dialling: bool,
    /// The number of the last attempt that began.
    begun: u64,
    /// The number of the last attempt that ended.
    ended: u64,
    failure: Option<TransportError>,
}

impl PeerState {
    fn live(&self) -> Option<&Arc<Link>> {
        self.link.as_ref().filter(|link| link.is_alive())
    }
}

/// All that is known of one peer.
#[derive(Debug)]
pub(crate) struct Peer {
    id: PeerId,
    state: watch::Sender<PeerState>,
    address: Mutex<Option<SocketAddr>>,
}

impl Peer {
    fn new(id: PeerId) -> Self {
        Self {
            id,
            state: watch::Sender::new(PeerState::default()),
            address: Mutex::new(None),
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.id
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_address(&self, address: SocketAddr) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// Decides for an opener; at most one of them is told to dial.
    pub(crate) fn next(&self) -> Next {
        let mut next = Next::Wait(0);
        self.state.send_if_modified(|state| {
            next = match state.live() {
                Some(link) => Next::Use(Arc::clone(link)),
                None if state.dialling => Next::Wait(state.begun),
                None => {
                    state.dialling = true;
                    state.begun += 1;
                    Next::Dial(state.begun)
                }
            };
            false
        });
        next
    }

    /// Ends an attempt. Nobody else may begin one before.
    pub(crate) fn dial_ended(&self, result: Result<(), TransportError>) {
        self.state.send_modify(|state| {
            state.dialling = false;
            state.ended = state.begun;
            state.failure = result.err();
        });
    }

    /// Waits until there is a link, or the attempt has ended; `Err` is the attempt's own.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn dialled(&self, attempt: u64) -> Result<(), TransportError> {
        let mut states = self.state.subscribe();
        let Ok(state) = states
            .wait_for(|state| state.live().is_some() || state.ended >= attempt)
            .await
        else {
            return Err(TransportError::ShutDown);
        };
        match (&state.failure, state.live()) {
            (Some(failure), None) if state.ended == attempt => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Waits until there is a live link.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn linked(&self) {
        let mut states = self.state.subscribe();
        // The sender lives as long as `self`.
        let _closed = states.wait_for(|state| state.live().is_some()).await.is_err();
    }

    /// Decides on a peer's hello; with a welcome the link is in place, and what was there before is handed back.
    ///
    /// Both ends may connect at the same time: then the connection made by the lower id stays. The other end is told
    /// that its own is redundant, waits for that one, and insists if it does not come.
    pub(crate) fn hear(&self, local: PeerId, hello: Hello, link: &Arc<Link>) -> (Verdict, Option<Arc<Link>>) {
        let mut answer = (Verdict::Redundant, None);
        self.state.send_if_modified(|state| {
            let has_one = state
                .live()
                .is_some_and(|live| live.incarnation == hello.incarnation);
            let makes_one = state.live().is_none() && state.dialling && local < self.id;
            if (has_one || makes_one) && !hello.insist {
                return false;
            }
            answer = (Verdict::Welcome, state.link.replace(Arc::clone(link)));
            true
        });
        answer
    }

    /// Puts a link in place that the peer has welcomed; what was there before is handed back.
    pub(crate) fn place(&self, link: &Arc<Link>) -> Option<Arc<Link>> {
        let mut old = None;
        self.state
            .send_modify(|state| old = state.link.replace(Arc::clone(link)));
        old
    }

    /// Takes the link away, if there is one.
    pub(crate) fn take(&self) -> Option<Arc<Link>> {
        let mut old = None;
        self.state.send_modify(|state| old = state.link.take());
        old
    }

    /// Takes this link away, if it is still the one in place.
    pub(crate) fn forget(&self, link: &Arc<Link>) {
        self.state.send_if_modified(|state| {
            let same = state
                .link
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, link));
            if same {
                state.link = None;
            }
            same
        });
    }
}

/// All peers that are known, by address or by connection.
#[derive(Debug)]
pub(crate) struct Peers {
    peers: Mutex<BTreeMap<PeerId, Arc<Peer>>>,
    limit: usize,
}

impl Peers {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            peers: Mutex::new(BTreeMap::new()),
            limit,
        }
    }

    /// What is known of a peer; `None` when it is unknown and there are too many.
    pub(crate) fn of(&self, id: PeerId) -> Option<Arc<Peer>> {
        let mut peers = self.lock();
        if let Some(peer) = peers.get(&id) {
            return Some(Arc::clone(peer));
        }
        if peers.len() >= self.limit {
            return None;
        }
        let peer = Arc::new(Peer::new(id));
        peers.insert(id, Arc::clone(&peer));
        Some(peer)
    }

    /// Takes every link away.
    pub(crate) fn take_all(&self) -> Vec<Arc<Link>> {
        let peers: Vec<_> = self.lock().values().cloned().collect();
        peers.iter().filter_map(|peer| peer.take()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, Arc<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(peer: PeerId) -> TransportError {
        TransportError::Unreachable {
            peer,
            reason: "silence".to_owned(),
        }
    }

    #[tokio::test]
    async fn one_attempt_serves_every_opener() {
        let peer = Peer::new(PeerId::new(2));
        assert!(matches!(peer.next(), Next::Dial(1)));
        assert!(matches!(peer.next(), Next::Wait(1)));
        peer.dial_ended(Err(unreachable(peer.id())));
        assert_eq!(peer.dialled(1).await, Err(unreachable(peer.id())));
        // The next opener tries anew, and is not told of the failure before its time.
        assert!(matches!(peer.next(), Next::Dial(2)));
        assert!(matches!(peer.next(), Next::Wait(2)));
    }

    #[tokio::test]
    async fn who_waited_for_an_older_attempt_looks_again() {
        let peer = Peer::new(PeerId::new(2));
        assert!(matches!(peer.next(), Next::Dial(1)));
        peer.dial_ended(Err(unreachable(peer.id())));
        assert!(matches!(peer.next(), Next::Dial(2)));
        peer.dial_ended(Err(unreachable(peer.id())));
        assert_eq!(peer.dialled(1).await, Ok(()));
    }

    #[test]
    fn the_table_has_an_end() {
        let peers = Peers::new(2);
        assert!(peers.of(PeerId::new(1)).is_some());
        assert!(peers.of(PeerId::new(2)).is_some());
        assert!(peers.of(PeerId::new(3)).is_none());
        assert!(peers.of(PeerId::new(1)).is_some());
    }
}
