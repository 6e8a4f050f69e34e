//! The simulated log keeps the contract of metadata stores, also while its leader changes all the time.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tidegate_sim::recorder::{Recorder, RecorderOptions};
use tidegate_sim::store::{SimLog, SimLogConfig, SimStore};
use tidegate_tablets::NodeId;
use tidegate_tablets::conformance::Cluster;
use tokio::task::JoinSet;

/// A test per case, in virtual time.
macro_rules! cases {
    (($make:expr) $($group:ident :: $name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let case = tidegate_tablets::conformance::Case {
                name: stringify!($name),
                run: |ground| Box::pin(tidegate_tablets::conformance::$group::$name(ground)),
            };
            tidegate_tablets::conformance::run(case, $make).await.unwrap();
        }
    )*};
}

const CHANGES_MAX: usize = 16;

fn log(config: SimLogConfig) -> Arc<SimLog> {
    let recorder = Recorder::new(RecorderOptions::default());
    SimLog::new(fastrand::Rng::with_seed(7), recorder, config)
}

fn handles(log: &Arc<SimLog>, nodes: usize) -> Vec<Arc<SimStore>> {
    (1..=nodes as u64)
        .map(|node| log.store(NodeId::new(node)))
        .collect()
}

fn cluster(handles: Vec<Arc<SimStore>>, keep: Box<dyn Any + Send + Sync>) -> Cluster {
    Cluster {
        stores: handles.iter().map(|store| Arc::clone(store) as _).collect(),
        changes_max: CHANGES_MAX,
        stop: Box::new(move |at| {
            handles[at].stop();
            Box::pin(std::future::ready(()))
        }),
        keep,
    }
}

mod calm {
    use super::*;

    async fn make(nodes: usize) -> Cluster {
        let log = log(SimLogConfig {
            proposal_changes_max: CHANGES_MAX,
            ..SimLogConfig::default()
        });
        let stores = handles(&log, nodes);
        cluster(stores, Box::new(log))
    }

    tidegate_tablets::__each_conformance_case! { { cases } (make) }
}

mod restless {
    use super::*;

    async fn make(nodes: usize) -> Cluster {
        let ms = Duration::from_millis;
        let log = log(SimLogConfig {
            proposal_changes_max: CHANGES_MAX,
            election: ms(0)..=ms(2),
            late: ms(0)..=ms(20),
            ..SimLogConfig::default()
        });
        let mut unrest = JoinSet::new();
        let restless = Arc::clone(&log);
        unrest.spawn(async move {
            let mut turns = tokio::time::interval(ms(7));
            for node in (1..=nodes as u64).cycle() {
                turns.tick().await;
                restless.change_leader();
                restless.install_snapshot(NodeId::new(node));
            }
        });
        cluster(handles(&log, nodes), Box::new(unrest))
    }

    tidegate_tablets::__each_conformance_case! { { cases } (make) }
}
