//! `move/memory`: the most memory that either end of a move takes, above what it held before.
//!
//! Each end is a process of its own, this program again, with a node's configuration, over QUIC on loopback. The tablet is
//! put into the source's files by another process. Both ends first move a small tablet, so that connections, threads and
//! buffers are there; what is resident then is *at rest*. The value is the peak of resident pages during the move, less
//! that; the system counts them. What the engine keeps counts too: its cache of blocks (64 MiB, which a scan may fill), its
//! memtables, its indexes. The larger of the ends is bounded, and a larger tablet may not take more of it: resident pages
//! vary by some MiB from run to run, so a twentieth more is let pass.
//!
//! A quick run has 2 GiB alone; a thorough one 8 GiB beside it.

mod child;
mod end;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;
use tempfile::TempDir;

pub(crate) use self::child::child;
use self::end::{End, fill};
use super::track::files;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Entry, Sample};

const MIB: f64 = (1 << 20) as f64;
/// Of the tablet that is moved to warm up.
const WARM_MIB: u64 = 8;

pub(crate) fn entries() -> Vec<Entry> {
    vec![Entry::quick("move/memory", memory)]
}

/// The two ends of one size of tablet, as ways.
const SIZES: [(u64, &str, &str); 2] = [
    (2, "source, 2 GiB", "target, 2 GiB"),
    (8, "source, 8 GiB", "target, 8 GiB"),
];

fn memory(effort: Effort) -> Result<Case> {
    let mut case = Case::new("MiB", Better::Less, effort.pick(1, 3));
    for (gib, source, target) in SIZES.into_iter().take(effort.pick(1, 2)) {
        let moved = Rc::new(Moved::new(gib << 10)?);
        let at_target = Rc::clone(&moved);
        case = case
            .way(source, move || Ok(Sample::of(moved.growth()?.source)))
            .way(target, move || Ok(Sample::of(at_target.growth()?.target)))
            .bound(Bound::new(
                format!("{gib} GiB, larger of source and target, MiB"),
                Limit::AtMost(128.0),
                move |round| larger(round, source, target),
            ));
    }
    if effort == Effort::Thorough {
        case = case.bound(Bound::new("8 GiB / 2 GiB", Limit::AtMost(1.05), |round| {
            let [(_, source, target), (_, source_8, target_8)] = SIZES;
            Some(larger(round, source_8, target_8)? / larger(round, source, target)?)
        }));
    }
    Ok(case)
}

fn larger(round: &BTreeMap<&'static str, Sample>, source: &str, target: &str) -> Option<f64> {
    Some(round.get(source)?.value.max(round.get(target)?.value))
}

/// A tablet that is moved once for both of its ways.
#[derive(Debug)]
struct Moved {
    mib: u64,
    files: TempDir,
    /// Of the last move, until both ways have asked.
    growth: RefCell<Option<Growth>>,
}

/// By how much each end grew, in MiB.
#[derive(Debug, Clone, Copy)]
struct Growth {
    source: f64,
    target: f64,
}

impl Moved {
    fn new(mib: u64) -> Result<Self> {
        let files = files()?;
        fill(files.path(), &[WARM_MIB, mib])?;
        Ok(Self {
            mib,
            files,
            growth: RefCell::new(None),
        })
    }

    /// Of one move: the first who asks makes it, the second hears of the same.
    fn growth(&self) -> Result<Growth> {
        if let Some(growth) = self.growth.take() {
            return Ok(growth);
        }
        let growth = self.run()?;
        self.growth.replace(Some(growth));
        Ok(growth)
    }

    fn run(&self) -> Result<Growth> {
        let at_target = files()?;
        let mut source = End::source(self.files.path())?;
        let mut target = End::target(at_target.path(), (self.files.path(), source.port()))?;
        target.pull(1, WARM_MIB)?;
        let (source_rest, target_rest) = (source.rest()?, target.rest()?);
        target.pull(2, self.mib)?;
        Ok(Growth {
            source: (source.peak()? - source_rest) / MIB,
            target: (target.peak()? - target_rest) / MIB,
        })
    }
}
