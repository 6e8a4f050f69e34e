//! A process is killed, again and again: what it has said stays said.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tidegate_raft::RedbDisk;
use tidegate_tablets::{MetadataStore as _, NodeId, Proposal, RequestId};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tokio::runtime::Builder;

use crate::cluster::{Running, adding, config, decide, within};

/// Tells a process of this program that it is the one to be killed, and where its file lies.
const FILE: &str = "TIDEGATE_RAFT_KILLED";

async fn start(path: &Path) -> Running {
    let disk = RedbDisk::open(path, NodeId::new(1)).await.unwrap();
    let network = MemNetwork::new(MemConfig::default());
    let often = tidegate_raft::RaftConfig {
        snapshot_entries: 16,
        kept_entries: 4,
        ..config()
    };
    let node = Running::start(&network, 1, often, Arc::new(disk)).await;
    // Founded once; afterwards it says so.
    let _ = node.store.found([NodeId::new(1)].into()).await;
    within("a barrier ends", node.store.read_barrier()).await.unwrap();
    node
}

/// The process that is killed: goes on from what its file holds, and says what was decided. Of itself a test of
/// nothing.
#[tokio::test]
async fn decides_until_it_is_killed() {
    let Ok(path) = std::env::var(FILE) else {
        return;
    };
    let node = start(Path::new(&path)).await;
    let first = node.store.snapshot().nodes.size() as u64;
    for number in first.. {
        let proposal = Proposal {
            request: RequestId(u128::from(number)),
            changes: vec![adding(number)],
        };
        assert!(decide(&node.store, proposal).await[0].is_ok());
        println!("decided {number}");
    }
}

#[test]
fn what_a_killed_process_has_said_is_there_when_it_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raft.redb");
    let mut said = 0;
    for lines in [1, 40, 7] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::decides_until_it_is_killed", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let decided = output.map_while(Result::ok).filter_map(|line| {
            let (_, number) = line.split_once("decided ")?;
            number.parse::<u64>().ok()
        });
        let last = decided.take(lines).last();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(last > Some(said) || said == 0, "it went on from {said}: {last:?}");
        said = last.unwrap();
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let node = start(&path).await;
        let nodes = &node.store.snapshot().nodes;
        assert!((0..=said).all(|number| nodes.contains_key(&NodeId::new(number))));
        node.stop().await;
    });
}
