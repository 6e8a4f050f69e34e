//! What is left after a crash.

use super::{ONE, Specimen, SpecimenRow, TWO, UNIT, Violation, area, open_guard, same, session, stage, that};

fn rows(count: usize) -> Vec<SpecimenRow> {
    (0..count)
        .map(|number| SpecimenRow::new(&format!("key-{number:03}"), 5, "staged"))
        .collect()
}

/// Whatever of unsynced batches is left: what follows the position completes it.
///
/// # Errors
///
/// [`Violation`].
pub async fn positions_are_not_ahead_of_their_rows(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(50);
    let one = area(&*specimen, 1).await?;
    for batch in rows[..30].chunks(5) {
        stage(&*specimen, &*one, ONE, batch).await?;
    }
    drop(one);
    let Some(specimen) = specimen.crash().await else {
        return Ok(());
    };
    same(
        &specimen.read(UNIT).await?,
        &Vec::new(),
        "visible after a crash before the attach",
    )?;
    let one = area(&*specimen, 1).await?;
    let position = one.position(ONE).await?;
    let missing: Vec<_> = rows
        .iter()
        .filter(|row| {
            position
                .as_ref()
                .is_none_or(|last| specimen.batch(&[(*row).clone()]).last > *last)
        })
        .cloned()
        .collect();
    stage(&*specimen, &*one, ONE, &missing).await?;
    one.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &rows,
        "rows after going on from the position",
    )
}

/// After a sync, rows and positions of every source are there.
///
/// # Errors
///
/// [`Violation`].
pub async fn what_was_synced_is_there(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(10);
    let one = area(&*specimen, 1).await?;
    stage(&*specimen, &*one, ONE, &rows[..6]).await?;
    stage(&*specimen, &*one, TWO, &rows[6..]).await?;
    one.sync(open_guard()).await?;
    drop(one);
    let Some(specimen) = specimen.crash().await else {
        return Ok(());
    };
    same(
        &specimen.target().staged().await?,
        &vec![(UNIT, session(1)?)],
        "areas after the crash",
    )?;
    let one = area(&*specimen, 1).await?;
    same(
        &one.position(ONE).await?,
        &Some(specimen.batch(&rows[..6]).last),
        "first position after the crash",
    )?;
    same(
        &one.position(TWO).await?,
        &Some(specimen.batch(&rows[6..]).last),
        "second position after the crash",
    )?;
    one.attach(open_guard()).await?;
    same(&specimen.read(UNIT).await?, &rows, "rows synced before the crash")
}

/// An attach that a crash may have met in the middle shows everything or nothing, and its mark agrees.
///
/// # Errors
///
/// [`Violation`].
pub async fn an_attach_is_whole_or_not_at_all(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(200);
    let one = area(&*specimen, 1).await?;
    stage(&*specimen, &*one, ONE, &rows).await?;
    one.sync(open_guard()).await?;
    {
        // Started, and not waited for.
        let mut attaching = std::pin::pin!(one.attach(open_guard()));
        std::future::poll_fn(|context| {
            let _ = Future::poll(attaching.as_mut(), context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    drop(one);
    let Some(specimen) = specimen.crash().await else {
        return Ok(());
    };
    let one = area(&*specimen, 1).await?;
    let (attached, visible) = (one.attached().await?, specimen.read(UNIT).await?);
    that(
        if attached {
            visible == rows
        } else {
            visible.is_empty()
        },
        "after a crash the mark of the attach and the visible rows do not agree",
    )?;
    one.attach(open_guard()).await?;
    same(
        &specimen.read(UNIT).await?,
        &rows,
        "rows after the attach was repeated",
    )
}

/// An attach that returned is durable, its mark too.
///
/// # Errors
///
/// [`Violation`].
pub async fn what_was_attached_is_there(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let rows = rows(10);
    let one = area(&*specimen, 1).await?;
    stage(&*specimen, &*one, ONE, &rows).await?;
    one.attach(open_guard()).await?;
    drop(one);
    let Some(specimen) = specimen.crash().await else {
        return Ok(());
    };
    same(
        &specimen.read(UNIT).await?,
        &rows,
        "attached rows after the crash",
    )?;
    that(
        area(&*specimen, 1).await?.attached().await?,
        "the mark of the attach is gone after the crash",
    )
}

/// A discard that returned is durable.
///
/// # Errors
///
/// [`Violation`].
pub async fn what_was_discarded_is_gone(specimen: Box<dyn Specimen>) -> Result<(), Violation> {
    let one = area(&*specimen, 1).await?;
    stage(&*specimen, &*one, ONE, &rows(10)).await?;
    one.sync(open_guard()).await?;
    drop(one);
    specimen.target().discard(UNIT, session(1)?).await?;
    let Some(specimen) = specimen.crash().await else {
        return Ok(());
    };
    same(
        &specimen.target().staged().await?,
        &Vec::new(),
        "areas after the crash",
    )?;
    same(&specimen.read(UNIT).await?, &Vec::new(), "rows after the crash")
}
