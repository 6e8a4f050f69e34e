//! `move`: a whole tablet, from one fjall to another over QUIC, beside what it is made of.
//!
//! The move is what a node does for its coordinator's `stream`: a snapshot of the source's engine, scanned ahead of the
//! wire; batches under the guards of a session at both ends, over QUIC with loopback's datagrams; staged, made durable,
//! receipts compared, attached. Both engines have a node's configuration and files of their own on one disk; each end has a
//! runtime of one worker, beside the engine's threads. Its parts, in the same round, with the same batches:
//!
//! - `scan`: the source's snapshot, read to its end and dropped.
//! - `wire`: the same stream, receipts and checksums, from a source that has the batches in memory to a target that drops
//!   them.
//! - `ingest`: the same batches staged into an empty engine, made durable and attached.
//!
//! A move and an ingest end when nothing is left to do behind the attach.
//!
//! What a move may take is made of the parts: 1.15 times their processor time together, and 1.25 times the longest of
//! them or half of their processor time, whichever is more (there are two cores). So the ends have to work at once, and
//! nothing may be done twice between them.
//!
//! For information: `fjall`, the same rows through the bare ingestion of the store, which is the least that an ingest can
//! take.
//!
//! Bound by the store: it writes each row to a file and checks it, and both take more of the processor than the wire does.
//!
//! `move/memory` is in [`memory`].

mod engines;
mod memory;
mod node;
mod parts;
mod rows;
mod track;

use std::rc::Rc;

use anyhow::Result;

pub(crate) use self::memory::child;
use self::rows::Rows;
use self::track::Track;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Entry, Round, Sample};

/// What a move is made of.
const PARTS: [&str; 3] = ["scan", "wire", "ingest"];
/// Of the machine that the bounds are for.
const CORES: f64 = 2.0;
const MIB_PER_GIB: f64 = 1024.0;

/// All cases of the group.
pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = vec![
        Entry::quick("move/1KiB", |effort| whole(1024, effort.pick(256, 1024), effort)),
        Entry::quick("move/100B", |effort| whole(100, effort.pick(128, 1024), effort)),
    ];
    entries.extend(memory::entries());
    entries
}

fn whole(value_len: usize, mib: u64, effort: Effort) -> Result<Case> {
    let track = Rc::new(Track::new(Rows { value_len, mib })?);
    let mut case = Case::new("MiB/s", Better::More, effort.pick(7, 15)).against("ingest");
    for (name, way) in track::WAYS {
        let track = Rc::clone(&track);
        case = case.way(name, move || way(&track));
    }
    let cpu = Bound::new("move / its parts, processor", Limit::AtMost(1.15), |round| {
        Some(round.get("move")?.cpu_per_gib? / cpu_of_parts(round)?)
    });
    let time = Bound::new(
        "move / what its parts allow, time",
        Limit::AtMost(1.25),
        |round| Some(seconds_per_gib(round.get("move")?) / allowed(round)?),
    );
    Ok(case.bound(cpu).bound(time))
}

fn seconds_per_gib(sample: &Sample) -> f64 {
    MIB_PER_GIB / sample.value
}

/// Processor seconds per GiB of all parts together.
fn cpu_of_parts(round: &Round) -> Option<f64> {
    PARTS.iter().map(|part| round.get(part)?.cpu_per_gib).sum()
}

/// Seconds per GiB of the slowest part, or of all on all cores, whichever is more.
fn allowed(round: &Round) -> Option<f64> {
    let mut allowed = cpu_of_parts(round)? / CORES;
    for part in PARTS {
        allowed = allowed.max(seconds_per_gib(round.get(part)?));
    }
    Some(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(scan: (f64, f64), wire: (f64, f64), ingest: (f64, f64)) -> Round {
        let sample = |(seconds, cpu): (f64, f64)| Sample {
            cpu_per_gib: Some(cpu),
            ..Sample::of(MIB_PER_GIB / seconds)
        };
        Round::from([
            ("scan", sample(scan)),
            ("wire", sample(wire)),
            ("ingest", sample(ingest)),
        ])
    }

    #[test]
    fn a_move_may_take_what_its_slowest_part_takes_or_what_the_cores_need() {
        assert_eq!(allowed(&round((1.0, 1.0), (0.5, 0.5), (2.0, 1.5))), Some(2.0));
        assert_eq!(allowed(&round((1.0, 1.0), (0.5, 1.0), (1.0, 2.0))), Some(2.0));
    }
}
