//! What a store and its service share: the node's part in Raft.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{
    ChangeMembershipError, ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::{ChangeMembers, Instant as _, Raft, RaftMetrics, ReadPolicy};
use tidegate_tablets::{NodeId, Proposal};
use tidegate_transport::Transport;
use tokio::time::timeout;
use tracing::error;

use crate::RaftConfig;
use crate::codec::message::{Reply, Request};
use crate::copy::Copy;
use crate::disk_id::DiskId;
use crate::machine::Machine;
use crate::membership::{Emptied, MembershipChange};
use crate::types::{Command, RaftMembership, Term, TypeConfig};

/// The node's part in Raft.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) disk: DiskId,
    pub(crate) config: RaftConfig,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) raft: Raft<TypeConfig, Machine>,
    pub(crate) copy: Arc<Copy>,
    /// Why it ended, if it was for that.
    pub(crate) emptied: OnceLock<Emptied>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id)
            .field("leader", &self.leader())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// What openraft says of itself now.
    pub(crate) fn metrics(&self) -> RaftMetrics<TypeConfig> {
        self.raft.metrics().borrow_watched().clone()
    }

    /// Who leads, as far as this node knows.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        let metrics = self.raft.metrics();
        let leader = metrics.borrow_watched().current_leader;
        leader.map(NodeId::new)
    }

    /// Whether that node votes or learns, as far as this one knows.
    pub(crate) fn takes_part(&self, node: u64) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.membership().get_node(&node).is_some()
    }

    /// Whether its log is empty: it belongs to no cluster, or has heard nothing of it.
    pub(crate) async fn is_new(&self) -> bool {
        if self.raft.metrics().borrow_watched().last_log_index.is_some() {
            return false;
        }
        // Who has just started says so of itself too, until it has looked at its disk.
        let empty = self.raft.with_raft_state(|state| state.log_ids.last().is_none());
        empty.await.unwrap_or(false)
    }

    /// Which disk it has, and whether its log is empty: as it says to others.
    pub(crate) async fn own_disk(&self) -> Reply {
        let (disk, is_new) = (self.disk, self.is_new().await);
        Reply::Disk { disk, is_new }
    }

    /// This node has another disk than the one with which it takes part, as another node has it in its log.
    pub(crate) fn end_as_emptied(self: &Arc<Self>, known_by: NodeId) {
        let node = self.id;
        if self.emptied.set(Emptied { node, known_by }).is_ok() {
            // At once for all who wait; what is left to do need not be waited for.
            self.copy.stop();
            let node = Arc::clone(self);
            tokio::spawn(async move { node.stop().await });
        }
    }

    /// Whoever waits, or comes later, is told that it has ended; and the log ends.
    pub(crate) async fn stop(&self) {
        self.copy.stop();
        // In a task: a shutdown that is dropped half-way leaves nobody to wait for, and whoever calls again does not.
        let raft = self.raft.clone();
        let stopping = tokio::spawn(async move { raft.shutdown().await });
        if let Ok(Err(failure)) = stopping.await {
            error!(%failure, "the log did not stop well");
        }
    }

    /// Completes when this node hears of another leader than `leader`, and than the one that it knows of now.
    pub(crate) async fn other_leader(&self, leader: NodeId) {
        let mut metrics = self.raft.metrics();
        let before = metrics.borrow_and_update().current_leader;
        let other = |now: Option<u64>| now.is_some() && now != before && now != Some(leader.as_u64());
        loop {
            if metrics.changed().await.is_err() {
                // Stopped: whoever waits here hears that elsewhere.
                std::future::pending::<()>().await;
            }
            if other(metrics.borrow_and_update().current_leader) {
                return;
            }
        }
    }

    /// Does what only the leader does, if this node leads. Dropped before it completes, it may be done.
    pub(crate) async fn lead(&self, request: Request) -> Reply {
        match request {
            Request::Propose { proposal, deadline } => {
                let deadline = deadline.min(self.config.propose_deadline);
                Box::pin(self.decide(proposal, deadline)).await
            }
            Request::ReadIndex => Box::pin(self.read_index()).await,
            Request::Change { change, deadline } => {
                let deadline = deadline.min(self.config.membership_deadline);
                match timeout(deadline, Box::pin(self.change(change, deadline))).await {
                    Ok(reply) => reply,
                    Err(_) => unknown("the change took too long"),
                }
            }
            _ => refused("not for a leader"),
        }
    }

    async fn decide(&self, proposal: Proposal, deadline: Duration) -> Reply {
        let (len, max) = (proposal.changes.len(), self.config.proposal_changes_max);
        if len > max {
            return refused(format!("{len} changes are over the leader's limit of {max}"));
        }
        if let Some(answer) = self.copy.recall(proposal.request) {
            return Reply::Decided(answer);
        }
        let command = Command(Arc::new(proposal));
        let Ok(written) = timeout(deadline, self.raft.client_write(command)).await else {
            return unknown("no majority has confirmed it in time");
        };
        match written {
            Ok(response) => match response.data.0 {
                Some(answer) => Reply::Decided(answer),
                None => unknown("the log holds something else there"),
            },
            Err(error) => not_written(error),
        }
    }

    async fn read_index(&self) -> Reply {
        let asked = self.raft.get_read_linearizer(ReadPolicy::ReadIndex);
        match timeout(self.config.call_deadline, asked).await {
            Ok(Ok(linearizer)) => Reply::ReadIndex {
                index: linearizer.read_log_id().index(),
            },
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)))) => {
                forwarded(&forward)
            }
            Ok(Err(error)) => not_done(error),
            Err(_) => not_done("no majority has answered in time"),
        }
    }

    async fn change(&self, change: MembershipChange, deadline: Duration) -> Reply {
        let metrics = self.metrics();
        if metrics.current_leader != Some(self.id.as_u64()) {
            return Reply::NotLeader {
                leader: metrics.current_leader.map(NodeId::new),
            };
        }
        let membership = metrics.membership_config.membership();
        let node = change.node().as_u64();
        let place = Place::of(membership, node);
        let voter = BTreeSet::from([node]);
        let written = match (change, place) {
            (MembershipChange::Promote(_), Place::Voter) | (MembershipChange::Remove(_), Place::None) => {
                return Reply::Changed;
            }
            (MembershipChange::AddLearner(new), Place::Voter) => {
                // Who cannot be asked takes part all the same.
                let disk = self.disk_of(new).await.ok().map(|(disk, _)| disk);
                return if disk.is_none() || disk.as_ref() == membership.get_node(&node) {
                    Reply::Changed
                } else {
                    with_another_disk(new)
                };
            }
            (MembershipChange::AddLearner(new), _) => {
                let disk = match self.disk_of(new).await {
                    Ok((disk, _)) => disk,
                    Err(error) => {
                        return not_done(format!("node {new} does not say which disk it has: {error}"));
                    }
                };
                // An entry for a node that is there already would change nothing.
                if membership.get_node(&node).is_some_and(|known| *known != disk) {
                    return with_another_disk(new);
                }
                self.raft.add_learner(node, disk, true).await.map(drop)
            }
            (MembershipChange::Promote(_), Place::None) => {
                return refused(format!("node {node} is no learner: add it first"));
            }
            (MembershipChange::Promote(_), _) => {
                return self.switch(ChangeMembers::AddVoterIds(voter)).await;
            }
            (MembershipChange::Remove(_), Place::Learner) => {
                return self.switch(ChangeMembers::RemoveNodes(voter)).await;
            }
            (MembershipChange::Remove(_), _) => {
                return self.switch(ChangeMembers::RemoveVoters(voter)).await;
            }
            (MembershipChange::TransferLeader(_), Place::Voter) => {
                return self.hand_over(node, deadline).await;
            }
            (MembershipChange::TransferLeader(_), _) => {
                return refused(format!("node {node} has no vote, or is about to lose or get it"));
            }
        };
        match written {
            Ok(()) => Reply::Changed,
            Err(error) => not_written(error),
        }
    }

    /// Changes voters: two entries, one after the other, and in between both the old and the new ones have to agree.
    async fn switch(&self, change: ChangeMembers<u64, DiskId>) -> Reply {
        let raft = self.raft.clone();
        // In a task: it must not stay half made because the caller goes, or has waited long enough.
        let switched = tokio::spawn(async move { raft.change_membership(change, false).await });
        match switched.await {
            Ok(Ok(_)) => Reply::Changed,
            Ok(Err(error)) => not_written(error),
            Err(error) => unknown(error),
        }
    }

    /// Has another node lead, if this one does and is not the only voter. Answers why that was not done.
    pub(crate) async fn step_aside(&self) -> Result<(), String> {
        let metrics = self.metrics();
        let alone = metrics
            .membership_config
            .voter_ids()
            .all(|voter| voter == metrics.id);
        if metrics.current_leader != Some(metrics.id) || alone {
            return Ok(());
        }
        let to = self
            .successor(&metrics)
            .ok_or("no other voter has been heard of lately")?;
        let asked = self.raft.trigger().transfer_leader(to).await;
        asked.map_err(|error| error.to_string())?;
        let other = |metrics: &RaftMetrics<TypeConfig>| {
            metrics.current_leader.is_some_and(|leader| leader != metrics.id)
        };
        let wait = self.raft.wait(Some(self.config.election_max * 4));
        match wait.metrics(other, "another node leads").await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The voter that is furthest, and of those the one heard of last.
    fn successor(&self, metrics: &RaftMetrics<TypeConfig>) -> Option<u64> {
        let heard = |node: u64| {
            let at = metrics.heartbeat.as_ref()?.get(&node)?.as_ref()?;
            (at.elapsed() <= self.config.election_max).then_some(**at)
        };
        let matched = |node: u64| metrics.replication.as_ref()?.get(&node)?.map(|last| last.index);
        let voters = metrics
            .membership_config
            .voter_ids()
            .filter(|voter| *voter != metrics.id);
        let awake = voters.filter_map(|voter| Some((matched(voter), heard(voter)?, voter)));
        awake.max().map(|(_, _, voter)| voter)
    }

    async fn hand_over(&self, to: u64, deadline: Duration) -> Reply {
        if to == self.id.as_u64() {
            return Reply::Changed;
        }
        if let Err(error) = self.raft.trigger().transfer_leader(to).await {
            return not_done(error);
        }
        // A node that does not take over soon never will, from this once.
        let wait = self.raft.wait(Some(deadline.min(self.config.election_max * 4)));
        match wait.current_leader(to, "a leader hands over").await {
            Ok(_) => Reply::Changed,
            Err(_) => not_done("the node did not take over in time"),
        }
    }
}

