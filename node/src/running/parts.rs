//! From a configuration to the parts of a node.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tidegate_coordinator::{Operator, OperatorConfig};
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_inject::Injector;
use tidegate_kv::{HybridClock, KvClient, KvConfig, KvService, KvStorage, RowStore, SystemClock};
use tidegate_raft::{RAFT_SERVICE, RaftConfig, RaftStore, RedbDisk};
use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};
use tidegate_streaming::{StreamingConfig, StreamingContext};
use tidegate_tablets::{NodeAddress, NodeId};
use tidegate_transport::Transport;
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport_quic::Identity;
use tokio::sync::watch;
use tracing::info;

use super::{Running, Tasks, hooks};
use crate::config::{LimitsConfig, NodeConfig};
use crate::data_dir::DataDir;
use crate::leading::Leading;
use crate::network::{Network, quic_limits};
use crate::reports::{ReportParts, Reports};

/// Everything but what serves and follows.
pub(super) async fn assemble(config: NodeConfig) -> Result<Running> {
    let id = config.node;
    let identity = super::identity(&config)?;
    let cluster = identity.cluster().to_owned();
    // Before anything that writes: who does not get the directory touches nothing.
    let mut data = DataDir::open(&config.data, &cluster, id)?;
    let network = bind(&config, identity)?;
    let transport = network.transport();
    let address = address(&config, &network)?;
    let raft = metadata(&mut data, id, &transport).await?;
    let fjall = FjallEngine::open(data.rows(), engine()).await;
    let fjall = fjall.with_context(|| format!("opening the engine in {}", data.rows().display()))?;
    let rows: Arc<dyn RowStore> = Arc::clone(&fjall) as _;
    let clock = Arc::new(HybridClock::new(id, data.incarnation(), SystemClock));
    let (kv, injector) = (KvConfig::default(), Injector::new());
    let storage = KvStorage::open(Arc::clone(&rows), Arc::clone(&clock), Arc::clone(&transport), &kv).await?;
    #[cfg(feature = "inject")]
    let storage = super::held::HeldStorage::new(storage, injector.clone());
    let streaming = streaming(config.limits).with_injector(injector.clone());
    let sessions: Arc<dyn Sessions> = SessionRegistry::new(SessionConfig::default());
    let replica = Replica::start(ReplicaParts {
        node: id,
        store: Arc::clone(&raft) as _,
        sessions: Arc::clone(&sessions),
        storage: Arc::new(storage),
        transport: Arc::clone(&transport),
        streaming: streaming.clone(),
        config: ReplicaConfig::default(),
    });
    let requests = KvService::new(
        Arc::clone(&replica) as _,
        Arc::clone(&rows),
        Arc::clone(&clock),
        kv.clone(),
    );
    let client = KvClient::new(Arc::clone(&replica) as _, Arc::clone(&transport), clock, kv);
    let leading = Leading::new(Arc::clone(&raft), Arc::clone(&transport), injector.clone());
    let parts = ReportParts {
        leading: Arc::new(leading),
        raft: Arc::clone(&raft),
        sessions: Arc::clone(&sessions),
        rows,
        streaming: streaming.clone(),
        transport: Arc::clone(&transport),
    };
    info!(node = %id, cluster, incarnation = data.incarnation(), address = address.transport, "the node has started");
    Ok(Running {
        id,
        cluster,
        operator: Arc::new(operator(id, data.incarnation(), &raft)),
        leading: Arc::clone(&parts.leading),
        reports: Reports::new(parts),
        raft,
        replica,
        sessions,
        client: Arc::new(client),
        streaming,
        transport,
        injector,
        address,
        incarnation: data.incarnation(),
        network,
        fjall,
        requests: requests.into_service(),
        stopping: watch::Sender::new(false),
        tasks: std::sync::Mutex::new(Tasks::default()),
        config,
        _data: data,
    })
}

fn bind(config: &NodeConfig, identity: Identity) -> Result<Network> {
    let bound = Network::bind(
        config.transport,
        config.listen,
        identity,
        quic_limits(&config.quic),
    );
    bound.with_context(|| format!("`listen`: cannot take connections at {}", config.listen))
}

fn address(config: &NodeConfig, network: &Network) -> Result<NodeAddress> {
    let transport = match &config.advertise {
        Some(advertise) => advertise.clone(),
        None => network.local_addr().context("the own address")?.to_string(),
    };
    let admin = config.admin.advertise.clone();
    Ok(NodeAddress { transport, admin })
}

async fn metadata(data: &mut DataDir, id: NodeId, transport: &Arc<dyn Transport>) -> Result<Arc<RaftStore>> {
    let disk = RedbDisk::open(data.raft(), id).await;
    let disk = disk.with_context(|| format!("opening {}", data.raft().display()))?;
    // Before it promises anything.
    data.log_is_made()?;
    Ok(RaftStore::start(RaftConfig::default(), Arc::clone(transport), Arc::new(disk)).await?)
}

fn operator(node: NodeId, incarnation: u64, raft: &Arc<RaftStore>) -> Operator {
    // Different for different nodes, and for one that was started anew: what two of them ask for at once, both mean.
    let mixed = node.as_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) ^ incarnation;
    let config = OperatorConfig {
        origin: mixed as u32 ^ (mixed >> 32) as u32,
        ..OperatorConfig::default()
    };
    Operator::with_config(Arc::clone(raft) as _, config)
}

/// What answers the other nodes.
pub(super) fn router(running: &Arc<Running>) -> Router {
    let (requests, serves) = running.requests.clone();
    let mut router = Router::new(Arc::clone(&running.transport), RouterConfig::default())
        .with(requests, serves)
        .with(RAFT_SERVICE, running.raft.service());
    for (service, serves) in running
        .replica
        .services()
        .into_iter()
        .chain(hooks::services(running))
    {
        router = router.with(service, serves);
    }
    router
}

/// In builds made for it, a test says after how many bytes the disk is full.
fn engine() -> FjallConfig {
    let mut config = FjallConfig::default();
    if Injector::COMPILED_IN {
        let quota = std::env::var("TIDEGATE_QUOTA_BYTES").ok();
        config.quota_bytes = quota.and_then(|quota| quota.parse().ok());
    }
    config
}

fn streaming(limits: LimitsConfig) -> StreamingContext {
    let defaults = StreamingConfig::default();
    let streaming = StreamingContext::new(StreamingConfig {
        sends_max: limits.sends.unwrap_or(defaults.sends_max),
        receives_max: limits.receives.unwrap_or(defaults.receives_max),
        ..defaults
    });
    streaming.send_throttle().set(limits.send_bytes_per_second);
    streaming.receive_throttle().set(limits.receive_bytes_per_second);
    streaming
}
