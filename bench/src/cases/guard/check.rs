//! May the next step begin: the gate by its type and through `&dyn Guard`, as a registry hands it out, against one
//! atomic load and against `CancellationToken::is_cancelled`.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use tidegate_guard::{Gate, Guard};
use tokio_util::sync::CancellationToken;

use super::registry;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};
use crate::process::alone;

const OPERATIONS: u32 = 5_000_000;

pub(super) fn case(effort: Effort) -> Result<Case> {
    let word = AtomicUsize::new(0);
    let gate = Gate::new();
    let ids = registry::ids(1);
    let sessions = registry::open(&ids);
    let guard = registry::thaw(&sessions, ids[0])?;
    let token = CancellationToken::new();
    // Else a gate that is shut would be measured for one that is open.
    ensure!(gate.check().is_ok() && guard.check().is_ok() && !token.is_cancelled());
    Ok(Case::new("ns", Better::Less, effort.pick(31, 51))
        .against("atomic load")
        .way("atomic load", move || {
            Ok(each(|| black_box(&word).load(Ordering::Acquire) & 1 == 0))
        })
        .way("by type", move || Ok(each(|| black_box(&gate).check().is_ok())))
        .way("&dyn Guard", move || {
            let _sessions = &sessions;
            let guard: &dyn Guard = &*guard;
            Ok(each(|| black_box(guard).check().is_ok()))
        })
        .way("CancellationToken", move || {
            Ok(each(|| !black_box(&token).is_cancelled()))
        })
        .bound(Bound::ratio("by type", "atomic load", Limit::AtMost(1.6)))
        .bound(Bound::value("&dyn Guard", "ns", Limit::AtMost(3.0))))
}

/// Nanoseconds of one look.
fn each(look: impl Fn() -> bool) -> Sample {
    let ((), spent) = alone(|| {
        for _look in 0..OPERATIONS {
            black_box(look());
        }
    });
    Sample::of(spent.as_secs_f64() * 1e9 / f64::from(OPERATIONS))
}
