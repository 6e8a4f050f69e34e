//! The suite of engines: a sound engine passes it, every broken double fails it.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_streaming::conformance::{Specimen, SpecimenRow, cases};
use tidegate_streaming::{Batch, EngineError, SourceEngine, TargetEngine, UnitId};

use crate::memory::{Engine, Flaw};
use crate::rows::{Row, decode, encode};

#[async_trait]
impl Specimen for Engine {
    fn source(&self) -> Arc<dyn SourceEngine> {
        Arc::new(self.clone())
    }

    fn target(&self) -> Arc<dyn TargetEngine> {
        Arc::new(self.clone())
    }

    fn batch(&self, rows: &[SpecimenRow]) -> Batch {
        encode(&rows.iter().map(row).collect::<Vec<_>>()).unwrap()
    }

    fn rows(&self, batch: &Batch) -> Option<Vec<SpecimenRow>> {
        Some(decode(batch)?.into_iter().map(specimen_row).collect())
    }

    async fn write(&self, unit: UnitId, rows: &[SpecimenRow]) -> Result<(), EngineError> {
        Self::write(self, unit, &rows.iter().map(row).collect::<Vec<_>>());
        Ok(())
    }

    async fn read(&self, unit: UnitId) -> Result<Vec<SpecimenRow>, EngineError> {
        Ok(Self::read(self, unit).into_iter().map(specimen_row).collect())
    }

    async fn crash(self: Box<Self>) -> Option<Box<dyn Specimen>> {
        Some(Box::new(self.crashed()))
    }
}

fn row(row: &SpecimenRow) -> Row {
    Row {
        key: row.key.clone(),
        timestamp: row.timestamp,
        value: row.value.clone(),
    }
}

fn specimen_row(row: Row) -> SpecimenRow {
    SpecimenRow {
        key: row.key,
        timestamp: row.timestamp,
        value: row.value,
    }
}

async fn make() -> Box<dyn Specimen> {
    Box::new(Engine::new())
}

tidegate_streaming::engine_conformance_tests!(make);

#[tokio::test]
async fn every_broken_double_fails_the_suite() {
    for (flaw, by) in [
        (Flaw::ShowsStaged, "what_is_staged_is_invisible"),
        (Flaw::AttachReplaces, "attach_merges_by_timestamp_both_ways"),
        (Flaw::AttachesAgain, "staging_after_the_attach_does_nothing"),
        (Flaw::SharesPositions, "positions_are_kept_per_source"),
        (Flaw::MovesPositionsBack, "positions_never_go_back"),
        (Flaw::SharesSessions, "sessions_are_apart"),
        (
            Flaw::DiscardForgetsPositionsOnly,
            "discard_drops_what_was_not_attached",
        ),
        (Flaw::DiscardDropsAttached, "discard_keeps_what_was_attached"),
        (Flaw::ForgetsMark, "an_area_without_rows_can_be_attached"),
        (Flaw::StageIgnoresGuard, "a_refused_stage_has_no_effect"),
        (Flaw::AttachIgnoresGuard, "a_refused_attach_has_no_effect"),
        (Flaw::StagingIgnoresGuard, "a_refused_staging_makes_nothing"),
        (Flaw::SnapshotIgnoresGuard, "a_refused_snapshot_gives_nothing"),
        (Flaw::ScanStartsAtPosition, "a_scan_goes_on_after_a_position"),
        (Flaw::ScanIgnoresPosition, "a_scan_from_the_end_is_empty"),
        (Flaw::LiveSnapshot, "a_snapshot_shows_no_later_writes"),
        (Flaw::TakesGarbage, "garbage_is_refused_whole"),
        (Flaw::LosesSyncedPositions, "what_was_synced_is_there"),
        (Flaw::PositionsAhead, "positions_are_not_ahead_of_their_rows"),
        (Flaw::AbandonsGuard, "a_dropped_attach_holds_its_guard_to_its_end"),
    ] {
        let case = cases().into_iter().find(|case| case.name == by).unwrap();
        let run = tokio::spawn((case.run)(Box::new(Engine::with_flaw(Some(flaw)))));
        assert!(run.await.unwrap().is_err(), "{flaw:?} passes {by}");
    }
}
