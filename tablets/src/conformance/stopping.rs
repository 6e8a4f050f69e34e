//! A stopped store says so, to those who wait as well.

use super::ground::{Ground, T, ensure, same, within};
use super::{Verdict, Violation};
use crate::{Change, ProposeError, StoreStopped, Version};

/// After the stop every call says that the store was stopped; the copy can still be looked at.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_stopped_store_answers_nobody(ground: Ground) -> Verdict {
    let store = ground.store(0);
    let mut changes = store.changes();
    within("the stop", (ground.cluster.stop)(0)).await?;
    let proposal = ground.proposal(vec![Change::SetBalancing { on: true }]);
    let proposed = within("a proposal", store.propose(proposal)).await?;
    same(
        "the answer to a proposal",
        &proposed,
        &Err(ProposeError::Stopped(StoreStopped)),
    )?;
    let waited = within("a wait", store.wait_applied(Version::new(u64::MAX))).await?;
    same("the end of a wait", &waited, &Err(StoreStopped))?;
    let barrier = within("a read barrier", store.read_barrier()).await?;
    same("the end of a read barrier", &barrier, &Err(StoreStopped))?;
    within("a follower is told", async {
        while changes.next().await.is_ok() {}
    })
    .await?;
    ensure(
        "the copy is still there",
        store.snapshot().tablets.contains_key(&T),
    )
}

/// Whoever waits at the store when it stops is woken.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_stop_wakes_whoever_waits(ground: Ground) -> Verdict {
    let store = ground.store(0);
    let waiting = tokio::spawn(async move { store.wait_applied(Version::new(u64::MAX)).await });
    let store = ground.store(0);
    let following = tokio::spawn(async move {
        let mut changes = store.changes();
        while changes.next().await.is_ok() {}
    });
    tokio::task::yield_now().await;
    within("the stop", (ground.cluster.stop)(0)).await?;
    let joined = |_| Violation("a task failed".to_owned());
    let waited = within("a waiter is woken", waiting).await?.map_err(joined)?;
    same("the end of a wait", &waited, &Err(StoreStopped))?;
    within("a follower is woken", following).await?.map_err(joined)
}

/// The others decide and apply without it.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_stopped_store_holds_up_no_other(ground: Ground) -> Verdict {
    within("the stop", (ground.cluster.stop)(2)).await?;
    for round in 0..6 {
        ground.touch(round % 2, T).await?;
    }
    Ok(())
}
