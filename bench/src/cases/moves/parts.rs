//! The parts of a move, each alone.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use tidegate_engine_fjall::FjallConfig;
use tidegate_guard::{SessionId, SharedGuard, Unfenced};
use tidegate_kv::{StoredValue, decode_rows};
use tidegate_streaming::{Batch, SourceEngine, TargetEngine, UnitId};
use tidegate_transport::PeerId;

use super::rows::{BATCH_BYTES, Total};

/// Reads a unit to its end, and drops it.
pub(crate) async fn scan(engine: &dyn SourceEngine, unit: UnitId, guard: SharedGuard) -> Result<u64> {
    let mut scan = engine.snapshot(unit, guard, None).await?;
    let mut bytes = 0;
    while let Some(batch) = scan.next(BATCH_BYTES).await? {
        bytes += batch.payload.len() as u64;
    }
    Ok(bytes)
}

/// Reads a unit to its end, and sums it up.
pub(crate) async fn total(
    engine: &dyn SourceEngine,
    unit: UnitId,
    mut also: impl FnMut(Batch),
) -> Result<Total> {
    let mut scan = engine.snapshot(unit, Arc::new(Unfenced), None).await?;
    let mut total = Total::default();
    while let Some(batch) = scan.next(BATCH_BYTES).await? {
        total.add(&batch);
        also(batch);
    }
    Ok(total)
}

/// Stages batches, makes them durable, and attaches them.
pub(crate) async fn ingest(
    engine: &dyn TargetEngine,
    (unit, session): (UnitId, SessionId),
    guard: SharedGuard,
    batches: impl Iterator<Item = Result<Batch>>,
) -> Result<()> {
    let source = PeerId::new(1);
    let staging = engine.staging(unit, session, Arc::clone(&guard)).await?;
    for batch in batches {
        staging.stage(Arc::clone(&guard), source, batch?).await?;
    }
    staging.sync(Arc::clone(&guard)).await?;
    staging.attach(guard).await?;
    Ok(())
}

/// Writes the same rows through fjall's own ingestion, durably.
pub(crate) fn fjall(directory: &Path, batches: &[Batch]) -> Result<()> {
    let config = FjallConfig::default();
    let db = Database::builder(directory)
        .cache_size(config.cache_bytes)
        .worker_threads(config.worker_threads)
        .open()?;
    let rows = db.keyspace("rows", KeyspaceCreateOptions::default)?;
    let mut ingestion = rows.start_ingestion()?;
    let mut written = 0_u64;
    for batch in batches {
        for row in decode_rows(&batch.payload).context("a batch of the source's")? {
            ingestion.write(row.key, &*StoredValue::from(row).encode())?;
            written += 1;
        }
    }
    ingestion.finish()?;
    db.persist(PersistMode::SyncAll)?;
    ensure!(written > 0, "nothing was written");
    Ok(())
}
