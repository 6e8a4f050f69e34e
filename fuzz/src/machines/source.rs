//! The receiving end of a stream, with a source that plays a script.

use tidegate_streaming::{BatchSource, Opening, Position, Receipt, SourceError, Throttle};
use tidegate_transport::Duplex;
use tidegate_transport::pipe::pipe;

use super::hostile::Hostile;
use super::script::Script;
use super::session::{Session, frozen};
use super::{UNIT, ended, in_virtual_time, small_pipe, small_streams};

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let mut script = Script::new(input);
        let session = Session::scripted(&mut script);
        let resume = match script.byte() {
            0 => None,
            _ => Some(Position(script.short())),
        };
        let (near, far) = pipe(small_pipe());
        let peer = tokio::spawn(Hostile::new(far, frozen(), script).play());
        // An error is one of the outcomes.
        let _: Result<Receipt, SourceError> = ended("a source", receive(near, resume, &session)).await;
        session.drained().await;
        peer.abort();
    });
}

async fn receive(
    stream: Duplex,
    resume: Option<Position>,
    session: &Session,
) -> Result<Receipt, SourceError> {
    let opening = Opening {
        unit: UNIT,
        frozen: frozen(),
        resume,
    };
    let (guard, config) = (session.guard()?, small_streams());
    let mut source = BatchSource::open(stream, &opening, guard, &config, Throttle::new()).await?;
    let (mut last, mut batches, mut rows) = (opening.resume, 0, 0);
    while let Some(batch) = source.recv().await? {
        assert!(last.is_none_or(|last| last < batch.last), "a batch out of order");
        assert!(batch.payload.len() <= config.batch_bytes_max, "too long a batch");
        assert!(batch.rows > 0, "a batch without rows");
        batches += 1;
        rows += u64::from(batch.rows);
        last = Some(batch.last);
    }
    let receipt = source.accept().await?;
    assert_eq!((receipt.batches, receipt.rows), (batches, rows));
    Ok(receipt)
}
