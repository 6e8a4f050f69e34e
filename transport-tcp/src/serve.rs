//! Taking connections from peers, and the life of a connection at the end that took it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tidegate_transport::{Duplex, Incoming, PeerId};
use tidegate_transport_tls::proven_peer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsStream;
use tracing::{debug, warn};

use crate::driver::{Driver, Event, Gone};
use crate::hello::{self, Answer, Hello, NoHello, Welcome};
use crate::node::{ALPN, Node};
use crate::peers::{Link, Peer};
use crate::places::Place;
use crate::socket::{self, Secured};

/// How long to leave the system alone when it has no connection to give: it may have run out of files.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection whose hello has been answered.
struct Welcomed {
    link: Link,
    driver: Driver<Secured>,
    peer: PeerId,
    /// Held as long as the connection lasts.
    _place: Place,
}

/// Takes connections until the node closes, so many handshakes at once; more of them wait in the system's queue.
pub(crate) async fn run(node: Arc<Node>, listener: TcpListener) {
    let handshakes = Arc::new(Semaphore::new(node.limits().handshakes));
    loop {
        let taking = async {
            let handshake = Arc::clone(&handshakes).acquire_owned().await;
            (handshake, listener.accept().await)
        };
        let (handshake, accepted) = tokio::select! {
            biased;
            () = node.closing() => return,
            taken = taking => taken,
        };
        match accepted {
            Ok((socket, from)) => {
                let server = Arc::clone(&node);
                node.spawn(async move {
                    let welcomed = greet(&server, socket, from).await;
                    drop(handshake);
                    if let Some(welcomed) = welcomed {
                        let reason = carry(&server, welcomed).await;
                        debug!(local = %server.local(), %from, reason, "connection ended");
                    }
                });
            }
            Err(error) => {
                warn!(local = %node.local(), %error, "no connection could be taken");
                tokio::select! {
                    biased;
                    () = node.closing() => return,
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// One connection, up to the welcome.
async fn greet(node: &Arc<Node>, socket: TcpStream, from: SocketAddr) -> Option<Welcomed> {
    // Not later than its opener gives up on it.
    let deadline = node.limits().connect_deadline;
    let greeted = tokio::select! {
        biased;
        () = node.closing() => return None,
        greeted = timeout(deadline, handshake(node, socket, from)) => greeted,
    };
    let reason = match greeted {
        Ok(Ok(welcomed)) => return Some(welcomed),
        Ok(Err(reason)) => reason,
        Err(_) => "no hello in time".to_owned(),
    };
    debug!(local = %node.local(), %from, reason, "connection turned away");
    None
}

async fn handshake(node: &Arc<Node>, socket: TcpStream, from: SocketAddr) -> Result<Welcomed, String> {
    let socket = socket::prepare(socket, node.limits().idle_timeout).map_err(|error| error.to_string())?;
    let accepted = node.acceptor().accept(socket).into_fallible().await;
    let mut io = match accepted {
        Ok(secured) => TlsStream::Server(secured),
        Err((error, socket)) => {
            socket::linger(socket).await;
            return Err(error.to_string());
        }
    };
    // rustls demands it over QUIC only: whoever offers none gets through.
    if io.get_ref().1.alpn_protocol() != Some(ALPN) {
        socket::linger(io).await;
        return Err("it names another protocol, or none".to_owned());
    }
    let proven = io.get_ref().1.peer_certificates().and_then(proven_peer);
    let Some(id) = proven else {
        socket::linger(io).await;
        return Err("the certificate names no node".to_owned());
    };
    let hello = match Hello::read(&mut io).await {
        Ok(hello) => hello,
        // In the answer, the client reads which version this is.
        Err(error @ NoHello::Version(_)) => {
            return Err(turn_away(node, io, Answer::Refused, error.to_string()).await);
        }
        Err(error) => return Err(error.to_string()),
    };
    let Some(peer) = node.peers().of(id) else {
        return Err(turn_away(node, io, Answer::Refused, "too many peers".to_owned()).await);
    };
    peer.hint(SocketAddr::new(from.ip(), hello.port));
    // In the table first: a peer that has started anew gets the places of its earlier start.
    let link = peer.join(hello.incarnation, node.cut());
    let Some(place) = place(node, &peer).await else {
        return Err(turn_away(node, io, Answer::Full, "too many connections".to_owned()).await);
    };
    hello::say(&mut io, &welcome(node, Answer::Accepted).encode())
        .await
        .map_err(|error| error.to_string())?;
    Ok(Welcomed {
        link,
        driver: Driver::new(io, node.terms(hello.window, true), node.buffers()),
        peer: id,
        _place: place,
    })
}

/// A place for a connection. A peer keeps count itself; but it hears of an end, and uses the place anew, before this
/// node may have come so far. Half of the handshake's time is for that, so that there is some left for the answer.
async fn place(node: &Node, peer: &Arc<Peer>) -> Option<Place> {
    timeout(node.limits().connect_deadline / 2, peer.inbound.take())
        .await
        .ok()
}

async fn turn_away(node: &Node, mut io: Secured, answer: Answer, reason: String) -> String {
    match hello::say(&mut io, &welcome(node, answer).encode()).await {
        Ok(()) => socket::linger(io).await,
        Err(error) => debug!(%error, "a connection that was turned away broke"),
    }
    reason
}

fn welcome(node: &Node, answer: Answer) -> Welcome {
    Welcome {
        answer,
        incarnation: node.incarnation(),
        window: node.limits().stream_window,
        streams: node.limits().streams_per_peer,
    }
}

/// Carries one stream after the other, and says why no more.
async fn carry(node: &Node, mut welcomed: Welcomed) -> String {
    let (link, driver) = (&welcomed.link, &mut welcomed.driver);
    loop {
        let next = tokio::select! {
            biased;
            () = link.cut.cancelled() => return "cut".to_owned(),
            next = driver.next() => next,
        };
        let over = match next {
            Ok(Event::Begun { stream, is_empty }) => {
                // What was cut short before its first frame, nobody has to hear of.
                let stream = (!is_empty).then_some(stream);
                tokio::select! {
                    biased;
                    () = link.cut.cancelled() => return "cut".to_owned(),
                    over = attend(node, welcomed.peer, driver, stream) => over.inspect_err(|_| link.broke()),
                }
            }
            other => other,
        };
        if let Err(gone) = over {
            return gone.to_string();
        }
    }
}

/// Carries a stream from its first message on; meanwhile it waits to be accepted.
async fn attend(
    node: &Node,
    peer: PeerId,
    driver: &mut Driver<Secured>,
    stream: Option<Duplex>,
) -> Result<Event, Gone> {
    let mut waits = stream.is_some();
    let mut pushing = pin!(async {
        match stream {
            // The node closes, and so does this connection.
            Some(stream) => node.backlog().push(Incoming { peer, stream }).await.is_ok(),
            None => true,
        }
    });
    loop {
        tokio::select! {
            biased;
            _pushed = &mut pushing, if waits => waits = false,
            next = driver.next() => {
                // Its opener may have finished it, have heard that all was taken, and have shut down: then it is whole,
                // and lost with this task only. It waits for room no longer than this node takes streams.
                if waits && next.is_err() {
                    let _pushed = pushing.await;
                }
                return next;
            }
        }
    }
}
