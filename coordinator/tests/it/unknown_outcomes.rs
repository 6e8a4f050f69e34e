//! Proposals whose answers get lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::{Coordinator, CoordinatorHandle, Ended, Operator, OperatorConfig, OperatorError};
use tidegate_tablets::{MetadataStore, Refused};

use crate::cluster::{Cluster, config, n, t};
use crate::flaky_store::{Fault, FlakyStore};

#[tokio::test(start_paused = true)]
async fn a_coordinators_proposal_goes_again_by_the_same_name_until_it_has_an_answer() {
    for fault in [Fault::Lost, Fault::AnswerLost, Fault::NoAnswer, Fault::NotTaken] {
        let cluster = Cluster::new(1).await;
        let store = FlakyStore::new(&cluster.store, [fault, fault, fault]);
        let coordinator = start(&cluster, &store);
        let begun = cluster.begin_move(0).await;
        let ended = cluster.operator.wait_for_end(t(0), begun).await;
        assert_eq!(ended, Ok(Ended::Completed), "{fault:?}");
        let names: Vec<_> = store.proposed().into_iter().map(|(name, _)| name).collect();
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), 7, "{fault:?}: a name for each change");
        if matches!(fault, Fault::Lost) {
            assert_eq!(names[..4], [names[0]; 4]);
        }
        coordinator.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_proposal_that_is_too_large_is_split() {
    let cluster = Cluster::new(4).await;
    let store = FlakyStore::new(&cluster.store, [Fault::TooLarge; 100]);
    let mut begun = Vec::new();
    for tablet in 0..4 {
        begun.push(cluster.begin_move(tablet).await);
    }
    let _coordinator = start(&cluster, &store);
    for (tablet, begun) in (0..).zip(begun) {
        assert_eq!(
            cluster.operator.wait_for_end(t(tablet), begun).await,
            Ok(Ended::Completed)
        );
    }
    let sizes: Vec<usize> = store.proposed().into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes[0], 4);
    assert!(
        sizes[1..].iter().all(|size| *size == 1),
        "it has learnt: {sizes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operators_ask_is_done_once_however_often_it_is_sent() {
    for fault in [Fault::Lost, Fault::AnswerLost, Fault::NotTaken] {
        let cluster = Cluster::new(1).await;
        let store = FlakyStore::new(&cluster.store, [fault, fault]);
        let operator = Operator::new(Arc::clone(&store) as Arc<dyn MetadataStore>);
        let replicas = vec![[1, 2, 3].map(n).into()];
        operator.create_table("u", replicas).await.expect("a new table");
        assert_eq!(cluster.log.newest().tables.size(), 2, "{fault:?}: one more");
        let names: BTreeSet<_> = store.proposed().into_iter().collect();
        assert_eq!(names.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_unknown_is_said_to_be() {
    let cluster = Cluster::new(1).await;
    let deadline = Duration::from_secs(1);
    for (fault, unknown) in [
        (Fault::Lost, true),
        (Fault::NoAnswer, true),
        (Fault::NotTaken, false),
    ] {
        let store = FlakyStore::new(&cluster.store, [fault; 1000]);
        let config = OperatorConfig {
            deadline,
            ..OperatorConfig::default()
        };
        let operator = Operator::with_config(store as Arc<dyn MetadataStore>, config);
        match operator.set_balancing(true).await {
            Err(OperatorError::Unknown { waited, .. }) => assert!(unknown && waited == deadline, "{fault:?}"),
            Err(OperatorError::NotTaken { waited, .. }) => {
                assert!(!unknown && waited == deadline, "{fault:?}")
            }
            other => panic!("{fault:?}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_begin_whose_answer_was_lost_and_forgotten_is_found_in_the_metadata() {
    let cluster = Cluster::new(1).await;
    let store = FlakyStore::new(&cluster.store, [Fault::Forgotten]);
    let operator = Operator::new(Arc::clone(&store) as Arc<dyn MetadataStore>);
    let begun = operator
        .move_tablet(t(0), n(1), n(4))
        .await
        .expect("begun, by the first try");
    let transition = cluster.log.newest().tablets[&t(0)]
        .transition
        .clone()
        .expect("in transition");
    assert_eq!(begun, transition.begun);
    let again = operator.move_tablet(t(0), n(1), n(4)).await;
    let refused = Refused::InTransition(t(0));
    assert_eq!(
        again,
        Err(OperatorError::Refused(refused)),
        "a second ask is another one"
    );
    let _coordinator = cluster.start();
    assert_eq!(operator.wait_for_end(t(0), begun).await, Ok(Ended::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_coordinators_change_that_was_decided_and_forgotten_is_moot_the_second_time() {
    let cluster = Cluster::new(1).await;
    let store = FlakyStore::new(&cluster.store, [Fault::Forgotten; 5]);
    let coordinator = start(&cluster, &store);
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(cluster.replicas(0), [2, 3, 4]);
    assert!(coordinator.ended().iter().all(|ended| ended.last_error.is_none()));
}

fn start(cluster: &Cluster, store: &Arc<FlakyStore>) -> CoordinatorHandle {
    let store = Arc::clone(store) as Arc<dyn MetadataStore>;
    Coordinator::start(store, Arc::clone(&cluster.nodes) as _, config())
}
