//! A node lets as many streams run as the metadata names, and never fewer than it does by itself.

use tidegate_streaming::StreamingConfig;
use tidegate_tablets::{Change, StreamPermits};

use crate::cluster::{Cluster, SOON};
use crate::node::Network;

#[tokio::test]
async fn permits_follow_the_metadata_and_come_back() {
    let (cluster, _) = Cluster::start(Network::Mem, 1).await;
    let own = StreamingConfig::default();
    for (sends, receives, expected) in [
        (Some(20), None, (20, own.receives_max)),
        (Some(1), Some(64), (own.sends_max, 64)),
        (None, None, (own.sends_max, own.receives_max)),
    ] {
        let permits = StreamPermits { sends, receives };
        cluster.change(Change::SetPermits { permits }).await.unwrap();
        for node in 1..=4 {
            let node = cluster.node(node);
            let version = cluster.log.newest().version;
            node.replica.wait_version(version, SOON).await.unwrap();
            assert_eq!(node.streaming.permits(), expected, "{permits:?}");
        }
    }
}
