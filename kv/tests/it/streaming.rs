//! The memory engine keeps what streaming asks of engines, alone and as the storage of a node.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_kv::{
    HybridClock, KvConfig, KvStorage, MemoryEngine, Row, RowStore, Timestamp, encode_rows, share_rows,
};
use tidegate_streaming::conformance::{Specimen, SpecimenRow};
use tidegate_streaming::{Batch, EngineError, Position, SourceEngine, StreamingConfig, TargetEngine, UnitId};
use tidegate_tablets::{NodeId, TabletId};
use tidegate_transport::Transport;
use tidegate_transport::pipe::PipeConfig;
use tidegate_transport_mem::{MemConfig, MemNetwork};

use crate::cluster::{peer, unfenced};

/// A memory engine, and its face to streams.
#[derive(Debug)]
struct Memory {
    engine: MemoryEngine,
    source: Arc<dyn SourceEngine>,
    target: Arc<dyn TargetEngine>,
}

fn to_row(row: &SpecimenRow) -> Row {
    let timestamp = Timestamp {
        time: row.timestamp,
        ..Timestamp::default()
    };
    // Rows without a value are tombstones here: the suite's engine holds them as it holds any other.
    let value = Some(row.value.clone()).filter(|value| !value.is_empty());
    Row {
        key: row.key.clone(),
        timestamp,
        value,
    }
}

fn from_row(row: Row) -> SpecimenRow {
    SpecimenRow {
        key: row.key,
        timestamp: row.timestamp.time,
        value: row.value.unwrap_or_default(),
    }
}

const fn tablet_of(unit: UnitId) -> TabletId {
    TabletId::new(unit.as_u64())
}

#[async_trait]
impl Specimen for Memory {
    fn source(&self) -> Arc<dyn SourceEngine> {
        Arc::clone(&self.source)
    }

    fn target(&self) -> Arc<dyn TargetEngine> {
        Arc::clone(&self.target)
    }

    fn batch(&self, rows: &[SpecimenRow]) -> Batch {
        let rows: Vec<Row> = rows.iter().map(to_row).collect();
        let last = rows.last().map_or_else(Bytes::new, |row| row.key.clone());
        let count = u32::try_from(rows.len()).unwrap();
        Batch {
            payload: encode_rows(&rows).unwrap(),
            rows: count,
            last: Position(last),
        }
    }

    fn rows(&self, batch: &Batch) -> Option<Vec<SpecimenRow>> {
        Some(
            share_rows(&batch.payload)
                .ok()?
                .into_iter()
                .map(from_row)
                .collect(),
        )
    }

    async fn write(&self, unit: UnitId, rows: &[SpecimenRow]) -> Result<(), EngineError> {
        self.engine
            .write(tablet_of(unit), unfenced(), rows.iter().map(to_row).collect())
            .await
    }

    async fn read(&self, unit: UnitId) -> Result<Vec<SpecimenRow>, EngineError> {
        let rows = self
            .engine
            .scan(tablet_of(unit), None, usize::MAX, usize::MAX)
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    async fn crash(self: Box<Self>) -> Option<Box<dyn Specimen>> {
        // What the engine holds is what is durable.
        Some(self)
    }
}

mod engine {
    use super::*;

    async fn make() -> Box<dyn Specimen> {
        let engine = MemoryEngine::new();
        let (source, target) = (Arc::new(engine.clone()), Arc::new(engine.clone()));
        Box::new(Memory {
            engine,
            source,
            target,
        })
    }

    tidegate_streaming::engine_conformance_tests!(make);
}

mod storage {
    use super::*;

    async fn make() -> Box<dyn Specimen> {
        let engine = MemoryEngine::new();
        let transport: Arc<dyn Transport> = MemNetwork::new(MemConfig::default()).join(peer(1)).unwrap();
        let clock = Arc::new(HybridClock::new(NodeId::new(1), 1, || 1_u64));
        let store = Arc::new(engine.clone());
        let storage = KvStorage::open(store, clock, transport, &KvConfig::default())
            .await
            .unwrap();
        let storage = Arc::new(storage);
        Box::new(Memory {
            engine,
            source: Arc::clone(&storage) as _,
            target: storage,
        })
    }

