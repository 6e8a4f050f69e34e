//! The router of a node, with peers that open streams and say what they like first.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::rpc::{Answers, Handler, RpcService};
use tidegate_transport::service::{Router, RouterConfig, ServiceId};
use tidegate_transport::{PeerId, ResetCode};

use super::cluster::{lines, network, open_all};
use super::script::Script;
use super::session::frozen;
use super::{HOSTILE, NODE, ended, in_virtual_time};

/// Answers every request with itself.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, _peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        for _ in 0..4 {
            answers.send(request.clone()).await?;
        }
        Ok(())
    }
}

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let network = network();
        let (near, far) = (lines(&network, NODE), lines(&network, HOSTILE));
        let config = RouterConfig {
            streams_per_peer: 4,
            ..RouterConfig::default()
        };
        let router = Router::new(Arc::clone(&near), config);
        let router = router.with(ServiceId::new(1), Arc::new(RpcService::new(Echo)));
        let serving = tokio::spawn(async move { router.run().await });
        let peer = tokio::spawn(open_all(far, NODE, frozen(), Script::new(input)));
        // Long enough for every wait that a service grants its callers.
        tokio::time::sleep(super::BOUND / 4).await;
        ended("a shutdown", near.shutdown()).await;
        let served = ended("a router", serving).await;
        assert!(served.is_ok(), "the router panicked: {served:?}");
        peer.abort();
    });
}
