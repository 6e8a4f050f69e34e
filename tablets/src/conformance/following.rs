//! A follower may skip states, never the newest, and is told all that differs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ground::{Ground, OTHER, T, ensure, ok, same, stalls, within};
use super::{Verdict, Violation};
use crate::{Changes, Metadata, TabletId, Touched, Update, Version};

async fn next(changes: &mut Box<dyn Changes>) -> Result<Update, Violation> {
    ok("next", within("an update", changes.next()).await?)
}

/// Follows until an update has `version`; answers the last copy.
async fn follow_to(
    changes: &mut Box<dyn Changes>,
    mut copy: Arc<Metadata>,
    version: Version,
) -> Result<Arc<Metadata>, Violation> {
    while copy.version < version {
        let update = next(changes).await?;
        check(&copy, &update)?;
        copy = update.metadata;
    }
    Ok(copy)
}

fn check(before: &Metadata, update: &Update) -> Verdict {
    ensure(
        "an update is newer than the one before",
        update.metadata.version > before.version,
    )?;
    let Touched::Tablets(touched) = &update.touched else {
        return Ok(());
    };
    let ids: BTreeSet<TabletId> = before
        .tablets
        .keys()
        .chain(update.metadata.tablets.keys())
        .copied()
        .collect();
    for id in ids {
        let differs = before.tablets.get(&id) != update.metadata.tablets.get(&id);
        ensure(
            "every tablet that differs is listed",
            !differs || touched.contains(&id),
        )?;
    }
    Ok(())
}

/// The first update comes at once, is the copy as it is, and says that everything is touched.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn the_first_update_is_everything(ground: Ground) -> Verdict {
    let store = ground.store(0);
    let before = store.snapshot().version;
    let mut changes = store.changes();
    let update = next(&mut changes).await?;
    same("what the first update touches", &update.touched, &Touched::All)?;
    ensure(
        "the first update is the copy as it is",
        update.metadata.version >= before,
    )?;
    ensure("it holds the tablets", update.metadata.tablets.contains_key(&T))?;
    let copy = follow_to(&mut changes, update.metadata, store.snapshot().version).await?;
    stalls("a wait for more when there is no more", async {
        while changes
            .next()
            .await
            .is_ok_and(|update| update.metadata.tablets == copy.tablets)
        {}
    })
    .await
}

/// What differs from the update before is listed: made, changed, gone.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn an_update_names_what_has_changed(ground: Ground) -> Verdict {
    let mut changes = ground.store(1).changes();
    let mut copy = next(&mut changes).await?.metadata;
    for tablet in [T, OTHER, T] {
        ground.touch(1, tablet).await?;
        copy = follow_to(&mut changes, copy, ground.store(1).snapshot().version).await?;
    }
    let made = crate::Change::CreateTable {
        name: "made".to_owned(),
        replicas: vec![[crate::NodeId::new(1)].into()],
    };
    let table = *copy
        .tables
        .keys()
        .next()
        .ok_or_else(|| Violation("no table".to_owned()))?;
    for change in [made, crate::Change::DropTable { table }] {
        let outcomes = ground.propose(1, vec![change]).await?;
        ensure("the change is accepted", outcomes.iter().all(Result::is_ok))?;
        copy = follow_to(&mut changes, copy, ground.store(1).snapshot().version).await?;
    }
    ensure(
        "the dropped table's tablets are gone",
        !copy.tablets.contains_key(&T),
    )
}

/// Changes that were not waited for come together, the newest among them.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_slow_follower_never_misses_the_newest(ground: Ground) -> Verdict {
    let mut changes = ground.store(0).changes();
    let copy = next(&mut changes).await?.metadata;
    for round in 0..40 {
        ground.touch(0, if round % 2 == 0 { T } else { OTHER }).await?;
    }
    let newest = ground.store(0).snapshot();
    let copy = follow_to(&mut changes, copy, newest.version).await?;
    ensure(
        "the last update is the newest copy",
        copy.tablets == newest.tablets,
    )
}

/// A `next` that is dropped while it waits, and as soon as it could answer, costs no update.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_next_loses_nothing(ground: Ground) -> Verdict {
    let mut changes = ground.store(0).changes();
    let mut copy = next(&mut changes).await?.metadata;
    for _ in 0..20 {
        let waiting = {
            let waiting = changes.next();
            let touching = ground.touch(0, T);
            tokio::pin!(waiting);
            // Polled before the change and after it, and dropped in the middle of whatever it does.
            tokio::select! {
                biased;
                update = &mut waiting => Some(ok("next", update)?),
                touched = touching => { touched?; None }
            }
        };
        if let Some(update) = waiting {
            check(&copy, &update)?;
            copy = update.metadata;
            ground.touch(0, T).await?;
        }
        tokio::select! {
            biased;
            update = changes.next() => {
                let update = ok("next", update)?;
                check(&copy, &update)?;
                copy = update.metadata;
            }
            () = std::future::ready(()) => {}
        }
        copy = follow_to(&mut changes, copy, ground.store(0).snapshot().version).await?;
    }
    Ok(())
}

/// Two followers of one store each get everything.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn followers_do_not_share(ground: Ground) -> Verdict {
    let store = ground.store(0);
    let (mut one, mut two) = (store.changes(), store.changes());
    let (first, second) = (next(&mut one).await?.metadata, next(&mut two).await?.metadata);
    ground.touch(0, T).await?;
    let version = store.snapshot().version;
    let (first, second) = (
        follow_to(&mut one, first, version).await?,
        follow_to(&mut two, second, version).await?,
    );
    let mut third = store.changes();
    same(
        "what a new follower's first update touches",
        &next(&mut third).await?.touched,
        &Touched::All,
    )?;
    ensure("both have the newest", first.tablets == second.tablets)
}
