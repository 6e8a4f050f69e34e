//! A node that runs, put together from the crates.

mod announce;
mod cluster;
#[cfg(feature = "inject")]
mod held;
mod hooks;
mod parts;
mod stop;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use tidegate_coordinator::Operator;
use tidegate_engine_fjall::FjallEngine;
use tidegate_inject::Injector;
use tidegate_kv::KvClient;
use tidegate_raft::RaftStore;
use tidegate_replica::Replica;
use tidegate_session::Sessions;
use tidegate_streaming::StreamingContext;
use tidegate_tablets::{MetadataStore as _, NodeAddress, NodeId};
use tidegate_transport::Transport;
use tidegate_transport::service::{Service, ServiceId};
use tidegate_transport_quic::{Identity, IdentityError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use self::cluster::{ClusterError, Founder};
use crate::config::NodeConfig;
use crate::data_dir::DataDir;
use crate::leading::Leading;
use crate::network::Network;
use crate::reports::Reports;

/// A node that runs.
pub(crate) struct Running {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
    pub(crate) config: NodeConfig,
    pub(crate) raft: Arc<RaftStore>,
    /// What may be asked for on any node.
    pub(crate) operator: Arc<Operator>,
    pub(crate) replica: Arc<Replica>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) client: Arc<KvClient>,
    pub(crate) streaming: StreamingContext,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) leading: Arc<Leading>,
    /// What it tells about itself, and asks of the others.
    pub(crate) reports: Arc<Reports>,
    #[cfg_attr(
        not(feature = "inject"),
        allow(dead_code, reason = "only a build with the feature asks it")
    )]
    pub(crate) injector: Injector,
    /// Where this node is to be found, as it tells the others.
    pub(crate) address: NodeAddress,
    /// How often it was started on its data.
    pub(crate) incarnation: u64,
    network: Network,
    fjall: Arc<FjallEngine>,
    /// What answers clients' requests on other nodes.
    requests: (ServiceId, Arc<dyn Service>),
    stopping: watch::Sender<bool>,
    tasks: Mutex<Tasks>,
    /// Held as long as anything of the node lives.
    _data: DataDir,
}

#[derive(Debug, Default)]
struct Tasks {
    router: Option<JoinHandle<()>>,
    leading: Option<JoinHandle<()>>,
    /// End with the store.
    followers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a node, with or without a cluster.
    pub(crate) async fn start(config: NodeConfig) -> Result<Arc<Self>> {
        let running = Arc::new(parts::assemble(config).await?);
        let router = parts::router(&running);
        let reports = hooks::load_reports(&running);
        let leading = Arc::clone(&running.leading);
        let peers =
            crate::peers::Peers::new(running.id, running.network.clone(), running.config.peers.clone());
        let tasks = Tasks {
            router: Some(tokio::spawn(async move { router.run().await })),
            leading: Some(tokio::spawn(async move { leading.follow(reports).await })),
            followers: vec![
                tokio::spawn(peers.follow(Arc::clone(&running.raft))),
                tokio::spawn(Arc::clone(&running.reports).follow()),
                tokio::spawn(announce::announce(
                    Arc::clone(&running.raft),
                    Arc::clone(&running.operator),
                    running.address.clone(),
                    running.config.rack.clone(),
                )),
            ],
        };
        *running.tasks() = tasks;
        Ok(running)
    }

    /// Whether it is on its way to its end: nothing new is to be sent to it.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Whether an operator has excluded it, for ever: it serves nothing any more.
    pub(crate) fn is_excluded(&self) -> bool {
        self.raft.snapshot().is_excluded(self.id)
    }

    /// Whether it belongs to a cluster, as far as it knows.
    pub(crate) fn has_cluster(&self) -> bool {
        let status = self.raft.status();
        !status.voters.is_empty() || status.last.is_some()
    }

    /// Completes when the metadata's log has ended here, for whatever reason: without it a node is of no use any more.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn store_stopped(&self) {
        let mut leaders = self.raft.leaders();
        while leaders.next().await.is_ok() {}
    }

    /// Shows another certificate, and believes other authorities, from the next connection on.
    pub(crate) fn replace_identity(&self, identity: &Identity) -> Result<(), IdentityError> {
        self.network.replace_identity(identity)
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Tasks> {
        self.tasks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("id", &self.id)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// What a node proves itself with, checked against its configuration.
pub(crate) fn identity(config: &NodeConfig) -> Result<Identity> {
    let tls = &config.tls;
    let read = |key: &str, path: &std::path::Path| {
        std::fs::read(path).with_context(|| format!("`tls.{key}`: {} cannot be read", path.display()))
    };
    let (chain, key, ca) = (
        read("certificate", &tls.certificate)?,
        read("key", &tls.key)?,
        read("ca", &tls.ca)?,
    );
    let identity = Identity::from_pem(&chain, &key, &ca)
        .with_context(|| format!("`tls`: {} makes no identity", tls.certificate.display()))?;
    let named = identity.node().as_u64();
    anyhow::ensure!(
        named == config.node.as_u64(),
        "`tls.certificate`: {} is that of node {named}, and this is node {}",
        tls.certificate.display(),
        config.node
    );
    Ok(identity)
}
