//! What tablets at rest take of memory: by how much the resident memory of a new process grows when a table of so many
//! is made, with what is derived for each node.

use anyhow::Result;

use super::SIZES;
use super::cluster::{creation, metadata};
use crate::case::{Better, Case, Effort, Sample};
use crate::growth::{self, Growth};

pub(super) fn case(effort: Effort) -> Result<Case> {
    let mut case = Case::new("B/tablet", Better::Less, effort.pick(2, 5)).against(SIZES[0].0);
    for (name, tablets) in SIZES {
        case = case.way(name, move || {
            let bytes = growth::measure(Growth::Tablets, tablets)?;
            Ok(Sample::of(bytes as f64 / f64::from(tablets)))
        });
    }
    Ok(case)
}

/// How much a table of that many tablets takes.
pub(crate) fn tablets(count: u32) -> Result<u64> {
    let creation = creation(count);
    growth::of(|| metadata(&creation))
}
