//! Whole pulls, and what is left of those that failed.

use std::sync::Arc;

use tidegate_guard::Rejected;
use tidegate_streaming::{EndCause, EngineError, ProgressStep, PullError, Refusal, RetryClass, TargetEngine};

use crate::memory::{Call, Fault};
use crate::networks::Kind;
use crate::rig::{OTHER, Rig, SOURCE, TARGET, UNIT, ended, small};
use crate::rows::{row, rows};
use crate::session::{Admit, Session};

#[tokio::test(start_paused = true)]
async fn a_pull_carries_everything() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    let mut events = source.context.progress();
    let report = target.pull().await.unwrap();
    assert!(!report.attached_before);
    assert_eq!(report.streams.len(), 1);
    assert_eq!(report.streams[0].resumed_from, None);
    assert_eq!(report.streams[0].receipt.rows, 100);
    assert_eq!(target.engine.read(UNIT), source.engine.read(UNIT));
    assert_eq!(
        ended(&mut events).await,
        (EndCause::Finished, report.streams[0].receipt)
    );
    target.session.close();
    target.session.drained().await;
    source.session.close();
    source.session.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_of_which_nothing_is_held_is_pulled_as_nothing() {
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &[], small()).await;
    let report = target.pull().await.unwrap();
    assert_eq!(report.streams[0].receipt.batches, 0);
    assert!(target.pull().await.unwrap().attached_before);
}

