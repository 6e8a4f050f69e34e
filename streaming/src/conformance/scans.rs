//! What a snapshot shows.

use super::{ONE, Specimen, SpecimenRow, UNIT, Violation, area, open_guard, same, stage, that};
use crate::{Batch, Position, Scan};

fn rows(count: usize) -> Vec<SpecimenRow> {
    (0..count)
        .map(|number| SpecimenRow::new(&format!("key-{number:03}"), 5, &"v".repeat(100)))
        .collect()
}

async fn batches(scan: &mut dyn Scan, bytes_max: usize) -> Result<Vec<Batch>, Violation> {
    let mut batches = Vec::new();
    while let Some(batch) = scan.next(bytes_max).await? {
        batches.push(batch);
    }
    Ok(batches)
}

/// The rows of batches, whose own counts and positions must be right.
fn decoded(specimen: &dyn Specimen, batches: &[Batch]) -> Result<Vec<SpecimenRow>, Violation> {
    let mut all = Vec::new();
    for batch in batches {
        let rows = specimen
            .rows(batch)
            .ok_or_else(|| Violation::Not("a batch that is none".to_owned()))?;
        same(
            &(batch.rows as usize),
            &rows.len(),
            "rows that a batch says it holds",
        )?;
        same(&batch.last, &specimen.batch(&rows).last, "position of a batch")?;
        all.extend(rows);
    }
    Ok(all)
}

async fn scanned(
    specimen: &dyn Specimen,
    from: Option<Position>,
    bytes_max: usize,
) -> Result<Vec<Batch>, Violation> {
    let mut scan = specimen.source().snapshot(UNIT, open_guard(), from).await?;
    batches(&mut *scan, bytes_max).await
}

/// Every row once, in order, with the right counts and positions, in several batches.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_scan_gives_all_rows_in_order(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(100);
    specimen.write(UNIT, &rows).await?;
    let batches = scanned(&*specimen, None, 1000).await?;
    that(
        batches.len() > 5,
        "batches are much larger than they were asked to be",
    )?;
    that(
        batches.windows(2).all(|pair| pair[0].last < pair[1].last),
        "positions do not grow",
    )?;
    same(&decoded(&*specimen, &batches)?, &rows, "scanned rows")
}

/// From any batch's position come exactly the rows behind it.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_scan_goes_on_after_a_position(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(30);
    specimen.write(UNIT, &rows).await?;
    let mut passed = 0;
    for batch in scanned(&*specimen, None, 500).await? {
        passed += batch.rows as usize;
        let rest = scanned(&*specimen, Some(batch.last), 500).await?;
        same(
            &decoded(&*specimen, &rest)?,
            &rows[passed..].to_vec(),
            "rows behind a position",
        )?;
    }
    same(&passed, &rows.len(), "rows scanned")
}

/// Behind the last row comes nothing.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_scan_from_the_end_is_empty(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(3);
    specimen.write(UNIT, &rows).await?;
    let last = specimen.batch(&rows).last;
    same(
        &scanned(&*specimen, Some(last), 500).await?,
        &Vec::new(),
        "batches behind the last row",
    )
}

/// A unit of which nothing is held is empty, not an error.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_unit_of_which_nothing_is_held_is_empty(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    same(
        &scanned(&*specimen, None, 500).await?,
        &Vec::new(),
        "batches of an empty unit",
    )
}

/// A row larger than a batch is asked to be comes all the same.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_batch_holds_one_row_at_least(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(5);
    specimen.write(UNIT, &rows).await?;
    let batches = scanned(&*specimen, None, 1).await?;
    that(
        batches.iter().all(|batch| batch.rows == 1),
        "a batch of one byte holds more than one row",
    )?;
    same(&decoded(&*specimen, &batches)?, &rows, "scanned rows")
}

/// What is written after the snapshot does not show in it.
///
/// # Errors
///
/// [`Violation`].
pub async fn a_snapshot_shows_no_later_writes(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let before = rows(20);
    specimen.write(UNIT, &before).await?;
    let mut scan = specimen.source().snapshot(UNIT, open_guard(), None).await?;
    let first = scan.next(300).await?;
    let later: Vec<_> = before
        .iter()
        .map(|row| SpecimenRow {
            timestamp: 9,
            ..row.clone()
        })
        .collect();
    specimen.write(UNIT, &later).await?;
    specimen
        .write(UNIT, &[SpecimenRow::new("zzz", 9, "later")])
        .await?;
    let mut all: Vec<_> = first.into_iter().collect();
    all.extend(batches(&mut *scan, 300).await?);
    same(&decoded(&*specimen, &all)?, &before, "rows of a snapshot")
}

/// The batches of a source are what a target stages: both ways of an engine understand each other.
///
/// # Errors
///
/// [`Violation`].
pub async fn what_is_scanned_can_be_staged(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(20);
    let first = area(&*specimen, 1).await?;
    stage(&*specimen, &*first, ONE, &rows).await?;
    first.attach(open_guard()).await?;
    let second = area(&*specimen, 2).await?;
    for batch in scanned(&*specimen, None, 300).await? {
        second.stage(open_guard(), ONE, batch).await?;
    }
    second.sync(open_guard()).await?;
    same(
        &second.position(ONE).await?,
        &Some(specimen.batch(&rows).last),
        "position of scanned batches",
    )?;
    second.attach(open_guard()).await?;
    same(&specimen.read(UNIT).await?, &rows, "rows staged from a scan")
}
