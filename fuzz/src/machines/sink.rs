//! The service that sends streams, with a puller that plays a script.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_guard::Unfenced;
use tidegate_kv::{MemoryEngine, Row, RowStore, Timestamp};
use tidegate_streaming::{StreamService, StreamingContext};
use tidegate_tablets::TabletId;
use tidegate_transport::pipe::pipe;
use tidegate_transport::service::Service;

use super::hostile::Hostile;
use super::script::Script;
use super::session::{Session, frozen};
use super::{HOSTILE, UNIT, ended, in_virtual_time, small_pipe, small_streams};

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let mut script = Script::new(input);
        let session = Session::scripted(&mut script);
        let engine = MemoryEngine::new();
        let unfenced = Arc::new(Unfenced);
        let written = engine.write(TabletId::new(UNIT.as_u64()), unfenced, rows(script.byte()));
        assert!(written.await.is_ok(), "a memory that cannot be written");
        let context = StreamingContext::new(small_streams());
        let service = StreamService::new(Arc::new(engine), Arc::new(session.clone()), context);
        let (near, far) = pipe(small_pipe());
        let peer = tokio::spawn(Hostile::new(far, frozen(), script).play());
        ended("a stream's service", service.serve(HOSTILE, near)).await;
        session.drained().await;
        peer.abort();
    });
}

/// Rows that make some batches.
fn rows(count: u8) -> Vec<Row> {
    let row = |number: u8| Row {
        key: Bytes::from(format!("k{number:04}")),
        timestamp: Timestamp {
            time: u64::from(number),
            node: 1,
            start: 1,
        },
        value: Some(Bytes::from(vec![b'v'; 200])),
    };
    (0..count).map(row).collect()
}
