//! `requests`: what moves cost those who read and write meanwhile.
//!
//! Four nodes with a fjall engine each in a directory of its own, a table of sixteen tablets of 8 MiB in rows of 1 KiB,
//! three replicas each; the metadata in a log in memory. Four clients read and two write keys of the whole table, each
//! on one node by the quorum path, the next as soon as the last is answered; every answer is looked at. They do so at
//! rest, which is the reference, and while one tablet moves, or all sixteen, without a pause: a move that ends is
//! followed by the next at once, and a sample in which less moved than it says fails. With a throttle every node sends
//! 16 MiB/s at most.
//!
//! One run of a way gives all four figures: `requests/*/reads-p99`, `writes-p99` (ms), `reads`, `writes` (per second).
//! At rest the processor bounds them, and the disk's fsync the writes; beside a move what it takes of both: a throttle
//! is what bounds that.

mod clients;
mod ground;
mod mover;
mod runs;

use std::rc::Rc;

use anyhow::Result;

use self::ground::Network;
use self::runs::{Figures, Load, Runs};
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Entry};

/// What of a run a case is about.
struct Figure {
    name: &'static str,
    unit: &'static str,
    better: Better,
    of: fn(&Figures) -> f64,
}

const FIGURES: [Figure; 4] = [
    Figure {
        name: "reads-p99",
        unit: "ms",
        better: Better::Less,
        of: |figures| figures.reads.p99_ms,
    },
    Figure {
        name: "writes-p99",
        unit: "ms",
        better: Better::Less,
        of: |figures| figures.writes.p99_ms,
    },
    Figure {
        name: "reads",
        unit: "1/s",
        better: Better::More,
        of: |figures| figures.reads.per_second,
    },
    Figure {
        name: "writes",
        unit: "1/s",
        better: Better::More,
        of: |figures| figures.writes.per_second,
    },
];

/// What runs beside the requests.
const LOADS: [Load; 5] = [
    Load::new("at rest", 0, false),
    Load::new("one move", 1, false),
    Load::new("one move, throttled", 1, true),
    Load::new("sixteen moves", 16, false),
    Load::new("sixteen moves, throttled", 16, true),
];

/// The cases, in order.
pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for network in [Network::Mem, Network::Quic] {
        // The cases of one network share their runs.
        let runs = Rc::new(Runs::new(network));
        for figure in FIGURES {
            let runs = Rc::clone(&runs);
            let name = format!("requests/{}/{}", network.name(), figure.name);
            let build = move |effort| case(figure, &runs, effort);
            entries.push(match network {
                Network::Mem => Entry::quick(name, build),
                Network::Quic => Entry::thorough(name, build),
            });
        }
    }
    entries
}

fn case(figure: Figure, runs: &Rc<Runs>, effort: Effort) -> Result<Case> {
    let mut case = Case::new(figure.unit, figure.better, effort.pick(5, 12)).against("at rest");
    for load in LOADS {
        let runs = Rc::clone(runs);
        let mut round = 0..;
        case = case.way(load.name, move || {
            runs.sample(load, round.next(), effort, figure.of)
        });
    }
    if figure.name == "reads-p99" {
        case = case.bound(Bound::ratio("one move, throttled", "at rest", Limit::AtMost(1.5)));
    }
    Ok(case)
}
