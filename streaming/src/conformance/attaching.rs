//! What an attach and a discard do.

use super::{ONE, Specimen, SpecimenRow, TWO, UNIT, Violation, area, open_guard, same, session, stage, that};

/// One attach shows what every source staged.
///
/// # Errors
///
/// [`Violation`].
pub async fn attach_shows_what_all_sources_staged(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let row = |key| SpecimenRow::new(key, 5, key);
    let area = area(&*specimen, 1).await?;
    stage(&*specimen, &*area, ONE, &[row("a"), row("c")]).await?;
    stage(&*specimen, &*area, TWO, &[row("b")]).await?;
    area.attach(open_guard()).await?;
    that(area.attached().await?, "an attached area says it is not")?;
    same(
        &specimen.read(UNIT).await?,
        &vec![row("a"), row("b"), row("c")],
        "rows after the attach",
    )?;
    let mut scan = specimen.source().snapshot(UNIT, open_guard(), None).await?;
    let scanned = scan.next(1 << 20).await?;
    that(
        scanned.is_some_and(|batch| batch.rows == 3),
        "a snapshot does not show what was attached",
    )
}

/// Of a row written and a row staged the later stays, whichever came first.
///
/// # Errors
///
/// [`Violation`].
pub async fn attach_merges_by_timestamp_both_ways(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let before = [
        SpecimenRow::new("a", 8, "written"),
        SpecimenRow::new("b", 2, "written"),
    ];
    let staged = ["a", "b", "c", "d"].map(|key| SpecimenRow::new(key, 5, "staged"));
    let after = [
        SpecimenRow::new("c", 8, "written"),
        SpecimenRow::new("d", 2, "written"),
    ];
    specimen.write(UNIT, &before).await?;
    let area = area(&*specimen, 1).await?;
    stage(&*specimen, &*area, ONE, &staged).await?;
    specimen.write(UNIT, &after).await?;
    area.attach(open_guard()).await?;
    let [_, b, _, d] = staged;
    let ([a, _], [c, _]) = (before, after);
    same(
        &specimen.read(UNIT).await?,
        &vec![a, b, c, d],
        "rows after the attach",
    )
}

/// Of two rows that two sources staged the later stays.
///
/// # Errors
///
/// [`Violation`].
pub async fn attach_merges_what_sources_staged_of_one_key(
    specimen: Box<dyn Specimen>,
) -> Result<(), Violation> {
    let area = area(&*specimen, 1).await?;
    let later = [
        SpecimenRow::new("a", 9, "later"),
        SpecimenRow::new("b", 4, "earlier"),
    ];
    let mixed = [
        SpecimenRow::new("a", 4, "earlier"),
        SpecimenRow::new("b", 9, "later"),
    ];
    stage(&*specimen, &*area, ONE, &later).await?;
    stage(&*specimen, &*area, TWO, &mixed).await?;
    area.attach(open_guard()).await?;
    let ([a, _], [_, b]) = (later, mixed);
    same(&specimen.read(UNIT).await?, &vec![a, b], "rows after the attach")
}

/// A second attach does nothing and succeeds.
///
/// # Errors
///
/// [`Violation`].
pub async fn attach_is_idempotent(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let one = area(&*specimen, 1).await?;
    stage(&*specimen, &*one, ONE, &[SpecimenRow::new("a", 5, "staged")]).await?;
    let two = area(&*specimen, 1).await?;
    one.attach(open_guard()).await?;
    let later = [SpecimenRow::new("a", 6, "written later")];
    specimen.write(UNIT, &later).await?;
    one.attach(open_guard()).await?;
    two.attach(open_guard()).await?;
    area(&*specimen, 1).await?.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &later.to_vec(),
        "rows after further attaches",
    )
}

/// What comes after the attach, as from a call that ends late, is not staged and does not become visible.
///
/// # Errors
///
/// [`Violation`].
pub async fn staging_after_the_attach_does_nothing(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let one = area(&*specimen, 1).await?;
    let row = SpecimenRow::new("a", 5, "staged");
    stage(&*specimen, &*one, ONE, std::slice::from_ref(&row)).await?;
    let two = area(&*specimen, 1).await?;
    one.attach(open_guard()).await?;
    stage(&*specimen, &*two, ONE, &[SpecimenRow::new("z", 9, "late")]).await?;
    two.sync(open_guard()).await?;
    two.attach(open_guard()).await?;
    same(&specimen.read(UNIT).await?, &vec![row], "rows after a late batch")
}

/// A unit of which the sources hold nothing is attached like any other.
///
/// # Errors
///
/// [`Violation`].
pub async fn an_area_without_rows_can_be_attached(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let one = area(&*specimen, 1).await?;
    one.sync(open_guard()).await?;
    one.attach(open_guard()).await?;
    that(
        area(&*specimen, 1).await?.attached().await?,
        "the mark of an attach without rows is not kept",
    )?;
    same(
        &specimen.read(UNIT).await?,
        &Vec::new(),
        "rows after an attach without rows",
    )
}

/// A discard drops rows and positions that were not attached.
///
/// # Errors
///
/// [`Violation`].
pub async fn discard_drops_what_was_not_attached(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let one = area(&*specimen, 1).await?;
    stage(&*specimen, &*one, ONE, &[SpecimenRow::new("a", 5, "staged")]).await?;
    one.sync(open_guard()).await?;
    drop(one);
    specimen.target().discard(UNIT, session(1)?).await?;
    same(
        &specimen.target().staged().await?,
        &Vec::new(),
        "areas after the discard",
    )?;
    same(&specimen.read(UNIT).await?, &Vec::new(), "rows after the discard")?;
    let fresh = area(&*specimen, 1).await?;
    same(&fresh.position(ONE).await?, &None, "position after the discard")?;
    fresh.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &Vec::new(),
        "rows after the discard and an attach",
    )
}

/// A discard keeps the rows that were attached, and drops the mark.
///
/// # Errors
///
/// [`Violation`].
pub async fn discard_keeps_what_was_attached(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let one = area(&*specimen, 1).await?;
    let row = SpecimenRow::new("a", 5, "staged");
    stage(&*specimen, &*one, ONE, std::slice::from_ref(&row)).await?;
    one.attach(open_guard()).await?;
    drop(one);
    same(
        &specimen.target().staged().await?,
        &vec![(UNIT, session(1)?)],
        "areas while the mark is kept",
    )?;
    specimen.target().discard(UNIT, session(1)?).await?;
    same(
        &specimen.target().staged().await?,
        &Vec::new(),
        "areas after the discard",
    )?;
    same(
        &specimen.read(UNIT).await?,
        &vec![row],
        "attached rows after the discard",
    )
}

/// Nothing to discard is success, also twice.
///
/// # Errors
///
/// [`Violation`].
pub async fn discarding_nothing_is_success(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let row = SpecimenRow::new("a", 5, "written");
    specimen.write(UNIT, std::slice::from_ref(&row)).await?;
    for _ in 0..2 {
        specimen.target().discard(UNIT, session(1)?).await?;
    }
    same(
        &specimen.read(UNIT).await?,
        &vec![row],
        "written rows after a discard",
    )
}
