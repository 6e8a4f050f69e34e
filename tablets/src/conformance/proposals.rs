//! Proposals are decided once, change by change, by the epochs that they name.

use super::Verdict;
use super::ground::{Ground, OTHER, T, decide, ensure, next_change, ok, same, within};
use crate::{Change, Epoch, NodeId, ProposeError, Refused};

/// The copy of the store that answers holds what was decided.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_proposal_is_applied_when_it_is_answered(ground: Ground) -> Verdict {
    for (node, at) in (10..).zip([0, 1, 2, 0, 1, 2]) {
        let node = NodeId::new(node);
        let proposal = ground.proposal(vec![Change::AddNode { node }]);
        decide(&ground.store(at), proposal).await?;
        let holds = ground.store(at).snapshot().nodes.contains_key(&node);
        ensure("what was answered is applied at the store that answered", holds)?;
    }
    Ok(())
}

/// Each change meets what those before it have made, and is accepted or refused by itself.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn changes_are_decided_one_by_one_and_in_order(ground: Ground) -> Verdict {
    let node = NodeId::new(10);
    let add = Change::AddNode { node };
    let good = next_change(&ground.store(0), OTHER)?;
    let outcomes = ground
        .propose(0, vec![add.clone(), add.clone(), good, add])
        .await?;
    let exists = Err(Refused::NodeExists(node));
    ensure("the first is accepted", outcomes[0].is_ok())?;
    same("the second meets the first", &outcomes[1], &exists)?;
    ensure("a refused change refuses none after it", outcomes[2].is_ok())?;
    same("the fourth meets the first", &outcomes[3], &exists)
}

/// A change of another epoch is refused with the right one, and leaves all as it is.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_refused_change_changes_nothing(ground: Ground) -> Verdict {
    let before = ground.store(0).snapshot();
    let actual = before
        .tablets
        .get(&T)
        .map_or(Epoch::new(0), |tablet| tablet.epoch);
    let stale = Change::Advance {
        tablet: T,
        expected: actual.next(),
        to: None,
    };
    let outcomes = ground.propose(0, vec![stale]).await?;
    same("the answer", &outcomes, &vec![Err(Refused::Epoch { actual })])?;
    let after = ground.store(0).snapshot();
    ensure("the tablets are as before", before.tablets == after.tablets)?;
    ensure("the nodes are as before", before.nodes == after.nodes)
}

/// Whoever proposes at the same time: an epoch is left once.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn of_many_changes_of_one_epoch_one_is_accepted(ground: Ground) -> Verdict {
    for _ in 0..10 {
        ok(
            "a read barrier",
            within("a read barrier", ground.store(0).read_barrier()).await?,
        )?;
        let change = next_change(&ground.store(0), T)?;
        let mut tasks = Vec::new();
        for at in [0, 1, 2, 0, 1, 2] {
            let (store, proposal) = (ground.store(at), ground.proposal(vec![change.clone()]));
            tasks.push(tokio::spawn(async move { decide(&store, proposal).await }));
        }
        let mut accepted = 0;
        for task in tasks {
            let outcomes = ok("a task", within("all are answered", task).await?)??;
            accepted += outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        }
        same("changes of one epoch that were accepted", &accepted, &1)?;
    }
    Ok(())
}

/// The same request id gets the same answer from every store, and is decided once.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_repeat_gets_the_same_answer_and_does_nothing(ground: Ground) -> Verdict {
    let changes = vec![
        next_change(&ground.store(0), T)?,
        Change::AddNode {
            node: NodeId::new(10),
        },
    ];
    let proposal = ground.proposal(changes);
    let first = decide(&ground.store(0), proposal.clone()).await?;
    ensure("the first time it is accepted", first.iter().all(Result::is_ok))?;
    let before = ground.store(0).snapshot();
    for at in [0, 1, 2] {
        let again = decide(&ground.store(at), proposal.clone()).await?;
        same("the answer to a repeat", &again, &first)?;
        let now = ground.store(at).snapshot();
        ensure(
            "a repeat changes nothing",
            now.tablets == before.tablets && now.nodes == before.nodes,
        )?;
    }
    Ok(())
}

/// A proposer that goes away leaves a proposal that is decided once or not at all.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_proposal_comes_to_pass_once_at_most(ground: Ground) -> Verdict {
    for _ in 0..10 {
        ok(
            "a read barrier",
            within("a read barrier", ground.store(1).read_barrier()).await?,
        )?;
        let before = epoch(&ground, 1);
        let proposal = ground.proposal(vec![next_change(&ground.store(1), T)?]);
        let store = ground.store(1);
        tokio::select! {
            biased;
            _ = store.propose(proposal.clone()) => {}
            () = std::future::ready(()) => {}
        }
        let outcomes = decide(&ground.store(2), proposal).await?;
        ensure("asked again it is accepted", outcomes.iter().all(Result::is_ok))?;
        same("the epoch", &epoch(&ground, 2), &before.next())?;
    }
    Ok(())
}

fn epoch(ground: &Ground, at: usize) -> Epoch {
    ground
        .store(at)
        .snapshot()
        .tablets
        .get(&T)
        .map_or(Epoch::new(0), |tablet| tablet.epoch)
}

/// A proposal of more changes than allowed is refused whole; one at the limit is not.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_proposal_over_the_limit_is_refused(ground: Ground) -> Verdict {
    let max = ground.cluster.changes_max;
    let before = ground.store(0).snapshot().balancing;
    let change = Change::SetBalancing { on: !before };
    let proposal = ground.proposal(vec![change.clone(); max + 1]);
    let store = ground.store(0);
    let refused = within("the refusal", store.propose(proposal)).await?;
    same(
        "the answer",
        &refused,
        &Err(ProposeError::TooLarge { len: max + 1, max }),
    )?;
    ground.touch(0, T).await?;
    same(
        "what the refused proposal asked for",
        &store.snapshot().balancing,
        &before,
    )?;
    let outcomes = ground.propose(0, vec![change; max]).await?;
    same("changes decided", &outcomes.len(), &max)
}
