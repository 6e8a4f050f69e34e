//! What an operator may ask for.

use std::sync::Arc;

use tidegate_coordinator::{Ended, Operator, OperatorError};
use tidegate_tablets::{Change, Epoch, MetadataStore, Proposal, Refused, RequestId, TabletId};

use crate::cluster::{Cluster, n, t};

#[tokio::test(start_paused = true)]
async fn each_ask_is_answered_or_refused_with_its_reason() {
    let cluster = Cluster::new(1).await;
    let operator = &cluster.operator;
    let refused = OperatorError::Refused;
    assert_eq!(
        operator.add_node(n(1)).await,
        Err(refused(Refused::NodeExists(n(1))))
    );
    let nowhere = TabletId::new(99);
    let moved = operator.move_tablet(nowhere, n(1), n(4)).await;
    assert_eq!(moved, Err(refused(Refused::NoTablet(nowhere))));
    assert!(matches!(
        operator.move_tablet(t(0), n(1), n(2)).await,
        Err(OperatorError::Refused(Refused::Invalid(_)))
    ));
    assert!(matches!(
        operator.rebuild(t(0), n(1), n(4)).await,
        Err(OperatorError::Refused(Refused::Invalid(_)))
    ));
    let begun = operator.move_tablet(t(0), n(1), n(4)).await.expect("begun");
    assert_eq!(begun, Epoch::new(2));
    assert_eq!(
        operator.purge(t(0), 5).await,
        Err(refused(Refused::InTransition(t(0))))
    );
    operator.set_balancing(true).await.expect("done");
    assert!(cluster.log.newest().balancing);
    operator.cancel(t(0), begun).await.expect("early enough");
}

#[tokio::test(start_paused = true)]
async fn two_operators_at_the_same_version_do_not_answer_each_other() {
    let cluster = Cluster::new(2).await;
    let other = Operator::new(Arc::clone(&cluster.store) as Arc<dyn MetadataStore>);
    let one = Operator::new(Arc::clone(&cluster.store) as Arc<dyn MetadataStore>);
    let (a, b) = tokio::join!(
        one.move_tablet(t(0), n(1), n(4)),
        other.move_tablet(t(1), n(1), n(4))
    );
    assert!(a.is_ok() && b.is_ok());
    assert!(
        cluster
            .log
            .newest()
            .tablets
            .values()
            .all(|tablet| tablet.transition.is_some())
    );
}

#[tokio::test(start_paused = true)]
async fn an_ask_at_an_old_epoch_is_made_anew() {
    let cluster = Cluster::new(1).await;
    let behind = cluster.log.store(n(2));
    behind.pause();
    let operator = Operator::new(Arc::clone(&behind) as Arc<dyn MetadataStore>);
    let begun = cluster.operator.purge(t(0), 5).await.expect("begun");
    let coordinator = cluster.start();
    cluster.operator.wait_for_end(t(0), begun).await.expect("it ends");
    // Decided at the old epoch, and heard of only when the copy goes on.
    let (moved, ()) = tokio::join!(operator.move_tablet(t(0), n(1), n(4)), async { behind.resume() });
    let begun = moved.expect("begun");
    assert_eq!(operator.wait_for_end(t(0), begun).await, Ok(Ended::Completed));
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_long_after_the_end_is_told_that_it_was_missed() {
    let cluster = Cluster::new(1).await;
    let coordinator = cluster.start();
    let first = cluster.begin_move(0).await;
    cluster.operator.wait_for_end(t(0), first).await.expect("it ends");
    let after = cluster.operator.wait_for_end(t(0), first).await;
    assert_eq!(after, Ok(Ended::Completed), "it began here, and nothing followed");
    for (from, to) in [(4, 1), (1, 4)] {
        let begun = cluster
            .operator
            .move_tablet(t(0), n(from), n(to))
            .await
            .expect("begun");
        cluster.operator.wait_for_end(t(0), begun).await.expect("it ends");
    }
    let late = cluster.operator.wait_for_end(t(0), first).await;
    assert_eq!(late, Err(OperatorError::Missed));
    let stranger = Operator::new(Arc::clone(&cluster.store) as Arc<dyn MetadataStore>);
    assert_eq!(
        stranger.wait_for_end(t(0), first).await,
        Err(OperatorError::Missed)
    );
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_can_be_dropped_and_taken_up_again() {
    let cluster = Cluster::new(1).await;
    let begun = cluster.begin_move(0).await;
    let waited = tokio::time::timeout(
        std::time::Duration::from_secs(1),
        cluster.operator.wait_for_end(t(0), begun),
    );
    assert!(waited.await.is_err(), "nobody moves it");
    let _coordinator = cluster.start();
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_and_the_store_stop_together() {
    let cluster = Cluster::new(1).await;
    let begun = cluster.begin_move(0).await;
    let (waited, ()) = tokio::join!(cluster.operator.wait_for_end(t(0), begun), async {
        cluster.log.stop()
    });
    assert!(matches!(waited, Err(OperatorError::Stopped(_))));
    assert!(matches!(
        cluster.operator.purge(t(0), 9).await,
        Err(OperatorError::Stopped(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_proposal_of_someone_else_is_no_coordinators_business() {
    let cluster = Cluster::new(1).await;
    let coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    // Someone moves the transition by hand, under the coordinator's feet.
    let advance = Change::Advance {
        tablet: t(0),
        expected: begun,
        to: None,
    };
    let proposal = Proposal {
        request: RequestId(7),
        changes: vec![advance],
    };
    let outcomes = cluster.store.propose(proposal).await.expect("decided");
    assert!(outcomes[0].is_err(), "no edge leads there");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    coordinator.stop().await;
}
