//! What an area keeps, and for whom.

use bytes::Bytes;

use super::{ONE, Specimen, SpecimenRow, TWO, UNIT, Violation, area, open_guard, same, session, stage, that};
use crate::{Batch, EngineError, Position, UnitId};

fn row(key: &str) -> SpecimenRow {
    SpecimenRow::new(key, 5, key)
}

/// Neither readers nor snapshots see what is staged.
///
/// # Errors
///
/// [`Violation`].
pub async fn what_is_staged_is_invisible(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    stage(&*specimen, &*area, ONE, &[row("a"), row("b")]).await?;
    area.sync(open_guard()).await?;
    that(
        !area.attached().await?,
        "an area is attached that nobody attached",
    )?;
    same(&specimen.read(UNIT).await?, &Vec::new(), "read before the attach")?;
    let mut scan = specimen.source().snapshot(UNIT, open_guard(), None).await?;
    same(&scan.next(1 << 20).await?, &None, "scanned before the attach")
}

/// A new area is not attached and has no positions.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_new_area_holds_nothing(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    same(
        &specimen.target().staged().await?,
        &Vec::new(),
        "areas of an engine that holds nothing",
    )?;
    let area = area(&*specimen, 1).await?;
    that(!area.attached().await?, "a new area is attached")?;
    same(&area.position(ONE).await?, &None, "position in a new area")
}

/// The position is the last row staged.
///
/// # Errors
///
/// [`Violation`].
pub async fn positions_move_with_their_rows(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    for keys in [["a", "b"], ["c", "d"]] {
        let rows = keys.map(row);
        stage(&*specimen, &*area, ONE, &rows).await?;
        area.sync(open_guard()).await?;
        same(
            &area.position(ONE).await?,
            &Some(specimen.batch(&rows).last),
            "position after a sync",
        )?;
    }
    Ok(())
}

/// The position of one source says nothing of another.
///
/// # Errors
///
/// [`Violation`].
pub async fn positions_are_kept_per_source(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    stage(&*specimen, &*area, ONE, &[row("m")]).await?;
    area.sync(open_guard()).await?;
    same(
        &area.position(TWO).await?,
        &None,
        "position of a source that staged nothing",
    )?;
    stage(&*specimen, &*area, TWO, &[row("c")]).await?;
    area.sync(open_guard()).await?;
    same(
        &area.position(ONE).await?,
        &Some(specimen.batch(&[row("m")]).last),
        "position of the first source",
    )?;
    same(
        &area.position(TWO).await?,
        &Some(specimen.batch(&[row("c")]).last),
        "position of the second source",
    )
}

/// A batch from before the position, as a call brings it that ends late, does not move it back.
///
/// # Errors
///
/// [`Violation`].
pub async fn positions_never_go_back(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    stage(&*specimen, &*area, ONE, &[row("m")]).await?;
    stage(&*specimen, &*area, ONE, &[row("c")]).await?;
    area.sync(open_guard()).await?;
    same(
        &area.position(ONE).await?,
        &Some(specimen.batch(&[row("m")]).last),
        "position after an older batch",
    )?;
    area.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &vec![row("c"), row("m")],
        "rows after an older batch",
    )
}

/// The same batch again changes nothing.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_batch_staged_twice_counts_once(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    let rows = [row("a"), row("b")];
    stage(&*specimen, &*area, ONE, &rows).await?;
    stage(&*specimen, &*area, ONE, &rows).await?;
    area.attach(open_guard()).await?;
    same(&specimen.read(UNIT).await?, &rows.to_vec(), "rows staged twice")
}

/// Several handles are one area.
///
/// # Errors
///
/// [`Violation`].
pub async fn two_handles_share_one_area(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let (one, two) = (area(&*specimen, 1).await?, area(&*specimen, 1).await?);
    stage(&*specimen, &*one, ONE, &[row("a")]).await?;
    stage(&*specimen, &*two, TWO, &[row("b")]).await?;
    one.sync(open_guard()).await?;
    two.sync(open_guard()).await?;
    same(
        &two.position(ONE).await?,
        &Some(specimen.batch(&[row("a")]).last),
        "position by the other handle",
    )?;
    two.attach(open_guard()).await?;
    that(one.attached().await?, "the other handle does not see the attach")?;
    same(
        &specimen.read(UNIT).await?,
        &vec![row("a"), row("b")],
        "rows staged by two handles",
    )
}

/// What one session staged is not there for another, nor attached by it.
///
/// # Errors
///
/// [`Violation`].
pub async fn sessions_are_apart(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let first = area(&*specimen, 1).await?;
    stage(&*specimen, &*first, ONE, &[row("stale")]).await?;
    first.sync(open_guard()).await?;
    let second = area(&*specimen, 2).await?;
    same(
        &second.position(ONE).await?,
        &None,
        "position in the area of another session",
    )?;
    stage(&*specimen, &*second, ONE, &[row("fresh")]).await?;
    second.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &vec![row("fresh")],
        "rows after the attach of one session",
    )?;
    that(!first.attached().await?, "another session's area is attached")
}

/// What is staged for one unit is not attached to another.
///
/// # Errors
///
/// [`Violation`].
pub async fn units_are_apart(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let other = UnitId::new(UNIT.as_u64() + 1);
    let first = area(&*specimen, 1).await?;
    let second = specimen
        .target()
        .staging(other, session(1)?, open_guard())
        .await?;
    stage(&*specimen, &*first, ONE, &[row("a")]).await?;
    stage(&*specimen, &*second, ONE, &[row("b")]).await?;
    second.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &Vec::new(),
        "rows of the unit that was not attached",
    )?;
    same(
        &specimen.read(other).await?,
        &vec![row("b")],
        "rows of the unit that was attached",
    )
}

/// The list names every area, in order.
///
/// # Errors
///
/// [`Violation`].
pub async fn areas_are_listed_in_order(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let (low, high) = (UnitId::new(3), UnitId::new(300));
    let wanted = [(low, session(2)?), (low, session(9)?), (high, session(1)?)];
    for (unit, of) in [wanted[2], wanted[1], wanted[0]] {
        let area = specimen.target().staging(unit, of, open_guard()).await?;
        stage(&*specimen, &*area, ONE, &[row("a")]).await?;
        area.sync(open_guard()).await?;
    }
    same(&specimen.target().staged().await?, &wanted.to_vec(), "areas")
}

/// Bytes that are no rows are refused, and nothing of them is done.
///
/// # Errors
///
/// [`Violation`].
pub async fn garbage_is_refused_whole(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    stage(&*specimen, &*area, ONE, &[row("a")]).await?;
    let whole = specimen.batch(&[row("b"), row("c")]);
    let last = Position(Bytes::from_static(b"c"));
    let cut = Batch {
        payload: whole.payload.slice(..whole.payload.len() - 1),
        rows: 2,
        last: last.clone(),
    };
    let noise = Batch {
        payload: Bytes::from_static(&[0xff; 7]),
        rows: 2,
        last,
    };
    for garbage in [cut, noise] {
        match area.stage(open_guard(), ONE, garbage).await {
            Err(EngineError::Decode(_)) => {}
            other => {
                return Err(Violation::Not(format!(
                    "garbage was not refused as such: {other:?}"
                )));
            }
        }
    }
    area.sync(open_guard()).await?;
    same(
        &area.position(ONE).await?,
        &Some(specimen.batch(&[row("a")]).last),
        "position after garbage",
    )?;
    area.attach(open_guard()).await?;
    same(&specimen.read(UNIT).await?, &vec![row("a")], "rows after garbage")
}
