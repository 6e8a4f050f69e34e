//! What every engine of this store must do, beside what streaming asks of it: named tests that know only the traits.
//!
//! An engine's test file says where an engine lives and how it is opened there, and has one line more:
//!
//! ```
//! use std::sync::Arc;
//!
//! use tidegate_kv::conformance::Place;
//! use tidegate_kv::{MemoryEngine, RowStore};
//!
//! #[derive(Default)]
//! struct InMemory(MemoryEngine);
//!
//! #[async_trait::async_trait]
//! impl Place for InMemory {
//!     async fn open(&self) -> Arc<dyn RowStore> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! tidegate_kv::row_store_tests!(InMemory::default());
//! # fn main() {}
//! ```
//!
//! That makes a `#[tokio::test]` per case, on a runtime of two workers; the test crate needs tokio with `macros` and
//! `rt-multi-thread`. A case that fails panics.

#![allow(clippy::missing_panics_doc, reason = "a case that fails panics")]

mod merging;
mod pages;
mod removal;
mod transfer;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{Closing, Gate, Guard, Rejected, SessionId, SharedGuard, Unfenced};
use tidegate_streaming::UnitId;
use tidegate_tablets::{Epoch, TabletId};

pub use self::merging::{
    batches_are_written_in_one_step, later_rows_replace_earlier_ones, reads_answer_in_the_order_of_the_keys,
    rows_outlive_the_engine, tablets_are_apart, the_latest_time_is_known, the_latest_writer_wins_a_race,
    tombstones_and_empty_values_are_rows,
};
pub use self::pages::{pages_keep_their_limits, pages_make_up_the_tablet, tombstones_come_up_to_the_floor};
pub use self::removal::{
    a_closed_guard_changes_nothing, a_purge_drops_tombstones_up_to_the_floor, removal_leaves_nothing,
};
pub use self::transfer::{
    attached_rows_merge_with_written_ones, batches_are_row_batches, snapshots_show_one_moment,
    staged_rows_are_hidden, the_latest_time_counts_staged_rows, what_is_no_batch_is_refused,
};
use crate::{Row, RowStore, Timestamp};

/// Where an engine lives.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the engine that lives here, with what it held when it was last open. Called again only after every
    /// handle that was given before is dropped.
    async fn open(&self) -> Arc<dyn RowStore>;
}

/// One named test per case, over the places that the expression makes.
#[macro_export]
macro_rules! row_store_tests {
    ($place:expr) => {
        $crate::__each_row_store_case! { { $crate::__row_store_tests } ($place) }
    };
}

/// Hands the list of cases to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_row_store_case {
    ({ $($callback:tt)* } $($argument:tt)*) => {
        $($callback)* ! { $($argument)*
            later_rows_replace_earlier_ones
            tombstones_and_empty_values_are_rows
            reads_answer_in_the_order_of_the_keys
            tablets_are_apart
            batches_are_written_in_one_step
            the_latest_writer_wins_a_race
            the_latest_time_is_known
            rows_outlive_the_engine
            pages_make_up_the_tablet
            pages_keep_their_limits
            tombstones_come_up_to_the_floor
            a_purge_drops_tombstones_up_to_the_floor
            removal_leaves_nothing
            a_closed_guard_changes_nothing
            batches_are_row_batches
            snapshots_show_one_moment
            staged_rows_are_hidden
            attached_rows_merge_with_written_ones
            what_is_no_batch_is_refused
            the_latest_time_counts_staged_rows
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __row_store_tests {
    ($place:tt $($case:ident)*) => {
        mod row_store {
            #[allow(unused_imports)]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::conformance::$case(&$place).await;
                }
            )*
        }
    };
}

const TABLET: TabletId = TabletId::new(7);
const OTHER: TabletId = TabletId::new(8);

const fn unit_of(tablet: TabletId) -> UnitId {
    UnitId::new(tablet.as_u64())
}

fn session(tablet: TabletId) -> SessionId {
    tablet.session_at(Epoch::new(3))
}

/// A guard that lets everything through.
fn open() -> SharedGuard {
    Arc::new(Unfenced)
}

/// A guard whose session is closing.
fn closed() -> SharedGuard {
    let gate = Gate::new();
    gate.close();
    Arc::new(Closed { gate })
}

#[derive(Debug)]
struct Closed {
    gate: Gate,
}

impl Guard for Closed {
    fn session(&self) -> Option<SessionId> {
        Some(session(TABLET))
    }

    fn check(&self) -> Result<(), Rejected> {
        Err(Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.gate.closing()
    }
}

fn row(key: impl Into<Bytes>, time: u64, value: Option<&str>) -> Row {
    let timestamp = Timestamp {
        time,
        node: 1,
        start: 1,
    };
    Row {
        key: key.into(),
        timestamp,
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    }
}

async fn write(store: &Arc<dyn RowStore>, rows: impl Into<Vec<Row>>) {
    store
        .write(TABLET, open(), rows.into())
        .await
        .expect("rows are written");
}

async fn read(store: &Arc<dyn RowStore>, tablet: TabletId, key: &'static str) -> Option<Row> {
    let rows = store.read(tablet, vec![key.into()]).await.expect("a key is read");
    assert_eq!(rows.len(), 1, "one answer per key");
    rows.into_iter().next().flatten()
}

async fn all(store: &Arc<dyn RowStore>, tablet: TabletId) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|row: &Row| row.key.clone());
        let page = store
            .scan(tablet, after, 1000, 1 << 20)
            .await
            .expect("a page is scanned");
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}
