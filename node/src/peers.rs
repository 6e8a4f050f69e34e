//! Where the other nodes are: what the configuration says, until the metadata says better. As long as nobody leads,
//! each in turn: nodes that have all moved find each other by their configurations, and then correct the metadata.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tidegate_raft::RaftStore;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId};
use tidegate_transport::PeerId;
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, error, info, warn};

use crate::network::Network;

/// How long the lookup of one host may take.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(3);

/// How often hosts are looked up anew: their addresses may change.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(30);

/// The same as long as nobody leads: longer than a try to connect takes.
const LEADERLESS_INTERVAL: Duration = Duration::from_secs(6);

/// How long a leader may take to show that it leads.
const LEADER_DEADLINE: Duration = Duration::from_secs(2);

/// Whether somebody leads. The one that led last counts for nothing: it may have moved too, and nobody that cannot reach
/// a majority hears so.
async fn is_led(raft: &RaftStore) -> bool {
    matches!(timeout(LEADER_DEADLINE, raft.read_barrier()).await, Ok(Ok(_)))
}

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
    network: Network,
    seeds: BTreeMap<NodeId, String>,
    /// What the transport was told, and what that was looked up from.
    told: BTreeMap<NodeId, (String, SocketAddr)>,
    excluded: bool,
    /// Whether the configuration wins for now.
    by_seeds: bool,
}

impl Peers {
    pub(crate) fn new(own: NodeId, network: Network, seeds: BTreeMap<NodeId, String>) -> Self {
        Self {
            own,
            network,
            seeds,
            told: BTreeMap::new(),
            excluded: false,
            by_seeds: false,
        }
    }

    /// Follows the metadata until the store stops. A node that was excluded closes its transport.
    pub(crate) async fn follow(mut self, raft: Arc<RaftStore>) {
        let mut changes = raft.changes();
        let mut again = Instant::now() + LEADERLESS_INTERVAL;
        self.tell(&raft.snapshot(), true).await;
        loop {
            tokio::select! {
                biased;
                update = changes.next() => match update {
                    Ok(update) => self.tell(&update.metadata, false).await,
                    Err(_) => return,
                },
                () = sleep_until(again) => {
                    let is_led = is_led(&raft).await;
                    again = Instant::now() + if is_led { LOOKUP_INTERVAL } else { LEADERLESS_INTERVAL };
                    let map = raft.snapshot();
                    self.take_turns(&map, is_led);
                    self.tell(&map, true).await;
                }
            }
        }
    }

    /// Decides whether the configuration wins until the next time.
    fn take_turns(&mut self, map: &Metadata, is_led: bool) {
        let differs = |(node, seed): (&NodeId, &String)| {
            let known = map.nodes.get(node).and_then(|info| info.address.as_ref());
            *node != self.own && known.is_some_and(|address| address.transport != *seed)
        };
        self.by_seeds = !is_led && !self.by_seeds && self.seeds.iter().any(differs);
        if self.by_seeds {
            info!("nobody leads: tries the addresses of the configuration");
        }
    }

    /// Tells what is new; looks every host up again, and tells everything, if `anew`.
    pub(crate) async fn tell(&mut self, map: &Metadata, anew: bool) {
        if map.is_excluded(self.own) && !self.excluded {
            self.excluded = true;
            error!(
                "this node was excluded from the cluster: it serves nothing any more; stop it, and add another one \
                under a new number"
            );
            self.network.transport().shutdown().await;
        }
        let mut book = self.seeds.clone();
        for (node, info) in &map.nodes {
            if info.excluded {
                book.remove(node);
                if *node != self.own && anew {
                    // The replica has cut it off at once; it may have come again.
                    self.network.transport().disconnect(PeerId::new(node.as_u64()));
                }
            } else if let Some(address) = &info.address {
                let seed = book.remove(node).filter(|_| self.by_seeds);
                book.insert(*node, seed.unwrap_or_else(|| address.transport.clone()));
            }
        }
        book.remove(&self.own);
        for (node, address) in book {
            if !anew && self.told.get(&node).is_some_and(|(known, _)| *known == address) {
                continue;
            }
            match look_up(&address).await {
                Ok(found) => self.tell_one(node, address, found, anew),
                Err(error) => warn!(%node, error = format!("{error:#}"), "do not know where a node is"),
            }
        }
    }

    fn tell_one(&mut self, node: NodeId, address: String, found: SocketAddr, anew: bool) {
        let before = self.told.insert(node, (address, found)).map(|(_, before)| before);
        // Told anew also what is known: who founds a cluster or takes a node in has the transport try other addresses.
        if before == Some(found) && !anew {
            return;
        }
        match self.network.set_peer_address(PeerId::new(node.as_u64()), found) {
            Ok(()) if before == Some(found) => {}
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
