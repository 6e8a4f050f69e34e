//! The behaviour that every engine must show, as a list of named cases that know only the traits.
//!
//! Batches are opaque to streaming, so an engine's tests bring a [`Specimen`]: the engine, and how to make and read
//! its rows. [`engine_conformance_tests!`](crate::engine_conformance_tests) makes one test of every case:
//!
//! ```text
//! async fn make() -> Box<dyn Specimen> { .. }
//! tidegate_streaming::engine_conformance_tests!(make);
//! ```
//!
//! Their own crate needs tokio with the features `macros` and `rt-multi-thread` for it.

pub mod attaching;
pub mod crashes;
pub mod guards;
pub mod scans;
mod specimen;
pub mod stagings;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;
use tidegate_guard::{Gate, SessionId, SharedGuard, Unfenced};
use tidegate_transport::PeerId;

use self::guards::GateGuard;
pub use self::specimen::{Specimen, SpecimenRow};
use crate::{EngineError, Staging, UnitId};

/// What an engine did, or left out, against the contract.
#[derive(Debug, Error)]
pub enum Violation {
    /// It is not as the contract says.
    #[error("{0}")]
    Not(String),
    /// A call failed that must not.
    #[error("a call failed: {0:?}")]
    Failed(#[from] EngineError),
}

/// A case in flight.
pub type CaseFuture = Pin<Box<dyn Future<Output = Result<(), Violation>> + Send>>;

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// Runs it on an engine that holds nothing.
    pub run: fn(Box<dyn Specimen>) -> CaseFuture,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// Every case, for those who run them by themselves.
#[must_use]
pub fn cases() -> Vec<Case> {
    macro_rules! list {
        ($($group:ident :: $name:ident)*) => {
            vec![$(Case { name: stringify!($name), run: |specimen| Box::pin($group::$name(specimen)) }),*]
        };
    }
    crate::__each_engine_case! { { list } }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_engine_case {
    ({ $($callback:tt)* } $($argument:tt)*) => {
        $($callback)* ! { $($argument)*
            stagings::what_is_staged_is_invisible
            stagings::a_new_area_holds_nothing
            stagings::positions_move_with_their_rows
            stagings::positions_are_kept_per_source
            stagings::positions_never_go_back
            stagings::a_batch_staged_twice_counts_once
            stagings::two_handles_share_one_area
            stagings::sessions_are_apart
            stagings::units_are_apart
            stagings::areas_are_listed_in_order
            stagings::garbage_is_refused_whole
            attaching::attach_shows_what_all_sources_staged
            attaching::attach_merges_by_timestamp_both_ways
            attaching::attach_merges_what_sources_staged_of_one_key
            attaching::attach_is_idempotent
            attaching::staging_after_the_attach_does_nothing
            attaching::an_area_without_rows_can_be_attached
            attaching::discard_drops_what_was_not_attached
            attaching::discard_keeps_what_was_attached
            attaching::discarding_nothing_is_success
            guards::a_refused_snapshot_gives_nothing
            guards::a_refused_staging_makes_nothing
            guards::a_refused_stage_has_no_effect
            guards::a_refused_attach_has_no_effect
            guards::a_dropped_stage_holds_its_guard_to_its_end
            guards::a_dropped_attach_holds_its_guard_to_its_end
            scans::a_scan_gives_all_rows_in_order
            scans::a_scan_goes_on_after_a_position
            scans::a_scan_from_the_end_is_empty
            scans::a_unit_of_which_nothing_is_held_is_empty
            scans::a_batch_holds_one_row_at_least
            scans::a_snapshot_shows_no_later_writes
            scans::what_is_scanned_can_be_staged
            crashes::positions_are_not_ahead_of_their_rows
            crashes::what_was_synced_is_there
            crashes::an_attach_is_whole_or_not_at_all
            crashes::what_was_attached_is_there
            crashes::what_was_discarded_is_gone
        }
    };
}

/// One test per case of the [suite](crate::conformance), for an `async fn make() -> Box<dyn Specimen>` that gives an
/// engine that holds nothing.
#[macro_export]
macro_rules! engine_conformance_tests {
    ($make:expr) => {
        $crate::__each_engine_case! { { $crate::__engine_conformance_tests } ($make) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_conformance_tests {
    ($make:tt $($group:ident :: $name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            if let Err(violation) = $crate::conformance::$group::$name($make().await).await {
                panic!("{violation}");
            }
        }
    )*};
}

const UNIT: UnitId = UnitId::new(7);
const ONE: PeerId = PeerId::new(1);
const TWO: PeerId = PeerId::new(2);

fn that(holds: bool, what: &str) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation::Not(what.to_owned()))
    }
}

fn same<T: PartialEq + fmt::Debug>(found: &T, wanted: &T, what: &str) -> Result<(), Violation> {
    if found == wanted {
        Ok(())
    } else {
        Err(Violation::Not(format!(
            "{what}: found {found:?}, wanted {wanted:?}"
        )))
    }
}

fn session(number: u128) -> Result<SessionId, Violation> {
    SessionId::from_u128(number).map_err(|error| Violation::Not(error.to_string()))
}

fn open_guard() -> SharedGuard {
    Arc::new(Unfenced)
}

/// A guard whose session is closing.
fn closed_guard() -> Result<SharedGuard, Violation> {
    let gate = Arc::new(Gate::new());
    let guard = GateGuard::enter(&gate)?;
    gate.close();
    Ok(guard)
}

async fn area(specimen: &dyn Specimen, of: u128) -> Result<Box<dyn Staging>, Violation> {
    Ok(specimen
        .target()
        .staging(UNIT, session(of)?, open_guard())
        .await?)
}

async fn stage(
    specimen: &dyn Specimen,
    area: &dyn Staging,
    source: PeerId,
    rows: &[SpecimenRow],
) -> Result<(), Violation> {
    Ok(area.stage(open_guard(), source, specimen.batch(rows)).await?)
}
