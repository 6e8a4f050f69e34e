//! Connecting to a peer, and the life of a connection at the end that made it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tidegate_transport::{Duplex, PeerId, TransportError};
use tidegate_transport_tls::expected_name;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsStream;
use tracing::debug;

use crate::driver::{Driver, Event, Gone};
use crate::hello::{self, Answer, Hello, NoHello, Welcome};
use crate::node::{ALPN, Node};
use crate::peers::{Link, Peer, Start};
use crate::socket::{self, Secured};
use crate::stream::Stream;

/// How often an open tries another connection when the one at rest that it was given turns out to be gone.
const ATTEMPTS: usize = 64;

/// A stream to the peer, on a connection at rest or on a new one.
///
/// # Cancel safety
///
/// Safe: the stream is let go of before the peer hears of it; a connection that is being made comes to rest.
pub(crate) async fn open(node: &Arc<Node>, peer: &Arc<Peer>) -> Result<Duplex, TransportError> {
    for _ in 0..ATTEMPTS {
        let waited = node.limits().open_deadline;
        let no_room = |_| TransportError::TooManyStreams {
            peer: peer.id(),
            waited,
        };
        let place = timeout(waited, peer.outbound.take()).await.map_err(no_room)?;
        let (stream, duplex) = Stream::halves(node.bounds());
        let (answer, answered) = oneshot::channel();
        let start = Start {
            stream,
            place,
            answer,
        };
        if let Err(start) = peer.start(start) {
            node.spawn(run(Arc::clone(node), Arc::clone(peer), start));
        }
        if let Ok(answer) = answered.await {
            return answer.map(|()| duplex);
        }
    }
    Err(unreachable(peer.id(), "its connections break as they are made"))
}

/// Makes a connection for a stream, and carries that and later ones. A task of its own: an opener that gives up leaves
/// a connection for the next.
async fn run(node: Arc<Node>, peer: Arc<Peer>, start: Start) {
    let cut = node.cut();
    let wait = node.limits().connect_deadline;
    let deadline = Instant::now() + wait;
    let late = || unreachable(peer.id(), &format!("no answer within {wait:?}"));
    let slot = tokio::select! {
        biased;
        () = cut.cancelled() => return,
        slot = timeout_at(deadline, peer.dials.acquire()) => slot,
    };
    // A connection may have come to rest meanwhile.
    let Err(start) = peer.start(start) else { return };
    let Ok(slot) = slot else {
        return start.answer(Err(late()));
    };
    let dialled = tokio::select! {
        biased;
        () = cut.cancelled() => return,
        dialled = timeout_at(deadline, dial(&node, &peer)) => dialled.unwrap_or_else(|_| Err(late())),
    };
    drop(slot);
    match dialled {
        Ok((io, welcome)) => {
            debug!(local = %node.local(), peer = %peer.id(), "connected");
            let link = peer.join(welcome.incarnation, cut);
            let driver = Driver::new(io, node.terms(welcome.window, false), node.buffers());
            let reason = carry(&node, &link, driver, start).await;
            debug!(local = %node.local(), peer = %peer.id(), reason, "connection ended");
        }
        Err(error) => {
            debug!(local = %node.local(), peer = %peer.id(), %error, "no connection");
            start.answer(Err(error));
        }
    }
}

impl Start {
    /// Ends it before it is carried.
    fn answer(self, answer: Result<(), TransportError>) {
        let Self {
            stream,
            place,
            answer: to,
        } = self;
        drop((stream, place));
        // Who asked may have given up, and needs no answer then.
        let _unheard = to.send(answer).is_err();
    }
}

