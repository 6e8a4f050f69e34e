//! What a guard that closes in the middle lets through, and how often it is asked.

use std::sync::atomic::Ordering;

use tidegate_guard::Rejected;
use tidegate_streaming::{EndCause, PullError, SourceEngine, TargetEngine};

use crate::networks::Kind;
use crate::rig::{Rig, SOURCE, TARGET, UNIT, ended, small};
use crate::rows::rows;
use crate::session::Session;

const ROWS: usize = 200;

/// The source's session closes at its check before batch `k`.
async fn source_closes_at(kind: Kind, k: u64) {
    let mut rig = Rig::new(kind).await;
    // The engine's own check, at the snapshot, comes first.
    let source = rig.node(SOURCE, &Session::closing_after(5, k + 1), small());
    let target = rig.node(TARGET, &Session::new(5), small());
    source.engine.write(UNIT, &rows(ROWS, 100));
    rig.serve(&source);
    let mut events = source.context.progress();
    let error = target.pull().await.unwrap_err();
    assert_eq!(error.cause(), EndCause::SessionClosed, "{error:?}");
    let (cause, sent) = ended(&mut events).await;
    assert_eq!(
        (cause, sent.batches),
        (EndCause::SessionClosed, k),
        "the sender hands over exactly k"
    );
    assert!(target.engine.staged_batches() <= k);
    assert!(target.engine.read(UNIT).is_empty(), "nothing is attached");
    source.session.drained().await;
    target.session.close();
    target.session.drained().await;
    target.engine.discard(UNIT, target.session.id).await.unwrap();
    assert!(target.engine.staged().await.unwrap().is_empty());
}

/// The target's session closes at its check before batch `k`.
async fn target_closes_at(kind: Kind, k: u64) {
    let mut rig = Rig::new(kind).await;
    let source = rig.node(SOURCE, &Session::new(5), small());
    // The engine of the target checks once to open the staging area, and once more for every batch.
    let target = rig.node(TARGET, &Session::closing_after(5, 1 + 2 * k), small());
    source.engine.write(UNIT, &rows(ROWS, 100));
    rig.serve(&source);
    let mut events = source.context.progress();
    let error = target.pull().await.unwrap_err();
    assert!(
        matches!(error, PullError::Rejected(Rejected::Closing)),
        "{error:?}"
    );
    assert_eq!(
        target.engine.staged_batches(),
        k,
        "the receiver applies exactly those before"
    );
    assert_eq!(
        ended(&mut events).await.0,
        EndCause::SessionClosed,
        "the peer is told why"
    );
    assert!(target.engine.read(UNIT).is_empty(), "nothing is attached");
    target.session.drained().await;
    source.session.close();
    source.session.drained().await;
}

/// Between the checks: the session closes while both ends wait for each other or their engines.
async fn checks_are_as_many_as_batches(kind: Kind) {
    let (_rig, source, target) = Rig::pair(kind, &rows(ROWS, 100), small()).await;
    let report = target.pull().await.unwrap();
    let batches = report.streams[0].receipt.batches;
    assert!(batches > 10);
    let own = |node: &crate::rig::Node| node.engine.0.own_checks.load(Ordering::SeqCst);
    assert_eq!(
        source.session.checks() - own(&source),
        batches,
        "one before every batch sent"
    );
    assert_eq!(
        target.session.checks() - own(&target),
        batches + 1,
        "one before every batch staged, one to attach"
    );
}

async fn an_idle_sender_wakes_when_its_session_closes(kind: Kind) {
    let (_rig, source, target) = Rig::pair(kind, &rows(ROWS, 100), small()).await;
    source
        .engine
        .fault(crate::memory::Call::Next, 3, crate::memory::Fault::Hold);
    let mut events = source.context.progress();
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    source.engine.held().await;
    source.session.close();
    assert_eq!(ended(&mut events).await.0, EndCause::SessionClosed);
    assert_eq!(
        pulling.await.unwrap().unwrap_err().cause(),
        EndCause::SessionClosed
    );
    source.engine.release();
    source.session.drained().await;
}

async fn an_idle_receiver_wakes_when_its_session_closes(kind: Kind) {
    let (_rig, source, target) = Rig::pair(kind, &rows(ROWS, 100), small()).await;
    source
        .engine
        .fault(crate::memory::Call::Next, 3, crate::memory::Fault::Hold);
    let mut events = source.context.progress();
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    source.engine.held().await;
    target.session.close();
    target.session.drained().await;
    assert!(matches!(
        pulling.await.unwrap(),
        Err(PullError::Rejected(Rejected::Closing))
    ));
    assert_eq!(ended(&mut events).await.0, EndCause::SessionClosed);
    source.engine.release();
}

#[tokio::test]
async fn a_snapshot_shows_no_later_writes() {
    let rig = Rig::new(Kind::Mem).await;
    let node = rig.node(SOURCE, &Session::new(5), small());
    node.engine.write(UNIT, &rows(3, 3));
    let mut scan = node
        .engine
        .snapshot(UNIT, node.session.guard(), None)
        .await
        .unwrap();
    node.engine.write(UNIT, &rows(9, 3));
    assert_eq!(scan.next(1 << 20).await.unwrap().unwrap().rows, 3);
}

macro_rules! over {
    ($($network:ident $kind:expr, $($attribute:meta)?;)*) => {$(
        mod $network {
            use super::*;

            #[tokio::test$(($attribute))?]
            async fn a_sender_whose_guard_closes_at_batch_k_hands_over_exactly_k() {
                for k in [0, 1, 7] {
                    source_closes_at($kind, k).await;
                }
            }

            #[tokio::test$(($attribute))?]
            async fn a_receiver_whose_guard_closes_at_batch_k_applies_k() {
                for k in [0, 1, 7] {
                    target_closes_at($kind, k).await;
                }
            }

            #[tokio::test$(($attribute))?]
            async fn checks_are_as_many_as_batches() {
                super::checks_are_as_many_as_batches($kind).await;
            }

            #[tokio::test$(($attribute))?]
            async fn an_idle_sender_wakes_when_its_session_closes() {
                super::an_idle_sender_wakes_when_its_session_closes($kind).await;
            }

            #[tokio::test$(($attribute))?]
            async fn an_idle_receiver_wakes_when_its_session_closes() {
                super::an_idle_receiver_wakes_when_its_session_closes($kind).await;
            }
        }
    )*};
}

over! {
    mem Kind::Mem, start_paused = true;
    quic Kind::Quic,;
}
