//! Connecting to a peer.

use std::sync::Arc;
use std::time::Duration;

use quinn::Connection;
use tidegate_transport::{PeerId, TransportError};
use tidegate_transport_tls::expected_name;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::close::{CloseCode, connect_error};
use crate::hello::{self, Hello, VERSION};
use crate::link::Link;
use crate::node::Node;
use crate::peers::Peer;

/// How long the end that is told to wait for the other's connection does so before it insists on its own.
const PATIENCE: Duration = Duration::from_millis(500);

/// One attempt, and its result for all that wait for it.
pub(crate) async fn run(node: Arc<Node>, peer: Arc<Peer>) {
    let mut attempt = Attempt {
        peer: &peer,
        result: None,
    };
    let result = tokio::select! {
        biased;
        () = node.closing() => Err(TransportError::ShutDown),
        // The peer was quicker.
        () = peer.linked() => Ok(()),
        result = dial(&node, &peer) => result,
    };
    if let Err(error) = &result {
        debug!(local = %node.local(), peer = %peer.id(), %error, "no connection");
    }
    attempt.result = Some(result);
}

/// Tells everyone who waits, whatever became of the attempt.
struct Attempt<'a> {
    peer: &'a Peer,
    result: Option<Result<(), TransportError>>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.peer
            .dial_ended(self.result.take().unwrap_or(Err(TransportError::ShutDown)));
    }
}

/// Connects within the deadline and puts the link in place.
async fn dial(node: &Arc<Node>, peer: &Arc<Peer>) -> Result<(), TransportError> {
    let wait = node.limits().connect_deadline;
    let deadline = Instant::now() + wait;
    let mut insist = false;
    loop {
        match timeout_at(deadline, attempt(node, peer, insist)).await {
            Ok(Ok(Some((connection, welcome)))) => {
                let link = Link::new(peer.id(), welcome.incarnation, connection, node.for_streams());
                let old = peer.place(&link);
                node.run_link(Arc::clone(peer), link, old);
                return Ok(());
            }
            Ok(Ok(None)) => {
                let patience = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
                if timeout(patience, peer.linked()).await.is_ok() {
                    return Ok(());
                }
                insist = true;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let reason = format!("no answer within {wait:?}");
                return Err(TransportError::Unreachable {
                    peer: peer.id(),
                    reason,
                });
            }
        }
    }
}

/// One connection up to the welcome; `None` when the peer has or makes another one.
async fn attempt(
    node: &Node,
    peer: &Peer,
    insist: bool,
) -> Result<Option<(Connection, Hello)>, TransportError> {
    let id = peer.id();
    let unreachable = |reason: String| TransportError::Unreachable { peer: id, reason };
    let address = peer
        .address()
        .ok_or_else(|| unreachable("its address is not known".to_owned()))?;
    let connecting = node
        .endpoint()
        .connect_with(node.client_config(), address, &expected_name(id))
        .map_err(|error| unreachable(error.to_string()))?;
    let connection = connecting.await.map_err(|error| connect_error(id, &error))?;
    let own = Hello {
        version: VERSION,
        incarnation: node.incarnation(),
        insist,
    };
    match hello::say(&connection, own).await {
        Ok(welcome) if welcome.version == VERSION => Ok(Some((connection, welcome))),
        Ok(welcome) => Err(wrong_version(&connection, id, welcome.version)),
        Err(_) => not_welcome(&connection, id),
    }
}

/// Why the hello was not answered: the connection's own end says so.
fn not_welcome(connection: &Connection, peer: PeerId) -> Result<Option<(Connection, Hello)>, TransportError> {
    match connection.close_reason() {
        Some(error) if CloseCode::of(&error) == Some(CloseCode::Redundant) => Ok(None),
        Some(error) => Err(connect_error(peer, &error)),
        None => {
            CloseCode::Refused.close(connection, "no welcome");
            Err(TransportError::Refused {
                peer,
                reason: "it answered the hello with something else".to_owned(),
            })
        }
    }
}

fn wrong_version(connection: &Connection, peer: PeerId, theirs: u16) -> TransportError {
    CloseCode::Refused.close(connection, "wire version");
    TransportError::Refused {
        peer,
        reason: format!("it speaks wire version {theirs}, this node {VERSION}"),
    }
}
