//! A receiver that ends badly, and a source that must not take it for success.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tidegate_streaming::{BatchSource, EndCause, Opening, STREAM_SERVICE, StreamingConfig, Throttle};
use tidegate_transport::service::open_service;
use tidegate_transport::{Duplex, ResetCode};

use super::{Ending, Moment};
use crate::networks::Kind;
use crate::rig::{Node, Rig, SOURCE, UNIT, ended, small};
use crate::rows::rows;

/// Everything that a receiver owns of a stream at some moment.
enum Held {
    Stream(Duplex),
    Source(Box<BatchSource>),
}

async fn reach(target: &Node, moment: Moment) -> Held {
    let stream = open_service(&*target.transport, SOURCE, STREAM_SERVICE)
        .await
        .unwrap();
    if moment == Moment::BeforeTheFirstByte {
        return Held::Stream(stream);
    }
    let opening = Opening {
        unit: UNIT,
        frozen: target.session.frozen(),
        resume: None,
    };
    let config = target.context.config();
    let mut source = BatchSource::open(stream, &opening, target.session.guard(), config, Throttle::new())
        .await
        .unwrap();
    let mut batches = 0;
    while source.recv().await.unwrap().is_some() {
        batches += 1;
        match moment {
            Moment::MidFrame => {
                // Whether a frame is half there now is up to the network.
                {
                    let mut receiving = pin!(source.recv());
                    poll_fn(|context| {
                        let _ = receiving.as_mut().poll(context);
                        Poll::Ready(())
                    })
                    .await;
                }
                return Held::Source(Box::new(source));
            }
            Moment::BetweenFrames if batches == 3 => return Held::Source(Box::new(source)),
            _ => {}
        }
    }
    Held::Source(Box::new(source))
}

async fn cell(kind: Kind, ending: Ending, moment: Moment) {
    let config = StreamingConfig {
        batch_bytes: 1,
        ..small()
    };
    let (_rig, source, target) = Rig::pair(kind, &rows(40, 100_000), config).await;
    let mut events = source.context.progress();
    let held = reach(&target, moment).await;
    match ending {
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
            Held::Stream(stream) => {
                stream.send.reset(ResetCode::Aborted);
                stream.recv.stop(ResetCode::Aborted);
            }
            Held::Source(source) => source.abort(ResetCode::Aborted),
        },
        Ending::Vanish => {
            target.transport.disconnect(SOURCE);
            drop(held);
        }
    }
    if moment != Moment::BeforeTheFirstByte {
        let cause = ended(&mut events).await.0;
        let expected = match ending {
            Ending::Abort => EndCause::Aborted,
            Ending::Vanish => EndCause::Disconnected,
            _ => EndCause::Dropped,
        };
        assert_eq!(cause, expected, "the first cause is what the source says");
    }
    // Whatever it was, the source serves the next one, and holds nothing of the last.
    target.pull().await.unwrap();
    source.session.close();
    source.session.drained().await;
}

async fn early(held: Held) -> Result<(), ()> {
    let no: Result<(), ()> = Err(());
    no?;
    drop(held);
    Ok(())
}

super::matrix!(super::super::cell);
