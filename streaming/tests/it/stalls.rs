//! Streams that do not move, and streams that move slowly on purpose. In paused time.

use std::num::NonZeroU64;
use std::time::Duration;

use tidegate_guard::Rejected;
use tidegate_streaming::{
    BatchSource, EndCause, Opening, PullError, Refusal, RetryClass, STREAM_SERVICE, StreamingConfig, Throttle,
};
use tidegate_transport::service::open_service;
use tokio::time::Instant;

use crate::memory::{Call, Fault};
use crate::networks::Kind;
use crate::rig::{Rig, SOURCE, TARGET, UNIT, ended, small};
use crate::rows::rows;
use crate::session::Session;

const STALL: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_source_that_sends_nothing_is_given_up_as_stalled() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(100, 100), small()).await;
    let mut events = source.context.progress();
    source.engine.fault(Call::Next, 3, Fault::Hold);
    let begun = Instant::now();
    let error = target.pull().await.unwrap_err();
    assert!(
        matches!(
            error,
            PullError::Stalled {
                peer: SOURCE,
                waited: STALL
            }
        ),
        "{error:?}"
    );
    assert_eq!((error.class(), begun.elapsed()), (RetryClass::Now, STALL));
    assert_eq!(
        ended(&mut events).await.0,
        EndCause::Stalled,
        "the peer is told why"
    );
    assert!(target.engine.read(UNIT).is_empty());
    source.engine.release();
    target.pull().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_stalls_the_sender_with_a_bounded_number_of_batches_in_flight() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(5000, 100), small()).await;
    let mut events = source.context.progress();
    let stream = open_service(&*target.transport, SOURCE, STREAM_SERVICE)
        .await
        .unwrap();
    let opening = Opening {
        unit: UNIT,
        frozen: target.session.frozen(),
        resume: None,
    };
    let config = target.context.config();
    let unread = BatchSource::open(stream, &opening, target.session.guard(), config, Throttle::new())
        .await
        .unwrap();
    let begun = Instant::now();
    let (cause, carried) = ended(&mut events).await;
    assert_eq!((cause, begun.elapsed()), (EndCause::Stalled, STALL));
    assert!(carried.batches < 100, "{carried}");
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_whose_engine_hangs_stalls_the_sender_and_hears_of_it() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(5000, 100), small()).await;
    let mut events = source.context.progress();
    target.engine.fault(Call::Stage, 3, Fault::Hold);
    let error = target.pull().await.unwrap_err();
    assert_eq!(error.cause(), EndCause::Stalled, "{error:?}");
    assert_eq!(ended(&mut events).await.0, EndCause::Stalled);
    target.engine.release();
    target.pull().await.unwrap();
    assert_eq!(target.engine.read(UNIT).len(), 5000);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_is_not_accepted_is_no_success() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(10, 100), small()).await;
    let mut events = source.context.progress();
    target.engine.fault(Call::Sync, 0, Fault::Hold);
    let begun = Instant::now();
    let error = target.pull().await.unwrap_err();
    let config = small();
    assert!(matches!(error.cause(), EndCause::Stalled), "{error:?}");
    assert!(begun.elapsed() <= config.engine_timeout + config.settle_wait);
    assert_eq!(ended(&mut events).await.0, EndCause::Stalled);
    assert!(target.engine.read(UNIT).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_attach_that_hangs_is_not_waited_for_for_ever() {
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &rows(10, 100), small()).await;
    target.engine.fault(Call::Attach, 0, Fault::Hold);
    let error = target.pull().await.unwrap_err();
    assert!(matches!(error, PullError::EngineStalled { .. }), "{error:?}");
    target.engine.release();
    while target.engine.read(UNIT).is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(
        target.pull().await.unwrap().attached_before,
        "the call had gone on by itself"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_heard_of_while_the_engine_works() {
    let (rig, _source, target) = Rig::pair(Kind::Mem, &rows(5000, 100), small()).await;
    target.engine.fault(Call::Stage, 3, Fault::Hold);
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    target.engine.held().await;
    let begun = Instant::now();
    rig.network.cut(SOURCE, TARGET);
    assert_eq!(
        pulling.await.unwrap().unwrap_err().cause(),
        EndCause::Disconnected
    );
    assert!(begun.elapsed() <= small().settle_wait);
    target.engine.release();
}

#[tokio::test(start_paused = true)]
async fn a_throttled_stream_is_slow_and_not_stalled() {
    for receive in [false, true] {
        let config = StreamingConfig {
            stall_timeout: Duration::from_secs(2),
            ..small()
        };
        let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(40, 100), config).await;
        let throttle = if receive {
            target.context.receive_throttle()
        } else {
            source.context.send_throttle()
        };
        // A batch of more than 1000 bytes takes more than five times the stall timeout.
        throttle.set(NonZeroU64::new(100));
        let begun = Instant::now();
        let report = target.pull().await.unwrap();
        let wanted = report.streams[0].receipt.bytes as f64 / 100.0;
        let took = begun.elapsed().as_secs_f64();
        assert!(
            (wanted * 0.9..wanted * 1.2).contains(&took),
            "{took} s, wanted {wanted} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_sender_wakes_when_its_session_closes() {
    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(40, 100), small()).await;
    source.context.send_throttle().set(NonZeroU64::new(1));
    let mut events = source.context.progress();
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let pulling = tokio::spawn(async move { puller.pull(request).await });
    events.next().await.unwrap();
    source.session.close();
    source.session.drained().await;
    assert_eq!(
        pulling.await.unwrap().unwrap_err().cause(),
        EndCause::SessionClosed
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_without_a_permit_is_busy_and_holds_nothing_meanwhile() {
    let config = StreamingConfig {
        sends_max: 1,
        ..small()
    };
    let mut rig = Rig::new(Kind::Mem).await;
    let source = rig.node(SOURCE, &Session::new(5), config.clone());
    let target = rig.node(TARGET, &Session::new(5), small());
    source.engine.write(UNIT, &rows(100, 100));
    source.engine.fault(Call::Next, 1, Fault::Hold);
    rig.serve(&source);
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let first = tokio::spawn(async move { puller.pull(request).await });
    source.engine.held().await;
    let holders = source.session.holders();
    let error = target.pull().await.unwrap_err();
    assert!(
        matches!(
            error,
            PullError::SourceRefused {
                refusal: Refusal::Busy,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        source.session.holders(),
        holders,
        "who waits for a permit holds up no drain"
    );
    source.engine.release();
    first.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_target_without_a_permit_is_busy() {
    let config = StreamingConfig {
        receives_max: 1,
        ..small()
    };
    let (_rig, _source, target) = Rig::pair(Kind::Mem, &rows(100, 100), config).await;
    target.engine.fault(Call::Stage, 0, Fault::Hold);
    let (puller, request) = (target.puller(), target.request(&[SOURCE]));
    let first = tokio::spawn(async move { puller.pull(request).await });
    target.engine.held().await;
    let waited = small().permit_wait;
    let error = target.pull().await.unwrap_err();
    assert!(
        matches!(error, PullError::Busy { waited: told } if told == waited),
        "{error:?}"
    );
    target.engine.release();
    first.await.unwrap().unwrap();
    // And one that waits for a permit wakes when its session closes.
    target.session.close();
    let request = Session::new(5);
    let mut pull = target.request_of(&request);
    pull.sources = vec![SOURCE];
    request.close();
    assert!(matches!(
        target.puller().pull(pull).await,
        Err(PullError::Rejected(Rejected::Closing))
    ));
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_pull_from_each_other_do_not_starve_with_one_permit_each() {
    let config = StreamingConfig {
        sends_max: 1,
        receives_max: 1,
        permit_wait: Duration::ZERO,
        ..small()
    };
    let mut rig = Rig::new(Kind::Mem).await;
    let one = rig.node(SOURCE, &Session::new(5), config.clone());
    let two = rig.node(TARGET, &Session::new(5), config);
    one.engine
        .write(tidegate_streaming::UnitId::new(1), &rows(300, 100));
    two.engine
        .write(tidegate_streaming::UnitId::new(2), &rows(300, 100));
    rig.serve(&one);
    rig.serve(&two);
    let mut first = one.request(&[TARGET]);
    first.unit = tidegate_streaming::UnitId::new(2);
    let mut second = two.request(&[SOURCE]);
    second.unit = tidegate_streaming::UnitId::new(1);
    let (one_puller, two_puller) = (one.puller(), two.puller());
    let (first, second) = tokio::join!(one_puller.pull(first), two_puller.pull(second));
    assert_eq!(first.unwrap().streams[0].receipt.rows, 300);
    assert_eq!(second.unwrap().streams[0].receipt.rows, 300);
}
