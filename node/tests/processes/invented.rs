//! A member asks under a session that nobody opened: it is refused, and nothing is done.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::{Operation, OperationError, OperationKind, Participants as _};
use tidegate_guard::{FrozenGuard, Rejected, SessionId, Unfenced};
use tidegate_replica::ReplicaClient;
use tidegate_streaming::{
    BatchSource, Opening, Refusal, STREAM_SERVICE, SourceError, StreamingConfig, Throttle, UnitId,
};
use tidegate_tablets::{NodeId, TabletId, Version};
use tidegate_transport::service::open_service;
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_quic::{Identity, QuicConfig, QuicLimits, QuicTransport};

use super::rig::{Cluster, Writer};

const INVENTED: u128 = 0x1234_5678_9abc_def0_1234_5678_9abc_def0;
const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn an_invented_session_opens_nothing() {
    let mut cluster = Cluster::started(5, 1);
    let tablet = cluster.first_tablet();
    let writer = Writer::start(&cluster, "invented");
    let (source, pending) = cluster.source_and_target(tablet);
    let hold = cluster.hold("streaming");
    cluster.begin(tablet, source, pending);
    cluster.until_stage(tablet, "streaming");
    // A member that has a part in nothing: its certificate is good, and it knows all there is to know.
    let part = cluster.replicas(tablet);
    let idle = {
        let mut others = cluster.running().map(|member| member.number);
        let idle = others.find(|node| *node != pending && !part.contains(node));
        idle.expect("a node without a part")
    };
    cluster.member_mut(idle).kill();
    let shown = cluster.tablet(tablet, &[]).expect("a tablet");
    let epoch = shown["epoch"].as_u64().expect("a number");
    let open = shown["transition"]["session"].as_str().expect("a session");
    let open = u128::from_str_radix(&open.replace('-', ""), 16).expect("a number");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let member = Member::of(&cluster, idle);
        for at in [source, pending] {
            for kind in [OperationKind::Stream, OperationKind::Cleanup] {
                // Of the epoch that is in force, and of one that is long gone.
                for epoch in [epoch, 1] {
                    let answer = member.operate(at, kind, tablet, epoch).await;
                    assert_eq!(
                        answer,
                        Err(OperationError::Rejected(Rejected::Closed)),
                        "{kind:?} on {at}"
                    );
                }
            }
            let refused = member.pull(at, tablet, frozen(INVENTED, epoch)).await;
            assert_eq!(refused, Refusal::Rejected(Rejected::Closed), "from {at}");
            // The one that is open opens nothing either, for who is not the pending replica. It was written one change
            // before the stage that uses it.
            let refused = member.pull(at, tablet, frozen(open, epoch - 1)).await;
            assert_eq!(refused, Refusal::NotSource, "from {at}");
        }
        member.transport.shutdown().await;
    });
    cluster.member_mut(idle).start();
    cluster.member(idle).until_ready();
    cluster.release(&hold);
    assert!(cluster.until_ended(tablet).contains(&pending));
    writer.check(&cluster);
}

/// A node that shows a member's certificate, and says what it likes.
struct Member {
    transport: Arc<QuicTransport>,
}

impl Member {
    fn of(cluster: &Cluster, number: u64) -> Self {
        let read = |name: &str| fs::read(cluster.certs().join(name)).expect("reads");
        let (chain, key) = (format!("node-{number}.pem"), format!("node-{number}.key"));
        let identity = Identity::from_pem(&read(&chain), &read(&key), &read("ca.pem"));
        let transport = QuicTransport::bind(QuicConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            identity: identity.expect("an identity"),
            limits: QuicLimits::default(),
        });
        let transport = transport.expect("binds");
        for member in cluster.running() {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, member.transport));
            let told = transport.set_peer_address(PeerId::new(member.number), address);
            told.expect("an address");
        }
        Self { transport }
    }

    async fn operate(
        &self,
        node: u64,
        kind: OperationKind,
        tablet: u64,
        epoch: u64,
    ) -> Result<(), OperationError> {
        let client = ReplicaClient::new(Arc::clone(&self.transport) as _);
        let asked = client.operate(
            NodeId::new(node),
            Operation {
                kind,
                tablet: TabletId::new(tablet),
                frozen: frozen(INVENTED, epoch),
                min_version: Version::new(0),
                deadline: DEADLINE,
            },
        );
        asked.await.expect("an answer")
    }

    async fn pull(&self, node: u64, tablet: u64, frozen: FrozenGuard) -> Refusal {
        let opened = open_service(&*self.transport, PeerId::new(node), STREAM_SERVICE).await;
        let opening = Opening {
            unit: UnitId::new(tablet),
            frozen,
            resume: None,
        };
        let guard = Arc::new(Unfenced);
        let config = StreamingConfig::default();
        let stream = opened.expect("a stream");
        match BatchSource::open(stream, &opening, guard, &config, Throttle::new()).await {
            Err(SourceError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

fn frozen(session: u128, epoch: u64) -> FrozenGuard {
    FrozenGuard {
        session: SessionId::from_u128(session).expect("not nil"),
        epoch,
    }
}