fn with_another_disk(node: NodeId) -> Reply {
    refused(format!(
        "node {node} takes part with another disk: remove it first"
    ))
}

/// A node's place in the membership.
enum Place {
    None,
    Learner,
    Voter,
    /// A change of voters has begun and not ended: asking again ends it.
    Between,
}

impl Place {
    fn of(membership: &RaftMembership, node: u64) -> Self {
        let voters = membership.get_joint_config();
        if voters.len() > 1 {
            Self::Between
        } else if voters.iter().any(|voters| voters.contains(&node)) {
            Self::Voter
        } else if membership.get_node(&node).is_some() {
            Self::Learner
        } else {
            Self::None
        }
    }
}

fn forwarded(forward: &ForwardToLeader<TypeConfig>) -> Reply {
    Reply::NotLeader {
        leader: forward.leader_id.map(NodeId::new),
    }
}

fn not_written(error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> Reply {
    let error = match error {
        RaftError::APIError(error) => error,
        RaftError::Fatal(fatal) => return unknown(fatal),
    };
    match error {
        ClientWriteError::ForwardToLeader(forward) => forwarded(&forward),
        ClientWriteError::LogEntryDiscarded(_) => unknown("another node has become the leader meanwhile"),
        ClientWriteError::ChangeMembershipError(error) => not_changed(&error),
        ClientWriteError::PreconditionFailed(error) => not_done(error),
    }
}

fn not_changed(error: &ChangeMembershipError<Term, u64>) -> Reply {
    match error {
        ChangeMembershipError::EmptyMembership(_) => refused("the last voter cannot go"),
        ChangeMembershipError::LearnerNotFound(error) => refused(error),
        other => not_done(other),
    }
}

fn not_done(reason: impl fmt::Display) -> Reply {
    Reply::NotDone {
        reason: reason.to_string(),
    }
}

fn unknown(reason: impl fmt::Display) -> Reply {
    Reply::Unknown {
        reason: reason.to_string(),
    }
}

fn refused(reason: impl fmt::Display) -> Reply {
    Reply::Refused {
        reason: reason.to_string(),
    }
}
