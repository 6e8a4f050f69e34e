//! A local log, nodes and an operator.

use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::{
    Coordinator, CoordinatorConfig, CoordinatorHandle, Operator, RetryConfig, TransitionStatus,
};
use tidegate_tablets::{
    Epoch, LocalConfig, LocalLog, LocalStore, Metadata, MetadataStore, NodeId, Stage, TabletId,
};

use crate::nodes::Nodes;

/// Seven nodes, and a table of tablets with replicas 1, 2 and 3.
pub(crate) struct Cluster {
    pub(crate) log: Arc<LocalLog>,
    pub(crate) store: Arc<LocalStore>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) operator: Operator,
}

pub(crate) const fn n(node: u64) -> NodeId {
    NodeId::new(node)
}

pub(crate) const fn t(tablet: u64) -> TabletId {
    TabletId::new(tablet)
}

pub(crate) fn config() -> CoordinatorConfig {
    CoordinatorConfig {
        retry: RetryConfig {
            delay_min: Duration::from_millis(10),
            delay_max: Duration::from_secs(1),
            barrier_failures_max: 6,
            operation_failures_max: 4,
            behind_answers_max: 3,
        },
        ..CoordinatorConfig::default()
    }
}

impl Cluster {
    pub(crate) async fn new(tablets: usize) -> Self {
        let log = LocalLog::new(LocalConfig::default());
        let store = log.store(n(1));
        let operator = Operator::new(Arc::clone(&store) as Arc<dyn MetadataStore>);
        for node in 1..=7 {
            operator.add_node(n(node)).await.expect("a new node");
        }
        let replicas = vec![[1, 2, 3].map(n).into(); tablets];
        operator.create_table("t", replicas).await.expect("a new table");
        Self {
            log,
            store,
            nodes: Arc::default(),
            operator,
        }
    }

    pub(crate) fn start(&self) -> CoordinatorHandle {
        self.start_with(config())
    }

    pub(crate) fn start_with(&self, config: CoordinatorConfig) -> CoordinatorHandle {
        let store = Arc::clone(&self.store) as Arc<dyn MetadataStore>;
        Coordinator::start(store, Arc::clone(&self.nodes) as _, config)
    }

    /// Begins to move a tablet from node 1 to node 4.
    pub(crate) async fn begin_move(&self, tablet: u64) -> Epoch {
        self.operator
            .move_tablet(t(tablet), n(1), n(4))
            .await
            .expect("begun")
    }

    pub(crate) fn replicas(&self, tablet: u64) -> Vec<u64> {
        let metadata = self.log.newest();
        metadata.tablets[&t(tablet)]
            .replicas
            .iter()
            .map(|node| node.as_u64())
            .collect()
    }

    pub(crate) fn stage(&self, tablet: u64) -> Option<Stage> {
        stage_of(&self.log.newest(), tablet)
    }

    pub(crate) async fn until_stage(&self, tablet: u64, stage: Stage) {
        self.until(|metadata| stage_of(metadata, tablet) == Some(stage))
            .await;
    }

    pub(crate) async fn until(&self, is_so: impl Fn(&Metadata) -> bool) {
        let mut changes = self.store.changes();
        let so = async { while !is_so(&changes.next().await.expect("the store runs").metadata) {} };
        // Virtual time: it passes only when nothing else is left to do.
        let waited = tokio::time::timeout(Duration::from_secs(24 * 3600), so).await;
        assert!(waited.is_ok(), "it stays at {:?}", self.log.newest().tablets);
    }

    /// Checks that no transition and no session is left.
    pub(crate) fn check_settled(&self) {
        assert!(
            self.log
                .newest()
                .tablets
                .values()
                .all(|tablet| tablet.transition.is_none())
        );
    }
}

pub(crate) fn stage_of(metadata: &Metadata, tablet: u64) -> Option<Stage> {
    metadata
        .tablets
        .get(&t(tablet))?
        .transition
        .as_ref()
        .map(|transition| transition.stage)
}

/// Gives others their turn until the status is so; the clock stands still meanwhile.
pub(crate) async fn until_status(
    coordinator: &CoordinatorHandle,
    is_so: impl Fn(&[TransitionStatus]) -> bool,
) {
    for _ in 0..10_000 {
        if is_so(&coordinator.status()) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it stays at {:?}", coordinator.status());
}
