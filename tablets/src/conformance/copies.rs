//! Each node has a copy that only goes forward, and all come to the same.

use std::sync::Arc;

use super::Verdict;
use super::ground::{Ground, OTHER, T, decide, ensure, ok, same, stalls, within};
use crate::{Change, NodeId, Version};

/// What was answered anywhere before a read barrier began is in the copy when it ends.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_read_barrier_sees_what_was_decided_anywhere(ground: Ground) -> Verdict {
    for node in 10..40 {
        let from = (node % 3) as usize;
        ground
            .propose(
                from,
                vec![Change::AddNode {
                    node: NodeId::new(node),
                }],
            )
            .await?;
        let decided = ground.store(from).snapshot().version;
        for at in 0..3 {
            let store = ground.store(at);
            let version = ok(
                "a read barrier",
                within("a read barrier", store.read_barrier()).await?,
            )?;
            ensure(
                "the barrier's version is not below what was decided",
                version >= decided,
            )?;
            let copy = store.snapshot();
            ensure(
                "the copy is not below the barrier's version",
                copy.version >= version,
            )?;
            ensure(
                "the copy holds what was decided",
                copy.nodes.contains_key(&NodeId::new(node)),
            )?;
        }
    }
    Ok(())
}

/// Waiting for a version that is there ends at once, for one that is not there with that version.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_wait_ends_at_its_version_and_not_before(ground: Ground) -> Verdict {
    ground.touch(0, T).await?;
    let version = ground.store(0).snapshot().version;
    for at in 0..3 {
        let store = ground.store(at);
        ok(
            "a wait",
            within("a wait for what was decided", store.wait_applied(version)).await?,
        )?;
        ensure("the copy is there", store.snapshot().version >= version)?;
        ok(
            "a wait",
            within(
                "a wait for what was long ago",
                store.wait_applied(Version::new(0)),
            )
            .await?,
        )?;
    }
    let later = Version::new(version.as_u64() + 1_000_000);
    let store = ground.store(1);
    stalls("a wait for what is far ahead", store.wait_applied(later)).await?;

    // A store may give versions to entries of its own, so the next one is what comes of the next proposals.
    let next = Version::new(store.snapshot().version.as_u64() + 3);
    let waiting = tokio::spawn(async move {
        let waited = store.wait_applied(next).await;
        (waited, store.snapshot().version)
    });
    for _ in 0..3 {
        ground.touch(0, T).await?;
    }
    let (waited, seen) = ok("a task", within("a wait for the next version", waiting).await?)?;
    ok("a wait", waited)?;
    ensure("the copy is there when the wait ends", seen >= next)
}

/// Whoever looks while changes are decided sees versions that only grow.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_version_never_goes_back(ground: Ground) -> Verdict {
    let mut proposals = Vec::new();
    for node in 10..60 {
        let (store, change) = (
            ground.store((node % 3) as usize),
            Change::AddNode {
                node: NodeId::new(node),
            },
        );
        let proposal = ground.proposal(vec![change]);
        proposals.push(tokio::spawn(async move { decide(&store, proposal).await }));
    }
    let mut seen = [Version::default(); 3];
    for proposal in proposals {
        for (at, seen) in seen.iter_mut().enumerate() {
            let now = ground.store(at).snapshot().version;
            ensure("a version never goes back", now >= *seen)?;
            *seen = now;
        }
        ok("a task", within("a proposal is answered", proposal).await?)??;
    }
    Ok(())
}

/// A copy that somebody holds is not changed under them.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_copy_that_was_given_stays_as_it_is(ground: Ground) -> Verdict {
    let held = ground.store(0).snapshot();
    let (version, tablet) = (held.version, held.tablets.get(&T).cloned());
    for _ in 0..3 {
        ground.touch(0, T).await?;
    }
    same("the version of a copy that is held", &held.version, &version)?;
    ensure("its tablet is as it was", held.tablets.get(&T) == tablet.as_ref())?;
    ensure(
        "a later copy is another",
        !Arc::ptr_eq(&held, &ground.store(0).snapshot()),
    )
}

/// After a barrier everywhere, with nothing decided meanwhile, all copies say the same.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn every_copy_comes_to_the_same(ground: Ground) -> Verdict {
    for round in 0..9 {
        ground
            .touch(round % 3, if round % 2 == 0 { T } else { OTHER })
            .await?;
    }
    let mut copies = Vec::new();
    for at in 0..3 {
        ok(
            "a read barrier",
            within("a read barrier", ground.store(at).read_barrier()).await?,
        )?;
        copies.push(ground.store(at).snapshot());
    }
    for copy in &copies {
        ensure(
            "tablets are the same everywhere",
            copy.tablets == copies[0].tablets,
        )?;
        ensure("nodes are the same everywhere", copy.nodes == copies[0].nodes)?;
        ensure("tables are the same everywhere", copy.tables == copies[0].tables)?;
    }
    Ok(())
}
