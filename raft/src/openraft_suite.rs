//! The library's own suite of storages, over each disk.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;
use tidegate_tablets::NodeId;

use crate::copy::{Bounds, Copy};
use crate::disk::{Disk, MemoryDisk, RedbDisk};
use crate::log::Log;
use crate::machine::{Machine, empty_state};
use crate::observer::Nobody;
use crate::types::TypeConfig;

fn storage(disk: Arc<dyn Disk>) -> (Log, Machine) {
    let bounds = Bounds {
        history_max: 16,
        touched_max: 16,
    };
    let copy = Copy::new(empty_state(), bounds);
    (
        Log::new(Arc::clone(&disk)),
        Machine::new(copy, disk, Arc::new(Nobody)),
    )
}

struct InMemory;

impl StoreBuilder<TypeConfig, Log, Machine> for InMemory {
    async fn build(&self) -> Result<((), Log, Machine), StorageError<TypeConfig>> {
        let (log, machine) = storage(Arc::new(MemoryDisk::new()));
        Ok(((), log, machine))
    }
}

struct OnDisk;

impl StoreBuilder<TypeConfig, Log, Machine, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, Log, Machine), StorageError<TypeConfig>> {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = RedbDisk::open(folder.path().join("raft.redb"), NodeId::new(1)).await;
        let (log, machine) = storage(Arc::new(disk.expect("a disk")));
        Ok((folder, log, machine))
    }
}

#[tokio::test]
async fn the_library_s_suite_passes_in_memory() {
    Suite::test_all(InMemory).await.expect("conforms");
}

#[tokio::test]
async fn the_library_s_suite_passes_on_disk() {
    Suite::test_all(OnDisk).await.expect("conforms");
}
