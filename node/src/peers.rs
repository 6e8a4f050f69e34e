//! Where the other nodes are: what the configuration says, until the metadata says better.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tidegate_raft::RaftStore;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId};
use tidegate_transport::{PeerId, Transport as _};
use tidegate_transport_quic::QuicTransport;
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, error, info, warn};

/// How long the lookup of one host may take.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(3);

/// How often hosts are looked up anew: their addresses may change.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(30);

/// Host and port, if it is that.
pub(crate) fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match plain {
        Some(six) => six.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '/', ' ']),
    };
    fits.then_some((host, port))
}

/// The first address of a host.
pub(crate) async fn look_up(address: &str) -> Result<SocketAddr> {
    if let Ok(literal) = address.parse() {
        return Ok(literal);
    }
    let found = timeout(LOOKUP_DEADLINE, lookup_host(address)).await;
    let found =
        found.with_context(|| format!("the lookup of {address} did not end within {LOOKUP_DEADLINE:?}"))?;
    let mut found = found.with_context(|| format!("{address} could not be looked up"))?;
    found.next().with_context(|| format!("{address} has no address"))
}

/// Tells the transport where every other node is.
#[derive(Debug)]
pub(crate) struct Peers {
    own: NodeId,
    transport: Arc<QuicTransport>,
    seeds: BTreeMap<NodeId, String>,
    /// What the transport was told, and what that was looked up from.
    told: BTreeMap<NodeId, (String, SocketAddr)>,
    excluded: bool,
}

impl Peers {
    pub(crate) fn new(own: NodeId, transport: Arc<QuicTransport>, seeds: BTreeMap<NodeId, String>) -> Self {
        Self {
            own,
            transport,
            seeds,
            told: BTreeMap::new(),
            excluded: false,
        }
    }

    /// Follows the metadata until the store stops. A node that was excluded closes its transport.
    pub(crate) async fn follow(mut self, raft: Arc<RaftStore>) {
        let mut changes = raft.changes();
        let mut again = Instant::now() + LOOKUP_INTERVAL;
        self.tell(&raft.snapshot(), true).await;
        loop {
            tokio::select! {
                biased;
                update = changes.next() => match update {
                    Ok(update) => self.tell(&update.metadata, false).await,
                    Err(_) => return,
                },
                () = sleep_until(again) => {
                    again = Instant::now() + LOOKUP_INTERVAL;
                    self.tell(&raft.snapshot(), true).await;
                }
            }
        }
    }

    /// Tells what is new; looks every host up again if `anew`.
    async fn tell(&mut self, map: &Metadata, anew: bool) {
        if map.is_excluded(self.own) && !self.excluded {
            self.excluded = true;
            error!(
                "this node was excluded from the cluster: it serves nothing any more; stop it, and add another one \
                under a new number"
            );
            self.transport.shutdown().await;
        }
        let mut book = self.seeds.clone();
        for (node, info) in &map.nodes {
            if info.excluded {
                book.remove(node);
                if *node != self.own && anew {
                    // The replica has cut it off at once; it may have come again.
                    self.transport.disconnect(PeerId::new(node.as_u64()));
                }
            } else if let Some(address) = &info.address {
                book.insert(*node, address.transport.clone());
            }
        }
        book.remove(&self.own);
        for (node, address) in book {
            if !anew && self.told.get(&node).is_some_and(|(known, _)| *known == address) {
                continue;
            }
            match look_up(&address).await {
                Ok(found) => self.tell_one(node, address, found),
                Err(error) => warn!(%node, error = format!("{error:#}"), "do not know where a node is"),
            }
        }
    }

    fn tell_one(&mut self, node: NodeId, address: String, found: SocketAddr) {
        let before = self.told.insert(node, (address, found)).map(|(_, before)| before);
        if before == Some(found) {
            return;
        }
        match self.transport.set_peer_address(PeerId::new(node.as_u64()), found) {
            Ok(()) => {
                debug!(%node, address = %found, "know where a node is");
                if before.is_some() {
                    info!(%node, address = %found, "a node has moved to another address");
                }
            }
            Err(error) => {
                self.told.remove(&node);
                warn!(%node, %error, "a node's address was not taken");
            }
        }
    }
}
