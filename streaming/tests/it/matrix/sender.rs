//! A source that ends badly, and a puller that must not take it for success.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use tidegate_streaming::{
    BatchSink, EndCause, PendingSink, Receipt, SinkError, SourceEngine, StreamService, StreamingConfig,
    TargetEngine, Throttle,
};
use tidegate_transport::service::Service;
use tidegate_transport::{Duplex, PeerId, ResetCode, Transport};

use super::{Ending, Moment};
use crate::memory::Engine;
use crate::networks::Kind;
use crate::rig::{Node, Rig, SOURCE, TARGET, UNIT, small};
use crate::rows::{Row, rows};
use crate::session::Session;

/// A source whose first stream ends as the test wants, and all later ones well.
#[derive(Debug)]
struct Scripted {
    ending: Ending,
    moment: Moment,
    done: AtomicBool,
    engine: Engine,
    session: Session,
    config: StreamingConfig,
    transport: Arc<dyn Transport>,
    well: StreamService,
}

/// Everything that a source owns of a stream at some moment.
enum Held {
    Pending(PendingSink),
    Sink(BatchSink),
    Finishing(Pin<Box<dyn Future<Output = Result<Receipt, SinkError>> + Send>>),
}

#[async_trait]
impl Service for Scripted {
    async fn serve(&self, peer: PeerId, stream: Duplex) {
        if self.done.swap(true, Ordering::SeqCst) {
            return self.well.serve(peer, stream).await;
        }
        let held = self.reach(stream).await;
        match self.ending {
            Ending::Drop => drop(held),
            Ending::EarlyReturn => early(held).await.unwrap_err(),
            Ending::Cancel => {
                let task = tokio::spawn(async move {
                    let _held = held;
                    pending::<()>().await;
                });
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
            Ending::Panic => {
                let task = tokio::spawn(async move {
                    let _held = held;
                    panic!("a panic that the test asked for");
                });
                assert!(task.await.unwrap_err().is_panic());
            }
            Ending::Abort => match held {
                Held::Pending(pending) => pending.abort(ResetCode::Aborted),
                Held::Sink(sink) => sink.abort(ResetCode::Aborted),
                Held::Finishing(finishing) => drop(finishing),
            },
            Ending::Vanish => {
                self.transport.disconnect(peer);
                drop(held);
            }
        }
    }
}

async fn early(held: Held) -> Result<(), ()> {
    let no: Result<(), ()> = Err(());
    no?;
    drop(held);
    Ok(())
}

impl Scripted {
    async fn reach(&self, stream: Duplex) -> Held {
        let pending = PendingSink::receive(stream, &self.config).await.unwrap();
        let resume = pending.opening().resume.clone();
        if self.moment == Moment::BeforeTheFirstByte {
            return Held::Pending(pending);
        }
        let guard = self.session.guard();
        let mut sink = pending.accept(Arc::clone(&guard), Throttle::new()).await.unwrap();
        let mut scan = self.engine.snapshot(UNIT, guard, resume).await.unwrap();
        let mut batches = 0;
        while let Some(batch) = scan.next(self.config.batch_bytes).await.unwrap() {
            if self.moment == Moment::MidFrame {
                // As long as the network takes it at once: then a frame is in the middle.
                loop {
                    let mut sending = Box::pin(sink.send(&batch));
                    if poll_fn(|context| Poll::Ready(sending.as_mut().poll(context).is_pending())).await {
                        break;
                    }
                }
                return Held::Sink(sink);
            }
            sink.send(&batch).await.unwrap();
            batches += 1;
            if self.moment == Moment::BetweenFrames && batches == 3 {
                return Held::Sink(sink);
            }
        }
        let mut finishing: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(sink.finish());
        let early = poll_fn(|context| Poll::Ready(finishing.as_mut().poll(context).is_ready())).await;
        assert!(!early, "no receipt was accepted yet");
        Held::Finishing(finishing)
    }
}

/// Batches of one row, each so large that no network takes many at once.
fn wide() -> (Vec<Row>, StreamingConfig) {
    (
        rows(6, 500_000),
        StreamingConfig {
            batch_bytes: 1,
            ..small()
        },
    )
}

async fn scripted(kind: Kind, ending: Ending, moment: Moment) -> (Rig, Node, Node) {
    let (rows, config) = wide();
    let mut rig = Rig::new(kind).await;
    let source = rig.node(SOURCE, &Session::new(5), config.clone());
    let target = rig.node(TARGET, &Session::new(5), config.clone());
    source.engine.write(UNIT, &rows);
    let script = Scripted {
        ending,
        moment,
        done: AtomicBool::new(false),
        engine: source.engine.clone(),
        session: source.session.clone(),
        config,
        transport: Arc::clone(&source.transport),
        well: source.service(),
    };
    rig.serve_with(&source, Arc::new(script));
    (rig, source, target)
}

async fn cell(kind: Kind, ending: Ending, moment: Moment) {
    // Once to be resumed, once to be discarded.
    for resume in [true, false] {
        let (_rig, source, target) = scripted(kind, ending, moment).await;
        let all = source.engine.read(UNIT);
        match target.pull().await {
            // The receipt may have been accepted before the source was gone: then everything is there.
            Ok(_) => {
                assert_eq!(moment, Moment::AfterTheReceiptIsSent);
                assert_eq!(target.engine.read(UNIT), all);
                continue;
            }
            Err(error) => {
                assert_ne!(error.cause(), EndCause::Finished);
                assert!(target.engine.read(UNIT).is_empty(), "visible after {error:?}");
            }
        }
        if resume {
            target.pull().await.unwrap();
            assert_eq!(
                target.engine.staged_batches(),
                all.len() as u64,
                "no batch is carried twice"
            );
            assert_eq!(target.engine.read(UNIT), all);
        } else {
            target.session.close();
            target.session.drained().await;
            assert!(target.engine.read(UNIT).is_empty());
            target.engine.discard(UNIT, target.session.id).await.unwrap();
            assert!(target.engine.staged().await.unwrap().is_empty());
        }
    }
}

super::matrix!(super::super::cell);
