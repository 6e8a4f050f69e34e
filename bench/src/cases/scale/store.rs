//! The store: one change decided, applied and published; the copy that anyone may take of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use tidegate_tablets::MetadataStore as _;

use super::SIZES;
use super::cluster::Cluster;
use crate::case::{Better, Case, Effort, Sample};

const CHANGES: u32 = 4_000;
const SNAPSHOTS: u32 = 500_000;

/// Through `LocalStore`: `apply`, the copy that is published and kept, whoever follows told.
pub(super) fn apply(effort: Effort) -> Result<Case> {
    let mut case = Case::new("ns/change", Better::Less, effort.pick(9, 31)).against(SIZES[0].0);
    for (name, tablets) in SIZES {
        let (mut cluster, _first) = Cluster::new(tablets)?;
        case = case.way(name, move || {
            let mut spent = Duration::ZERO;
            for _change in 0..CHANGES {
                spent += cluster.change()?;
            }
            Ok(Sample::of(spent.as_secs_f64() * 1e9 / f64::from(CHANGES)))
        });
    }
    Ok(case)
}

/// `MetadataStore::snapshot`. (A snapshot of Raft's log, for a disk or a peer, writes every tablet: it is made once per
/// so many entries, beside what goes on.)
pub(super) fn snapshot(effort: Effort) -> Result<Case> {
    let mut case = Case::new("ns", Better::Less, effort.pick(15, 31)).against(SIZES[0].0);
    for (name, tablets) in SIZES {
        let (cluster, _first) = Cluster::new(tablets)?;
        case = case.way(name, move || {
            let started = Instant::now();
            for _snapshot in 0..SNAPSHOTS {
                drop(black_box(cluster.store.snapshot()));
            }
            Ok(Sample::of(
                started.elapsed().as_secs_f64() * 1e9 / f64::from(SNAPSHOTS),
            ))
        });
    }
    Ok(case)
}
