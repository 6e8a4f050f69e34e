//! What has panicked starts anew.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tidegate_coordinator::{Load, LoadError, LoadReports};
use tidegate_tablets::Metadata;

use super::*;

/// Panics when it is asked the first time.
#[derive(Debug, Default)]
struct Breaks {
    asked: AtomicUsize,
}

#[async_trait]
impl LoadReports for Breaks {
    async fn load(&self, _metadata: &Metadata) -> Result<Load, LoadError> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(before > 0, "breaks the balancer, as is meant");
        Ok(Load::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_panicked_is_started_anew_in_the_same_term() {
    let place = Place::new();
    let node = place.start(1).await;
    node.found(&[founder(&node)]).await.expect("is founded alone");
    node.operator.set_balancing(true).await.expect("is on");
    until("it leads", || node.leading.term().is_some()).await;
    let term = node.leading.term();
    let leading = Arc::new(Leading::new(
        Arc::clone(&node.raft),
        Arc::clone(&node.transport),
        node.injector.clone(),
    ));
    let breaks = Arc::new(Breaks::default());
    let follows = {
        let (leading, breaks) = (Arc::clone(&leading), Arc::clone(&breaks));
        tokio::spawn(async move { leading.follow(breaks).await })
    };
    until("it is asked again", || breaks.asked.load(Ordering::SeqCst) > 1).await;
    assert_eq!(leading.term(), term);
    leading.stop();
    follows.await.expect("ends");
    node.stop().await;
}
