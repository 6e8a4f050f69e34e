//! Taking connections from peers.

use std::sync::Arc;

use quinn::{Connection, Incoming};
use rustls::pki_types::CertificateDer;
use tidegate_transport::PeerId;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

use crate::close::CloseCode;
use crate::hello::{self, Hello, VERSION};
use crate::link::Link;
use crate::node::Node;
use crate::peers::Verdict;

/// Takes connections until the node closes, so many handshakes at once.
pub(crate) async fn run(node: Arc<Node>) {
    let places = Arc::new(Semaphore::new(node.limits().handshakes));
    loop {
        let incoming = tokio::select! {
            biased;
            () = node.closing() => return,
            incoming = node.endpoint().accept() => incoming,
        };
        let Some(incoming) = incoming else { return };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let server = Arc::clone(&node);
                node.spawn(async move {
                    greet(&server, incoming).await;
                    drop(place);
                });
            }
            Err(_) => incoming.refuse(),
        }
    }
}

/// One connection, up to the welcome.
async fn greet(node: &Arc<Node>, incoming: Incoming) {
    let from = incoming.remote_address();
    let greeted = tokio::select! {
        biased;
        () = node.closing() => return,
        greeted = timeout(node.limits().connect_deadline, handshake(node, incoming)) => greeted,
    };
    match greeted {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => debug!(local = %node.local(), %from, reason, "connection turned away"),
        Err(_) => debug!(local = %node.local(), %from, "connection turned away: no hello in time"),
    }
}

async fn handshake(node: &Arc<Node>, incoming: Incoming) -> Result<(), String> {
    let connection = incoming.accept().map_err(|error| error.to_string())?;
    let connection = connection.await.map_err(|error| error.to_string())?;
    let Some(id) = proven_peer(&connection) else {
        CloseCode::Refused.close(&connection, "the certificate names no node");
        return Err("the certificate names no node".to_owned());
    };
    let (hello, stream) = hello::hear(&connection)
        .await
        .map_err(|error| error.to_string())?;
    if hello.version != VERSION {
        let reason = format!("it speaks wire version {VERSION}, not {}", hello.version);
        CloseCode::Refused.close(&connection, &reason);
        return Err(reason);
    }
    let Some(peer) = node.peers().of(id) else {
        CloseCode::Refused.close(&connection, "it knows too many peers");
        return Err("too many peers".to_owned());
    };
    let link = Link::new(id, hello.incarnation, connection, node.for_streams());
    let (verdict, old) = peer.hear(node.local(), hello, &link);
    if verdict == Verdict::Redundant {
        link.close(CloseCode::Redundant);
        return Ok(());
    }
    // The link is in place before its welcome is sent: whoever reads that can rely on it.
    node.run_link(peer, link, old);
    let own = Hello {
        version: VERSION,
        incarnation: node.incarnation(),
        insist: false,
    };
    hello::welcome(stream, own)
        .await
        .map_err(|error| error.to_string())
}

/// The node that the client's certificate names; its chain, and its cluster, were checked by TLS.
fn proven_peer(connection: &Connection) -> Option<PeerId> {
    let chain = connection
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'static>>>()
        .ok()?;
    tidegate_transport_tls::proven_peer(&chain)
}