    tidegate_streaming::engine_conformance_tests!(make);
}

#[tokio::test]
async fn the_clock_follows_what_is_staged() {
    let transport: Arc<dyn Transport> = MemNetwork::new(MemConfig::default()).join(peer(1)).unwrap();
    let clock = Arc::new(HybridClock::new(NodeId::new(1), 1, || 1_u64));
    let store = Arc::new(MemoryEngine::new());
    let rows = vec![to_row(&SpecimenRow::new("k", 1 << 40, "v"))];
    store.write(TabletId::new(1), unfenced(), rows).await.unwrap();
    let storage = KvStorage::open(store, Arc::clone(&clock), transport, &KvConfig::default())
        .await
        .unwrap();
    assert!(clock.time() > 1 << 40, "it starts above what the engine holds");
    let session = TabletId::new(2).session_at(tidegate_tablets::Epoch::new(1));
    let staging = storage
        .staging(UnitId::new(2), session, unfenced())
        .await
        .unwrap();
    let rows = [to_row(&SpecimenRow::new("k", 1 << 50, "v"))];
    let batch = Batch {
        payload: encode_rows(&rows).unwrap(),
        rows: 1,
        last: Position("k".into()),
    };
    staging.stage(unfenced(), peer(2), batch).await.unwrap();
    assert!(clock.time() >= 1 << 50);
}

#[tokio::test]
async fn a_batch_that_is_not_as_announced_is_refused() {
    let transport: Arc<dyn Transport> = MemNetwork::new(MemConfig::default()).join(peer(1)).unwrap();
    let clock = Arc::new(HybridClock::new(NodeId::new(1), 1, || 1_u64));
    let store = Arc::new(MemoryEngine::new());
    let storage = KvStorage::open(store, Arc::clone(&clock), transport, &KvConfig::default())
        .await
        .unwrap();
    let session = TabletId::new(2).session_at(tidegate_tablets::Epoch::new(1));
    let staging = storage
        .staging(UnitId::new(2), session, unfenced())
        .await
        .unwrap();
    let rows = [to_row(&SpecimenRow::new("k", 1 << 50, "v"))];
    let batch = |announced: u32, last: &'static str| Batch {
        payload: encode_rows(&rows).unwrap(),
        rows: announced,
        last: Position(last.into()),
    };
    for odd in [batch(2, "k"), batch(1, "m"), batch(1, "a")] {
        let staged = staging.stage(unfenced(), peer(2), odd).await;
        assert!(matches!(staged, Err(EngineError::Decode(_))), "{staged:?}");
    }
    assert_eq!(staging.position(peer(2)).await.unwrap(), None);
    assert!(clock.time() < 1 << 50);
}

/// Whatever may be written can be moved: the longest row is a batch, and that with its header a frame.
#[test]
fn the_longest_row_fits_into_a_batch_and_a_frame() {
    let (kv, streaming) = (KvConfig::default(), StreamingConfig::default());
    let row = Row {
        key: Bytes::from(vec![1; kv.key_bytes_max]),
        timestamp: Timestamp::default(),
        value: Some(Bytes::from(vec![2; kv.batch_bytes_max - kv.key_bytes_max - 32])),
    };
    let payload = encode_rows([&row]).unwrap();
    assert!(
        payload.len() >= kv.batch_bytes_max - 32,
        "as long as a row may be"
    );
    assert!(payload.len() <= streaming.batch_bytes_max, "{}", payload.len());
    let frame = streaming.batch_bytes_max + kv.key_bytes_max + 256;
    assert!(frame <= PipeConfig::default().frame_max);
}
