//! A cluster of nodes in this process, on loopback, over QUIC where nothing else is said, each with its own directory.

mod addresses;
mod measured;
mod panics;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tidegate_raft::Role;
use tidegate_tablets::{MetadataStore as _, NodeId, TableId, TabletId};
use tidegate_transport::PeerId;
use tidegate_transport_quic::authority::Authority;
use tokio::time::{interval, timeout};

use super::*;
use crate::config::{AdminConfig, LimitsConfig, LogConfig, LogFormat, QuicPath, TlsConfig};
use crate::network::NetworkKind;

const DEADLINE: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(20);

fn n(number: u64) -> NodeId {
    NodeId::new(number)
}

struct Place {
    root: TempDir,
    authority: Authority,
    transport: NetworkKind,
}

impl Place {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a directory"),
            authority: Authority::new("blue").expect("an authority"),
            transport: NetworkKind::default(),
        }
    }

    fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.root.path().join(name);
        std::fs::write(&path, text).expect("writes");
        path
    }

    fn config(&self, number: u64) -> NodeConfig {
        let issued = self
            .authority
            .issue_pem(PeerId::new(number))
            .expect("a certificate");
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        NodeConfig {
            node: n(number),
            data: self.root.path().join(format!("data-{number}")),
            listen: loopback,
            transport: self.transport,
            advertise: None,
            rack: Some(format!("rack-{number}")),
            tls: TlsConfig {
                ca: self.write("ca.pem", self.authority.certificates_pem()),
                certificate: self.write(&format!("{number}.pem"), &issued.certificate),
                key: self.write(&format!("{number}.key"), &issued.key),
            },
            admin: AdminConfig {
                listen: loopback,
                advertise: format!("http://node-{number}.example"),
                token_file: None,
                certificate: None,
            },
            peers: [].into(),
            log: LogConfig {
                format: LogFormat::Text,
                filter: "info".to_owned(),
            },
            limits: LimitsConfig::default(),
            quic: QuicPath::default(),
        }
    }

    async fn start(&self, number: u64) -> Arc<Running> {
        self.start_with(self.config(number)).await
    }

    async fn start_with(&self, config: NodeConfig) -> Arc<Running> {
        Box::pin(Running::start(config)).await.expect("starts")
    }
}