/// Carries one stream after the other, and says why no more.
async fn carry(node: &Node, link: &Link, mut driver: Driver<Secured>, first: Start) -> String {
    let (resting, mut starts) = mpsc::channel(1);
    let mut next = Some(first);
    loop {
        let start = match next.take() {
            Some(start) => start,
            None => tokio::select! {
                biased;
                () = link.cut.cancelled() => return "cut".to_owned(),
                // Before the next stream, so that none begins on a connection that is known to be gone.
                broken = driver.next() => return reason(&broken),
                start = timeout(node.limits().rest_timeout, starts.recv()) => match start {
                    Ok(Some(start)) => start,
                    Ok(None) | Err(_) => return "it has rested for too long".to_owned(),
                },
            },
        };
        let Start {
            stream,
            place,
            answer,
        } = start;
        driver.begin(stream);
        // Who asked may have given up: then the stream was let go of, and is over at once.
        let _unheard = answer.send(Ok(())).is_err();
        let over = tokio::select! {
            biased;
            () = link.cut.cancelled() => return "cut".to_owned(),
            over = driver.next() => over,
        };
        if over.is_err() {
            link.broke();
        }
        // At rest before its place is free: whoever gets that finds the connection.
        if !matches!(over, Ok(Event::Over)) || !link.rest(&resting) {
            drop(driver);
            drop(place);
            return reason(&over);
        }
        drop(place);
    }
}

fn reason(last: &Result<Event, Gone>) -> String {
    match last {
        Ok(_) => "its last stream is over".to_owned(),
        Err(gone) => gone.to_string(),
    }
}

/// A connection to wherever the peer may be, each place in its share of the time; what is told of a failure is what
/// went wrong at the first.
async fn dial(node: &Node, peer: &Peer) -> Result<(Secured, Welcome), TransportError> {
    let addresses = peer.addresses();
    let wait = node.limits().connect_deadline / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut failure = None;
    for address in addresses {
        let error = match timeout(wait, dial_at(node, peer, address)).await {
            Ok(Ok(dialled)) => return Ok(dialled),
            Ok(Err(error)) => error,
            Err(_) => unreachable(peer.id(), &format!("no answer within {wait:?}")),
        };
        failure.get_or_insert(error);
    }
    Err(failure.unwrap_or_else(|| unreachable(peer.id(), "its address is not known")))
}

/// One connection up to the welcome.
async fn dial_at(
    node: &Node,
    peer: &Peer,
    address: SocketAddr,
) -> Result<(Secured, Welcome), TransportError> {
    let id = peer.id();
    let failed = |error: io::Error| connect_error(id, &error);
    let socket = TcpStream::connect(address).await.map_err(failed)?;
    let socket = socket::prepare(socket, node.limits().idle_timeout).map_err(failed)?;
    let name =
        ServerName::try_from(expected_name(id)).map_err(|error| unreachable(id, &error.to_string()))?;
    let secured = node.connector().connect(name, socket).await.map_err(failed)?;
    let mut io = TlsStream::Client(secured);
    if io.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(refused(id, "it names another protocol, or none"));
    }
    let hello = Hello {
        incarnation: node.incarnation(),
        window: node.limits().stream_window,
        port: node.port(),
    };
    // A server that turns this end away may have closed already; why, is there to be read all the same.
    let said = hello::say(&mut io, &hello.encode()).await;
    let welcome = match Welcome::read(&mut io).await {
        Ok(welcome) => welcome,
        Err(NoHello::Io(error)) => {
            return Err(failed(
                said.err().filter(|_| !is_refusal(&error)).unwrap_or(error),
            ));
        }
        Err(error) => return Err(refused(id, &error.to_string())),
    };
    match welcome.answer {
        Answer::Accepted => {}
        Answer::Refused => return Err(refused(id, "it knows too many peers")),
        Answer::Full => {
            let waited = node.limits().open_deadline;
            return Err(TransportError::TooManyStreams { peer: id, waited });
        }
    }
    let streams = welcome.streams.clamp(1, node.limits().streams_per_peer);
    peer.outbound
        .set_limit(usize::try_from(streams).unwrap_or(usize::MAX));
    Ok((io, welcome))
}

/// Whether TLS ended it, at this end or at the other: the certificates, or what is said is no TLS.
fn is_refusal(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

/// What a connection that did not come about means for the opener.
fn connect_error(peer: PeerId, error: &io::Error) -> TransportError {
    if is_refusal(error) {
        refused(peer, &error.to_string())
    } else {
        unreachable(peer, &error.to_string())
    }
}

fn refused(peer: PeerId, reason: &str) -> TransportError {
    let reason = reason.to_owned();
    TransportError::Refused { peer, reason }
}

fn unreachable(peer: PeerId, reason: &str) -> TransportError {
    let reason = reason.to_owned();
    TransportError::Unreachable { peer, reason }
}
