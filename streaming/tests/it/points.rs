//! The injection points: where they hold, and what lets them go.

use std::time::Duration;

use tidegate_guard::Rejected;
use tidegate_inject::{Injector, Params};
use tidegate_streaming::{EndCause, PullError};

use crate::networks::Kind;
use crate::rig::{Node, Rig, SOURCE, TARGET, UNIT, ended, small};
use crate::rows::rows;

const WAIT: Duration = Duration::from_secs(5);

async fn held_at(point: &str) -> (Rig, Node, Node, Injector) {
    let (rig, source, mut target) = Rig::pair(Kind::Mem, &rows(50, 100), small()).await;
    let injector = Injector::new();
    target.context = target.context.clone().with_injector(injector.clone());
    injector.enable(point, Params::once());
    (rig, source, target, injector)
}

/// The seed's story at one end: held just before the attach, the connection cut, the retry through, then let go.
#[tokio::test(start_paused = true)]
async fn a_receiver_held_before_its_attach_refuses_once_its_session_is_closing() {
    let (rig, source, target, injector) = held_at("streaming::before_attach").await;
    let mut events = source.context.progress();
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let first = tokio::spawn(async move { puller.pull(request).await });
    injector
        .wait_for_entries("streaming::before_attach", 1, WAIT)
        .await
        .unwrap();
    assert_eq!(ended(&mut events).await.0, EndCause::Finished);
    rig.network.cut(SOURCE, TARGET);
    // Replaced: nobody waits for the first any more; it is still there, and holds its session.
    first.abort();
    let report = target.pull().await.unwrap();
    assert_eq!(report.streams[0].receipt.batches, 0);
    target.session.close();
    target.session.drained().await;
    assert_eq!(target.engine.read(UNIT).len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_held_before_it_stages_wakes_when_its_session_closes_and_stages_nothing() {
    let (_rig, _source, target, injector) = held_at("streaming::before_stage").await;
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    injector
        .wait_for_entries("streaming::before_stage", 1, WAIT)
        .await
        .unwrap();
    target.session.close();
    target.session.drained().await;
    assert!(matches!(
        pulling.await.unwrap(),
        Err(PullError::Rejected(Rejected::Closing))
    ));
    assert_eq!(target.engine.staged_batches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_held_receiver_goes_on_when_it_is_told_to() {
    for point in ["streaming::before_stage", "streaming::before_attach"] {
        let (_rig, _source, target, injector) = held_at(point).await;
        let (puller, request) = (target.puller(), target.request(&[SOURCE]));
        let pulling = tokio::spawn(async move { puller.pull(request).await });
        injector.wait_for_entries(point, 1, WAIT).await.unwrap();
        injector.message(point, "go on");
        pulling.await.unwrap().unwrap();
        assert_eq!(target.engine.read(UNIT).len(), 50);
    }
}