fn founder(running: &Running) -> Founder {
    Founder {
        node: running.id,
        address: running.address.clone(),
        rack: None,
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = timeout(DEADLINE, async {
        let mut pace = interval(PACE);
        while !holds() {
            pace.tick().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn key(number: u32) -> Bytes {
    Bytes::from(format!("key-{number}"))
}

async fn check_rows(running: &Running, table: TableId) {
    for number in 0..20 {
        let value = running.client.get(table, key(number)).await.expect("is read");
        assert_eq!(value, Some(Bytes::from(number.to_string())), "{number}");
    }
}

async fn found_three(place: &Place) -> Vec<Arc<Running>> {
    let mut nodes = Vec::new();
    for number in 1..=3 {
        nodes.push(place.start(number).await);
    }
    let founders: Vec<Founder> = nodes.iter().map(|node| founder(node)).collect();
    // Twice: what was broken off is asked for again.
    for _ in 0..2 {
        nodes[0].found(&founders).await.expect("is founded");
    }
    nodes
}

async fn stop_all(nodes: &[Arc<Running>]) {
    futures_util::future::join_all(nodes.iter().map(|node| node.stop())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_founded_grows_moves_a_tablet_and_outlives_its_leader() {
    let place = Place::new();
    let nodes = grow(&place).await;
    outlive_the_leader(&place, nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_over_tcp_does_the_same() {
    let place = Place {
        transport: NetworkKind::Tcp,
        ..Place::new()
    };
    let nodes = grow(&place).await;
    outlive_the_leader(&place, nodes).await;
}

/// Four nodes, and one table whose first tablet has moved to the last of them.
async fn grow(place: &Place) -> (Vec<Arc<Running>>, TableId) {
    let mut nodes = found_three(place).await;
    let replicas = vec![[n(1), n(2), n(3)].into(), [n(1), n(2), n(3)].into()];
    let table = nodes[1]
        .operator
        .create_table("files".to_owned(), replicas)
        .await
        .expect("a table");
    until("the table is known", || {
        let knows = |node: &Arc<Running>| {
            node.replica
                .map()
                .is_some_and(|map| map.tables.contains_key(&table))
        };
        nodes.iter().all(knows)
    })
    .await;
    for number in 0..20 {
        let written = nodes[2]
            .client
            .put(table, key(number), number.to_string().into())
            .await;
        written.expect("is written");
    }

    nodes.push(place.start(4).await);
    for _ in 0..2 {
        nodes[1].add_member(&founder(&nodes[3])).await.expect("joins");
    }
    until("all four vote", || nodes[3].raft.status().voters.len() == 4).await;
    until("the joined node said in which rack it stands", || {
        let map = nodes[0].raft.snapshot();
        let rack = map.nodes.get(&n(4)).and_then(|info| info.rack.clone());
        rack.as_deref() == Some("rack-4")
    })
    .await;
    let tablet = TabletId::new(0);
    nodes[0]
        .operator
        .move_tablet(tablet, n(1), n(4))
        .await
        .expect("begins");
    until("the tablet has moved", || {
        let map = nodes[3].raft.snapshot();
        let tablet = &map.tablets[&tablet];
        tablet.transition.is_none() && tablet.replicas == [n(2), n(3), n(4)].into()
    })
    .await;
    check_rows(&nodes[3], table).await;
    (nodes, table)
}

async fn outlive_the_leader(place: &Place, (mut nodes, table): (Vec<Arc<Running>>, TableId)) {
    let at = nodes.iter().position(|node| node.leading.term().is_some());
    let leader = nodes.remove(at.expect("one leads"));
    leader.stop().await;
    assert_eq!(leader.leading.status(), None);
    until("another leads", || {
        nodes.iter().any(|node| node.leading.status().is_some())
    })
    .await;
    assert_eq!(
        nodes.iter().filter(|node| node.leading.term().is_some()).count(),
        1
    );
    for node in &nodes {
        check_rows(node, table).await;
    }
    // And comes back on the same data, at another address.
    let (id, incarnation) = (leader.id, leader.incarnation);
    drop(leader);
    let back = place.start(id.as_u64()).await;
    assert_eq!(back.incarnation, incarnation + 1);
    until("it is back", || back.replica.map().is_some()).await;
    until("the others know where", || {
        nodes[0].raft.snapshot().nodes[&id].address.as_ref() == Some(&back.address)
    })
    .await;
    check_rows(&back, table).await;
    nodes.push(back);
    stop_all(&nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_node_serves_nothing_any_more_and_has_no_vote() {
    let place = Place::new();
    let nodes = found_three(&place).await;
    let out = if nodes[2].leading.term().is_some() { 1 } else { 2 };
    nodes[0]
        .operator
        .exclude(nodes[out].id, false)
        .await
        .expect("is excluded");
    until("it has no vote", || nodes[0].raft.status().voters.len() == 2).await;
    until("it knows", || nodes[out].is_excluded()).await;
    let closed = timeout(DEADLINE, async {
        let mut pace = interval(PACE);
        while nodes[out]
            .transport
            .open(PeerId::new(nodes[0].id.as_u64()))
            .await
            .is_ok()
        {
            pace.tick().await;
        }
    });
    closed.await.expect("it calls nobody any more");
    let again = nodes[0].add_member(&founder(&nodes[out])).await;
    assert!(matches!(again, Err(ClusterError::Excluded(_))), "{again:?}");
    stop_all(&nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_not_founded_of_nodes_that_are_not_there() {
    let place = Place::new();
    let node = place.start(1).await;
    assert!(!node.has_cluster());
    let mut absent = founder(&node);
    absent.node = n(2);
    absent.address.transport = "127.0.0.1:9".to_owned();
    let refused = node.found(&[founder(&node), absent.clone()]).await;
    assert!(
        matches!(refused, Err(ClusterError::Unreachable { .. })),
        "{refused:?}"
    );
    let refused = node.found(std::slice::from_ref(&absent)).await;
    assert!(matches!(refused, Err(ClusterError::NotNamed(_))), "{refused:?}");
    let refused = node.add_member(&absent).await;
    assert!(matches!(refused, Err(ClusterError::NoCluster)), "{refused:?}");
    assert_eq!(
        (node.has_cluster(), node.raft.status().role),
        (false, Role::Learner)
    );

    node.found(&[founder(&node)]).await.expect("is founded alone");
    assert!(node.has_cluster());
    node.stop().await;
    assert!(node.is_stopping());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_not_founded_of_a_node_of_another_one() {
    let place = Place::new();
    let nodes = found_three(&place).await;
    let new = [place.start(4).await, place.start(5).await];
    let term = nodes[2].raft.status().term;
    let founders: Vec<Founder> = [&nodes[2], &new[0], &new[1]].map(|node| founder(node)).into();
    let refused = new[0].found(&founders).await;
    assert!(
        matches!(refused, Err(ClusterError::AlreadyFounded(node)) if node == n(3)),
        "{refused:?}"
    );
    assert_eq!(nodes[2].raft.status().term, term);
    assert!(!new[0].has_cluster() && !new[1].has_cluster());
    assert_eq!(nodes[2].raft.status().voters, [n(1), n(2), n(3)].into());
    stop_all(&nodes).await;
    stop_all(&new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_of_another_node_is_refused_before_anything_is_touched() {
    let place = Place::new();
    let mut config = place.config(1);
    config.node = n(2);
    let data = config.data.clone();
    let error = Box::pin(Running::start(config)).await.expect_err("is refused");
    assert!(format!("{error:#}").contains("tls.certificate"), "{error:#}");
    assert!(!Path::exists(&data));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_while_the_cluster_runs() {
    let place = Place::new();
    let nodes = found_three(&place).await;
    let (old, new) = (&place.authority, Authority::new("blue").expect("an authority"));
    let both = format!("{}{}", new.certificates_pem(), old.certificates_pem());
    for (step, believed, reissued) in [
        ("both are believed", both.as_str(), false),
        ("all is issued anew", both.as_str(), true),
        ("the old one is gone", new.certificates_pem(), false),
    ] {
        place.write("ca.pem", believed);
        for node in &nodes {
            if reissued {
                let peer = PeerId::new(node.id.as_u64());
                let issued = new.issue_pem(peer).expect("a certificate");
                place.write(&format!("{}.pem", node.id), &issued.certificate);
                place.write(&format!("{}.key", node.id), &issued.key);
            }
            let identity = identity(&node.config).expect("is read");
            node.replace_identity(&identity).expect("is taken");
        }
        for node in &nodes {
            for peer in 1..=3 {
                node.transport.disconnect(PeerId::new(peer));
            }
        }
        let rack = Some(step.to_owned());
        nodes[0].operator.set_rack(n(1), rack.clone()).await.expect(step);
        until(step, || {
            nodes
                .iter()
                .all(|node| node.raft.snapshot().nodes[&n(1)].rack == rack)
        })
        .await;
    }
    stop_all(&nodes).await;
}
