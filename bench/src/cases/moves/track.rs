//! Both ends of a move in this process, and the ways of going over it.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tidegate_engine_fjall::FjallEngine;
use tidegate_guard::{SessionId, Unfenced};
use tidegate_kv::KvStorage;
use tidegate_streaming::{Batch, Receipt, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;
use tidegate_transport_quic::authority::Authority;
use tokio::runtime::{Builder, Runtime};

use super::engines::Offered;
use super::node::Node;
use super::parts;
use super::rows::{Rows, Total};
use crate::case::Sample;
use crate::process::Span;
use crate::sinkhole::Sinkhole;

/// The tablet in the source's store.
pub(crate) const STORED: UnitId = UnitId::new(1);
/// The same, as the engine calls it.
const TABLET: TabletId = TabletId::new(1);
const IN_MEMORY: UnitId = UnitId::new(2);
pub(crate) const SOURCE: PeerId = PeerId::new(1);
pub(crate) const TARGET: PeerId = PeerId::new(2);

type Way = fn(&Track) -> Result<Sample>;

/// The ways, by their names.
pub(crate) const WAYS: [(&str, Way); 5] = [
    ("move", Track::whole),
    ("scan", Track::scan),
    ("wire", Track::wire),
    ("ingest", Track::ingest),
    ("fjall", Track::fjall),
];

/// Both ends, the source's filled.
#[derive(Debug)]
pub(crate) struct Track {
    source: Node,
    source_runtime: Runtime,
    offered: Arc<Offered>,
    target: Node,
    target_runtime: Runtime,
    batches: Arc<Vec<Batch>>,
    total: Total,
    sessions: Cell<u128>,
    _source_files: TempDir,
}

/// An empty engine at the target; its files go with it.
struct Fresh {
    engine: Arc<FjallEngine>,
    storage: Arc<KvStorage>,
    _files: TempDir,
}

impl Track {
    pub(crate) fn new(rows: Rows) -> Result<Self> {
        let authority = Authority::new("bench")?;
        let (source_runtime, target_runtime) = (runtime()?, runtime()?);
        let source = on(&source_runtime, || Node::bind(SOURCE, &authority))?;
        let target = on(&target_runtime, || Node::bind(TARGET, &authority))?;
        source.knows(TARGET, target.address()?)?;
        target.knows(SOURCE, source.address()?)?;
        let files = files()?;
        source_runtime.block_on(fill(files.path().into(), STORED, rows))?;
        let (_, storage) = source_runtime.block_on(source.storage(files.path()))?;
        let mut batches = Vec::new();
        let total = source_runtime.block_on(parts::total(&storage, STORED, |batch| batches.push(batch)))?;
        ensure!(total.rows == rows.count(), "the source lacks rows: {total:?}");
        let batches = Arc::new(batches);
        let offered = Arc::new(Offered {
            storage,
            in_memory: IN_MEMORY,
            batches: Arc::clone(&batches),
        });
        on(&source_runtime, || source.serve(Arc::clone(&offered) as _));
        Ok(Self {
            source,
            source_runtime,
            offered,
            target,
            target_runtime,
            batches,
            total,
            sessions: Cell::new(0),
            _source_files: files,
        })
    }

    fn whole(&self) -> Result<Sample> {
        let fresh = self.fresh()?;
        let storage = Arc::clone(&fresh.storage);
        let (receipt, span) = self.pulled(STORED, storage, Some(Arc::clone(&fresh.engine)))?;
        self.verify(fresh)?;
        self.agreed(&receipt)?;
        Ok(self.sample(&span))
    }

    fn scan(&self) -> Result<Sample> {
        let session = self.begin()?;
        let guard = self.source.guard(session, "scan")?;
        let offered = Arc::clone(&self.offered);
        let scanning = async move { parts::scan(&*offered, STORED, guard).await };
        let (bytes, span) = on_worker(&self.source_runtime, scanning);
        ensure!(bytes? == self.total.bytes, "the scan lacks bytes");
        self.end(session)?;
        Ok(self.sample(&span))
    }

    fn wire(&self) -> Result<Sample> {
        let (receipt, span) = self.pulled(IN_MEMORY, Arc::new(Sinkhole), None)?;
        self.agreed(&receipt)?;
        Ok(self.sample(&span))
    }

    fn ingest(&self) -> Result<Sample> {
        let fresh = self.fresh()?;
        let session = self.begin()?;
        let guard = self.target.guard(session, "ingest")?;
        let (engine, batches) = (Arc::clone(&fresh.engine), Arc::clone(&self.batches));
        let ingesting = async move {
            let batches = batches.iter().map(|batch| Ok(batch.clone()));
            parts::ingest(&*engine, (STORED, session), guard, batches).await?;
            Ok(engine.fold(TABLET).await?)
        };
        let (ingested, span) = on_worker(&self.target_runtime, ingesting);
        ingested?;
        self.verify(fresh)?;
        self.end(session)?;
        Ok(self.sample(&span))
    }

    fn fjall(&self) -> Result<Sample> {
        let files = files()?;
        let (written, span) = Span::measure(|| parts::fjall(files.path(), &self.batches));
        written?;
        Ok(self.sample(&span))
    }

    fn sample(&self, span: &Span) -> Sample {
        Sample {
            cpu_per_gib: Some(span.cpu_per_gib(self.total.bytes)),
            ..Sample::of(span.mib_per_second(self.total.bytes))
        }
    }

    /// Pulls a unit, until nothing is left to do behind its attach.
    fn pulled(
        &self,
        unit: UnitId,
        engine: Arc<dyn TargetEngine>,
        folds: Option<Arc<FjallEngine>>,
    ) -> Result<(Receipt, Span)> {
        let session = self.begin()?;
        let target = self.target.clone();
        let pulling = async move {
            let receipt = target.pull(engine, unit, session, SOURCE).await?;
            if let Some(engine) = folds {
                engine.fold(TABLET).await?;
            }
            Ok(receipt)
        };
        let (receipt, span) = on_worker(&self.target_runtime, pulling);
        let receipt = receipt?;
        self.end(session)?;
        Ok((receipt, span))
    }

    fn agreed(&self, receipt: &Receipt) -> Result<()> {
        let carried = Total {
            rows: receipt.rows,
            bytes: receipt.bytes,
            digest: receipt.digest,
        };
        ensure!(carried == self.total, "carried {carried:?} of {:?}", self.total);
        Ok(())
    }

    fn fresh(&self) -> Result<Fresh> {
        let files = files()?;
        let (engine, storage) = self.target_runtime.block_on(self.target.storage(files.path()))?;
        Ok(Fresh {
            engine,
            storage: Arc::new(storage),
            _files: files,
        })
    }

    /// Looks whether every row is there, and drops the target.
    fn verify(&self, fresh: Fresh) -> Result<()> {
        let looking = parts::total(&*fresh.engine, STORED, drop);
        let attached = self.target_runtime.block_on(looking)?;
        ensure!(
            attached == self.total,
            "attached {attached:?} of {:?}",
            self.total
        );
        self.target_runtime.block_on(fresh.engine.close())?;
        Ok(())
    }

    fn begin(&self) -> Result<SessionId> {
        self.sessions.set(self.sessions.get() + 1);
        let session = SessionId::from_u128(self.sessions.get())?;
        self.source.begin(&[session]);
        self.target.begin(&[session]);
        Ok(session)
    }

    fn end(&self, session: SessionId) -> Result<()> {
        self.source_runtime.block_on(self.source.end(session))?;
        self.target_runtime.block_on(self.target.end(session))
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.target_runtime.block_on(self.target.shut_down());
        self.source_runtime.block_on(self.source.shut_down());
    }
}

/// Fills an engine with a unit's rows, as a move would, and closes it.
pub(crate) async fn fill(directory: PathBuf, unit: UnitId, rows: Rows) -> Result<()> {
    let engine = FjallEngine::open(directory, tidegate_engine_fjall::FjallConfig::default()).await?;
    let session = SessionId::from_u128(u128::MAX - u128::from(unit.as_u64()))?;
    let batches = rows.batches();
    parts::ingest(&*engine, (unit, session), Arc::new(Unfenced), batches).await?;
    engine.fold(TabletId::new(unit.as_u64())).await?;
    engine.close().await?;
    Ok(())
}

/// A directory on the disk that builds are on: not in memory, as `/tmp` may be.
pub(crate) fn files() -> Result<TempDir> {
    let program = std::env::current_exe().context("where this program is")?;
    let beside = program.parent().context("a program in no directory")?;
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(beside)
        .context("a directory for files")
}

pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("a runtime")
}

/// What `work` takes on the runtime's own worker.
fn on_worker<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> (Result<T>, Span) {
    let (ended, span) = Span::measure(|| runtime.block_on(runtime.spawn(work)));
    (ended.map_err(Into::into).flatten(), span)
}

fn on<T>(runtime: &Runtime, work: impl FnOnce() -> T) -> T {
    let _entered = runtime.enter();
    work()
}
