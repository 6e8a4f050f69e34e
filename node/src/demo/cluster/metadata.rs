//! Where the metadata is kept: a copy of a Raft log on each node's disk, or one log in memory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use tidegate_raft::{MembershipChange, RaftConfig, RaftStore, RedbDisk};
use tidegate_tablets::{LocalConfig, LocalLog, MetadataStore, NodeId};
use tidegate_transport::Transport;

use super::super::args::MetadataKind;

/// Nodes with a vote at most; more follow the log without one.
const VOTERS_MAX: usize = 5;

/// What the nodes' stores have in common.
#[derive(Debug)]
pub(super) enum Log {
    /// Nothing: each has its own copy.
    Raft,
    /// All of it.
    Local(Arc<LocalLog>),
}

/// One node's store.
#[derive(Debug, Clone)]
pub(super) enum Store {
    Raft(Arc<RaftStore>),
    Local(Arc<dyn MetadataStore>),
}

impl Log {
    pub(super) fn new(kind: MetadataKind) -> Self {
        match kind {
            MetadataKind::Raft => Self::Raft,
            MetadataKind::Local => Self::Local(LocalLog::new(LocalConfig::default())),
        }
    }

    /// The store of a node that starts; what it keeps it keeps in the directory `data`.
    pub(super) async fn store(
        &self,
        id: NodeId,
        transport: &Arc<dyn Transport>,
        data: &Path,
    ) -> Result<Store> {
        if let Self::Local(log) = self {
            return Ok(Store::Local(log.store(id)));
        }
        tokio::fs::create_dir_all(data)
            .await
            .with_context(|| format!("making {}", data.display()))?;
        let file = data.join("raft.redb");
        let disk = RedbDisk::open(&file, id).await;
        let disk = disk.with_context(|| format!("opening the log in {}", file.display()))?;
        let store = RaftStore::start(RaftConfig::default(), Arc::clone(transport), Arc::new(disk));
        Ok(Store::Raft(store.await.context("starting the metadata store")?))
    }

    pub(super) fn stop(&self) {
        if let Self::Local(log) = self {
            log.stop();
        }
    }
}

impl Store {
    pub(super) fn metadata(&self) -> Arc<dyn MetadataStore> {
        match self {
            Self::Raft(store) => Arc::clone(store) as _,
            Self::Local(store) => Arc::clone(store),
        }
    }

    pub(super) const fn raft(&self) -> Option<&Arc<RaftStore>> {
        match self {
            Self::Raft(store) => Some(store),
            Self::Local(_) => None,
        }
    }
}

/// Has the nodes keep one log, if they are on Raft.
pub(super) async fn found(stores: &[&Store]) -> Result<()> {
    let stores: Vec<_> = stores.iter().filter_map(|store| store.raft()).collect();
    let Some(first) = stores.first() else {
        return Ok(());
    };
    let (voters, learners) = stores.split_at(stores.len().min(VOTERS_MAX));
    let voters: BTreeSet<NodeId> = voters.iter().map(|store| store.node()).collect();
    first.found(voters).await.context("founding the cluster")?;
    for learner in learners {
        let id = learner.node();
        let added = first.change(MembershipChange::AddLearner(id)).await;
        added.with_context(|| format!("having node {id} follow the log"))?;
    }
    Ok(())
}