#[tokio::test(start_paused = true)]
async fn what_was_attached_is_not_pulled_again() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(10, 100), small()).await;
    target.pull().await.unwrap();
    source.engine.write(UNIT, &[row("later", 9, "x")]);
    let scans = source.engine.0.in_scan.load(std::sync::atomic::Ordering::SeqCst);
    let report = target.pull().await.unwrap();
    assert!(report.attached_before && report.streams.is_empty());
    assert_eq!(
        source.engine.0.in_scan.load(std::sync::atomic::Ordering::SeqCst),
        scans
    );
    assert_eq!(target.engine.read(UNIT).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn attach_merges_with_what_was_written_meanwhile() {
    let (_rig, _source, target) =
        Rig::pair(Kind::Mem, &[row("a", 5, "old"), row("b", 5, "new")], small()).await;
    target
        .engine
        .write(UNIT, &[row("a", 8, "newer"), row("b", 2, "older")]);
    target.pull().await.unwrap();
    assert_eq!(
        target.engine.read(UNIT),
        [row("a", 8, "newer"), row("b", 5, "new")]
    );
}

#[tokio::test(start_paused = true)]
async fn two_sources_are_attached_once_when_both_are_whole() {
    let (mut rig, source, target) = Rig::pair(Kind::Mem, &rows(50, 100), small()).await;
    let other = rig.node(OTHER, &source.session, small());
    other
        .engine
        .write(UNIT, &[row("key-000003", 7, "later"), row("zz", 1, "only here")]);
    other.engine.fault(Call::Next, 0, Fault::DiskFull);
    rig.serve(&other);

    let error = target
        .puller()
        .pull(target.request(&[SOURCE, OTHER]))
        .await
        .unwrap_err();
    assert_eq!(error.cause(), EndCause::DiskFull);
    assert!(
        target.engine.read(UNIT).is_empty(),
        "one of two sources is not whole"
    );

    let report = target
        .puller()
        .pull(target.request(&[OTHER, SOURCE, OTHER]))
        .await
        .unwrap();
    assert_eq!(
        report
            .streams
            .iter()
            .map(|stream| stream.peer)
            .collect::<Vec<_>>(),
        [SOURCE, OTHER]
    );
    assert_eq!(
        report.streams[1].resumed_from, None,
        "the position of one source is not that of the other"
    );
    let read = target.engine.read(UNIT);
    assert_eq!(read.len(), 51);
    assert_eq!(read[3], row("key-000003", 7, "later"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_resumed_where_it_was() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(2000, 100), small()).await;
    source.engine.fault(Call::Next, 150, Fault::DiskFull);
    let error = target.pull().await.unwrap_err();
    assert_eq!(
        (error.cause(), error.class()),
        (EndCause::DiskFull, RetryClass::Later)
    );
    assert!(target.engine.read(UNIT).is_empty());
    let report = target.pull().await.unwrap();
    let stream = &report.streams[0];
    assert!(stream.resumed_from.is_some());
    assert!(stream.receipt.rows < 2000);
    assert_eq!(target.engine.read(UNIT), source.engine.read(UNIT));
}

#[tokio::test(start_paused = true)]
async fn another_session_starts_from_zero() {
    let (_rig, source, mut target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    source.engine.fault(Call::Next, 6, Fault::DiskFull);
    target.pull().await.unwrap_err();
    target.session = Session::new(6);
    let error = target.pull().await.unwrap_err();
    assert!(
        matches!(
            error,
            PullError::SourceRefused {
                refusal: Refusal::Rejected(Rejected::Closed),
                ..
            }
        ),
        "the source's guard is of another session: {error:?}"
    );
    assert_eq!(error.class(), RetryClass::Stop);
}

#[tokio::test(start_paused = true)]
async fn every_engine_failure_at_the_target_is_told_to_the_source_and_leaves_nothing_visible() {
    for (call, fault) in [
        (Call::Stage, Fault::DiskFull),
        (Call::Stage, Fault::Panic),
        (Call::Sync, Fault::DiskFull),
        (Call::Sync, Fault::Panic),
    ] {
        let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
        let mut events = source.context.progress();
        target.engine.fault(call, 0, fault);
        let error = target.pull().await.unwrap_err();
        let cause = if fault == Fault::Panic {
            EndCause::Aborted
        } else {
            EndCause::DiskFull
        };
        assert_eq!(error.cause(), cause, "{call:?} {fault:?} {error:?}");
        assert_eq!(ended(&mut events).await.0, cause, "{call:?} {fault:?}");
        assert!(target.engine.read(UNIT).is_empty());
        target.pull().await.unwrap();
        assert_eq!(target.engine.read(UNIT).len(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_attach_leaves_nothing_visible_and_is_repeated() {
    for fault in [Fault::DiskFull, Fault::Panic] {
        let (_rig, _source, target) = Rig::pair(Kind::Mem, &rows(30, 100), small()).await;
        target.engine.fault(Call::Attach, 0, fault);
        assert!(matches!(target.pull().await, Err(PullError::Engine(_))));
        assert!(target.engine.read(UNIT).is_empty());
        let report = target.pull().await.unwrap();
        assert_eq!(report.streams[0].receipt.batches, 0, "everything was staged");
        assert_eq!(target.engine.read(UNIT).len(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_panics_is_no_end() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    source.engine.fault(Call::Next, 3, Fault::Panic);
    assert_eq!(target.pull().await.unwrap_err().cause(), EndCause::Aborted);
    assert!(target.engine.read(UNIT).is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_refusal_reaches_the_puller() {
    for refusal in [
        Refusal::Rejected(Rejected::NotYetOpen { applied: 3 }),
        Refusal::Rejected(Rejected::Closing),
        Refusal::Rejected(Rejected::Closed),
        Refusal::NotSource,
        Refusal::NotMember,
        Refusal::Busy,
        Refusal::NotReady,
    ] {
        let mut rig = Rig::new(Kind::Mem).await;
        let session = Session::new(5);
        let source = rig.node(SOURCE, &session, small());
        let target = rig.node(TARGET, &session, small());
        let admit = Admit {
            session: session.clone(),
            refusal: Some(refusal),
        };
        let service = tidegate_streaming::StreamService::new(
            Arc::new(source.engine.clone()),
            Arc::new(admit),
            source.context.clone(),
        );
        rig.serve_with(&source, Arc::new(service));
        match target.pull().await {
            Err(PullError::SourceRefused {
                peer: SOURCE,
                refusal: told,
            }) => assert_eq!(told, refusal),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn mistakes_of_the_caller_are_named() {
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &[], small()).await;
    let none = target.puller().pull(target.request(&[])).await.unwrap_err();
    assert!(matches!(none, PullError::Sources { count: 0, .. }));
    let mut request = target.request(&[SOURCE]);
    request.guard = Session::new(77).guard();
    let other = target.puller().pull(request).await.unwrap_err();
    assert!(matches!(other, PullError::OtherSession { .. }));
    assert_eq!(other.class(), RetryClass::Hopeless);
    assert!(target.engine.staged().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_pulls_nothing() {
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &rows(3, 3), small()).await;
    let request = target.request(&[SOURCE]);
    target.session.close();
    let error = target.puller().pull(request).await.unwrap_err();
    assert!(matches!(error, PullError::Rejected(Rejected::Closing)));
    assert!(target.engine.staged().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_pull_resets_its_streams_and_leaves_a_started_call_to_its_own_guard() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    let mut events = source.context.progress();
    target.engine.fault(Call::Stage, 1, Fault::Hold);
    let request = target.request(&[SOURCE]);
    let puller = target.puller();
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    target.engine.held().await;
    pulling.abort();
    assert!(pulling.await.unwrap_err().is_cancelled());
    assert_eq!(ended(&mut events).await.0, EndCause::Dropped);
    assert_eq!(target.engine.staged_batches(), 1);

    target.session.close();
    assert!(target.session.holders() > 0, "the started call holds the session");
    target.engine.release();
    target.session.drained().await;
    assert_eq!(
        target.engine.staged_batches(),
        1,
        "its check, right before it took effect, refused"
    );
    assert!(target.engine.read(UNIT).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_service_leaves_a_started_scan_to_its_own_guard() {
    let (rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    source.engine.fault(Call::Next, 3, Fault::Hold);
    let puller = target.puller();
    let request = target.request(&[SOURCE]);
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    source.engine.held().await;
    drop(rig);
    assert!(pulling.await.unwrap().is_err());
    source.session.close();
    assert!(source.session.holders() > 0, "the started call holds the session");
    source.engine.release();
    source.session.drained().await;
}

#[tokio::test(start_paused = true)]
async fn closing_wakes_a_pull_that_waits_for_its_engine_and_the_call_ends_under_its_guard() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    let mut events = source.context.progress();
    target.engine.fault(Call::Attach, 0, Fault::Hold);
    let puller = target.puller();
    let request = target.request(&[SOURCE]);
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    target.engine.held().await;
    assert_eq!(
        ended(&mut events).await.0,
        EndCause::Finished,
        "the receipt is accepted before the attach"
    );
    target.session.close();
    assert!(matches!(
        pulling.await.unwrap(),
        Err(PullError::Rejected(Rejected::Closing))
    ));
    assert!(target.session.holders() > 0);
    target.engine.release();
    target.session.drained().await;
    assert!(
        target.engine.read(UNIT).is_empty(),
        "the attach refused when it was let go"
    );
    target.engine.discard(UNIT, target.session.id).await.unwrap();
    assert!(target.engine.staged().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_attaches_while_an_earlier_attach_is_held() {
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &rows(20, 100), small()).await;
    target.engine.fault(Call::Attach, 0, Fault::Hold);
    let puller = target.puller();
    let request = target.request(&[SOURCE]);
    let first = tokio::spawn(async move { puller.pull(request).await });
    target.engine.held().await;
    first.abort();
    let report = target.pull().await.unwrap();
    assert_eq!(report.streams[0].receipt.batches, 0);
    assert_eq!(target.engine.read(UNIT).len(), 20);
    target.session.close();
    target.engine.release();
    target.session.drained().await;
    assert_eq!(target.engine.read(UNIT).len(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_refuses_a_batch_as_garbage_is_hopeless() {
    let error = PullError::from(EngineError::Decode("x".into()));
    assert_eq!(
        (error.class(), error.cause()),
        (RetryClass::Hopeless, EndCause::Decode)
    );
}

#[tokio::test(start_paused = true)]
async fn progress_tells_start_moves_end_and_attach() {
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &rows(30, 100), small()).await;
    let mut events = target.context.progress();
    let report = target.pull().await.unwrap();
    let mut steps = Vec::new();
    while steps.last() != Some(&ProgressStep::Attached) {
        steps.push(events.next().await.unwrap().step);
    }
    let batches = report.streams[0].receipt.batches as usize;
    assert_eq!(steps.len(), batches + 3);
    assert_eq!(steps[0], ProgressStep::Started);
    assert!(steps[1..=batches].iter().all(|step| *step == ProgressStep::Moved));
    assert_eq!(steps[batches + 1], ProgressStep::Ended(EndCause::Finished));
}
