//! Addresses that are wrong, and that change.

use super::*;
use crate::peers::Peers;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_refused_where_a_connection_exists_and_does_not_last() {
    let place = Place::new();
    let nodes = [place.start(1).await, place.start(2).await];
    let seeds = [(n(2), nodes[1].address.transport.clone())].into();
    let mut peers = Peers::new(n(1), nodes[0].network.clone(), seeds);
    let map = nodes[0].raft.snapshot();
    peers.tell(&map, true).await;
    let two = PeerId::new(2);
    nodes[0].transport.open(two).await.expect("they are linked");

    let mut wrong = founder(&nodes[1]);
    wrong.address.transport = "127.0.0.1:9".to_owned();
    let refused = nodes[0].may_found(&[founder(&nodes[0]), wrong]).await;
    assert!(
        matches!(refused, Err(ClusterError::Unreachable { .. })),
        "{refused:?}"
    );
    peers.tell(&map, true).await;
    nodes[0].transport.disconnect(two);
    nodes[0].transport.open(two).await.expect("they are linked again");
    stop_all(&nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_a_cluster_to_be_founded_again_moves_no_address() {
    let place = Place::new();
    let nodes = found_three(&place).await;
    let mut founders: Vec<Founder> = nodes.iter().map(|node| founder(node)).collect();
    founders[1].address.transport = "127.0.0.1:9".to_owned();
    let address = |node| nodes[0].raft.snapshot().nodes[&node].address.clone();
    let before = address(n(2));
    let refused = nodes[0].found(&founders).await;
    assert!(matches!(refused, Err(ClusterError::Exists { .. })), "{refused:?}");
    assert_eq!(address(n(2)), before);
    let refused = nodes[0].may_found(&founders[..2]).await;
    assert!(
        matches!(refused, Err(ClusterError::AlreadyFounded(_))),
        "{refused:?}"
    );
    let two = PeerId::new(2);
    nodes[0].transport.disconnect(two);
    nodes[0].transport.open(two).await.expect("where it was");
    stop_all(&nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_have_all_moved_find_each_other_by_their_configurations() {
    let place = Place::new();
    let nodes = found_three(&place).await;
    stop_all(&nodes).await;
    drop(nodes);
    let mut moved: Vec<Arc<Running>> = Vec::new();
    for number in 1..=3 {
        let mut config = place.config(number);
        let seeds = moved.iter().map(|node| (node.id, node.address.transport.clone()));
        config.peers = seeds.collect();
        moved.push(place.start_with(config).await);
    }
    until("one leads", || {
        moved.iter().any(|node| node.leading.term().is_some())
    })
    .await;
    until("the metadata says where they are", || {
        let map = moved[0].raft.snapshot();
        let is_there = |node: &Arc<Running>| map.nodes[&node.id].address.as_ref() == Some(&node.address);
        moved.iter().all(is_there)
    })
    .await;
    stop_all(&moved).await;
}
