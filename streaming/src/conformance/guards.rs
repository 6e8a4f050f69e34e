//! What a guard that refuses lets happen: nothing.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tidegate_guard::{Closing, Gate, Guard, OwnedEntry, Rejected, SessionId, SharedGuard};
use tokio::time::timeout;

use super::{
    ONE, Specimen, SpecimenRow, UNIT, Violation, area, closed_guard, open_guard, same, session, stage,
};
use crate::EngineError;

/// A guard of a bare gate.
#[derive(Debug)]
pub(super) struct GateGuard {
    entry: OwnedEntry,
}

impl GateGuard {
    pub(super) fn enter(gate: &Arc<Gate>) -> Result<SharedGuard, Violation> {
        let entry = gate
            .enter_owned()
            .map_err(|error| Violation::Not(error.to_string()))?;
        Ok(Arc::new(Self { entry }))
    }
}

impl Guard for GateGuard {
    fn session(&self) -> Option<SessionId> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        self.entry.gate().check().map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.entry.gate().closing()
    }
}

fn refused<T>(result: Result<T, EngineError>, what: &str) -> Result<(), Violation> {
    match result {
        Err(EngineError::Rejected(_)) => Ok(()),
        Err(other) => Err(Violation::Not(format!(
            "{what} failed with {other:?} where its guard refused"
        ))),
        Ok(_) => Err(Violation::Not(format!("{what} went on where its guard refused"))),
    }
}

/// No snapshot under a guard that refuses.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_refused_snapshot_gives_nothing(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    refused(
        specimen.source().snapshot(UNIT, closed_guard()?, None).await,
        "a snapshot",
    )
}

/// No area under a guard that refuses.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_refused_staging_makes_nothing(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    refused(
        specimen
            .target()
            .staging(UNIT, session(1)?, closed_guard()?)
            .await,
        "the opening of an area",
    )?;
    same(
        &specimen.target().staged().await?,
        &Vec::new(),
        "areas after a refused opening",
    )
}

/// Neither rows nor position of a batch whose guard refuses.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_refused_stage_has_no_effect(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    let batch = specimen.batch(&[SpecimenRow::new("a", 5, "staged")]);
    refused(area.stage(closed_guard()?, ONE, batch).await, "a stage")?;
    area.sync(open_guard()).await?;
    same(
        &area.position(ONE).await?,
        &None,
        "position after a refused stage",
    )?;
    area.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &Vec::new(),
        "rows after a refused stage",
    )
}

/// Nothing of an attach whose guard refuses is visible, and a later one is whole.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_refused_attach_has_no_effect(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    let row = SpecimenRow::new("a", 5, "staged");
    stage(&*specimen, &*area, ONE, std::slice::from_ref(&row)).await?;
    refused(area.attach(closed_guard()?).await, "an attach")?;
    same(&area.attached().await?, &false, "attached after a refused attach")?;
    same(
        &specimen.read(UNIT).await?,
        &Vec::new(),
        "rows after a refused attach",
    )?;
    area.attach(open_guard()).await?;
    same(&specimen.read(UNIT).await?, &vec![row], "rows after the attach")
}

/// Polls a call once and drops it; then waits until its guard is let go.
async fn start_and_drop<T>(gate: &Gate, call: impl Future<Output = T>) -> Result<(), Violation> {
    {
        let mut call = std::pin::pin!(call);
        poll_fn(|context| {
            let _ = call.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    }
    gate.close();
    let drained = timeout(Duration::from_secs(30), gate.drained()).await;
    drained.map_err(|_| Violation::Not("a call whose future was dropped never lets its guard go".to_owned()))
}

/// A stage whose future was dropped lets its guard go only when it has really ended: afterwards nothing changes.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_dropped_stage_holds_its_guard_to_its_end(
    specimen: Box<dyn Specimen>,
) -> Result<(), Violation> {
    for number in 1..=20 {
        let area = area(&*specimen, number).await?;
        let gate = Arc::new(Gate::new());
        let batch = specimen.batch(&[SpecimenRow::new("a", 5, "staged")]);
        start_and_drop(&gate, area.stage(GateGuard::enter(&gate)?, ONE, batch)).await?;
        // Once the guard is gone a discard removes all of it for good: what came later would be found.
        let target = specimen.target();
        target.discard(UNIT, session(number)?).await?;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        same(
            &target.staged().await?,
            &Vec::new(),
            "areas after the guard was let go",
        )?;
    }
    Ok(())
}

/// An attach whose future was dropped lets its guard go only when it has really ended: afterwards nothing changes.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_dropped_attach_holds_its_guard_to_its_end(
    specimen: Box<dyn Specimen>,
) -> Result<(), Violation> {
    for number in 1..=20 {
        let area = area(&*specimen, number).await?;
        stage(
            &*specimen,
            &*area,
            ONE,
            &[SpecimenRow::new(&format!("{number:03}"), 5, "staged")],
        )
        .await?;
        let gate = Arc::new(Gate::new());
        start_and_drop(&gate, area.attach(GateGuard::enter(&gate)?)).await?;
        let (attached, rows) = (area.attached().await?, specimen.read(UNIT).await?);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        same(
            &area.attached().await?,
            &attached,
            "attached after the guard was let go",
        )?;
        same(
            &specimen.read(UNIT).await?,
            &rows,
            "rows after the guard was let go",
        )?;
    }
    Ok(())
}
